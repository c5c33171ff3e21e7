"""Which components does the control plane have, and how is a fresh process of each made?

`COMPONENTS` is the whole list of those that are clients of the API server; each row makes a program with nothing in its
memory.  A new component is a new row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import attrs

from nodesim import cloud
from nodesim.apiserver.registry import Resource
from nodesim.client import ClientMachine, WatchSpec
from nodesim.client.limit import CallLimit, LimitedClient
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.cloud import CloudNodeController, CloudNodeLifecycleController, History, Provider, RouteController
from nodesim.controllers import garbagecollector, namespaces, nodeipam, podgc
from nodesim.controllers.daemonset import DaemonSetController
from nodesim.controllers.deployment import DeploymentController
from nodesim.controllers.disruptionbudget import DisruptionController
from nodesim.controllers.endpointslice import EndpointSliceController
from nodesim.controllers.garbagecollector import GarbageCollector
from nodesim.controllers.job import JobController
from nodesim.controllers.leaderelection import LeaderElection
from nodesim.controllers.namespaces import NamespaceController
from nodesim.controllers.nodeipam import NodeIpamController
from nodesim.controllers.nodelifecycle import NodeLifecycleController
from nodesim.controllers.podgc import PodGarbageCollector
from nodesim.controllers.replicaset import ReplicaSetController
from nodesim.controllers.statefulset import StatefulSetController
from nodesim.controllers.tainteviction import TaintEvictionController
from nodesim.machine import Program
from nodesim.profiles import Profile, Settings
from nodesim.scheduler import Scheduler
from nodesim.spec import STANDBY_SUFFIX, CloudSpec
from nodesim.streams import Streams

NODE_CONTROLLER: Final = "node-controller"


class WatchingProgram(Program, Protocol):
    """A program that says what it watches."""

    @property
    def watches(self) -> tuple[WatchSpec, ...]:
        """The caches that its client keeps for it."""
        ...


@attrs.frozen(kw_only=True)
class Making:
    """What a component is made with; `process` counts its processes from 1."""

    settings: Settings
    profile: Profile
    streams: Streams
    skip_quiet: bool
    start_within_us: int
    clock: Clock = TRUE_CLOCK
    more: tuple[Resource, ...] = ()
    """Resources that the server has and nothing models."""
    provider: Provider = attrs.Factory(lambda: Provider((), History()))
    """The cloud, of which a cluster in none has no use."""
    process: int = 1

    def ahead_us(self, actor: str) -> int:
        """The first process has run for a while when the run begins; a later one begins its passes when it starts."""
        return self.streams.phase_us(actor, self.start_within_us) if self.process == 1 else 0


def _node_controller(making: Making) -> WatchingProgram:
    ahead_us = making.ahead_us(NODE_CONTROLLER)
    return NodeLifecycleController(
        making.settings,
        making.profile,
        streams=making.streams,
        skip_quiet=making.skip_quiet,
        ahead_us=ahead_us,
        clock=making.clock,
    )


def _pod_garbage_collector(making: Making) -> WatchingProgram:
    ahead_us = making.ahead_us(podgc.ACTOR)
    return PodGarbageCollector(making.settings, making.profile, ahead_us=ahead_us, clock=making.clock)


COMPONENTS: Final[Mapping[str, Callable[[Making], WatchingProgram]]] = {
    NODE_CONTROLLER: _node_controller,
    "taint-eviction-controller": lambda making: TaintEvictionController(
        making.settings, making.profile, clock=making.clock
    ),
    nodeipam.ACTOR: lambda making: NodeIpamController(making.settings, making.profile, clock=making.clock),
    garbagecollector.ACTOR: lambda making: GarbageCollector(making.more),
    namespaces.ACTOR: lambda making: NamespaceController(making.profile, making.more, clock=making.clock),
    podgc.ACTOR: _pod_garbage_collector,
    "replicaset-controller": lambda making: ReplicaSetController(making.settings, making.profile, clock=making.clock),
    "deployment-controller": lambda making: DeploymentController(making.settings, making.profile, clock=making.clock),
    "statefulset-controller": lambda making: StatefulSetController(making.settings, making.profile, clock=making.clock),
    "daemonset-controller": lambda making: DaemonSetController(making.settings, making.profile, clock=making.clock),
    "job-controller": lambda making: JobController(making.settings, making.profile, clock=making.clock),
    "disruption-controller": lambda making: DisruptionController(making.settings, making.profile, clock=making.clock),
    "endpointslice-controller": lambda making: EndpointSliceController(
        making.settings, making.profile, clock=making.clock
    ),
    cloud.NODE: lambda making: CloudNodeController(making.provider, making.streams, clock=making.clock),
    cloud.LIFECYCLE: lambda making: CloudNodeLifecycleController(
        making.settings,
        making.provider,
        making.streams,
        ahead_us=making.ahead_us(cloud.LIFECYCLE),
        clock=making.clock,
    ),
    cloud.ROUTES: lambda making: RouteController(
        making.settings, making.provider, ahead_us=making.ahead_us(cloud.ROUTES), clock=making.clock
    ),
    "scheduler": lambda making: Scheduler(making.settings, making.profile, making.streams, making.clock),
}

_TIMES: Final = {garbagecollector.ACTOR: (2, 1), namespaces.ACTOR: (20, 100)}
"""Rate and burst of those whose client may more: cmd/kube-controller-manager/app `newGarbageCollectorController`,
`newNamespaceController`."""

MANAGER: Final = "kube-controller-manager"
STANDBY: Final = MANAGER + STANDBY_SUFFIX
"""The second one, where there is an election."""
MANAGERS: Final = (MANAGER, STANDBY)
CLOUD_MANAGER: Final = "cloud-controller-manager"
_OF_CLOUD: Final = (cloud.NODE, cloud.LIFECYCLE, cloud.ROUTES)
_MANAGED: Final = tuple(name for name in COMPONENTS if name not in ("scheduler", *_OF_CLOUD))
PROCESSES: Final[Mapping[str, tuple[str, ...]]] = {
    MANAGER: _MANAGED,
    STANDBY: tuple(name + STANDBY_SUFFIX for name in _MANAGED),
    CLOUD_MANAGER: _OF_CLOUD,
}
"""Several components that are one process in a real cluster."""

_IPAM: Final = "say settings: {allocateNodeCIDRs: true, clusterCIDR: 10.244.0.0/16}"
_CLOUD: Final = "say cloud: {} beside nodes"
OPTIONAL: Final[Mapping[str, tuple[Callable[[Settings, CloudSpec | None], bool], str]]] = {
    STANDBY: (lambda settings, _: settings.leader_elect, "say settings: {leaderElect: true}"),
    nodeipam.ACTOR: (lambda settings, _: settings.allocate_node_cidrs, _IPAM),
    **dict.fromkeys((cloud.NODE, cloud.LIFECYCLE, CLOUD_MANAGER), (lambda _, spec: spec is not None, _CLOUD)),
    cloud.ROUTES: (
        lambda settings, spec: spec is not None and spec.configure_routes and settings.allocate_node_cidrs,
        f"{_CLOUD}, without configureCloudRoutes: false, and {_IPAM[4:]}",
    ),
}
"""Components that do not run unless they are asked for: whether they are, and how one asks."""


def runs(component: str, settings: Settings, spec: CloudSpec | None) -> bool:
    """Does a cluster with these settings, in this cloud or none, have this component?"""
    kind = component.removesuffix(STANDBY_SUFFIX)
    return kind not in OPTIONAL or OPTIONAL[kind][0](settings, spec)


def asleep(options: Mapping[str, Any], spec: CloudSpec | None) -> dict[str, str]:
    """The components that do not run with a scenario's options, and how one asks for them."""
    settings = attrs.evolve(Settings(), **options)
    return {name: hint for name, (wanted, hint) in OPTIONAL.items() if not wanted(settings, spec)}


