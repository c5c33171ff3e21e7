"""A component's process: death, the call at which it comes, a new life, a cache that is behind."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.client import ClientMachine
from nodesim.client.calls import CallPattern, name_call
from nodesim.client.process import TIMER, Crash, LagBehind, Process, Start
from nodesim.client.watches import WatchSpec
from nodesim.machine import (
    Call,
    CancelAllTimers,
    Changed,
    Frame,
    Record,
    Send,
    SetTimer,
    Started,
    TimerFired,
    Told,
    Undelivered,
)
from nodesim.messages import (
    Accept,
    Bind,
    Close,
    Create,
    Delete,
    Dial,
    Done,
    Get,
    List,
    Listed,
    Patch,
    Ping,
    Renew,
    Reset,
    Update,
    Watch,
    WatchEvent,
)
from nodesim.objects import encode_document
from nodesim.streams import Streams
from nodesim.units import SECOND
from tests.client.script import GET, Recorder, frame, sends


def process(*watches: WatchSpec) -> tuple[Process, list[Recorder]]:
    """A process of which every life is kept."""
    lives: list[Recorder] = []

    def make(connection: int, number: int) -> ClientMachine:
        assert number == len(lives) + 1
        lives.append(Recorder())
        return ClientMachine("someone", lives[-1], watches, Streams(1), connection=connection)

    return Process("someone", make), lives


def open_one(machine: Process, connection: int = 1) -> None:
    """Have it open its connection."""
    machine.handle(Told([Call("first", GET)]), 0)
    machine.handle(frame(Accept(), connection), 0)


def records(effects: list[Any]) -> list[tuple[str, Any]]:
    """The records among effects."""
    return [(effect.kind, effect.fields) for effect in effects if isinstance(effect, Record)]


def test_a_crash_closes_the_connection_and_forgets_everything() -> None:
    """All timers but the process's own go; a new life begins with a new program and the next connection."""
    machine, lives = process()
    machine.handle(Started(), 0)
    open_one(machine)
    effects = machine.handle(Told(Crash(restart_after_us=5)), 10)
    assert records(effects) == [("ComponentStopped", {"process": 1, "why": "crashed"})]
    assert effects[0].object == "Component/someone"
    assert sends(effects) == [Close()]
    assert CancelAllTimers(spare=TIMER) in effects
    assert SetTimer((TIMER, "restart"), 15, caused=True) in effects
    assert machine.handle(TimerFired("the program's own"), 12) == []
    assert machine.handle(Undelivered("apiserver", 1), 12) == []
    assert records(machine.handle(TimerFired((TIMER, "restart")), 15)) == [("ComponentStarted", {"process": 2})]
    assert len(lives) == 2
    assert lives[1].heard == [Started()]
    dial = machine.handle(Told([Call("again", GET)]), 16)
    assert [(effect.message, effect.connection) for effect in dial if isinstance(effect, Send)] == [(Dial(), 2)]


def test_while_it_is_down_the_kernel_refuses_unless_its_host_is_gone() -> None:
    """A frame meets a reset; a reset, a close and a dead host meet nothing."""
    machine, _ = process()
    machine.handle(Started(), 0)
    machine.handle(Told(Crash()), 1)
    assert sends(machine.handle(frame(Ping()), 2)) == [Reset()]
    assert machine.handle(frame(Reset()), 2) == machine.handle(frame(Close()), 2) == []
    machine.handle(Told(Crash(silent=True)), 3)
    assert machine.handle(frame(Ping()), 4) == []
    machine.handle(Told(Start()), 5)
    machine.handle(Told([Call("first", GET)]), 5)
    machine.handle(frame(Accept()), 5)
    assert not any(isinstance(effect, Send) for effect in machine.handle(Told(Crash(silent=True)), 6))


def test_what_is_done_already_is_not_done_again() -> None:
    """A start of what runs, a second beginning."""
    machine, lives = process()
    machine.handle(Started(), 0)
    assert machine.handle(Told(Start()), 1) == []
    assert machine.handle(TimerFired((TIMER, "restart")), 1) == []
    assert len(lives) == 1


CALLS: tuple[tuple[Any, str], ...] = (
    (GET, "get nodes w0"),
    (Get("pods", "default", "a"), "get pods default/a"),
    (List("pods"), "list pods"),
    (Create("pods", "default", b""), "create pods"),
    (Update("nodes", "", "w0", "status", b""), "update nodes/status w0"),
    (Renew("kube-node-lease", "w0", "", "1", 2), "update leases kube-node-lease/w0"),
    (Patch("pods", "default", "a", "", "merge", b""), "patch pods default/a"),
    (Bind("default", "a", "", "w0"), "create pods/binding default/a"),
    (Delete("pods", "default", "a"), "delete pods default/a"),
)


@pytest.mark.parametrize(("message", "name"), CALLS, ids=[name for _, name in CALLS])
def test_calls_are_named_as_people_name_them(message: Any, name: str) -> None:
    """Verb, resource with its subresource, object."""
    call = name_call(message)
    assert str(call) == name


def test_what_is_no_call_has_no_name() -> None:
    """Watches and handshakes."""
    assert [name_call(each) for each in (Watch("pods", "", "", "", ""), Ping(), Dial())] == [None, None, None]


