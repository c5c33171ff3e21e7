"""How does a kubelet make its Node?

Once per process: a pause, a POST, and again until it works.  A Node that is deleted later is not made again.
Source: pkg/kubelet/kubelet_node_status.go `registerWithAPIServer`, `tryRegisterWithAPIServer`.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from nodesim.kubelet.node_document import reconciliation
from nodesim.machine import Answered, Call, SetTimer
from nodesim.messages import Create, Get, Patch
from nodesim.objects import Document, encode_document
from nodesim.profiles import Profile
from nodesim.units import MILLISECOND, SECOND

PAUSE_START_US: Final = 100 * MILLISECOND
PAUSE_MAX_US: Final = 7 * SECOND

TIMER: Final = "register"
_POST: Final = ("register", "post")
_GET: Final = ("register", "get")
_PATCH: Final = ("register", "patch")

RegistrationEffect: TypeAlias = Call | SetTimer


class Registration:
    """One process's registration; over as soon as `completed`."""

    __slots__ = (
        "_get_when_forbidden",
        "_node",
        "_pause_us",
        "_posted",
        "completed",
        "existed",
    )

    def __init__(self, node: str, profile: Profile) -> None:
        self._node = node
        self._get_when_forbidden = profile.create_falls_back_on_forbidden
        self._pause_us = PAUSE_START_US
        self._posted: Document = {}
        self.completed = False
        self.existed = False
        """Was the Node there before?"""

    def __repr__(self) -> str:
        """Whose, and whether it is over."""
        return f"Registration({self._node!r}, completed={self.completed})"

    def pause(self, now_us: int) -> list[RegistrationEffect]:
        """Wait before an attempt: 100 ms, doubling, 7 s at most, for ever."""
        at_us = now_us + self._pause_us
        self._pause_us = min(2 * self._pause_us, PAUSE_MAX_US)
        return [SetTimer(TIMER, at_us)]

    def attempt(self, node: Document) -> list[RegistrationEffect]:
        """POST the Node, which is built anew for every attempt."""
        self._posted = node
        return [Call(_POST, Create("nodes", "", encode_document(node)))]

    def answered(self, event: Answered, now_us: int) -> list[RegistrationEffect]:
        """The answer to one of this registration's calls; look at `completed` afterwards."""
        if event.tag == _POST:
            if event.ok:
                self.completed = True
                return []
            if event.code == 409 or (event.code == 403 and self._get_when_forbidden):
                return [Call(_GET, Get("nodes", "", self._node))]
            return self.pause(now_us)
        if not event.ok:
            return self.pause(now_us)
        if event.tag == _GET and event.document is not None:
            change = reconciliation(self._posted, event.document)
            if change is not None:
                return [Call(_PATCH, Patch("nodes", "", self._node, "status", "strategic", encode_document(change)))]
        self.completed = self.existed = True
        return []
