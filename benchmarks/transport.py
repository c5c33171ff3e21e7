"""How much does the transport cost beside plain pyzmq, and how fast is virtual time over agents?

Requests: 1,000 senders on one agent, a hub in another process, loopback.  All ways of the exchange take turns in one
process, a stretch of 4,000 requests each, and the best stretch of each counts: what else the machine does only adds.
"""

from __future__ import annotations

import math
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
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
CURVE: Final = ", CURVE"
STRETCH: Final = 4_000
ROUNDS: Final = 50
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


async def _rates(keys: Path) -> dict[str, float]:
    """Requests a second of each way, by its label."""
    ways: dict[str, Callable[[int], Awaitable[None]]] = {}
    async with AsyncExitStack() as stack:
        for way, folder in ((OURS, None), *((form, None) for form in FORMS), (OURS, keys), ("one by one", keys)):
            address = stack.enter_context(_server(way, folder))
            label = way if folder is None else way + CURVE
            if way == OURS:
                ways[label] = await stack.enter_async_context(our_zmq.client(address, folder))
            else:
                ways[label] = _awaited(stack.enter_context(plain_zmq.client(address, FORMS[way], folder)))
        best_s = dict.fromkeys(ways, math.inf)
        for _ in range(ROUNDS):
            for label, flow in ways.items():
                began = time.perf_counter()
                with trio.fail_after(READY_S):
                    await flow(STRETCH)
                best_s[label] = min(best_s[label], time.perf_counter() - began)
    return {label: STRETCH / best_s[label] for label in ways}


def _awaited(flow: Callable[[int], None]) -> Callable[[int], Awaitable[None]]:
    async def call(requests: int) -> None:
        flow(requests)

    return call


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
    with tempfile.TemporaryDirectory() as folder:
        keys = KeyFolder(Path(folder) / "keys")
        keys.init()
        keys.add("a1")
        rates = trio.run(_rates, keys.folder)
    for label, rate in rates.items():
        ours = OURS + CURVE if label.endswith(CURVE) else OURS
        ratio = "" if label == ours else f"nodesim / this {rates[ours] / rate:.2f}"
        print(f"  {label:18} {rate:>9,.0f}  {ratio:20} {SAID.get(label, '')}".rstrip())
    print("required: at least 0.60 beside one by one, and beside the same payloads (what the transport itself costs)")
    print(f"with CURVE beside without: nodesim {rates[OURS + CURVE] / rates[OURS]:.2f}, ", end="")
    print(f"plain pyzmq {rates['one by one' + CURVE] / rates['one by one']:.2f}")


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
