"""Topology spread, by tables: what the filter counts and refuses, what helps, and the figures of the score by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest

from nodesim.objects import Document
from nodesim.scheduler.around import Around, service_kin, set_kin
from nodesim.scheduler.cluster import NodeRoom
from nodesim.scheduler.pod import PodToPlace
from nodesim.scheduler.rules import Refusal
from nodesim.scheduler.spread import HOSTNAME, NO_LABEL, UNEVEN, ZONE, SpreadRule, spread_scores
from tests.scheduler.build import asked, facts, pod, room

WEB: Final = {"matchLabels": {"app": "web"}}
RULE: Final = SpreadRule()


def constraint(**more: Any) -> dict[str, Any]:
    """A required constraint over zones, with maxSkew 1, on app=web."""
    base = {"topologyKey": ZONE, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": WEB}
    return {**base, **more}


def web(name: str = "new", *constraints: dict[str, Any], app: str = "web", **spec: Any) -> PodToPlace:
    """A pod app=web with constraints."""
    labels = {"app": app, "rev": spec.pop("rev", "1")}
    return pod(name, metadata={"labels": labels}, spec={"topologySpreadConstraints": list(constraints), **spec})


def node(name: str, zone: str | None, *kin: PodToPlace, count: int = 0, **options: Any) -> NodeRoom:
    """A node of a zone with `count` pods app=web, and others."""
    labels = {HOSTNAME: name, **({ZONE: zone} if zone is not None else {}), **options.pop("labels", {})}
    pods = [web(f"{name}-{number}") for number in range(count)]
    return room(name, *pods, *kin, labels=labels, **options)


def passes(new: PodToPlace, *rooms: NodeRoom) -> str:
    """The names of the nodes that the filter lets the pod go to."""
    judge = RULE.prepare(new, rooms, Around())
    assert judge is not None
    return " ".join(each.name for each in rooms if judge.check(new, each) is None)


def placed(*counts: int) -> list[NodeRoom]:
    """One node per zone, with so many pods of app=web: a (zone x), b (y), c (z)."""
    return [node(name, zone, count=count) for name, zone, count in zip("abc", "xyz", counts)]


@pytest.mark.parametrize(
    ("constraints", "counts", "where"),
    [
        # With the pod a domain has at most maxSkew more than the emptiest.
        ([constraint()], (0, 0, 0), "a b c"),
        ([constraint()], (1, 0, 0), "b c"),
        ([constraint()], (1, 1, 0), "c"),
        ([constraint()], (2, 2, 1), "c"),
        ([constraint(maxSkew=2)], (1, 1, 0), "a b c"),
        ([constraint(maxSkew=2)], (2, 1, 0), "b c"),
        # minDomains: with fewer domains than that the emptiest counts as empty.
        ([constraint(minDomains=3)], (1, 1, 1), "a b c"),
        ([constraint(minDomains=4)], (1, 1, 1), ""),
        ([constraint(minDomains=4)], (1, 1, 0), "c"),
        ([constraint(minDomains=4, maxSkew=2)], (1, 1, 2), "a b"),
        ([constraint(minDomains=2)], (2, 2), "a b"),
        ([constraint(minDomains=3)], (2, 2), ""),
        ([constraint(minDomains=3)], (0, 2), "a"),
        # Nodes as domains.
        ([constraint(topologyKey=HOSTNAME)], (1, 0, 1), "b"),
        # All must be met.
        ([constraint(), constraint(topologyKey=HOSTNAME, maxSkew=3)], (2, 1, 1), "b c"),
        # A selector that does not mean the pod itself: it adds nothing.
        ([constraint(labelSelector={"matchLabels": {"app": "db"}})], (5, 0, 0), "a b c"),
        ([constraint(labelSelector={"matchExpressions": [{"key": "app", "operator": "Exists"}]})], (1, 0, 0), "b c"),
        # None means no pod; one that means every pod counts none of those that are there.
        ([constraint(labelSelector=None)], (5, 0, 0), "a b c"),
        ([constraint(labelSelector={})], (5, 0, 0), "a b c"),
        # A wish is no rule.
        ([constraint(whenUnsatisfiable="ScheduleAnyway"), constraint(maxSkew=2)], (1, 1, 0), "a b c"),
    ],
)
def test_where_constraints_let_a_pod_go(constraints: list[dict[str, Any]], counts: tuple[int, ...], where: str) -> None:
    """Three zones, or two, with one node each."""
    assert passes(web("new", *constraints), *placed(*counts)) == where


def test_a_pod_that_its_own_constraint_does_not_mean_may_join_one_more() -> None:
    """The difference is then that of the others alone."""
    stranger = web("new", constraint(), app="db")
    assert passes(stranger, *placed(1, 0)) == "a b"
    assert passes(stranger, *placed(2, 0)) == "b"


SSD: Final = {"disk": "ssd"}
TAINTED: Final = {"taints": ["full:NoSchedule"]}
TOLERATES: Final = {"tolerations": [{"key": "full", "operator": "Exists"}]}


@pytest.mark.parametrize(
    ("policy", "spec", "there", "where"),
    [
        # The third zone is empty, and out of reach (for other filters): does it count as the emptiest?
        ({}, {"nodeSelector": SSD}, {}, "a b c"),
        ({"nodeAffinityPolicy": "Honor"}, {"nodeSelector": SSD}, {}, "a b c"),
        ({"nodeAffinityPolicy": "Ignore"}, {"nodeSelector": SSD}, {}, "c"),
        ({}, {"nodeSelector": SSD}, {"labels": SSD}, "c"),
        ({}, {}, TAINTED, "c"),
        ({"nodeTaintsPolicy": "Ignore"}, {}, TAINTED, "c"),
        ({"nodeTaintsPolicy": "Honor"}, {}, TAINTED, "a b c"),
        ({"nodeTaintsPolicy": "Honor"}, TOLERATES, TAINTED, "c"),
        ({"nodeTaintsPolicy": "Honor"}, {}, {"taints": ["full:PreferNoSchedule"]}, "c"),
        ({"nodeTaintsPolicy": "Honor"}, {}, {"taints": ["full:NoExecute"]}, "a b c"),
        # Both policies at once.
        ({"nodeTaintsPolicy": "Honor", "nodeAffinityPolicy": "Ignore"}, {"nodeSelector": SSD}, TAINTED, "a b c"),
    ],
)
def test_which_nodes_are_part_of_a_constraints_world(
    policy: dict[str, str], spec: dict[str, Any], there: dict[str, Any], where: str
) -> None:
    """By default the pod's node affinity is honoured and taints are not."""
    rooms = [node("a", "x", count=1, labels=SSD), node("b", "y", count=1, labels=SSD), node("c", "z", **there)]
    assert passes(web("new", constraint(**policy), **spec), *rooms) == where


