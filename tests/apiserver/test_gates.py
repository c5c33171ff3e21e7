"""Pods with scheduling gates: what the server says of them, what it refuses, and who waits for them to go."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from nodesim.actors import Api
from nodesim.messages import Bind
from nodesim.profiles import V1_24, V1_36, Profile
from nodesim.units import SECOND
from tests.actors.cases import pod as pod_of
from tests.actors.cases import run
from tests.apiserver.cluster import Cluster, pod, post, put
from tests.scheduler.build import Bench, binds, node_document, pod_document

GATES: Final = [{"name": "example.com/quota"}, {"name": "example.com/image"}]


def test_a_gated_pod_says_so_from_the_beginning() -> None:
    """Its condition PodScheduled; the trace has the reason that kubectl prints."""
    cluster = Cluster()
    made = cluster.create("pods", pod(schedulingGates=GATES), "default")
    (record,) = cluster.records()
    assert record.fields["state"]["reason"] == "SchedulingGated"
    (condition,) = made["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("PodScheduled", "False", "SchedulingGated")
    refused = cluster.fails(Bind("default", "p", "", "n1"))
    assert (refused.code, refused.reason) == (409, "Conflict")
    assert refused.message.endswith("pod p has non-empty .spec.schedulingGates")


def test_v1_24_drops_the_field() -> None:
    """Such a pod is like any other."""
    made = Cluster(V1_24).create("pods", pod(schedulingGates=GATES), "default")
    assert "schedulingGates" not in made["spec"]
    assert "conditions" not in made["status"]


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"schedulingGates": GATES, "nodeName": "n1"}, "spec.nodeName: Forbidden: cannot be set until all"),
        ({"schedulingGates": [*GATES, GATES[0]]}, 'spec.schedulingGates[2]: Duplicate value: "example.com/quota"'),
    ],
)
def test_what_gates_a_new_pod_may_not_have(spec: dict[str, Any], fault: str) -> None:
    """No node beside them, and none twice."""
    refused = Cluster().fails(post("pods", pod(**spec), "default"))
    assert refused.code == 422
    assert fault in refused.message


def test_gates_can_only_be_taken_away() -> None:
    """One by one, in any order; nothing new comes in."""
    cluster = Cluster()
    made = cluster.create("pods", pod(schedulingGates=GATES), "default")
    more = {**made, "spec": {**made["spec"], "schedulingGates": [*GATES, {"name": "late"}]}}
    refused = cluster.fails(put("pods", more))
    assert (
        "spec.schedulingGates[2].name: Forbidden: only deletion is allowed, but found new scheduling gate 'late'"
        in (refused.message)
    )
    fewer = cluster.update("pods", {**made, "spec": {**made["spec"], "schedulingGates": GATES[1:]}})
    assert fewer["spec"]["schedulingGates"] == GATES[1:]
    assert cluster.update("pods", {**fewer, "spec": {**fewer["spec"], "schedulingGates": []}})


def test_the_scheduler_passes_a_gated_pod_by_until_its_last_gate_is_gone() -> None:
    """No event, no condition: it is not looked at."""
    bench = Bench()
    bench.see(0, node_document("n1"))
    assert bench.see(1, pod_document("p", spec={"schedulingGates": GATES})) == []
    assert bench.see(2, pod_document("p", spec={"schedulingGates": GATES[1:]})) == []
    assert bench.run_until(400 * SECOND) == []
    assert binds(bench.see(401 * SECOND, pod_document("p"))) == [("p", "n1")]
    bench.see(402 * SECOND, pod_document("q", spec={"schedulingGates": GATES}))
    assert bench.gone(403 * SECOND, "pods", "q") == []


@pytest.mark.parametrize(("profile", "phase"), [(V1_36, "SchedulingGated"), (V1_24, "Running")], ids=["v1.36", "v1.24"])
def test_a_story_of_a_controller_that_opens_a_gate(tmp_path: Path, profile: Profile, phase: str) -> None:
    """As quota controllers do: the pod starts when its gate is taken away, and not before."""

    async def opener(api: Api) -> None:
        await api.sleep(10)
        made = pod_of("waits")
        await api.create({**made, "spec": {**made["spec"], "schedulingGates": GATES}})
        await api.sleep(50)
        found = await api.get("pods", "waits")
        await api.update({**found, "spec": {**found["spec"], "schedulingGates": []}})

    spec = (
        f"  profile: {profile.name}\n  actors: [{{name: opener}}]\n  expect:\n"
        f"    - {{pod: {{name: waits}}, phase: {phase}, at: 50s}}\n"
        "    - {pod: {name: waits}, ready: true, at: 65s}\n"
    )
    assert [verdict.why for verdict in run(tmp_path, {"opener": opener}, spec).verdicts if not verdict.ok] == []
