"""Priority classes, fields of a pod that a version drops, and faults of affinity and spread: tables of their own."""

from __future__ import annotations

from typing import Any, Final

import pytest

from nodesim.apiserver.dropped import without_unknown_fields
from nodesim.apiserver.placement import placement_faults
from nodesim.apiserver.priority import changed_class_faults, class_faults, second_default, with_priority
from nodesim.objects import Document
from nodesim.profiles import V1_24, V1_36, Profile, switched
from tests.apiserver.cluster import Cluster, pod, post

LOWER: Final = "PreemptLowerPriority"


def of(name: str, value: int, **more: Any) -> Document:
    """A PriorityClass."""
    kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
    return {**kind, "metadata": {"name": name}, "value": value, "preemptionPolicy": LOWER, **more}


HIGH, SHY = of("high", 1000), of("shy", 500, preemptionPolicy="Never")
DEFAULT, LESSER = of("usual", 10, globalDefault=True), of("lesser", -5, globalDefault=True)


@pytest.mark.parametrize(
    ("spec", "classes", "made"),
    [
        ({}, [HIGH], (0, LOWER, None)),
        ({}, [HIGH, DEFAULT], (10, LOWER, "usual")),
        # Of several defaults the lowest counts.
        ({}, [DEFAULT, LESSER], (-5, LOWER, "lesser")),
        ({"priorityClassName": "high"}, [HIGH, DEFAULT], (1000, LOWER, "high")),
        ({"priorityClassName": "shy"}, [HIGH, SHY], (500, "Never", "shy")),
        # What a pod says itself must be what the class says.
        ({"priorityClassName": "high", "priority": 1000, "preemptionPolicy": LOWER}, [HIGH], (1000, LOWER, "high")),
        ({"priority": 0}, [], (0, LOWER, None)),
        ({"priorityClassName": "none"}, [HIGH], "no PriorityClass with name none was found"),
        (
            {"priority": 7},
            [],
            "the integer value of priority (7) must not be provided in pod spec; "
            "priority admission controller computed 0 from the given PriorityClass name",
        ),
        (
            {"priorityClassName": "shy", "preemptionPolicy": LOWER},
            [SHY],
            "the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; "
            "priority admission controller computed Never from the given PriorityClass name",
        ),
        ({"preemptionPolicy": "Never"}, [DEFAULT], "the string value of PreemptionPolicy (Never) must not be provided"),
    ],
)
def test_a_new_pods_priority_is_its_classs(spec: Document, classes: list[Document], made: Any) -> None:
    """Number, policy and name; or why the pod is refused."""
    done = with_priority({"spec": spec}, classes)
    if isinstance(made, str):
        assert isinstance(done, str)
        assert done.startswith(made)
        return
    assert isinstance(done, dict)
    found = done["spec"]
    assert (found["priority"], found["preemptionPolicy"], found.get("priorityClassName")) == made


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (of("mine", 1_000_000_000), ""),
        (of("mine", -2_147_483_648), ""),
        (of("mine", 1_000_000_001), "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"),
        (of("system-mine", 5), "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved"),
        (of("system-node-critical", 2_000_001_000), ""),
        (of("system-node-critical", 5), "metadata.name: Forbidden"),
        (of("system-node-critical", 2_000_001_000, globalDefault=True), "metadata.name: Forbidden"),
        (of("mine", 5, preemptionPolicy="Sometimes"), 'preemptionPolicy: Unsupported value: "Sometimes": supported'),
    ],
)
def test_which_classes_may_be_made(document: Document, fault: str) -> None:
    """Values up to a billion, names that are not the system's, and two policies."""
    faults = class_faults(document)
    assert len(faults) == bool(fault)
    assert all(each.startswith(fault) for each in faults)


def test_a_class_stays_what_it_is() -> None:
    """Its value and its policy; whether it is the default may change."""
    assert changed_class_faults(HIGH, {**HIGH, "globalDefault": True}) == []
    assert changed_class_faults(HIGH, of("high", 999)) == ["value: Forbidden: may not be changed in an update."]
    assert changed_class_faults(HIGH, {**HIGH, "preemptionPolicy": "Never"}) == [
        'preemptionPolicy: Invalid value: "Never": field is immutable'
    ]