def members_of(component: str) -> tuple[str, ...]:
    """The components that die together where one process is meant."""
    return PROCESSES.get(component, (component,))


def parts_of(component: str, *, elected: bool) -> tuple[str, ...]:
    """All actors of a process: where managers are elected, they take part by an actor of their own."""
    members = members_of(component)
    return (component, *members) if elected and component in MANAGERS else members


def told_of(component: str, *, elected: bool) -> tuple[str, ...]:
    """Whom a step tells that a process ends or begins: elected managers pass it on to their controllers."""
    return (component,) if elected and component in MANAGERS else members_of(component)


def election_of(manager: str, making: Making) -> LeaderElection:
    """One manager's part in the election."""
    pauses = making.streams.stream(f"leader-election/{manager}/{making.process}")
    return LeaderElection(MANAGER, manager, making.process, pauses, making.clock)


def client_of(
    component: str, program: WatchingProgram, settings: Settings, streams: Streams, connection: int = 0
) -> ClientMachine:
    """A fresh client of a component.  Where there is a limit, each controller has one with the manager's figures."""
    kind = component.removesuffix(STANDBY_SUFFIX)
    if kind not in _MANAGED or not settings.kube_api_qps_milli:
        return ClientMachine(component, program, program.watches, streams, connection=connection)
    rate, burst = _TIMES.get(kind, (1, 1))
    limit = CallLimit(rate * settings.kube_api_qps_milli, burst * settings.kube_api_burst)
    return LimitedClient(component, program, program.watches, streams, limit, connection=connection)
