"""Which components does the control plane have, and how is a fresh process of each made?

`COMPONENTS` is the whole list of those that are clients of the API server; each row makes a program with nothing in its
memory.  A new component is a new row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import attrs

from nodesim.apiserver.registry import Resource
from nodesim.client import ClientMachine, WatchSpec
from nodesim.client.limit import CallLimit, LimitedClient
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers import garbagecollector, namespaces, nodeipam, podgc
from nodesim.controllers.deployment import DeploymentController
from nodesim.controllers.disruptionbudget import DisruptionController
from nodesim.controllers.endpointslice import EndpointSliceController
from nodesim.controllers.garbagecollector import GarbageCollector
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
from nodesim.spec import STANDBY_SUFFIX
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
    "disruption-controller": lambda making: DisruptionController(making.settings, making.profile, clock=making.clock),
    "endpointslice-controller": lambda making: EndpointSliceController(
        making.settings, making.profile, clock=making.clock
    ),
    "scheduler": lambda making: Scheduler(making.settings, making.profile, making.streams, making.clock),
}

_TIMES: Final = {garbagecollector.ACTOR: (2, 1), namespaces.ACTOR: (20, 100)}
"""Rate and burst of those whose client may more: cmd/kube-controller-manager/app `newGarbageCollectorController`,
`newNamespaceController`."""

MANAGER: Final = "kube-controller-manager"
_MANAGED: Final = tuple(name for name in COMPONENTS if name != "scheduler")


STANDBY: Final = MANAGER + STANDBY_SUFFIX
"""The second one, where there is an election."""
MANAGERS: Final = (MANAGER, STANDBY)

OPTIONAL: Final[Mapping[str, tuple[str, str]]] = {
    STANDBY: ("leader_elect", "say settings: {leaderElect: true}"),
    nodeipam.ACTOR: ("allocate_node_cidrs", "say settings: {allocateNodeCIDRs: true, clusterCIDR: 10.244.0.0/16}"),
}
"""Components that do not run unless a setting asks for them: its attribute, and how one asks."""


def runs(component: str, settings: Settings) -> bool:
    """Does a cluster with these settings have this component?"""
    kind = component.removesuffix(STANDBY_SUFFIX)
    return kind not in OPTIONAL or bool(getattr(settings, OPTIONAL[kind][0]))


def asleep(settings: Mapping[str, object]) -> dict[str, str]:
    """The components that do not run with a scenario's settings, and how one asks for them."""
    return {name: hint for name, (option, hint) in OPTIONAL.items() if not settings.get(option)}


def members_of(component: str) -> tuple[str, ...]:
    """The components that die together where one process is meant: all controllers run in one."""
    if component == STANDBY:
        return tuple(name + STANDBY_SUFFIX for name in _MANAGED)
    return _MANAGED if component == MANAGER else (component,)


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
