"""What is left when a run is over?"""

from __future__ import annotations

from typing import Any

import attrs

from nodesim.errors import ExitCode
from nodesim.expect import Verdict
from nodesim.ledger import Ledger
from nodesim.spec import Scenario
from nodesim.trace.evidence import Evidence
from nodesim.trace.records import TraceRecord
from nodesim.units import seconds


@attrs.frozen
class RealTime:
    """How well a run in real time kept to it."""

    speed: float
    slack_us: int
    """How late turns may be, and by how much expectations are widened (us of the run)."""
    worst_us: int
    """How late a turn was at most (us of the run)."""

    @property
    def in_time(self) -> bool:
        """Was no turn later than the slack?"""
        return self.worst_us <= self.slack_us

    def document(self) -> dict[str, Any]:
        """Its part of the JSON document."""
        return {
            "speed": self.speed,
            "slack_seconds": seconds(self.slack_us),
            "worst_late_seconds": seconds(self.worst_us),
            "in_time": self.in_time,
        }


@attrs.frozen(kw_only=True)
class RunResult:
    """A finished run: its trace, what the trace says, and what it cost."""

    scenario: Scenario
    header: dict[str, Any]
    """The first line of the trace."""
    records: tuple[TraceRecord, ...]
    """All records in the trace's order."""
    digest: str
    """SHA-256 of the trace file."""
    verdicts: tuple[Verdict, ...]
    ledger: Ledger
    evidence: Evidence
    """The records, folded into what was believed and what was so."""
    counts: dict[str, int]
    wall_seconds: float
    startup_wall_seconds: float
    """The part of it before the clock of the run showed 60 s: building the cluster, registering the nodes."""
    realtime: RealTime | None = None
    """None in virtual time."""
    warnings: tuple[str, ...] = ()
    """What a user should know although nothing failed."""
    draws: tuple[tuple[str, int, int], ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """FAILED if an expectation failed, UNDECIDED if one could not be judged, else HELD."""
        if any(verdict.ok is False for verdict in self.verdicts):
            return ExitCode.FAILED
        if any(verdict.ok is None for verdict in self.verdicts):
            return ExitCode.UNDECIDED
        return ExitCode.HELD

    def document(self) -> dict[str, Any]:
        """The JSON document of `--json`."""
        return {
            "scenario": self.scenario.name,
            "seed": self.scenario.seed,
            "profile": self.scenario.profile,
            "ok": self.exit_code is ExitCode.HELD,
            "digest": self.digest,
            "duration_seconds": seconds(self.scenario.duration_us),
            "wall_seconds": round(self.wall_seconds, 6),
            "startup_wall_seconds": round(self.startup_wall_seconds, 6),
            "expectations": [
                {
                    "text": verdict.text,
                    "ok": verdict.ok,
                    "at_seconds": None if verdict.at_us is None else seconds(verdict.at_us),
                    "why": verdict.why,
                }
                for verdict in self.verdicts
            ],
            "ledger": self.ledger.to_json(),
            "counts": self.counts,
            **({"warnings": list(self.warnings)} if self.warnings else {}),
            **({} if self.realtime is None else {"realtime": self.realtime.document()}),
        }
