"""Which instances does a scenario's cloud have?"""

from __future__ import annotations

from typing import Final

from nodesim.cloud import History, Instance, Provider
from nodesim.cloud.node import LABELS
from nodesim.kubelet.node_document import internal_ip
from nodesim.spec import CloudSpec, NodeSpec, Scenario

DEFAULT_ZONE: Final = "default"
"""Stands in a providerID where the template names no zone."""


def provider_of(scenario: Scenario, history: History) -> Provider:
    """The cloud with one instance a machine; without any where the scenario has no cloud."""
    cloud = scenario.cloud
    if cloud is None:
        return Provider((), history)
    instances = (_instance(node, cloud) for node in scenario.nodes)
    return Provider(instances, history, cloud.route_quota)


def _instance(node: NodeSpec, cloud: CloudSpec) -> Instance:
    """A machine as the cloud knows it: its template's labels say where it stands."""
    said = {what: next((node.labels[key] for key in keys if key in node.labels), "") for what, keys in LABELS.items()}
    return Instance(
        node.name,
        f"{cloud.provider}://{said['zone'] or DEFAULT_ZONE}/{node.name}",
        said["zone"],
        said["region"] or cloud.region,
        said["type"] or cloud.instance_type,
        internal_ip(node.name),
    )
