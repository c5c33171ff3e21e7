"""What happens to the cluster from outside, and when?

A scenario's network rules and steps, worked out before the run: which links change at which instant, which actor is
told what, and the scenario's own records of it.  All of it is fixed by the file, so that several worlds can play the
same plan without talking about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from nodesim.client.calls import CallPattern
from nodesim.client.pausing import Pause, Resume
from nodesim.client.process import Crash, LagBehind, ProcessStep, Start
from nodesim.clocks import Clock, Stretch
from nodesim.cloud import RUNNING, STOPPED, TERMINATED, History
from nodesim.kubelet import KillKubelet, PowerOff, PowerOn, StartKubelet
from nodesim.machine import Told
from nodesim.net import CONTROL_PLANE, PER_MILLION, WAYS, Link, LinkChange, Topology, Way, apart
from nodesim.scenario.clocks import Clocks
from nodesim.scenario.components import parts_of, told_of
from nodesim.scenario.targets import ZONE_LABEL, labels_of
from nodesim.scenario.turns import Chooser, Turn, turns_of
from nodesim.scenario.unmodelled import Brought, brought_by
from nodesim.spec import LinkRule, NodeSpec, Scenario, Step, Target
from nodesim.trace.records import TraceRecord

SCENARIO: Final = "scenario"
OPERATOR: Final = "operator"

_OF_INSTANCES: Final = {
    "terminate-instance": ("power-off", TERMINATED, "InstanceTerminated"),
    "stop-instance": ("power-off", STOPPED, "InstanceStopped"),
    "start-instance": ("power-on", RUNNING, "InstanceStarted"),
}
"""Verbs that change an instance: what becomes of its machine, what the cloud says of it, and the record."""
_CLOUD_API: Final = {"cloud-api-down": True, "cloud-api-up": False}
"""Verbs of the cloud's API: does it fail?"""
_NODE_STEPS: Final = {
    "kill-kubelet": KillKubelet,
    "start-kubelet": StartKubelet,
    "power-off": PowerOff,
    "power-on": PowerOn,
}
_SWITCHES: Final[dict[str, dict[str, Any]]] = {
    "cut": {"cut": "drop"},
    "heal": {"cut": ""},
    "hold": {"hold": True},
    "release": {"hold": False},
}
"""Verbs that set one value of a link; a cut's is its mode."""
_VALUES: Final = {
    "latency": ("latency_us", "jitter_us"),
    "loss": ("loss_ppm",),
    "duplicate": ("duplicate_ppm",),
}
"""Verbs that set these values of a link, and put them back where they end."""
_WHOM: Final = {"lag": parts_of, "pause": parts_of, "resume": parts_of}
"""Verbs that are told to every part of a process."""
_TOLD_AS: Final = {"cut": "Cut", "heal": "Healed", "hold": "Held", "release": "Released"}


_WITH_THE_MACHINE: Final[dict[str, ProcessStep]] = {
    "power-off": Crash(silent=True, why="power-off"),
    "power-on": Start(),
}
"""What happens to the users' actors that sit on a machine."""


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
    clocks: dict[str, Clock]
    """The wall clocks that are not right, by actor."""
    cloud: History
    """What becomes of the cloud's instances and its API."""


def plan_of(scenario: Scenario) -> Plan:
    """The plan of a scenario."""
    plan = _Planning(scenario)
    plan.warn(None, 0, "")
    for rule in scenario.network.links:
        plan.exception(rule, scenario.nodes)
    for actor, clock in plan.clocks.by_actor.items():
        plan.tell_clock(0, actor, clock.stretch(0), "")
    for turn in turns_of(scenario.steps, scenario.seed):
        plan.turn(turn)
    plan.record(scenario.duration_us, "RunEnded", "", {"duration_us": scenario.duration_us})
    return Plan(tuple(plan.rules), tuple(plan.tellings), tuple(plan.records), plan.clocks.by_actor, plan.cloud)


