"""Which pods may run here?"""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.kubelet.admission import refusal_of
from nodesim.objects import PodView, Taint, pod_view
from tests.kubelet.bench import pod

ALLOCATABLE = {"cpu": "2", "memory": "1Gi", "pods": "2", "x/y": "1"}
LABELS = {"disk": "ssd"}
NO_EXECUTE = Taint("k", "NoExecute")


def view(requests: dict[str, str] | None = None, **spec: Any) -> PodView:
    """A pod that asks for something."""
    container = {"name": "c", "image": "i", "resources": {"requests": requests or {}}}
    return pod_view(pod("p", uid="u", containers=[container], **spec))


CASES = [
    ("fits", view({"cpu": "2", "memory": "1Gi"}), [], (), None),
    ("cpu", view({"cpu": "2001m", "memory": "2Gi"}), [], (), "OutOfcpu"),
    ("memory", view({"memory": "2Gi", "x/y": "2"}), [], (), "OutOfmemory"),
    ("extended", view({"x/y": "2"}), [], (), "OutOfx/y"),
    ("used by others", view({"cpu": "1"}), [view({"cpu": "1500m"})], (), "OutOfcpu"),
    ("number of pods first", view({"cpu": "9"}), [view(), view()], (), "OutOfpods"),
    ("nothing asked counts only as a pod", view(), [view({"cpu": "2"})], (), None),
    ("selector", view(nodeSelector={"disk": "hdd"}), [], (NO_EXECUTE,), "NodeAffinity"),
    ("taint", view(), [], (NO_EXECUTE,), "TaintToleration"),
    ("any toleration admits", view(tolerations=[{"key": "k", "operator": "Exists", "tolerationSeconds": 0}]), [],
     (NO_EXECUTE,), None),
    ("NoSchedule does not count", view(), [], (Taint("k", "NoSchedule"),), None),
]  # fmt: skip


@pytest.mark.parametrize(("case", "asking", "others", "taints", "reason"), CASES)
def test_the_first_reason_in_order_is_told(
    case: str, asking: PodView, others: list[PodView], taints: tuple[Taint, ...], reason: str | None
) -> None:
    """Number of pods, cpu, memory, the rest; node selector; NoExecute taints."""
    refusal = refusal_of(asking, others, LABELS, ALLOCATABLE, taints, taints_count=True)
    assert (refusal.reason if refusal else None) == reason, case


def test_before_1_25_taints_do_not_refuse() -> None:
    """The taint manager evicts such a pod, the kubelet lets it in."""
    assert refusal_of(view(), [], LABELS, ALLOCATABLE, (NO_EXECUTE,), taints_count=False) is None
