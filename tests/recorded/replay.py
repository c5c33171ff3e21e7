"""How is a recording played?  nodesim's control plane and its API server, with test actors in place of kubelets."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final

import attrs
import pytest
import trio

from nodesim.apiserver import ApiServer
from nodesim.client import SERVER, ClientMachine
from nodesim.client.process import Crash, MakeClient, Process, ProcessStep, Start
from nodesim.machine import Machine, Started, Told
from nodesim.net import Link, Topology
from nodesim.profiles import V1_36, Profile, Settings
from nodesim.scenario.components import COMPONENTS, Making, client_of, runs
from nodesim.scheduler.search import Choice, choose
from nodesim.streams import Streams
from nodesim.trace.records import TraceRecord
from nodesim.units import MILLISECOND, SECOND
from nodesim.world import VirtualClock, World, driving
from tests.recorded import observer, outside
from tests.recorded.facts import recorded_facts
from tests.recorded.held_up import held_up, lags
from tests.recorded.inputs import Entry, Recording
from tests.recorded.kubelets import RecordedKubelet
from tests.recorded.names import Names
from tests.recorded.orders import force_orders
from tests.recorded.placements import Placements

V1_34: Final = attrs.evolve(
    V1_36,
    name="v1.34",
    balanced_allocation_by_change=False,
    crash_retry_at_expiry=False,
    terminating_replicas=False,
    kubelet_version="v1.34.9",
)
V1_33: Final = attrs.evolve(V1_34, name="v1.33", no_execute_on_observed_condition=True)

CLUSTER_CIDR: Final = "10.244.0.0/16"
SYNC_US: Final = 10 * MILLISECOND
"""Start of the node controller to its first pass."""
CACHES_US: Final = 100 * MILLISECOND
"""A controller looks every so often whether its caches are filled (client-go tools/cache `WaitForCacheSync`)."""
LIST_HOPS: Final = 4
"""Messages until a component here has its first lists: a connection, and a list."""


@attrs.frozen
class Replay:
    """What came out: facts as the observer saw them, all records, and what was refused to the outside."""

    facts: list[Entry]
    records: list[TraceRecord]
    refused: list[tuple[str, int, str]]
    unfit: list[str]
    """Placements of the recording that the filters refused."""


def profile_of(recording: Recording) -> Profile:
    """The profile of the controller manager that ran."""
    version = recording.inputs["controller_starts"][0]["version"]
    return V1_33 if version.startswith("v1.33") else V1_34


def play(recording: Recording, recorded_names: Names, monkeypatch: pytest.MonkeyPatch) -> Replay:
    """Run one recording's inputs to its end."""
    placements = Placements(recording.inputs["placements"], recorded_names)
    _force(placements, monkeypatch)
    profile = profile_of(recording)
    settings = attrs.evolve(
        Settings.of(V1_36),
        node_monitor_period_us=recording.monitor_period_us,
        kube_api_qps_milli=20_000,
        kube_api_burst=30,
        allocate_node_cidrs=True,
        cluster_cidr=recording.inputs["control_plane"].get("cluster_cidr", CLUSTER_CIDR),
    )
    streams = Streams(0)
    world = World(Topology(Link(recording.hop_us), Link(recording.hop_us)), streams)
    server = ApiServer(settings, profile)
    watcher = observer.Observer()
    recorded, _ = recorded_facts(recording.timeline)
    force_orders(recorded, lambda: recording.axis.seconds(world.now_us), lambda: watcher.facts, monkeypatch)
    person = outside.Outside(recording, recorded_names)
    _move_in(world, SERVER, server, 0)
    for name, program in {observer.ACTOR: watcher, outside.ACTOR: person}.items():
        _move_in(world, name, ClientMachine(name, program, program.watches, streams), 0)
    _move_in_control_plane(world, recording, settings, profile, streams)
    _kubelets(world, recording, streams)
    _run(world, recording.length_us)
    return Replay(watcher.facts, world.records, person.refused, placements.unfit)


