"""A client's connection, calls and watches, played as scripts of frames."""

from __future__ import annotations

from nodesim.client import ClientMachine, WatchSpec
from nodesim.machine import (
    Answered,
    Call,
    Changed,
    Record,
    Send,
    SetTimer,
    Started,
    Synced,
    TimerFired,
    Told,
    Undelivered,
)
from nodesim.messages import (
    Accept,
    Close,
    Create,
    Dial,
    Done,
    Failure,
    List,
    Listed,
    Ping,
    Pong,
    Renewed,
    Reset,
    Watch,
    WatchEvent,
)
from nodesim.objects import encode_document
from nodesim.streams import Streams
from nodesim.units import MILLISECOND, SECOND
from tests.client.script import GET, Recorder, frame, sends


def client(*watches: WatchSpec) -> tuple[ClientMachine, Recorder]:
    """A client around a recorder."""
    program = Recorder()
    return ClientMachine("someone", program, watches, Streams(1)), program


def call(tag: str, timeout_us: int | None = None) -> Told:
    """Have the program ask for a node."""
    return Told([Call(tag, GET, timeout_us)])


def opened(machine: ClientMachine, now_us: int = 0) -> None:
    """Open its first connection by a call that is answered."""
    machine.handle(call("first"), now_us)
    machine.handle(frame(Accept()), now_us)
    machine.handle(frame(Done(200, b"", "1"), in_reply_to=1), now_us)


def test_a_connection_opens_at_the_first_call_and_carries_it_when_accepted() -> None:
    """Nothing is dialed before somebody asks; what was asked goes out with the Accept, in order."""
    machine, program = client()
    assert machine.handle(Started(), 0) == []
    assert sends(machine.handle(call("a"), 0)) == [Dial()]
    assert sends(machine.handle(call("b"), 1)) == []
    effects = machine.handle(frame(Accept()), 2000)
    assert Record("ConnectionOpened", "", {"connection": 1}) in effects
    assert [(e.id, e.message) for e in effects if isinstance(e, Send)] == [(1, GET), (2, GET)]
    machine.handle(frame(Failure(404, "NotFound", "no"), in_reply_to=2), 4000)
    assert program.heard[-1] == Answered("b", 404, "NotFound", "no")


def test_the_record_of_a_call_is_written_as_the_call_goes_out() -> None:
    """On an open connection at once, else when one opens, each directly before its request; without one never."""
    note = Record("Posted", "Node/w0")

    def asked(tag: str, timeout_us: int | None = None) -> Told:
        return Told([Call(tag, GET, timeout_us, note)])

    machine, _ = client()
    assert note not in machine.handle(asked("a"), 0)
    assert note not in machine.handle(asked("late", SECOND), 0)
    assert note not in machine.handle(TimerFired("client/wake"), SECOND)
    effects = machine.handle(frame(Accept()), 2 * SECOND)
    assert [e for e in effects if e == note or isinstance(e, Send)] == [note, Send("apiserver", GET, 1, 0, 1)]
    effects = machine.handle(asked("b"), 3 * SECOND)
    assert effects[:2] == [note, Send("apiserver", GET, 3, 0, 1)]


def test_what_is_missing_is_asked_for_in_another_way() -> None:
    """Only a 404 leads there; the program hears of the second answer, whatever it is."""
    other = Create("nodes", "", b"")
    asked = Told([Call("a", GET, SECOND, if_missing=other)])
    machine, program = client()
    opened(machine)
    machine.handle(asked, 10)
    machine.handle(frame(Failure(409, "Conflict", "no"), in_reply_to=2), 20)
    assert program.heard.pop() == Answered("a", 409, "Conflict", "no")
    machine.handle(asked, 30)
    assert sends(machine.handle(frame(Failure(404, "NotFound", "no"), in_reply_to=3), 40)) == [other]
    assert machine.asked_by_program(4)
    machine.handle(frame(Failure(404, "NotFound", "still not"), in_reply_to=4), 50)
    assert program.heard.pop() == Answered("a", 404, "NotFound", "still not")
    assert len(program.heard) == 1


