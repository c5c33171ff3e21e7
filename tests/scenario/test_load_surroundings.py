"""What surrounds a scenario file: its manifests, the options that change it, and its faults as a whole."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from nodesim.expect import INVARIANTS, LEDGER_KEYS
from nodesim.profiles import PROFILES, SETTING_NAMES
from nodesim.scenario.components import COMPONENTS
from nodesim.scenario.faults import ScenarioError
from nodesim.scenario.load import SPEC_KEYS
from nodesim.scenario.read_actors import ACTOR_KEYS
from nodesim.scenario.read_crashes import CRASH_WAYS
from nodesim.scenario.read_expect import EXPECT_KEYS
from nodesim.scenario.read_nodes import NODE_KEYS
from nodesim.scenario.read_settings import CONTAINER_KEYS, LINK_KEYS
from nodesim.scenario.verbs import OBJECTS, VERBS
from nodesim.scenario.yamltree import VALUES_MAX
from nodesim.spec import ContainerRule
from nodesim.units import MINUTE, SECOND
from tests.scenario.test_load import EXAMPLE, HEAD, POD, faults, load


def test_manifests_come_from_files_lists_and_places_nearby(tmp_path: Path) -> None:
    """A path is relative to the scenario; files hold several documents and lists; one folder up is allowed."""
    folder = tmp_path / "scenarios"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "two.yaml").write_text("---\n" + POD % "a" + "\n---\n# none\n---\n" + POD % "b" + "\n")
    items = ", ".join((POD % "c", POD % "d"))
    (tmp_path / "list.yaml").write_text(f"{{apiVersion: v1, kind: List, items: [{items}]}}")
    scenario = load(folder, HEAD + "  manifests: [sub/two.yaml, ../list.yaml, " + POD % "e" + "]")
    assert [document["metadata"]["name"] for document in scenario.manifests] == ["a", "b", "c", "d", "e"]


def test_a_manifests_faults_carry_its_own_place(tmp_path: Path) -> None:
    """A fault inside a manifest names the manifest's file and line, once, however often the file is named."""
    (tmp_path / "web.yaml").write_text("---\n" + POD % "a" + "\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\n")
    said = faults(tmp_path, HEAD + "  seed: x\n  manifests: [web.yaml]\n")
    assert said == [
        "flap.yaml:5:9: spec.seed: expected a whole number such as 3, got 'x'",
        "web.yaml:4:1: document 2: 'spec' is missing:"
        " expected a spec such as {containers: [{name: c, image: busybox}]}",
    ]
    (tmp_path / "web.yaml").write_text(HEAD)
    said = faults(tmp_path, HEAD + "  manifests: [web.yaml]\n")
    assert said == ["web.yaml:1:1: this is a scenario, not a manifest; scenarios do not include one another"]


def test_other_kinds_pass_as_they_are(tmp_path: Path) -> None:
    """A kind that nothing here models is kept whole."""
    document = (
        "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: a}, spec: {minAvailable: 50%, x: [1, ~]}}"
    )
    (kept,) = load(tmp_path, HEAD + f"  manifests: [{document}]").manifests
    assert kept["spec"] == {"minAvailable": "50%", "x": [1, None]}


def test_overrides_change_the_file_before_it_is_read(tmp_path: Path) -> None:
    """--set reaches values, list items in both spellings, quoted keys and what is not there yet; the last wins."""
    scenario = load(
        tmp_path,
        EXAMPLE,
        "spec.duration=15m",
        "spec.duration=30m",
        "spec.steps[0].at=1m",
        "spec.steps.1.at=11m",
        "spec.nodes[0].labels={topology.kubernetes.io/zone: a, rack: r1}",
        'spec.nodes[0].labels["example.com/a.b"]=c',
        "spec.settings.nodeMonitorPeriod=3s",
        "spec.containers[1]={image: x, stopAfter: never}",
    )
    assert scenario.duration_us == 30 * MINUTE
    assert [step.at_us for step in scenario.steps] == [MINUTE, 11 * MINUTE]
    assert scenario.nodes[2].labels == {"topology.kubernetes.io/zone": "a", "rack": "r1", "example.com/a.b": "c"}
    assert scenario.settings == {"node_monitor_grace_us": 50 * SECOND, "node_monitor_period_us": 3 * SECOND}
    assert scenario.containers[1] == ContainerRule(image="x", stop_after_us=None)