@pytest.mark.parametrize(
    ("order", "left", "at"),
    [
        (Crash(1), [GET], "after get nodes w0"),
        (Crash(2), [GET, CALLS[3][0]], "after create pods"),
        (Crash(1, CallPattern("create")), [GET, CALLS[3][0]], "after create pods"),
        (Crash(1, CallPattern("create"), before=True), [GET], "before create pods"),
        (Crash(1, CallPattern("", "pods"), before=True), [GET], "before create pods"),
        (Crash(2, CallPattern("", "pods")), [GET, CALLS[3][0], CALLS[6][0]], "after patch pods default/a"),
    ],
)
def test_a_crash_waits_for_its_call(order: Crash, left: list[Any], at: str) -> None:
    """What left before it has left; what the same turn ordered behind it does not happen."""
    machine, _ = process()
    machine.handle(Started(), 0)
    open_one(machine)
    assert machine.handle(Told(order), 1) == []
    asked = [Call(n, request) for n, request in enumerate((GET, CALLS[3][0], CALLS[6][0]))]
    effects = machine.handle(Told(asked), 2)
    assert sends(effects) == [*left, Close()]
    assert records(effects) == [("ComponentStopped", {"process": 1, "why": "crashed", "at": at})]
    machine.handle(Told(Start()), 3)
    open_one(machine, 2)
    assert sends(machine.handle(Told(asked), 4)) == [GET, CALLS[3][0], CALLS[6][0]], "the order died with its process"


def test_lists_and_watches_of_its_caches_are_no_calls() -> None:
    """A crash after one call is not one after the first list."""
    machine, _ = process(WatchSpec("nodes", dict))
    machine.handle(Started(), 0)
    machine.handle(Told(Crash(1)), 0)
    assert sends(machine.handle(frame(Accept()), 1)) == [List("nodes")]
    assert sends(machine.handle(frame(Listed((), "5"), in_reply_to=1), 2)) == [Watch("nodes", "", "", "", "5")]
    assert Close() in sends(machine.handle(Told([Call("mine", GET)]), 3))


def watching() -> tuple[Process, Recorder]:
    """A process with an open watch on nodes, of request 2."""
    machine, lives = process(WatchSpec("nodes", lambda node: node["metadata"]["name"]))
    machine.handle(Started(), 0)
    machine.handle(frame(Accept()), 0)
    machine.handle(frame(Listed((), "1"), in_reply_to=1), 0)
    machine.handle(frame(Done(200, b"", "1"), in_reply_to=2), 0)
    lives[0].heard.clear()
    return machine, lives[0]


def event(name: str, cause: str = "") -> Frame:
    """A node appeared."""
    document = encode_document({"metadata": {"name": name, "resourceVersion": "9"}})
    return frame(WatchEvent("ADDED", document), in_reply_to=2, cause=cause)


def test_a_lagging_cache_hears_later_and_in_order() -> None:
    """Each event after the lag of its own arrival, never before the one ahead; answers are not late."""
    machine, program = watching()
    machine.handle(Told(LagBehind(10 * SECOND)), 0)
    assert machine.handle(event("a"), SECOND) == [SetTimer((TIMER, "lag", 1), 11 * SECOND, caused=True)]
    machine.handle(Told(LagBehind(2 * SECOND)), 2 * SECOND)
    assert machine.handle(event("b"), 3 * SECOND) == [SetTimer((TIMER, "lag", 2), 11 * SECOND, caused=True)]
    assert program.heard == []
    machine.handle(Told([Call("mine", GET)]), 3 * SECOND)
    machine.handle(frame(Done(200, b"", "1"), in_reply_to=3), 3 * SECOND)
    assert [each.tag for each in program.heard] == ["mine"]
    machine.handle(TimerFired((TIMER, "lag", 1)), 11 * SECOND)
    machine.handle(TimerFired((TIMER, "lag", 2)), 11 * SECOND)
    assert program.heard[1:] == [Changed("nodes", "a", None, "a"), Changed("nodes", "b", None, "b")]
    assert machine.handle(event("c"), 20 * SECOND) == [SetTimer((TIMER, "lag", 3), 22 * SECOND, caused=True)]


def test_when_the_lag_is_over_it_hears_of_all_that_waited() -> None:
    """At once, in order, and once."""
    machine, program = watching()
    machine.handle(Told(LagBehind(10 * SECOND)), 0)
    for name in ("a", "b"):
        machine.handle(event(name), SECOND)
    machine.handle(Told(LagBehind(0)), 2 * SECOND)
    machine.handle(event("c"), 2 * SECOND)
    machine.handle(TimerFired((TIMER, "lag", 1)), 11 * SECOND)
    assert [each.key for each in program.heard] == ["a", "b", "c"]


def test_what_waited_for_a_process_that_died_is_lost_with_it() -> None:
    """The next one lists."""
    machine, program = watching()
    machine.handle(Told(LagBehind(10 * SECOND)), 0)
    machine.handle(event("a"), SECOND)
    machine.handle(Told(Crash(restart_after_us=SECOND)), 2 * SECOND)
    machine.handle(TimerFired((TIMER, "restart")), 3 * SECOND)
    assert machine.handle(TimerFired((TIMER, "lag", 1)), 11 * SECOND) == []
    assert program.heard == []
