"""Affinity between pods, by tables: who refuses whom, whose coming or going helps, and the figures of the score."""

from __future__ import annotations

from typing import Any, Final

import pytest

from nodesim.scheduler.around import Around
from nodesim.scheduler.cluster import NodeRoom
from nodesim.scheduler.interpod import BAD_COMPANY, NO_COMPANY, UNWELCOME, CompanyRule, company_scores
from nodesim.scheduler.pod import PodToPlace
from nodesim.scheduler.rules import Refusal
from tests.scheduler.build import facts, pod, room

HOST: Final = "kubernetes.io/hostname"
ZONE: Final = "topology.kubernetes.io/zone"
RULE: Final = CompanyRule()
REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"


def term(app: str | None, key: str = ZONE, **more: Any) -> dict[str, Any]:
    """A term on the pods of an app; None: on no pod."""
    selector = None if app is None else {"matchLabels": {"app": app}}
    return {"topologyKey": key, "labelSelector": selector, **more}


def near(*terms: dict[str, Any]) -> dict[str, Any]:
    """Required affinity."""
    return {"podAffinity": {REQUIRED: list(terms)}}


def far(*terms: dict[str, Any]) -> dict[str, Any]:
    """Required anti-affinity."""
    return {"podAntiAffinity": {REQUIRED: list(terms)}}


def liking(weight: int, wanted: dict[str, Any]) -> dict[str, Any]:
    """Preferred affinity; a negative weight is one of anti-affinity."""
    kind = "podAffinity" if weight > 0 else "podAntiAffinity"
    return {kind: {PREFERRED: [{"weight": abs(weight), "podAffinityTerm": wanted}]}}


def one(name: str, affinity: dict[str, Any] | None = None, *, app: str = "", namespace: str = "default") -> PodToPlace:
    """A pod of an app (its name, if it has no other), with an affinity."""
    metadata = {"labels": {"app": app or name}, "namespace": namespace}
    return pod(name, metadata=metadata, spec={"affinity": affinity or {}})


def node(name: str, zone: str | None, *pods: PodToPlace) -> NodeRoom:
    """A node of a zone."""
    return room(name, *pods, labels={HOST: name, **({ZONE: zone} if zone is not None else {})})


def said(new: PodToPlace, *rooms: NodeRoom, around: Around | None = None) -> list[str]:
    """What each node is told, "" where the pod may go there; `hopeless` is marked by "!"."""
    judge = RULE.prepare(new, rooms, around or Around())
    found: list[Refusal | None] = [judge.check(new, each) if judge is not None else None for each in rooms]
    return ["" if each is None else each.reasons[0] + "!" * each.hopeless for each in found]


ALONE: Final = f"{NO_COMPANY}!"


@pytest.mark.parametrize(
    ("new", "told"),
    [
        # Node a (zone x) has db, b (zone x) nothing, c (zone y) cache, d (no zone) db.
        (one("p"), ["", "", "", ""]),
        (one("p", near(term("db"))), ["", "", ALONE, ALONE]),
        (one("p", near(term("db", HOST))), ["", ALONE, ALONE, ""]),
        (one("p", near(term("db"), term("cache"))), [ALONE] * 4),
        (one("p", near(term("nobody"))), [ALONE] * 4),
        (one("p", near(term(None))), [ALONE] * 4),
        (one("p", near(term("db"), term("db", HOST))), ["", ALONE, ALONE, ALONE]),
        # The first of its own group may go anywhere that has the label.
        (one("p", near(term("p"))), ["", "", "", ALONE]),
        (one("p", near(term("p"), term("db"))), [ALONE] * 4),
        # Not if there is one already.
        (one("p", near(term("db")), app="db"), ["", "", ALONE, ALONE]),
        (one("p", far(term("db"))), [BAD_COMPANY, BAD_COMPANY, "", ""]),
        (one("p", far(term("db", HOST))), [BAD_COMPANY, "", "", BAD_COMPANY]),
        (one("p", far(term("db", HOST), term("cache"))), [BAD_COMPANY, "", BAD_COMPANY, BAD_COMPANY]),
        (one("p", far(term(None))), ["", "", "", ""]),
        (one("p", {**near(term("db")), **far(term("db", HOST))}), [BAD_COMPANY, "", ALONE, ALONE]),
    ],
)
def test_what_a_pod_asks_of_its_company(new: PodToPlace, told: list[str]) -> None:
    """Required terms of one pod among others that ask for nothing."""
    rooms = [
        node("a", "x", one("db")),
        node("b", "x"),
        node("c", "y", one("cache")),
        node("d", None, one("db2", app="db")),
    ]
    assert said(new, *rooms) == told


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        (far(term("p")), [UNWELCOME, UNWELCOME, ""]),
        (far(term("p", HOST)), [UNWELCOME, "", ""]),
        (far(term("q")), ["", "", ""]),
        (far(term("p", namespaces=["other"])), ["", "", ""]),
        (far(term("p", "rack")), ["", "", ""]),
        (near(term("p")), ["", "", ""]),
        (liking(-100, term("p")), ["", "", ""]),
    ],
)
def test_who_is_there_may_refuse_a_newcomer(theirs: dict[str, Any], told: list[str]) -> None:
    """By its own required anti-affinity, and by nothing else; no wish of the newcomer is needed."""
    rooms = [node("a", "x", one("there", theirs)), node("b", "x"), node("c", "y")]
    assert said(one("p"), *rooms) == told


