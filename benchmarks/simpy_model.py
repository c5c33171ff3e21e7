"""The same heartbeat as a model in SimPy: request, reply and watch event as processes, nothing encoded.

What somebody would write who only wanted the timing: nodes that renew every 10 s and wait for the reply, a server that
takes requests from a store, a controller that hears of each.  It does less than nodesim: no connections, no documents,
no resourceVersions to compare, no pass over the nodes, no trace; and no status reports, so nodesim's nodes make none
here either.  `PatientModel` has one thing more that each call needs: it is given up after 10 s.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Final, TypeAlias

import simpy

from benchmarks.heartbeats import measure_apart

LATENCY_S = 0.001
PERIOD_S = 10.0
PATIENCE_S = 10.0
NODES: Final = (1_000, 5_000)

Steps: TypeAlias = Generator[simpy.Event, Any, None]


class SimpyModel:
    """N nodes; `run` goes on from where it stopped."""

    def __init__(self, nodes: int) -> None:
        self.renewals = 0
        self._env = simpy.Environment()
        self._requests = simpy.Store(self._env)
        self._events = simpy.Store(self._env)
        self._renewed_s = [0.0] * nodes
        self._heard_s = [0.0] * nodes
        for number in range(nodes):
            self._env.process(self._node(number, PERIOD_S * number / nodes))
        self._env.process(self._server())
        self._env.process(self._controller())

    def run(self, until_us: int) -> float:
        """CPU seconds that the events up to `until_us` took."""
        began = time.process_time()
        self._env.run(until=until_us / 1e6)
        return time.process_time() - began

    def _node(self, number: int, phase_s: float) -> Steps:
        env = self._env
        yield env.timeout(phase_s)
        while True:
            reply = env.event()
            env.process(self._carry(self._requests, (number, env.now, reply)))
            yield self._answered(reply)
            yield env.timeout(PERIOD_S)

    def _answered(self, reply: simpy.Event) -> simpy.Event:
        return reply

    def _carry(self, store: simpy.Store, message: Any) -> Steps:
        yield self._env.timeout(LATENCY_S)
        yield store.put(message)

    def _answer(self, reply: simpy.Event) -> Steps:
        yield self._env.timeout(LATENCY_S)
        reply.succeed()

    def _server(self) -> Steps:
        while True:
            number, renewed_s, reply = yield self._requests.get()
            self._renewed_s[number] = renewed_s
            self.renewals += 1
            self._env.process(self._answer(reply))
            self._env.process(self._carry(self._events, (number, renewed_s)))

    def _controller(self) -> Steps:
        while True:
            number, renewed_s = yield self._events.get()
            self._heard_s[number] = renewed_s


class PatientModel(SimpyModel):
    """The model with a timeout for each call."""

    def _answered(self, reply: simpy.Event) -> simpy.Event:
        return reply | self._env.timeout(PATIENCE_S)


def report() -> None:
    """Print the renewals per second of all."""
    print("Renewals a second of CPU time, beside SimPy models of request, reply and watch event, in turns")
    print(f"{'nodes':>7} {'model':26} {'nodesim':>9} {'SimPy':>9} {'ratio':>7}")
    for nodes in NODES:
        for name, model in (("bare", SimpyModel), ("with the calls' timeouts", PatientModel)):
            cost = measure_apart(nodes, model)
            ours, theirs = 1e6 / cost.full_us, 1e6 / cost.bare_us
            print(f"{nodes:>7,} {name:26} {ours:>9,.0f} {theirs:>9,.0f} {ours / theirs:>7.2f}")
    print("ratio: how many renewals nodesim handles while the model handles one (aim: at least 1 beside the bare one)")
