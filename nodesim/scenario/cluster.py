"""Of which actors does a scenario's cluster consist, and in which world does each live?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

import attrs

from nodesim.actors.process import Actor, ActorProcess
from nodesim.apiserver import ApiServer
from nodesim.apiserver.process import ServerProcess
from nodesim.client import SERVER, ClientMachine
from nodesim.client.pausing import Pausable, Stoppable
from nodesim.client.process import MakeClient, Process
from nodesim.clocks import TRUE_CLOCK
from nodesim.controllers.leaderelection import ManagerProcess
from nodesim.kubelet import NodeMachine, PowerOff, PowerOn
from nodesim.machine import Machine, Started, Told
from nodesim.net import Link, Topology
from nodesim.profiles import Profile, Settings, switched
from nodesim.scenario.components import COMPONENTS, MANAGERS, Making, client_of, election_of, members_of, runs
from nodesim.scenario.instances import provider_of
from nodesim.scenario.operator import Operator
from nodesim.scenario.options import RunOptions
from nodesim.scenario.plan import OPERATOR, SCENARIO, Plan, elects, may_pause, stand_apart
from nodesim.scenario.unmodelled import brought_by
from nodesim.spec import STANDBY_SUFFIX, NodeSpec, Scenario
from nodesim.streams import Streams
from nodesim.units import MILLISECOND
from nodesim.world import Guests, World

INSIDE_LATENCY_US: Final = MILLISECOND
"""One way between two actors of the control plane: constant, so that no draw couples the nodes."""


@attrs.frozen
class Cluster:
    """The actors of a run, in their worlds."""

    worlds: tuple[World, ...]
    server: ApiServer
    lookahead_us: int
    draws: list[tuple[str, int, int]]
    guests: Guests | None = None
    """The tasks of the users' actors, which live beside the first world."""


def settings_of(scenario: Scenario) -> Settings:
    """The components' options: the profile's defaults, then the scenario's."""
    options: dict[str, Any] = scenario.settings
    return attrs.evolve(Settings.of(profile_of(scenario)), **options)


def profile_of(scenario: Scenario) -> Profile:
    """The scenario's profile, with its switches."""
    return switched(scenario.profile, scenario.switches)


def build(
    scenario: Scenario,
    plan: Plan,
    options: RunOptions,
    actors: Mapping[str, Actor] | None = None,
    *,
    nodes_elsewhere: bool = False,
) -> Cluster:
    """All actors at home, their starts and the plan in the queue; `actors` are the users', by name.

    With several worlds the control plane stays in the first, with the users' actors, and the nodes are dealt out over
    the others; with `nodes_elsewhere` they live in agents.
    """
    draws: list[tuple[str, int, int]] = []
    streams = Streams(scenario.seed, draws if options.draw_log else None)
    worlds = tuple(_empty_world(scenario, streams) for _ in range(options.worlds))
    server = ApiServer(
        settings_of(scenario),
        profile_of(scenario),
        more=[kind.resource for kind in brought_by(scenario)],
        record_heartbeats=options.record_heartbeats,
        clock=plan.clocks.get(SERVER, TRUE_CLOCK),
    )
    _add_control_plane(worlds[0], server, scenario, plan, options, streams)
    if not nodes_elsewhere:
        _add_nodes(worlds[1:] or worlds, scenario, plan, scenario.nodes, options, streams)
    guests = Guests(worlds[0]) if actors else None
    stoppable = _stoppable(scenario)
    for name, function in (actors or {}).items():
        assert guests is not None
        _move_in(worlds[0], name, stoppable(name, ActorProcess(name, function, guests, streams)))
    for world in worlds:
        _schedule(world, plan)
    return Cluster(worlds, server, _least_latency_us(scenario, plan), draws, guests)


@attrs.frozen
class Resumed:
    """What a machine had done before the process in which it lived was started anew: its next life goes on from here.

    All of them are upper bounds.
    """

    records: int = 0
    connections: int = 0
    processes: int = 0


def build_nodes(
    scenario: Scenario,
    plan: Plan,
    options: RunOptions,
    names: Collection[str],
    resumed: Mapping[str, Resumed] | None = None,
) -> tuple[World, list[tuple[str, int, int]]]:
    """The world of an agent, with some of the scenario's nodes, and the log of its draws.

    With `resumed` these are all off, and nothing is planned yet: see `resume`.
    """
    draws: list[tuple[str, int, int]] = []
    streams = Streams(scenario.seed, draws if options.draw_log else None)
    world = _empty_world(scenario, streams)
    specs = [spec for spec in scenario.nodes if spec.name in names]
    _add_nodes((world,), scenario, plan, specs, options, streams, resumed)
    if resumed is None:
        _schedule(world, plan)
    return world, draws