@pytest.mark.parametrize(
    ("chosen", "meant"),
    [
        ({}, "default"),
        ({"namespaces": ["team"]}, "team"),
        ({"namespaces": ["team", "default"]}, "default team"),
        ({"namespaceSelector": {"matchLabels": {"tier": "x"}}}, "team"),
        ({"namespaceSelector": {}}, "default other team"),
        ({"namespaceSelector": {"matchLabels": {"tier": "x"}}, "namespaces": ["other"]}, "other team"),
        ({"namespaceSelector": {"matchLabels": {"tier": "none"}}}, ""),
    ],
)
def test_terms_mean_the_pods_own_namespace_unless_they_say_otherwise(chosen: dict[str, Any], meant: str) -> None:
    """By name, by the labels of namespaces, or both."""
    around = Around(namespaces={"default": {}, "team": {"tier": "x"}, "other": {}})
    rooms = [node(name, name, one("db", namespace=name)) for name in ("default", "other", "team")]
    told = said(one("p", far(term("db", **chosen))), *rooms, around=around)
    assert " ".join(each.name for each, why in zip(rooms, told, strict=True) if why) == meant


def test_keys_narrow_terms_to_the_pods_own_values_or_to_others() -> None:
    """With matchLabelKeys one that is of the same version, with mismatchLabelKeys one that is not."""
    metadata = {"labels": {"app": "db", "rev": "1"}}
    same, other = node("a", "x", pod("same", metadata=metadata)), node("b", "y", one("other", app="db"))

    def new(**more: Any) -> PodToPlace:
        return pod("p", metadata={"labels": {"rev": "1"}}, spec={"affinity": near(term("db", **more))})

    assert said(new(matchLabelKeys=["rev", "absent"]), same, other) == ["", ALONE]
    assert said(new(mismatchLabelKeys=["rev", "absent"]), same, other) == [ALONE, ""]


def test_a_trial_counts_pods_that_leave_and_come() -> None:
    """Preemption asks what would be, of all three counts; the first count stays as it is."""
    db, grump = one("db"), one("grump", far(term("p")))
    rooms = [node("a", "x", db), node("b", "y", grump)]
    for new, gone, where in (
        (one("p", far(term("db"))), db, rooms[0]),
        (one("p"), grump, rooms[1]),
    ):
        judge = RULE.prepare(new, rooms, Around())
        assert judge is not None
        trial = judge.copy()
        trial.count(gone, where.facts, -1)
        assert trial.check(new, where) is None
        trial.count(gone, where.facts, 1)
        assert trial.check(new, where) is not None
        assert judge.check(new, where) is not None
    lonely = one("lonely", near(term("db")))
    judge = RULE.prepare(lonely, rooms, Around())
    assert judge is not None
    assert judge.check(lonely, rooms[1]) is not None
    judge.count(one("db2", app="db"), rooms[1].facts, 1)
    assert judge.check(lonely, rooms[1]) is None


