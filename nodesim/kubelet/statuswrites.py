"""When does a pod's status reach the API, and when does the kubelet delete the pod?

One writer, one call at a time: it wakes on a new status (writes what is newer than what was written) and every 10 s
(also what the API shows differently, what failed, and the pods to delete).  Nothing is retried before the next
wake-up. Source: pkg/kubelet/status/status_manager.go `Start`, `syncBatch`, `syncPod`, `needsReconcile`,
`canBeDeleted`.

Kubernetes reads the pod (GET) before each PATCH, to learn of a pod that is gone or has become another.  Here the
PATCH carries the uid, so that the same answers (404, 409) come without the GET; all parts of the status are ours or
merged by the server.

The 10 s ticks lie on a grid from the process's start.  One that finds nothing to do needs no timer (`skip_quiet`);
one that passes while the writer is busy is made up for at the end.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import attrs

from nodesim.kubelet.podstatus import status_differs
from nodesim.machine import Answered, Call, SetTimer
from nodesim.messages import Delete, Patch
from nodesim.objects import Document, encode_document, is_terminal
from nodesim.units import SECOND

PERIOD_US: Final = 10 * SECOND
TIMER: Final = "pod-status"
PART: Final = "pod-status"
"""First part of the tags of this writer's calls."""

WriterEffect: TypeAlias = Call | SetTimer


@attrs.define
class Entry:
    """One pod's status, as the kubelet has it and as it was written."""

    uid: str
    namespace: str
    name: str
    api: Document
    """The pod as the watch shows it."""
    status: Document = attrs.Factory(dict)
    version: int = 0
    written: int = 0
    finished: bool = False
    """Nothing of the pod is left on this machine."""
    deleted: bool = False
    differs: bool = False
    """Does the API show another status than ours?"""

    def compare(self) -> None:
        """Set `differs`; called when either side changed."""
        self.differs = bool(self.version) and status_differs(self.status, self.api.get("status") or {})


