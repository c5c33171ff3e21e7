"""Heartbeats of Nodes: what is one, as a patch and as a revision."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.objects import Document, is_heartbeat, is_only_heartbeat

READY = {"type": "Ready", "status": "True", "lastHeartbeatTime": 1, "lastTransitionTime": 0, "reason": "KubeletReady"}
DISK = {"type": "DiskPressure", "status": "False", "lastHeartbeatTime": 1}


def node(*conditions: Any, version: str = "1", **status: Any) -> Document:
    """A Node with these conditions."""
    return {
        "kind": "Node",
        "metadata": {"name": "n", "resourceVersion": version},
        "status": {"conditions": list(conditions), **status},
    }


def beat(*conditions: Any) -> Document:
    """A patch of conditions."""
    return {"status": {"conditions": list(conditions)}}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        (beat({"type": "Ready", "lastHeartbeatTime": 2}), True),
        (beat({"type": "Ready", "lastHeartbeatTime": 2}, {"type": "DiskPressure", "lastHeartbeatTime": 2}), True),
        (beat(), True),
        ({}, False),
        ({"status": None}, False),
        ({"status": {}}, False),
        ({"status": {"conditions": None}}, False),
        ({"status": {"conditions": {}}}, False),
        (beat({"type": "Ready", "lastHeartbeatTime": "now"}), False),
        (beat({"type": "Ready", "lastHeartbeatTime": True}), False),
        (beat({"type": "Ready", "lastHeartbeatTime": 2, "status": "True"}), False),
        (beat({"type": "Ready"}), False),
        (beat({"type": ["Ready"], "lastHeartbeatTime": 2}), False),
        (beat({"type": "Unheard", "lastHeartbeatTime": 2}), False),
        (beat("Ready"), False),
        (beat({"type": "Ready", "$patch": "delete"}), False),
        ({"status": {"conditions": [], "phase": "x"}}, False),
        ({"metadata": {"resourceVersion": "1"}, **beat({"type": "Ready", "lastHeartbeatTime": 2})}, False),
    ],
)
def test_a_patch_that_is_a_heartbeat(patch: Document, expected: bool) -> None:
    """Only heartbeat times of conditions that the Node has."""
    assert is_heartbeat(node(READY, DISK), patch) is expected


def test_a_node_without_conditions_has_no_heartbeat() -> None:
    """The first report adds them."""
    assert not is_heartbeat({"metadata": {"name": "n"}}, beat({"type": "Ready", "lastHeartbeatTime": 2}))


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (node(READY, DISK), True),
        (node({**READY, "lastHeartbeatTime": 9}, DISK, version="2"), True),
        (node({**READY, "lastTransitionTime": 9}, DISK), False),
        (node({**READY, "status": "False"}, DISK), False),
        (node(DISK, READY), False),
        (node(READY), False),
        (node(READY, DISK, images=[]), False),
        ({**node(READY, DISK), "spec": {"unschedulable": True}}, False),
        ({**node(READY, DISK), "metadata": {"name": "n", "resourceVersion": "1", "labels": {"a": "b"}}}, False),
    ],
)
def test_a_revision_that_is_only_a_heartbeat(new: Document, expected: bool) -> None:
    """Everything but resourceVersion and heartbeat times is the same."""
    assert is_only_heartbeat(node(READY, DISK), new) is expected
