"""A scenario of silent nodes in a few lines, and what its trace says about passes, taints and evictions.

The rhythm of the node controller is worked out from the trace alone: its monitor pass begins 5 s after the end of the
one before, and a pass ends with the answer to its last write.  `Timeline.passes` gives the instants; the controller's
own records (`NodeStatusUnknown.probe_us`) must lie on them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from nodesim.profiles import PROFILES, Settings
from nodesim.scenario.cluster import INSIDE_LATENCY_US
from nodesim.scenario.options import RunOptions
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from nodesim.spec import NodeSpec, ObjectName, Scenario, Step, StepVerb
from nodesim.trace.belief import ready_status
from nodesim.trace.records import TraceRecord
from nodesim.units import MILLISECOND, SECOND

CONTROLLER: Final = "node-controller"
NO_SCHEDULE: Final = "node.kubernetes.io/unreachable:NoSchedule"
NO_EXECUTE: Final = "node.kubernetes.io/unreachable:NoExecute"
NOT_READY: Final = "node.kubernetes.io/not-ready:NoExecute"
ZONE: Final = "topology.kubernetes.io/zone"
PERIOD_US: Final = 5 * SECOND
TICK_US: Final = 100 * MILLISECOND
"""The NoExecute pass."""
CALLS_US: Final = 20 * MILLISECOND
"""More than the API calls of one step take, at 2 ms each."""
SLACK_US: Final = 300 * MILLISECOND
"""By how much a rate-limited taint may be late: its 100 ms grid, and passes that slide."""
EARLY_CUT_US: Final = 24 * SECOND
"""Kubelets that started together renew within 0.8 s of each other by then: one pass saw them all last."""
GRACE_PASSES: Final = {"v1.24": 8, "v1.36": 10}
"""How many passes after the one that saw the last sign of life a node becomes Unknown."""
BOTH: Final = tuple(sorted(GRACE_PASSES))


def names(prefix: str, count: int) -> list[str]:
    """`a-00`, `a-01`, ...: in name order."""
    return [f"{prefix}-{number:02}" for number in range(count)]


def step(at_us: int, verb: StepVerb, nodes: Sequence[str]) -> Step:
    """A step on nodes: `cut` and `heal` in both directions, or what needs no arguments."""
    arguments = {"cut": {"direction": "both", "mode": "drop"}, "heal": {"direction": "both"}}.get(verb, {})
    return Step(at_us=at_us, verb=verb, text=f"{verb} {','.join(nodes)}", nodes=tuple(nodes), arguments=dict(arguments))


def delete_node(at_us: int, name: str) -> Step:
    """Delete a Node object."""
    about = ObjectName(resource="nodes", name=name, namespace="")
    arguments = {"grace_seconds": None, "force": False}
    return Step(at_us=at_us, verb="delete", text=f"delete node {name}", object=about, arguments=arguments)


def restarts(phases_us: Mapping[str, int], from_us: int) -> list[Step]:
    """Kill these kubelets and start them again, each at its own instant, which is where its renewals begin anew."""
    steps = [step(from_us, "kill-kubelet", list(phases_us))]
    return steps + [step(from_us + phase_us, "start-kubelet", [name]) for name, phase_us in phases_us.items()]


def pod(node: str, toleration_seconds: int | None) -> dict[str, Any]:
    """A pod bound to a node, `p-NODE`; None: with the tolerations that the API server gives it."""
    tolerations = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}
        for key in ("not-ready", "unreachable")
        if (seconds := toleration_seconds) is not None
    ]
    spec = {"nodeName": node, "containers": [{"name": "c", "image": "busybox"}], "tolerations": tolerations}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p-{node}"}, "spec": spec}


class Timeline:
    """A finished run, asked for instants (us)."""

    def __init__(self, result: RunResult) -> None:
        self.result = result
        self.profile = result.scenario.profile

    def of(self, kind: str, about: str = "", since_us: int = 0) -> list[TraceRecord]:
        """Records of a kind, about one object or any."""
        found = (record for record in self.result.records if record.kind == kind and record.t_us >= since_us)
        return [record for record in found if about in ("", record.object)]

    # --- the passes -------------------------------------------------------------------------------------------------

    @cached_property
    def passes(self) -> list[int]:
        """When each monitor pass began, from the first that saw a node."""
        at_us = self.of("RegisteredNode")[0].t_us - INSIDE_LATENCY_US
        writes = [record.t_us for record in self.result.records if self._made_in_a_pass(record)]
        found = []
        while at_us <= self.result.scenario.duration_us:
            found.append(at_us)
            place = bisect_left(writes, at_us + PERIOD_US)
            made_some = place > 0 and writes[place - 1] >= at_us
            at_us = PERIOD_US + (writes[place - 1] + INSIDE_LATENCY_US if made_some else at_us)
        return found

    def _made_in_a_pass(self, record: TraceRecord) -> bool:
        """Unknown, pods that are set not ready, and NoExecute taints that go are written by the pass."""
        if record.kind != "ObjectModified" or record.fields["by"] != CONTROLLER:
            return False
        state = record.fields["state"]
        if "taints" not in state:
            return True
        before = self.result.evidence.belief.state_at(record.object, record.t_us - 1) or {}
        lost = set(before.get("taints", ())) - set(state["taints"])
        return any(taint.endswith(":NoExecute") for taint in lost)

    def pass_of(self, t_us: int) -> int:
        """The number of the pass at or before an instant."""
        return bisect_left(self.passes, t_us + 1) - 1

    def pass_after(self, t_us: int) -> int:
        """When the first pass at or after an instant began."""
        return self.passes[bisect_left(self.passes, t_us)]

    # --- nodes ------------------------------------------------------------------------------------------------------

    def marks(self, node: str = "") -> list[TraceRecord]:
        """The decisions that a node is Unknown."""
        return self.of("NodeStatusUnknown", f"Node/{node}" if node else "")

    def ready(self, node: str) -> list[tuple[int, str]]:
        """(instant, Ready) at each change."""
        return self._changes(node, ready_status)

    def taint(self, node: str, taint: str) -> list[tuple[int, bool]]:
        """(instant, is it there) at each change; begins with the first time it is there."""
        changes = self._changes(node, lambda state: bool(state) and taint in state["taints"])
        return changes[1:] if changes and not changes[0][1] else changes

    def tainted(self, node: str) -> list[int]:
        """When the node got its unreachable:NoExecute."""
        return [t_us for t_us, there in self.taint(node, NO_EXECUTE) if there]

    def grants(self, *nodes: str, since_us: int = 0) -> list[tuple[int, str]]:
        """(instant, node) of each NoExecute taint that a queue let through."""
        found = [(record.t_us, record.object.removeprefix("Node/")) for record in self.of("TaintGranted")]
        return [(t_us, node) for t_us, node in found if t_us >= since_us and (not nodes or node in nodes)]

    def zone_changes(self, zone: str, since_us: int = 0) -> list[tuple[int, str, int]]:
        """(instant, new state, thousandths of a node per second) of a zone, which is named as its label says."""
        return [
            (record.t_us, record.fields["new"], record.fields["rate_milli"])
            for record in self.of("ZoneStateChanged", since_us=since_us)
            if record.fields["zone"].endswith(zone)
        ]

    def last_renewal(self, node: str, before_us: int) -> int:
        """When the API server took the last renewal before an instant."""
        about = f"Lease/kube-node-lease/{node}"
        return max(record.t_us for record in self.of("LeaseRenewed", about) if record.t_us <= before_us)

    def _changes(self, node: str, what: Any) -> list[tuple[int, Any]]:
        found: list[tuple[int, Any]] = []
        for sight in self.result.evidence.belief.sights(f"Node/{node}"):
            now = what(sight.state)
            if not found or found[-1][1] != now:
                found.append((sight.t_us, now))
        return found

    # --- pods -------------------------------------------------------------------------------------------------------

    def deletion(self, node: str) -> int | None:
        """When the deletion of the node's pod was asked for."""
        (pod_,) = self.result.evidence.belief.incarnations[f"Pod/default/p-{node}"]
        request = pod_.deletion_request()
        return None if request is None else request.t_us

    def deletions(self) -> dict[str, int]:
        """Node -> when the deletion of its pod was asked for."""
        nodes = [spec.name for spec in self.result.scenario.nodes]
        return {node: t_us for node in nodes if (t_us := self.deletion(node)) is not None}


