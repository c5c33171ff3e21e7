"""How much does the transport cost beside plain pyzmq, and how fast is virtual time over agents?

Requests: 1,000 senders on one agent, a hub in another process, loopback.  All ways of the exchange take turns in one
process, a stretch of 5,000 requests each, and the best stretch of each counts: what else the machine does only adds.
"""

from __future__ import annotations

import math
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Final

import attrs
import trio

from benchmarks import our_zmq, plain_zmq
from benchmarks.exchange import FORMS, SENDERS
from nodesim.cli.fleet import fleet
from nodesim.scenario.runner import Run
from nodesim.spec import NodeSpec, Scenario
from nodesim.units import SECOND
from transports.zeromq.keys import KeyFolder

OURS: Final = "nodesim"
STRETCH: Final = 5_000
ROUNDS: Final = 20
READY_S: Final = 20
NODES: Final = 1_000
AGENTS: Final = (0, 1, 2, 4)
FROM_US, UNTIL_US = 12 * SECOND, 18 * SECOND
"""What is measured: all nodes have registered by then; over agents the start takes long enough."""
SAID: Final = {
    OURS: "transport, envelopes, strict codec at both ends",
    "one by one": "plain pyzmq, bare msgpack, one message a request",
    "same payloads": "plain pyzmq, our codec and envelopes, batched as ours",
    "bare batches": "plain pyzmq, bare msgpack, batched as ours: no codec to speak of",
}


def serve(way: str, keys: str) -> None:
    """Be the server of one way of the exchange; to be called in a process of its own."""
    folder = Path(keys) if keys else None
    if way == OURS:
        our_zmq.serve(folder, _tell)
    else:
        plain_zmq.serve(FORMS[way], folder, _tell)


def _tell(address: str) -> None:
    print(address, flush=True)


@contextmanager
def _server(way: str, keys: Path | None) -> Iterator[str]:
    program = f"from benchmarks.transport import serve; serve({way!r}, {str(keys or '')!r})"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], READY_S)
        assert ready, f"the server of {way} does not begin"
        yield process.stdout.readline().decode().strip()
    finally:
        process.kill()
        process.wait()


async def _rates(ways: tuple[str, ...], keys: Path | None) -> dict[str, float]:
    """Requests a second of each way."""
    best_s = dict.fromkeys(ways, math.inf)
    async with AsyncExitStack() as stack:
        flows = {}
        for way in ways:
            if way != OURS:
                address = stack.enter_context(_server(way, keys))
                flows[way] = stack.enter_context(plain_zmq.client(address, FORMS[way], keys))
        address = stack.enter_context(_server(OURS, keys))
        ours = await stack.enter_async_context(our_zmq.client(address, keys))
        for _ in range(ROUNDS):
            for way in ways:
                began = time.perf_counter()
                if way == OURS:
                    with trio.fail_after(READY_S):
                        await ours(STRETCH)
                else:
                    flows[way](STRETCH)
                best_s[way] = min(best_s[way], time.perf_counter() - began)
    return {way: STRETCH / best_s[way] for way in ways}


@attrs.frozen
class _Pace:
    """How fast virtual time passes."""

    agents: int
    seconds_a_second: float
    digest: str


def _pace(agents: int) -> _Pace:
    nodes = tuple(NodeSpec(name=f"node-{number}") for number in range(NODES))
    scenario = Scenario(name="quiet", nodes=nodes, duration_us=UNTIL_US)
    seen: list[tuple[int, float]] = []

    def progress(now_us: int) -> None:
        if now_us >= FROM_US:
            seen.append((now_us, time.perf_counter()))

    with fleet("zeromq", agents) if agents else nullcontext() as spread:
        run = Run(scenario, spread=spread)
        run.play(progress)
    (first_us, began), (last_us, ended) = seen[0], seen[-1]
    return _Pace(agents, (last_us - first_us) / SECOND / (ended - began), run.result().digest)


def report_requests() -> None:
    """Print requests a second, with CURVE and without."""
    print(f"Requests a second of {SENDERS:,} senders on one agent, beside plain synchronous pyzmq, in turns")
    print("(the same values, as many requests, as many in flight, over TCP on loopback; a Renew and its Done)")
    plain = trio.run(_rates, (OURS, *FORMS), None)
    _table(plain)
    print(
        "required: at least 0.60 beside the plain one; beside the same payloads it is what the transport itself costs"
    )
    with tempfile.TemporaryDirectory() as folder:
        keys = KeyFolder(Path(folder) / "keys")
        keys.init()
        keys.add("a1")
        armed = trio.run(_rates, (OURS, "one by one"), keys.folder)
    print("with CURVE")
    _table(armed)
    print(f"nodesim with CURVE beside without: {armed[OURS] / plain[OURS]:.2f}; plain pyzmq: ", end="")
    print(f"{armed['one by one'] / plain['one by one']:.2f}")


def _table(rates: dict[str, float]) -> None:
    for way, rate in rates.items():
        ratio = "" if way == OURS else f"nodesim / this {rates[OURS] / rate:.2f}"
        print(f"  {way:14} {rate:>9,.0f}  {ratio:22} {SAID[way]}")


def report_paces() -> None:
    """Print virtual seconds a second over agents."""
    from_s = FROM_US // SECOND
    print(f"Virtual seconds a second with {NODES:,} quiet nodes, {os.cpu_count()} processors, from t = {from_s} s on")
    paces = [_pace(agents) for agents in AGENTS]
    assert len({pace.digest for pace in paces}) == 1, "a run over agents differs"
    for pace in paces:
        share = pace.seconds_a_second / paces[0].seconds_a_second
        print(f"  {pace.agents} agents {pace.seconds_a_second:>9.1f}  {share:.2f} of one process alone")


def report() -> None:
    """Print both."""
    report_requests()
    print(flush=True)
    report_paces()