def resume(world: World, plan: Plan, now_us: int) -> None:
    """In the middle of a run: links are as the plan made them, and machines that are not off by plan power on."""
    world.skip_to(now_us, [change for at_us, change in plan.rules if at_us <= now_us])
    off = dict.fromkeys(world.homes, False)
    for telling in plan.tellings:
        if telling.at_us <= now_us and isinstance(telling.event.step, PowerOff | PowerOn):
            off[telling.actor] = isinstance(telling.event.step, PowerOff)
    for name in world.homes:
        if not off[name]:
            world.schedule(now_us, name, 0, name, Told(PowerOn()))
    _schedule(world, plan, now_us)


def _empty_world(scenario: Scenario, streams: Streams) -> World:
    network = scenario.network
    links = Link(network.latency_us, network.jitter_us), Link(INSIDE_LATENCY_US)
    return World(Topology(*links, stand_apart(scenario)), streams)


def _schedule(world: World, plan: Plan, after_us: int = -1) -> None:
    """What comes from outside to those who live here, after an instant."""
    for at_us, change in plan.rules:
        if at_us > after_us:
            world.schedule_rule(at_us, change)
    for telling in plan.tellings:
        if telling.actor in world.homes and telling.at_us > after_us:
            world.schedule(telling.at_us, SCENARIO, telling.n, telling.actor, telling.event, telling.cause)


def _add_control_plane(
    world: World, server: ApiServer, scenario: Scenario, plan: Plan, options: RunOptions, streams: Streams
) -> None:
    making = Making(
        settings=settings_of(scenario),
        profile=profile_of(scenario),
        streams=streams,
        skip_quiet=options.skip_quiet,
        start_within_us=scenario.start_within_us,
        more=tuple(kind.resource for kind in brought_by(scenario)),
        provider=provider_of(scenario, plan.cloud),
    )

    def fresh(name: str) -> MakeClient:
        kind = name.removesuffix(STANDBY_SUFFIX)

        def make(connection: int, process: int) -> ClientMachine:
            # What a second manager starts is never there from before the run's beginning.
            number = process + (kind != name and name not in MANAGERS)
            made = attrs.evolve(making, process=number, clock=plan.clocks.get(name, TRUE_CLOCK))
            program = election_of(name, made) if name in MANAGERS else COMPONENTS[kind](made)
            return client_of(name, program, making.settings, streams, connection)

        return make

    # Only those to which something happens need a process that can die: the others are spared the way through it.
    acted_on = [step.component for step in scenario.steps if step.component and step.verb != "clock"]
    touched = {name for component in acted_on for name in members_of(component)}
    stoppable = _stoppable(scenario)
    _move_in(world, SERVER, stoppable(SERVER, ServerProcess(SERVER, server)) if SERVER in touched else server)
    here = partial(runs, settings=making.settings, spec=scenario.cloud)
    managed: list[str] = []
    for manager in MANAGERS if elects(scenario) else ():
        own = [name for name in members_of(manager) if here(name)]
        managed += own
        _move_in(world, manager, stoppable(manager, ManagerProcess(manager, fresh(manager), own)))
    for name in managed:
        _move_in(world, name, stoppable(name, Process(name, fresh(name), led=True)))
    for name in (each for each in COMPONENTS if here(each) and each not in managed):
        _move_in(world, name, stoppable(name, Process(name, fresh(name))) if name in touched else fresh(name)(0, 1))
    operator = Operator(scenario.manifests)
    _move_in(world, OPERATOR, ClientMachine(OPERATOR, operator, operator.watches, streams))


def _add_nodes(
    worlds: tuple[World, ...],
    scenario: Scenario,
    plan: Plan,
    specs: Sequence[NodeSpec],
    options: RunOptions,
    streams: Streams,
    resumed: Mapping[str, Resumed] | None = None,
) -> None:
    settings, profile = settings_of(scenario), profile_of(scenario)
    for place, spec in enumerate(specs):
        before = (resumed or {}).get(spec.name, Resumed())
        machine = NodeMachine(
            spec,
            scenario.containers,
            settings,
            profile,
            streams,
            start_within_us=scenario.start_within_us,
            skip_quiet=options.skip_quiet,
            clock=plan.clocks.get(f"node/{spec.name}", TRUE_CLOCK),
            connections=before.connections,
            processes=before.processes,
        )
        world = worlds[place % len(worlds)]
        if resumed is None:
            _move_in(world, f"node/{spec.name}", machine)
        else:
            world.add(f"node/{spec.name}", machine).recorded = before.records


def _stoppable(scenario: Scenario) -> Callable[[str, Stoppable], Machine]:
    """Makes a process one that can be paused, where a step does that."""
    names = may_pause(scenario)
    return lambda name, machine: Pausable(name, machine) if name in names else machine


def _move_in(world: World, name: str, machine: Machine) -> None:
    world.add(name, machine)
    world.schedule(0, name, 0, name, Started())


def _least_latency_us(scenario: Scenario, plan: Plan) -> int:
    """The shortest time that any message takes: what one world does cannot reach another sooner."""
    latencies = [change.latency_us for _, change in plan.rules if change.latency_us is not None]
    return min([scenario.network.latency_us, INSIDE_LATENCY_US, *latencies])
