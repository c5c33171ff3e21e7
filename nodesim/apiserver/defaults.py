"""What does the server fill in where a manifest is silent?

Only what something here reads or a person would miss.
Sources: pkg/apis/core/v1/defaults.go `SetDefaults_PodSpec`, pkg/apis/apps/v1/defaults.go,
pkg/apis/core/v1/helper/qos/qos.go `ComputePodQOS`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from nodesim.objects import Document
from nodesim.units import quantity_milli

_POD_SPEC: Final[dict[str, Any]] = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "terminationGracePeriodSeconds": 30,
    "schedulerName": "default-scheduler",
    "priority": 0,
}
TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"
_QOS_RESOURCES: Final = ("cpu", "memory")


def with_pod_defaults(pod: Document) -> Document:
    """A pod whose spec says restartPolicy, grace period and the like; the priority is admission's (no classes here)."""
    spec = pod.get("spec") or {}
    missing = {name: item for name, item in _POD_SPEC.items() if spec.get(name) is None}
    return {**pod, "spec": {**spec, **missing}} if missing else pod


def with_replica_set_defaults(replica_set: Document) -> Document:
    """A ReplicaSet that says how many replicas it wants: one."""
    spec = replica_set["spec"]
    if spec.get("replicas") is not None:
        return replica_set
    return {**replica_set, "spec": {**spec, "replicas": 1}}


def with_deployment_defaults(deployment: Document) -> Document:
    """A Deployment with its strategy (a quarter more, a quarter less), history and deadline.

    Source: `SetDefaults_Deployment`.
    """
    spec = deployment["spec"]
    strategy = _strategy(spec.get("strategy"), {"maxUnavailable": "25%", "maxSurge": "25%"})
    usual = {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}
    return {**deployment, "spec": {**spec, **usual, **_given(spec), "strategy": strategy}}


def with_stateful_set_defaults(stateful_set: Document) -> Document:
    """A StatefulSet with its policy, strategy and history.  Source: `SetDefaults_StatefulSet`."""
    spec = stateful_set["spec"]
    strategy = _strategy(spec.get("updateStrategy"), {"partition": 0})
    usual = {"replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady"}
    return {**stateful_set, "spec": {**spec, **usual, **_given(spec), "updateStrategy": strategy}}


def with_daemon_set_defaults(daemon_set: Document) -> Document:
    """A DaemonSet with its strategy and history.  Source: `SetDefaults_DaemonSet`."""
    spec = daemon_set["spec"]
    strategy = _strategy(spec.get("updateStrategy"), {"maxUnavailable": 1, "maxSurge": 0})
    usual = {"revisionHistoryLimit": 10}
    return {**daemon_set, "spec": {**spec, **usual, **_given(spec), "updateStrategy": strategy}}


def with_template_generation(daemon_set: Document, generation: int) -> Document:
    """A DaemonSet whose annotation counts its templates.

    Source: pkg/registry/apps/daemonset/strategy.go `PrepareForCreate`, `PrepareForUpdate`; apps/v1 conversion.go.
    """
    metadata = daemon_set["metadata"]
    annotations = {**(metadata.get("annotations") or {}), TEMPLATE_GENERATION: str(generation)}
    return {**daemon_set, "metadata": {**metadata, "annotations": annotations}}


def template_generation(daemon_set: Document) -> int:
    """What the annotation says, 0 where it says nothing that can be read."""
    text = (daemon_set["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else 0


def _strategy(written: dict[str, Any] | None, rolling: dict[str, Any]) -> dict[str, Any]:
    """What is written, RollingUpdate where nothing is, with the usual figures of such an update."""
    strategy = {**(written or {})}
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = rolling | _given(strategy.get("rollingUpdate") or {})
    return strategy


def _given(part: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in part.items() if item is not None}


def with_namespace_defaults(namespace: Document) -> Document:
    """A namespace with its name as label.  Source: pkg/apis/core/v1/defaults.go `SetDefaults_Namespace`."""
    metadata = namespace["metadata"]
    if not metadata.get("name"):
        return namespace
    labels = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}
    return {**namespace, "metadata": {**metadata, "labels": labels}}


def qos_class(spec: dict[str, Any]) -> str:
    """Guaranteed, Burstable or BestEffort, from the containers' cpu and memory; a limit stands in for a request."""
    asked: dict[str, int] = {}
    capped: dict[str, int] = {}
    guaranteed = True
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        resources = container.get("resources") or {}
        limits = _positive(resources.get("limits"))
        requests = {**limits, **_positive(resources.get("requests"))}
        guaranteed = guaranteed and all(name in limits for name in _QOS_RESOURCES)
        for total, amounts in ((asked, requests), (capped, limits)):
            for name, amount in amounts.items():
                total[name] = total.get(name, 0) + amount
    if not asked and not capped:
        return "BestEffort"
    return "Guaranteed" if guaranteed and asked == capped else "Burstable"


def _positive(amounts: dict[str, Any] | None) -> dict[str, int]:
    counted = {name: quantity_milli(str((amounts or {})[name])) for name in _QOS_RESOURCES if name in (amounts or {})}
    return {name: amount for name, amount in counted.items() if amount > 0}
