"""One file, one seed, three meanings of "evicted after five minutes": each holds, and no two are the same."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from nodesim.scenario.faults import ScenarioError
from nodesim.scenario.load import load_scenario
from nodesim.scenario.runner import run_scenario
from nodesim.spec import Step
from nodesim.units import MINUTE, SECOND

FILE = Path(__file__).parents[2] / "scenarios" / "evicted-after-five-minutes.yaml"
OWN = "spec.settings.evictionMode=api-initiated"
FROM_UNKNOWN = "spec.settings.podEvictionTimeoutFrom=unknown"
WAYS = {
    "by taints": ((), 305),
    "by the last sign of life": ((OWN,), 260),
    "by Unknown": ((OWN, FROM_UNKNOWN), 300),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_meaning_holds_in_v1_24(way: str) -> None:
    """Whole seconds from Unknown to the request for deletion, on the file's own seed."""
    overrides, seconds = WAYS[way]
    result = run_scenario(load_scenario(FILE, overrides, profile="v1.24"))
    assert [verdict.text for verdict in result.verdicts if not verdict.ok] == []
    assert len(result.verdicts) >= 4
    (marked,) = (record.t_us for record in result.records if record.kind == "NodeStatusUnknown")
    deleted = min(
        record.t_us
        for record in result.records
        if record.object == "Pod/default/usual" and record.fields.get("state", {}).get("deletion_us") is not None
    )
    assert (deleted - marked) // SECOND == seconds


def test_the_own_way_is_refused_where_it_is_gone() -> None:
    """1.27 took --enable-taint-manager away; the fault stands at the option and says what to do."""
    with pytest.raises(ScenarioError) as refused:
        load_scenario(FILE, (OWN,), profile="v1.36")
    assert "spec.settings.evictionMode: not in profile v1.36" in str(refused.value)
    assert "v1.24" in str(refused.value)


def test_the_own_way_takes_pods_that_come_later_at_once() -> None:
    """A node counts as evicted until it is Ready again: a pod bound to it meanwhile is deleted without waiting."""
    scenario = load_scenario(FILE, (OWN,), profile="v1.24")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "late"},
        "spec": {"nodeName": "worker-1", "containers": [{"name": "c", "image": "busybox"}]},
    }
    apply = Step(at_us=9 * MINUTE, verb="apply", text="apply late", arguments={"documents": [pod]})
    result = run_scenario(attrs.evolve(scenario, steps=(*scenario.steps, apply), expect=()))
    deleted = [
        record.t_us
        for record in result.records
        if record.object == "Pod/default/late" and record.fields.get("state", {}).get("deletion_us") is not None
    ]
    assert deleted
    assert deleted[0] - 9 * MINUTE < SECOND
