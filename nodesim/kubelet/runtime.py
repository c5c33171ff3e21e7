"""What really runs on this machine?

The container runtime: sandboxes and containers with their starts and stops.  This is the node's truth; it lives on
when the kubelet dies, and loses its running containers with the power.  The kubelet asks for a start or a stop by a
plain call (in Kubernetes the CRI, over a local socket), and hears of changes at once.

How it works.  A container is starting, running or exited.  It has at most one next thing to do (start, become ready,
exit), and one timer, `("runtime", uid, container)`, at that instant.  SIGTERM plans an exit, SIGKILL at the end of
the grace another; the earlier one happens.  Records of exited containers stay until their pod is removed, also over a
power-off, as containerd keeps them on its disk: the attempts count on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import attrs

from nodesim.kubelet.behaviour import behaviour_of
from nodesim.machine import CancelTimer, Record, SetTimer
from nodesim.objects import Document
from nodesim.spec import ContainerRule
from nodesim.values import value

STARTING: Final = "starting"
RUNNING: Final = "running"
EXITED: Final = "exited"

EXIT_TERMINATED: Final = 143
"""128 + SIGTERM."""
EXIT_KILLED: Final = 137
"""128 + SIGKILL."""
EXIT_LOST: Final = 255
"""What containerd reports of a task that a reboot took."""

TIMER: Final = "runtime"
"""First part of the keys of the runtime's timers."""

RuntimeEffect: TypeAlias = SetTimer | CancelTimer | Record


@value
class ContainersChanged:
    """The runtime tells the kubelet that a container of this pod started, became ready or exited."""

    uid: str


@value
class Exit:
    """How one run of a container ended; times in us."""

    attempt: int
    exit_code: int
    reason: str
    started_us: int
    finished_us: int


@attrs.define
class Container:
    """One container, through all its attempts.  Times in us."""

    name: str
    rule: ContainerRule
    attempt: int = 0
    state: str = STARTING
    started_us: int = 0
    ready: bool = False
    start_at_us: int = 0
    ready_at_us: int | None = None
    exit_at_us: int | None = None
    exit_code: int = 0
    exit_why: str = ""
    stopping: bool = False
    last: Exit | None = None
    """The end of its latest finished attempt."""
    before: Exit | None = None
    """The end of the attempt before that."""

    def next_us(self) -> int | None:
        """When it does the next thing by itself, None: never."""
        if self.state == STARTING:
            return self.start_at_us
        if self.state == EXITED:
            return None
        if self.ready_at_us is None:
            return self.exit_at_us
        return self.ready_at_us if self.exit_at_us is None else min(self.ready_at_us, self.exit_at_us)


@attrs.define
class Sandbox:
    """A pod as the runtime knows it."""

    uid: str
    namespace: str
    name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    number: int
    """Counts this machine's sandboxes from 1; gives the pod its address."""
    pod_cidrs: tuple[str, ...] = ()
    """Where that comes from."""
    containers: dict[str, Container] = attrs.Factory(dict)

    @property
    def live(self) -> bool:
        """Does any container run, or is about to?"""
        return any(container.state != EXITED for container in self.containers.values())


