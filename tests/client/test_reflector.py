"""How does a cache take in renewals, which carry no document?"""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.client import ClientMachine, WatchSpec
from nodesim.client.reflector import Reflector
from nodesim.machine import Changed, Send, SetTimer, Started, TimerFired
from nodesim.messages import Accept, Done, Listed, Renewed, Reset, Watch, WatchEvent
from nodesim.objects import Document, encode_document
from nodesim.streams import Streams
from tests.client.script import frame

View = tuple[str, int]


def packed(name: str, version: str, renew_us: int = 0, namespace: str = "s") -> bytes:
    """The wire form of a lease."""
    metadata = {"name": name, "namespace": namespace, "resourceVersion": version}
    return encode_document({"kind": "Lease", "metadata": metadata, "spec": {"renewTime": renew_us}})


def view(document: Document) -> View:
    """Version and renewTime."""
    return document["metadata"]["resourceVersion"], document["spec"]["renewTime"]


def listed(version: str, *leases: bytes) -> Listed:
    """The answer to a list."""
    return Listed(leases, version)


def following(*, port: bool = True) -> tuple[Reflector, list[tuple[str, int]]]:
    """A cache of the leases w0 (version 4) and w1 (5), which follows since 5, and what its port hears."""
    heard: list[tuple[str, int]] = []
    renewed = (lambda name, renew_us: heard.append((name, renew_us))) if port else None
    reflector = Reflector(WatchSpec("leases", view, namespace="s", renewed=renewed), Streams(1).stream("x"))
    reflector.answered(listed("5", packed("w0", "4"), packed("w1", "5")), 1)
    reflector.answered(Done(200, b"", "5"), 2)
    return reflector, heard


@pytest.mark.parametrize("port", [True, False])
def test_a_watch_is_brief_where_there_is_a_port_for_renewals(port: bool) -> None:
    """Without one, whole leases are asked for."""
    reflector, _ = following(port=port)
    assert reflector.request() == Watch("leases", "s", "", "", "5", brief=port)


def test_a_renewal_goes_to_the_port_and_moves_the_versions_on() -> None:
    """The port hears name and renewTime; the next watch begins after it; the view keeps its older time."""
    reflector, heard = following()
    for n, version in enumerate(("7", "8", "9")):
        reflector.renewed(Renewed("s", "w0", version, 70 + n))
        assert reflector.version == version
    assert heard == [("w0", 70), ("w0", 71), ("w0", 72)]
    assert reflector.versions == {"s/w0": "9", "s/w1": "5"}
    assert reflector.cache == {"s/w0": ("4", 0), "s/w1": ("5", 0)}
    assert reflector.request() == Watch("leases", "s", "", "", "9", brief=True)


@pytest.mark.parametrize("event", [Renewed("s", "w9", "7", 70), Renewed("other", "w0", "7", 70)])
def test_a_renewal_of_a_lease_that_is_not_in_the_cache_is_ignored(event: Renewed) -> None:
    """Another name, or the name in another namespace: neither port nor versions see it."""
    reflector, heard = following()
    reflector.renewed(event)
    assert heard == []
    assert (reflector.version, reflector.versions) == ("5", {"s/w0": "4", "s/w1": "5"})


def test_a_renewal_of_a_deleted_lease_is_ignored() -> None:
    """It is in the cache no more; made again, it is renewed again."""
    reflector, heard = following()
    assert reflector.saw(WatchEvent("DELETED", packed("w0", "6"))) == Changed("leases", "s/w0", ("4", 0), None)
    reflector.renewed(Renewed("s", "w0", "7", 70))
    assert (heard, reflector.version) == ([], "6")
    assert reflector.saw(WatchEvent("ADDED", packed("w0", "8", 80))) == Changed("leases", "s/w0", None, ("8", 80))
    reflector.renewed(Renewed("s", "w0", "9", 90))
    assert (heard, reflector.version) == ([("w0", 90)], "9")


def test_a_renewal_on_a_watch_without_a_port_is_ignored() -> None:
    """Nobody asked for it."""
    reflector, _ = following(port=False)
    reflector.renewed(Renewed("s", "w0", "7", 70))
    assert (reflector.version, reflector.versions["s/w0"]) == ("5", "4")


