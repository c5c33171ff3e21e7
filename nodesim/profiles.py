"""What differs between the Kubernetes versions that nodesim models, and which settings can a scenario override?

A profile is a set of named switches, each one difference, with its source beside it.  Settings carry the
components' real option names, so `settings: {nodeMonitorGracePeriod: 40s}` is `--node-monitor-grace-period=40s`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from nodesim.units import MILLISECOND, MINUTE, SECOND


@attrs.frozen(kw_only=True)
class Profile:
    """One Kubernetes version, as far as the node side and its judges are concerned.  Times in us."""

    name: str
    node_monitor_grace_us: int
    """--node-monitor-grace-period: 50 s from 1.32 (kubernetes#126287), 40 s before."""
    no_execute_on_observed_condition: bool
    """<= 1.33: a pass taints by the Ready it saw BEFORE its own change, so NoExecute comes one pass after Unknown
    (changed by kubernetes#120816 in 1.34; NLC `monitorNodeHealth`)."""
    live_lease_check: bool
    """From 1.37 a node's lease is read from the API server before the node is marked (kubernetes#138698); in neither
    profile, to be switched on."""
    monitor_workers: int
    """Nodes that a monitor pass works on at a time: 8 from 1.27, before one after another (NLC `monitorNodeHealth`)."""
    namespace_pods_first: bool
    """From 1.33 a terminating namespace loses its pods before all else (gate OrderedNamespaceDeletion)."""
    eviction_component: str
    """Component of eviction events: `taint-controller`, from 1.29 `taint-eviction-controller`."""
    eviction_frees_key: bool
    """From 1.33 a finished eviction frees its pod's key; before, no second timer for that name until cancelled."""
    disruption_target: bool
    """Taint eviction and pod GC set the pod condition DisruptionTarget, and pod GC sets the phase Failed (the gate
    PodDisruptionConditions is on from 1.26)."""
    unhealthy_pod_eviction_policy: bool
    """From 1.27 a PodDisruptionBudget may have unhealthyPodEvictionPolicy (gate PDBUnhealthyPodEvictionPolicy); before,
    it is dropped."""
    out_of_service: bool
    """Pod GC heeds the taint out-of-service (the gate NodeOutOfServiceVolumeDetach is on from 1.26)."""
    terminal_phase_before_delete: bool
    """From 1.27 the kubelet posts Succeeded/Failed before the final delete."""
    status_fast_path: bool
    """From 1.26 the kubelet posts Ready within about 100 ms of becoming ready; <= 1.25 at its next tick."""
    status_from_cache: bool
    """From 1.31 the kubelet's first try reads the Node from its informer; before, by GET."""
    status_report_jitter: bool
    """From 1.34 the forced report after 5 m is delayed by -50 %..+50 % after a change (kubernetes#130919)."""
    kubelet_five_calls: bool
    """Up to 1.26 a kubelet may send five requests a second, ten at once, and as many events, heartbeats apart; the ten
    times as much from 1.27 on are taken for no limit (kubelet config kubeAPIQPS, eventRecordQPS)."""
    lease_needs_owner: bool
    """From 1.29 a lease write fails while the owner Node cannot be read."""
    kubelet_taint_admission: bool
    """From 1.25 the kubelet refuses pods that do not tolerate the node's NoExecute taints."""
    taint_message_without_key: bool
    """From 1.34 the scheduler says `node(s) had untolerated taint(s)`, before with `{key: value}`."""
    balanced_allocation_by_change: bool
    """From 1.36 BalancedAllocation scores the change that a pod makes."""
    claims_in_message: bool
    """From 1.34 the scheduler speaks of resource claims before it speaks of preemption."""
    fit_can_be_hopeless: bool
    """From 1.34 a request above a node's whole allocatable makes preemption pointless there."""
    nodes_left_out_are_told: bool
    """From 1.31 nodes that a pod's affinity does not name are told as `didn't satisfy plugin(s) [NodeAffinity]`;
    before, the message passed over them (schedule_one.go `findNodesThatFitPod`)."""
    queueing_hints: bool
    """From 1.32 a parked pod is moved only by a change that helps it by its filters' hints; before, by any change of a
    kind that they had registered for (SchedulerQueueingHints)."""
    preemption_async: bool
    """From 1.33 the preemptor is told first, and its victims are asked to go meanwhile (SchedulerAsyncPreemption)."""
    preemptor_in_event: bool
    """From 1.27 the event Preempted names the preemptor's UID."""
    binding_clears_nomination: bool
    """From 1.35 binding a pod clears its nominatedNodeName (ClearingNominatedNodeNameAfterBinding)."""
    scheduling_gates: bool
    """From 1.27 pods may have schedulingGates (PodSchedulingReadiness); before, the field is dropped."""
    spread_min_domains: bool
    """From 1.27 topologySpreadConstraints may have minDomains; before, the field is dropped."""
    spread_node_policies: bool
    """From 1.26 they may have nodeAffinityPolicy and nodeTaintsPolicy; before, both are dropped."""
    spread_match_label_keys: bool
    """From 1.27 they may have matchLabelKeys; before, it is dropped."""
    affinity_match_label_keys: bool
    """From 1.31 terms of pod affinity may have matchLabelKeys and mismatchLabelKeys; before, both are dropped."""
    backoff_pop_when_idle: bool
    """From 1.33 an idle scheduler pops pods that are still backing off (SchedulerPopFromBackoffQ)."""
    kube_proxy_version: bool
    """Up to 1.32 nodeInfo.kubeProxyVersion is filled."""
    create_falls_back_on_forbidden: bool
    """From 1.32 a kubelet whose POST is forbidden tries GET."""
    pod_ready_to_start_condition: bool
    """From 1.29 the kubelet writes the pod condition PodReadyToStartContainers."""
    crash_retry_at_expiry: bool
    """From 1.35 a crashed container is looked at again when its back-off ends (+ up to 50 %); before, every 10-15 s."""
    api_initiated_eviction: bool
    """Up to 1.26 --enable-taint-manager=false made the node controller evict by itself (kubernetes#115840)."""
    deletion_never_in_past: bool
    """From 1.33 a deletionTimestamp that a second delete moves does not lie before now (rest/delete.go
    `BeforeDelete`)."""
    terminating_replicas: bool
    """From 1.35 ReplicaSets and Deployments count their terminating pods (DeploymentReplicaSetTerminatingReplicas)."""
    scaling_event_says_from: bool
    """ScalingReplicaSet says `from 1 to 3` (recorded on 1.34); up to 1.25 `to 3`."""
    statefulset_recreates_at_once: bool
    """Up to 1.26 a StatefulSet's Failed pod is deleted and made anew in one sync; from 1.28 (trees) Failed and
    Succeeded ones are deleted, and made anew once they are gone (stateful_set_control.go `processReplica`)."""
    statefulset_parallel_batches: bool
    """From 1.28 (tree) a Parallel StatefulSet is gone through in batches of 1, 2, 4, ..., and a status counts what the
    cache showed; before, pods were made one after the other and counted at once (`runForAll`, `updateStatus`)."""
    statefulset_pod_index_label: bool
    """From 1.28 a StatefulSet's pods carry apps.kubernetes.io/pod-index (gate PodIndexLabel)."""
    statefulset_max_unavailable: bool
    """From 1.37 a rolling update heeds maxUnavailable and counts all pods that are not available (gate
    MaxUnavailableStatefulSet, KEP 961; 1.35 had it on, 1.35.4 and 1.36 off again: kubernetes#137904)."""
    daemonset_status_despite_errors: bool
    """From 1.26 a DaemonSet's status is written also where its pods could not be made (daemon_controller.go
    `syncDaemonSet`)."""
    daemonset_skips_finished: bool
    """From 1.28 a daemon's pod that has ended and is to go no longer takes its node's place (daemon_controller.go
    `getNodesToDaemonPods`)."""
    job_terminating_pods: bool
    """From 1.29 a Job's status counts terminating pods, and podReplacementPolicy is heeded (gate
    JobPodReplacementPolicy)."""
    job_terminal_last: bool
    """From 1.31 Complete and Failed come when no pod is terminating any more, announced by SuccessCriteriaMet or
    FailureTarget (job_controller.go `delayTerminalCondition`)."""
    job_status_checked: bool
    """From 1.32 a Job's status must not have more ready pods than active ones (gate JobManagedBy)."""
    job_label_prefix: bool
    """From 1.27 a Job's pods carry their labels also with `batch.kubernetes.io/`, by which its selector asks."""
    ipam_retries: bool
    """From 1.31 a node for which no block of addresses was left is tried again after a pause that doubles
    (kubernetes#123238); before, at its next change only."""
    kubelet_version: str
    """nodeInfo.kubeletVersion."""


V1_24: Final = Profile(
    name="v1.24",
    node_monitor_grace_us=40 * SECOND,
    no_execute_on_observed_condition=True,
    live_lease_check=False,
    monitor_workers=1,
    namespace_pods_first=False,
    eviction_component="taint-controller",
    eviction_frees_key=False,
    disruption_target=False,
    unhealthy_pod_eviction_policy=False,
    out_of_service=False,
    terminal_phase_before_delete=False,
    status_fast_path=False,
    status_from_cache=False,
    status_report_jitter=False,
    kubelet_five_calls=True,
    lease_needs_owner=False,
    kubelet_taint_admission=False,
    taint_message_without_key=False,
    balanced_allocation_by_change=False,
    claims_in_message=False,
    fit_can_be_hopeless=False,
    nodes_left_out_are_told=False,
    queueing_hints=False,
    preemption_async=False,
    preemptor_in_event=False,
    binding_clears_nomination=False,
    scheduling_gates=False,
    spread_min_domains=False,
    spread_node_policies=False,
    spread_match_label_keys=False,
    affinity_match_label_keys=False,
    backoff_pop_when_idle=False,
    kube_proxy_version=True,
    create_falls_back_on_forbidden=False,
    api_initiated_eviction=True,
    deletion_never_in_past=False,
    pod_ready_to_start_condition=False,
    crash_retry_at_expiry=False,
    terminating_replicas=False,
    scaling_event_says_from=False,
    statefulset_recreates_at_once=True,
    statefulset_parallel_batches=False,
    statefulset_pod_index_label=False,
    statefulset_max_unavailable=False,
    daemonset_status_despite_errors=False,
    daemonset_skips_finished=False,
    job_terminating_pods=False,
    job_terminal_last=False,
    job_status_checked=False,
    job_label_prefix=False,
    ipam_retries=False,
    kubelet_version="v1.24.17",
)
V1_36: Final = Profile(
    name="v1.36",
    node_monitor_grace_us=50 * SECOND,
    no_execute_on_observed_condition=False,
    live_lease_check=False,
    monitor_workers=8,
    namespace_pods_first=True,
    eviction_component="taint-eviction-controller",
    eviction_frees_key=True,
    disruption_target=True,
    unhealthy_pod_eviction_policy=True,
    out_of_service=True,
    terminal_phase_before_delete=True,
    status_fast_path=True,
    status_from_cache=True,
    status_report_jitter=True,
    kubelet_five_calls=False,
    lease_needs_owner=True,
    kubelet_taint_admission=True,
    taint_message_without_key=True,
    balanced_allocation_by_change=True,
    claims_in_message=True,
    fit_can_be_hopeless=True,
    nodes_left_out_are_told=True,
    queueing_hints=True,
    preemption_async=True,
    preemptor_in_event=True,
    binding_clears_nomination=True,
    scheduling_gates=True,
    spread_min_domains=True,
    spread_node_policies=True,
    spread_match_label_keys=True,
    affinity_match_label_keys=True,
    backoff_pop_when_idle=True,
    kube_proxy_version=False,
    create_falls_back_on_forbidden=True,
    api_initiated_eviction=False,
    deletion_never_in_past=True,
    pod_ready_to_start_condition=True,
    crash_retry_at_expiry=True,
    terminating_replicas=True,
    scaling_event_says_from=True,
    statefulset_recreates_at_once=False,
    statefulset_parallel_batches=True,
    statefulset_pod_index_label=True,
    statefulset_max_unavailable=False,
    daemonset_status_despite_errors=True,
    daemonset_skips_finished=True,
    job_terminating_pods=True,
    job_terminal_last=True,
    job_status_checked=True,
    job_label_prefix=True,
    ipam_retries=True,
    kubelet_version="v1.36.3",
)
PROFILES: Final = {profile.name: profile for profile in (V1_24, V1_36)}
DEFAULT_PROFILE: Final = V1_36.name


def _written(attribute: str) -> str:
    first, *others = attribute.split("_")
    return first + "".join(word.capitalize() for word in others)


SWITCH_NAMES: Final = {
    _written(field.name): field.name for field in attrs.fields(Profile) if type(getattr(V1_36, field.name)) is bool
}
"""The switches of a profile that are on or off, as scenario files write them -> attributes of `Profile`."""


def switched(name: str, switches: Mapping[str, bool]) -> Profile:
    """A profile with some of its switches (attributes) the other way."""
    return attrs.evolve(PROFILES[name], **dict[str, Any](switches))


@attrs.frozen(kw_only=True)
class Settings:
    """The components' options that a scenario can override.  Times in us; rates in thousandths of a node per second.

    The attribute is the option's name with a unit; `SETTING_NAMES` maps the option's name in a file to it.
    """

    node_monitor_period_us: int = 5 * SECOND
    node_monitor_grace_us: int = 50 * SECOND
    node_startup_grace_us: int = 60 * SECOND
    node_eviction_rate_milli: int = 100
    secondary_node_eviction_rate_milli: int = 10
    large_cluster_size_threshold: int = 50
    unhealthy_zone_threshold_percent: int = 55
    default_not_ready_toleration_seconds: int = 300
    default_unreachable_toleration_seconds: int = 300
    node_status_update_us: int = 10 * SECOND
    node_status_report_us: int = 5 * MINUTE
    node_lease_duration_seconds: int = 40
    watch_history_us: int = 75 * SECOND
    heartbeat_timeout_us: int = 10 * SECOND
    terminated_pod_gc_threshold: int = 12_500
    event_ttl_us: int = 60 * MINUTE
    no_execute_period_us: int = 100 * MILLISECOND
    kube_api_qps_milli: int = 0
    """Calls (thousandths of one per second) that each controller of the controller manager may send; 0: no limit."""
    leader_elect: bool = False
    """--leader-elect: there is a second controller manager; else the one needs no lease."""
    kube_api_burst: int = 30
    """How many of them at once."""
    eviction_mode: str = "taint-based"
    """`api-initiated` is --enable-taint-manager=false, which 1.27 took away."""
    pod_eviction_timeout_us: int = 5 * MINUTE
    """--pod-eviction-timeout; heeded by `api-initiated` only, as in the versions that had it."""
    pod_eviction_timeout_from: str = "probe"
    """What the timeout of an Unknown node is counted from: the last sign of life (`probe`), as the code did, or
    Unknown (`unknown`), as the documentation said."""
    route_reconciliation_us: int = 10 * SECOND
    """--route-reconciliation-period of the cloud-controller-manager."""
    allocate_node_cidrs: bool = False
    cluster_cidr: str = ""
    """Where pods' addresses come from: one range, or one of each family (`10.244.0.0/16,fd00::/56`)."""
    service_cidr: str = ""
    """What of it services need."""
    node_cidr_mask_size: int = 0
    """The size of a node's block; 0: 24 bits of IPv4, 64 of IPv6."""
    node_cidr_mask_size_ipv4: int = 0
    node_cidr_mask_size_ipv6: int = 0

    @classmethod
    def of(cls, profile: Profile) -> Settings:
        """The defaults of a profile."""
        return cls(node_monitor_grace_us=profile.node_monitor_grace_us)


SETTING_NAMES: Final = {
    "nodeMonitorPeriod": "node_monitor_period_us",
    "nodeMonitorGracePeriod": "node_monitor_grace_us",
    "nodeStartupGracePeriod": "node_startup_grace_us",
    "nodeEvictionRate": "node_eviction_rate_milli",
    "secondaryNodeEvictionRate": "secondary_node_eviction_rate_milli",
    "largeClusterSizeThreshold": "large_cluster_size_threshold",
    "unhealthyZoneThreshold": "unhealthy_zone_threshold_percent",
    "defaultNotReadyTolerationSeconds": "default_not_ready_toleration_seconds",
    "defaultUnreachableTolerationSeconds": "default_unreachable_toleration_seconds",
    "nodeStatusUpdateFrequency": "node_status_update_us",
    "nodeStatusReportFrequency": "node_status_report_us",
    "nodeLeaseDurationSeconds": "node_lease_duration_seconds",
    "terminatedPodGCThreshold": "terminated_pod_gc_threshold",
    "leaderElect": "leader_elect",
    "kubeAPIQPS": "kube_api_qps_milli",
    "kubeAPIBurst": "kube_api_burst",
    "eventTTL": "event_ttl_us",
    "evictionMode": "eviction_mode",
    "podEvictionTimeout": "pod_eviction_timeout_us",
    "podEvictionTimeoutFrom": "pod_eviction_timeout_from",
    "routeReconciliationPeriod": "route_reconciliation_us",
    "allocateNodeCIDRs": "allocate_node_cidrs",
    "clusterCIDR": "cluster_cidr",
    "serviceCIDR": "service_cidr",
    "nodeCIDRMaskSize": "node_cidr_mask_size",
    "nodeCIDRMaskSizeIPv4": "node_cidr_mask_size_ipv4",
    "nodeCIDRMaskSizeIPv6": "node_cidr_mask_size_ipv6",
}
"""Option names as scenario files write them -> attributes of `Settings`."""

SETTING_WORDS: Final = {
    "evictionMode": ("taint-based", "api-initiated"),
    "podEvictionTimeoutFrom": ("probe", "unknown"),
}
"""What those options may say whose value is a word."""
