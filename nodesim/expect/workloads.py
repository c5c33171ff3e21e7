"""What can a scenario expect of a workload, and when was it so?

A workload shows what records say of it (its summary): numbers are compared, words must be the same.
"""

from __future__ import annotations

from typing import Final

WORKLOAD_STATUS: Final[dict[str, dict[str, type]]] = {
    "Deployment": {
        "replicas": int,
        "updated_replicas": int,
        "ready_replicas": int,
        "generation": int,
        "progressing": str,
    },
    "ReplicaSet": {"replicas": int, "ready_replicas": int},
    "StatefulSet": {"replicas": int, "updated_replicas": int, "ready_replicas": int, "generation": int},
    "Job": {"active": int, "ready": int, "succeeded": int, "failed": int, "finished": str},
    "DaemonSet": dict.fromkeys(
        ("desired", "current", "ready", "available", "updated", "misscheduled", "generation"), int
    ),
}
"""Kind -> what its summary shows, as a number or a word."""
