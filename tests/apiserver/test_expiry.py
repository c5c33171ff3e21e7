"""When do events go by themselves, who hears of it, and what does a recorder do that wants to count one on?"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from nodesim.actors import Api
from nodesim.apiserver.expiry import SHARERS_MAX, Expiry
from nodesim.apiserver.process import ServerProcess
from nodesim.client import EventRecorder
from nodesim.client.process import Crash, Start
from nodesim.errors import ExitCode
from nodesim.machine import SetTimer, Started, TimerFired, Told
from nodesim.messages import Delete, Dial, Patch
from nodesim.scenario.load import load_scenario
from nodesim.scenario.runner import run_scenario
from nodesim.units import MINUTE, SECOND
from tests.actors.cases import own
from tests.apiserver.cluster import Cluster

HOUR: Final = 60 * MINUTE
TWO_OUTAGES: Final = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: expiring}
spec:
  duration: 15m
  settings: {eventTTL: 3m}
  nodes: [{name: w, count: 2}]
  actors: [{name: reader}]
  steps:
    - {at: 2m, cut: {nodes: [w-0]}, for: 1m30s, every: 2m, times: 2}
    - {at: 10m, cut: {nodes: [w-0]}}
  expect:
    - {event: {reason: NodeNotReady, object: Node/w-0}, within: [2m39s, 3m]}
"""
A, B, C = ("default", "a"), ("default", "b"), ("kube-system", "a")


@pytest.mark.parametrize(
    ("ttl_us", "writes", "gone"),
    [
        # A lease is longer than the hour by a minute.
        (HOUR, [(A, 0)], [(61 * MINUTE, [A])]),
        # Later writes take it while an hour is left of it, and go with it, in the order of their keys.
        (HOUR, [(B, 0), (C, 10 * SECOND), (A, MINUTE - 1)], [(61 * MINUTE, [A, B, C])]),
        (HOUR, [(B, 0), (A, MINUTE)], [(61 * MINUTE, [B]), (62 * MINUTE, [A])]),
        # A lease of this very instant is taken, too.
        (HOUR, [(A, 0), (B, 0)], [(61 * MINUTE, [A, B])]),
        # A later write of an event begins its time anew.
        (HOUR, [(A, 0), (B, 0), (A, 2 * MINUTE)], [(61 * MINUTE, [B]), (63 * MINUTE, [A])]),
        # Of shorter times the extra is one part in twenty; seconds count whole.
        (100 * SECOND, [(A, 0), (B, 5 * SECOND - 1)], [(105 * SECOND, [A, B])]),
        (100 * SECOND, [(A, 0), (B, 5 * SECOND)], [(105 * SECOND, [A]), (110 * SECOND, [B])]),
        (19 * SECOND + 999_999, [(A, 0), (B, 1)], [(19 * SECOND, [A]), (19 * SECOND + 1, [B])]),
    ],
)
def test_events_stay_for_their_time_and_go_in_bundles(
    ttl_us: int, writes: list[tuple[tuple[str, str], int]], gone: list[tuple[int, list[tuple[str, str]]]]
) -> None:
    """Each write takes a lease; what is due goes at its end, not a microsecond before."""
    expiry = Expiry(ttl_us)
    for key, at_us in writes:
        expiry.written(key, at_us)
    for at_us, keys in gone:
        assert expiry.next_us() == at_us
        assert expiry.due(at_us - 1) == []
        assert expiry.due(at_us) == keys
    assert expiry.next_us() is None


def test_a_lease_is_shared_by_a_thousand_writes() -> None:
    """The next one gets a lease of its own, as does the first of a new process."""
    expiry = Expiry(HOUR)
    for number in range(SHARERS_MAX):
        expiry.written(("default", f"e{number}"), 0)
    expiry.written(A, 1)
    expiry.restart()
    expiry.written(B, 2)
    assert len(expiry.due(61 * MINUTE)) == SHARERS_MAX
    assert expiry.due(61 * MINUTE + 1) == [A]
    assert expiry.due(61 * MINUTE + 2) == [B]


def test_who_deletes_an_event_leaves_nothing_to_expire() -> None:
    """Nor does the lease take an event away that was made again under the name."""
    expiry = Expiry(HOUR)
    expiry.written(A, 0)
    expiry.removed(A)
    assert expiry.due(61 * MINUTE) == []
    expiry.written(A, 2 * HOUR)
    expiry.removed(A)
    expiry.written(A, 2 * HOUR + 5 * MINUTE)
    assert expiry.due(3 * HOUR + MINUTE) == []
    assert expiry.due(3 * HOUR + 6 * MINUTE) == [A]


