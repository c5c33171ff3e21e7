"""What wrong clocks do to a cluster, and what they leave alone, as Kubernetes' sources say."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from nodesim.actors import Api
from nodesim.profiles import PROFILES
from nodesim.scenario.load import load_scenario
from nodesim.scenario.options import RunOptions
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from nodesim.trace.records import TraceRecord
from nodesim.units import HOUR, MINUTE, SECOND

HEAD = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: clocks}
spec:
  seed: 3
  startWithin: 0s
"""
POD = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {nodeName: w-0, containers: [{name: c, image: i}]}}"
NODES = "nodes: [{name: w, count: 3}]"


def run(folder: Path, *lines: str, profile: str = "v1.36", options: RunOptions | None = None) -> RunResult:
    """A scenario with these lines of its `spec`."""
    path = folder / "clocks.yaml"
    path.write_text(HEAD + "".join(f"  {line}\n" for line in lines))
    return run_scenario(load_scenario(path, profile=profile), options or RunOptions())


def marked(result: RunResult) -> list[tuple[int, str]]:
    """When which node was decided to be Unknown."""
    return [(record.t_us, record.object) for record in result.records if record.kind == "NodeStatusUnknown"]


def without_dates(result: RunResult) -> list[tuple[int, str, str, str, object]]:
    """What happened, but for what clocks showed and the steps that set them."""
    return [
        (record.t_us, record.actor, record.kind, record.object, _undated(record))
        for record in result.records
        if record.actor != "scenario"
    ]


def _undated(record: TraceRecord) -> object:
    return {key: item for key, item in record.fields.items() if key != "state"} if record.fields else {}


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("offset", ["-1h", "1h"])
def test_a_clock_that_is_constantly_off_harms_nobody(tmp_path: Path, profile: str, offset: str) -> None:
    """Recorded with +1 h and -1 h: never marked.  All happens at the same instants as with right clocks."""
    shape = ("duration: 4m", "steps: [{at: 2m, delete: {pod: {name: p}}}]", f"manifests: [{POD}]")
    right = run(tmp_path, NODES, *shape, profile=profile)
    wrong = run(tmp_path, f"nodes: [{{name: w, count: 3, clock: {{offset: {offset}}}}}]", *shape, profile=profile)
    assert marked(wrong) == []
    assert without_dates(wrong) == without_dates(right)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_clock_that_steps_back_hides_renewals(tmp_path: Path, profile: str) -> None:
    """Recorded with -120 s: Unknown 49.1 s after the jump although renewing, and one status post repairs it.

    Renewals older than the saved lease count for nothing; the kubelet's post after it was marked has another heartbeat
    time, which makes the controller forget the saved lease.  Source: NLC `tryUpdateNodeHealth`.
    """
    step = "steps: [{at: 2m, clock: {nodes: [w-0], step: -120s}}]"
    result = run(tmp_path, NODES, "duration: 6m", step, profile=profile)
    grace_us = PROFILES[profile].node_monitor_grace_us
    ((at_us, node),) = marked(result)
    assert node == "Node/w-0"
    # The last renewal by the old clock was seen by a pass up to 10 s before the step, or one right after it.
    assert 2 * MINUTE + grace_us - 15 * SECOND < at_us <= 2 * MINUTE + grace_us + 5 * SECOND
    assert result.ledger.false_unknowns == {"w-0": 1}
    ready = result.evidence.belief.state_at("Node/w-0", at_us + 15 * SECOND)
    assert ready is not None
    assert ready["conditions"]["Ready"]["status"] == "True"


@pytest.mark.parametrize("step", ["-1h", "1h"])
def test_a_step_of_the_controllers_clock_moves_no_decision(tmp_path: Path, step: str) -> None:
    """Silence, toleration timers and rates are monotonic: a cut node goes the same way at the same instants."""
    shape = (NODES, "duration: 9m", f"manifests: [{POD}]")
    cut = "{at: 1m, cut: {nodes: [w-0]}}"
    right = run(tmp_path, *shape, f"steps: [{cut}]")
    steps = f"{cut}, {{at: 1m30s, clock: {{component: kube-controller-manager, step: {step}}}}}"
    wrong = run(tmp_path, *shape, f"steps: [{steps}]")
    assert [node for _, node in marked(right)] == ["Node/w-0"]
    assert without_dates(wrong) == without_dates(right)


BARE = "{apiVersion: v1, kind: Node, metadata: {name: bare}}"


