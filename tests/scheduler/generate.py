"""Random small clusters for the scheduler: nodes and pods that use everything the filters look at."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nodesim.objects import Document
from tests.scheduler.build import node_document, pod_document

TAINTS = ("a=1:NoSchedule", "a=2:NoExecute", "b:NoSchedule", "c:PreferNoSchedule")
TOLERATIONS: tuple[dict[str, Any], ...] = (
    {"key": "a", "operator": "Exists"},
    {"key": "a", "value": "1", "effect": "NoSchedule"},
    {"operator": "Exists", "effect": "NoExecute"},
    {"key": "b", "operator": "Exists"},
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists"},
)
KEYS = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
EXPRESSIONS: tuple[dict[str, Any], ...] = (
    {"key": "disk", "operator": "In", "values": ["ssd"]},
    {"key": "disk", "operator": "NotIn", "values": ["ssd"]},
    {"key": "disk", "operator": "Exists"},
    {"key": "disk", "operator": "DoesNotExist"},
)
NAMES: dict[str, Any] = {"key": "metadata.name", "operator": "In", "values": ["n1", "n3"]}
SELECTORS: tuple[dict[str, Any] | None, ...] = (
    {"matchLabels": {"app": "a"}},
    {"matchLabels": {"app": "b"}},
    {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
    None,
)


@st.composite
def nodes(draw: st.DrawFn, name: str) -> Document:
    """A small node; most have a zone, few a cordon."""
    labels = {"kubernetes.io/hostname": name}
    if draw(st.integers(0, 4)):
        labels["topology.kubernetes.io/zone"] = draw(st.sampled_from("xy"))
    if draw(st.booleans()):
        labels["disk"] = draw(st.sampled_from(["ssd", "hdd"]))
    allocatable = {
        "cpu": f"{draw(st.integers(0, 6)) * 500}m",
        "memory": f"{draw(st.integers(1, 6))}Gi",
        "pods": str(draw(st.integers(1, 5))),
    }
    taints = [draw(st.sampled_from(TAINTS))] if draw(st.booleans()) else []
    cordoned = draw(st.integers(0, 9)) == 0
    return node_document(name, allocatable=allocatable, taints=taints, labels=labels, unschedulable=cordoned)


@st.composite
def terms(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One or two terms on other pods."""
    term = st.fixed_dictionaries({"topologyKey": st.sampled_from(KEYS), "labelSelector": st.sampled_from(SELECTORS)})
    return draw(st.lists(term, min_size=1, max_size=2))


@st.composite
def affinities(draw: st.DrawFn) -> dict[str, Any]:
    """Now and then a wish as to nodes, to pods nearby, or to pods far away."""
    affinity: dict[str, Any] = {}
    if draw(st.integers(0, 3)) == 0:
        node_terms = [
            {"matchExpressions": [draw(st.sampled_from(EXPRESSIONS))]},
            {"matchFields": [NAMES]},
            {"matchExpressions": [draw(st.sampled_from(EXPRESSIONS))], "matchFields": [NAMES]},
            {},
        ]
        chosen = draw(st.lists(st.sampled_from(node_terms), min_size=1, max_size=2))
        affinity["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": chosen}}
    for kind in ("podAffinity", "podAntiAffinity"):
        if draw(st.integers(0, 4)) == 0:
            affinity[kind] = {"requiredDuringSchedulingIgnoredDuringExecution": draw(terms())}
    return affinity


@st.composite
def constraints(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Constraints on how pods spread."""
    made = []
    for _ in range(draw(st.integers(1, 2))):
        item: dict[str, Any] = {
            "topologyKey": draw(st.sampled_from(KEYS)),
            "maxSkew": draw(st.integers(1, 2)),
            "whenUnsatisfiable": draw(st.sampled_from(["DoNotSchedule", "DoNotSchedule", "ScheduleAnyway"])),
            "labelSelector": draw(st.sampled_from(SELECTORS)),
        }
        if draw(st.booleans()):
            item["minDomains"] = draw(st.integers(1, 3))
        if draw(st.booleans()):
            item["nodeTaintsPolicy"] = draw(st.sampled_from(["Honor", "Ignore"]))
        made.append(item)
    return made


@st.composite
def pods(draw: st.DrawFn, name: str, *, plain: bool) -> Document:
    """A small pod; a plain one looks at no other pods but for their room."""
    requests = {"cpu": f"{draw(st.integers(0, 6)) * 250}m", "memory": f"{draw(st.integers(0, 3)) * 512}Mi"}
    container: dict[str, Any] = {"name": "c", "resources": {"requests": requests}}
    if draw(st.integers(0, 4)) == 0:
        container["ports"] = [{"containerPort": 80, "hostPort": draw(st.integers(80, 81))}]
    spec: dict[str, Any] = {
        "containers": [container],
        "priority": draw(st.integers(0, 3)),
        "tolerations": draw(st.lists(st.sampled_from(TOLERATIONS), max_size=1)),
        "schedulerName": "default-scheduler",
    }
    if draw(st.integers(0, 5)) == 0:
        spec["preemptionPolicy"] = "Never"
    if draw(st.integers(0, 4)) == 0:
        spec["nodeSelector"] = {"disk": "ssd"}
    if not plain:
        spec["affinity"] = draw(affinities())
        if draw(st.integers(0, 2)) == 0:
            spec["topologySpreadConstraints"] = draw(constraints())
    return pod_document(name, spec=spec, metadata={"labels": {"app": draw(st.sampled_from("ab"))}})
