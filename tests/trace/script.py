"""Writes records by hand, in seconds, in the form that `docs/records.md` gives."""

from __future__ import annotations

from typing import Any

from nodesim.trace import TraceRecord, order


def us(seconds: float) -> int:
    """Microseconds of (exactly representable) seconds."""
    return round(seconds * 1_000_000)


class Script:
    """Records as the actors of a small cluster would write them; each method returns the record's id."""

    def __init__(self) -> None:
        self._made: list[TraceRecord] = []
        self._counts: dict[str, int] = {}

    @property
    def records(self) -> list[TraceRecord]:
        """In the order of a trace."""
        return sorted(self._made, key=order)

    def write(self, t: float, actor: str, kind: str, object_: str = "", cause: str = "", **fields: Any) -> str:
        """Any record; `n` is counted for its actor."""
        n = self._counts[actor] = self._counts.get(actor, 0) + 1
        record = TraceRecord(us(t), actor, n, kind, object_, fields, cause)
        self._made.append(record)
        return record.id

    # --- what the cluster believes ---

    def create(self, t: float, object_: str, uid: str, by: str = "operator", cause: str = "", **state: Any) -> str:
        """An object appears, with its whole summary."""
        return self.write(t, "apiserver", "ObjectCreated", object_, cause, by=by, uid=uid, state=state)

    def modify(
        self, t: float, object_: str, uid: str, by: str = "operator", cause: str = "", verb: str = "patch", **state: Any
    ) -> str:
        """Keys of an object's summary change."""
        return self.write(t, "apiserver", "ObjectModified", object_, cause, by=by, uid=uid, verb=verb, state=state)

    def gone(self, t: float, object_: str, uid: str, by: str = "operator", cause: str = "") -> str:
        """An object goes."""
        return self.write(t, "apiserver", "ObjectDeleted", object_, cause, by=by, uid=uid)

    def node(self, t: float, name: str, ready: str = "True", uid: str = "") -> str:
        """A Node object, with its Ready as given."""
        state = {"conditions": {"Ready": {"status": ready, "reason": "R"}}, "taints": [], "unschedulable": False}
        return self.create(t, f"Node/{name}", uid or f"u-{name}", f"node/{name}", "", **state, labels={})

    def ready(self, t: float, name: str, status: str, by: str = "node-controller", cause: str = "") -> str:
        """A node's Ready changes."""
        conditions = {"Ready": {"status": status, "reason": "R"}}
        return self.modify(t, f"Node/{name}", f"u-{name}", by, cause, conditions=conditions)

    def taints(self, t: float, name: str, *taints: str) -> str:
        """A node's taints are these from now on."""
        return self.modify(t, f"Node/{name}", f"u-{name}", "node-controller", taints=list(taints))

    def pod(self, t: float, name: str, uid: str, node: str = "", owner: str = "", **state: Any) -> str:
        """A Pod object in namespace `default`."""
        whole = {
            "node": node,
            "phase": "Pending",
            "ready": False,
            "reason": "",
            "deletion_us": None,
            "grace_seconds": None,
            "labels": {"app": "web"},
            "owner": owner,
        }
        return self.create(t, f"Pod/default/{name}", uid, **{**whole, **state})

    def pod_is(self, t: float, name: str, uid: str, by: str = "operator", cause: str = "", **state: Any) -> str:
        """Keys of a pod's summary change."""
        return self.modify(t, f"Pod/default/{name}", uid, by, cause, **state)

    def delete(self, t: float, name: str, uid: str, by: str, grace: int = 30, cause: str = "") -> str:
        """A graceful request: deletionTimestamp is now plus grace, cut to whole seconds."""
        deletion_us = us(int(t) + grace)
        return self.modify(
            t, f"Pod/default/{name}", uid, by, cause, "delete", deletion_us=deletion_us, grace_seconds=grace
        )

    # --- what is so ---

    def start(self, t: float, node: str, name: str, uid: str, container: str = "c", attempt: int = 0) -> str:
        """A container starts."""
        about = f"Pod/default/{name}"
        return self.write(t, f"node/{node}", "ContainerStarted", about, container=container, uid=uid, attempt=attempt)

    def stop(self, t: float, node: str, name: str, uid: str, why: str = "stopped", container: str = "c") -> str:
        """A container stops."""
        fields = {"container": container, "uid": uid, "attempt": 0, "exit_code": 0, "why": why}
        return self.write(t, f"node/{node}", "ContainerStopped", f"Pod/default/{name}", **fields)

    def seen(self, t: float, node: str, name: str, uid: str, grace: int = 30) -> str:
        """A kubelet learns that a pod is to go."""
        return self.write(t, f"node/{node}", "PodDeletionSeen", f"Pod/default/{name}", uid=uid, grace_seconds=grace)

    def switch(self, t: float, node: str, kind: str, cause: str = "") -> str:
        """`KubeletStarted`, `KubeletStopped`, `PoweredOn`, `PoweredOff`."""
        return self.write(t, f"node/{node}", kind, f"Node/{node}", cause)

    # --- what the scenario does ---

    def step(self, t: float, text: str) -> str:
        """A step of the scenario."""
        return self.write(t, "scenario", "Step", "", index=0, text=text)

    def cut(self, t: float, node: str, direction: str = "both", cause: str = "") -> str:
        """A node is cut off."""
        return self.write(t, "scenario", "Cut", f"Node/{node}", cause, direction=direction, mode="drop")

    def heal(self, t: float, node: str, direction: str = "both", cause: str = "") -> str:
        """A cut ends."""
        return self.write(t, "scenario", "Healed", f"Node/{node}", cause, direction=direction)

    def end(self, t: float) -> str:
        """The run ends."""
        return self.write(t, "scenario", "RunEnded", "", duration_us=us(t))
