"""A program that notes what it hears and does what it is told, and frames to play to its client."""

from __future__ import annotations

from typing import Any, Final

from nodesim.machine import Frame, Send, Told
from nodesim.messages import Get

GET: Final = Get("nodes", "", "w0")


class Recorder:
    """The program."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def handle(self, event: Any, now_us: int) -> list[Any]:
        """Note the event; a `Told` carries the effects to answer with."""
        if isinstance(event, Told):
            assert isinstance(event.step, list)
            return event.step
        self.heard.append(event)
        return []


def frame(message: Any, connection: int = 1, in_reply_to: int = 0, cause: str = "") -> Frame:
    """A frame from the server."""
    return Frame("apiserver", 0, in_reply_to, connection, message, cause)


def sends(effects: list[Any]) -> list[Any]:
    """The messages among effects."""
    return [effect.message for effect in effects if isinstance(effect, Send)]
