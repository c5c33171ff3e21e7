"""Whatever a file holds, loading it ends in a scenario or in a `ScenarioError`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodesim.scenario.faults import ScenarioError
from nodesim.scenario.load import SPEC_KEYS, load_scenario
from nodesim.scenario.read_expect import EXPECT_KEYS
from nodesim.scenario.verbs import VERBS
from nodesim.spec import Scenario

FLAGSHIP = (Path(__file__).parent.parent.parent / "scenarios" / "partition-evicts.yaml").read_text()
PIECES = (
    *("a", "b: ", "- ", "? ", ": ", "{", "}", "[", "]", ",", "&a ", "*a ", "!t ", "!!int ", "|", ">", "'", '"', "#"),
    *(
        "\n",
        "\n  ",
        "\n    ",
        "\t",
        "---\n",
        "...\n",
        "%TAG",
        "<<",
        "1",
        "0x1f",
        "1e9",
        ".nan",
        "~",
        "null",
        "é",
        "\x85",
    ),
    *("spec:", "nodes:", "steps:", "at: 1m", "kind: Scenario", "metadata: {name: x}"),
)
WORDS = st.sampled_from(
    (
        *(*SPEC_KEYS, *EXPECT_KEYS, *VERBS),
        *(
            "name",
            "count",
            "nodes",
            "labels",
            "zone",
            "namespace",
            "manifests",
            "image",
            "worker-1",
            "1m",
            "10%",
            ">= 2",
        ),
        *("v1.36", "a=b:NoExecute", "Pod", "v1", "apps/v1", "ReplicaSet", "", "..", "x.yaml"),
    )
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8)
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)
CALM = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file, written anew for every example."""
    return tmp_path_factory.mktemp("fuzz") / "fuzz.yaml"


def survives(file: Path, content: bytes, overrides: tuple[str, ...] = ()) -> None:
    """Loading ends in one of the two ways, and an error has faults with places."""
    file.write_bytes(content)
    try:
        assert type(load_scenario(file, overrides)) is Scenario
    except ScenarioError as error:
        assert error.faults
        assert all(fault.path and fault.line > 0 and fault.column > 0 and fault.message for fault in error.faults)
        assert str(error)


@CALM
@given(st.binary(max_size=200))
def test_random_bytes_are_refused(file: Path, content: bytes) -> None:
    """Bytes that are no scenario never raise anything else."""
    survives(file, content)


@CALM
@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_random_yaml_is_refused(file: Path, pieces: list[str]) -> None:
    """Text made of YAML's own signs never raises anything else."""
    survives(file, "".join(pieces).encode())


@CALM
@given(TREES, st.sampled_from(SPEC_KEYS))
def test_random_trees_in_a_scenario_are_read(file: Path, tree: object, key: str) -> None:
    """Any shape of data under any key of the spec ends in a scenario or in faults."""
    document = {
        "apiVersion": "nodesim.dev/v1alpha1",
        "kind": "Scenario",
        "metadata": {"name": "x"},
        "spec": {"nodes": [{"name": "worker", "count": 2}], key: tree},
    }
    survives(file, yaml.safe_dump(document).encode())


@CALM
@given(st.sampled_from(["steps", "expect", "manifests"]), st.dictionaries(WORDS, TREES, max_size=4))
def test_random_items_are_read(file: Path, key: str, item: dict[str, object]) -> None:
    """Items with known words in wrong places end in a scenario or in faults."""
    document = {
        "apiVersion": "nodesim.dev/v1alpha1",
        "kind": "Scenario",
        "metadata": {"name": "x"},
        "spec": {"nodes": [{"name": "worker", "count": 2}], key: [{"at": "1m", **item}]},
    }
    survives(file, yaml.safe_dump(document).encode())


@CALM
@given(st.integers(0, len(FLAGSHIP)), st.integers(0, 12), st.sampled_from(PIECES))
def test_a_damaged_scenario_is_refused_or_read(file: Path, place: int, gone: int, piece: str) -> None:
    """A right file with a piece torn out and another put in never raises anything else."""
    survives(file, (FLAGSHIP[:place] + piece + FLAGSHIP[place + gone :]).encode())


@CALM
@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from([*PIECES, ".", "spec", "=", "[0]", '["a"]']), max_size=8).map("".join)
)
def test_random_overrides_are_refused_or_used(file: Path, override: str) -> None:
    """Whatever stands after --set never raises anything else."""
    survives(file, FLAGSHIP.replace("- web-replicaset.yaml\n", "").encode(), (override,))