def test_there_is_one_default_class() -> None:
    """A second one is refused; the one itself may be written again, and others that are none may come."""
    assert second_default(LESSER, [HIGH, DEFAULT]) == (
        "PriorityClass usual is already marked as default. Only one default can exist"
    )
    assert second_default(DEFAULT, [HIGH, DEFAULT]) == ""
    assert second_default(LESSER, [HIGH]) == ""
    assert second_default(HIGH, [DEFAULT]) == ""


def test_the_server_asks_its_own_classes() -> None:
    """A pod is refused as forbidden, and once there keeps its number, whatever an update says or leaves out."""
    cluster = Cluster()
    refused = cluster.fails(post("pods", pod(priorityClassName="high"), "default"))
    assert (refused.code, refused.reason) == (403, "Forbidden")
    assert refused.message.endswith("no PriorityClass with name high was found")
    cluster.create("priorityclasses", HIGH)
    assert cluster.fails(post("priorityclasses", of("low", 1_000_000_001))).code == 422
    made = cluster.create("pods", pod(priorityClassName="high"), "default")
    assert made["spec"]["priority"] == 1000
    spec = {name: item for name, item in made["spec"].items() if name not in ("priority", "preemptionPolicy")}
    assert cluster.update("pods", {**made, "spec": spec})["spec"]["priority"] == 1000


# --- fields that a version does not know --------------------------------------------------------------------------

SPREAD: Final = {
    "maxSkew": 1,
    "topologyKey": "zone",
    "whenUnsatisfiable": "DoNotSchedule",
    "minDomains": 2,
    "nodeAffinityPolicy": "Ignore",
    "nodeTaintsPolicy": "Honor",
    "matchLabelKeys": ["rev"],
}
TERM: Final = {"topologyKey": "zone", "matchLabelKeys": ["rev"], "mismatchLabelKeys": ["old"]}
AFFINITY: Final = {
    "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]},
    "podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": TERM}],
    },
}
POLICIES: Final = ["nodeAffinityPolicy", "nodeTaintsPolicy"]


