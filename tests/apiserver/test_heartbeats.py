"""The short path of lease renewals does what the long one would."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from nodesim.machine import Send
from nodesim.messages import Dial, Done, Failure, Update, Watch, WatchEvent
from nodesim.objects import Document, decode_document, encode_document
from nodesim.units import SECOND
from tests.apiserver.cluster import Cluster, lease, put


def _cluster(*, heartbeats: bool = False) -> tuple[Cluster, Document]:
    """A cluster with one lease that one client watches; with heartbeats recorded the short path is not taken."""
    cluster = Cluster(heartbeats=heartbeats)
    cluster.frame("node-controller", Dial())
    cluster.frame("node-controller", Watch("leases", "", "", "", ""), 77)
    owned = lease()
    owned["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u"}]
    made = cluster.create("leases", owned, client="node/n1")
    cluster.now_us += 10 * SECOND
    return cluster, made


def test_a_renewal_is_answered_and_told() -> None:
    """A brief answer with the new version, one event with the whole lease, nothing else."""
    cluster, made = _cluster()
    made["spec"]["renewTime"] = cluster.now_us
    answer = cluster.call(put("leases", made, brief=True), "node/n1")
    version = str(cluster.now_us * 1000)
    assert answer == Done(200, b"", version)
    made["metadata"]["resourceVersion"] = version
    told = cluster.effects[1]
    assert isinstance(told, Send)
    assert told == Send("node-controller", WatchEvent("MODIFIED", encode_document(made)), 0, 77, 1)
    assert len(cluster.effects) == 2
    assert cluster.get("leases", "n1", "kube-node-lease") == made


def _renewed(document: Document, **changes: Any) -> Document:
    made = copy.deepcopy(document)
    made["spec"] |= {"renewTime": 99, **changes}
    return made


def _metadata(document: Document, **changes: Any) -> Document:
    made = _renewed(document)
    made["metadata"] |= changes
    return made


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made,
        _renewed,
        lambda made: _renewed(made, leaseDurationSeconds=20),
        lambda made: _renewed(made, leaseDurationSeconds=0),
        lambda made: _renewed(made, renewTime="soon"),
        lambda made: _renewed(made, renewTime=None),
        lambda made: {**made, "spec": None},
        lambda made: {**made, "kind": "Node"},
        lambda made: _metadata(made, resourceVersion="1"),
        lambda made: _metadata(made, uid="other"),
        lambda made: _metadata(made, name="n2"),
        lambda made: _metadata(made, labels={"a": "b"}),
        lambda made: _metadata(made, ownerReferences=None),
        lambda made: _metadata(made, creationTimestamp=5),
    ],
)
def test_both_paths_answer_alike(change: Any) -> None:
    """Renewals, changes of other fields and faults: same answer, same stored lease, same events."""
    outcomes = []
    for heartbeats in (False, True):
        cluster, made = _cluster(heartbeats=heartbeats)
        body = encode_document(change(made))
        answer = cluster.call(Update("leases", "kube-node-lease", "n1", "", body), "node/n1")
        stored = cluster.get("leases", "n1", "kube-node-lease")
        plain = (decode_document(answer.document), answer.code) if isinstance(answer, Done) else answer
        events = cluster.events[("node-controller", 77)]
        outcomes.append((plain, stored, type(stored["spec"]["leaseDurationSeconds"]), events, cluster.server.renewals))
    assert outcomes[0] == outcomes[1]


def test_an_equal_number_of_another_type_is_not_stored() -> None:
    """40.0 in a renewal passes as 40, and 40 is what stays."""
    cluster, made = _cluster()
    after = cluster.update("leases", _renewed(made, leaseDurationSeconds=40.0))
    assert type(after["spec"]["leaseDurationSeconds"]) is int
    assert after["spec"]["renewTime"] == 99


def test_a_broken_renewal_is_a_bad_request() -> None:
    """Bytes that are no document, and a lease that is not there."""
    cluster, _ = _cluster()
    broken = cluster.call(Update("leases", "kube-node-lease", "n1", "", b"\xc1", True))
    assert isinstance(broken, Failure)
    assert broken.code == 400
    assert cluster.call(put("leases", lease("n2"), brief=True)).code == 201
    assert cluster.call(put("leases", lease("n3"), "status", brief=True)).code == 404


def test_late_watches_hear_of_renewals() -> None:
    """The history has each of them whole, though their documents are forgotten."""
    cluster, made = _cluster()
    first = made["metadata"]["resourceVersion"]
    for at_us in (1, 2, 3):
        made["spec"]["renewTime"] = at_us
        cluster.now_us += SECOND
        made = cluster.update("leases", made)
    plain = cluster.watch("leases", version=first)
    named = cluster.watch("leases", "metadata.name=n1", "x!=y", version=first)
    for watch in (plain, named):
        assert cluster.heard(watch) == [("MODIFIED", "n1")] * 3
        assert [document["spec"]["renewTime"] for document in cluster.documents(watch)] == [1, 2, 3]
