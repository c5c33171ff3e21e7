"""How does a scenario become a result?

Plan, cluster, drive, then read the records: the runner holds nothing else and touches no global state, so a run is a
function of plain values.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import trio

from nodesim import __version__
from nodesim.actors.process import Actor
from nodesim.errors import single_error
from nodesim.expect import judge
from nodesim.ledger import ledger_of
from nodesim.scenario.actors import find_actors
from nodesim.scenario.cluster import Cluster, build, settings_of
from nodesim.scenario.following import Follower, Sink
from nodesim.scenario.gathering import Spread, open_transport
from nodesim.scenario.hub_live import LiveHub
from nodesim.scenario.options import RunOptions
from nodesim.scenario.plan import Plan, plan_of
from nodesim.scenario.result import RealTime, RunResult
from nodesim.scenario.spread import WORST_US, Elsewhere, Hub
from nodesim.spec import Scenario
from nodesim.trace.evidence import Evidence
from nodesim.trace.records import BEFORE_ALL, Place, TraceRecord, digest, order
from nodesim.units import SECOND
from nodesim.world import Advance, Lag, Live, RealClock, VirtualClock, World, driving, living
from nodesim.world.driver import Turns

STARTUP_US = 60 * SECOND
"""Up to here the cost of a run counts as start-up."""


class Run:
    """One run: `play` it, then take its `result`; its records can be read at any time, also after a crash."""

    def __init__(
        self,
        scenario: Scenario,
        options: RunOptions | None = None,
        actors: Mapping[str, Actor] | None = None,
        spread: Spread | None = None,
    ) -> None:
        """`actors` are the user's own, beside those that the scenario names; of one name these count.

        With `spread` the nodes live in agents.

        Raises:
            ActorNotFound: what the scenario names as an actor cannot be imported.
            ValueError, TypeError: an actor has a name that is taken, or is no async function.
        """
        scenario, functions = find_actors(scenario, actors or {})
        self.scenario = scenario
        self.options = options or RunOptions()
        self.plan: Plan = plan_of(scenario)
        self._began = time.perf_counter()
        self._spread = spread
        self._elsewhere = Elsewhere()
        away = spread is not None
        self.cluster: Cluster = build(scenario, self.plan, self.options, functions, nodes_elsewhere=away)
        self._startup_wall = 0.0
        self._wall = 0.0
        self._lag: Lag | None = None
        """How late turns were, in real time."""

    @property
    def header(self) -> dict[str, Any]:
        """The first line of the trace."""
        switches = dict(sorted(self.scenario.switches.items()))
        return {
            "nodesim": __version__,
            "scenario": self.scenario.name,
            "seed": self.scenario.seed,
            "profile": self.scenario.profile,
            "settings": dict(sorted(self.scenario.settings.items())),
            **({"switches": switches} if switches else {}),
        }

    @property
    def now_us(self) -> int:
        """How far the run has come."""
        return min(world.now_us for world in self.cluster.worlds)

    def records(self, after: Place = BEFORE_ALL) -> list[TraceRecord]:
        """All records up to now that come after a place in the trace, in the trace's order."""
        now_us = self.now_us
        made = [record for world in self.cluster.worlds for record in world.records if order(record) > after]
        made += [record for record in self._elsewhere.records if order(record) > after]
        made += [record for record in self.plan.records if record.t_us <= now_us and order(record) > after]
        return sorted(made, key=order)

    @property
    def slack_us(self) -> int:
        """How late turns may be, in us of the run; 0 in virtual time."""
        return int(self.scenario.realtime_slack_us * self.options.realtime)

    def play(self, progress: Callable[[int], None] | None = None, sink: Sink | None = None) -> None:
        """Run to the end.

        Args:
            progress: told the time (us) now and then.
            sink: takes the records as they are made (what is left after an interruption is not handed to it: see
                `records`); not in virtual time over several worlds or agents.

        Raises:
            NodesimError: the run could not be finished.
        """
        try:
            if self.options.realtime:
                real = RealClock(self.options.realtime, waits=self._spread is not None)
                trio.run(self._live, real, progress, sink, clock=real)
            else:
                clock = VirtualClock()
                trio.run(self._play, clock, progress, sink, clock=clock)
        except BaseExceptionGroup as group:
            error = single_error(group)
            raise error from error.__cause__
        self._wall = time.perf_counter() - self._began

    async def _play(self, clock: VirtualClock, progress: Callable[[int], None] | None, sink: Sink | None) -> None:
        if sink is None or self._spread is not None or len(self.cluster.worlds) > 1:
            follower = None
        else:
            follower = Follower(self.cluster.worlds[0], self.plan, sink)

        def came(now_us: int) -> None:
            if progress is not None:
                progress(now_us)
            if follower is not None:
                follower(now_us - 1)  # At this instant itself more may be recorded.

        async with self._driving(clock, came) as advance:
            await advance(min(STARTUP_US, self.scenario.duration_us))
            self._startup_wall = time.perf_counter() - self._began
            await advance(self.scenario.duration_us)
        if follower is not None:
            follower(self.scenario.duration_us)

    def _driving(
        self, clock: VirtualClock, progress: Callable[[int], None] | None
    ) -> AbstractAsyncContextManager[Advance]:
        options, cluster = self.options, self.cluster
        if self._spread is not None:
            hub = Hub(self.scenario, options, self._spread, cluster.worlds[0], cluster.lookahead_us, self._elsewhere)
            return hub.windows(Turns(clock, options.in_tasks, progress, cluster.guests), clock)
        return driving(
            cluster.worlds,
            clock,
            transport=open_transport(options.transport) if options.worlds > 1 else None,
            lookahead_us=cluster.lookahead_us,
            in_tasks=options.in_tasks,
            progress=progress,
            guests=cluster.guests,
        )

    async def _live(self, clock: RealClock, progress: Callable[[int], None] | None, sink: Sink | None) -> None:
        (world,) = self.cluster.worlds
        follower = Follower(world, self.plan, sink, self._elsewhere.records) if sink is not None else None

        def came(now_us: int) -> None:
            if progress is not None:
                progress(now_us)
            if follower is not None:
                follower(now_us)

        async with self._living(world, clock, came) as advance:
            self._lag = advance.lag
            await advance(self.scenario.duration_us)

    def _living(self, world: World, clock: RealClock, came: Callable[[int], None]) -> AbstractAsyncContextManager[Live]:
        guests, server = self.cluster.guests, self.cluster.server
        if self._spread is None:
            return living(world, clock, slack_us=self.slack_us, progress=came, guests=guests)
        hub = LiveHub(
            self.scenario, self.options, self._spread, world, server, self.slack_us, self._elsewhere, final=came
        )
        return hub.living(clock, guests)

    def result(self) -> RunResult:
        """Judge a finished run by its records."""
        scenario = self.scenario
        records = self.records()
        evidence = Evidence(records, scenario.duration_us)
        ledger = ledger_of(records, duration_us=scenario.duration_us, evidence=evidence)
        verdicts = judge(
            scenario.expect,
            records,
            profile=scenario.profile,
            duration_us=scenario.duration_us,
            ledger=ledger,
            settings=settings_of(scenario),
            slack_us=self.slack_us,
            evidence=evidence,
        )
        speed = self.options.realtime
        races = () if self.cluster.guests is None else tuple(self.cluster.guests.observer.races)
        worst_us = max(0 if self._lag is None else self._lag.worst_us, self._elsewhere.counts.get(WORST_US, 0))
        return RunResult(
            scenario=scenario,
            header=self.header,
            records=tuple(records),
            digest=digest(self.header, records),
            verdicts=tuple(verdicts),
            ledger=ledger,
            evidence=evidence,
            counts=self._counts(),
            wall_seconds=self._wall,
            startup_wall_seconds=self._startup_wall,
            realtime=None if self._lag is None else RealTime(speed, self.slack_us, worst_us),
            warnings=(*races, *self._elsewhere.warnings),
            draws=(*self.cluster.draws, *self._elsewhere.draws),
        )

    def _counts(self) -> dict[str, int]:
        worlds, server, more = self.cluster.worlds, self.cluster.server, self._elsewhere.counts
        return {
            "messages": sum(world.messages for world in worlds) + more.get("messages", 0),
            "bytes": sum(world.bytes for world in worlds) + more.get("bytes", 0),
            "renewals": server.renewals,
            "status_posts": server.status_posts,
            "watch_events": server.watch_events,
            "dropped": sum(world.dropped for world in worlds) + more.get("dropped", 0),
        }


def run_scenario(
    scenario: Scenario,
    options: RunOptions | None = None,
    progress: Callable[[int], None] | None = None,
    *,
    actors: Mapping[str, Actor] | None = None,
) -> RunResult:
    """Run a scenario to its end.

    Args:
        scenario: what `nodesim.scenario.load.load_scenario` returns.
        options: how the run is made.
        progress: told the time (us) now and then.
        actors: actors of your own, by name, each an `async def my_controller(api)` (docs/your-own-actor.md).

    Raises:
        NodesimError: the run could not be finished; `ActorFailed` where an actor of your own raised.
    """
    run = Run(scenario, options, actors)
    run.play(progress)
    return run.result()
