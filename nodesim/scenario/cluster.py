"""Of which actors does a scenario's cluster consist, and in which world does each live?"""

from __future__ import annotations

from typing import Any, Final

import attrs

from nodesim.apiserver import ApiServer
from nodesim.client import SERVER, ClientMachine
from nodesim.kubelet import NodeMachine
from nodesim.machine import Machine, Started
from nodesim.net import Link, Topology
from nodesim.profiles import PROFILES, Settings
from nodesim.scenario.components import COMPONENTS, Making, WatchingProgram
from nodesim.scenario.operator import Operator
from nodesim.scenario.options import RunOptions
from nodesim.scenario.plan import OPERATOR, SCENARIO, Plan
from nodesim.scenario.unmodelled import brought_by
from nodesim.spec import Scenario
from nodesim.streams import Streams
from nodesim.units import MILLISECOND
from nodesim.world import World

INSIDE_LATENCY_US: Final = MILLISECOND
"""One way between two actors of the control plane: constant, so that no draw couples the nodes."""


@attrs.frozen
class Cluster:
    """The actors of a run, in their worlds."""

    worlds: tuple[World, ...]
    server: ApiServer
    lookahead_us: int
    draws: list[tuple[str, int, int]]


def settings_of(scenario: Scenario) -> Settings:
    """The components' options: the profile's defaults, then the scenario's."""
    options: dict[str, Any] = scenario.settings
    return attrs.evolve(Settings.of(PROFILES[scenario.profile]), **options)


def build(scenario: Scenario, plan: Plan, options: RunOptions) -> Cluster:
    """All actors at home, their starts and the plan in the queue.

    With several worlds the control plane stays in the first and the nodes are dealt out over the others.
    """
    draws: list[tuple[str, int, int]] = []
    streams = Streams(scenario.seed, draws if options.draw_log else None)
    network = scenario.network
    worlds = tuple(
        World(Topology(Link(network.latency_us, network.jitter_us), Link(INSIDE_LATENCY_US)), streams)
        for _ in range(options.worlds)
    )
    server = ApiServer(
        settings_of(scenario),
        PROFILES[scenario.profile],
        more=[kind.resource for kind in brought_by(scenario)],
        record_heartbeats=options.record_heartbeats,
    )
    _add_control_plane(worlds[0], server, scenario, options, streams)
    _add_nodes(worlds[1:] or worlds, scenario, options, streams)
    for world in worlds:
        for at_us, change in plan.rules:
            world.schedule_rule(at_us, change)
        for telling in plan.tellings:
            if telling.actor in world.homes:
                world.schedule(telling.at_us, SCENARIO, telling.n, telling.actor, telling.event, telling.cause)
    return Cluster(worlds, server, _least_latency_us(scenario, plan), draws)


def _add_control_plane(
    world: World, server: ApiServer, scenario: Scenario, options: RunOptions, streams: Streams
) -> None:
    making = Making(
        settings=settings_of(scenario),
        profile=PROFILES[scenario.profile],
        streams=streams,
        skip_quiet=options.skip_quiet,
        start_within_us=scenario.start_within_us,
    )
    programs: dict[str, WatchingProgram] = {name: make(making) for name, make in COMPONENTS.items()}
    programs[OPERATOR] = Operator(scenario.manifests)
    _move_in(world, SERVER, server)
    for name, program in programs.items():
        _move_in(world, name, ClientMachine(name, program, program.watches, streams))


def _add_nodes(worlds: tuple[World, ...], scenario: Scenario, options: RunOptions, streams: Streams) -> None:
    settings, profile = settings_of(scenario), PROFILES[scenario.profile]
    for place, spec in enumerate(scenario.nodes):
        machine = NodeMachine(
            spec,
            scenario.containers,
            settings,
            profile,
            streams,
            start_within_us=scenario.start_within_us,
            skip_quiet=options.skip_quiet,
        )
        _move_in(worlds[place % len(worlds)], f"node/{spec.name}", machine)


def _move_in(world: World, name: str, machine: Machine) -> None:
    world.add(name, machine)
    world.schedule(0, name, 0, name, Started())


def _least_latency_us(scenario: Scenario, plan: Plan) -> int:
    """The shortest time that any message takes: what one world does cannot reach another sooner."""
    latencies = [change.latency_us for _, change in plan.rules if change.latency_us is not None]
    return min([scenario.network.latency_us, INSIDE_LATENCY_US, *latencies])
