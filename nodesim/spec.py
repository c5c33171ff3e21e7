"""What is a scenario, once its file has been read and found right?

Plain, picklable values: a run is a function of one `Scenario` (and of the seed and profile in it).  Times are us.
Nothing here reads files; `nodesim.scenario.load` makes these and reports every fault of a file at once.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import attrs

from nodesim.objects import Document
from nodesim.profiles import DEFAULT_PROFILE
from nodesim.units import MILLISECOND, MINUTE, SECOND

REALTIME_SLACK_US: Final = 100 * MILLISECOND
"""In real time things may be late by this much real time, unless the scenario says otherwise."""

STANDBY_SUFFIX: Final = "-2"
"""What the names of the second controller manager and of its controllers end in."""

Direction: TypeAlias = Literal["both", "to-control-plane", "from-control-plane"]
CutMode: TypeAlias = Literal["drop", "refuse"]
StepVerb: TypeAlias = Literal[
    "cut",
    "heal",
    "hold",
    "release",
    "latency",
    "loss",
    "duplicate",
    "crash",
    "stop",
    "start",
    "pause",
    "resume",
    "lag",
    "clock",
    "kill-kubelet",
    "start-kubelet",
    "power-off",
    "power-on",
    "apply",
    "delete",
    "cordon",
    "uncordon",
    "taint",
    "label",
    "scale",
    "terminate-instance",
    "stop-instance",
    "start-instance",
    "cloud-api-down",
    "cloud-api-up",
]
Operator: TypeAlias = Literal["<=", ">=", "==", "!=", "<", ">"]


@attrs.frozen(kw_only=True)
class NodeSpec:
    """One machine, after its template was expanded.  Quantities stay as written."""

    name: str
    labels: dict[str, str] = attrs.Factory(dict)
    taints: tuple[dict[str, Any], ...] = ()
    """Taints with which the kubelet registers (--register-with-taints), in document form."""
    capacity: dict[str, str] = attrs.Factory(lambda: {"cpu": "4", "memory": "16Gi", "pods": "110"})
    external_cloud: bool = False
    """Its kubelet runs with --cloud-provider=external: the cloud says where it stands and what its address is."""
    clock_offset_us: int = 0
    """How far ahead its wall clock is when the run begins; below 0: behind."""
    clock_drift_ppm: int = 0
    """How many us it gains in a second."""


@attrs.frozen(kw_only=True)
class ContainerRule:
    """How containers behave whose image (a shell pattern) and pod labels match; the first matching rule counts."""

    image: str = "*"
    labels: dict[str, str] = attrs.Factory(dict)
    start_after_us: int = 300 * MILLISECOND
    ready_after_us: int = 0
    stop_after_us: int | None = 2 * SECOND
    """SIGTERM to exit; None (`never`): until the grace period ends and SIGKILL comes."""
    exits: tuple[tuple[int, int], ...] = ()
    """(after us, exit code) of the first, second, ... run; the last repeats; empty: runs for ever."""


@attrs.frozen(kw_only=True)
class Target:
    """Who is meant.  At most one of the first fields is set; none of them: every machine."""

    nodes: tuple[str, ...] = ()
    labels: dict[str, str] = attrs.Factory(dict)
    zone: str = ""
    control_plane: bool = False
    percent_ppm: int | None = None
    """Only this part of them, drawn from the seed (per million)."""


@attrs.frozen(kw_only=True)
class LinkRule:
    """An exception to the network's defaults, one direction; None leaves a value as it is.  `_ppm`: per million."""

    source: Target
    destination: Target
    latency_us: int | None = None
    jitter_us: int | None = None
    loss_ppm: int | None = None
    duplicate_ppm: int | None = None


@attrs.frozen(kw_only=True)
class NetworkSpec:
    """Every link, unless a rule says otherwise: a message takes latency plus a draw from [0, jitter]."""

    latency_us: int = MILLISECOND
    jitter_us: int = 0
    links: tuple[LinkRule, ...] = ()


@attrs.frozen(kw_only=True)
class ObjectName:
    """An object that a step or expectation names; `resource` is the plural (`pods`, `replicasets`)."""

    resource: str
    name: str
    namespace: str = "default"


@attrs.frozen(kw_only=True)
class Step:
    """One thing that happens to the cluster.

    `nodes` is set for network and node steps (the target, resolved to names), `object` for operator steps on one
    object; cordon, uncordon, taint and label of nodes use `nodes`.  `arguments` holds the rest, by verb:

    * cut: `direction`, `mode`; heal, hold, release: `direction`
    * latency: `latency_us`, `jitter_us`, `direction`; loss: `loss_ppm`, `direction`; duplicate: `duplicate_ppm`,
      `direction`
    * apply: `documents` (list of documents)
    * delete: `grace_seconds` (int or None), `force` (bool), `cascade` (`background`, `foreground` or `orphan`)
    * taint: `taint` (document form), `remove` (bool); label: `labels` ({key: value or None to remove})
    * scale: `replicas` (int)
    * crash: `count` (0: at once; else at the count-th call that matches), `call_verb`, `call_resource` ("": any),
      `before` (that call leaves or not), `restart_after_us` (int or None); lag: `by_us`
    * clock: `offset_us`, `step_us`, `drift_ppm` (int or None, which leaves it)

    `component` is set instead of `nodes` for crash, stop, start, pause, resume, lag, and for cut, heal and clock of one
    component.
    """

    at_us: int
    verb: StepVerb
    text: str
    """The step as a person would write it on one line."""
    nodes: tuple[str, ...] = ()
    percent_ppm: int | None = None
    """Only this part of `nodes` is meant (per million); the plan of a run says which."""
    object: ObjectName | None = None
    component: str = ""
    arguments: dict[str, Any] = attrs.Factory(dict)
    for_us: int = 0
    """After this time the step is undone; 0: it is not."""
    every_us: int = 0
    """It comes again after this time, `times` times in all."""
    times: int = 1


