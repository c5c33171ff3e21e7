"""Right files: what stands in them is what the `Scenario` says."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from nodesim.objects import check_plain
from nodesim.scenario.faults import ScenarioError
from nodesim.scenario.load import load_scenario
from nodesim.spec import (
    Comparison,
    ContainerRule,
    Expectation,
    LinkRule,
    NetworkSpec,
    NodeSpec,
    ObjectName,
    Scenario,
    Step,
    Subject,
    Target,
)
from nodesim.units import MILLISECOND, MINUTE, SECOND

HEAD = "apiVersion: nodesim.dev/v1alpha1\nkind: Scenario\nmetadata: {name: right}\nspec:\n"
NODES = "  nodes: [{name: worker, count: 3, labels: {topology.kubernetes.io/zone: a}}, {name: db}]\n"
POD = "{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {containers: [{name: c, image: busybox}]}}"

EXAMPLE = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata:
  name: partition-evicts
  description: One of three workers loses its network for ten minutes.
spec:
  seed: 7
  duration: 20m
  profile: v1.36
  settings:
    nodeMonitorGracePeriod: 50s
  nodes:
    - name: worker
      count: 3
      labels: {topology.kubernetes.io/zone: a}
      capacity: {cpu: "4", memory: 16Gi, pods: "110"}
  manifests:
    - apiVersion: v1
      kind: Pod
      metadata: {name: lonely}
      spec: {nodeName: worker-1, containers: [{name: c, image: busybox, command: [sleep, infinity]}]}
  containers:
    - {image: "*", startAfter: 300ms, readyAfter: 0s, stopAfter: 2s}
  network:
    latency: 2ms
    jitter: 1ms
    links:
      - {from: {zone: a}, to: control-plane, latency: 20ms, loss: 1%}
  steps:
    - {at: 2m,  cut:  {nodes: [worker-1]}}
    - {at: 12m, heal: {nodes: [worker-1]}}
  expect:
    - {node: worker-1, condition: {Ready: Unknown}, within: [2m39s, 2m56s], profiles: [v1.36]}
    - node: worker-1
      taint: "node.kubernetes.io/unreachable:NoExecute"
      after: {node: worker-1, condition: {Ready: Unknown}}
      within: [0s, 500ms]
    - {pods: {labels: {app: web}}, ready: ">= 2", always: true, from: 1m}
    - {invariant: at-most-one-per-identity, always: true}
"""


def load(folder: Path, text: str, *overrides: str, seed: int | None = None, profile: str | None = None) -> Scenario:
    """The scenario of a text."""
    path = folder / "flap.yaml"
    path.write_text(text)
    return load_scenario(path, overrides, seed=seed, profile=profile)


def faults(folder: Path, text: str, *overrides: str, seed: int | None = None, profile: str | None = None) -> list[str]:
    """The faults of a text, without the folder in front of them."""
    with pytest.raises(ScenarioError) as caught:
        load(folder, text, *overrides, seed=seed, profile=profile)
    return [str(fault).removeprefix(f"{folder}/") for fault in caught.value.faults]


