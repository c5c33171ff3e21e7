"""How does a scenario file become a `Scenario`, or a list of everything that is wrong with it?

How it works.  The file's text becomes a tree that knows its places (`yamltree`); `--set` options change the tree
(`overrides`); readers walk it and note every fault on their way (`reading` and the `read_*` modules).  Only where no
fault was noted is there a scenario.  What a user wrote never raises anything but `ScenarioError`.

Reading goes from what is named to what names it: nodes and manifests first, then steps and expectations.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import attrs

from nodesim.objects import Document
from nodesim.profiles import DEFAULT_PROFILE, PROFILES, Profile, switched
from nodesim.scenario.components import asleep
from nodesim.scenario.faults import FaultList, Mark, TooManyFaults, clip, suggestion
from nodesim.scenario.figures import duration
from nodesim.scenario.files import read_text
from nodesim.scenario.manifests import Manifests
from nodesim.scenario.names import object_name
from nodesim.scenario.overrides import apply_overrides
from nodesim.scenario.read_actors import read_actors
from nodesim.scenario.read_cloud import read_cloud
from nodesim.scenario.read_expect import read_expect
from nodesim.scenario.read_nodes import read_nodes
from nodesim.scenario.read_settings import read_containers, read_network, read_settings, read_switches
from nodesim.scenario.read_steps import StepReader
from nodesim.scenario.reading import Cursor, Fields, choice, fields, integer, text
from nodesim.scenario.targets import Cluster
from nodesim.scenario.yamltree import MapTree, ScalarTree, parse_documents
from nodesim.spec import REALTIME_SLACK_US, ActorSpec, CloudSpec, NetworkSpec, Scenario, Step
from nodesim.units import HOUR, MILLISECOND, MINUTE, SECOND

API_VERSION: Final = "nodesim.dev/v1alpha1"
KIND: Final = "Scenario"
DURATION_MAX_US: Final = 366 * 24 * HOUR
"""A year: longer runs are several scenarios."""

SEED_MAX: Final = (1 << 63) - 1
TOP_KEYS: Final = ("apiVersion", "kind", "metadata", "spec")
METADATA_KEYS: Final = ("name", "description")
SPEC_KEYS: Final = (
    *("seed", "duration", "profile", "startWithin", "realtimeSlack", "settings", "switches", "cloud"),
    *("nodes", "manifests", "containers"),
    *("network", "actors", "steps", "expect"),
)
START_WITHIN_MAX_US: Final = HOUR
"""Far more than any rhythm of a kubelet."""

DEFAULT_DURATION_US: Final = 10 * MINUTE
DEFAULT_START_WITHIN_US: Final = 10 * SECOND
"""One period of a kubelet: every phase is as likely as any other."""

_METADATA_FORM: Final = "metadata such as {name: partition-evicts}"
_SPEC_FORM: Final = "a spec with nodes and steps"
_FILE_FORM: Final = f"a scenario: a mapping with apiVersion: {API_VERSION}, kind: {KIND}, metadata and spec"


def load_scenario(
    path: Path, overrides: Sequence[str] = (), *, seed: int | None = None, profile: str | None = None
) -> Scenario:
    """The scenario of a file; `overrides` are `spec.path=value`, `seed` and `profile` win over the file's.

    Raises:
        ScenarioError: with every fault of the file, its manifests and the options.
    """
    path = Path(path)
    faults = FaultList(str(path))
    scenario = None
    try:
        source = read_text(path, faults, str(path))
        if source is not None:
            scenario = _scenario(source, path, overrides, profile, faults)
        scenario = _with_options(scenario, seed, profile, faults)
    except TooManyFaults:
        raise faults.error(cut_short=True) from None
    if len(faults) or scenario is None:
        raise faults.error()
    return scenario


def _scenario(
    source: str, path: Path, overrides: Sequence[str], profile: str | None, faults: FaultList
) -> Scenario | None:
    trees = parse_documents(source, str(path), faults)
    if not trees:
        if not len(faults):
            faults.add(Mark(str(path), 1, 1), "", f"the file is empty: expected {_FILE_FORM}")
        return None
    if len(trees) > 1:
        faults.add(trees[1].mark, "", "a second document begins here; a file holds one scenario")
    root = Cursor(apply_overrides(trees[0], overrides, faults), "", faults)
    found = fields(root, TOP_KEYS, _FILE_FORM)
    if found is None:
        return None
    for key, expected in (("apiVersion", API_VERSION), ("kind", KIND)):
        found.required(key, partial(choice, known=(expected,)), expected)
    read_metadata = partial(fields, known=METADATA_KEYS, form=_METADATA_FORM)
    metadata = found.required("metadata", read_metadata, _METADATA_FORM)
    name = None if metadata is None else metadata.required("name", object_name, "a name such as partition-evicts")
    description = "" if metadata is None else metadata.optional("description", text, "")
    spec = found.required("spec", partial(fields, known=SPEC_KEYS, form=_SPEC_FORM), _SPEC_FORM)
    if spec is None:
        return None
    scenario = _spec(spec, path, name or "", description, faults)
    used = profile or scenario.profile
    _check_eviction_mode(spec, switched(used, scenario.switches) if used in PROFILES else None)
    return scenario


def _check_eviction_mode(spec: Fields, profile: Profile | None) -> None:
    """`api-initiated` is an option of versions that had it."""
    settings = spec.get("settings")
    if settings is None or type(settings.tree) is not MapTree or profile is None or profile.api_initiated_eviction:
        return
    mode = Fields(settings, settings.tree).get("evictionMode")
    if mode is not None and type(mode.tree) is ScalarTree and mode.tree.value == "api-initiated":
        mode.fault(f"not in profile {profile.name}: 1.27 took it away; say profile: v1.24")


def _spec(spec: Fields, path: Path, name: str, description: str, faults: FaultList) -> Scenario:
    cluster = Cluster()
    manifests = Manifests(path, faults)
    nodes = spec.get("nodes")
    if nodes is not None:
        read_nodes(nodes, cluster)
    documents: tuple[Document, ...] = spec.optional("manifests", manifests.read, ())
    cluster.documents.update(each["metadata"]["name"] for each in documents if each["kind"] == "Node")
    duration_us: int | None = DEFAULT_DURATION_US
    if "duration" in spec:
        duration_us = spec.maybe("duration", partial(duration, low_us=1, high_us=DURATION_MAX_US))
    network = spec.optional("network", partial(read_network, cluster=cluster), NetworkSpec())
    actors: tuple[ActorSpec, ...] = spec.optional("actors", partial(read_actors, cluster=cluster), ())
    settings: dict[str, int | str | bool] = spec.optional("settings", read_settings, {})
    cluster.leader_elect = bool(settings.get("leader_elect"))
    cloud: CloudSpec | None = spec.maybe("cloud", read_cloud)
    cluster.cloud = "cloud" in spec
    cluster.asleep.update(asleep(settings, cloud or CloudSpec() if cluster.cloud else None))
    reader = StepReader(cluster, manifests, duration_us, network.jitter_us)
    steps: tuple[Step, ...] = spec.optional("steps", reader.read, ())
    return Scenario(
        name=name,
        description=description,
        path=str(path),
        seed=spec.optional("seed", partial(integer, low=0, high=SEED_MAX), 0),
        duration_us=duration_us or 0,
        profile=spec.optional("profile", partial(choice, known=tuple(PROFILES)), DEFAULT_PROFILE),
        start_within_us=spec.optional(
            "startWithin", partial(duration, high_us=START_WITHIN_MAX_US), DEFAULT_START_WITHIN_US
        ),
        realtime_slack_us=spec.optional(
            "realtimeSlack", partial(duration, low_us=MILLISECOND, high_us=MINUTE), REALTIME_SLACK_US
        ),
        settings=settings,
        cloud=cloud,
        switches=spec.optional("switches", read_switches, {}),
        manifests=documents,
        containers=spec.optional("containers", read_containers, ()),
        network=network,
        actors=actors,
        steps=steps,
        expect=spec.optional("expect", partial(read_expect, cluster=cluster), ()),
        nodes=() if len(faults) else cluster.nodes(),  # Last: they take the longest, and may not be needed.
    )


def _with_options(
    scenario: Scenario | None, seed: int | None, profile: str | None, faults: FaultList
) -> Scenario | None:
    """The scenario with the command's own seed and profile."""
    if profile is not None and profile not in PROFILES:
        message = f"unknown profile {clip(profile)}{suggestion(profile, tuple(PROFILES))}"
        faults.add(Mark("--profile", 1, 1), "", message)
    if seed is not None and not 0 <= seed <= SEED_MAX:
        faults.add(Mark("--seed", 1, 1), "", f"must be from 0 to {SEED_MAX}")
    if scenario is None:
        return None
    return attrs.evolve(
        scenario,
        seed=scenario.seed if seed is None else seed,
        profile=scenario.profile if profile is None else profile,
    )
