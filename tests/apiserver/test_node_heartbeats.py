"""A status report that brings only new heartbeat times takes a short path, and does what the long one would."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.messages import Done, Failure, Patch, Watch
from nodesim.objects import Document, decode_document, encode_document
from nodesim.units import SECOND
from tests.apiserver.cluster import Cluster, node

KUBELET = "node/n1"
BEAT: Document = {"status": {"conditions": [{"type": "Ready", "lastHeartbeatTime": 20 * SECOND}]}}


def with_node() -> Cluster:
    """A cluster with one Node, ten seconds later."""
    cluster = Cluster()
    cluster.create("nodes", node())
    cluster.now_us += 10 * SECOND
    return cluster


def report(cluster: Cluster, change: Document, *, brief: bool = False, subresource: str = "status") -> Any:
    """The kubelet's patch of its Node; the answer."""
    patch = Patch("nodes", "", "n1", subresource, "strategic", encode_document(change), brief)
    return cluster.call(patch, KUBELET)


def test_it_is_stored_and_told_like_any_other_patch() -> None:
    """The same object, version, answer and watch event as of a patch that says more than it would have to."""
    short, long = with_node(), with_node()
    watches = [cluster.watch("nodes") for cluster in (short, long)]
    wordy: Document = {"status": {"conditions": [{**BEAT["status"]["conditions"][0], "reason": "KubeletNotReady"}]}}
    answers = [report(short, BEAT), report(long, wordy)]
    told, likewise = (decode_document(answer.document) for answer in answers)
    assert told == likewise
    assert answers[0].resource_version == answers[1].resource_version == told["metadata"]["resourceVersion"]
    assert told["status"]["conditions"][0]["lastHeartbeatTime"] == 20 * SECOND
    assert short.documents(watches[0]) == long.documents(watches[1]) == [told]
    assert short.server.status_posts == long.server.status_posts == 1


def test_a_steady_watch_does_not_hear_of_it() -> None:
    """But of everything else, and so does a steady watch with selectors."""
    cluster = with_node()
    client = "watcher"
    done = cluster.call(Watch("nodes", "", "", "", "", steady=True), client)
    assert isinstance(done, Done)
    chosen = cluster.call(Watch("nodes", "", "metadata.name=n1", "", "", steady=True), client)
    assert isinstance(chosen, Done)
    report(cluster, BEAT)
    report(cluster, {"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    assert sorted(len(told) for told in cluster.told.values()) == [1, 2]


def test_a_heartbeat_that_brings_nothing_new_is_no_write() -> None:
    """The version stays, nobody hears of it."""
    cluster = with_node()
    watch = cluster.watch("nodes")
    first, second = report(cluster, BEAT), report(cluster, BEAT)
    assert first.resource_version == second.resource_version
    assert len(cluster.documents(watch)) == 1


def test_a_brief_answer_has_the_version_only() -> None:
    """In both paths; a refusal says what it always says."""
    cluster = with_node()
    for change in (BEAT, {"status": {"phase": "Running"}}):
        answer = report(cluster, change, brief=True)
        assert isinstance(answer, Done)
        assert answer.document == b""
        assert int(answer.resource_version) > 0
    assert isinstance(report(cluster, {"status": 7}, brief=True), Failure)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": {"conditions": [{"type": "Ready", "lastHeartbeatTime": "soon"}]}}, 400),
        ({"status": {"conditions": [{"lastHeartbeatTime": 5}]}}, 400),
        ({"metadata": {"resourceVersion": "1"}, **BEAT}, 409),
    ],
)
def test_what_is_wrong_is_refused(change: Document, code: int) -> None:
    """The short path is for what nothing can be wrong with."""
    answer = report(with_node(), change)
    assert isinstance(answer, Failure)
    assert answer.code == code


def test_a_report_to_the_object_itself_changes_no_status() -> None:
    """Only nodes/status does."""
    cluster = with_node()
    answer = report(cluster, BEAT, subresource="")
    assert "lastHeartbeatTime" not in decode_document(answer.document)["status"]["conditions"][0]
