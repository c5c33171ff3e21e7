"""The API server's process: objects outlive it, connections and watches do not."""

from __future__ import annotations

from typing import Any

from nodesim.apiserver import ApiServer
from nodesim.apiserver.process import ServerProcess
from nodesim.client.process import RESTART, Crash, LagBehind, Start
from nodesim.machine import CancelTimer, Frame, Record, Send, SetTimer, Started, TimerFired, Told
from nodesim.messages import Accept, Close, Create, Dial, Done, Failure, Get, Listed, Ping, Reset, Watch
from nodesim.messages import List as ListRequest
from nodesim.objects import encode_document
from nodesim.profiles import PROFILES, Settings

PROFILE = PROFILES["v1.36"]
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}


def frame(message: Any, client: str = "someone", connection: int = 1) -> Frame:
    """A frame of a client."""
    return Frame(client, 1, 0, connection, message)


def sent(effects: list[Any]) -> list[tuple[str, Any]]:
    """(to whom, what) among effects."""
    return [(effect.destination, effect.message) for effect in effects if isinstance(effect, Send)]


def answer(effects: list[Any]) -> Any:
    """The one message among effects."""
    ((_, message),) = sent(effects)
    return message


def test_a_stop_closes_every_connection_and_refuses_until_the_next_start() -> None:
    """Objects are etcd's: they are there again; watches and what they could go on from are not."""
    machine = ServerProcess("apiserver", ApiServer(Settings.of(PROFILE), PROFILE))
    assert not any(isinstance(effect, Record) for effect in machine.handle(Started(), 0))
    for client in ("node/b", "node/a"):
        assert answer(machine.handle(frame(Dial(), client), 1)) == Accept()
    assert isinstance(
        sent(machine.handle(frame(Create("pods", "default", encode_document(POD)), "node/a"), 2))[0][1], Done
    )
    version = answer(machine.handle(frame(ListRequest("pods"), "node/a"), 3)).resource_version
    stopped = machine.handle(Told(Crash(why="stopped")), 4)
    assert stopped[0] == Record("ComponentStopped", "Component/apiserver", {"process": 1, "why": "stopped"})
    assert sent(stopped) == [("node/a", Close()), ("node/b", Close())]
    assert machine.handle(Told(Crash()), 5) == []
    assert answer(machine.handle(frame(Ping(), "node/a"), 6)) == Reset()
    assert answer(machine.handle(frame(Dial(), "node/a", 2), 6)) == Reset()
    assert machine.handle(frame(Close(), "node/a"), 6) == machine.handle(TimerFired("x"), 6) == []
    started = machine.handle(Told(Start()), 7)
    assert started == [CancelTimer(RESTART), Record("ComponentStarted", "Component/apiserver", {"process": 2})]
    assert machine.handle(Told(Start()), 8) == machine.handle(Told(LagBehind(5)), 8) == []
    assert answer(machine.handle(frame(Get("pods", "default", "a"), "node/a"), 9)) == Reset(), "its connection is gone"
    assert answer(machine.handle(frame(Dial(), "node/a", 3), 10)) == Accept()
    assert answer(machine.handle(frame(Get("pods", "default", "a"), "node/a", 3), 11)).code == 200
    listed = answer(machine.handle(frame(ListRequest("pods"), "node/a", 3), 12))
    assert isinstance(listed, Listed)
    assert len(listed.documents) == 1
    old = answer(machine.handle(frame(Watch("pods", "", "", "", str(int(version) - 1)), "node/a", 3), 13))
    assert isinstance(old, Failure)
    assert old.code == 410


def test_after_a_crash_that_says_so_it_starts_by_itself() -> None:
    """That long after its death, unless somebody started it before."""
    machine = ServerProcess("apiserver", ApiServer(Settings.of(PROFILE), PROFILE))
    machine.handle(Started(), 0)
    assert machine.handle(Told(Crash(restart_after_us=70)), 5)[-1] == SetTimer(RESTART, 75, caused=True)
    assert machine.handle(TimerFired(RESTART), 75) == [
        Record("ComponentStarted", "Component/apiserver", {"process": 2})
    ]
    assert machine.handle(TimerFired(RESTART), 80) == []
    assert answer(machine.handle(frame(Dial()), 81)) == Accept()
