"""What a network that is not plain does to frames: losses, cuts, holds, duplicates, and changes under way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest

from nodesim.machine import Frame, LoseUnsent, Record, Send, SetTimer, Started, Undelivered
from nodesim.messages import Accept, Close, Dial, Get, Ping, Pong, Reset
from nodesim.net import Link, LinkChange, Way
from nodesim.units import MILLISECOND, SECOND
from nodesim.world import World
from nodesim.world.channel import KEPT_MAX, UNSENT_MAX
from tests.world.stage import Handle, Scripted, mute, play, play_all, traced, world_of
from transports.memory import MemoryTransport

TO: Final[Way] = "to-control-plane"
Sending = Sequence[tuple[int, list[Any]]]
"""(instant, what is sent then)."""


def sender(*sending: tuple[int, list[Any]]) -> Handle:
    """A machine that sends these effects at these instants."""

    def handle(event: Any, now_us: int) -> list[Any]:
        if isinstance(event, Started):
            return [SetTimer(place, at_us) for place, (at_us, _) in enumerate(sending)]
        return list(sending[event.key][1]) if not isinstance(event, Frame | Undelivered) else []

    return handle


def named(name: str, connection: int = 1) -> Send:
    """A request that can be told from others."""
    return Send("apiserver", Get("nodes", "", name), id=1, connection=connection)


def stage(link: Link, *sending: tuple[int, list[Any]], changes: Sequence[tuple[int, LinkChange]] = ()) -> World:
    """Node w0 sends to the API server over a link that changes; the server's machine is `world.homes`' own."""
    world, _ = world_of(link, w0=sender(*sending), apiserver=mute)
    for at_us, change in changes:
        world.schedule_rule(at_us, change)
    return world


def change(**values: Any) -> LinkChange:
    """Of w0's way to the control plane."""
    return LinkChange(("w0",), (TO,), **values)


def arrived(world: World, until_us: int = 200 * SECOND) -> list[tuple[int, str]]:
    """(instant, name or kind) of the frames that the API server got."""
    play(world, until_us)
    machine = world.homes["apiserver"].machine
    assert isinstance(machine, Scripted)
    frames = [(t_us, event.message) for t_us, event in machine.seen if isinstance(event, Frame)]
    return [(t_us, getattr(message, "name", type(message).__name__)) for t_us, message in frames]


def test_a_cut_holds_what_is_sent_until_tcp_tries_again() -> None:
    """Two frames sent into a cut arrive together, in order, at the first try after it is healed."""

    def kubelet(event: Any, now_us: int) -> list[Any]:
        if isinstance(event, Started):
            return [SetTimer("one", 10 * SECOND), SetTimer("two", 12 * SECOND)]
        return [Send("apiserver", Get("nodes", "", event.key), id=1, connection=1)]

    world, machines = world_of(w0=kubelet, apiserver=mute)
    world.schedule_rule(5 * SECOND, LinkChange(("w0",), ("to-control-plane",), cut="drop"))
    world.schedule_rule(20 * SECOND, LinkChange(("w0",), ("to-control-plane",), cut=""))
    play(world)
    got = [(t, e.message.name) for t, e in machines["apiserver"].seen if isinstance(e, Frame)]
    assert got == [(22_601 * MILLISECOND, "one"), (22_601 * MILLISECOND, "two")]  # 10 s + 200 ms * (2**6 - 1) + 1 ms


def test_what_is_held_on_one_connection_does_not_hold_back_another() -> None:
    """A client that dialed anew after the cut is served while its old connection's bytes still wait."""

    def server(event: Any, now_us: int) -> list[Any]:
        if isinstance(event, Started):
            return [SetTimer(1, 10 * SECOND), SetTimer(2, 31 * SECOND)]
        return [Send("node/w0", Ping(), connection=event.key)]

    world, machines = world_of(w0=mute, apiserver=server)
    world.schedule_rule(5 * SECOND, LinkChange(("w0",), ("from-control-plane",), cut="drop"))
    world.schedule_rule(30 * SECOND, LinkChange(("w0",), ("from-control-plane",), cut=""))
    play(world)
    got = [(t, e.connection) for t, e in machines["w0"].seen if isinstance(e, Frame)]
    assert got == [(31_001 * MILLISECOND, 2), (35_401 * MILLISECOND, 1)]