def test_the_example_of_the_format_loads_whole(tmp_path: Path) -> None:
    """Every part of the format's own example arrives in the scenario, quantities as written, times in us."""
    unknown = Subject(kind="condition", node="worker-1", condition="Ready", value="Unknown")
    zone = {"topology.kubernetes.io/zone": "a"}
    text = "{node: worker-1, condition: {Ready: Unknown}, within: [2m39s, 2m56s], profiles: [v1.36]}"
    taint = "node.kubernetes.io/unreachable:NoExecute"
    scenario = load(tmp_path, EXAMPLE)
    assert scenario == Scenario(
        name="partition-evicts",
        description="One of three workers loses its network for ten minutes.",
        path=str(tmp_path / "flap.yaml"),
        seed=7,
        duration_us=20 * MINUTE,
        profile="v1.36",
        settings={"node_monitor_grace_us": 50 * SECOND},
        nodes=tuple(NodeSpec(name=f"worker-{n}", labels=zone) for n in range(3)),
        manifests=scenario.manifests,
        containers=(ContainerRule(),),
        network=NetworkSpec(
            latency_us=2 * MILLISECOND,
            jitter_us=MILLISECOND,
            links=(
                LinkRule(
                    source=Target(zone="a"),
                    destination=Target(control_plane=True),
                    latency_us=20 * MILLISECOND,
                    loss_ppm=10_000,
                ),
            ),
        ),
        steps=(
            Step(
                at_us=2 * MINUTE,
                verb="cut",
                text="{at: 2m, cut: {nodes: [worker-1]}}",
                nodes=("worker-1",),
                arguments={"direction": "both", "mode": "drop"},
            ),
            Step(
                at_us=12 * MINUTE,
                verb="heal",
                text="{at: 12m, heal: {nodes: [worker-1]}}",
                nodes=("worker-1",),
                arguments={"direction": "both"},
            ),
        ),
        expect=(
            Expectation(
                subject=unknown,
                when="within",
                text=text,
                from_us=159 * SECOND,
                until_us=176 * SECOND,
                profiles=("v1.36",),
                line=33,
                column=7,
            ),
            Expectation(
                subject=Subject(kind="taint", node="worker-1", value=taint),
                when="within",
                text=f'{{node: worker-1, taint: "{taint}", '
                "after: {node: worker-1, condition: {Ready: Unknown}}, within: [0s, 500ms]}",
                until_us=500 * MILLISECOND,
                after=unknown,
                line=34,
                column=7,
            ),
            Expectation(
                subject=Subject(kind="ready", labels={"app": "web"}, comparison=Comparison(operator=">=", value=2)),
                when="always",
                text='{pods: {labels: {app: web}}, ready: ">= 2", always: true, from: 1m}',
                from_us=MINUTE,
                line=38,
                column=7,
            ),
            Expectation(
                subject=Subject(kind="invariant", value="at-most-one-per-identity"),
                when="always",
                text="{invariant: at-most-one-per-identity, always: true}",
                line=39,
                column=7,
            ),
        ),
    )
    assert [document["spec"]["nodeName"] for document in scenario.manifests] == ["worker-1"]
    assert pickle.loads(pickle.dumps(scenario)) == scenario


def test_a_bare_scenario_has_the_defaults(tmp_path: Path) -> None:
    """Where a file says nothing, the scenario's own defaults stand; parts whose items are commented out are empty."""
    scenario = load(tmp_path, HEAD + "  steps:\n  expect:\n")
    assert scenario == Scenario(name="right", path=str(tmp_path / "flap.yaml"))


def test_start_within_is_read_and_may_be_nothing(tmp_path: Path) -> None:
    """Any duration up to an hour; 0s: all in step."""
    assert load(tmp_path, HEAD + "  startWithin: 2500ms").start_within_us == 2500 * MILLISECOND
    assert load(tmp_path, HEAD + "  startWithin: 0s").start_within_us == 0


def test_count_makes_numbered_nodes_and_its_absence_one_node(tmp_path: Path) -> None:
    """`count` numbers the names from 0; capacities that are not given are the defaults."""
    taints = "['a=b:NoSchedule', {key: c, effect: NoExecute}]"
    text = f"  nodes: [{{name: w, count: 2, capacity: {{cpu: 8}}}}, {{name: db, taints: {taints}}}]"
    scenario = load(tmp_path, HEAD + text)
    assert [node.name for node in scenario.nodes] == ["w-0", "w-1", "db"]
    assert scenario.nodes[0].capacity == {"cpu": "8", "memory": "16Gi", "pods": "110"}
    assert scenario.nodes[2].taints == (
        {"key": "a", "value": "b", "effect": "NoSchedule"},
        {"key": "c", "effect": "NoExecute"},
    )


