"""The JSON Schema says what the reader says, as far as a schema can."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pytest

from nodesim.cli.files import scenario_files
from nodesim.scenario.faults import FaultList, ScenarioError
from nodesim.scenario.load import load_scenario
from nodesim.scenario.schema import mapping, scenario_schema
from nodesim.scenario.schema_forms import TEXT, SchemaGap, form_of
from nodesim.scenario.yamltree import parse_documents, plain_value
from tests.scenario.test_load import EXAMPLE

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed: make .venv/.test")

ROOT: Final = Path(__file__).parents[2]
BROKEN: Final = sorted((ROOT / "tests" / "data" / "broken").glob("*.yaml"))
SCHEMA: Final = scenario_schema()
VALIDATOR: Final = jsonschema.Draft202012Validator(SCHEMA)

UNSEEN: Final = {
    # What rests on another part of the file, or on other files.
    *("expect-unknown-node", "link-unknown-zone", "node-made-twice", "node-total-huge", "step-labels-match-nobody"),
    *("step-unknown-node", "step-after-the-end", "steps-out-of-order", "step-force-with-grace"),
    *("expect-until-before-from", "expect-window-reversed", "link-both-control-plane", "two-documents"),
    *("setting-eviction-mode-gone", "setting-event-ttl"),
    *("setting-cidr-missing", "setting-cidr-not-a-network", "setting-cidr-one-family-twice", "component-asleep"),
    *("setting-cidr-block-too-large", "setting-cidr-too-many-blocks", "setting-cidr-one-size-for-two"),
    *("setting-cidr-without-allocate", "expect-pod-cidr"),
    *("cloud-missing", "cloud-api-overlaps", "cloud-instance-overlaps", "cloud-component-asleep"),
    *("cloud-routes-asleep", "cloud-manager-at-call"),
    *("actor-taken-name", "actor-twice", "actor-unknown-node", "component-unknown", "component-cut-apiserver"),
    *("component-lag-apiserver", "crash-server-at-call", "crash-for-overlaps"),
    *("clock-of-an-actor", "clock-for-overlaps", "leader-no-standby", "leader-one-controller", "leader-at-a-call"),
    *("crash-manager-at-call", "crash-for-overlaps-member"),
    *("link-between-nodes", "step-every-never-again", "step-every-too-often", "step-for-longer-than-every"),
    *("step-for-overlaps-percent", "step-for-overlaps", "step-for-past-the-end", "step-times-past-the-end"),
    *("step-touches-too-much", "step-until-before-at", "step-until-past-the-end"),
    # How long or how large something is that is written with a unit, and how many places count.
    *("duration-two-years", "start-within-day", "realtime-slack-hour", "link-loss-150", "node-half-pods"),
    *("node-zero-cpu", "setting-rate-fine", "expect-figure-too-fine"),
}
"""Broken files whose fault a schema cannot see."""

MANIFESTS: Final = {
    *("manifest-no-kind", "manifest-no-name", "manifest-bad-name", "manifest-small-kind", "manifest-wrong-version"),
    "list-without-items",
}
"""Those of `spec.manifests` that it sees; other files, and the insides of Kubernetes' documents, it leaves alone."""

