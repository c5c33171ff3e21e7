"""What a document says after a patch."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from nodesim.apiserver.patch import PatchError, merge_patch, strategic_merge_patch

READY = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
DISK = {"type": "DiskPressure", "status": "False"}

STRATEGIC: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("a value is set, the others stay", {"a": 1, "b": 2}, {"a": 3}, {"a": 3, "b": 2}),
    ("null deletes", {"a": 1, "b": 2}, {"a": None}, {"b": 2}),
    ("null in a new map is not stored", {}, {"m": {"a": None, "b": 1}}, {"m": {"b": 1}}),
    ("maps merge", {"m": {"a": 1, "b": 2}}, {"m": {"b": None, "c": 3}}, {"m": {"a": 1, "c": 3}}),
    ("a map replaces a value", {"m": 1}, {"m": {"a": 1}}, {"m": {"a": 1}}),
    ("a map is replaced", {"m": {"a": 1}}, {"m": {"$patch": "replace", "b": 2}}, {"m": {"b": 2}}),
    ("a map is emptied", {"m": {"a": 1}}, {"m": {"$patch": "delete"}}, {"m": {}}),
    (
        "conditions merge by type, in place",
        {"conditions": [READY, DISK]},
        {"conditions": [{"type": "Ready", "status": "Unknown", "reason": None}]},
        {"conditions": [{"type": "Ready", "status": "Unknown"}, DISK]},
    ),
    ("a new condition goes to the end", {"conditions": [READY]}, {"conditions": [DISK]}, {"conditions": [READY, DISK]}),
    (
        "a condition is deleted",
        {"conditions": [READY, DISK]},
        {"conditions": [{"$patch": "delete", "type": "Ready"}]},
        {"conditions": [DISK]},
    ),
    (
        "deleting an item that is not there changes nothing",
        {"conditions": [READY]},
        {"conditions": [{"$patch": "delete", "type": "Gone"}]},
        {"conditions": [READY]},
    ),
    (
        "an item is replaced, not merged",
        {"conditions": [READY]},
        {"conditions": [{"$patch": "replace", "type": "Ready", "status": "False"}]},
        {"conditions": [{"type": "Ready", "status": "False"}]},
    ),
    (
        "a keyed list is replaced whole",
        {"conditions": [READY, DISK]},
        {"conditions": [{"$patch": "replace"}, {"type": "New", "status": "True"}]},
        {"conditions": [{"type": "New", "status": "True"}]},
    ),
    (
        "containers by name, env inside them by name",
        {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}]},
        {"containers": [{"name": "a", "image": "i", "env": [{"name": "X", "value": "3"}]}]},
        {
            "containers": [
                {"name": "a", "image": "i", "env": [{"name": "X", "value": "3"}, {"name": "Y", "value": "2"}]}
            ]
        },
    ),
    (
        "owners by uid",
        {"ownerReferences": [{"uid": "1", "name": "a"}]},
        {"ownerReferences": [{"uid": "2", "name": "b"}]},
        {"ownerReferences": [{"uid": "1", "name": "a"}, {"uid": "2", "name": "b"}]},
    ),
    (
        "finalizers are a set",
        {"finalizers": ["a", "b"]},
        {"finalizers": ["b", "c", "c"]},
        {"finalizers": ["a", "b", "c"]},
    ),
    (
        "finalizers are taken out",
        {"finalizers": ["a", "b"]},
        {"$deleteFromPrimitiveList/finalizers": ["a"]},
        {"finalizers": ["b"]},
    ),
    ("taints are replaced", {"taints": [{"key": "a"}]}, {"taints": [{"key": "b"}]}, {"taints": [{"key": "b"}]}),
    (
        "containerStatuses are replaced",
        {"containerStatuses": [{"name": "a"}]},
        {"containerStatuses": [{"name": "b"}]},
        {"containerStatuses": [{"name": "b"}]},
    ),
    ("null takes a list away", {"taints": [{"key": "a"}]}, {"taints": None}, {}),
    ("an order alone changes nothing", {"a": 1}, {"$setElementOrder/conditions": [{"type": "Ready"}]}, {"a": 1}),
    ("only kept keys remain", {"a": 1, "b": 2, "c": 3}, {"$retainKeys": ["a", "b"], "b": 4}, {"a": 1, "b": 4}),
]

MERGE: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("original", "patch", "result"), [row[1:] for row in STRATEGIC], ids=[r[0] for r in STRATEGIC])
def test_a_strategic_patch_merges_what_kubernetes_merges(
    original: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]
) -> None:
    """Keyed lists and maps merge, sets unite, other lists are replaced, null deletes; nothing given is changed."""
    before = copy.deepcopy((original, patch))
    assert strategic_merge_patch(original, patch) == result
    assert (original, patch) == before


@pytest.mark.parametrize(("original", "patch", "result"), MERGE)
def test_a_merge_patch_is_rfc_7386(original: Any, patch: Any, result: Any) -> None:
    """The table of the RFC's appendix."""
    before = copy.deepcopy((original, patch))
    assert merge_patch(original, patch) == result
    assert (original, patch) == before


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ({"m": {"$patch": "upsert"}}, "unknown directive"),
        ({"$other": ["x"]}, "unknown directive"),
        ({"$retainKeys": "a"}, "must be a list"),
        ({"conditions": ["Ready"]}, "must be a map"),
        ({"conditions": [{"status": "True"}]}, "declared merge key: type"),
    ],
)
def test_a_patch_that_means_nothing_is_refused(patch: dict[str, Any], why: str) -> None:
    """Unknown directives and list items without their key are errors with a reason."""
    with pytest.raises(PatchError, match=why):
        strategic_merge_patch({"m": {}, "conditions": []}, patch)
