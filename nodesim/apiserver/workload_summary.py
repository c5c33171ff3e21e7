"""What do records say of a workload?"""

from __future__ import annotations

from typing import Any

from nodesim.machine import Fields
from nodesim.objects import find_condition


def workload_summary(kind: str, metadata: dict[str, Any], spec: dict[str, Any], status: dict[str, Any]) -> Fields:
    """What is wanted and what there is, as the workload's own controller counts it; {} for other kinds."""
    match kind:
        case "ReplicaSet":
            return {"replicas": spec["replicas"], **_counts(status, "ready_replicas")}
        case "Deployment":
            progressing = find_condition(status, "Progressing")
            return {
                "replicas": spec["replicas"],
                **_counts(status, "updated_replicas", "ready_replicas"),
                "generation": metadata.get("generation") or 0,
                "progressing": (progressing or {}).get("reason") or "",
            }
        case "StatefulSet":
            return {
                "replicas": spec["replicas"],
                **_counts(status, "updated_replicas", "ready_replicas"),
                "generation": metadata.get("generation") or 0,
            }
        case "DaemonSet":
            return {
                "desired": status.get("desiredNumberScheduled") or 0,
                "current": status.get("currentNumberScheduled") or 0,
                "ready": status.get("numberReady") or 0,
                "available": status.get("numberAvailable") or 0,
                "updated": status.get("updatedNumberScheduled") or 0,
                "misscheduled": status.get("numberMisscheduled") or 0,
                "generation": metadata.get("generation") or 0,
            }
        case "Job":
            ends = [item["type"] for item in status.get("conditions") or () if item["status"] == "True"]
            return {
                "completions": spec.get("completions"),
                "parallelism": spec.get("parallelism") or 0,
                **_counts(status, "active", "ready", "succeeded", "failed"),
                "finished": next((type_ for type_ in ends if type_ in ("Complete", "Failed")), ""),
            }
        case _:
            return {}


def _counts(status: dict[str, Any], *names: str) -> Fields:
    """Numbers of a status, which spells `ready_replicas` as `readyReplicas`."""
    return {name: status.get(_camel(name)) or 0 for name in names}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