class Runtime:
    """The container runtime of one machine."""

    def __init__(self, rules: Sequence[ContainerRule]) -> None:
        self._rules = tuple(rules)
        self.sandboxes: dict[str, Sandbox] = {}
        """By the pod's uid."""
        self.pod_cidrs: tuple[str, ...] = ()
        """Where the next sandboxes' addresses come from, as a kubelet told (CRI UpdateRuntimeConfig)."""
        self._made = 0

    def __repr__(self) -> str:
        """How many sandboxes it has."""
        return f"Runtime(sandboxes={len(self.sandboxes)})"

    def start(self, pod: Document, name: str, image: str, now_us: int) -> list[RuntimeEffect]:
        """Start a container of a pod, as its next attempt; it runs `start_after_us` later."""
        metadata = pod["metadata"]
        sandbox = self.sandboxes.get(metadata["uid"])
        if sandbox is None:
            self._made += 1
            sandbox = self.sandboxes[metadata["uid"]] = Sandbox(
                uid=metadata["uid"],
                namespace=metadata.get("namespace", "default"),
                name=metadata["name"],
                labels=metadata.get("labels") or {},
                annotations=metadata.get("annotations") or {},
                number=self._made,
                pod_cidrs=self.pod_cidrs,
            )
        container = sandbox.containers.get(name)
        if container is None:
            rule = behaviour_of(self._rules, image, sandbox.labels, sandbox.annotations)
            container = sandbox.containers[name] = Container(name, rule)
        else:
            assert container.state == EXITED, container
            container.attempt += 1
            container.state = STARTING
        container.stopping = False
        container.start_at_us = now_us + container.rule.start_after_us
        return [SetTimer((TIMER, sandbox.uid, name), container.start_at_us)]

    def stop(self, uid: str, name: str, grace_us: int, now_us: int) -> list[RuntimeEffect]:
        """SIGTERM now, SIGKILL after the grace; what is being stopped already keeps its first grace."""
        sandbox = self.sandboxes[uid]
        container = sandbox.containers[name]
        if container.state == STARTING:
            return self._abandon(sandbox, container)
        if container.state == EXITED or container.stopping:
            return []
        container.stopping = True
        stop_after_us = container.rule.stop_after_us
        if stop_after_us is not None and stop_after_us < grace_us:
            at_us, code, why = now_us + stop_after_us, EXIT_TERMINATED, "stopped"
        else:
            at_us, code, why = now_us + grace_us, EXIT_KILLED, "killed"
        if container.exit_at_us is None or at_us < container.exit_at_us:
            container.exit_at_us, container.exit_code, container.exit_why = at_us, code, why
        return self._armed(sandbox, container)

    def _abandon(self, sandbox: Sandbox, container: Container) -> list[RuntimeEffect]:
        """A start that was not finished leaves nothing behind."""
        if container.last is None:
            del sandbox.containers[container.name]
        else:
            container.attempt = container.last.attempt
            container.state = EXITED
        return [CancelTimer((TIMER, sandbox.uid, container.name))]

    def fired(self, uid: str, name: str, now_us: int) -> list[RuntimeEffect]:
        """The instant of a container's next thing has come."""
        sandbox = self.sandboxes[uid]
        container = sandbox.containers[name]
        effects: list[RuntimeEffect] = []
        if container.state == STARTING:
            effects += self._begin(sandbox, container, now_us)
        if container.ready_at_us is not None and container.ready_at_us <= now_us:
            container.ready, container.ready_at_us = True, None
            effects.append(_record("ContainerReady", sandbox, {"container": name, "uid": uid}))
        if container.exit_at_us is not None and container.exit_at_us <= now_us:
            effects.append(self._end(sandbox, container, now_us))
        return effects + self._armed(sandbox, container)

    def _begin(self, sandbox: Sandbox, container: Container, now_us: int) -> list[RuntimeEffect]:
        rule = container.rule
        container.state, container.started_us = RUNNING, now_us
        container.ready, container.ready_at_us = False, now_us + rule.ready_after_us
        container.exit_at_us = None
        if rule.exits:
            after_us, code = rule.exits[min(container.attempt, len(rule.exits) - 1)]
            container.exit_at_us, container.exit_code, container.exit_why = now_us + after_us, code, "exited"
        fields = {"container": container.name, "uid": sandbox.uid, "attempt": container.attempt}
        return [_record("ContainerStarted", sandbox, fields)]

    def _end(self, sandbox: Sandbox, container: Container, now_us: int, reason: str = "") -> Record:
        code = container.exit_code
        container.before = container.last
        container.last = Exit(
            attempt=container.attempt,
            exit_code=code,
            reason=reason or ("Error" if code else "Completed"),
            started_us=container.started_us,
            finished_us=now_us,
        )
        container.state, container.ready, container.stopping = EXITED, False, False
        container.ready_at_us = container.exit_at_us = None
        fields = {
            "container": container.name,
            "uid": sandbox.uid,
            "attempt": container.attempt,
            "exit_code": code,
            "why": container.exit_why,
        }
        return _record("ContainerStopped", sandbox, fields)

    def _armed(self, sandbox: Sandbox, container: Container) -> list[RuntimeEffect]:
        at_us = container.next_us()
        return [] if at_us is None else [SetTimer((TIMER, sandbox.uid, container.name), at_us)]

    def remove(self, uid: str) -> None:
        """Forget a pod none of whose containers runs."""
        sandbox = self.sandboxes.pop(uid, None)
        assert sandbox is None or not sandbox.live, sandbox

    def power_off(self, now_us: int) -> list[RuntimeEffect]:
        """Everything that runs is gone at once."""
        effects: list[RuntimeEffect] = []
        for sandbox in self.sandboxes.values():
            for container in list(sandbox.containers.values()):
                if container.state == STARTING:
                    effects += self._abandon(sandbox, container)
                elif container.state == RUNNING:
                    effects.append(CancelTimer((TIMER, sandbox.uid, container.name)))
                    container.exit_code, container.exit_why = EXIT_LOST, "power-off"
                    effects.append(self._end(sandbox, container, now_us, "Unknown"))
        return effects


def _record(kind: str, sandbox: Sandbox, fields: dict[str, object]) -> Record:
    return Record(kind, f"Pod/{sandbox.namespace}/{sandbox.name}", fields)
