"""Does a new revision of a Node say more than that the node lives?

A kubelet whose status stays as it is reports it all the same, every five minutes: of such a report only the times of
the conditions' last heartbeats are new.
Source: pkg/kubelet/kubelet_node_status.go `nodeStatusHasChanged`, which leaves out the same times.
"""

from __future__ import annotations

from typing import Any, Final

from nodesim.objects.documents import Document

_BEAT: Final = "lastHeartbeatTime"
_OF_A_BEAT: Final = {"type", _BEAT}


def is_heartbeat(node: Document, patch: Document) -> bool:
    """Does a strategic merge patch set the heartbeat times of a Node's conditions, and nothing else?"""
    status = patch.get("status")
    if len(patch) != 1 or type(status) is not dict or len(status) != 1:
        return False
    items = status.get("conditions")
    known = {item["type"] for item in (node.get("status") or {}).get("conditions") or ()}
    return type(items) is list and all(_is_beat(item) and item["type"] in known for item in items)


def _is_beat(item: Any) -> bool:
    return type(item) is dict and item.keys() == _OF_A_BEAT and type(item["type"]) is str and type(item[_BEAT]) is int


def with_heartbeats(node: Document, patch: Document) -> Document:
    """The Node after a patch that `is_heartbeat`; it shares all the rest with the one before."""
    times = {item["type"]: item[_BEAT] for item in patch["status"]["conditions"]}
    conditions = [
        {**item, _BEAT: times[item["type"]]} if item["type"] in times else item for item in node["status"]["conditions"]
    ]
    return {**node, "status": {**node["status"], "conditions": conditions}}


def is_only_heartbeat(old: Document, new: Document) -> bool:
    """Are resourceVersion and heartbeat times all in which these revisions of one Node differ?"""
    return (
        _agree(old, new, ("metadata", "status"))
        and _agree(old["metadata"], new["metadata"], ("resourceVersion",))
        and _only_beats(old.get("status") or {}, new.get("status") or {})
    )


def _only_beats(old: Document, new: Document) -> bool:
    before, now = old.get("conditions") or [], new.get("conditions") or []
    return (
        len(before) == len(now)
        and _agree(old, new, ("conditions",))
        and all(was is condition or _agree(was, condition, (_BEAT,)) for was, condition in zip(before, now))
    )


def _agree(old: dict[str, Any], new: dict[str, Any], but: tuple[str, ...]) -> bool:
    """Do two maps have the same keys and, `but` for some, the same values?"""
    return old.keys() == new.keys() and all(old[key] == item for key, item in new.items() if key not in but)
