"""What does a new pod of a Job look like?

Source: pkg/controller/job/job_controller.go `manageJob`, indexed_job_utils.go (`addCompletionIndexAnnotation`,
`addCompletionIndexLabel`, `podGenerateNameWithIndex`).  Left out: the environment variable with the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.controllers.job.views import FINALIZER, INDEX, JobView
from nodesim.controllers.workload.ownership import pod_from_template
from nodesim.objects import Document

_PREFIX_LEN_MAX: Final = 58
"""Of a generated name, what is not generated."""


def pods_of(view: JobView, count: int, indexes: Sequence[int], *, index_label: bool) -> list[Document]:
    """New pods that stay until they are counted; of an Indexed Job one for each index."""
    made = pod_from_template(view.parent, view.template)
    metadata = made["metadata"]
    finalizers = [*(metadata.get("finalizers") or ())]
    if FINALIZER not in finalizers:
        finalizers.append(FINALIZER)
    made = {**made, "metadata": {**metadata, "finalizers": finalizers}}
    if not view.indexed:
        return [made] * count
    return [_with_index(view, made, index, index_label=index_label) for index in indexes]


def _with_index(view: JobView, pod: Document, index: int, *, index_label: bool) -> Document:
    ending = f"-{index}-"
    metadata = {
        **pod["metadata"],
        "generateName": view.name[: _PREFIX_LEN_MAX - len(ending)] + ending,
        "annotations": {**(pod["metadata"].get("annotations") or {}), INDEX: str(index)},
    }
    if index_label:
        metadata["labels"] = {**(metadata.get("labels") or {}), INDEX: str(index)}
    return {**pod, "metadata": metadata, "spec": {**pod["spec"], "hostname": f"{view.name}-{index}"}}