class _Planning:
    """A plan in the making.  It plays the changes of links on a topology of its own, to know what to put back."""

    def __init__(self, scenario: Scenario) -> None:
        network = scenario.network
        self._chooser = Chooser(scenario.seed)
        self._brought: list[Brought] = brought_by(scenario)
        self._links = Topology(Link(network.latency_us, network.jitter_us), Link(), stand_apart(scenario))
        self._sits_on = {actor.name: actor.node for actor in scenario.actors}
        self._before: dict[int, list[LinkChange]] = {}
        """Index of a step -> what puts the links back when it ends."""
        self._begun: dict[int, str] = {}
        """Index of a step -> the record of its last beginning."""
        self._elected = elects(scenario)
        self.clocks = Clocks(scenario.nodes, elected=self._elected)
        self.cloud = History()
        self.rules: list[tuple[int, LinkChange]] = []
        self.tellings: list[Telling] = []
        self.records: list[TraceRecord] = []

    def record(self, at_us: int, kind: str, about: str, fields: dict[str, Any], cause: str = "") -> str:
        """Write one of the scenario's own records; its id."""
        made = TraceRecord(at_us, SCENARIO, len(self.records) + 1, kind, about, fields, cause)
        self.records.append(made)
        return made.id

    def warn(self, step: int | None, at_us: int, cause: str) -> None:
        """Tell each kind that nothing models and that this step (None: the manifests) is the first to bring."""
        for kind in self._brought:
            if kind.step == step:
                resource = kind.resource
                fields = {"kind": resource.kind, "api_version": resource.api_version, "resource": resource.name}
                self.record(at_us, "KindNotModelled", "", {**fields, "namespaced": resource.namespaced}, cause)

    def exception(self, rule: LinkRule, nodes: Sequence[NodeSpec]) -> None:
        """A link that differs from the beginning on."""
        for change in _link_changes(rule, nodes, self._chooser):
            self._change(0, change)
            if change.loss_ppm is not None and change.loss_ppm >= PER_MILLION:
                self._tell_loss(0, [change], "")

    def tell_clock(self, at_us: int, actor: str, stretch: Stretch, cause: str) -> None:
        """What a wall clock does from now on."""
        kind, slash, node = actor.partition("/")
        about = f"Node/{node}" if slash else f"Component/{kind}"
        self.record(
            at_us, "ClockChanged", about, {"offset_us": stretch.offset_us, "drift_ppm": stretch.drift_ppm}, cause
        )

    def turn(self, turn: Turn) -> None:
        """One time of a step, or its end."""
        step, at_us = turn.step, turn.at_us
        fields: dict[str, Any] = {"index": turn.index, "text": step.text if turn.begins else f"end of {step.text}"}
        if step.times > 1:
            fields["turn"] = turn.number
        step_id = self.record(at_us, "Step", "", fields, "" if turn.begins else self._begun[turn.index])
        self._begun[turn.index] = step_id
        if turn.begins and turn.number == 1:
            self.warn(turn.index, at_us, step_id)
        if step.verb in _SWITCHES:
            self._switch(at_us, step, step_id)
        elif step.verb in _VALUES:
            changes = self._set(turn) if turn.begins else self._before.pop(turn.index)
            for change in changes:
                self._change(at_us, change)
            if step.verb == "loss":
                self._tell_loss(at_us, changes, step_id)
        elif step.verb in _CLOUD_API:
            self.cloud.failing.append((at_us, _CLOUD_API[step.verb]))
            self.record(at_us, "CloudApiDown" if _CLOUD_API[step.verb] else "CloudApiUp", "", {}, step_id)
        elif step.verb == "clock":
            for actor, stretch in self.clocks.turn(turn).items():
                self.tell_clock(at_us, actor, stretch, step_id)
        else:
            self._act_on(at_us, step, step_id)

    def _act_on(self, at_us: int, step: Step, step_id: str) -> None:
        """Tell those whom a step means: components, machines with all that sits on them, or the operator."""
        if step.component:
            told = _WHOM.get(step.verb, told_of)
            for name in told(step.component, elected=self._elected):
                self._tell(at_us, name, Told(_process_step(step)), step_id)
        elif step.verb in _NODE_STEPS or step.verb in _OF_INSTANCES:
            for node in step.nodes:
                self._act_on_machine(at_us, node, step.verb, step_id)
        else:
            self._tell(at_us, OPERATOR, Told(step), step_id)

    def _act_on_machine(self, at_us: int, node: str, verb: str, step_id: str) -> None:
        """Power and kubelet of one machine; one whose instance is terminated is no more."""
        if self.cloud.state(node, at_us) == TERMINATED:
            return
        if verb in _OF_INSTANCES:
            verb, state, kind = _OF_INSTANCES[verb]
            if state == self.cloud.state(node, at_us):
                return
            self.cloud.states.setdefault(node, []).append((at_us, state))
            self.record(at_us, kind, f"Node/{node}", {}, step_id)
        self._tell(at_us, f"node/{node}", Told(_NODE_STEPS[verb]()), step_id)
        if verb in _WITH_THE_MACHINE:
            for actor, sits_on in self._sits_on.items():
                if sits_on == node:
                    self._tell(at_us, actor, Told(_WITH_THE_MACHINE[verb]), step_id)

    def _tell(self, at_us: int, actor: str, event: Told, cause: str) -> None:
        self.tellings.append(Telling(at_us, len(self.tellings) + 1, actor, event, cause))

    def _change(self, at_us: int, change: LinkChange) -> None:
        self._links.apply(change)
        self.rules.append((at_us, change))

    def _switch(self, at_us: int, step: Step, step_id: str) -> None:
        """Cut, hold, and their opposites."""
        arguments = step.arguments
        values = {"cut": arguments["mode"]} if step.verb == "cut" else _SWITCHES[step.verb]
        meant = parts_of(step.component, elected=self._elected) if step.component else ()
        hosts = tuple(apart(name) for name in meant) or step.nodes
        self._change(at_us, _change_of(hosts, _ways(arguments["direction"]), values))
        about = [f"Component/{name}" for name in meant] or [f"Node/{node}" for node in step.nodes]
        for each in about:
            self.record(at_us, _TOLD_AS[step.verb], each, dict(arguments), step_id)

    def _set(self, turn: Turn) -> list[LinkChange]:
        """Set values of links; where the step has an end, note what was there before."""
        step, names = turn.step, _VALUES[turn.step.verb]
        ways = _ways(step.arguments["direction"])
        if step.for_us:
            had: dict[tuple[Way, tuple[int, ...]], list[str]] = {}
            for way in ways:
                for node in step.nodes:
                    ends = (node, CONTROL_PLANE) if way == "to-control-plane" else (CONTROL_PLANE, node)
                    link = self._links.link(*ends)
                    had.setdefault((way, tuple(getattr(link, name) for name in names)), []).append(node)
            self._before[turn.index] = [
                _change_of(tuple(nodes), (way,), dict(zip(names, values))) for (way, values), nodes in had.items()
            ]
        return [_change_of(step.nodes, ways, {name: step.arguments[name] for name in names})]

    def _tell_loss(self, at_us: int, changes: Sequence[LinkChange], cause: str) -> None:
        """How much of what each node sends and is sent gets lost from now on."""
        for change in changes:
            direction = "both" if len(change.ways) > 1 else change.ways[0]
            for node in change.hosts:
                fields = {"direction": direction, "loss_ppm": change.loss_ppm}
                self.record(at_us, "LossChanged", f"Node/{node}", fields, cause)


