"""What happens to the cluster from outside, and when?

A scenario's network rules and steps, worked out before the run: which links change at which instant, which actor is
told what, and the scenario's own records of it.  All of it is fixed by the file, so that several worlds can play the
same plan without talking about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from nodesim.kubelet import KillKubelet, PowerOff, PowerOn, StartKubelet
from nodesim.machine import Told
from nodesim.net import WAYS, LinkChange, Way
from nodesim.scenario.unmodelled import brought_by
from nodesim.spec import LinkRule, NodeSpec, Scenario, Step, Target
from nodesim.trace.records import TraceRecord

SCENARIO: Final = "scenario"
OPERATOR: Final = "operator"

_NODE_STEPS: Final = {
    "kill-kubelet": KillKubelet,
    "start-kubelet": StartKubelet,
    "power-off": PowerOff,
    "power-on": PowerOn,
}
_NETWORK_VERBS: Final = ("cut", "heal", "latency", "loss")


@attrs.frozen
class Telling:
    """An actor is told something; `n` orders tellings of one instant, `cause` is the step's record."""

    at_us: int
    n: int
    actor: str
    event: Told
    cause: str


@attrs.frozen
class Plan:
    """Everything from outside, in order of time."""

    rules: tuple[tuple[int, LinkChange], ...]
    tellings: tuple[Telling, ...]
    records: tuple[TraceRecord, ...]


def plan_of(scenario: Scenario) -> Plan:
    """The plan of a scenario."""
    rules = [(0, change) for rule in scenario.network.links for change in _link_changes(rule, scenario.nodes)]
    tellings: list[Telling] = []
    records: list[TraceRecord] = []

    def record(at_us: int, kind: str, about: str, fields: dict[str, Any], cause: str = "") -> str:
        made = TraceRecord(at_us, SCENARIO, len(records) + 1, kind, about, fields, cause)
        records.append(made)
        return made.id

    def warn(step: int | None, at_us: int, cause: str) -> None:
        for kind in brought:
            if kind.step == step:
                resource = kind.resource
                fields = {"kind": resource.kind, "api_version": resource.api_version, "resource": resource.name}
                record(at_us, "KindNotModelled", "", {**fields, "namespaced": resource.namespaced}, cause)

    brought = brought_by(scenario)
    warn(None, 0, "")
    for index, step in enumerate(scenario.steps):
        step_id = record(step.at_us, "Step", "", {"index": index, "text": step.text})
        warn(index, step.at_us, step_id)
        if step.verb in _NETWORK_VERBS:
            rules.append((step.at_us, _step_change(step)))
            for node in step.nodes:
                if step.verb == "cut":
                    fields = {"direction": step.arguments["direction"], "mode": step.arguments["mode"]}
                    record(step.at_us, "Cut", f"Node/{node}", fields, step_id)
                elif step.verb == "heal":
                    record(step.at_us, "Healed", f"Node/{node}", {"direction": step.arguments["direction"]}, step_id)
        elif step.verb in _NODE_STEPS:
            for node in step.nodes:
                event = Told(_NODE_STEPS[step.verb]())
                tellings.append(Telling(step.at_us, len(tellings) + 1, f"node/{node}", event, step_id))
        else:
            tellings.append(Telling(step.at_us, len(tellings) + 1, OPERATOR, Told(step), step_id))
    record(scenario.duration_us, "RunEnded", "", {"duration_us": scenario.duration_us})
    return Plan(tuple(rules), tuple(tellings), tuple(records))


def _ways(direction: str) -> tuple[Way, ...]:
    return tuple(way for way in WAYS if direction in ("both", way))


def _step_change(step: Step) -> LinkChange:
    arguments = step.arguments
    ways = _ways(arguments["direction"])
    if step.verb == "cut":
        return LinkChange(step.nodes, ways, cut=arguments["mode"])
    if step.verb == "heal":
        return LinkChange(step.nodes, ways, cut="")
    if step.verb == "latency":
        return LinkChange(step.nodes, ways, latency_us=arguments["latency_us"], jitter_us=arguments["jitter_us"])
    return LinkChange(step.nodes, ways, loss_ppm=arguments["loss_ppm"])


def _link_changes(rule: LinkRule, nodes: Sequence[NodeSpec]) -> list[LinkChange]:
    """A rule between nodes and the control plane; between two nodes there is no link yet that it could concern."""
    way: Way
    if rule.destination.control_plane and not rule.source.control_plane:
        way, hosts = "to-control-plane", names_of(rule.source, nodes)
    elif rule.source.control_plane and not rule.destination.control_plane:
        way, hosts = "from-control-plane", names_of(rule.destination, nodes)
    else:
        return []
    return [LinkChange(hosts, (way,), rule.latency_us, rule.jitter_us, rule.loss_ppm)]


def names_of(target: Target, nodes: Sequence[NodeSpec]) -> tuple[str, ...]:
    """The nodes that a target means, in the scenario's order."""
    if target.nodes:
        return target.nodes
    if target.zone:
        return tuple(node.name for node in nodes if node.labels.get("topology.kubernetes.io/zone") == target.zone)
    return tuple(
        node.name for node in nodes if all(node.labels.get(key) == value for key, value in target.labels.items())
    )
