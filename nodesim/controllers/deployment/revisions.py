"""Which ReplicaSet is the new one, which are old, and which annotations tell their order and size?

The new one is the oldest whose template equals the Deployment's, but for the label pod-template-hash.  Revisions count
up; a ReplicaSet to which a Deployment returns gets the highest number, and keeps its former ones as history.
Source: pkg/controller/deployment/util/deployment_util.go `FindNewReplicaSet`, `FindOldReplicaSets`, `EqualIgnoreHash`,
`MaxRevision`, `SetNewReplicaSetAnnotations`, `SetReplicasAnnotations`, `ReplicaSetsByRevision`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.controllers.deployment.views import DeploymentView
from nodesim.controllers.replicaset import ReplicaSetView
from nodesim.controllers.workload.revision_hash import revision_hash
from nodesim.objects import Document

HASH_LABEL: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"
HISTORY: Final = "deployment.kubernetes.io/revision-history"
DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS: Final = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED: Final = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.deployment.rollback.to",
    REVISION,
    HISTORY,
    DESIRED,
    MAX_REPLICAS,
)
HISTORY_LEN_MAX: Final = 2000
"""Characters of the annotation with former revisions (sync.go `maxRevHistoryLengthInChars`)."""


def by_age(sets: Sequence[ReplicaSetView]) -> list[ReplicaSetView]:
    """Oldest first, then by name.  Source: `ReplicaSetsByCreationTimestamp`."""
    return sorted(sets, key=lambda rs: (rs.created_us, rs.name))


def find_new(deployment: DeploymentView, sets: Sequence[ReplicaSetView]) -> ReplicaSetView | None:
    """The ReplicaSet with the Deployment's template."""
    wanted = without_hash(deployment.template)
    return next((rs for rs in by_age(sets) if without_hash(rs.template) == wanted), None)


def find_old(sets: Sequence[ReplicaSetView], new: ReplicaSetView | None) -> list[ReplicaSetView]:
    """All others, oldest first."""
    return [rs for rs in by_age(sets) if new is None or rs.uid != new.uid]


def without_hash(template: Document) -> Document:
    """A template as it is compared: empty parts are as good as none."""
    metadata = dict(template.get("metadata") or {})
    labels = {key: item for key, item in (metadata.pop("labels", None) or {}).items() if key != HASH_LABEL}
    return {"metadata": {**_filled(metadata), **_filled({"labels": labels})}, "spec": template.get("spec") or {}}


def _filled(part: Document) -> Document:
    return {name: item for name, item in part.items() if item not in (None, {}, [])}


def new_replica_set(deployment: DeploymentView, collisions: int | None) -> Document:
    """The ReplicaSet for the Deployment's template, without replicas; its name says which template it is for."""
    word = revision_hash(deployment.template, collisions)
    template_metadata = deployment.template.get("metadata") or {}
    labels = {**(template_metadata.get("labels") or {}), HASH_LABEL: word}
    selector = deployment.document["spec"]["selector"]
    spec: Document = {
        "replicas": 0,
        "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), HASH_LABEL: word}},
        "template": {**deployment.template, "metadata": {**template_metadata, "labels": labels}},
    }
    if deployment.min_ready_seconds:
        spec["minReadySeconds"] = deployment.min_ready_seconds
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{deployment.name}-{word}",
            "namespace": deployment.namespace,
            "labels": labels,
            "ownerReferences": [deployment.parent.reference()],
        },
        "spec": spec,
    }


def revision_of(rs: ReplicaSetView) -> int | None:
    """Its revision, 0 where it has none, None where it is no number."""
    return _number(rs.annotations.get(REVISION, "0"))


def max_revision(sets: Sequence[ReplicaSetView]) -> int:
    """The highest revision; what is no number is left out."""
    return max((revision_of(rs) or 0 for rs in sets), default=0)


def by_revision(sets: Sequence[ReplicaSetView]) -> list[ReplicaSetView]:
    """Lowest revision first; equal ones, and those that are no numbers, by age."""
    return sorted(by_age(sets), key=lambda rs: revision_of(rs) or 0)


def new_set_annotations(deployment: DeploymentView, held: dict[str, str], revision: int) -> dict[str, str]:
    """What the new ReplicaSet's annotations become: the Deployment's own, and its revision if that rises."""
    made = {**held, **{key: item for key, item in deployment.annotations.items() if key not in _NOT_COPIED}}
    before = held.get(REVISION)
    number = 0 if not before else _number(before)
    if number is None or number >= revision:
        return made
    made[REVISION] = str(revision)
    if before is not None:
        made[HISTORY] = _history(held.get(HISTORY, ""), before)
    return made


def _history(history: str, before: str) -> str:
    """The former revisions with one more; the oldest go where there is no room."""
    revisions = history.split(",") if history else []
    while revisions and len(",".join([*revisions, before])) > HISTORY_LEN_MAX:
        revisions.pop(0)
    return ",".join([*revisions, before])


def size_annotations(deployment: DeploymentView) -> dict[str, str]:
    """How large the Deployment is and may become, as its ReplicaSets note it."""
    return {DESIRED: str(deployment.replicas), MAX_REPLICAS: str(deployment.replicas + deployment.max_surge)}


def desired_of(rs: ReplicaSetView) -> int | None:
    """The size of its Deployment when it was scaled last; None where it does not say."""
    return _number(rs.annotations.get(DESIRED, ""))


def max_replicas_of(rs: ReplicaSetView) -> int | None:
    """The largest size of its Deployment when it was scaled last; None where it does not say."""
    return _number(rs.annotations.get(MAX_REPLICAS, ""))


def _number(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("-", "+") else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None