def _change_of(hosts: tuple[str, ...], ways: tuple[Way, ...], values: dict[str, Any]) -> LinkChange:
    return LinkChange(hosts, ways, **values)


def elects(scenario: Scenario) -> bool:
    """Are there two controller managers, of which one leads?"""
    return bool(scenario.settings.get("leader_elect"))


def may_pause(scenario: Scenario) -> frozenset[str]:
    """The actors that a step pauses."""
    steps = [step for step in scenario.steps if step.component and step.verb in ("pause", "resume")]
    return frozenset(name for step in steps for name in parts_of(step.component, elected=elects(scenario)))


def stand_apart(scenario: Scenario) -> dict[str, str]:
    """The actors that have links of their own, and where each sits: the users', and components that are cut off."""
    cut = [step.component for step in scenario.steps if step.component and step.verb in _SWITCHES]
    alone = {name: CONTROL_PLANE for each in cut for name in parts_of(each, elected=elects(scenario))}
    return {**alone, **{actor.name: actor.node or CONTROL_PLANE for actor in scenario.actors}}


def _process_step(step: Step) -> ProcessStep | Pause | Resume:
    arguments = step.arguments
    match step.verb:
        case "crash":
            pattern = CallPattern(arguments["call_verb"], arguments["call_resource"])
            return Crash(arguments["count"], pattern, arguments["before"], arguments["restart_after_us"])
        case "stop":
            return Crash(why="stopped")
        case "start":
            return Start()
        case "pause":
            return Pause()
        case "resume":
            return Resume()
        case _:
            assert step.verb == "lag", step.verb
            return LagBehind(arguments["by_us"])


def _ways(direction: str) -> tuple[Way, ...]:
    return tuple(way for way in WAYS if direction in ("both", way))


def _link_changes(rule: LinkRule, nodes: Sequence[NodeSpec], chooser: Chooser) -> list[LinkChange]:
    """A rule between nodes and the control plane; between two nodes there is no link that it could concern."""
    way: Way
    if rule.destination.control_plane and not rule.source.control_plane:
        way, target = "to-control-plane", rule.source
    elif rule.source.control_plane and not rule.destination.control_plane:
        way, target = "from-control-plane", rule.destination
    else:
        return []
    hosts = chooser.part(names_of(target, nodes), target.percent_ppm)
    return [LinkChange(hosts, (way,), rule.latency_us, rule.jitter_us, rule.loss_ppm, rule.duplicate_ppm)]


def names_of(target: Target, nodes: Sequence[NodeSpec]) -> tuple[str, ...]:
    """The nodes that a target means before `percent` takes its part, in the scenario's order."""
    if target.nodes:
        return target.nodes
    wanted = {ZONE_LABEL: target.zone} if target.zone else target.labels
    return tuple(node.name for node in nodes if wanted.items() <= labels_of(node.name, node.labels).items())
