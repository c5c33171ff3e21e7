"""How do machines read Kubernetes' documents?"""

from nodesim.objects.conditions import find_condition, is_condition_true
from nodesim.objects.disruption import disruption_condition, disruption_target
from nodesim.objects.documents import (
    Document,
    check_plain,
    decode_document,
    encode_document,
    object_ref,
    shared,
    whole_second,
)
from nodesim.objects.heartbeats import is_heartbeat, is_only_heartbeat, with_heartbeats
from nodesim.objects.lease import LEASE_NAMESPACE, LeaseView, lease_view
from nodesim.objects.named import Namespaced
from nodesim.objects.node import (
    Condition,
    NodeView,
    condition_document,
    node_view,
    parse_condition,
    zone_key,
    zone_name,
)
from nodesim.objects.pod import Owner, PodView, controller_of, is_terminal, pod_requests, pod_view
from nodesim.objects.selectors import Requirement, Selector, parse_selector, selector_of
from nodesim.objects.taints import Taint, Toleration, first_untolerated, parse_taint, parse_toleration, taint_document

__all__ = [
    "LEASE_NAMESPACE",
    "Condition",
    "Document",
    "LeaseView",
    "Namespaced",
    "NodeView",
    "Owner",
    "PodView",
    "Requirement",
    "Selector",
    "Taint",
    "Toleration",
    "check_plain",
    "condition_document",
    "controller_of",
    "decode_document",
    "disruption_condition",
    "disruption_target",
    "encode_document",
    "find_condition",
    "first_untolerated",
    "is_condition_true",
    "is_heartbeat",
    "is_only_heartbeat",
    "is_terminal",
    "lease_view",
    "node_view",
    "object_ref",
    "parse_condition",
    "parse_selector",
    "parse_taint",
    "parse_toleration",
    "pod_requests",
    "pod_view",
    "selector_of",
    "shared",
    "taint_document",
    "whole_second",
    "with_heartbeats",
    "zone_key",
    "zone_name",
]