OVERRIDES = (
    ("spec.duration=20", "--set:1:15: spec.duration: not a duration: '20'"),
    ("spec.duraton=20m", "--set:1:1: spec: unknown key 'duraton', did you mean 'duration'?"),
    ("spec.steps[7].at=1m", "--set:1:1: 'spec.steps[7].at': '7' is no place in a list of 2"),
    ("spec.seed.x=1", "--set:1:1: 'spec.seed.x': 'x' asks for a mapping, but there is a single value"),
    ("spec[0]=1", "--set:1:1: 'spec[0]': [0] asks for a list, but there is none"),
    ("spec.seed", "--set:1:10: 'spec.seed' is no override; expected --set spec.path=value"),
    ("=1", "--set:1:1: '=1' is no override"),
    ("spec.seed=[1", "--set:1:11: not YAML"),
    ("spec.seed=1\n---\n2", "--set:1:11: the value is not one YAML value"),
)


@pytest.mark.parametrize(("override", "said"), OVERRIDES)
def test_a_bad_override_is_a_fault_of_the_option(tmp_path: Path, override: str, said: str) -> None:
    """A fault that an override brings in names the option, the column in it, and a hint."""
    (fault,) = faults(tmp_path, EXAMPLE, override)
    assert fault.startswith(said)


def test_the_options_seed_and_profile_win(tmp_path: Path) -> None:
    """--seed and --profile override the file; wrong ones are faults beside the file's own."""
    scenario = load(tmp_path, EXAMPLE, seed=9, profile="v1.24")
    assert (scenario.seed, scenario.profile) == (9, "v1.24")
    assert faults(tmp_path, HEAD + "  seed: x", seed=-1, profile="v1.25") == [
        "flap.yaml:5:9: spec.seed: expected a whole number such as 3, got 'x'",
        "--profile:1:1: unknown profile 'v1.25', did you mean 'v1.24'?",
        "--seed:1:1: must be from 0 to 9223372036854775807",
    ]


def test_a_node_template_with_a_fault_hides_no_other_fault(tmp_path: Path) -> None:
    """Names that a faulty template may have made are not called unknown; others are."""
    text = "  nodes: [{name: w, count: x}, {name: db}]\n  steps:\n    - {at: 1m, cut: {nodes: [w-1, dbb]}}\n"
    assert faults(tmp_path, HEAD + text) == [
        "flap.yaml:5:28: spec.nodes[0].count: expected a whole number such as 3, got 'x'",
        "flap.yaml:7:35: spec.steps[0].cut.nodes[1]: no node 'dbb', did you mean 'db'?",
    ]


def test_an_error_can_be_sent_between_processes(tmp_path: Path) -> None:
    """A ScenarioError keeps its faults through pickle, as runs in other processes need."""
    with pytest.raises(ScenarioError) as caught:
        load(tmp_path, HEAD + "  seed: x")
    assert pickle.loads(pickle.dumps(caught.value)).faults == caught.value.faults


def test_the_reference_page_is_true(tmp_path: Path) -> None:
    """The page's example loads, and the page names every key, verb, option and word that files may use."""
    page = (Path(__file__).parent.parent.parent / "docs" / "scenarios.md").read_text()
    assert load(tmp_path, page.split("```yaml\n")[1].split("```")[0]).name == "partition-evicts"
    known = (
        *SPEC_KEYS,
        *VERBS,
        *COMPONENTS,
        *ACTOR_KEYS,
        *CRASH_WAYS,
        *EXPECT_KEYS,
        *SETTING_NAMES,
        *NODE_KEYS,
        *CONTAINER_KEYS,
        *LINK_KEYS,
        *OBJECTS,
        *PROFILES,
        *LEDGER_KEYS,
        *INVARIANTS,
    )
    assert [word for word in known if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", page) is None] == []
    assert f"{VALUES_MAX:,}" in page