def test_a_dial_is_repeated_as_a_syn_and_given_up_after_30_seconds() -> None:
    """The dial goes out at 0, 1, 3, 7 and 15 s; at 30 s every waiting call fails with a timeout."""
    machine, program = client()
    effects = machine.handle(call("a"), 0)
    dialed = [0]
    while effects:
        (timer,) = [effect for effect in effects if isinstance(effect, SetTimer)]
        effects = machine.handle(TimerFired(timer.key), timer.at_us)
        if Dial() not in sends(effects):
            break
        dialed.append(timer.at_us)
    assert dialed == [0, 1 * SECOND, 3 * SECOND, 7 * SECOND, 15 * SECOND]
    assert timer.at_us == 30 * SECOND
    assert program.heard == [Answered("a", 0, "Timeout")]
    assert Record("ConnectionLost", "", {"connection": 1, "why": "timeout"}) in effects


def test_a_call_times_out_on_a_connection_that_stays_open() -> None:
    """The call fails at its own timeout; a late answer is ignored; the connection goes on."""
    machine, program = client()
    opened(machine)
    effects = machine.handle(call("slow", 10 * SECOND), 1 * SECOND)
    assert SetTimer("client/wake", 11 * SECOND) in effects
    machine.handle(TimerFired("client/wake"), 11 * SECOND)
    assert program.heard[-1] == Answered("slow", 0, "Timeout")
    heard = len(program.heard)
    assert machine.handle(frame(Done(200, b"", "2"), in_reply_to=2), 12 * SECOND) == []
    assert len(program.heard) == heard
    assert sends(machine.handle(call("next"), 13 * SECOND)) == [GET]


def test_an_answer_in_time_stops_the_timeout_and_leaves_the_others() -> None:
    """Each call keeps its own deadline."""
    machine, _ = client()
    opened(machine)
    machine.handle(call("a", 10 * SECOND), 1 * SECOND)
    machine.handle(call("b", 10 * SECOND), 2 * SECOND)
    effects = machine.handle(frame(Done(200, b"", "2"), in_reply_to=2), 3 * SECOND)
    assert effects == [SetTimer("client/wake", 12 * SECOND)]
    left = machine.handle(frame(Done(200, b"", "3"), in_reply_to=3), 4 * SECOND)
    assert left == [SetTimer("client/wake", 34 * SECOND)]  # Only the look at the connection's health.


def test_a_silent_connection_is_pinged_after_30_seconds_and_dead_after_45() -> None:
    """No frame for 30 s: a Ping; no Pong for 15 s: closed, and what was in flight fails as lost."""
    machine, program = client()
    opened(machine, 5 * SECOND)
    machine.handle(call("hangs"), 6 * SECOND)
    assert sends(machine.handle(TimerFired("client/wake"), 35 * SECOND)) == [Ping()]
    effects = machine.handle(TimerFired("client/wake"), 50 * SECOND)
    assert sends(effects) == [Close()]
    assert Record("ConnectionLost", "", {"connection": 1, "why": "silent"}) in effects
    assert program.heard[-1] == Answered("hangs", 0, "ConnectionLost")
    assert [(e.message, e.connection) for e in machine.handle(call("x"), 51 * SECOND) if isinstance(e, Send)] == [
        (Dial(), 2)
    ]


def test_any_frame_restarts_the_30_seconds() -> None:
    """The look at 30 s finds that something was heard at 20 s and comes back at 50 s."""
    machine, _ = client()
    opened(machine)
    machine.handle(frame(Ping()), 20 * SECOND)
    assert machine.handle(TimerFired("client/wake"), 30 * SECOND) == [SetTimer("client/wake", 50 * SECOND)]


def test_only_a_pong_saves_a_pinged_connection() -> None:
    """Another frame during the 15 s does not; the Pong does."""
    machine, _ = client()
    opened(machine)
    machine.handle(TimerFired("client/wake"), 30 * SECOND)
    machine.handle(frame(Pong()), 31 * SECOND)
    assert sends(machine.handle(TimerFired("client/wake"), 45 * SECOND)) == []
    machine.handle(TimerFired("client/wake"), 61 * SECOND)
    machine.handle(frame(Ping()), 62 * SECOND)
    assert sends(machine.handle(TimerFired("client/wake"), 76 * SECOND)) == [Close()]