def test_words_of_yaml_1_1_are_strings(tmp_path: Path) -> None:
    """on, no, 1:30 and dates are the strings that they look like; true, 0x10 and 0o17 are not."""
    annotations = "{a: on, b: no, c: 1:30, d: 2024-01-01, e: 1_000}"
    data = f"{{v: [true, 0x10, 0o17, 010, 1e3, ~, {annotations}]}}"
    document = load(
        tmp_path, HEAD + f"  manifests: [{{apiVersion: x/v1, kind: X, metadata: {{name: x}}, data: {data}}}]"
    )
    words = {"a": "on", "b": "no", "c": "1:30", "d": "2024-01-01", "e": "1_000"}
    assert document.manifests[0]["data"]["v"] == [True, 16, 15, 10, 1000.0, None, words]


def test_aliases_stand_for_what_they_name(tmp_path: Path) -> None:
    """An alias may be used often; each use makes data of its own."""
    text = "  manifests:\n    - &p " + POD % "a" + "\n    - apiVersion: x/v1\n      kind: X\n"
    text += "      metadata: {name: x}\n      both: [*p, *p]\n"
    documents = load(tmp_path, HEAD + text).manifests
    first, second = documents[1]["both"]
    assert first == second == documents[0]
    assert first is not second
    for document in documents:
        check_plain(document)


SETTINGS = (
    ("nodeMonitorPeriod: 2s", {"node_monitor_period_us": 2 * SECOND}),
    ("nodeEvictionRate: 0.1", {"node_eviction_rate_milli": 100}),
    ("secondaryNodeEvictionRate: 0", {"secondary_node_eviction_rate_milli": 0}),
    ("unhealthyZoneThreshold: 0.55", {"unhealthy_zone_threshold_percent": 55}),
    ("largeClusterSizeThreshold: 50", {"large_cluster_size_threshold": 50}),
    ("defaultUnreachableTolerationSeconds: 30", {"default_unreachable_toleration_seconds": 30}),
    ("nodeLeaseDurationSeconds: 40", {"node_lease_duration_seconds": 40}),
)


@pytest.mark.parametrize(("written", "meant"), SETTINGS)
def test_settings_have_their_units(tmp_path: Path, written: str, meant: dict[str, int]) -> None:
    """Durations become us, rates thousandths, thresholds per cent, seconds and counts stay."""
    assert load(tmp_path, HEAD + f"  settings: {{{written}}}").settings == meant


VERBS: tuple[tuple[str, tuple[str, ...], ObjectName | None, dict[str, object]], ...] = (
    (
        "cut: {zone: a, direction: to-control-plane, mode: refuse}",
        ("worker-0", "worker-1", "worker-2"),
        None,
        {"direction": "to-control-plane", "mode": "refuse"},
    ),
    ("heal: {labels: {kubernetes.io/hostname: db}}", ("db",), None, {"direction": "both"}),
    (
        "latency: {nodes: [db], latency: 20ms, jitter: 1ms, direction: both}",
        ("db",),
        None,
        {"latency_us": 20_000, "jitter_us": 1000, "direction": "both"},
    ),
    ("latency: {nodes: [db], latency: 1us}", ("db",), None, {"latency_us": 1, "jitter_us": 7, "direction": "both"}),
    ("loss: {nodes: [db], loss: 0.5%}", ("db",), None, {"loss_ppm": 5000, "direction": "both"}),
    ("kill-kubelet: {nodes: [db, worker-0]}", ("db", "worker-0"), None, {}),
    ("start-kubelet: {nodes: [db]}", ("db",), None, {}),
    ("power-off: {nodes: [db]}", ("db",), None, {}),
    ("power-on: {labels: {kubernetes.io/os: linux}}", ("worker-0", "worker-1", "worker-2", "db"), None, {}),
    (
        "delete: {pod: {name: a}, gracePeriodSeconds: 0}",
        (),
        ObjectName(resource="pods", name="a"),
        {"grace_seconds": 0, "force": False, "cascade": "background"},
    ),
    (
        "delete: {replicaset: {name: a, namespace: b}, cascade: orphan}",
        (),
        ObjectName(resource="replicasets", name="a", namespace="b"),
        {"grace_seconds": None, "force": False, "cascade": "orphan"},
    ),
    (
        "delete: {node: {name: db}, force: true}",
        (),
        ObjectName(resource="nodes", name="db", namespace=""),
        {"grace_seconds": 0, "force": True, "cascade": "background"},
    ),
    ("cordon: {nodes: [db]}", ("db",), None, {}),
    ("uncordon: {nodes: [db]}", ("db",), None, {}),
    (
        'taint: {nodes: [db], taint: "k=v:NoExecute", remove: true}',
        ("db",),
        None,
        {"taint": {"key": "k", "value": "v", "effect": "NoExecute"}, "remove": True},
    ),
    ("label: {nodes: [db], set: {a: b}, remove: [c]}", ("db",), None, {"labels": {"a": "b", "c": None}}),
    (
        "scale: {deployment: {name: web, namespace: shop}, replicas: 0}",
        (),
        ObjectName(resource="deployments", name="web", namespace="shop"),
        {"replicas": 0},
    ),
    (
        "scale: {replicaset: {name: web}, replicas: 5}",
        (),
        ObjectName(resource="replicasets", name="web"),
        {"replicas": 5},
    ),
)


