"""Which frames the server hears, and when it forgets a client."""

from __future__ import annotations

import copy

from nodesim.machine import MachineEffect, Send, Started, TimerFired, Told, Undelivered
from nodesim.messages import Accept, Close, Dial, Done, Get, Message, Ping, Pong, Reset, Unwatch, Watch
from tests.apiserver.cluster import OPERATOR, Cluster, node

ACCEPTED: list[MachineEffect] = [Send("a", Accept(), connection=1)]


def reset(connection: int) -> list[MachineEffect]:
    """What the server sends where there is no connection."""
    return [Send("a", Reset(), connection=connection)]


def watching(connection: int = 1) -> Cluster:
    """A cluster in which client `a` watches nodes on a connection."""
    cluster = Cluster()
    cluster.frame("a", Dial(), connection=connection)
    cluster.frame("a", Watch("nodes", "", "", "", ""), 7, connection)
    return cluster


def hears(cluster: Cluster) -> bool:
    """Does client `a` hear of a new node?"""
    before = len(cluster.events.get(("a", 7), []))
    cluster.create("nodes", node(f"n{cluster.server.watch_events}-{cluster.now_us}"))
    cluster.now_us += 1
    return len(cluster.events.get(("a", 7), [])) > before


def test_a_dial_is_accepted_and_may_be_repeated() -> None:
    """Accept on the connection; a repeat is accepted again and breaks no watch."""
    cluster = Cluster()
    assert cluster.frame("a", Dial()) == ACCEPTED
    assert cluster.frame("a", Dial()) == ACCEPTED
    cluster.frame("a", Watch("nodes", "", "", "", ""), 7)
    assert cluster.frame("a", Dial()) == ACCEPTED
    assert hears(cluster)


def test_nothing_is_done_on_a_connection_that_is_not_open() -> None:
    """Requests and pings get a Reset; Close and Reset get nothing, so that two ends never reset each other for ever."""
    cluster = Cluster()
    refused: tuple[Message, ...] = (Get("nodes", "", "n1"), Ping(), Watch("nodes", "", "", "", ""))
    for message in refused:
        assert cluster.frame("a", message, 5, 1) == reset(1)
    assert cluster.frame("a", Ping(), 5, 0) == reset(0)
    assert cluster.frame("a", Dial(), connection=0) == reset(0)
    ignored: tuple[Message, ...] = (Close(), Reset())
    for message in ignored:
        assert cluster.frame("a", message) == []


def test_a_newer_connection_ends_the_older() -> None:
    """Its watches are gone, it cannot be used or dialed any more."""
    cluster = watching()
    assert cluster.frame("a", Dial(), connection=2) == [Send("a", Accept(), connection=2)]
    assert not hears(cluster)
    assert cluster.frame("a", Ping(), 1, 1) == reset(1)
    assert cluster.frame("a", Dial(), connection=1) == reset(1)
    assert cluster.frame("a", Ping(), 1, 2) == [Send("a", Pong(), 0, 1, 2)]


def test_a_client_that_closes_hears_no_more() -> None:
    """Close, Reset and an undelivered frame each end the connection and its watches."""
    messages: tuple[Message, ...] = (Close(), Reset())
    for message in messages:
        cluster = watching()
        assert hears(cluster)
        assert cluster.frame("a", message) == []
        assert not hears(cluster)
        assert cluster.frame("a", Dial()) == reset(1)
    cluster = watching()
    assert cluster.server.handle(Undelivered("a", 1), cluster.now_us) == []
    assert not hears(cluster)


def test_news_of_an_old_connection_do_not_end_the_new_one() -> None:
    """Close and refusal of connection 1 leave connection 2 alone."""
    cluster = watching(connection=2)
    cluster.frame("a", Close(), connection=1)
    cluster.server.handle(Undelivered("a", 1), cluster.now_us)
    assert hears(cluster)


def test_a_dial_whose_accept_was_refused_may_be_repeated() -> None:
    """A client that never heard an Accept repeats its SYN and gets in; one that was heard has to dial anew."""
    cluster = Cluster()
    cluster.frame("a", Dial())
    cluster.server.handle(Undelivered("a", 1), cluster.now_us)
    assert cluster.frame("a", Dial()) == ACCEPTED
    cluster.frame("a", Ping(), 1)
    cluster.server.handle(Undelivered("a", 1), cluster.now_us)
    assert cluster.frame("a", Dial()) == reset(1)


def test_an_unwatch_ends_one_watch() -> None:
    """It is answered; the other watch of the client goes on; ending it twice is no fault."""
    cluster = watching()
    cluster.frame("a", Watch("nodes", "", "", "", ""), 8)
    for _ in range(2):
        (answer,) = cluster.frame("a", Unwatch(7), 9)
        assert isinstance(answer, Send)
        assert (type(answer.message), answer.in_reply_to) == (Done, 9)
    assert not hears(cluster)
    assert len(cluster.events["a", 8]) == 1


def test_a_kubelets_watches_go_with_its_connection() -> None:
    """Watches by field, too: nobody is told of a change to the node of a client that dialed anew."""
    cluster = Cluster()
    cluster.create("nodes", node("a"))
    cluster.frame("node/a", Dial())
    cluster.frame("node/a", Watch("nodes", "", "metadata.name=a", "", ""), 3)
    cluster.patch("nodes", "a", {"spec": {"unschedulable": True}})
    assert len(cluster.events["node/a", 3]) == 1
    cluster.frame("node/a", Dial(), connection=2)
    cluster.patch("nodes", "a", {"spec": {"unschedulable": None}})
    assert len(cluster.events["node/a", 3]) == 1


def test_a_restarted_server_knows_objects_but_no_clients() -> None:
    """Started: connections and watches are gone, what is stored stays, and old versions cannot be watched from."""
    cluster = watching()
    made = cluster.create("nodes", node())
    cluster.server.handle(Started(), cluster.now_us)
    assert cluster.frame("a", Ping(), 1) == reset(1)
    assert cluster.frame(OPERATOR, Dial(), connection=1) == [Send(OPERATOR, Accept(), connection=1)]
    assert cluster.get("nodes", "n1") == made
    assert cluster.fails(Watch("nodes", "", "", "", "5")).code == 410


def test_what_does_not_concern_the_server_is_ignored() -> None:
    """Steps, timers and answers to nothing lead to nothing."""
    cluster = watching()
    for event in (Told("step"), TimerFired("x")):
        assert cluster.server.handle(event, cluster.now_us) == []
    assert cluster.frame("a", Done(200, b"", "")) == []


def test_the_state_can_be_copied() -> None:
    """A copy goes on alone: what it is told does not show in the original."""
    cluster = watching()
    cluster.create("pods", {"metadata": {"name": "p", "namespace": "default"}, "spec": {"containers": [{"name": "c"}]}})
    other = copy.deepcopy(cluster)
    assert hears(other)
    assert len(cluster.listed("nodes")) == 0
    assert len(other.listed("nodes")) == 1
    assert hears(cluster)