def test_honoured_taints_take_pods_out_of_the_count_and_domains_from_min_domains() -> None:
    """The pods on a tainted node of the zone do not count, and a zone of such nodes only is no domain."""
    honour = constraint(nodeTaintsPolicy="Honor")
    rooms = [node("a", "x", count=1), node("a2", "x", count=5, **TAINTED), node("b", "y", count=1)]
    assert passes(web("new", honour), *rooms) == "a a2 b"
    assert passes(web("new", constraint()), *rooms) == "b"
    lonely = [node("a", "x", count=1), node("b", "y", count=1, **TAINTED)]
    assert passes(web("new", {**honour, "minDomains": 2}), *lonely) == "b"
    assert passes(web("new", constraint(minDomains=2)), *lonely) == "a b"


def test_a_node_without_a_label_is_refused_for_good_and_counts_for_no_constraint() -> None:
    """Also where only one of several labels is missing."""
    new = web("new", constraint(), constraint(topologyKey="rack"))
    rooms = [node("a", "x", labels={"rack": "r"}), node("b", "y", count=3)]
    assert passes(new, *rooms) == "a"
    judge = RULE.prepare(new, rooms, Around())
    assert judge is not None
    assert judge.check(new, rooms[1]) == Refusal("PodTopologySpread", (NO_LABEL,), True)
    full = web("new", constraint())
    (refused,) = [asked(full, *placed(1, 0)).refusal(each) for each in placed(1, 0)[:1]]
    assert refused == Refusal("PodTopologySpread", (UNEVEN,), False)


