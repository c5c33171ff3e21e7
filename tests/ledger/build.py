"""The ledger of a script, and the pods and sets that scripts are about."""

from __future__ import annotations

from nodesim.ledger import Ledger, ledger_of
from tests.trace.script import Script

RS = "ReplicaSet/default/web"
STS = "StatefulSet/default/db"


def ledger_in(script: Script) -> Ledger:
    """The ledger of its records."""
    return ledger_of(script.records)


def make_set(script: Script, t: float, replicas: int, object_: str = RS, owner: str = "") -> None:
    """A ReplicaSet or the like is created."""
    script.create(t, object_, f"u-{object_}", replicas=replicas, ready_replicas=0, labels={}, owner=owner)


def run(script: Script, t: float, name: str, uid: str, node: str, owner: str = RS) -> None:
    """A pod that is created, bound, running and believed Ready at one instant."""
    script.pod(t, name, uid, node, owner, ready=True, phase="Running")
    script.start(t, node, name, uid)
