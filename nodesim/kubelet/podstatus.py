"""What is this pod's status?

Pure: the pod's document, its containers, and what the kubelet knows of it, in; the status document, out.
Sources: pkg/kubelet/kubelet_pods.go `getPhase`, `generateAPIPodStatus`, `convertToAPIContainerStatuses`;
pkg/kubelet/status/generate.go; pkg/kubelet/status/status_manager.go `isPodStatusByKubeletEqual`, `mergePodStatus`.

A container is seen when it runs: while one is being made, its pod shows what was before.  Init containers are not
modelled (they count as done at once), readiness is the container's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.kubelet.admission import Refusal
from nodesim.kubelet.runtime import RUNNING, Container, Exit
from nodesim.objects import Document, whole_second
from nodesim.values import value

OWN_CONDITIONS: Final = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
"""The kubelet's conditions, in the order in which it writes them."""


@value
class PodFacts:
    """What a status is made of, beside the pod's document."""

    containers: Mapping[str, Container]
    waiting: Mapping[str, str]
    """Container -> message of its CrashLoopBackOff."""
    host_ip: str
    pod_ips: tuple[str, ...]
    """None while it has no sandbox; one of each family."""
    start_us: int
    """Its startTime, by the machine's clock."""
    stopped: bool
    """All its containers were stopped because the pod is to go."""
    terminal_when_stopped: bool
    """From 1.27 a pod that is to go becomes Succeeded or Failed before it is deleted."""
    sandbox_condition: bool
    """From 1.29 PodReadyToStartContainers is written."""
    clock: Clock = TRUE_CLOCK
    """The machine's."""


def pod_status(pod: Document, before: Document, facts: PodFacts, now_us: int) -> Document:
    """The status of an admitted pod; `before` is the status whose transition times go on."""
    spec = pod["spec"]
    statuses = [_container_status(item, pod, facts) for item in spec["containers"]]
    phase = _phase(spec.get("restartPolicy", "Always"), statuses, facts)
    status: Document = {"phase": phase}
    sandbox_up = not facts.stopped and any(item["state"].get("running") for item in statuses)
    conditions = _conditions(phase, statuses, sandbox_up)
    if not facts.sandbox_condition:
        conditions = conditions[1:]
    status["conditions"] = _with_transitions(conditions, before.get("conditions") or [], facts.clock.wall_us(now_us))
    status["hostIP"] = facts.host_ip
    ips = (facts.host_ip,) if spec.get("hostNetwork") else facts.pod_ips
    if ips:
        status["podIP"] = ips[0]
        status["podIPs"] = [{"ip": ip} for ip in ips]
    status["startTime"] = whole_second(facts.start_us)
    status["containerStatuses"] = statuses
    return _with_qos(status, pod)


def refused_status(pod: Document, refusal: Refusal, prefix: str) -> Document:
    """The status of a pod that was not admitted."""
    return _with_qos({"phase": "Failed", "reason": refusal.reason, "message": prefix + refusal.message}, pod)


def _with_qos(status: Document, pod: Document) -> Document:
    qos = (pod.get("status") or {}).get("qosClass")
    if qos:
        status["qosClass"] = qos
    return status