def test_pods_on_their_way_out_and_of_other_namespaces_do_not_count() -> None:
    """Only those of the pod's own namespace that stay."""
    leaving = pod("old", metadata={"labels": {"app": "web"}, "deletionTimestamp": 5})
    elsewhere = pod("far", metadata={"labels": {"app": "web"}, "namespace": "other"})
    assert passes(web("new", constraint()), node("a", "x", leaving, elsewhere), node("b", "y")) == "a b"


def test_match_label_keys_narrow_the_selector_to_the_pods_own_values() -> None:
    """A label that the pod does not have is passed over."""
    keyed = constraint(matchLabelKeys=["rev", "absent"])
    rooms = [node("a", "x", *(web(f"o{number}", rev="0") for number in range(3))), node("b", "y")]
    assert passes(web("new", keyed), *rooms) == "a b"
    assert passes(web("new", keyed, rev="0"), *rooms) == "b"


def test_a_trial_counts_pods_that_leave_and_come() -> None:
    """Preemption asks what would be; the first count stays as it is."""
    new, rooms = web("new", constraint()), placed(1, 0)
    judge = RULE.prepare(new, rooms, Around())
    assert judge is not None
    trial = judge.copy()
    trial.count(web("a-0"), rooms[0].facts, -1)
    assert trial.check(new, rooms[0]) is None
    trial.count(web("b-0"), rooms[1].facts, 1)
    assert trial.check(new, rooms[1]) is not None
    for other, where in (
        (web("db", app="db"), rooms[0].facts),
        (pod("far", metadata={"labels": {"app": "web"}, "namespace": "other"}), rooms[0].facts),
        (web("here"), facts("c")),
    ):
        trial.count(other, where, 1)
        assert trial.check(new, rooms[0]) is None
    assert judge.check(new, rooms[0]) is not None
    honouring = RULE.prepare(web("new", constraint(nodeTaintsPolicy="Honor")), rooms, Around())
    assert honouring is not None
    honouring.count(web("a-0"), node("a", "x", **TAINTED).facts, -1)
    assert honouring.check(new, rooms[0]) is not None


@pytest.mark.parametrize(
    ("was", "now", "helped"),
    [
        (None, {"labels": {ZONE: "x"}}, True),
        (None, {}, False),
        ({"labels": {ZONE: "x"}}, None, True),
        ({}, None, False),
        ({}, {"labels": {ZONE: "x"}}, True),
        ({"labels": {ZONE: "x"}}, {"labels": {ZONE: "y"}}, True),
        ({"labels": {ZONE: "x"}}, {"labels": {ZONE: "x", "a": "b"}}, False),
        ({"labels": {ZONE: "x"}}, {"labels": {ZONE: "x"}, "taints": ["a:NoSchedule"]}, True),
        ({}, {"taints": ["a:NoSchedule"]}, False),
    ],
)
def test_which_changes_of_a_node_help(was: Any, now: Any, helped: bool) -> None:
    """Those of domains, and of taints of nodes that are one."""
    made = [None if options is None else facts(**options) for options in (was, now)]
    assert RULE.helped_by_node(web("new", constraint()), *made) is helped


def test_of_several_constraints_one_is_enough_to_be_helped() -> None:
    """The zone is another, the rack the same; one of two selectors means the pod now."""
    two = web("new", constraint(), constraint(topologyKey="rack", labelSelector={"matchLabels": {"rev": "1"}}))
    was, now = (facts(labels={ZONE: zone, "rack": "r"}) for zone in "xy")
    assert RULE.helped_by_node(two, was, now)
    assert not RULE.helped_by_node(two, was, was)
    assert RULE.helped_by_labels(two, web("kin", app="db"), web("kin"))


