"""Which objects are a workload's own, and what has to be done so that they say so?

What matches and has no controller is adopted, what is its own and matches no longer is released, one after the other;
a GET before the first adoption makes sure that the workload still lives.  An error is kept while the others are
settled, and ends the sync.
Source: pkg/controller/controller_ref_manager.go `ClaimObject`, `ClaimPods`, `ClaimReplicaSets`,
`RecheckDeletionTimestamp`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator, Sequence
from typing import Protocol, TypeVar

from nodesim.controllers.workload.ownership import Parent, adoption, release
from nodesim.controllers.workload.script import Answers, Order, ask, why
from nodesim.machine import Answered
from nodesim.messages import Get, Patch
from nodesim.objects import Owner, encode_document


class Claimable(Protocol):
    """What claiming asks of a pod or ReplicaSet."""

    @property
    def key(self) -> str:
        """`namespace/name`."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def uid(self) -> str:
        """Its UID."""
        ...

    @property
    def owner(self) -> Owner | None:
        """Its controller."""
        ...

    @property
    def deletion_us(self) -> int | None:
        """Its deletionTimestamp."""
        ...


Item = TypeVar("Item", bound=Claimable)


class _Claim(enum.Enum):
    ADOPT = "adopt"
    RELEASE = "release"


def claim(
    parent: Parent,
    parent_deletion_us: int | None,
    resource: str,
    candidates: Sequence[Item],
    matches: Callable[[Item], bool],
    finalizers: tuple[str, ...] = (),
) -> Generator[Order, Answers, tuple[list[Item], str]]:
    """What of the candidates is the parent's own in the end, by key, and what went wrong (or "").

    `candidates` are its own and those without a controller; `finalizers` are set with an adoption.
    """
    claimed: list[Item] = []
    open_claims: list[tuple[_Claim, Item]] = []
    for item in candidates:
        owned, wanted = parent.controls(item.owner), matches(item)
        if owned and wanted:
            claimed.append(item)
        elif parent_deletion_us is not None or owned == wanted or (item.owner is not None and not owned):
            continue
        elif owned:
            open_claims.append((_Claim.RELEASE, item))
        elif item.deletion_us is None:
            open_claims.append((_Claim.ADOPT, item))
    error = ""
    may_adopt: bool | None = None
    for what, item in open_claims:
        if what is _Claim.ADOPT and may_adopt is None:
            checked = yield from ask(Get(parent.resource, parent.namespace, parent.name))
            may_adopt = _still_lives(parent, checked)
            if not may_adopt:
                error = f"cannot adopt: {why(checked) or f'the {parent.kind} is going or gone'}"
        if what is _Claim.ADOPT and not may_adopt:
            continue
        adopting = what is _Claim.ADOPT
        change = adoption(parent, item.uid, finalizers) if adopting else release(parent, item.uid)
        patch = Patch(resource, parent.namespace, item.name, "", "strategic", encode_document(change))
        answer = yield from ask(patch)
        # What is gone is nobody's; what refuses its release has a controller already.
        if answer.ok:
            claimed += [item] if adopting else []
        elif answer.code != 404 and not (what is _Claim.RELEASE and answer.code == 422):
            error = f"cannot {what.value} {item.key}: {why(answer)}"
    claimed.sort(key=lambda each: each.key)
    return claimed, error


def _still_lives(parent: Parent, answer: Answered) -> bool:
    metadata = (answer.document or {}).get("metadata") or {}
    return answer.ok and metadata.get("uid") == parent.uid and metadata.get("deletionTimestamp") is None