@pytest.mark.parametrize(("offset", "after_s"), [("0s", 60), ("40s", 20), ("2m", 0), ("-30s", 90)])
def test_a_node_that_never_posted_is_given_up_by_two_clocks(tmp_path: Path, offset: str, after_s: int) -> None:
    """Its silence counts from its creationTimestamp, which is the API server's, to what the controller reads."""
    steps = (
        f"steps: [{{at: 0s, clock: {{component: node-controller, offset: {offset}}}}},"
        f" {{at: 30s, apply: {{manifests: [{BARE}]}}}}]"
    )
    result = run(tmp_path, "nodes: [{name: w, count: 1}]", "duration: 3m", steps)
    ((at_us, node),) = marked(result)
    assert node == "Node/bare"
    assert (30 + after_s) * SECOND - SECOND <= at_us <= (30 + after_s + 6) * SECOND


DEPLOYMENT = (
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 1, minReadySeconds: 30,"
    " selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}},"
    " spec: {containers: [{name: c, image: i}]}}}}"
)


@pytest.mark.parametrize(("offset", "from_s", "until_s"), [("0s", 30, 36), ("-1h", 0, 3), ("45s", 75, 125)])
def test_availability_compares_two_clocks(tmp_path: Path, offset: str, from_s: int, until_s: int) -> None:
    """`minReadySeconds` counts from a date that the kubelet wrote to one that the controller reads (`IsPodAvailable`).

    Of a node that is behind, a pod is available as soon as it is ready; of one that is ahead by 45 s, 75 s after it,
    and then only when the controller looks again: a second and minReadySeconds after each look.
    """
    nodes = f"nodes: [{{name: w, count: 1, clock: {{offset: {offset}}}}}]"
    result = run(tmp_path, nodes, "duration: 4m", f"manifests: [{DEPLOYMENT}]")
    ready_us = next(record.t_us for record in result.records if record.kind == "ContainerReady")
    done_us = next(
        sight.t_us
        for sight in result.evidence.belief.sights("Deployment/default/web")
        if sight.state is not None and sight.state["progressing"] == "NewReplicaSetAvailable"
    )
    assert from_s * SECOND <= done_us - ready_us <= until_s * SECOND


@pytest.mark.parametrize(("step", "longest_s"), [("0s", 50), ("-10m", 640)])
def test_a_clock_that_steps_back_prolongs_a_back_off(tmp_path: Path, step: str, longest_s: int) -> None:
    """The kubelet compares when a container ended, a date, with now (`IsInBackOffSince`): it waits until its clock has
    come past that date again.
    """
    rules = 'containers: [{image: "*", exit: [{after: 1s, code: 1}]}]'
    steps = f"steps: [{{at: 40s, clock: {{nodes: [w-0], step: {step}}}}}]"
    result = run(tmp_path, NODES, "duration: 15m", rules, f"manifests: [{POD}]", steps)
    starts = [record.t_us for record in result.records if record.kind == "ContainerStarted"]
    gaps = [late - early for early, late in itertools.pairwise(starts) if early < 2 * MINUTE]
    assert (longest_s - 40) * SECOND < max(gaps[:4]) < (longest_s + 60) * SECOND


@pytest.mark.parametrize("offset", ["-1h", "1h"])
def test_the_ledger_counts_by_the_runs_time(tmp_path: Path, offset: str) -> None:
    """A deletionTimestamp is a date of the API server's; for how long a container outlived it, no clock says."""
    shape = (NODES, "duration: 6m", f"manifests: [{POD}]")
    acts = "{at: 1m, cut: {nodes: [w-0]}}, {at: 2m, delete: {pod: {name: p}}}, {at: 4m, heal: {nodes: [w-0]}}"
    right = run(tmp_path, *shape, f"steps: [{acts}]")
    wrong = run(tmp_path, *shape, f"steps: [{{at: 0s, clock: {{component: apiserver, offset: {offset}}}}}, {acts}]")
    assert right.ledger.ghost_pod_us > MINUTE
    assert wrong.ledger == right.ledger


def test_a_step_that_lasts_is_undone(tmp_path: Path) -> None:
    """Afterwards the clock shows what it would have shown, with the drift that it had; the story tells each change."""
    nodes = "nodes: [{name: w, count: 1, clock: {offset: 1s, drift: 100}}]"
    result = run(tmp_path, nodes, "duration: 3m", "steps: [{at: 1m, clock: {nodes: [w-0], offset: 1h}, for: 1m}]")
    told = [
        (record.t_us, record.fields["offset_us"], record.fields["drift_ppm"])
        for record in result.records
        if record.kind == "ClockChanged"
    ]
    assert told == [(0, SECOND, 100), (MINUTE, HOUR, 100), (2 * MINUTE, SECOND + 120 * 100, 100)]