def test_what_opens_or_closes_a_connection_is_lost_in_a_cut() -> None:
    """A SYN is the client's to repeat; closing forgets what that connection still held."""

    def kubelet(event: Any, now_us: int) -> list[Any]:
        if isinstance(event, Started):
            return [SetTimer("t", 1 * SECOND)]
        return [
            Send("apiserver", Dial(), connection=1),
            Send("apiserver", Ping(), connection=1),
            Send("apiserver", Ping(), connection=2),
            Send("apiserver", Close(), connection=1),
        ]

    world, machines = world_of(w0=kubelet, apiserver=mute)
    world.schedule_rule(0, LinkChange(("w0",), ("to-control-plane",), cut="drop"))
    world.schedule_rule(2 * SECOND, LinkChange(("w0",), ("to-control-plane",), cut=""))
    play(world)
    assert [e.connection for _, e in machines["apiserver"].seen if isinstance(e, Frame)] == [2]
    assert world.dropped == 2


def test_a_refusing_cut_is_heard_of_after_a_round_trip() -> None:
    """Mode refuse answers with RST instead of swallowing."""

    def kubelet(event: Any, now_us: int) -> list[Any]:
        return [Send("apiserver", Ping(), connection=3)] if isinstance(event, Started) else []

    world, machines = world_of(w0=kubelet, apiserver=mute)
    world.schedule_rule(0, LinkChange(("w0",), ("to-control-plane",), cut="refuse"))
    play(world)
    assert machines["w0"].seen[1:] == [(2000, Undelivered("apiserver", 3))]


def test_a_full_send_buffer_breaks_the_connection() -> None:
    """Nothing waits without a limit."""

    def kubelet(event: Any, now_us: int) -> list[Any]:
        return [Send("apiserver", Ping(), connection=1)] * (UNSENT_MAX + 1) if isinstance(event, Started) else []

    world, machines = world_of(w0=kubelet, apiserver=mute)
    world.schedule_rule(0, LinkChange(("w0",), ("to-control-plane",), cut="drop"))
    play(world)
    assert machines["w0"].seen[1:] == [(2000, Undelivered("apiserver", 1))]


def test_nothing_gets_through_a_total_loss() -> None:
    """A loss of 100 % holds what is sent as a cut does: it arrives at TCP's next try after the loss is over."""
    got = arrived(
        stage(
            Link(1000),
            (10 * SECOND, [named("one")]),
            (12 * SECOND, [named("two")]),
            changes=[(5 * SECOND, change(loss_ppm=1_000_000)), (150 * SECOND, change(loss_ppm=0))],
        ),
        400 * SECOND,
    )
    assert got == [(214_601 * MILLISECOND, "one"), (214_601 * MILLISECOND, "two")]  # 10 s + 200 ms * (2**10 - 1)


def test_a_total_loss_swallows_what_opens_a_connection() -> None:
    """A SYN is lost for good; nothing of it arrives late."""
    world = stage(
        Link(1000, loss_ppm=1_000_000),
        (1 * SECOND, [Send("apiserver", Dial(), connection=1)]),
        changes=[(5 * SECOND, change(loss_ppm=0))],
    )
    assert arrived(world) == []
    assert world.dropped == 1


@pytest.mark.parametrize("message", [Dial(), Accept(), Reset()])
def test_a_lossy_link_loses_single_packets_for_good(message: Any) -> None:
    """Of 1000 SYNs (or resets) at 30 % loss about 300 never arrive, and none is late."""
    sending = [(n * SECOND, [Send("apiserver", message, connection=n)]) for n in range(1, 1001)]
    world = stage(Link(1000, loss_ppm=300_000), *sending)
    got = arrived(world, 2000 * SECOND)
    assert 640 <= len(got) <= 760
    assert len(got) + world.dropped == 1000
    assert {t_us % SECOND for t_us, _ in got} == {1000}


