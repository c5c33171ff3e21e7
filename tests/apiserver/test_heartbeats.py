"""A renewal in its shortest form does what the PUT of the whole lease would do."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodesim.machine import Send
from nodesim.messages import Create, Dial, Done, Failure, Renew, Renewed, Update, Watch, WatchEvent
from nodesim.objects import Document, decode_document, encode_document
from nodesim.units import SECOND
from tests.apiserver.cluster import Cluster, lease

SPACE = "kube-node-lease"


def _cluster(*, heartbeats: bool = False, renewed: bool = True) -> tuple[Cluster, Document]:
    """A cluster with one lease, watched briefly (77) and in full (78); the lease as it is stored."""
    cluster = Cluster(heartbeats=heartbeats)
    cluster.frame("node-controller", Dial())
    cluster.frame("node-controller", Watch("leases", SPACE, "", "", "", brief=True), 77)
    cluster.frame("node-controller", Watch("leases", SPACE, "", "", ""), 78)
    owned = lease()
    owned["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u"}]
    if renewed:
        owned["spec"]["renewTime"] = 5
    else:
        owned["spec"].pop("renewTime", None)
    made = cluster.ok(Create("leases", SPACE, encode_document(owned)), "node/n1")
    cluster.now_us += 10 * SECOND
    return cluster, made


def _renew(made: Document, renew_us: int, **other: str) -> Renew:
    """The shortest form; `other` overrides name, uid or resource_version."""
    metadata = made["metadata"]
    fields = {"name": metadata["name"], "uid": metadata["uid"], "resource_version": metadata["resourceVersion"]}
    fields |= other
    return Renew(SPACE, fields["name"], fields["uid"], fields["resource_version"], renew_us)


def _put(made: Document, renew_us: int, **other: str) -> Update:
    """The same as a PUT of the whole document."""
    whole = copy.deepcopy(made)
    whole["spec"]["renewTime"] = renew_us
    whole["metadata"]["name"] = name = other.get("name", whole["metadata"]["name"])
    whole["metadata"]["uid"] = other.get("uid", whole["metadata"]["uid"])
    whole["metadata"]["resourceVersion"] = other.get("resource_version", whole["metadata"]["resourceVersion"])
    return Update("leases", SPACE, name, "", encode_document(whole), brief=True)


def _told(cluster: Cluster) -> list[Any]:
    """(watch, what it says of the lease: version and renewTime) of the last call's events."""
    told: list[Any] = []
    for effect in cluster.effects:
        if isinstance(effect, Send) and isinstance(effect.message, Renewed):
            told.append((effect.in_reply_to, effect.message.resource_version, effect.message.renew_us))
        elif isinstance(effect, Send) and isinstance(effect.message, WatchEvent):
            document = decode_document(effect.message.document)
            version, renew_us = document["metadata"]["resourceVersion"], document["spec"].get("renewTime")
            told.append((effect.in_reply_to, version, renew_us))
    return told


CASES: dict[str, tuple[int, dict[str, str]]] = {
    "the stored version": (99, {}),
    "the same renewTime": (5, {}),
    "an earlier renewTime": (1, {}),
    "a negative renewTime": (-7, {}),
    "a huge renewTime": (2**62, {}),
    "a stale version": (99, {"resource_version": "1"}),
    "no version": (99, {"resource_version": ""}),
    "no number as version": (99, {"resource_version": "x"}),
    "another uid": (99, {"uid": "other"}),
    "a lease that is not there": (99, {"name": "n2"}),
}


@pytest.mark.parametrize("heartbeats", [False, True])
@pytest.mark.parametrize("renewed", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_renewal_and_the_put_of_the_whole_lease_do_the_same(case: str, renewed: bool, heartbeats: bool) -> None:
    """Same answer, same stored lease, same news for brief and full watchers, same counters."""
    renew_us, other = CASES[case]
    outcomes = []
    for make in (_renew, _put):
        cluster, made = _cluster(heartbeats=heartbeats, renewed=renewed)
        answer = cluster.call(make(made, renew_us, **other), "node/n1")
        told = _told(cluster)
        late = cluster.watch("leases", "metadata.name=n1", version=made["metadata"]["resourceVersion"])
        server = cluster.server
        outcomes.append((answer, told, cluster.get("leases", "n1", SPACE), cluster.documents(late), server.renewals))
    assert outcomes[0] == outcomes[1]


def test_a_brief_watcher_hears_only_what_is_new_and_a_full_one_the_whole_lease() -> None:
    """Both of one renewal; nothing else is sent but the brief answer."""
    cluster, made = _cluster()
    answer = cluster.call(_renew(made, 99), "node/n1")
    version = str(cluster.now_us * 1000)
    assert answer == Done(200, b"", version)
    whole = copy.deepcopy(made)
    whole["metadata"]["resourceVersion"], whole["spec"]["renewTime"] = version, 99
    news = [effect.message for effect in cluster.effects if isinstance(effect, Send)][1:]
    assert news == [Renewed(SPACE, "n1", version, 99), WatchEvent("MODIFIED", encode_document(whole))]
    assert cluster.get("leases", "n1", SPACE) == whole
    assert cluster.server.renewals == 1


def test_another_change_is_told_whole_to_brief_watchers_too() -> None:
    """Only a renewal is brief."""
    cluster, made = _cluster()
    made["spec"]["leaseDurationSeconds"] = 20
    cluster.update("leases", made)
    assert all(isinstance(e.message, WatchEvent) for e in cluster.effects[1:] if isinstance(e, Send))


def test_a_broken_lease_is_a_bad_request() -> None:
    """Bytes that are no document."""
    cluster, _ = _cluster()
    broken = cluster.call(Update("leases", SPACE, "n1", "", b"\xc1", True))
    assert isinstance(broken, Failure)
    assert broken.code == 400


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50)), max_size=12))
def test_any_mix_of_renewals_and_updates_replays_to_what_is_stored(steps: list[tuple[bool, int]]) -> None:
    """A cache kept by brief news, one kept by whole leases, and a late watch all end at the store's lease."""
    cluster, made = _cluster()
    first = made["metadata"]["resourceVersion"]
    brief = full = copy.deepcopy(made)
    for short, value in steps:
        cluster.now_us += SECOND
        current = cluster.get("leases", "n1", SPACE)
        if short:
            cluster.call(_renew(current, value), "node/n1")
        else:
            current["spec"]["leaseDurationSeconds"] = 40 + value
            cluster.update("leases", current)
        for effect in cluster.effects:
            if not isinstance(effect, Send):
                continue
            message = effect.message
            if isinstance(message, Renewed):
                brief = copy.deepcopy(brief)
                brief["metadata"]["resourceVersion"] = message.resource_version
                brief["spec"]["renewTime"] = message.renew_us
            elif isinstance(message, WatchEvent) and effect.in_reply_to == 77:
                brief = decode_document(message.document)
            elif isinstance(message, WatchEvent) and effect.in_reply_to == 78:
                full = decode_document(message.document)
    stored = cluster.get("leases", "n1", SPACE)
    assert brief == stored
    assert full == stored
    late = cluster.documents(cluster.watch("leases", version=first))
    assert (late[-1] if late else made) == stored