OFFSETS = {"apiserver": 1 * HOUR, "kube-controller-manager": 2 * HOUR, "scheduler": 3 * HOUR, "node": 4 * HOUR}


def whose(date_us: object) -> str:
    """Whose clock a date was read from: they are whole hours apart, and the run takes minutes."""
    assert isinstance(date_us, int)
    return {offset_us // HOUR: who for who, offset_us in OFFSETS.items()}[date_us // HOUR]


def test_every_date_is_read_from_the_clock_of_who_writes_it(tmp_path: Path) -> None:
    """Each component an hour further ahead; what the API holds after a cut tells who wrote which date."""
    found: dict[str, list[Any]] = {}

    async def look(api: Api) -> None:
        await api.sleep(170)
        for resource in ("nodes", "pods", "leases", "events"):
            found[resource] = list(await api.list(resource))

    steps = ", ".join(
        f"{{at: 0s, clock: {{component: {who}, offset: {offset_us // HOUR}h}}}}"
        for who, offset_us in OFFSETS.items()
        if who != "node"
    )
    path = tmp_path / "clocks.yaml"
    pods = (
        "[{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {nodeName: w-0, containers: [{name: c, image: i}],"
        " tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute,"
        " tolerationSeconds: 20}]}},"
        " {apiVersion: v1, kind: Pod, metadata: {name: placed}, spec: {nodeSelector: {kubernetes.io/hostname: w-1},"
        " containers: [{name: c, image: i}]}},"
        " {apiVersion: v1, kind: Pod, metadata: {name: nowhere}, spec: {nodeSelector: {no: such},"
        " containers: [{name: c, image: i}]}}]"
    )
    path.write_text(
        f"{HEAD}  duration: 3m\n  nodes: [{{name: w, count: 3, clock: {{offset: 4h}}}}]\n  manifests: {pods}\n"
        f"  actors: [{{name: look}}]\n  steps: [{steps}, {{at: 30s, cut: {{nodes: [w-0]}}}}]\n"
    )
    run_scenario(load_scenario(path), actors={"look": look})
    lost, *_ = found["nodes"]
    nowhere, evicted, placed = sorted(found["pods"], key=lambda pod: str(pod["metadata"]["name"]))
    conditions = {item["type"]: item for item in lost["status"]["conditions"]}
    of_pod = {item["type"]: item for item in evicted["status"]["conditions"]}
    events = {item["reason"]: item for item in found["events"]}
    dates = {
        "node created": lost["metadata"]["creationTimestamp"],
        "node heartbeat": conditions["Ready"]["lastHeartbeatTime"],
        "node made Unknown": conditions["Ready"]["lastTransitionTime"],
        "taint added": lost["spec"]["taints"][0]["timeAdded"],
        "lease renewed": found["leases"][0]["spec"]["renewTime"],
        "pod created": evicted["metadata"]["creationTimestamp"],
        "pod started": evicted["status"]["startTime"],
        "container started": evicted["status"]["containerStatuses"][0]["state"]["running"]["startedAt"],
        "pod made not ready": of_pod["Ready"]["lastTransitionTime"],
        "pod disrupted": of_pod["DisruptionTarget"]["lastTransitionTime"],
        "pod to go": evicted["metadata"]["deletionTimestamp"],
        "pod that fits nowhere": nowhere["status"]["conditions"][0]["lastTransitionTime"],
        "pod ready": {item["type"]: item for item in placed["status"]["conditions"]}["Ready"]["lastTransitionTime"],
        "node event": events["NodeNotReady"]["firstTimestamp"],
        "eviction event": events["TaintManagerEviction"]["firstTimestamp"],
        "scheduler event": events["Scheduled"]["firstTimestamp"],
    }
    assert {what: whose(date_us) for what, date_us in dates.items()} == {
        "node created": "apiserver",
        "node heartbeat": "node",
        "node made Unknown": "kube-controller-manager",
        "taint added": "kube-controller-manager",
        "lease renewed": "node",
        "pod created": "apiserver",
        "pod started": "node",
        "container started": "node",
        "pod made not ready": "kube-controller-manager",
        "pod disrupted": "kube-controller-manager",
        "pod to go": "apiserver",
        "pod that fits nowhere": "scheduler",
        "pod ready": "node",
        "node event": "kube-controller-manager",
        "eviction event": "kube-controller-manager",
        "scheduler event": "scheduler",
    }