def test_a_lossy_link_delays_everything_else() -> None:
    """Of 1000 requests at 30 % loss all arrive, about 300 of them 0.2, 0.6, 1.4, ... s late."""
    sending = [(n * 100 * SECOND, [named(str(n))]) for n in range(1, 1001)]
    got = arrived(stage(Link(1000, loss_ppm=300_000), *sending), 200_000 * SECOND)
    assert [name for _, name in got] == [str(n) for n in range(1, 1001)]
    late = [t_us - n * 100 * SECOND - 1000 for n, (t_us, _) in enumerate(got, 1)]
    assert 640 <= late.count(0) <= 760
    assert 160 <= late.count(200 * MILLISECOND) <= 260
    assert set(late) <= {200 * MILLISECOND * (2**k - 1) for k in range(10)}


def test_a_lost_frame_holds_back_its_own_connection_only() -> None:
    """First in, first out holds within a connection: what is sent on another one does not wait."""
    everything, nothing = change(loss_ppm=1_000_000), change(loss_ppm=0)
    got = arrived(
        stage(
            Link(1000),
            (1 * SECOND, [named("old")]),
            (3 * SECOND, [named("behind"), named("new", 2)]),
            changes=[(0, everything), (2 * SECOND, nothing)],
        )
    )
    assert got == [(2_401 * MILLISECOND, "old"), (3_001 * MILLISECOND, "behind"), (3_001 * MILLISECOND, "new")]
    slow = stage(
        Link(1000, jitter_us=0),
        (1 * SECOND, [named("old")]),
        (2 * SECOND, [named("behind"), named("new", 2)]),
        changes=[(0, change(latency_us=5 * SECOND)), (1_500_000, change(latency_us=1000))],
    )
    assert arrived(slow) == [(2_001 * MILLISECOND, "new"), (6 * SECOND, "old"), (6 * SECOND, "behind")]


def test_a_dial_does_not_wait_behind_a_dead_connection() -> None:
    """The client of a connection that sticks dials anew, and the dial passes at once."""
    got = arrived(
        stage(
            Link(1000),
            (1 * SECOND, [named("stuck")]),
            (20 * SECOND, [Send("apiserver", Dial(), connection=2)]),
            changes=[(0, change(loss_ppm=1_000_000)), (19 * SECOND, change(loss_ppm=0))],
        )
    )
    assert got == [(20_001 * MILLISECOND, "Dial"), (26_401 * MILLISECOND, "stuck")]


def test_a_frame_sent_again_meets_the_link_as_it_is_then() -> None:
    """A lost frame waits in its sender: a cut that begins meanwhile holds it, and a new latency counts for it."""
    lossy = Link(1000, loss_ppm=999_999)
    sent = (1 * SECOND, [named("x")])
    healed = (1_500 * MILLISECOND, change(loss_ppm=0, latency_us=7 * MILLISECOND))
    assert arrived(stage(lossy, sent, changes=[healed])) == [(1_607 * MILLISECOND, "x")]
    cut = [(1_500 * MILLISECOND, change(loss_ppm=0, cut="drop")), (9 * SECOND, change(cut=""))]
    assert arrived(stage(lossy, sent, changes=cut)) == [(13_601 * MILLISECOND, "x")]


def test_what_is_on_the_wire_arrives_whatever_happens_behind_it() -> None:
    """A cut, a loss, a hold or a shorter way does not touch a frame that is under way."""
    later: dict[str, Any]
    for later in ({"cut": "drop"}, {"loss_ppm": 1_000_000}, {"hold": True}, {"latency_us": 1}):
        world = stage(Link(1 * SECOND), (1 * SECOND, [named("x")]), changes=[(1_500_000, change(**later))])
        assert arrived(world) == [(2 * SECOND, "x")]


