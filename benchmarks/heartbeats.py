"""What does one lease renewal cost through the whole house, beside the bare loop?

The full path: kubelet timer, connection, msgpack, link, API store, reply, watch event to the node controller, its
cache, its pass every 5 s.  Start-up (to t = 60 s: registrations, first leases) is left out on both sides.  After it,
nodesim and the yardstick take turns in one process, a stretch of 500 renewals each, over the same virtual time; what
counts is the quotient of the sums, so that whatever else the machine does falls on both alike.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final, Protocol

import attrs
import trio

from benchmarks.bare import BareLoop
from nodesim.scenario.cluster import Cluster, build
from nodesim.scenario.options import RunOptions
from nodesim.scenario.plan import plan_of
from nodesim.scenario.runner import STARTUP_US
from nodesim.spec import NodeSpec, Scenario
from nodesim.units import SECOND
from nodesim.world import VirtualClock, driving, spare_the_collector

NODES: Final = (100, 1_000, 5_000)
RENEWALS_A_STRETCH: Final = 500
STRETCHES: Final = 80


@attrs.frozen
class Cost:
    """Microseconds a renewal for one number of nodes."""

    nodes: int
    full_us: float
    bare_us: float

    @property
    def ratio(self) -> float:
        """How many times the bare loop the full path costs."""
        return self.full_us / self.bare_us


def quiet_cluster(nodes: int) -> Cluster:
    """A cluster of quiet nodes without any pods."""
    specs = tuple(NodeSpec(name=f"node-{number}") for number in range(nodes))
    scenario = Scenario(name="quiet", nodes=specs, duration_us=24 * 3600 * SECOND)
    return build(scenario, plan_of(scenario), RunOptions())


class Yardstick(Protocol):
    """What nodesim is measured beside: renewals of so many nodes, by other means."""

    renewals: int

    def run(self, until_us: int) -> float:
        """Wall seconds that the events up to `until_us` took."""
        ...


def measure(nodes: int, stretches: int = STRETCHES, beside: Callable[[int], Yardstick] = BareLoop) -> Cost:
    """Both sides in turns over the same virtual time."""
    return trio.run(_measure, nodes, stretches, beside)


async def _measure(nodes: int, stretches: int, beside: Callable[[int], Yardstick]) -> Cost:
    cluster, bare = quiet_cluster(nodes), beside(nodes)
    full_wall = bare_wall = 0.0
    stretch_us = max(RENEWALS_A_STRETCH * 10 * SECOND // nodes, SECOND)
    until_us = STARTUP_US
    spare_the_collector()
    async with driving(cluster.worlds, VirtualClock()) as advance:
        await advance(until_us)
        bare.run(until_us)
        spare_the_collector()
        full_before, bare_before = cluster.server.renewals, bare.renewals
        for _ in range(stretches):
            until_us += stretch_us
            began = time.perf_counter()
            await advance(until_us)
            full_wall += time.perf_counter() - began
            bare_wall += bare.run(until_us)
    full = cluster.server.renewals - full_before
    return Cost(nodes, full_wall * 1e6 / full, bare_wall * 1e6 / (bare.renewals - bare_before))


def run_quietly(nodes: int, until_us: int) -> None:
    """Only run a quiet cluster."""

    async def main() -> None:
        async with driving(quiet_cluster(nodes).worlds, VirtualClock()) as advance:
            await advance(until_us)

    trio.run(main)


def peak_megabytes(nodes: int) -> float:
    """Peak memory of a fresh process that runs this many nodes for three minutes, in MB (10**6 bytes)."""
    program = (
        "import resource; from benchmarks.heartbeats import run_quietly;"
        f"run_quietly({nodes}, 180_000_000);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout) * 1024 / 1e6


def report() -> None:
    """Print the cost table."""
    # First of all, and in a process of its own: a child's peak begins at what its parent holds when it forks.
    peak = peak_megabytes(NODES[-1])
    print("One lease renewal through the full path, beside a bare heap loop with msgpack, in turns, from t = 60 s on")
    print(f"{'nodes':>7} {'full us':>9} {'bare us':>9} {'ratio':>7}")
    costs = [measure(nodes) for nodes in NODES]
    for cost in costs:
        print(f"{cost.nodes:>7,} {cost.full_us:>9.1f} {cost.bare_us:>9.1f} {cost.ratio:>7.2f}")
    first, last = costs[0], costs[-1]
    growth = (last.full_us / first.full_us) / (last.bare_us / first.bare_us)
    print(f"growth from {first.nodes} to {last.nodes:,} nodes: {growth:.2f} times that of the loop (at most 1.3)")
    print(f"peak memory at {last.nodes:,} nodes: {peak:.0f} MB (at most 400)")
