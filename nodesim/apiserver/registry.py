"""Which resources does the API server know, and what is special about each?

One row per resource; a new one (deployments, statefulsets, ...) needs a row here, a shape in `shapes.py` and, where it
has defaults or rules of its own, a branch in `strategy.py` and `validation.py`.  Kinds that nothing here models have
no row; a server may serve them all the same (`unmodelled.py`).
Sources: the strategies under pkg/registry (`AllowCreateOnUpdate`, `AllowUnconditionalUpdate`, `PrepareForCreate`) and
the field label conversions in pkg/apis/core/v1/conversion.go.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import attrs

Path: TypeAlias = tuple[str, ...]

_METADATA_FIELDS: Final[dict[str, Path]] = {
    "metadata.name": ("metadata", "name"),
    "metadata.namespace": ("metadata", "namespace"),
}


def _fields(*names: str) -> MappingProxyType[str, Path]:
    return MappingProxyType({**_METADATA_FIELDS, **{name: tuple(name.split(".")) for name in names}})


_METADATA_ONLY: Final = _fields()


@attrs.frozen(kw_only=True)
class Resource:
    """One kind of object and how the server treats it."""

    modelled: bool = True
    """False: documents are kept as they are written, and no rules of the kind are known."""

    plural: str
    kind: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    has_status: bool = False
    """It has a `status` subresource: the main resource does not write status, and the other way round."""
    has_generation: bool = False
    """metadata.generation begins at 1 and rises when deletion is asked for."""
    spec_raises_generation: bool = False
    annotations_raise_generation: bool = False
    create_on_update: bool = False
    unconditional_update: bool = True
    """An update may leave out metadata.resourceVersion."""
    collected: bool = True
    """Objects may own others and be owned; of events nobody keeps account."""
    graceful: bool = False
    """Deletion waits for a grace period (pods)."""
    label_name: bool = False
    """Names are RFC 1123 labels, not subdomains."""
    indexes: tuple[str, ...] = ()
    """Field labels, beside metadata.name, by which lists and watches are found without a walk over all."""
    fields: MappingProxyType[str, Path] = _METADATA_ONLY
    """The field labels that selectors may use."""
    name: str = attrs.field(
        init=False, default=attrs.Factory(lambda self: self.plural if self.modelled else self.group_resource, True)
    )
    """How requests name it: `pods`, and with its group where nothing models it: `ingresses.networking.k8s.io`."""
    rules: str = attrs.field(init=False, default=attrs.Factory(lambda self: self.kind if self.modelled else "", True))
    """The kind whose rules hold for it, "" where none are known."""

    def __reduce__(self) -> tuple[Callable[..., Resource], tuple[Any, ...]]:
        """Copies of a server's state share the one row."""
        if self.modelled:
            return (_row, (self.plural,))
        return (unmodelled, (self.plural, self.kind, self.group, self.version, self.namespaced))

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """How error texts name the resource: `pods`, `replicasets.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def group_kind(self) -> str:
        """How error texts name the kind: `Pod`, `ReplicaSet.apps`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


RESOURCES: Final = (
    Resource(plural="nodes", kind="Node", namespaced=False, has_status=True, fields=_fields("spec.unschedulable")),
    Resource(
        plural="pods",
        kind="Pod",
        has_status=True,
        has_generation=True,
        graceful=True,
        indexes=("spec.nodeName",),
        fields=_fields(
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ),
    ),
    Resource(
        plural="leases",
        kind="Lease",
        group="coordination.k8s.io",
        create_on_update=True,
        unconditional_update=False,
    ),
    Resource(
        plural="events",
        kind="Event",
        collected=False,
        create_on_update=True,
        fields=_fields(
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "type",
        ),
    ),
    Resource(
        plural="namespaces",
        kind="Namespace",
        namespaced=False,
        has_status=True,
        label_name=True,
        fields=_fields("status.phase"),
    ),
    Resource(
        plural="replicasets",
        kind="ReplicaSet",
        group="apps",
        has_status=True,
        has_generation=True,
        spec_raises_generation=True,
        fields=_fields("status.replicas"),
    ),
    Resource(plural="services", kind="Service", has_status=True, fields=_fields("spec.clusterIP", "spec.type")),
    Resource(
        plural="endpointslices",
        kind="EndpointSlice",
        group="discovery.k8s.io",
        has_generation=True,
    ),
    Resource(plural="priorityclasses", kind="PriorityClass", group="scheduling.k8s.io", namespaced=False),
    Resource(
        plural="poddisruptionbudgets",
        kind="PodDisruptionBudget",
        group="policy",
        has_status=True,
        has_generation=True,
        spec_raises_generation=True,
    ),
    Resource(
        plural="deployments",
        kind="Deployment",
        group="apps",
        has_status=True,
        has_generation=True,
        spec_raises_generation=True,
        annotations_raise_generation=True,
    ),
    Resource(
        plural="statefulsets",
        kind="StatefulSet",
        group="apps",
        has_status=True,
        has_generation=True,
        spec_raises_generation=True,
    ),
    Resource(
        plural="daemonsets",
        kind="DaemonSet",
        group="apps",
        has_status=True,
        has_generation=True,
        spec_raises_generation=True,
    ),
    Resource(
        plural="jobs",
        kind="Job",
        group="batch",
        has_status=True,
        has_generation=True,
        spec_raises_generation=True,
        fields=_fields("status.successful"),
    ),
    Resource(plural="controllerrevisions", kind="ControllerRevision", group="apps"),
)


def _row(plural: str) -> Resource:
    return BY_PLURAL[plural]


def unmodelled(plural: str, kind: str, group: str, version: str, namespaced: bool) -> Resource:
    """A resource without rules of its own: documents are kept as written, there are no subresources."""
    return Resource(plural=plural, kind=kind, group=group, version=version, namespaced=namespaced, modelled=False)


BY_PLURAL: Final = {resource.plural: resource for resource in RESOURCES}
CLUSTER_KINDS: Final = frozenset(resource.kind for resource in RESOURCES if not resource.namespaced)

START_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
"""They exist before anything else.  Source: pkg/controlplane/controller/systemnamespaces."""
