"""Which taints does a node carry, and which of them does a pod tolerate?

Sources: api/core/v1 (Taint, Toleration), component-helpers scheduling/corev1 `ToleratesTaint`,
pkg/apis/core/v1/helper `GetMatchingTolerations`, api/core/v1/well_known_taints.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from nodesim.values import value

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
MEMORY_PRESSURE: Final = "node.kubernetes.io/memory-pressure"
DISK_PRESSURE: Final = "node.kubernetes.io/disk-pressure"
PID_PRESSURE: Final = "node.kubernetes.io/pid-pressure"
NETWORK_UNAVAILABLE: Final = "node.kubernetes.io/network-unavailable"
OUT_OF_SERVICE: Final = "node.kubernetes.io/out-of-service"

NO_SCHEDULE: Final = "NoSchedule"
NO_EXECUTE: Final = "NoExecute"
PREFER_NO_SCHEDULE: Final = "PreferNoSchedule"


@value
class Taint:
    """A taint; `added_us` is timeAdded (whole seconds, us), None where its writer set none."""

    key: str
    effect: str
    value: str = ""
    added_us: int | None = None

    def __str__(self) -> str:
        """As kubectl writes it: `key=value:Effect`, `key:Effect`."""
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"

    def same(self, other: Taint) -> bool:
        """Kubernetes' MatchTaint: same key and effect; value and timeAdded do not count."""
        return self.key == other.key and self.effect == other.effect


@value
class Toleration:
    """A toleration; `seconds` None tolerates for ever."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    seconds: int | None = None

    def tolerates(self, taint: Taint) -> bool:
        """Effect empty or equal, key empty or equal, operator Exists or (empty/Equal and equal value)."""
        if self.effect and self.effect != taint.effect:
            return False
        if self.key and self.key != taint.key:
            return False
        if self.operator == "Exists":
            return True
        return self.operator in ("", "Equal") and self.value == taint.value


def parse_taint(document: dict[str, Any]) -> Taint:
    """A taint from its document form."""
    return Taint(document["key"], document["effect"], document.get("value") or "", document.get("timeAdded"))


def taint_document(taint: Taint) -> dict[str, Any]:
    """The document form of a taint, as the API writes it (empty parts left out)."""
    document: dict[str, Any] = {"key": taint.key, "effect": taint.effect}
    if taint.value:
        document["value"] = taint.value
    if taint.added_us is not None:
        document["timeAdded"] = taint.added_us
    return document


def parse_toleration(document: dict[str, Any]) -> Toleration:
    """A toleration from its document form."""
    return Toleration(
        document.get("key") or "",
        document.get("operator") or "",
        document.get("value") or "",
        document.get("effect") or "",
        document.get("tolerationSeconds"),
    )


def first_untolerated(
    taints: Iterable[Taint], tolerations: Sequence[Toleration], effects: Sequence[str] = (NO_SCHEDULE, NO_EXECUTE)
) -> Taint | None:
    """The first taint with one of the effects that no toleration matches."""
    for taint in taints:
        if taint.effect in effects and not any(toleration.tolerates(taint) for toleration in tolerations):
            return taint
    return None
