"""What of a machine's timers fires after its kubelet died?  Played in a real world, whose timers are the real ones."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.apiserver import ApiServer
from nodesim.kubelet import KillKubelet, NodeMachine, PowerOff, StartKubelet
from nodesim.machine import Frame, Started, TimerFired, Told
from nodesim.messages import Create, Delete, Dial
from nodesim.net import Link, Topology
from nodesim.objects import encode_document
from nodesim.profiles import V1_36, Settings
from nodesim.spec import ContainerRule, NodeSpec
from nodesim.streams import Streams
from nodesim.units import SECOND
from nodesim.world import World
from tests.kubelet.bench import pod

NODE = "node/n1"
BOUND_US = 20 * SECOND
KILLED_US = 30 * SECOND


class Noted:
    """A machine, and which of its timers fire when."""

    def __init__(self, machine: NodeMachine) -> None:
        self._machine = machine
        self.fired: list[tuple[int, Any]] = []

    def handle(self, event: Any, now_us: int) -> list[Any]:
        """Note a timer, then let the machine decide."""
        if isinstance(event, TimerFired):
            self.fired.append((now_us, event.key))
        return list(self._machine.handle(event, now_us))

    def between(self, after_us: int, until_us: int) -> list[tuple[int, Any]]:
        """The timers that fired after an instant, up to another."""
        return [(at_us, key) for at_us, key in self.fired if after_us < at_us <= until_us]


class Person:
    """Takes answers."""

    def handle(self, event: Any, now_us: int) -> list[Any]:
        """Nothing."""
        return []


def world_of(rule: ContainerRule) -> tuple[World, Noted]:
    """A node whose pod `a` runs since about 20.3 s, as this rule says; nothing is played yet."""
    streams, settings = Streams(1), Settings.of(V1_36)
    world = World(Topology(Link(1000), Link(1000)), streams)
    node = Noted(NodeMachine(NodeSpec(name="n1"), (rule,), settings, V1_36, streams))
    world.add("apiserver", ApiServer(settings, V1_36))
    world.add(NODE, node)
    world.add("operator", Person())
    world.schedule(0, "apiserver", 0, "apiserver", Started())
    world.schedule(0, NODE, 0, NODE, Started())
    document = pod("a")
    del document["metadata"]["creationTimestamp"], document["status"]
    ask(world, 1, 0, Dial())
    ask(world, 2, BOUND_US, Create("pods", "default", encode_document(document)))
    return world, node


def ask(world: World, n: int, at_us: int, message: Any) -> None:
    """A person's request reaches the server at an instant."""
    world.schedule(at_us, "scenario", n, "apiserver", Frame("operator", n, 0, 1, message))


def tell(world: World, n: int, at_us: int, step: object) -> None:
    """A step of the scenario."""
    world.schedule(at_us, "scenario", n, NODE, Told(step))


def waiting(world: World) -> set[str]:
    """What the machine's live timers are for."""
    return {str(key[0] if isinstance(key, tuple) else key) for key in world.homes[NODE].timers}


def kinds(world: World) -> list[tuple[int, str]]:
    """(time, kind) of what the machine recorded of its containers."""
    return [(r.t_us, r.kind) for r in world.records if r.kind in ("ContainerStarted", "ContainerStopped")]


def test_after_a_kill_only_timers_of_the_runtime_fire() -> None:
    """The container exits at its own time; what was the kubelet's or its client's is silent."""
    world, node = world_of(ContainerRule(exits=((40 * SECOND, 1), (1000 * SECOND, 0))))
    tell(world, 3, KILLED_US, KillKubelet())
    tell(world, 4, 100 * SECOND, StartKubelet())
    world.run(KILLED_US - 1, 100_000)
    assert {"lease", "status", "client/wake", "runtime"} <= waiting(world)
    world.run(KILLED_US, 100_000)
    assert waiting(world) == {"runtime"}
    world.run(120 * SECOND, 100_000)
    started_us = kinds(world)[0][0]
    [(at_us, key)] = node.between(KILLED_US, 100 * SECOND)
    assert key[0] == "runtime"
    assert at_us == started_us + 40 * SECOND
    assert kinds(world)[:2] == [(started_us, "ContainerStarted"), (at_us, "ContainerStopped")]
    assert {"lease", "status", "client/wake", "runtime"} <= waiting(world), "the new one restarted the container"
    assert "lease" in [key for _, key in node.between(100 * SECOND, 120 * SECOND)]


def test_a_container_that_is_being_stopped_ends_without_its_kubelet() -> None:
    """The deletion was seen, the kubelet is killed within the grace: the runtime's timer still ends the container."""
    world, node = world_of(ContainerRule(stop_after_us=8 * SECOND))
    ask(world, 3, KILLED_US - 2 * SECOND, Delete("pods", "default", "a"))
    tell(world, 4, KILLED_US, KillKubelet())
    world.run(100 * SECOND, 100_000)
    [(at_us, key)] = node.between(KILLED_US, 100 * SECOND)
    assert key[0] == "runtime"
    assert KILLED_US + 5 * SECOND < at_us < KILLED_US + 7 * SECOND
    assert kinds(world)[-1] == (at_us, "ContainerStopped")


@pytest.mark.parametrize("exits_us", [15 * SECOND, 40 * SECOND])
def test_without_power_no_timer_fires_at_all(exits_us: int) -> None:
    """The containers are gone with the kubelet, and nobody is there to wake."""
    world, node = world_of(ContainerRule(exits=((exits_us, 1), (1000 * SECOND, 0))))
    tell(world, 3, KILLED_US, PowerOff())
    world.run(200 * SECOND, 100_000)
    assert node.between(0, KILLED_US) != []
    assert node.between(KILLED_US, 200 * SECOND) == []
    assert kinds(world)[-1] == (KILLED_US, "ContainerStopped")


def test_a_kubelet_that_is_started_in_the_instant_of_the_kill_has_timers_of_its_own() -> None:
    """No timer of the dead process fires for the living one: as after a start alone, the lease is renewed once."""
    world, node = world_of(ContainerRule())
    tell(world, 3, KILLED_US, KillKubelet())
    tell(world, 4, KILLED_US, StartKubelet())
    world.run(KILLED_US + 25 * SECOND, 100_000)
    ticks = [at_us for at_us, key in node.between(KILLED_US, KILLED_US + 25 * SECOND) if key == "lease"]
    assert len(ticks) == 2
    assert ticks[0] >= KILLED_US + 10 * SECOND
    assert ticks[1] - ticks[0] >= 10 * SECOND
