"""How does a series of taint and label writes to one node go on, when each needs the API's answer?

Each step of a series is GET, then PATCH.  A patch of taints carries the resourceVersion that was read and the whole
list, so that a writer who lost a race hears 409 Conflict: it reads again after 100 to 200 ms, five tries in all.
Any other error, or a fifth conflict, ends the series.

Two series may write to one node at the same time (the NoSchedule worker and the NoExecute pass do so whenever a node
becomes Unknown).  They are not put in line: upstream they race, and the resourceVersion decides.  The first GET asks
the API server too, as upstream (there it may come from the server's watch cache), so that a controller with a stale
cache still writes upon the list that is really there.

Sources: pkg/controller/controller_utils.go `AddOrUpdateTaintOnNode`, `RemoveTaintOffNode`, `PatchNodeTaints`,
`UpdateTaintBackoff`, `AddOrUpdateLabelsOnNode`; client-go util/retry `RetryOnConflict`.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.nodelifecycle.taints import AddTaints, SetLabels, Step, add_to, remove_from
from nodesim.machine import Answered, Call, ProgramEffect, SetTimer
from nodesim.messages import Get, Patch
from nodesim.objects import Document, encode_document
from nodesim.streams import Stream
from nodesim.units import MILLISECOND

TRIES_MAX: Final = 5
BACKOFF_US: Final = 100 * MILLISECOND
"""Between tries, times 1 to 2 at random."""


@attrs.frozen
class Finished:
    """A procedure came to its end.  `owner` is whoever started it."""

    owner: tuple[str, str]
    ok: bool


@attrs.define
class _Series:
    node: str
    steps: list[Step]
    owner: tuple[str, str]
    patching: bool = False
    conflicts: int = 0


@attrs.define
class NodeWrites:
    """All series under way; each has one call or one timer outstanding, keyed `("node-write", number)`."""

    jitter: Stream
    clock: Clock = TRUE_CLOCK
    """Dates the taints that it is asked to add."""
    _series: dict[int, _Series] = attrs.field(factory=dict, init=False)
    _started: int = attrs.field(default=0, init=False)

    def start(self, node: str, steps: list[Step], owner: tuple[str, str], out: list[ProgramEffect]) -> None:
        """Begin a series of at least one step."""
        assert steps
        self._started += 1
        self._series[self._started] = _Series(node, steps, owner)
        self._get(self._started, out)

    def answered(self, number: int, answer: Answered, now_us: int, out: list[ProgramEffect]) -> Finished | None:
        """Go on with a series; tells when it has ended."""
        series = self._series.get(number)
        if series is None:
            return None
        if not answer.ok:
            return self._refused(number, series, answer, now_us, out)
        if not series.patching:
            assert answer.document is not None
            patch = _patch_of(answer.document, series.steps[0])
            if patch is not None:
                series.patching = True
                request = Patch("nodes", "", series.node, "", "strategic", encode_document(patch))
                out.append(Call(("node-write", number), request))
                return None
        series.steps.pop(0)
        series.conflicts = 0
        if not series.steps:
            return self._end(number, ok=True)
        self._get(number, out)
        return None

    def try_again(self, number: int, out: list[ProgramEffect]) -> None:
        """The pause after a conflict is over."""
        if number in self._series:
            self._get(number, out)

    def _refused(
        self, number: int, series: _Series, answer: Answered, now_us: int, out: list[ProgramEffect]
    ) -> Finished | None:
        series.conflicts += 1
        if answer.code != 409 or series.conflicts == TRIES_MAX:
            return self._end(number, ok=False)
        out.append(SetTimer(("node-write", number), now_us + BACKOFF_US + self.jitter.below(BACKOFF_US)))
        return None

    def _get(self, number: int, out: list[ProgramEffect]) -> None:
        series = self._series[number]
        series.patching = False
        out.append(Call(("node-write", number), Get("nodes", "", series.node)))

    def _end(self, number: int, *, ok: bool) -> Finished:
        return Finished(self._series.pop(number).owner, ok)


def _patch_of(document: Document, step: Step) -> Document | None:
    """The patch that a step makes of the node as it was read, None if nothing is to be changed."""
    if isinstance(step, SetLabels):
        # Labels are merged by key, so that no resourceVersion needs to guard them.
        return {"metadata": {"labels": step.labels}}
    taints: list[dict[str, Any]] = (document.get("spec") or {}).get("taints") or []
    changed = add_to(taints, step.taints) if isinstance(step, AddTaints) else remove_from(taints, step)
    if changed == taints:
        return None
    version = document["metadata"]["resourceVersion"]
    return {"metadata": {"resourceVersion": version}, "spec": {"taints": changed or None}}