class PodStatusWriter:
    """Writes the statuses of one kubelet's pods, and deletes those that are done."""

    def __init__(self, *, terminal_before_delete: bool, skip_quiet: bool) -> None:
        self._terminal_before_delete = terminal_before_delete
        self._skip_quiet = skip_quiet
        self._entries: dict[str, Entry] = {}
        self._queue: list[str] = []
        self._busy = False
        self._busy_since_us = 0
        self._wake = False
        self._begun_us = 0
        self._ticked_us = 0
        self._armed_us: int | None = None

    def __repr__(self) -> str:
        """How many pods it knows, and whether it writes."""
        return f"PodStatusWriter(entries={len(self._entries)}, busy={self._busy})"

    # --- what the kubelet tells it ------------------------------------------------------------------------------

    def begin(self, now_us: int) -> list[WriterEffect]:
        """The process starts."""
        self._begun_us = self._ticked_us = now_us
        return self._arm(now_us)

    def observed(self, pod: Document, now_us: int) -> list[WriterEffect]:
        """The API shows this pod."""
        metadata = pod["metadata"]
        entry = self._entries.get(metadata["uid"])
        if entry is None:
            namespace = metadata.get("namespace", "default")
            self._entries[metadata["uid"]] = Entry(metadata["uid"], namespace, metadata["name"], pod)
        else:
            entry.api = pod
            entry.compare()
        return self._arm(now_us)

    def status_of(self, uid: str) -> Document:
        """The pod's latest status: ours, or the API's while we have none."""
        entry = self._entries.get(uid)
        return {} if entry is None else entry.status or entry.api.get("status") or {}

    def set_status(self, uid: str, status: Document, now_us: int, *, finished: bool = False) -> list[WriterEffect]:
        """The pod has this status now; written at once unless the writer is busy or nothing is new.

        Of a pod that is gone from the API nothing is written (in Kubernetes such a write ends with a GET's 404).
        """
        entry = self._entries.get(uid)
        if entry is None:
            return []
        entry.finished = entry.finished or finished
        if entry.version and not status_differs(status, entry.status) and not finished:
            return []
        entry.status = status
        entry.version += 1
        entry.compare()
        if self._busy:
            self._wake = True
            return []
        return self._batch(False, now_us)

    def forget(self, uid: str) -> None:
        """The pod is gone from the API."""
        self._entries.pop(uid, None)

    # --- the writer ---------------------------------------------------------------------------------------------

    def fired(self, now_us: int) -> list[WriterEffect]:
        """A 10 s tick."""
        self._armed_us = None
        self._ticked_us = now_us
        if self._busy:
            return self._arm(now_us)
        return self._batch(True, now_us)

    def answered(self, event: Answered, now_us: int) -> list[WriterEffect]:
        """The answer to one of this writer's calls."""
        tag = event.tag
        assert isinstance(tag, tuple)
        _, verb, uid, version = tag
        entry = self._entries.get(uid)
        if entry is not None and verb == "patch":
            if event.ok:
                entry.written = version
                if self._deletable(entry):
                    return [self._delete(entry)]
            elif event.code in (404, 409):  # Gone, or another pod of that name: nobody wants this status any more.
                self.forget(uid)
        elif entry is not None and (event.ok or event.code in (404, 409)):
            entry.deleted = True
        return self._next(now_us)

    def _batch(self, everything: bool, now_us: int) -> list[WriterEffect]:
        self._busy, self._busy_since_us = True, now_us
        self._queue = []
        for entry in sorted(self._entries.values(), key=lambda item: (item.namespace, item.name, item.uid)):
            if everything and self._disagrees(entry):
                entry.version += 1
            if entry.version > entry.written or (everything and self._deletable(entry)):
                self._queue.append(entry.uid)
        return self._next(now_us)

    def _next(self, now_us: int) -> list[WriterEffect]:
        """The next call of this batch, or the next batch, or the next tick."""
        while self._queue:
            entry = self._entries.get(self._queue.pop(0))
            if entry is None:
                continue
            if entry.version > entry.written and not self._known_already(entry):
                return [self._patch(entry)]
            if self._deletable(entry):
                return [self._delete(entry)]
        self._busy = False
        ticked_us = self._grid_us(now_us)
        if ticked_us > max(self._busy_since_us, self._begun_us):
            self._ticked_us = ticked_us
            self._wake = False
            return self._batch(True, now_us)
        if self._wake:
            self._wake = False
            return self._batch(False, now_us)
        return self._arm(now_us)

    def _known_already(self, entry: Entry) -> bool:
        """A process's first status of a pod that the API has already is not sent (Kubernetes: an empty patch)."""
        if entry.version != 1 or entry.differs:
            return False
        entry.written = 1
        return True

    def _patch(self, entry: Entry) -> Call:
        # A reason that is no more must be taken away by name: conditions are merged.
        conditions = [{"reason": None, "message": None, **item} for item in entry.status.get("conditions") or ()]
        status = {**entry.status, "conditions": conditions} if conditions else entry.status
        change = {"metadata": {"uid": entry.uid}, "status": status}
        request = Patch("pods", entry.namespace, entry.name, "status", "strategic", encode_document(change))
        return Call((PART, "patch", entry.uid, entry.version), request)

    def _delete(self, entry: Entry) -> Call:
        request = Delete("pods", entry.namespace, entry.name, grace_seconds=0, uid=entry.uid)
        return Call((PART, "delete", entry.uid, 0), request)

    def _deletable(self, entry: Entry) -> bool:
        """Nothing is left here, the API wants it gone, and (from 1.27) knows how it ended (`canBeDeleted`)."""
        if entry.deleted or not entry.finished or entry.api["metadata"].get("deletionTimestamp") is None:
            return False
        phase = entry.status.get("phase") if entry.version == entry.written else None
        return is_terminal(phase) or (not self._terminal_before_delete and phase is not None)

    def _disagrees(self, entry: Entry) -> bool:
        """The API shows another status than the one that was written (`needsReconcile`)."""
        return entry.differs and entry.version == entry.written and not entry.deleted

    # --- ticks --------------------------------------------------------------------------------------------------

    def _arm(self, now_us: int) -> list[WriterEffect]:
        """Set the timer for the next tick, if it may have something to do."""
        if self._skip_quiet and (self._busy or not self._pending()):
            return []
        at_us = self._grid_us(now_us)
        if at_us < now_us or at_us <= self._ticked_us:
            at_us += PERIOD_US
        if at_us == self._armed_us:
            return []
        self._armed_us = at_us
        return [SetTimer(TIMER, at_us)]

    def _pending(self) -> bool:
        return any(
            entry.version > entry.written or self._disagrees(entry) or self._deletable(entry)
            for entry in self._entries.values()
        )

    def _grid_us(self, now_us: int) -> int:
        """The last tick up to now."""
        return now_us - (now_us - self._begun_us) % PERIOD_US