@pytest.mark.parametrize(
    ("profile", "constraint", "term"),
    [
        (V1_36, [], []),
        (V1_24, ["matchLabelKeys", "minDomains", *POLICIES], ["matchLabelKeys", "mismatchLabelKeys"]),
        (switched(V1_36.name, {"spread_min_domains": False}), ["minDomains"], []),
        (switched(V1_36.name, {"spread_node_policies": False}), POLICIES, []),
        (switched(V1_36.name, {"spread_match_label_keys": False}), ["matchLabelKeys"], []),
        (switched(V1_36.name, {"affinity_match_label_keys": False}), [], ["matchLabelKeys", "mismatchLabelKeys"]),
    ],
    ids=["v1.36", "v1.24", "1.26", "1.25", "1.26 keys", "1.30"],
)
def test_fields_behind_a_gate_that_is_off_are_dropped(profile: Profile, constraint: list[str], term: list[str]) -> None:
    """Of constraints and of terms of either kind; all else stays."""
    spec = {"topologySpreadConstraints": [SPREAD], "affinity": AFFINITY, "nodeName": "n"}
    kept = without_unknown_fields({"spec": spec}, profile)["spec"]
    assert sorted(SPREAD.keys() - kept["topologySpreadConstraints"][0].keys()) == sorted(constraint)
    (near,) = kept["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (far,) = kept["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert sorted(TERM.keys() - near.keys()) == sorted(TERM.keys() - far["podAffinityTerm"].keys()) == sorted(term)
    assert (far["weight"], kept["nodeName"]) == (1, "n")


def test_the_server_drops_them_when_a_pod_is_made() -> None:
    """A v1.24 cluster never shows them."""
    made = Cluster(V1_24).create("pods", pod(topologySpreadConstraints=[SPREAD]), "default")
    assert sorted(made["spec"]["topologySpreadConstraints"][0]) == ["maxSkew", "topologyKey", "whenUnsatisfiable"]


# --- faults of affinity and spread --------------------------------------------------------------------------------

OPERATOR: Final = {"matchExpressions": [{"key": "a", "operator": "Near"}]}
WISH: Final = "preferredDuringSchedulingIgnoredDuringExecution"
RULE: Final = "requiredDuringSchedulingIgnoredDuringExecution"


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"topologySpreadConstraints": [SPREAD], "affinity": AFFINITY}, ""),
        ({"topologySpreadConstraints": [{**SPREAD, "maxSkew": 0}]}, "spec.topologySpreadConstraints[0].maxSkew"),
        (
            {"topologySpreadConstraints": [SPREAD, {**SPREAD, "topologyKey": ""}]},
            "spec.topologySpreadConstraints[1].topologyKey: Required value",
        ),
        (
            {"topologySpreadConstraints": [{**SPREAD, "whenUnsatisfiable": "Never", "minDomains": None}]},
            'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Never": supported values: '
            '"DoNotSchedule", "ScheduleAnyway"',
        ),
        ({"topologySpreadConstraints": [{**SPREAD, "minDomains": 0}]}, "spec.topologySpreadConstraints[0].minDomains"),
        (
            {"topologySpreadConstraints": [{**SPREAD, "whenUnsatisfiable": "ScheduleAnyway"}]},
            "spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if",
        ),
        (
            {"topologySpreadConstraints": [{**SPREAD, "labelSelector": OPERATOR}]},
            "spec.topologySpreadConstraints[0].labelSelector.matchExpressions.operator",
        ),
        (
            {"affinity": {"podAffinity": {RULE: [{"topologyKey": ""}]}}},
            "spec.affinity.podAffinity.required.topologyKey",
        ),
        (
            {"affinity": {"podAntiAffinity": {RULE: [{**TERM, "namespaceSelector": OPERATOR}]}}},
            "spec.affinity.podAntiAffinity.required.namespaceSelector",
        ),
        (
            {"affinity": {"podAffinity": {WISH: [{"weight": 0, "podAffinityTerm": TERM}]}}},
            "spec.affinity.podAffinity.weight: Invalid value: 0: must be in the range 1-100",
        ),
        (
            {"affinity": {"podAffinity": {WISH: [{"weight": 101, "podAffinityTerm": TERM}]}}},
            "spec.affinity.podAffinity.weight: Invalid value: 101",
        ),
        (
            {"affinity": {"nodeAffinity": {RULE: {"nodeSelectorTerms": [OPERATOR]}}}},
            'spec.affinity.nodeAffinity.required.matchExpressions.operator: Invalid value: "Near"',
        ),
        (
            {"affinity": {"nodeAffinity": {WISH: [{"weight": 5, "preference": OPERATOR}]}}},
            "spec.affinity.nodeAffinity.preferred.matchExpressions.operator",
        ),
        (
            {"tolerations": [{"operator": "Exists"}, {"key": "a"}, {"key": "a", "value": "b", "effect": "NoSchedule"}]},
            "",
        ),
        ({"tolerations": [{"key": "a", "effect": "NoExecute", "tolerationSeconds": 0}]}, ""),
        (
            {"tolerations": [{"key": "a"}, {"key": "a", "tolerationSeconds": 5}]},
            "spec.tolerations[1].effect: Invalid value: \"\": effect must be 'NoExecute' when",
        ),
        (
            {"tolerations": [{"value": "b"}]},
            'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when',
        ),
        (
            {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
            "spec.tolerations[0].operator: Invalid value: \"Exists\": value must be empty when `operator` is 'Exists'",
        ),
    ],
)
def test_what_would_mean_nothing_to_the_scheduler_is_refused(spec: Document, fault: str) -> None:
    """One fault each, with its field."""
    faults = placement_faults(spec, "spec")
    assert len(faults) == bool(fault), faults
    assert all(each.startswith(fault) for each in faults)


def test_nodes_may_be_compared_by_number_and_labels_of_pods_may_not() -> None:
    """Gt and Lt are for node affinity."""
    greater = {"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}
    assert placement_faults({"affinity": {"nodeAffinity": {RULE: {"nodeSelectorTerms": [greater]}}}}, "spec") == []
    assert placement_faults({"affinity": {"podAffinity": {RULE: [{**TERM, "labelSelector": greater}]}}}, "spec")