@pytest.mark.parametrize(("written", "nodes", "named", "arguments"), VERBS, ids=[each[0] for each in VERBS])
def test_each_verb_says_what_it_does(
    tmp_path: Path, written: str, nodes: tuple[str, ...], named: ObjectName | None, arguments: dict[str, object]
) -> None:
    """Targets are resolved to names; the rest of a step is in its arguments."""
    text = HEAD + NODES + "  network: {jitter: 7us}\n" + f"  steps: [{{at: 1m, {written}}}]"
    (step,) = load(tmp_path, text).steps
    assert step.verb == written.partition(":")[0]
    assert (step.nodes, step.object, step.arguments) == (nodes, named, arguments)
    assert step.text == f"{{at: 1m, {written}}}"


def test_an_applied_node_can_be_named_afterwards(tmp_path: Path) -> None:
    """A Node object without a machine can be cordoned once applied, but not be cut off."""
    node = "{apiVersion: v1, kind: Node, metadata: {name: ghost}}"
    apply = f"  steps:\n    - {{at: 1m, apply: {{manifests: [{node}]}}}}\n"
    scenario = load(tmp_path, HEAD + NODES + apply + "    - {at: 2m, cordon: {nodes: [ghost]}}\n")
    assert scenario.steps[0].arguments["documents"][0]["metadata"]["name"] == "ghost"
    assert scenario.steps[1].nodes == ("ghost",)
    said = faults(tmp_path, HEAD + NODES + apply + "    - {at: 2m, cut: {nodes: [ghost]}}\n")
    assert said == [
        "flap.yaml:8:30: spec.steps[1].cut.nodes[0]: node 'ghost' is only an object: no machine of spec.nodes stands"
        " behind it"
    ]


SUBJECTS: tuple[tuple[str, Subject], ...] = (
    ("node: db, condition: {Ready: True}", Subject(kind="condition", node="db", condition="Ready", value="True")),
    ("node: db, condition: {Ready: 'False'}", Subject(kind="condition", node="db", condition="Ready", value="False")),
    (
        "node: db, taint: 'k:NoSchedule', absent: true",
        Subject(kind="taint", node="db", value="k:NoSchedule", present=False),
    ),
    ("pod: {name: a, namespace: b}, phase: Gone", Subject(kind="phase", name="a", namespace="b", value="Gone")),
    ("pod: {name: a}, running: false", Subject(kind="running", name="a", present=False)),
    ("pod: {name: a}, ready: true", Subject(kind="pod-ready", name="a")),
    (
        "pods: {labels: {x: y}}, count: 3",
        Subject(kind="count", labels={"x": "y"}, comparison=Comparison(operator="==", value=3)),
    ),
    (
        "pods: {labels: {}, namespace: b}, running: '>=1'",
        Subject(kind="running-count", namespace="b", comparison=Comparison(operator=">=", value=1)),
    ),
    (
        "event: {reason: NodeNotReady, object: Node/db}",
        Subject(kind="event", value="NodeNotReady", object="Node/db"),
    ),
    ("event: {reason: Killing}", Subject(kind="event", value="Killing")),
    (
        "workload: Deployment/web, shows: {ready_replicas: '>= 2'}",
        Subject(
            kind="workload",
            object="Deployment/default/web",
            condition="ready_replicas",
            comparison=Comparison(operator=">=", value=2),
        ),
    ),
    (
        "workload: Deployment/shop/web, shows: {progressing: DeploymentPaused}",
        Subject(kind="workload", object="Deployment/shop/web", condition="progressing", value="DeploymentPaused"),
    ),
)


