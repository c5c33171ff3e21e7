"""How do people name the calls of a component, and which of them does a crash wait for?"""

from __future__ import annotations

from typing import Final

from nodesim.messages import (
    Bind,
    Create,
    Delete,
    Get,
    List,
    Message,
    Patch,
    Renew,
    Update,
)
from nodesim.values import value

VERBS: Final = ("get", "list", "create", "update", "patch", "delete")
"""What a component may ask for by a call; watches are no calls."""


@value
class CallPattern:
    """Which calls are meant: `verb` and `resource` (`pods`, `pods/status`), each "" for any."""

    verb: str = ""
    resource: str = ""

    def matches(self, call: NamedCall) -> bool:
        """Is this call meant?"""
        return self.verb in ("", call.verb) and self.resource in ("", call.resource)

    def __str__(self) -> str:
        """`update pods/status`, `any call`."""
        return f"{self.verb or 'any call to'} {self.resource}".strip() if self.verb or self.resource else "any call"


@value
class NamedCall:
    """A request as Kubernetes names it; `about` is the object, "" for lists and generated names."""

    verb: str
    resource: str
    about: str = ""

    def __str__(self) -> str:
        """`patch pods/status default/web-0`."""
        return f"{self.verb} {self.resource} {self.about}".rstrip()


def name_call(message: Message) -> NamedCall | None:
    """What a message asks for; None: it is no call."""
    match message:
        case Renew():
            return NamedCall("update", "leases", f"{message.namespace}/{message.name}")
        case Bind():
            return NamedCall("create", "pods/binding", f"{message.namespace}/{message.name}")
        case List():
            return NamedCall("list", message.resource)
        case Create():
            return NamedCall("create", message.resource)
        case Get() | Delete():
            verb, subresource = ("get" if isinstance(message, Get) else "delete"), ""
        case Update() | Patch():
            verb, subresource = ("update" if isinstance(message, Update) else "patch"), message.subresource
        case _:
            return None
    about = f"{message.namespace}/{message.name}" if message.namespace else message.name
    return NamedCall(verb, f"{message.resource}/{subresource}" if subresource else message.resource, about)
