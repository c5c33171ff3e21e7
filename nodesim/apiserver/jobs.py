"""What does the server fill in, allow and keep of Jobs?

A Job's selector and the labels of its pods are the server's own work, made of the Job's UID, unless `manualSelector`
says otherwise.
Sources: pkg/registry/batch/job/strategy.go (`generateSelector`, `PrepareForCreate`), pkg/apis/batch/v1/defaults.go
`SetDefaults_Job`, pkg/apis/batch/validation/validation.go (`ValidateJobSpec`, `ValidateJobSpecUpdate`,
`ValidateGeneratedSelector`, `validateJobStatus`).
"""

from __future__ import annotations

from typing import Any, Final

from nodesim.apiserver.validation_workloads import not_negative
from nodesim.objects import Document
from nodesim.profiles import Profile

_UID_LABEL: Final = "controller-uid"
_NAME_LABEL: Final = "job-name"
PREFIX: Final = "batch.kubernetes.io/"

INDEXED_COMPLETIONS_MAX: Final = 100_000
"""What an Indexed Job may have of parallelism, so that its lists of indexes stay short."""
_IMMUTABLE: Final = ("completions", "selector", "template", "completionMode")


def with_job_defaults(job: Document) -> Document:
    """A Job that says how many pods, how many failures, how it counts, and when a pod is replaced."""
    spec = {name: item for name, item in job["spec"].items() if item is not None}
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = spec["parallelism"] = 1
    usual = {
        "parallelism": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
    }
    made = {**job, "spec": {**usual, **spec}}
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels and not job["metadata"].get("labels"):
        made["metadata"] = {**job["metadata"], "labels": labels}
    return made


def admitted_job(job: Document, uid: str, profile: Profile) -> Document:
    """A new Job as this version has it: its selector, and when a pod is replaced (dropped up to 1.28)."""
    job = with_job_defaults(job)  # Its labels are those that its template had before.
    spec = job["spec"]
    replacement = "Failed" if spec.get("podFailurePolicy") is not None else "TerminatingOrFailed"
    given = {name: item for name, item in spec.items() if name != "podReplacementPolicy"}
    if profile.job_terminating_pods:
        given["podReplacementPolicy"] = spec.get("podReplacementPolicy") or replacement
    return with_generated_selector({**job, "spec": given}, uid, prefixed=profile.job_label_prefix)


def with_generated_selector(job: Document, uid: str, *, prefixed: bool) -> Document:
    """A Job whose pods carry its UID and name as labels, and whose selector asks for the UID.

    `prefixed` (from 1.27): beside the old labels the same ones with `batch.kubernetes.io/`.
    """
    spec = job["spec"]
    if spec.get("manualSelector"):
        return job
    name = job["metadata"]["name"]
    labels = {_UID_LABEL: uid, _NAME_LABEL: name}
    if prefixed:
        labels |= {f"{PREFIX}{key}": item for key, item in labels.items()}
    template = spec.get("template") or {}
    metadata = template.get("metadata") or {}
    template = {**template, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}}
    selector = spec.get("selector") or {}
    wanted = {f"{PREFIX if prefixed else ''}{_UID_LABEL}": uid}
    selector = {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), **wanted}}
    return {**job, "spec": {**spec, "selector": selector, "template": template}}


def job_faults(spec: dict[str, Any]) -> list[str]:
    """Faults of a Job's own fields."""
    faults = not_negative(
        spec, "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"
    )
    mode = spec.get("completionMode")
    if mode not in ("NonIndexed", "Indexed"):
        text = 'supported values: "Indexed", "NonIndexed"'
        faults.append(f'spec.completionMode: Unsupported value: "{mode}": {text}')
    elif mode == "Indexed":
        if spec.get("completions") is None:
            faults.append("spec.completions: Required value: when completion mode is Indexed")
        elif (spec.get("parallelism") or 0) > INDEXED_COMPLETIONS_MAX:
            text = f"must be less than or equal to {INDEXED_COMPLETIONS_MAX} when completion mode is Indexed"
            faults.append(f"spec.parallelism: Invalid value: {spec['parallelism']}: {text}")
    policy = spec.get("podReplacementPolicy")
    if policy is not None and policy not in ("Failed", "TerminatingOrFailed"):
        text = 'supported values: "Failed", "TerminatingOrFailed"'
        faults.append(f'spec.podReplacementPolicy: Unsupported value: "{policy}": {text}')
    restart = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy")
    path = "spec.template.spec.restartPolicy"
    if restart in (None, "", "Always"):
        faults.append(f'{path}: Required value: valid values: "OnFailure", "Never"')
    return faults


def changed_job_faults(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Most of a Job's spec stays as it was made."""
    return [f"spec.{name}: Invalid value: field is immutable" for name in _IMMUTABLE if old.get(name) != new.get(name)]


def job_status_faults(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What a status must not say: more ready pods than active ones (recorded)."""
    ready, active = new.get("ready") or 0, new.get("active") or 0
    changed = any((old.get(name) or 0) != (new.get(name) or 0) for name in ("ready", "active"))
    if changed and ready > active:
        return [f"status.ready: Invalid value: {ready}: cannot set more than active"]
    return []
