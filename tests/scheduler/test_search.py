"""How many nodes are asked, in which order, and who wins a tie."""

from __future__ import annotations

from collections import Counter

import pytest

from nodesim.profiles import V1_36
from nodesim.scheduler.around import Around
from nodesim.scheduler.cluster import Cluster
from nodesim.scheduler.scores import scores_of
from nodesim.scheduler.search import choose, enough_nodes, find_feasible
from nodesim.streams import Stream
from tests.scheduler.build import asked, facts, pod, room

SCORES = scores_of(V1_36)


@pytest.mark.parametrize(
    ("nodes", "enough"),
    [(1, 1), (99, 99), (100, 100), (200, 100), (250, 120), (1000, 420), (5000, 500), (5625, 281), (20_000, 1000)],
)
def test_large_clusters_are_searched_in_part(nodes: int, enough: int) -> None:
    """All below 100 nodes, then 50 % less 1 % per 125 nodes, at least 5 % and 100 nodes."""
    assert enough_nodes(nodes) == enough


def test_a_search_ends_with_enough_and_begins_where_told() -> None:
    """Of 250 nodes 120 feasible ones suffice; refused ones on the way are noted; the search wraps round."""
    rooms = [room(f"n{place}", unschedulable=place == 249) for place in range(250)]
    search = find_feasible(asked(pod(), *rooms), 240)
    assert [item.name for item, _ in search.refused] == ["n249"]
    assert [search.feasible[0].name, search.feasible[-1].name, len(search.feasible)] == ["n240", "n110", 120]


def test_ties_are_decided_by_one_draw_and_evenly() -> None:
    """Of three nodes alike each wins about a third of 3,000 decisions; each decision draws once."""
    stream = Stream("scheduler/ties", 7)
    rooms = [room(name) for name in ("n1", "n2", "n3")]
    won = Counter(choose(asked(pod(), *rooms), rooms, Around(), SCORES, stream).node for _ in range(3000))
    assert stream.index == 3000
    assert sorted(won) == ["n1", "n2", "n3"]
    assert min(won.values()) > 900


def test_without_a_tie_nothing_is_drawn() -> None:
    """The best node wins; an only feasible node is not even scored."""
    stream = Stream("scheduler/ties", 7)
    full = room("n1", pod("there", {"cpu": "1"}))
    rooms = [full, room("n2")]
    best = choose(asked(pod(), *rooms), rooms, Around(), SCORES, stream)
    assert (best.node, best.feasible, best.score) == ("n2", 2, 3 * 100 + 97)
    only = choose(asked(pod(), full), [full], Around(), SCORES, stream)
    assert (only.node, only.feasible, only.score) == ("n1", 1, None)
    assert stream.index == 0


def test_nodes_stand_in_turn_from_each_zone() -> None:
    """Zones and nodes by name, one of each zone at a time; a ghost stands nowhere."""
    cluster = Cluster()
    zones = {"n1": "a", "n2": "a", "n3": "a", "n4": "b", "n5": "b"}
    for name, zone in sorted(zones.items(), reverse=True):
        cluster.set_node(facts(name, labels={"topology.kubernetes.io/zone": zone}))
    cluster.place(pod("stray"), "n0")
    assert [item.name for item in cluster.in_order()] == ["n1", "n4", "n2", "n5", "n3"]
    cluster.set_node(facts("n1", labels={"topology.kubernetes.io/zone": "b"}))
    cluster.remove_node("n5")
    assert [item.name for item in cluster.in_order()] == ["n2", "n1", "n3", "n4"]


def test_a_node_that_comes_back_still_carries_its_pods() -> None:
    """A deleted node keeps its pods on a ghost entry that goes with the last of them."""
    cluster = Cluster()
    cluster.set_node(facts("n1"))
    cluster.place(pod("a", {"cpu": "1"}), "n1")
    cluster.remove_node("n1")
    assert cluster.in_order() == []
    cluster.set_node(facts("n1"))
    assert cluster.in_order()[0].requested == {"cpu": 1000}
    cluster.remove_node("n1")
    assert cluster.remove_pod("uid-a")
    assert not cluster.remove_pod("uid-a")
    assert cluster.room("n1") is None