def _force(placements: Placements, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the recording draw among the nodes that the scheduler found feasible."""

    def forced(decision: Any, feasible: Sequence[Any], *rest: Any) -> Choice:
        node = placements.choose(decision.pod, feasible)
        return choose(decision, feasible, *rest) if node is None else Choice(node, len(feasible), None)

    monkeypatch.setattr("nodesim.scheduler.program.choose", forced)


def _run(world: World, until_us: int) -> None:
    async def main() -> None:
        clock = VirtualClock()
        async with driving([world], clock) as advance:
            await advance(until_us)

    trio.run(main)


def _move_in_control_plane(
    world: World, recording: Recording, settings: Settings, profile: Profile, streams: Streams
) -> None:
    making = Making(settings=settings, profile=profile, streams=streams, skip_quiet=True, start_within_us=0)

    def fresh(name: str) -> MakeClient:
        return lambda connection, process: client_of(
            name, held_up(name, COMPONENTS[name](making), recording), settings, streams, connection
        )

    scheduler, *_ = (start for start in recording.inputs["controller_starts"] if "scheduler_started" in start)
    managers = [start for start in recording.inputs["controller_starts"] if "controller_manager_started" in start]
    steps: list[tuple[int, str, ProcessStep]] = [*lags(recording)]
    for name in (each for each in COMPONENTS if runs(each, settings, None)):
        lives = [scheduler] if name == "scheduler" else managers
        _move_in(world, name, Process(name, fresh(name)), _started_us(recording, name, lives[0], settings))
        for life, after in itertools.pairwise(lives):
            steps.append((recording.axis.us(life["killed_at"]), name, Crash()))
            steps.append((_started_us(recording, name, after, settings, again=True), name, Start()))
    for number, (at_us, name, step) in enumerate(steps, 1):
        world.schedule(at_us, "scenario", number, name, Told(step))


def _started_us(recording: Recording, name: str, start: Entry, settings: Settings, *, again: bool = False) -> int:
    """When a component's process started; the node controller's passes fall on the recorded phase.

    In a fresh cluster its first pass saw no nodes, so the first recorded one is its second; not so when it comes again.
    """
    if name == "scheduler":
        return recording.axis.us(start["scheduler_started"])
    if name == "node-controller":
        pass_us = recording.axis.us(start["first_monitor_pass_with_nodes"])
        return pass_us - SYNC_US - (0 if again else settings.node_monitor_period_us)
    if name == "pod-garbage-collector":
        return recording.axis.us(start["pod_gc_started"]) + CACHES_US - LIST_HOPS * recording.hop_us
    keys = {"taint-eviction-controller": "taint_eviction_started"}
    return recording.axis.us(start[keys.get(name, "controller_manager_started")])


def _kubelets(world: World, recording: Recording, streams: Streams) -> None:
    entries = recording.nodes
    for place, entry in enumerate(entries):
        name = entry["name"]
        later = [each["registered_at"] for each in entries[place + 1 :] if each["name"] == name]
        until = min(later, default=float("inf"))
        actions = [
            _with_post(recording, action)
            for action in recording.actions
            if action.get("node") == name
            and action["do"] not in ("register-node", "create-manifest", "evict")
            and entry["registered_at"] <= action["at"] < until
        ]
        twins = sum(each["name"] == name for each in entries[:place])
        actor = f"node/{name}" if not twins else f"node/{name}.{twins}"
        program = RecordedKubelet(entry, place + 1, actions, recording.axis)
        _move_in(world, actor, ClientMachine(actor, program, program.watches, streams), 0)


def _with_post(recording: Recording, action: Entry) -> Entry:
    """A healed kubelet posts its status when its loop comes to it: the recording tells when that was through."""
    if action["do"] != "heal":
        return action
    posts = [
        seen["at"]
        for seen in recording.inputs.get("kubelet_observed") or ()
        if seen["do"] == "status-post" and seen["node"] == action["node"] and seen["why"] == "change"
    ]
    after = [at for at in posts if 0 <= at - action["at"] <= 1]
    return {**action, "posted_at": min(after) - 2 * recording.hop_us / SECOND} if after else action


def _move_in(world: World, name: str, machine: Machine, at_us: int) -> None:
    world.add(name, machine)
    world.schedule(at_us, name, 0, name, Started())