def test_which_pods_help_by_going_coming_and_being_labelled() -> None:
    """Those that a required constraint means, in the namespace."""
    new, kin, other = web("new", constraint()), web("kin"), web("other", app="db")
    far = pod("far", metadata={"labels": {"app": "web"}, "namespace": "other"})
    assert [RULE.helped_by_pod(new, each) for each in (kin, other, far)] == [True, False, False]
    assert [RULE.helped_by_arrival(new, each) for each in (kin, other, far)] == [True, False, False]
    assert RULE.helped_by_labels(new, other, kin)
    assert RULE.helped_by_labels(new, kin, other)
    assert not RULE.helped_by_labels(new, kin, web("kin", rev="2"))
    assert not RULE.helped_by_pod(web("new", constraint(whenUnsatisfiable="ScheduleAnyway")), kin)


# --- the score ----------------------------------------------------------------------------------------------------


def scores(new: PodToPlace, rooms: Sequence[NodeRoom], around: Around | None = None, feasible: str = "") -> list[int]:
    """The score of each node, or of the feasible ones."""
    chosen = [each for each in rooms if not feasible or each.name in feasible.split()]
    return spread_scores(new, chosen, rooms, around or Around())


def wish(**more: Any) -> dict[str, Any]:
    """A constraint that is a wish."""
    return constraint(whenUnsatisfiable="ScheduleAnyway", **more)


@pytest.mark.parametrize(
    ("constraints", "counts", "figures"),
    [
        ([], (3, 0, 0), [0, 0, 0]),
        ([constraint()], (3, 0, 0), [0, 0, 0]),
        ([wish()], (0, 0, 0), [100, 100, 100]),
        # 3 domains: ln 5 = 1.609 a pod: 5, 2, 0 -> 100 x (5 + 0 - figure) / 5.
        ([wish()], (3, 1, 0), [0, 60, 100]),
        # maxSkew - 1 stands under each: 3 x 1.609 + 2 = 7, 1.609 + 2 = 4, 2 -> 100 x (7 + 2 - figure) / 7.
        ([wish(maxSkew=3)], (3, 1, 0), [28, 71, 100]),
        # Nodes and zones: twice the figure of zones, rounded at the end: 9.66 -> 10, 3.2 -> 3, 0.
        ([wish(), wish(topologyKey=HOSTNAME)], (3, 1, 0), [0, 70, 100]),
        # 2 domains: ln 4 = 1.386: 4 x 1.386 = 5.5 -> 6, 2 x 1.386 = 2.8 -> 3 -> 100 x (6 + 3 - figure) / 6.
        ([wish()], (4, 2), [50, 100]),
    ],
)
def test_the_sparser_a_domain_the_more_it_is_liked(
    constraints: list[dict[str, Any]], counts: tuple[int, ...], figures: list[int]
) -> None:
    """Count x ln(domains + 2) + maxSkew - 1, summed, rounded, and turned round."""
    assert scores(web("new", *constraints), placed(*counts)) == figures


def test_only_zones_of_feasible_nodes_are_domains_but_all_their_nodes_count() -> None:
    """Node b is not feasible: its pods count for y, which c of y has; z has no feasible node and is no domain."""
    rooms = [node("a", "x", count=1), node("b", "y", count=3), node("c", "y"), node("d", "z", count=9)]
    # 2 domains, ln 4: 1.386 -> 1, 4.159 -> 4.
    assert scores(web("new", wish()), rooms, feasible="a c") == [100, 25]


def test_nodes_out_of_a_wishs_world_count_nothing_in_it() -> None:
    """Honoured taints: the pods of a tainted node are not seen."""
    rooms = [node("a", "x", count=1), node("b", "y", count=2), node("b2", "y", count=4, **TAINTED)]
    # ln 4: 1.386 -> 1, 2.77 -> 3; without the policy y has 6: 8.3 -> 8.
    assert scores(web("new", wish(nodeTaintsPolicy="Honor")), rooms, feasible="a b") == [100, 33]
    assert scores(web("new", wish()), rooms, feasible="a b") == [100, 12]


