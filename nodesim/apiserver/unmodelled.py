"""As which resource does the server keep a kind that nothing here models?

A manifest names a kind; requests name a resource.  The real server knows both from its types and from
CustomResourceDefinitions; here the plural is derived from the kind as clients guess it, and a kind is namespaced unless
it is one of Kubernetes' own that are not.
Source: apimachinery pkg/api/meta/restmapper.go `UnsafeGuessKindToResource`; the cluster-wide kinds of
`kubectl api-resources --namespaced=false`.
"""

from __future__ import annotations

from typing import Final

from nodesim.apiserver.registry import RESOURCES, Resource, unmodelled

_MODELLED: Final = {(resource.api_version, resource.kind): resource for resource in RESOURCES}
_UNCHANGED: Final = ("endpoints",)
"""Endings of kinds that are plural already."""

CLUSTER_WIDE: Final = (
    ("", "ComponentStatus"),
    ("", "PersistentVolume"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("certificates.k8s.io", "ClusterTrustBundle"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("networking.k8s.io", "IPAddress"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("node.k8s.io", "RuntimeClass"),
    ("policy", "PodSecurityPolicy"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("resource.k8s.io", "DeviceClass"),
    ("resource.k8s.io", "ResourceSlice"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttachment"),
    ("storage.k8s.io", "VolumeAttributesClass"),
)
"""(group, kind) of those whose objects are in no namespace."""


def resource_of(api_version: str, kind: str) -> Resource:
    """The resource of a manifest's kind: the modelled one, or one without rules."""
    found = _MODELLED.get((api_version, kind))
    if found is not None:
        return found
    group, _, version = api_version.rpartition("/")
    return unmodelled(plural_of(kind), kind, group, version, (group, kind) not in CLUSTER_WIDE)


def plural_of(kind: str) -> str:
    """The plural that clients guess: `pods`, `ingresses`, `networkpolicies`."""
    word = kind.lower()
    if word.endswith(_UNCHANGED):
        return word
    if word.endswith("s"):
        return f"{word}es"
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
