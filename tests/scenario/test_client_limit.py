"""What the controller manager's client limit does to a cluster where much happens at once."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from nodesim.scenario.load import load_scenario
from nodesim.scenario.runner import run_scenario
from nodesim.units import MILLISECOND, SECOND

HEAD = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: limit}
spec:
  seed: 1
  duration: 90s
"""


def passes_us(folder: Path, settings: str) -> list[int]:
    """When the passes began that marked nodes: 30 of 51 are cut at 20 s, with a pod on each."""
    pods = "".join(
        f"    - {{apiVersion: v1, kind: Pod, metadata: {{name: p{n}}},"
        f" spec: {{nodeName: w-{n}, containers: [{{name: c, image: i}}]}}}}\n"
        for n in range(30)
    )
    cut = ", ".join(f"w-{n}" for n in range(30))
    path = folder / "limit.yaml"
    path.write_text(
        f"{HEAD}  settings: {settings}\n  nodes: [{{name: w, count: 51}}]\n  manifests:\n{pods}"
        f"  steps: [{{at: 20s, cut: {{nodes: [{cut}]}}}}]\n"
    )
    marked = [record.t_us for record in run_scenario(load_scenario(path)).records if record.kind == "NodeStatusUnknown"]
    assert len(marked) == 30
    return [marked[0], *(late for early, late in pairwise(marked) if late - early > SECOND)]


@pytest.mark.slow
def test_passes_that_mark_many_nodes_are_stretched(tmp_path: Path) -> None:
    """Recorded with 20 and 30: 5.52 s from one pass to the next where many nodes were marked, else 5.0.

    The next pass begins 5 s after the END of this one, and its writes wait for their tokens.
    """
    free = [late - early for early, late in pairwise(passes_us(tmp_path, "{}"))]
    limited = [late - early for early, late in pairwise(passes_us(tmp_path, "{kubeAPIQPS: 20, kubeAPIBurst: 30}"))]
    assert len(free) == len(limited) == 2
    assert all(5 * SECOND <= gap_us < 5 * SECOND + 50 * MILLISECOND for gap_us in free)
    assert all(5 * SECOND + 300 * MILLISECOND < gap_us < 6 * SECOND + 500 * MILLISECOND for gap_us in limited)


@pytest.mark.parametrize(("profile", "from_s", "until_s"), [("v1.24", 1.5, 4.5), ("v1.36", 0, 0.5)])
def test_up_to_1_26_a_kubelet_tells_of_many_pods_slowly(
    tmp_path: Path, profile: str, from_s: float, until_s: float
) -> None:
    """Fifteen pods start at once on one node: five requests a second, ten at once, and two for each pod's status."""
    pods = "".join(
        f"    - {{apiVersion: v1, kind: Pod, metadata: {{name: p{n}}},"
        f" spec: {{nodeName: w, containers: [{{name: c, image: i}}]}}}}\n"
        for n in range(15)
    )
    path = tmp_path / "many.yaml"
    path.write_text(f"{HEAD}  nodes: [{{name: w}}]\n  manifests:\n{pods}")
    result = run_scenario(load_scenario(path, profile=profile))
    ready = [
        next(sight.t_us for sight in pod.sights if sight.state is not None and sight.state["ready"])
        for pod in result.evidence.belief.of_kind("Pod")
    ]
    assert len(ready) == 15
    assert from_s * SECOND <= max(ready) - min(ready) <= until_s * SECOND
    assert not [record for record in result.records if record.kind == "NodeStatusUnknown"]