RICH: Final[dict[str, Any]] = {
    "apiVersion": "nodesim.dev/v1alpha1",
    "kind": "Scenario",
    "metadata": {"name": "rich", "description": "A little of everything."},
    "spec": {
        "seed": 7,
        "duration": "20m",
        "profile": "v1.36",
        "startWithin": "5s",
        "settings": {"nodeMonitorGracePeriod": "50s", "nodeEvictionRate": 0.1, "nodeLeaseDurationSeconds": 40},
        "switches": {"liveLeaseCheck": True},
        "cloud": {"provider": "aws", "region": "eu-1", "configureCloudRoutes": False, "routeQuota": 3},
        "nodes": [
            {
                "name": "worker",
                "count": 3,
                "labels": {"topology.kubernetes.io/zone": "a"},
                "taints": ["a=b:NoSchedule", {"key": "c", "effect": "NoExecute"}],
                "capacity": {"cpu": 4, "memory": "16Gi"},
            },
            {"name": "db", "clock": {"offset": "-1h", "drift": 200}},
        ],
        "manifests": [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
            {"kind": "List", "items": []},
        ],
        "containers": [{"image": "*", "startAfter": "1s", "stopAfter": "never", "exit": [{"after": "5s", "code": 1}]}],
        "network": {
            "latency": "2ms",
            "jitter": 0,
            "links": [{"from": {"zone": "a"}, "to": "control-plane", "latency": "20ms", "loss": "1%"}],
        },
        "actors": [{"name": "mine", "run": "package.module:function", "node": "db"}, {"name": "other"}],
        "steps": [
            {"at": "1m", "crash": {"component": "mine", "beforeCall": {"verb": "update", "resource": "pods/status"}}},
            {"at": "1m", "crash": {"component": "other", "afterCalls": 3, "restartAfter": "1s"}},
            {"at": "1m", "stop": {"component": "apiserver"}, "for": "10s"},
            {"at": "1m", "stop-instance": {"nodes": ["worker-1"]}, "for": "10s"},
            {"at": "1m", "cloud-api-down": {}, "for": "10s"},
            {"at": "1m", "lag": {"component": "scheduler", "by": "10s"}},
            {"at": "1m", "cut": {"component": "mine"}},
            {"at": "1m", "cut": {"nodes": ["db"], "direction": "both", "mode": "drop"}},
            {"at": "2m", "heal": {"labels": {"kubernetes.io/os": "linux"}}},
            {"at": "2m", "clock": {"zone": "a", "step": "-90s", "drift": -5}, "for": "1m"},
            {"at": "2m", "clock": {"component": "apiserver", "offset": 0}},
            {"at": "2m", "latency": {"zone": "a", "latency": "5ms", "jitter": "1ms"}},
            {"at": "2m", "taint": {"nodes": ["db"], "taint": "x:NoExecute", "remove": True}},
            {"at": "2m", "label": {"nodes": ["db"], "set": {"team": "core"}, "remove": ["old"]}},
            {"at": "2m", "power-off": {"percent": 30}, "for": "10s", "every": "1m", "times": 3},
            {"at": "3m", "delete": {"pod": {"name": "lonely"}, "gracePeriodSeconds": 0, "force": True}},
            {"at": "3m", "scale": {"replicaset": {"name": "web", "namespace": "shop"}, "replicas": 5}},
        ],
        "expect": [
            {"node": "db", "condition": {"Ready": "Unknown"}, "within": ["2m39s", "2m56s"], "profiles": ["v1.36"]},
            {"node": "db", "taint": "x:NoExecute", "absent": True, "at": "1m"},
            {"pod": {"name": "lonely"}, "phase": "Gone", "running": False, "ready": False, "by": "9m"},
            {"pods": {"labels": {"app": "web"}}, "ready": ">= 2", "count": 3, "always": True, "from": "1m"},
            {"node": "db", "podCIDR": "10.244.0.0/24", "exists": True, "at": "1m"},
            {"event": {"reason": "NodeNotReady", "object": "Node/db"}, "never": True, "until": "1m"},
            {"ledger": {"ghost_pod_seconds": "<= 400.5", "detection_seconds": {"db": "< 60"}}},
            {"invariant": "at-most-one-per-identity"},
            {"workload": "Deployment/web", "shows": {"replicas": "== 3", "progressing": "x"}, "at": "1m"},
            {
                "node": "db",
                "condition": {"Ready": "True"},
                "stableFor": "1m",
                "after": {"node": "db", "condition": {"Ready": "False"}},
            },
        ],
    },
}


def value_of(text: str) -> Any:
    """What a text says, by the reader's own YAML; None where it is none."""
    faults = FaultList("x")
    trees = parse_documents(text, "x", faults)
    return None if len(faults) or not trees else plain_value(trees[0])


