"""When does a process die that a step crashes: at once, after so many calls, or at which one?"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from nodesim.apiserver.registry import BY_PLURAL
from nodesim.client import SERVER
from nodesim.client.calls import VERBS as CALL_VERBS
from nodesim.scenario.components import PROCESSES, STANDBY
from nodesim.scenario.faults import clip, suggestion
from nodesim.scenario.reading import Cursor, Fields, choice, fields, integer, text

CRASH_WAYS: Final = ("afterCalls", "beforeCall", "afterCall")
CALL_FORM: Final = "a call such as {verb: update, resource: pods/status}"
CALL_KEYS: Final = ("verb", "resource", "nth")
CALLS_MAX: Final = 1_000_000_000
SUBRESOURCES: Final = ("status", "binding")


def crash_step(found: Fields, arguments: dict[str, Any], component: str) -> bool:
    """When the component dies: at once, or at one of its calls; False after a fault that leaves that open."""
    ways = [key for key in CRASH_WAYS if key in found]
    if len(ways) > 1:
        found.cursor.fault(f"says when in several ways ({', '.join(ways)}); leave all but one out")
        return False
    arguments.update(count=0, call_verb="", call_resource="", before=False)
    why = {
        SERVER: "the API server answers calls and makes none",
        **dict.fromkeys(PROCESSES, "whose call? name one of its controllers"),
        STANDBY: "a manager is not killed at a call of one of its controllers",
    }.get(component)
    if ways and why is not None:
        found.cursor.fault(f"{why}; leave {ways[0]!r} out", found.key_mark(ways[0]))
        return False
    if ways == ["afterCalls"]:
        arguments["count"] = found.maybe("afterCalls", partial(integer, low=1, high=CALLS_MAX)) or 0
        return bool(arguments["count"])
    if ways:
        call = found.maybe(ways[0], _call)
        if call is None:
            return False
        arguments.update(call, before=ways == ["beforeCall"])
    return True


def _call(cursor: Cursor) -> dict[str, Any] | None:
    """`{verb: update, resource: pods/status, nth: 2}`."""
    found = fields(cursor, CALL_KEYS, CALL_FORM)
    if found is None:
        return None
    verb = found.optional("verb", partial(choice, known=CALL_VERBS), "")
    resource = found.optional("resource", _resource, "")
    nth = found.optional("nth", partial(integer, low=1, high=CALLS_MAX), 1)
    if not found.written():
        cursor.fault(f"says no call: expected {CALL_FORM}")
        return None
    return {"count": nth, "call_verb": verb, "call_resource": resource}


def _resource(cursor: Cursor) -> str | None:
    """A resource by its plural, with a subresource or without."""
    word = text(cursor, "a resource such as pods or pods/status")
    if word is None:
        return None
    plural, slash, subresource = word.partition("/")
    if plural not in BY_PLURAL and "." not in plural:
        cursor.fault(f"unknown resource {clip(plural)}{suggestion(plural, tuple(BY_PLURAL), 'resources')}")
        return None
    if slash and subresource not in SUBRESOURCES:
        cursor.fault(f"unknown subresource {clip(subresource)}{suggestion(subresource, SUBRESOURCES, 'known')}")
        return None
    return word
