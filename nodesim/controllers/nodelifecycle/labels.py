"""Which old label must follow its stable one?

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go `labelReconcileInfo`, `reconcileNodeLabels`.  The
topology labels are the cloud node controller's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FOLLOWERS: Final = (
    ("kubernetes.io/os", "beta.kubernetes.io/os"),
    ("kubernetes.io/arch", "beta.kubernetes.io/arch"),
)


def labels_to_set(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels to create or correct; a missing stable label asks for nothing."""
    return {
        follower: labels[stable]
        for stable, follower in FOLLOWERS
        if stable in labels and labels.get(follower) != labels[stable]
    }
