"""What does a person (or a script with kubectl) do to the cluster?

The operator is a program like any controller: it creates the scenario's manifests when the run begins and carries out
the operator steps, one request after another.  What fails is recorded (`RequestFailed`) and not tried again, except
where kubectl itself would: a taint is written against the node as it was just read.

Sources: kubectl pkg/cmd (create, apply, delete, drain/cordon.go, taint, label, scale).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import attrs

from nodesim.apiserver.registry import BY_PLURAL
from nodesim.apiserver.unmodelled import resource_of
from nodesim.client import WatchSpec
from nodesim.machine import Answered, Call, ProgramEffect, ProgramEvent, Record, Started, Told
from nodesim.messages import Create, Delete, Get, Patch, Request
from nodesim.objects import Document, encode_document, parse_taint
from nodesim.spec import Step

TAINT_TRIES_MAX = 5
"""How often a taint is written again after a conflict."""


@attrs.define
class _Job:
    """One request of the operator; `then` says what a GET is for."""

    about: str
    verb: str
    request: Request
    then: str = ""
    arguments: dict[str, Any] = attrs.Factory(dict)
    tries: int = 1


class Operator:
    """A person's API calls, in order."""

    def __init__(self, manifests: Sequence[Document]) -> None:
        self._jobs: deque[_Job] = deque(_create(document) for document in manifests)
        self._at_work: _Job | None = None
        self._asked = 0
        self.watches: tuple[WatchSpec, ...] = ()

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """Start, take a step, or go on after an answer."""
        effects: list[ProgramEffect] = []
        if isinstance(event, Told):
            assert isinstance(event.step, Step)
            self._jobs.extend(_jobs_of(event.step))
        elif isinstance(event, Answered) and event.tag == ("operator", self._asked) and self._at_work is not None:
            job, self._at_work = self._at_work, None
            effects += self._answered(job, event)
        elif not isinstance(event, Started):
            return effects
        if self._at_work is None and self._jobs:
            self._at_work = self._jobs.popleft()
            self._asked += 1
            effects.append(Call(("operator", self._asked), self._at_work.request))
        return effects

    def _answered(self, job: _Job, answer: Answered) -> list[ProgramEffect]:
        if job.then == "apply" and answer.code == 404:
            self._jobs.appendleft(_create(job.arguments["document"]))
            return []
        if job.then == "apply" and answer.ok:
            self._jobs.appendleft(_patch(job.about, job.arguments["document"]))
            return []
        if job.then == "taint" and answer.ok and answer.document is not None:
            self._jobs.appendleft(_taint(job, answer.document))
            return []
        if job.verb == "taint" and answer.reason == "Conflict" and job.tries < TAINT_TRIES_MAX:
            self._jobs.appendleft(_read_for_taint(job.about, job.arguments, job.tries + 1))
            return []
        if answer.ok:
            return []
        fields = {"verb": job.verb, "code": answer.code, "reason": answer.reason, "message": answer.message}
        return [Record("RequestFailed", job.about, fields)]


def _place(document: Document) -> tuple[str, str, str, str]:
    """(resource, namespace, name, how records name it) of a manifest."""
    resource = resource_of(document["apiVersion"], document["kind"])
    metadata = document["metadata"]
    name = metadata.get("name") or metadata.get("generateName", "")
    namespace = (metadata.get("namespace") or "default") if resource.namespaced else ""
    about = f"{document['kind']}/{namespace}/{name}" if namespace else f"{document['kind']}/{name}"
    return resource.name, namespace, name, about


def _create(document: Document) -> _Job:
    resource, namespace, _, about = _place(document)
    return _Job(about, "create", Create(resource, namespace, encode_document(document)))


def _patch(about: str, document: Document) -> _Job:
    resource, namespace, name, _ = _place(document)
    return _Job(about, "apply", Patch(resource, namespace, name, "", "strategic", encode_document(document)))


def _node_patch(node: str, verb: str, change: Document) -> _Job:
    return _Job(f"Node/{node}", verb, Patch("nodes", "", node, "", "strategic", encode_document(change)))


def _read_for_taint(about: str, arguments: dict[str, Any], tries: int) -> _Job:
    return _Job(about, "taint", Get("nodes", "", about.removeprefix("Node/")), "taint", arguments, tries)


def _taint(job: _Job, node: Document) -> _Job:
    """The node's taints with one put, replaced or removed, against the version that was read."""
    wanted = parse_taint(job.arguments["taint"])
    taints = list((node.get("spec") or {}).get("taints") or ())
    same = [place for place, taint in enumerate(taints) if parse_taint(taint).same(wanted)]
    if job.arguments["remove"]:
        taints = [taint for place, taint in enumerate(taints) if place not in same]
    elif same:
        taints[same[0]] = job.arguments["taint"]
    else:
        taints.append(job.arguments["taint"])
    change = {
        "metadata": {"resourceVersion": node["metadata"]["resourceVersion"]},
        "spec": {"taints": taints or None},
    }
    done = _node_patch(node["metadata"]["name"], "taint", change)
    return attrs.evolve(done, arguments=job.arguments, tries=job.tries)


def _jobs_of(step: Step) -> list[_Job]:
    """The requests of one step; steps on several nodes do one node after another."""
    arguments = step.arguments
    if step.verb == "apply":
        jobs = []
        for document in arguments["documents"]:
            plural, namespace, name, about = _place(document)
            jobs.append(_Job(about, "apply", Get(plural, namespace, name), "apply", {"document": document}))
        return jobs
    if step.verb in ("cordon", "uncordon"):
        change = {"spec": {"unschedulable": True if step.verb == "cordon" else None}}
        return [_node_patch(node, step.verb, change) for node in step.nodes]
    if step.verb == "label":
        return [_node_patch(node, "label", {"metadata": {"labels": arguments["labels"]}}) for node in step.nodes]
    if step.verb == "taint":
        return [_read_for_taint(f"Node/{node}", arguments, 1) for node in step.nodes]
    assert step.object is not None, step.verb
    resource, namespace, name = step.object.resource, step.object.namespace, step.object.name
    kind = BY_PLURAL[resource].kind
    about = f"{kind}/{namespace}/{name}" if namespace else f"{kind}/{name}"
    if step.verb == "delete":
        grace_seconds = 0 if arguments["force"] else arguments["grace_seconds"]
        propagation = arguments.get("cascade", "background").capitalize()
        request = Delete(resource, namespace, name, grace_seconds, propagation=propagation)
        return [_Job(about, "delete", request)]
    assert step.verb == "scale", step.verb
    scale = encode_document({"spec": {"replicas": arguments["replicas"]}})
    return [_Job(about, "scale", Patch(resource, namespace, name, "", "merge", scale))]