def _container_status(spec: dict[str, Any], pod: Document, facts: PodFacts) -> dict[str, Any]:
    name = spec["name"]
    uid = pod["metadata"]["uid"]
    status: dict[str, Any] = {"name": name, "image": spec.get("image", ""), "imageID": ""}
    container = facts.containers.get(name)
    last = container.last if container else None
    running = container is not None and container.state == RUNNING
    status["ready"] = bool(container and running and container.ready)
    status["started"] = running
    if container is not None and running:
        status["restartCount"] = container.attempt
        status["containerID"] = _container_id(uid, name, container.attempt)
        status["state"] = {"running": {"startedAt": _date(facts, container.started_us)}}
    elif container is not None and last is not None:
        status["restartCount"] = last.attempt
        status["containerID"] = _container_id(uid, name, last.attempt)
        message = facts.waiting.get(name)
        if message:
            status["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        else:
            status["state"] = {"terminated": _terminated(last, uid, name, facts)}
            last = container.before
    elif facts.stopped:
        status["restartCount"] = 0
        lost = {"exitCode": 137, "reason": "ContainerStatusUnknown"}
        status["state"] = {
            "terminated": {**lost, "message": "The container could not be located when the pod was terminated"}
        }
    else:
        status["restartCount"] = 0
        status["state"] = {"waiting": {"reason": "ContainerCreating"}}
    if last is not None:
        status["lastState"] = {"terminated": _terminated(last, uid, name, facts)}
    return status


def _container_id(uid: str, name: str, attempt: int) -> str:
    return f"containerd://{uid}-{name}-{attempt}"


def _date(facts: PodFacts, us: int) -> int:
    """An instant of the run as the machine's clock showed it, in whole seconds."""
    return whole_second(facts.clock.wall_us(us))


def _terminated(end: Exit, uid: str, name: str, facts: PodFacts) -> dict[str, Any]:
    return {
        "exitCode": end.exit_code,
        "reason": end.reason,
        "startedAt": _date(facts, end.started_us),
        "finishedAt": _date(facts, end.finished_us),
        "containerID": _container_id(uid, name, end.attempt),
    }


def _phase(policy: str, statuses: list[dict[str, Any]], facts: PodFacts) -> str:
    """Pending until every container ran once, Running while one does; all stopped: by restartPolicy (`getPhase`)."""
    running = failed = stopped = 0
    for item in statuses:
        end = item["state"].get("terminated") or (item.get("lastState") or {}).get("terminated")
        if item["state"].get("running"):
            running += 1
        elif end:
            stopped += 1
            failed += end["exitCode"] != 0
        else:
            return "Pending"
    if running:
        return "Running"
    if facts.stopped and facts.terminal_when_stopped:
        return "Failed" if failed else "Succeeded"
    if policy == "Always":
        return "Running"
    if not failed:
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def _conditions(phase: str, statuses: list[dict[str, Any]], sandbox_up: bool) -> list[dict[str, Any]]:
    initialized: dict[str, Any] = {"type": "Initialized", "status": "True"}
    scheduled: dict[str, Any] = {"type": "PodScheduled", "status": "True"}
    sandbox: dict[str, Any] = {"type": "PodReadyToStartContainers", "status": "True" if sandbox_up else "False"}
    not_ready = [item["name"] for item in statuses if not item["ready"]]
    verdict: dict[str, Any] = {"status": "False"}
    if phase == "Succeeded":
        initialized["reason"] = verdict["reason"] = "PodCompleted"
    elif phase == "Failed":
        verdict["reason"] = "PodFailed"
    elif not_ready:
        names = " ".join(not_ready)
        verdict.update(reason="ContainersNotReady", message=f"containers with unready status: [{names}]")
    else:
        verdict = {"status": "True"}
    return [sandbox, initialized, {"type": "Ready", **verdict}, {"type": "ContainersReady", **verdict}, scheduled]


def _with_transitions(
    conditions: list[dict[str, Any]], before: list[dict[str, Any]], wall_us: int
) -> list[dict[str, Any]]:
    """A condition whose status stays keeps its transition time (`updateLastTransitionTime`)."""
    known = {item["type"]: item for item in before}
    for condition in conditions:
        old = known.get(condition["type"])
        stays = old is not None and old.get("status") == condition["status"]
        since = old.get("lastTransitionTime") if old is not None and stays else None
        condition["lastTransitionTime"] = whole_second(wall_us) if since is None else since
    return conditions


def status_differs(ours: Document, theirs: Document) -> bool:
    """Does the API's status say something else than ours?

    Times of conditions do not count, nor conditions and fields of other writers.
    """
    for key, wanted in ours.items():
        found = theirs.get(key)
        if key == "conditions":
            if _judged(wanted) != _judged(found or []):
                return True
        elif _dense(wanted) != _dense(found):
            return True
    return False


def _judged(conditions: list[dict[str, Any]]) -> dict[str, tuple[str, str, str]]:
    return {
        item["type"]: (item.get("status") or "", item.get("reason") or "", item.get("message") or "")
        for item in conditions
        if item["type"] in OWN_CONDITIONS
    }


def _dense(item: Any) -> Any:
    """A JSON value without the empty parts, which an API server may or may not keep."""
    if isinstance(item, dict):
        dense = {key: _dense(part) for key, part in item.items()}
        return {key: part for key, part in dense.items() if part not in (None, {}, [], "")}
    if isinstance(item, list):
        return [_dense(part) for part in item]
    return item