@attrs.frozen(kw_only=True)
class Comparison:
    """`>= 2`; a bare number means `==`."""

    operator: Operator
    value: int


@attrs.frozen(kw_only=True)
class Subject:
    """What an expectation is about; `kind` says which of the other fields count.

    * `condition`: `node`, `condition` (type), `value` (status)
    * `taint`: `node`, `value` (`key[=value]:Effect`), `present` False: it is absent
    * `pod-cidr`: `node`, `value` (a block of addresses, "": it has none); `node-exists`: `node`, `present`
    * `phase`: one pod's (`name`, `namespace`) phase as `kubectl get` prints it, `value`; `Gone`: no such object
    * `running`: the node's truth, does a container of the pod run, `present`
    * `pod-ready`: one pod's Ready, `present`
    * `ready`, `count`: of the pods matching `labels` in `namespace`, how many are Ready / exist, `comparison`
    * `running-count`: of the pods matching `labels`, how many have a running container (the nodes' truth)
    * `event`: `value` (reason), `object` (`Kind/name`, as in `Pod/lonely`, or "" for any); true from its first time on
    * `ledger`: `value` (dotted key of the ledger), `comparison` in thousandths of the key's unit
    * `workload`: `object` (`Kind/namespace/name`), `condition` (a key of its summary), `value` or `comparison`
    * `invariant`: `value` (its name)
    """

    kind: Literal[
        "condition",
        "taint",
        "pod-cidr",
        "node-exists",
        "phase",
        "running",
        "pod-ready",
        "ready",
        "count",
        "running-count",
        "event",
        "ledger",
        "workload",
        "invariant",
    ]
    node: str = ""
    name: str = ""
    namespace: str = "default"
    labels: dict[str, str] = attrs.Factory(dict)
    condition: str = ""
    value: str = ""
    object: str = ""
    present: bool = True
    comparison: Comparison | None = None


@attrs.frozen(kw_only=True)
class Expectation:
    """A subject, and when it must be true.

    * `at`: holds at `at_us`, after all events of that instant
    * `within`: becomes true inside [`from_us`, `until_us`], and was not true before (at `from_us` minus 1)
    * `by`: is true at some instant up to `until_us`
    * `always` / `never`: at every instant of [`from_us`, `until_us`] (None: the run's end)
    * `eventually`: true at some instant, and still at the run's end
    * `stable`: true without a break for `stable_us` at some time

    With `after`, all times count from the first instant at which that subject became true.
    """

    subject: Subject
    when: Literal["at", "within", "by", "always", "never", "eventually", "stable"]
    text: str
    """One line, as written in the file."""
    at_us: int = 0
    from_us: int = 0
    until_us: int | None = None
    stable_us: int = 0
    after: Subject | None = None
    profiles: tuple[str, ...] = ()
    """Only for these profiles; empty: for all."""
    settings: dict[str, int | str | bool] = attrs.Factory(dict)
    """Only in runs where these attributes of `nodesim.profiles.Settings` have these values."""
    line: int = 0
    column: int = 0


@attrs.frozen(kw_only=True)
class ActorSpec:
    """An actor of the user's: `run` is `package.module:function`, `node` where it sits ("": the control plane)."""

    name: str
    run: str = ""
    node: str = ""
    path: str = ""
    line: int = 0


@attrs.frozen(kw_only=True)
class CloudSpec:
    """The cloud that the machines stand in, and what its controllers do."""

    provider: str = "nodesim"
    """Its name in providerIDs."""
    region: str = ""
    """Of machines whose template has no label for it."""
    instance_type: str = ""
    configure_routes: bool = True
    """--configure-cloud-routes."""
    route_quota: int | None = None
    """How many routes the cloud lets one have; None: as many as one likes."""


@attrs.frozen(kw_only=True)
class Scenario:
    """A whole scenario file."""

    name: str
    description: str = ""
    path: str = ""
    seed: int = 0
    duration_us: int = 10 * MINUTE
    profile: str = DEFAULT_PROFILE
    start_within_us: int = 10 * SECOND
    """When the run begins, each kubelet and the node controller have come as far in their rhythms as if they had been
    started at an instant of their own within this time before it; 0: all in step.
    """
    realtime_slack_us: int = REALTIME_SLACK_US
    """In real time: how late (real us) things may be."""
    settings: dict[str, int | str | bool] = attrs.Factory(dict)
    """Attributes of `nodesim.profiles.Settings` -> value."""
    switches: dict[str, bool] = attrs.Factory(dict)
    """Attributes of `nodesim.profiles.Profile` that differ from the profile's -> value."""
    cloud: CloudSpec | None = None
    """None: the machines are nobody's."""
    nodes: tuple[NodeSpec, ...] = ()
    manifests: tuple[Document, ...] = ()
    containers: tuple[ContainerRule, ...] = ()
    network: NetworkSpec = attrs.Factory(NetworkSpec)
    actors: tuple[ActorSpec, ...] = ()
    steps: tuple[Step, ...] = ()
    expect: tuple[Expectation, ...] = ()
