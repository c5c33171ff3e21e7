"""What does one lease renewal cost through the whole house, beside the bare loop?

The full path: kubelet timer, connection, msgpack, link, API store, reply, watch event to the node controller, its
cache, its pass every 5 s.  Start-up (to t = 60 s: registrations, first leases) is left out on both sides.  After it,
nodesim and the yardstick take turns in one process, a stretch of 500 renewals each, over the same virtual time; what
counts is the quotient of the sums of CPU time, so that whatever else the machine does falls on both alike.  Each row
has a process of its own, so that none finds the memory that another left behind.

First renewals alone; then with the status report that each node makes every five minutes besides, as it does by
default: a whole Node read, patched, stored and told, with every thirtieth renewal.
"""

from __future__ import annotations

import json
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

DAY: Final = 24 * 3600 * SECOND
NODES: Final = (100, 1_000, 5_000)
RENEWALS_A_STRETCH: Final = 500
STRETCHES: Final = 80
REPORTS_FROM_S: Final = 150
"""When a run's first status reports after the start-up come: half their period after the ones at the start."""


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


def quiet_cluster(nodes: int, *, reports: bool = True) -> Cluster:
    """A cluster of quiet nodes without any pods; without `reports` they renew their leases and do nothing else."""
    specs = tuple(NodeSpec(name=f"node-{number}") for number in range(nodes))
    settings: dict[str, int | str] = {} if reports else {"node_status_report_us": DAY}
    scenario = Scenario(name="quiet", nodes=specs, duration_us=DAY, settings=settings)
    return build(scenario, plan_of(scenario), RunOptions())


class Yardstick(Protocol):
    """What nodesim is measured beside: renewals of so many nodes, by other means."""

    renewals: int

    def run(self, until_us: int) -> float:
        """CPU seconds that the events up to `until_us` took."""
        ...


def measure(
    nodes: int,
    stretches: int = STRETCHES,
    beside: Callable[[int], Yardstick] = BareLoop,
    *,
    reports: bool = False,
) -> Cost:
    """Both sides in turns over the same virtual time."""
    return trio.run(_measure, nodes, stretches, beside, reports)


async def _measure(nodes: int, stretches: int, beside: Callable[[int], Yardstick], reports: bool) -> Cost:
    cluster, bare = quiet_cluster(nodes, reports=reports), beside(nodes)
    full_s = bare_s = 0.0
    stretch_us = max(RENEWALS_A_STRETCH * 10 * SECOND // nodes, SECOND)
    until_us = REPORTS_FROM_S * SECOND if reports else STARTUP_US
    spare_the_collector()
    async with driving(cluster.worlds, VirtualClock()) as advance:
        await advance(until_us)
        bare.run(until_us)
        spare_the_collector()
        full_before, bare_before = cluster.server.renewals, bare.renewals
        for _ in range(stretches):
            until_us += stretch_us
            began = time.process_time()
            await advance(until_us)
            full_s += time.process_time() - began
            bare_s += bare.run(until_us)
    full = cluster.server.renewals - full_before
    return Cost(nodes, full_s * 1e6 / full, bare_s * 1e6 / (bare.renewals - bare_before))


def measure_apart(nodes: int, beside: type[Yardstick] = BareLoop, *, reports: bool = False) -> Cost:
    """`measure` in a process of its own; with reports, over the five minutes in which each node makes one."""
    stretches = max(STRETCHES, 300 * nodes // (10 * RENEWALS_A_STRETCH)) if reports else STRETCHES
    program = (
        f"import json; from benchmarks.heartbeats import measure; from {beside.__module__} import {beside.__name__};"
        f"cost = measure({nodes}, {stretches}, {beside.__name__}, reports={reports});"
        "print(json.dumps([cost.full_us, cost.bare_us]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    full_us, bare_us = json.loads(done.stdout)
    return Cost(nodes, full_us, bare_us)


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
    """Print the cost tables."""
    # First of all, and in a process of its own: a child's peak begins at what its parent holds when it forks.
    peak = peak_megabytes(NODES[-1])
    print("One lease renewal through the full path, beside a bare heap loop with msgpack, in turns, from t = 60 s on")
    costs = _table(reports=False)
    first, last = costs[0], costs[-1]
    growth = (last.full_us / first.full_us) / (last.bare_us / first.bare_us)
    print(f"growth from {first.nodes} to {last.nodes:,} nodes: {growth:.2f} times that of the loop (at most 1.3)")
    print(f"peak memory at {last.nodes:,} nodes: {peak:.0f} MB (at most 400)")
    print("The same with the status report that each node makes every five minutes, from t = 150 s on")
    _table(reports=True)


def _table(*, reports: bool) -> list[Cost]:
    print(f"{'nodes':>7} {'full us':>9} {'bare us':>9} {'ratio':>7}")
    costs = []
    for nodes in NODES:
        cost = measure_apart(nodes, reports=reports)
        print(f"{cost.nodes:>7,} {cost.full_us:>9.1f} {cost.bare_us:>9.1f} {cost.ratio:>7.2f}", flush=True)
        costs.append(cost)
    return costs