def test_a_node_without_a_label_of_the_pods_own_wish_has_nothing() -> None:
    """It is left out of the range as well, and of the number of nodes."""
    rooms = [node("a", "x", count=2), node("b", "y"), node("c", None, count=9)]
    assert scores(web("new", wish()), rooms) == [0, 100, 0]
    both = web("new", wish(), wish(topologyKey=HOSTNAME))
    assert scores(both, rooms) == [0, 100, 0]
    # Three of seven nodes count: ln 5 + 2 x ln 4 = 4.38 -> 4, ln 5 + ln 4 = 2.996 -> 3 -> 100 x (4 + 3 - figure) / 4.
    mixed = [node("a", "x", count=1), node("b", "y", count=1), *(node(name, None) for name in "cdef")]
    apart = web("new", wish(topologyKey=HOSTNAME), wish())
    rooms = [*mixed, node("a2", "x", count=1)]
    assert scores(apart, rooms) == [75, 100, 0, 0, 0, 0, 75]


SELECTING: Final = {"namespace": "default", "name": "web"}


def kin_of(kind: str, resource: str, selector: Document) -> Around:
    """What the scheduler knows when there is one such object."""
    around = Around()
    view = service_kin if kind == "Service" else set_kin
    around.changed(resource, "default/web", view({"kind": kind, "metadata": SELECTING, "spec": {"selector": selector}}))
    return around


def owned(kind: str) -> PodToPlace:
    """A pod app=web of an owner called web."""
    reference = {"apiVersion": "apps/v1", "kind": kind, "name": "web", "uid": "u", "controller": True}
    return pod("new", metadata={"labels": {"app": "web"}, "ownerReferences": [reference]})


@pytest.mark.parametrize(
    ("around", "owner", "spreads"),
    [
        (kin_of("Service", "services", {"app": "web"}), "Job", True),
        (kin_of("Service", "services", {"app": "db"}), "Job", False),
        (kin_of("Service", "services", {}), "Job", False),
        (kin_of("ReplicaSet", "replicasets", WEB), "ReplicaSet", True),
        (kin_of("StatefulSet", "statefulsets", WEB), "StatefulSet", True),
        (kin_of("ReplicaSet", "replicasets", WEB), "StatefulSet", False),
        (kin_of("StatefulSet", "statefulsets", WEB), "ReplicaSet", False),
        (Around(), "StatefulSet", False),
    ],
)
def test_a_pod_without_constraints_is_spread_among_its_kin(around: Around, owner: str, spreads: bool) -> None:
    """Those that its Services select, and its ReplicaSet or StatefulSet; over nodes by 3 and zones by 5."""
    # a: 2 (ln 4) + 2 + 2 (ln 4) + 4 = 11.5 -> 12; b: 2 + 4 = 6 -> 100 x (12 + 6 - figure) / 12.
    assert scores(owned(owner), placed(2, 0), around) == ([50, 100] if spreads else [0, 0])
    assert scores(web("new", constraint()), placed(2, 0), around) == [0, 0]


def test_by_default_a_node_without_a_zone_is_judged_by_its_own_pods() -> None:
    """Nobody asked for the label: a has 2 and y 0 + 4; b, without a zone, 2 x ln 4 + 2 only."""
    around = kin_of("Service", "services", {"app": "web"})
    rooms = [node("a", "x", count=2), node("b", None, count=2)]
    # a: 2 ln 4 + 2 + 2 ln 4 + 4 = 11.5 -> 12 (the domain "" is a second one); b: 2 ln 4 + 2 = 4.77 -> 5.
    assert scores(owned("Job"), rooms, around) == [41, 100]


def test_selectors_of_services_and_the_owner_add_up() -> None:
    """Only those that all of them select are kin."""
    around = kin_of("StatefulSet", "statefulsets", {"matchLabels": {"app": "web", "rev": "1"}})
    around.changed("services", "default/s", service_kin({"metadata": SELECTING, "spec": {"selector": {"app": "web"}}}))
    rooms = [node("a", "x", web("old", rev="0")), node("b", "y", web("mine", rev="1"))]
    new = pod(
        "new",
        metadata={
            "labels": {"app": "web", "rev": "1"},
            "ownerReferences": [{"kind": "StatefulSet", "name": "web", "uid": "u", "controller": True}],
        },
    )
    assert scores(new, rooms, around)[0] == 100
    assert scores(new, rooms, around)[1] < 100