def test_a_whole_lease_after_renewals_is_told_as_a_change_of_the_view_before_them() -> None:
    """Something else than renewTime changed: the program hears of it, with the last view it was given as the old."""
    reflector, heard = following()
    reflector.renewed(Renewed("s", "w0", "7", 70))
    change = reflector.saw(WatchEvent("MODIFIED", packed("w0", "8", 71)))
    assert change == Changed("leases", "s/w0", ("4", 0), ("8", 71))
    assert (reflector.version, reflector.versions["s/w0"]) == ("8", "8")
    assert heard == [("w0", 70)]


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ((packed("w0", "7", 70), packed("w1", "5")), []),
        ((packed("w0", "9", 90), packed("w1", "5")), [Changed("leases", "s/w0", ("4", 0), ("9", 90))]),
        ((packed("w0", "4"), packed("w1", "5")), [Changed("leases", "s/w0", ("4", 0), ("4", 0))]),
        ((packed("w1", "5"),), [Changed("leases", "s/w0", ("4", 0), None)]),
        ((packed("w0", "7", 70), packed("w1", "8", 80)), [Changed("leases", "s/w1", ("5", 0), ("8", 80))]),
    ],
    ids=["as renewed", "renewed meanwhile", "from before the renewal", "gone", "another renewed meanwhile"],
)
def test_a_list_after_a_break_is_compared_with_the_version_of_the_last_renewal(
    shown: tuple[bytes, ...], told: list[Changed]
) -> None:
    """What the port has heard of is not told again; what it missed is, as a change."""
    reflector, heard = following()
    reflector.renewed(Renewed("s", "w0", "7", 70))
    reflector.broken()
    assert reflector.next == "list"
    assert reflector.answered(listed("12", *shown), 3) == told
    assert heard == [("w0", 70)]
    assert reflector.request() == Watch("leases", "s", "", "", "12", brief=True)
    reflector.renewed(Renewed("s", "w1", "13", 130))
    assert (heard[-1], reflector.version) == (("w1", 130), "13")


def test_what_a_list_after_a_break_no_longer_shows_is_gone() -> None:
    """It went while nobody watched: told as a deletion, by key, behind what appeared; and forgotten."""
    reflector, _ = following()
    reflector.broken()
    events = [Changed("leases", "s/w2", None, ("8", 80)), Changed("leases", "s/w0", ("4", 0), None)]
    assert reflector.answered(listed("12", packed("w1", "5"), packed("w2", "8", 80)), 3) == events
    reflector.broken()
    assert reflector.answered(listed("13", packed("w1", "5"), packed("w2", "8", 80)), 4) == []


class Deaf:
    """A program that may hear of nothing but its start and its caches."""

    def __init__(self) -> None:
        self.turns = 0

    def handle(self, event: Any, now_us: int) -> list[Any]:
        """Count."""
        self.turns += 1
        return []


def test_a_renewal_takes_no_turn_and_one_of_a_watch_that_is_over_is_not_heard() -> None:
    """Nothing is sent and no timer moves; one of another watch, or of the connection before, changes nothing."""
    heard: list[tuple[str, int]] = []
    spec = WatchSpec("leases", view, namespace="s", renewed=lambda name, renew_us: heard.append((name, renew_us)))
    program = Deaf()
    machine = ClientMachine("someone", program, [spec], Streams(1))
    machine.handle(Started(), 0)
    machine.handle(frame(Accept()), 1000)
    machine.handle(frame(listed("5", packed("w0", "4")), in_reply_to=1), 2000)
    machine.handle(frame(Done(200, b"", "5"), in_reply_to=2), 3000)
    turns = program.turns
    assert machine.handle(frame(Renewed("s", "w0", "7", 70), in_reply_to=2), 4000) == []
    assert machine.handle(frame(Renewed("s", "w0", "8", 80), in_reply_to=9), 5000) == []
    assert heard == [("w0", 70)]
    broken = machine.handle(frame(Reset()), 6000)
    [timer] = [effect for effect in broken if isinstance(effect, SetTimer)]
    late = machine.handle(frame(Renewed("s", "w0", "9", 90), in_reply_to=2), 7000)
    assert late == [Send("apiserver", Reset(), connection=1)]
    machine.handle(TimerFired(timer.key), timer.at_us)
    machine.handle(frame(Accept(), 2), timer.at_us)
    assert machine.handle(frame(Renewed("s", "w0", "9", 90), 2, in_reply_to=2), timer.at_us) == []
    assert heard == [("w0", 70)]
    assert program.turns == turns