@pytest.mark.parametrize(("written", "subject"), SUBJECTS, ids=[each[0] for each in SUBJECTS])
def test_each_subject_is_understood(tmp_path: Path, written: str, subject: Subject) -> None:
    """Whom an expectation is about, and what it claims."""
    (expectation,) = load(tmp_path, HEAD + NODES + f"  expect: [{{{written}, by: 3m}}]").expect
    assert expectation.subject == subject
    assert (expectation.when, expectation.until_us) == ("by", 3 * MINUTE)


TIMES: tuple[tuple[str, dict[str, object]], ...] = (
    ("at: 1s", {"when": "at", "at_us": SECOND}),
    ("within: [1s, 2s]", {"when": "within", "from_us": SECOND, "until_us": 2 * SECOND}),
    ("by: 1s", {"when": "by", "until_us": SECOND}),
    ("always: true", {"when": "always", "from_us": 0, "until_us": None}),
    ("never: true, from: 1s, until: 2s", {"when": "never", "from_us": SECOND, "until_us": 2 * SECOND}),
    ("eventually: true", {"when": "eventually"}),
    ("stableFor: 1s", {"when": "stable", "stable_us": SECOND}),
)


@pytest.mark.parametrize(("written", "meant"), TIMES)
def test_each_way_to_say_when_is_understood(tmp_path: Path, written: str, meant: dict[str, object]) -> None:
    """Each word for a time sets its fields, in us."""
    (expectation,) = load(tmp_path, HEAD + f"  expect: [{{pod: {{name: a}}, phase: Running, {written}}}]").expect
    assert {key: getattr(expectation, key) for key in meant} == meant


def test_several_claims_make_one_expectation_each(tmp_path: Path) -> None:
    """An item's claims are judged one by one, and each text shows its own claim alone."""
    text = """  expect:
    - {pod: {name: a}, phase: Running, running: true, at: 1m}
    - {node: db, condition: {Ready: Unknown, MemoryPressure: Unknown}, at: 1m}
    - ledger: {ghost_pod_seconds: "<= 0.5", detection_seconds.worker-1: "< 55", false_unknowns: {db: 0}}
"""
    expect = load(tmp_path, HEAD + NODES + text).expect
    assert [each.text for each in expect] == [
        "{pod: {name: a}, phase: Running, at: 1m}",
        "{pod: {name: a}, running: true, at: 1m}",
        "{node: db, condition: {Ready: Unknown}, at: 1m}",
        "{node: db, condition: {MemoryPressure: Unknown}, at: 1m}",
        '{ledger: {ghost_pod_seconds: "<= 0.5"}}',
        '{ledger: {detection_seconds.worker-1: "< 55"}}',
        "{ledger: {false_unknowns.db: 0}}",
    ]
    figures = [(each.subject.value, each.subject.comparison, each.when) for each in expect[4:]]
    assert figures == [
        ("ghost_pod_seconds", Comparison(operator="<=", value=500), "eventually"),
        ("detection_seconds.worker-1", Comparison(operator="<", value=55_000), "eventually"),
        ("false_unknowns.db", Comparison(operator="==", value=0), "eventually"),
    ]