def test_frames_behind_a_lost_one_come_with_it() -> None:
    """TCP sends the first again; those that had arrived behind it are handed over with it, in order."""
    got = arrived(
        stage(
            Link(1000),
            (1 * SECOND, [named("lost")]),
            (1_100 * MILLISECOND, [named("b"), named("c")]),
            changes=[(0, change(loss_ppm=999_999)), (1_050 * MILLISECOND, change(loss_ppm=0))],
        )
    )
    assert got == [(1_201 * MILLISECOND, "lost"), (1_201 * MILLISECOND, "b"), (1_201 * MILLISECOND, "c")]


def test_a_frame_held_on_a_plain_link_is_drawn_for_when_chance_first_counts() -> None:
    """Sent into a cut and released into a loss of 1 %, a hundred frames are not all lost."""
    sending = [(1 * SECOND, [named(str(n), n) for n in range(1, 101)])]
    changes = [(0, change(cut="drop")), (2 * SECOND, change(cut="", loss_ppm=10_000))]
    got = arrived(stage(Link(1000), *sending, changes=changes))
    assert sum(t_us == 2_401 * MILLISECOND for t_us, _ in got) >= 95
    assert len(got) == 100


def test_a_refusing_cut_ends_what_still_waited() -> None:
    """Frames that wait for TCP's next try meet a RST there: their connection hears of it once."""
    world, machines = world_of(
        w0=sender((1 * SECOND, [named("a"), named("b")])),
        apiserver=mute,
    )
    world.schedule_rule(0, change(cut="drop"))
    world.schedule_rule(2 * SECOND, change(cut="refuse"))
    play(world)
    undelivered = [(t_us, e) for t_us, e in machines["w0"].seen if isinstance(e, Undelivered)]
    assert undelivered == [(2_402 * MILLISECOND, Undelivered("apiserver", 1))]
    assert world.dropped == 2


def test_without_power_nothing_is_sent_again() -> None:
    """What a machine had not sent when its power went never arrives."""
    got = arrived(
        stage(
            Link(1000),
            (1 * SECOND, [named("x")]),
            (2 * SECOND, [LoseUnsent()]),
            changes=[(0, change(cut="drop")), (3 * SECOND, change(cut=""))],
        )
    )
    assert got == []


# --- hold -----------------------------------------------------------------------------------------------------------


def test_a_held_link_delivers_everything_in_order_when_it_is_released() -> None:
    """Requests, a close and a dial: nothing is lost, nothing overtakes, one latency after the release."""
    got = arrived(
        stage(
            Link(1000),
            (10 * SECOND, [named("a")]),
            (12 * SECOND, [named("b"), Send("apiserver", Close(), connection=1)]),
            (13 * SECOND, [Send("apiserver", Dial(), connection=2), named("c", 2)]),
            changes=[(5 * SECOND, change(hold=True)), (70 * SECOND, change(hold=False))],
        )
    )
    assert got == [(70 * SECOND + 1000, each) for each in ("a", "b", "Close", "Dial", "c")]


def test_what_is_sent_after_the_release_stays_behind_what_was_kept() -> None:
    """Also where the way has become shorter meanwhile."""
    got = arrived(
        stage(
            Link(4 * SECOND),
            (1 * SECOND, [named("a")]),
            (5 * SECOND, [named("b")]),
            changes=[(0, change(hold=True)), (2 * SECOND, change(hold=False)), (3 * SECOND, change(latency_us=1000))],
        )
    )
    assert got == [(6 * SECOND, "a"), (6 * SECOND, "b")]


def test_a_hold_lies_behind_a_cut() -> None:
    """What a hold keeps back has passed the rest of the link: a cut that comes later does not touch it."""
    got = arrived(
        stage(
            Link(1000),
            (1 * SECOND, [named("kept")]),
            (3 * SECOND, [named("cut-off")]),
            changes=[
                (0, change(hold=True)),
                (2 * SECOND, change(cut="drop")),
                (4 * SECOND, change(hold=False)),
                (20 * SECOND, change(cut="")),
            ],
        )
    )
    assert got == [(4 * SECOND + 1000, "kept"), (28_401 * MILLISECOND, "cut-off")]