def run(
    profile: str,
    zones: Mapping[str, Sequence[str]],
    steps: Sequence[Step],
    *,
    until_us: int,
    seed: int = 0,
    toleration_seconds: int | None = 300,
    labels: Mapping[str, Mapping[str, str]] | None = None,
) -> Timeline:
    """Run nodes (zone label, "" for none -> names) with one pod on each through these steps."""
    nodes = tuple(
        NodeSpec(name=name, labels={**({ZONE: zone} if zone else {}), **(labels or {}).get(name, {})})
        for zone, members in zones.items()
        for name in members
    )
    scenario = Scenario(
        name="timeline",
        seed=seed,
        duration_us=until_us,
        start_within_us=0,
        profile=profile,
        nodes=nodes,
        manifests=tuple(pod(node.name, toleration_seconds) for node in nodes),
        steps=tuple(sorted(steps, key=lambda item: item.at_us)),
    )
    return Timeline(run_scenario(scenario, RunOptions(record_heartbeats=True)))


def assert_marked_in_time(timeline: Timeline, node: str, silent_from_us: int, place: int = 0) -> TraceRecord:
    """Unknown in the 10th (v1.24: 8th) pass after the one that saw the last renewal: neither earlier nor later."""
    mark = timeline.marks(node)[place]
    passes = timeline.passes
    renewed_us = timeline.last_renewal(node, silent_from_us)
    saw_us = timeline.pass_after(renewed_us + INSIDE_LATENCY_US)
    assert mark.fields["probe_us"] == saw_us
    number = timeline.pass_of(mark.t_us)
    assert number == passes.index(saw_us) + GRACE_PASSES[timeline.profile]
    assert 0 <= mark.t_us - passes[number] < SECOND
    assert mark.fields["silent_us"] == mark.t_us - saw_us
    grace_us = Settings.of(PROFILES[timeline.profile]).node_monitor_grace_us
    assert mark.fields["grace_us"] == grace_us
    assert passes[number - 1] - saw_us < grace_us <= passes[number] - saw_us
    (unknown_us, status) = next(item for item in timeline.ready(node) if item[0] >= mark.t_us)
    assert (unknown_us, status) == (mark.t_us + INSIDE_LATENCY_US, "Unknown")
    return mark