def test_a_refused_dial_fails_the_calls_at_once() -> None:
    """An RST to the SYN, from the network or from the other host's kernel."""
    for refusal in (Undelivered("apiserver", 1), frame(Reset())):
        machine, program = client()
        machine.handle(call("a"), 0)
        effects = machine.handle(refusal, 2000)
        assert program.heard == [Answered("a", 0, "ConnectionRefused")]
        assert Record("ConnectionLost", "", {"connection": 1, "why": "refused"}) in effects


def test_frames_of_an_old_connection_are_answered_with_a_reset() -> None:
    """What was held by a cut and arrives on a connection that is gone tells the sender so; a Reset ends it."""
    machine, program = client()
    opened(machine)
    machine.handle(frame(Close()), 1 * SECOND)
    heard = len(program.heard)
    assert machine.handle(frame(Done(200, b"", "9"), in_reply_to=1), 2 * SECOND) == [
        Send("apiserver", Reset(), connection=1)
    ]
    assert machine.handle(frame(Reset()), 2 * SECOND) == []
    assert len(program.heard) == heard


def test_a_dying_process_closes_its_connection_and_says_nothing_more() -> None:
    """Shutdown sends Close, and the number of the next connection goes on."""
    machine, program = client(WatchSpec("nodes", dict))
    machine.handle(Started(), 0)
    machine.handle(frame(Accept()), 1000)
    effects = machine.shutdown(2000)
    assert sends(effects) == [Close()]
    assert machine.connection == 1
    assert program.heard == [Started()]


def node(name: str, version: str) -> bytes:
    """The wire form of a node."""
    return encode_document({"kind": "Node", "metadata": {"name": name, "resourceVersion": version}})


def watching() -> tuple[ClientMachine, Recorder]:
    """A client whose cache holds w0 and w1 at version 5, its watch open with id 2."""
    machine, program = client(WatchSpec("nodes", lambda document: document["metadata"]["resourceVersion"]))
    machine.handle(Started(), 0)
    assert sends(machine.handle(frame(Accept()), 1000)) == [List("nodes")]
    effects = machine.handle(frame(Listed((node("w0", "4"), node("w1", "5")), "5"), in_reply_to=1), 2000)
    assert sends(effects) == [Watch("nodes", "", "", "", "5")]
    machine.handle(frame(Done(200, b"", "5"), in_reply_to=2), 3000)
    return machine, program


def test_a_cache_is_listed_then_watched() -> None:
    """The program hears of each object, then that the cache is synced, then of each change."""
    machine, program = watching()
    machine.handle(frame(WatchEvent("ADDED", node("w2", "6")), in_reply_to=2), 4000)
    machine.handle(frame(WatchEvent("MODIFIED", node("w0", "7")), in_reply_to=2), 5000)
    machine.handle(frame(WatchEvent("DELETED", node("w1", "8")), in_reply_to=2), 6000)
    assert program.heard[1:] == [
        Changed("nodes", "w0", None, "4"),
        Changed("nodes", "w1", None, "5"),
        Synced("nodes"),
        Changed("nodes", "w2", None, "6"),
        Changed("nodes", "w0", "4", "7"),
        Changed("nodes", "w1", "5", None),
    ]


def test_a_renewal_reaches_the_program_by_its_port_and_moves_the_version_on() -> None:
    """On a brief watch `Renewed` calls the port instead of telling a change; of an unknown lease it says nothing."""
    heard: list[tuple[str, int]] = []
    spec = WatchSpec("leases", dict, namespace="s", renewed=lambda name, renew_us: heard.append((name, renew_us)))
    machine, program = client(spec)
    machine.handle(Started(), 0)
    machine.handle(frame(Accept()), 1000)
    lease = encode_document({"kind": "Lease", "metadata": {"name": "w0", "namespace": "s", "resourceVersion": "4"}})
    effects = machine.handle(frame(Listed((lease,), "5"), in_reply_to=1), 2000)
    assert sends(effects) == [Watch("leases", "s", "", "", "5", brief=True)]
    machine.handle(frame(Done(200, b"", "5"), in_reply_to=2), 3000)
    told = len(program.heard)
    machine.handle(frame(Renewed("s", "w0", "7", 99), in_reply_to=2), 4000)
    machine.handle(frame(Renewed("s", "w9", "8", 99), in_reply_to=2), 5000)
    assert heard == [("w0", 99)]
    assert len(program.heard) == told
    effects = machine.handle(frame(Reset()), 10 * SECOND)
    (timer,) = [effect for effect in effects if isinstance(effect, SetTimer)]
    machine.handle(TimerFired(timer.key), timer.at_us)
    machine.handle(frame(Accept(), 2), timer.at_us)
    same = encode_document({"kind": "Lease", "metadata": {"name": "w0", "namespace": "s", "resourceVersion": "7"}})
    machine.handle(frame(Listed((same,), "9"), 2, in_reply_to=3), timer.at_us)
    assert len(program.heard) == told  # The version that the renewal brought is the one that the list shows.