def test_a_hold_has_room_for_so_many_frames() -> None:
    """Nothing waits without a limit: the connection that finds no room breaks."""
    world, machines = world_of(
        w0=sender((1 * SECOND, [named("x")] * KEPT_MAX), (2 * SECOND, [named("late", 2)])), apiserver=mute
    )
    world.schedule_rule(0, change(hold=True))
    play(world)
    assert machines["w0"].seen[-1] == (2_002 * MILLISECOND, Undelivered("apiserver", 2))
    assert world.dropped == 1


# --- duplicates -----------------------------------------------------------------------------------------------------


def test_a_duplicating_link_delivers_a_part_of_the_frames_twice() -> None:
    """Of 1000 at 20 % about 200 come twice, directly one behind the other; the order stays."""
    sending = [(n * SECOND, [named(str(n))]) for n in range(1, 1001)]
    got = [name for _, name in arrived(stage(Link(1000, duplicate_ppm=200_000), *sending), 2000 * SECOND)]
    assert list(dict.fromkeys(got)) == [str(n) for n in range(1, 1001)]
    assert 150 <= len(got) - 1000 <= 250
    assert all(got.count(name) == 2 for name in got if got[got.index(name) + 1 :][:1] == [name])
    assert max(got.count(name) for name in got) == 2


def test_duplicates_draw_from_a_stream_of_their_own() -> None:
    """A link that begins to duplicate leaves the jitter of its messages as it was."""
    sending = [(n * SECOND, [named(str(n))]) for n in range(1, 101)]
    once = arrived(stage(Link(1000, jitter_us=5000), *sending))
    both = arrived(stage(Link(1000, jitter_us=5000, duplicate_ppm=1_000_000), *sending))
    assert both == [frame for frame in once for _ in range(2)]


# --- all of it, in every way a run is made --------------------------------------------------------------------------


def test_a_bad_network_is_the_same_in_tasks_and_in_two_worlds() -> None:
    """Jitter, loss, duplicates, a cut, a hold and their ends: one order of records."""
    link = Link(1000, jitter_us=2000, loss_ppm=100_000, duplicate_ppm=100_000)

    def gossip(event: Any, now_us: int) -> list[Any]:
        if isinstance(event, Frame):
            return [Record("Heard", "", {"id": event.in_reply_to})]
        n = now_us // 7000
        ping = Send("apiserver", Ping(), id=n + 1, connection=1 + n % 3)
        return [Record("Beat", "", {"n": n}), ping, SetTimer("beat", now_us + 7000)]

    def answer(event: Any, now_us: int) -> list[Any]:
        if not isinstance(event, Frame):
            return []
        pong = Send(event.source, Pong(), in_reply_to=event.id, connection=event.connection)
        return [Record("Asked", "", {"by": event.source}), pong]

    def upset(world: World) -> None:
        both: tuple[Way, Way] = (TO, "from-control-plane")
        for at_us, each in (
            (1 * SECOND, LinkChange(("w0",), (TO,), cut="drop")),
            (2 * SECOND, LinkChange(("w0", "w1"), both, hold=True)),
            (2_500_000, LinkChange(("w0",), (TO,), cut="")),
            (3 * SECOND, LinkChange(("w0", "w1"), both, hold=False, latency_us=1500)),
            (3_200_000, LinkChange(("w1",), both, loss_ppm=1_000_000)),
            (4 * SECOND, LinkChange(("w1",), both, loss_ppm=500_000)),
        ):
            world.schedule_rule(at_us, each)

    runs = []
    for in_tasks in (False, True):
        world, _ = world_of(link, w0=gossip, w1=gossip, apiserver=answer)
        upset(world)
        play(world, 6 * SECOND, in_tasks=in_tasks)
        runs.append(traced([world]))
    one, _ = world_of(link, w0=gossip, apiserver=answer)
    other, _ = world_of(link, w1=gossip)
    upset(one)
    upset(other)
    play_all([one, other], 6 * SECOND, transport=MemoryTransport(), lookahead_us=1000)
    runs.append(traced([one, other]))
    assert len(runs[0]) > 3000
    assert runs[0] == runs[1]
    assert runs[0] == runs[2]
