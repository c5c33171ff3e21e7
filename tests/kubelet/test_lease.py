"""When is the Lease renewed, and what happens when that fails?"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from nodesim.kubelet.lease import LeaseKeeper
from nodesim.machine import Answered, Call, ProgramEffect, SetTimer
from nodesim.messages import Create, Get, Renew, Update
from nodesim.objects import Document, decode_document
from nodesim.profiles import V1_24, V1_36, Profile, Settings
from nodesim.streams import Streams
from nodesim.units import MILLISECOND, SECOND
from tests.kubelet.bench import Bench, FakeApi

SETTLED_US = 25 * SECOND
"""By then every lease exists and was renewed once."""


def settled(profile: Profile = V1_36) -> Bench:
    """A kubelet whose lease exists."""
    bench = Bench(profile=profile)
    bench.run(SETTLED_US)
    bench.calls.clear()
    return bench


def test_the_first_lease_appears_at_the_second_tick_of_a_first_boot() -> None:
    """At 0 s there is no Node to own the lease, so the keeper gives up silently; it makes the lease at 10.0-10.4 s."""
    bench = Bench()
    bench.run(12 * SECOND)
    steps = bench.steps("lease")
    assert steps[:2] == [(0, "get"), (2 * MILLISECOND, "owner-to-create")]
    assert [step for _, step in steps[2:]] == ["get", "owner-to-create", "post"]
    [(made_us, request)] = bench.requests(Create, "leases")
    assert 10 * SECOND <= made_us <= 10 * SECOND + 420 * MILLISECOND
    lease = decode_document(request.document)
    assert lease["spec"] == {"holderIdentity": "n1", "leaseDurationSeconds": 40, "renewTime": made_us}
    assert lease["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "uid-nodes-n1"}
    ]


def test_a_restarted_kubelet_renews_at_once() -> None:
    """Node and lease are there: the lease is read and renewed within milliseconds of the start."""
    first = Bench()
    first.run(SETTLED_US)
    bench = Bench(api=first.api, start_us=SETTLED_US)
    bench.run(SETTLED_US + SECOND)
    assert bench.steps("lease") == [(SETTLED_US, "get"), (SETTLED_US + 2 * MILLISECOND, "put")]


def test_renewals_follow_each_other_by_ten_seconds_and_a_little() -> None:
    """The next renewal comes 10.0-10.4 s after the answer to the last, and carries the instant it was sent."""
    bench = settled()
    bench.run(300 * SECOND)
    puts = bench.requests(Renew, "leases")
    assert len(puts) >= 25
    assert [step for _, step in bench.steps("lease")] == ["put"] * len(puts)
    for (before_us, before), (after_us, request) in itertools.pairwise(puts):
        assert 10 * SECOND <= after_us - before_us - 2 * MILLISECOND < 10 * SECOND + 400 * MILLISECOND
        assert request.renew_us == after_us
        assert int(request.resource_version) > int(before.resource_version)
        assert (request.namespace, request.name, request.uid) == ("kube-node-lease", "n1", "uid-leases-n1")
    last_us, last = puts[-1]
    stored = bench.api.objects["leases", "n1"]
    assert stored["spec"] == {"holderIdentity": "n1", "leaseDurationSeconds": 40, "renewTime": last_us}
    assert int(stored["metadata"]["resourceVersion"]) > int(last.resource_version)


def keeper(profile: Profile = V1_36) -> LeaseKeeper:
    """A keeper that has just asked for its lease."""
    made = LeaseKeeper("n1", Settings(), profile, Streams(1).stream("x"))
    [call] = made.fired(0)
    assert call == Call(("lease", "get"), Get("leases", "kube-node-lease", "n1"), 10 * SECOND)
    return made


def lease(*, metadata: Document | None = None, **spec: Any) -> Document:
    """The lease as the server has it, with other metadata or spec; what is None is left out."""
    owner = [{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u"}]
    known = {"name": "n1", "namespace": "kube-node-lease", "uid": "l", "resourceVersion": "1", "ownerReferences": owner}
    known |= metadata or {}
    wanted = {"holderIdentity": "n1", "leaseDurationSeconds": 40, "renewTime": 7} | spec
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {name: item for name, item in known.items() if item is not None},
        "spec": {name: item for name, item in wanted.items() if item is not None},
    }


def request_of(effects: list[ProgramEffect]) -> Any:
    """The request of the one call among effects."""
    [call] = [effect for effect in effects if isinstance(effect, Call)]
    assert len(effects) == 1
    assert call.tag == ("lease", "put")
    assert call.timeout_us == 10 * SECOND
    return call.request


def test_a_renewal_is_one_call_and_one_draw() -> None:
    """The hot path: timer in, one PUT out; answer in, one timer out."""
    streams = Streams(1)
    keeper = LeaseKeeper("n1", Settings(), V1_36, streams.stream("x"))
    keeper.fired(0)
    request = request_of(keeper.answered(Answered(("lease", "get"), 200, document=lease()), 3))
    assert request == Renew("kube-node-lease", "n1", "l", "1", 3)
    effects = keeper.answered(Answered(("lease", "put"), 200, resource_version="2"), 5)
    assert [type(effect) for effect in effects] == [SetTimer]
    assert streams.stream("x").index == 1
    assert request_of(keeper.fired(10 * SECOND)) == Renew("kube-node-lease", "n1", "l", "2", 10 * SECOND)


@pytest.mark.parametrize(
    ("ahead_us", "first_us"), [(0, 10 * SECOND), (3 * SECOND, 7 * SECOND), (23 * SECOND, 7 * SECOND)]
)
def test_a_keeper_that_is_ahead_shortens_its_first_pause_only(ahead_us: int, first_us: int) -> None:
    """What counts is the part of a period; every later pause is 10.0 to 10.4 s."""
    keeper = LeaseKeeper("n1", Settings(), V1_36, Streams(1).stream("x"), ahead_us=ahead_us)
    keeper.fired(0)
    keeper.answered(Answered(("lease", "get"), 200, document=lease()), 0)
    pauses = []
    for version in ("2", "3", "4"):
        [timer] = keeper.answered(Answered(("lease", "put"), 200, resource_version=version), 0)
        assert isinstance(timer, SetTimer)
        pauses.append(timer.at_us)
        keeper.fired(0)
    for pause_us, wanted_us in zip(pauses, (first_us, 10 * SECOND, 10 * SECOND), strict=True):
        assert wanted_us <= pause_us < wanted_us + 400 * MILLISECOND


@pytest.mark.parametrize(
    "found",
    [
        lease(),
        lease(renewTime=0),
        lease(holderIdentity="other"),
        lease(leaseTransitions=3, acquireTime=1),
        lease(metadata={"labels": {"a": "b"}}),
    ],
)
def test_a_lease_that_is_as_it_should_be_is_renewed_without_its_document(found: Document) -> None:
    """Whatever else others wrote into it: only the renewTime would be new in the PUT."""
    request = request_of(keeper().answered(Answered(("lease", "get"), 200, document=found), 3))
    assert request == Renew("kube-node-lease", "n1", "l", "1", 3)


@pytest.mark.parametrize(
    "found",
    [lease(leaseDurationSeconds=20), lease(leaseDurationSeconds=None), lease(renewTime=None)],
)
def test_a_lease_that_differs_is_first_written_whole(found: Document) -> None:
    """Another duration, or no renewTime: one PUT of the whole document on the found base, then renewals only."""
    made = keeper()
    request = request_of(made.answered(Answered(("lease", "get"), 200, document=found), 3))
    assert isinstance(request, Update)
    assert (request.resource, request.namespace, request.name) == ("leases", "kube-node-lease", "n1")
    written = decode_document(request.document)
    assert written == lease(renewTime=3)
    assert found["metadata"] == lease()["metadata"], "the answer's document is not ours to change"
    stored = lease(metadata={"resourceVersion": "2"}, renewTime=3)
    made.answered(Answered(("lease", "put"), 200, document=stored, resource_version="2"), 5)
    assert request_of(made.fired(10 * SECOND)) == Renew("kube-node-lease", "n1", "l", "2", 10 * SECOND)


@pytest.mark.parametrize("profile", [V1_24, V1_36])
def test_a_lease_without_owner_is_written_whole_with_one(profile: Profile) -> None:
    """The Node is read, the whole document goes out with the reference to it; the next renewal is a short one."""
    made = keeper(profile)
    found = lease(metadata={"ownerReferences": None})
    [call] = made.answered(Answered(("lease", "get"), 200, document=found), 3)
    assert call == Call(("lease", "owner-to-update"), Get("nodes", "", "n1"), 10 * SECOND)
    node = {"metadata": {"name": "n1", "uid": "u"}}
    request = request_of(made.answered(Answered(("lease", "owner-to-update"), 200, document=node), 5))
    assert isinstance(request, Update)
    assert decode_document(request.document) == lease(renewTime=5)
    stored = lease(metadata={"resourceVersion": "2"}, renewTime=5)
    made.answered(Answered(("lease", "put"), 200, document=stored, resource_version="2"), 7)
    assert request_of(made.fired(10 * SECOND)) == Renew("kube-node-lease", "n1", "l", "2", 10 * SECOND)


def test_before_1_29_a_lease_without_owner_is_always_written_whole() -> None:
    """While there is no Node the document goes out without a reference, at each renewal after another look for it."""
    made = keeper(V1_24)
    found = lease(metadata={"ownerReferences": None})
    effects = made.answered(Answered(("lease", "get"), 200, document=found), 3)
    for version, now_us in (("1", 3), ("2", 10 * SECOND)):
        [call] = effects
        assert isinstance(call, Call)
        assert call.tag == ("lease", "owner-to-update")
        request = request_of(made.answered(Answered(call.tag, 404, "NotFound"), now_us))
        assert isinstance(request, Update)
        changes = {"ownerReferences": None, "resourceVersion": version}
        assert decode_document(request.document) == lease(metadata=changes, renewTime=now_us)
        stored = lease(metadata={**changes, "resourceVersion": "2"}, renewTime=now_us)
        made.answered(Answered(("lease", "put"), 200, document=stored, resource_version="2"), now_us)
        effects = made.fired(10 * SECOND)


def test_a_conflict_is_followed_by_a_put_on_what_was_read() -> None:
    """A fresh base that is as it should be is renewed in short; one that somebody changed is written whole."""
    for found, kind in ((lease(metadata={"resourceVersion": "9"}), Renew), (lease(leaseDurationSeconds=20), Update)):
        made = keeper()
        made.answered(Answered(("lease", "get"), 200, document=lease()), 3)
        [call] = made.answered(Answered(("lease", "put"), 409, "Conflict"), 5)
        assert isinstance(call, Call)
        assert call.tag == ("lease", "get")
        request = request_of(made.answered(Answered(call.tag, 200, document=found), 7))
        assert type(request) is kind
        if isinstance(request, Renew):
            assert request == Renew("kube-node-lease", "n1", "l", "9", 7)
        else:
            assert decode_document(request.document) == lease(renewTime=7)


def test_a_try_after_an_error_carries_the_instant_of_the_try() -> None:
    """A 500 and a silence are followed by the same renewal of a later instant."""
    made = keeper()
    made.answered(Answered(("lease", "get"), 200, document=lease()), 3)
    for answer, now_us in ((Answered(("lease", "put"), 500), 5), (Answered(("lease", "put"), 0, "Timeout"), 9)):
        assert request_of(made.answered(answer, now_us)) == Renew("kube-node-lease", "n1", "l", "1", now_us)


def test_the_first_put_after_a_lease_was_made_is_already_short() -> None:
    """The answer to the POST has everything that the kubelet would write."""
    bench = Bench()
    bench.run(SETTLED_US)
    assert [step for _, step in bench.steps("lease")][-2:] == ["post", "put"]
    [(renewed_us, renewal)] = bench.requests(Renew, "leases")
    assert bench.requests(Update, "leases") == []
    assert (renewal.uid, renewal.renew_us) == ("uid-leases-n1", renewed_us)


def test_a_silent_server_gets_five_puts_then_gets_with_backoff() -> None:
    """Dropped: 5 PUTs of 10 s, then GETs of 10 s with pauses of 200 ms, doubling up to 7 s, until one is answered."""
    bench = settled()
    bench.api.cut = True
    bench.run(SETTLED_US + 200 * SECOND)
    steps = bench.steps("lease")
    begun_us = steps[0][0]
    expected = [(begun_us + n * 10 * SECOND, "put") for n in range(5)]
    at_us = begun_us + 50 * SECOND
    for pause_ms in (200, 400, 800, 1600, 3200, 6400, 7000, 7000):
        expected.append((at_us, "get"))
        at_us += 10 * SECOND + pause_ms * MILLISECOND
    assert steps[: len(expected)] == expected


def test_after_a_heal_the_waiting_get_leads_to_one_put() -> None:
    """Back 0-17 s after the heal: the GET in flight or the pause ends, then a GET and a PUT."""
    bench = settled()
    bench.api.cut = True
    bench.run(SETTLED_US + 100 * SECOND)
    healed_us = bench.now_us
    bench.api.cut = False
    bench.calls.clear()
    bench.run(healed_us + 30 * SECOND)
    steps = bench.steps("lease")
    assert [step for _, step in steps[:2]] == ["get", "put"]
    assert steps[1][0] - healed_us <= 17 * SECOND + 2 * MILLISECOND
    bench.api.cut = True
    bench.calls.clear()
    bench.run(healed_us + 130 * SECOND)
    gets = [t for t, step in bench.steps("lease") if step == "get"]
    assert gets[1] - gets[0] == 10 * SECOND + 200 * MILLISECOND, "the pauses begin anew"


def test_a_conflict_reads_the_lease_again_and_uses_up_one_try() -> None:
    """409: GET, then PUT on the fresh base, in the same tick; after five conflicts a last round of five."""
    bench = settled()
    bench.api.refuse["update", "leases"] = [409]
    bench.run(SETTLED_US + 11 * SECOND)
    assert [step for _, step in bench.steps("lease")][:3] == ["put", "get", "put"]

    bench = settled()
    bench.api.refuse["update", "leases"] = [409] * 10
    bench.run(SETTLED_US + 11 * SECOND)
    rounds = ["put", "get"] * 5
    assert [step for _, step in bench.steps("lease")][:22] == [
        *rounds,
        "get",
        *rounds,
    ][:22]


def test_a_deleted_lease_is_made_again_in_the_same_tick() -> None:
    """PUT 409 (its uid is a precondition), GET 404, GET node, POST, PUT."""
    bench = settled()
    bench.api.drop("leases", "n1")
    bench.run(SETTLED_US + 11 * SECOND)
    assert [step for _, step in bench.steps("lease")] == ["put", "get", "owner-to-create", "post", "put"]


@pytest.mark.parametrize(("profile", "remade"), [(V1_36, False), (V1_24, True)])
def test_without_a_node_no_lease_is_made_from_1_29_on(profile: Profile, remade: bool) -> None:
    """From 1.29 a missing owner fails the write; before, a PUT without uid made a lease without owner."""
    bench = settled(profile)
    bench.api.drop("leases", "n1")
    bench.api.drop("nodes", "n1")
    bench.run(SETTLED_US + 60 * SECOND)
    steps = [step for _, step in bench.steps("lease")]
    if remade:
        assert steps[:5] == ["put", "get", "owner-to-create", "owner-to-update", "put"]
        assert "ownerReferences" not in bench.api.objects["leases", "n1"]["metadata"]
    else:
        assert steps[:9] == ["put", "get", "owner-to-create", *["owner-to-update"] * 4, "get", "owner-to-create"]
        assert ("leases", "n1") not in bench.api.objects


def test_a_node_that_comes_back_gets_its_lease_at_the_next_tick() -> None:
    """The keeper tries at every tick while the Node is gone."""
    bench = settled()
    node = bench.api.objects["nodes", "n1"]
    bench.api.drop("leases", "n1")
    bench.api.drop("nodes", "n1")
    bench.run(SETTLED_US + 60 * SECOND)
    bench.api.put("nodes", node)
    bench.run(SETTLED_US + 71 * SECOND)
    assert ("leases", "n1") in bench.api.objects


def test_other_errors_are_tried_again_at_once() -> None:
    """A 500 costs one of the five tries, without pause and without a GET."""
    bench = settled()
    bench.api.refuse["update", "leases"] = [500, 500, 500, 500]
    bench.run(SETTLED_US + 11 * SECOND)
    steps = bench.steps("lease")
    assert [step for _, step in steps[:5]] == ["put"] * 5
    assert steps[4][0] - steps[0][0] == 8 * MILLISECOND


def test_a_failed_post_waits_like_a_failed_get() -> None:
    """POST 500: 200 ms later it begins again with a GET."""
    api = FakeApi()
    api.refuse["create", "leases"] = [500]
    bench = Bench(api=api)
    bench.run(12 * SECOND)
    steps = bench.steps("lease")[2:]
    assert [step for _, step in steps] == ["get", "owner-to-create", "post"] * 2
    assert steps[3][0] - steps[2][0] == 202 * MILLISECOND