def test_a_broken_watch_lists_again_after_a_backoff_and_tells_only_differences() -> None:
    """The wait is drawn from 0.8 to 1.6 s; then what is new, what changed and what is gone is told."""
    machine, program = watching()
    effects = machine.handle(frame(Reset()), 10 * SECOND)
    (timer,) = [effect for effect in effects if isinstance(effect, SetTimer)]
    assert 10 * SECOND + 800 * MILLISECOND <= timer.at_us < 10 * SECOND + 1600 * MILLISECOND
    assert sends(machine.handle(TimerFired(timer.key), timer.at_us)) == [Dial()]
    assert sends(machine.handle(frame(Accept(), 2), timer.at_us)) == [List("nodes")]
    del program.heard[:]
    listed = Listed((node("w0", "4"), node("w1", "9"), node("w3", "8")), "9")
    assert sends(machine.handle(frame(listed, 2, in_reply_to=3), timer.at_us)) == [Watch("nodes", "", "", "", "9")]
    assert program.heard == [Changed("nodes", "w1", "5", "9"), Changed("nodes", "w3", None, "8")]


def test_a_watch_that_is_too_old_lists_again() -> None:
    """410 Expired on opening the watch: after a backoff, a new list."""
    machine, _ = client(WatchSpec("nodes", dict))
    machine.handle(Started(), 0)
    machine.handle(frame(Accept()), 1000)
    machine.handle(frame(Listed((), "5"), in_reply_to=1), 2000)
    effects = machine.handle(frame(Failure(410, "Expired", "too old"), in_reply_to=2), 3000)
    (timer,) = [effect for effect in effects if isinstance(effect, SetTimer)]
    assert sends(machine.handle(TimerFired(timer.key), timer.at_us)) == [List("nodes")]


def test_a_watch_whose_opening_is_refused_resumes_where_it_was() -> None:
    """Connection refused while the Watch is in flight: backoff, then Watch from the same version, no list."""
    machine, _ = client(WatchSpec("nodes", dict))
    machine.handle(Started(), 0)
    machine.handle(frame(Accept()), 1000)
    machine.handle(frame(Listed((), "5"), in_reply_to=1), 2000)
    effects = machine.handle(Undelivered("apiserver", 1), 3000)
    (timer,) = [effect for effect in effects if isinstance(effect, SetTimer)]
    machine.handle(TimerFired(timer.key), timer.at_us)
    assert sends(machine.handle(frame(Accept(), 2), timer.at_us)) == [Watch("nodes", "", "", "", "5")]


def test_backoff_doubles_to_30_seconds_and_starts_over_after_a_quiet_time() -> None:
    """Lists that fail again and again wait 0.8, 1.6, ... 25.6, 30 s (each up to twice that)."""
    machine, _ = client(WatchSpec("nodes", dict))
    effects, now_us, waits = machine.handle(Started(), 0), 0, []
    for number in range(1, 10):
        effects = machine.handle(Undelivered("apiserver", number), now_us)
        (timer,) = [effect for effect in effects if isinstance(effect, SetTimer)]
        waits.append(timer.at_us - now_us)
        now_us = timer.at_us
        effects = machine.handle(TimerFired(timer.key), now_us)
    bases = [800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000]
    assert all(base * MILLISECOND <= wait < 2 * base * MILLISECOND for base, wait in zip(bases, waits))