def test_whose_change_helps_whom() -> None:
    """One that all terms mean: coming for affinity, going for anti-affinity; labels turn the one into the other."""
    wants, avoids = one("p", near(term("db"))), one("p", far(term("db")))
    both = one("p", near(term("db"), term("cache")))
    db, other = one("db"), one("db", app="other")
    assert [RULE.helped_by_arrival(new, db) for new in (wants, avoids, both)] == [True, False, False]
    assert [RULE.helped_by_pod(new, db) for new in (wants, avoids, both)] == [False, True, False]
    assert not RULE.helped_by_pod(one("db"), one("grump", far(term("db"))))
    assert RULE.helped_by_labels(wants, other, db)
    assert not RULE.helped_by_labels(wants, db, other)
    assert RULE.helped_by_labels(avoids, db, other)
    assert not RULE.helped_by_labels(avoids, other, db)


@pytest.mark.parametrize(
    ("was", "now", "helped"),
    [
        (None, {ZONE: "x"}, True),
        (None, {}, False),
        ({ZONE: "x"}, None, False),
        ({}, {ZONE: "x"}, True),
        ({ZONE: "y"}, {ZONE: "x"}, True),
        ({ZONE: "x"}, {ZONE: "x"}, False),
    ],
)
@pytest.mark.parametrize("affinity", [near(term("db")), far(term("db"))], ids=["near", "far"])
def test_which_changes_of_a_node_help(affinity: dict[str, Any], was: Any, now: Any, helped: bool) -> None:
    """It has the topology key now, and its labels are new."""
    made = [None if labels is None else facts(labels=labels) for labels in (was, now)]
    assert RULE.helped_by_node(one("p", affinity), *made) is helped


# --- the score ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("affinity", "theirs", "figures"),
    [
        ({}, {}, [0, 0, 0, 0]),
        # Zone x has two db (a, b), y one (c); d has no zone.
        (liking(10, term("db")), {}, [100, 100, 50, 0]),
        (liking(10, term("db", HOST)), {}, [100, 100, 100, 0]),
        (liking(-10, term("db")), {}, [0, 0, 50, 100]),
        # Every pod of theirs likes the new one, too: the same, from the other side.
        ({}, liking(7, term("p")), [100, 100, 50, 0]),
        ({}, liking(-7, term("p")), [0, 0, 50, 100]),
        # A required affinity of those who are there counts 1 each, a required anti-affinity nothing.
        ({}, near(term("p")), [100, 100, 50, 0]),
        ({}, far(term("p")), [0, 0, 0, 0]),
        # 2 x (3 - 1) = 4, 2, 0.
        (liking(3, term("db")), liking(-1, term("p")), [100, 100, 50, 0]),
        (liking(3, term("db")), liking(-3, term("p")), [0, 0, 0, 0]),
        # Someone else is meant.
        (liking(10, term("cache")), liking(10, term("q")), [0, 0, 0, 0]),
    ],
)
def test_nodes_are_liked_by_the_weights_of_both_sides(
    affinity: dict[str, Any], theirs: dict[str, Any], figures: list[int]
) -> None:
    """100 x (figure - least) / (most - least)."""
    rooms = [
        node(name, zone, *([one(f"db-{name}", theirs, app="db")] if name != "d" else []))
        for name, zone in (("a", "x"), ("b", "x"), ("c", "y"), ("d", None))
    ]
    assert company_scores(one("p", affinity), rooms, rooms, Around()) == figures


def test_pods_on_nodes_that_are_not_feasible_count_for_their_zone() -> None:
    """And a score that is no whole number is cut."""
    full = node("full", "x", one("db"), one("db1", app="db"), one("db2", app="db"))
    rooms = [node("a", "x"), node("b", "y", one("db3", app="db")), node("c", "z"), full]
    assert company_scores(one("p", liking(1, term("db"))), rooms[:3], rooms, Around()) == [100, 33, 0]
