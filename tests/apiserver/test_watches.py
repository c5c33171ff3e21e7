"""What watches hear, and from when on."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.apiserver.history import CAPACITY_MAX, CAPACITY_MIN, History
from nodesim.apiserver.store import VERSIONS_PER_US, Change, Stored
from nodesim.machine import Send
from nodesim.messages import Dial, Failure, Watch, WatchEvent
from nodesim.profiles import Settings
from nodesim.units import SECOND
from tests.apiserver.cluster import Cluster, lease, node, pod


def test_a_watch_hears_of_its_nodes_only() -> None:
    """By name; creation, change and deletion."""
    cluster = Cluster()
    mine, all_ = cluster.watch("nodes", "metadata.name=a"), cluster.watch("nodes")
    for name in ("a", "b"):
        cluster.create("nodes", node(name))
        cluster.patch("nodes", name, {"spec": {"unschedulable": True}})
    assert cluster.heard(mine) == [("ADDED", "a"), ("MODIFIED", "a")]
    assert cluster.heard(all_) == [("ADDED", "a"), ("MODIFIED", "a"), ("ADDED", "b"), ("MODIFIED", "b")]


def test_a_bound_pod_appears_to_its_kubelet() -> None:
    """The bind is ADDED for spec.nodeName=n1, DELETED for unscheduled pods, MODIFIED for everybody."""
    cluster = Cluster()
    watches = [cluster.watch("pods", fields) for fields in ("spec.nodeName=n1", "spec.nodeName=", "spec.nodeName=n2")]
    everything = cluster.watch("pods")
    cluster.create("pods", pod())
    cluster.bind("p", "n1")
    cluster.delete_pod("p", 0)
    assert cluster.heard(watches[0]) == [("ADDED", "p"), ("MODIFIED", "p"), ("DELETED", "p")]
    assert cluster.heard(watches[1]) == [("ADDED", "p"), ("DELETED", "p")]
    assert cluster.heard(watches[2]) == []
    assert cluster.heard(everything) == [("ADDED", "p"), ("MODIFIED", "p"), ("MODIFIED", "p"), ("DELETED", "p")]


def test_an_object_that_leaves_a_watch_shows_its_last_matching_state() -> None:
    """DELETED with the old document under the version of the change."""
    cluster = Cluster()
    watch = cluster.watch("pods", labels="app=web")
    cluster.create("pods", pod())
    after = cluster.patch("pods", "p", {"metadata": {"labels": {"app": "db"}}}, "default")
    cluster.patch("pods", "p", {"metadata": {"labels": {"app": "web"}}}, "default")
    assert cluster.heard(watch) == [("ADDED", "p"), ("DELETED", "p"), ("ADDED", "p")]
    left = cluster.documents(watch)[1]["metadata"]
    assert left["labels"] == {"app": "web"}
    assert left["resourceVersion"] == after["metadata"]["resourceVersion"]


def test_selectors_join() -> None:
    """Namespace, several fields and labels must all match."""
    cluster = Cluster()
    watch = cluster.watch("pods", "spec.nodeName=n1,status.phase=Running", "app=web", namespace="default")
    other = cluster.watch("pods", "metadata.namespace=kube-system")
    elsewhere = cluster.watch("pods", namespace="kube-system")
    cluster.create("pods", pod())
    cluster.bind("p", "n1")
    cluster.patch("pods", "p", {"status": {"phase": "Running"}}, "default", "status")
    cluster.patch("pods", "p", {"status": {"phase": "Failed"}}, "default", "status")
    assert cluster.heard(watch) == [("ADDED", "p"), ("DELETED", "p")]
    assert (cluster.heard(other), cluster.heard(elsewhere)) == ([], [])


def test_watchers_are_told_in_the_order_of_their_names() -> None:
    """Whatever the order in which they came and how they are found."""
    cluster = Cluster()
    cluster.create("nodes", node("a"))
    for client, fields in (("c", ""), ("b", "metadata.name=a"), ("d", "spec.unschedulable=true"), ("a", "")):
        cluster.frame(client, Dial())
        for id_ in (2, 1):
            cluster.frame(client, Watch("nodes", "", fields, "", ""), id_)
    cluster.patch("nodes", "a", {"spec": {"unschedulable": True}})
    told = [
        (effect.destination, effect.in_reply_to, effect.message.type)
        for effect in cluster.effects
        if isinstance(effect, Send) and isinstance(effect.message, WatchEvent)
    ]
    assert told == [
        (client, id_, "ADDED" if client == "d" else "MODIFIED") for client in ("a", "b", "c", "d") for id_ in (1, 2)
    ]


def test_the_answer_comes_before_the_events() -> None:
    """A client that watches what it writes has the answer first."""
    cluster = Cluster()
    cluster.frame("operator", Dial())
    cluster.frame("operator", Watch("nodes", "", "", "", ""), 1000)
    cluster.create("nodes", node())
    assert [effect.in_reply_to for effect in cluster.effects if isinstance(effect, Send)] == [1, 1000]


def test_a_late_watch_hears_what_it_missed() -> None:
    """From a version on: everything after it in order, seen through its selectors; from "" or "0": only what comes."""
    cluster = Cluster()
    version = cluster.create("pods", pod("a"))["metadata"]["resourceVersion"]
    cluster.create("pods", pod("b"))
    cluster.bind("a", "n1")
    cluster.delete_pod("b")
    late = cluster.watch("pods", version=version)
    kubelets = cluster.watch("pods", "spec.nodeName=n1", version=version)
    fresh = [cluster.watch("pods", version=text) for text in ("", "0")]
    missed = [("ADDED", "b"), ("MODIFIED", "a"), ("MODIFIED", "b"), ("DELETED", "b")]
    assert cluster.heard(late) == missed
    assert cluster.heard(kubelets) == [("ADDED", "a")]
    cluster.patch("pods", "a", {"status": {"phase": "Running"}}, "default", "status")
    assert cluster.heard(late) == [*missed, ("MODIFIED", "a")]
    assert [cluster.heard(watch) for watch in fresh] == [[("MODIFIED", "a")]] * 2
    versions = [int(document["metadata"]["resourceVersion"]) for document in cluster.documents(late)]
    assert versions == sorted(versions)


def test_a_watch_from_a_forgotten_version_is_expired() -> None:
    """410 with both versions: the one asked for, and the oldest from which a watch may begin."""
    cluster = Cluster(settings=Settings(watch_history_us=SECOND))
    cluster.create("nodes", node())
    versions = []
    for count in range(CAPACITY_MIN + 1):
        cluster.now_us += SECOND
        made = cluster.patch("nodes", "n1", {"metadata": {"labels": {"count": str(count)}}})
        versions.append(int(made["metadata"]["resourceVersion"]))
    assert len(cluster.documents(cluster.watch("nodes", version=str(versions[1] - 1)))) == CAPACITY_MIN
    failure = cluster.call(Watch("nodes", "", "", "", str(versions[0])))
    text = f"too old resource version: {versions[0]} ({versions[1] - 1})"
    assert failure == Failure(410, "Expired", text)


def test_heartbeats_do_not_age_other_resources() -> None:
    """Each resource has a history of its own."""
    cluster = Cluster(settings=Settings(watch_history_us=0))
    version = cluster.create("nodes", node())["metadata"]["resourceVersion"]
    cluster.create("leases", lease())
    for count in range(3 * CAPACITY_MIN):
        cluster.now_us += SECOND
        cluster.patch("leases", "n1", {"spec": {"renewTime": count + 1}}, "kube-node-lease")
    cluster.patch("nodes", "n1", {"spec": {"unschedulable": True}})
    assert cluster.heard(cluster.watch("nodes", version=version)) == [("MODIFIED", "n1")]
    assert cluster.call(Watch("leases", "", "", "", version)).code == 410


def _change(version: int) -> Change:
    return Change("MODIFIED", Stored("", "n", version, b"", {}), None)


def _filled(fresh_us: int, count: int, step_us: int, history: History | None = None, begin_us: int = 0) -> History:
    made = history or History(fresh_us, 0)
    for number in range(count):
        at_us = begin_us + number * step_us
        made.append(_change(at_us * VERSIONS_PER_US + 1), at_us)
    return made


def test_a_history_keeps_a_hundred_changes_however_old() -> None:
    """Slow changes: the oldest goes for each new one, and the capacity stays at its least."""
    history = _filled(75 * SECOND, 250, 1000 * SECOND)
    assert (len(history), history.capacity) == (100, CAPACITY_MIN)
    assert history.oldest == 150 * 1000 * SECOND * VERSIONS_PER_US


def test_a_history_grows_while_its_oldest_change_is_young() -> None:
    """Ten changes a second for 75 s need 750 places: 800 are made, and all 75 s stay."""
    history = _filled(75 * SECOND, 2000, SECOND // 10)
    assert history.capacity == 800
    assert history.since((200 * SECOND - 75 * SECOND) * VERSIONS_PER_US) is not None


@pytest.mark.slow
def test_a_history_has_an_end() -> None:
    """However fast changes come, at most 102,400 are kept."""
    history = _filled(75 * SECOND, CAPACITY_MAX + 5, 1)
    assert (len(history), history.capacity) == (CAPACITY_MAX, CAPACITY_MAX)


def test_a_history_shrinks_when_changes_are_slow_again() -> None:
    """Halved, step by step, once its newest quarter alone reaches back far enough; the newest changes stay."""
    history = _filled(75 * SECOND, 2000, SECOND // 10)
    capacities = [history.capacity]
    for number in range(1200):
        at_us = 200 * SECOND + number * SECOND
        history.append(_change(at_us * VERSIONS_PER_US), at_us)
        if history.capacity != capacities[-1]:
            capacities.append(history.capacity)
    assert capacities == [800, 400, 200]
    newest = history.since((1300 * SECOND) * VERSIONS_PER_US)
    assert newest is not None
    assert len(newest) == 99


def test_since_finds_its_place() -> None:
    """Exactly the changes after the version, for every version."""
    history = _filled(0, 130, 10)
    versions = [number * 10 * VERSIONS_PER_US + 1 for number in range(30, 130)]
    found: list[Any] = []
    for version in (history.oldest, versions[3], versions[3] + 1, versions[-1], versions[-1] + 5):
        after = history.since(version)
        assert after is not None
        found.append([change.new.version for change in after])
    assert found == [versions, versions[4:], versions[4:], [], []]
    assert history.since(history.oldest - 1) is None