def said(value: Any) -> list[str]:
    """The schema's errors, shortly."""
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message:.200}" for e in VALIDATOR.iter_errors(value)]


def test_it_is_a_schema() -> None:
    """Of the dialect that it names, and printable."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("path", scenario_files([ROOT / "scenarios"]), ids=lambda path: path.stem)
def test_every_scenario_of_the_project_is_valid(path: Path) -> None:
    """What runs is what the schema describes."""
    assert said(value_of(path.read_text())) == []


def test_the_examples_are_valid() -> None:
    """The reference page's, the README's and a rich one, which the reader takes, too."""
    for page in ("docs/scenarios.md", "README.md"):
        assert said(value_of((ROOT / page).read_text().split("```yaml\n")[1].split("```")[0])) == []
    assert said(value_of(EXAMPLE)) == []
    assert said(RICH) == []


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_file_is_refused_where_a_schema_can_see_the_fault(path: Path) -> None:
    """Every broken file of the reader's tests that is YAML at all, but those whose fault lies elsewhere."""
    value = value_of(path.read_text(errors="replace"))
    if value is None:
        return
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    if path.stem in MANIFESTS or not all(fault.where.startswith("spec.manifests") for fault in caught.value.faults):
        hint = "the schema should refuse it; if no schema can see such a fault, it belongs into UNSEEN"
        assert VALIDATOR.is_valid(value) is (path.stem in UNSEEN), said(value) or hint


def test_what_a_schema_cannot_see_is_a_list_of_real_files() -> None:
    """A file that went leaves the list as well."""
    assert {path.stem for path in BROKEN} >= UNSEEN | MANIFESTS


STRANGE: Final = (None, True, -1, 0.5, "x", "5m", [], {"a": "b"})


def mutants(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The rich example with one thing changed: a key gone, a key too many, or another value in its place."""
    at: Any = RICH
    for key in path:
        at = at[key]
    for strange in STRANGE:
        yield (
            f"{path} = {strange!r}",
            _with(path, lambda parent, key, strange=strange: parent.__setitem__(key, strange)),
        )
    if path:
        yield f"no {path}", _with(path, lambda parent, key: parent.pop(key))
    if isinstance(at, dict):
        yield f"{path} + frobnicate", _with((*path, "frobnicate"), lambda parent, key: parent.__setitem__(key, "x"))
    for key in list(at if isinstance(at, dict) else range(len(at)) if isinstance(at, list) else ()):
        yield from mutants(at[key], (*path, key))


def _with(path: tuple[Any, ...], change: Any) -> Any:
    holder = {"root": copy.deepcopy(RICH)}
    parent: Any = holder
    for key in ("root", *path)[:-1]:
        parent = parent[key]
    change(parent, ("root", *path)[-1])
    return holder.get("root")


@pytest.mark.slow
def test_the_schema_refuses_nothing_that_the_reader_takes(tmp_path: Path) -> None:
    """For every change of the rich example that the schema refuses, the reader finds a fault as well.

    Every fourth of some thousand changes; all of them take four times as long.
    """
    path = tmp_path / "mutant.yaml"
    taken, refused = [], 0
    for name, value in islice(mutants(RICH), 0, None, 4):
        if VALIDATOR.is_valid(value):
            continue
        refused += 1
        path.write_text(json.dumps(value))
        try:
            load_scenario(path)
        except ScenarioError:
            continue
        taken.append(name)
    assert taken == []
    assert refused > 300


def test_a_key_or_reader_without_a_form_is_no_schema() -> None:
    """Who adds a key to the reader is told where else it belongs."""
    with pytest.raises(SchemaGap, match=r"no form for the reader's keys colour"):
        mapping(("name", "colour"), {"name": TEXT})
    with pytest.raises(SchemaGap, match=r"no form for what test_a_key_or_reader"):
        form_of(test_a_key_or_reader_without_a_form_is_no_schema)