def event(name: str) -> dict[str, Any]:
    """An event as somebody writes it."""
    about = {"kind": "Node", "name": "n1"}
    return {"metadata": {"name": name, "namespace": "default"}, "involvedObject": about, "reason": "Odd"}


def test_watches_hear_of_an_event_that_expires_and_the_trace_does_not() -> None:
    """One timer, set by the first event; a deleted event expires no more, and no event is kept for ever."""
    cluster = Cluster()
    heard = cluster.watch("events")
    first_us = cluster.now_us + 61 * MINUTE
    for name in ("one", "two", "three"):
        cluster.create("events", event(name), "default")
        assert [e for e in cluster.effects if isinstance(e, SetTimer)] == (
            [SetTimer("expiry", first_us, caused=None)] if name == "one" else []
        )
    cluster.ok(Delete("events", "default", "three"))
    cluster.now_us += 30 * MINUTE
    cluster.patch("events", "two", {"count": 2}, "default")
    effects = cluster.server.handle(TimerFired("expiry"), first_us)
    assert cluster.gone("events", "one", "default")
    assert not cluster.gone("events", "two", "default")
    assert SetTimer("expiry", first_us + 30 * MINUTE, caused=None) in effects
    effects += cluster.server.handle(TimerFired("expiry"), first_us + 30 * MINUTE)
    assert cluster.listed("events") == []
    assert [type(effect).__name__ for effect in effects] == ["Send", "SetTimer", "Send"]
    assert [kind for kind, _ in cluster.heard(heard)] == ["ADDED", "ADDED", "ADDED", "DELETED", "MODIFIED"]


def test_events_expire_while_the_api_server_is_down() -> None:
    """They are etcd's: the next process finds them gone, and goes on with the others."""
    cluster = Cluster()
    process = ServerProcess("apiserver", cluster.server)
    process.handle(Started(), 0)
    cluster.create("events", event("one"), "default")
    cluster.now_us += 10 * MINUTE
    cluster.create("events", event("two"), "default")
    process.handle(Told(Crash()), 20 * MINUTE)
    assert process.handle(TimerFired("expiry"), 62 * MINUTE) == []
    effects = process.handle(Told(Start()), 63 * MINUTE)
    (timer,) = [effect for effect in effects if isinstance(effect, SetTimer)]
    assert timer.at_us == cluster.now_us + 61 * MINUTE
    cluster.frame("operator", Dial())
    assert [found["metadata"]["name"] for found in cluster.listed("events")] == ["two"]


def test_a_recorder_makes_an_event_anew_that_is_gone() -> None:
    """Under its name, with its count and its first time; what it repeats while the event is there is a patch."""
    cluster = Cluster()
    recorder = EventRecorder("kubelet")
    about = ("Node", "", "n1", "n1", "Normal", "NodeReady", "ready")
    first, second, third = (recorder.event(at_us, *about) for at_us in (SECOND, 70 * MINUTE, 80 * MINUTE))
    assert first.if_missing is None
    assert isinstance(second.request, Patch)
    assert second.if_missing is not None
    made = cluster.ok(first.request)
    cluster.server.handle(TimerFired("expiry"), cluster.now_us + 61 * MINUTE)
    assert cluster.fails(second.request).code == 404
    anew = cluster.ok(second.if_missing)
    assert anew["metadata"]["name"] == made["metadata"]["name"]
    assert {key: anew[key] for key in ("count", "firstTimestamp", "lastTimestamp", "reason", "involvedObject")} == {
        "count": 2,
        "firstTimestamp": SECOND,
        "lastTimestamp": 70 * MINUTE,
        "reason": "NodeReady",
        "involvedObject": made["involvedObject"],
    }
    assert cluster.ok(third.request)["count"] == 3


def test_a_story_of_an_event_that_expires_between_two_outages(tmp_path: Path) -> None:
    """The second outage finds the event of the first gone and makes it anew as number two; one who watches sees all."""

    async def reader(api: Api) -> None:
        async with api.watch("events") as events:
            async for seen in events:
                if seen.object["reason"] == "NodeNotReady" and seen.object["involvedObject"]["kind"] == "Node":
                    api.record("Saw", "", type=seen.type, count=seen.object["count"], at=seen.object["lastTimestamp"])

    path = tmp_path / "expiring.yaml"
    path.write_text(TWO_OUTAGES)
    result = run_scenario(load_scenario(path), actors={"reader": reader})
    assert result.exit_code is ExitCode.HELD
    seen = [(t_us // SECOND, fields["type"], fields["count"]) for t_us, _, fields in own(result, "reader")]
    assert seen == [
        (171, "ADDED", 1),
        (291, "MODIFIED", 2),
        (291 + 189, "DELETED", 2),
        (646, "ADDED", 3),
        (646 + 189, "DELETED", 3),
    ]
