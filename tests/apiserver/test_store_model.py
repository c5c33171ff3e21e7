"""The server's store is held against a model of itself: plain dicts, one list of what happened, and the rules in brief.

Hypothesis makes up what clients ask for: creates, updates and patches with right, wrong and no preconditions, graceful
and forced deletes, finalizers, propagation, lists and watches with selectors from any version there ever was, and
enough writes that the watch history forgets.
"""

from __future__ import annotations

import copy
from typing import Any, Final

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nodesim.apiserver.history import CAPACITY_MIN
from nodesim.apiserver.unmodelled import resource_of
from nodesim.machine import Send
from nodesim.messages import Delete, Failure, List, Patch, Watch
from nodesim.objects import Document, decode_document, encode_document
from nodesim.profiles import V1_36, Settings
from nodesim.units import SECOND
from tests.apiserver.cluster import Cluster, post, put

WIDGETS: Final = resource_of("example.com/v1", "Widget").name
RESOURCES: Final = (WIDGETS, "pods", "leases")
NAMES: Final = ("a", "b")
HOLD: Final = "example.com/hold"
DEPENDENTS: Final = {"Orphan": "orphan", "Foreground": "foregroundDeletion"}
FRESH_US: Final = Settings.of(V1_36).watch_history_us

resources = st.sampled_from(RESOURCES)
names = st.sampled_from(NAMES)
labels = st.sampled_from([{}, {"app": "web"}, {"app": "db"}, {"app": "web", "tier": "x"}])
numbers = st.sampled_from([1, 2, 3, 3])
right = st.sampled_from([*["right"] * 6, "none", "none", "wrong"])
selectors = st.sampled_from([("", ""), ("", "app=web"), ("", "app!=web"), ("metadata.name=a", ""), ("", "tier")])


def fresh(resource: str, name: str, marks: dict[str, str], number: int, finalizers: list[str]) -> Document:
    """A document to create."""
    metadata: Document = {"name": name, "namespace": "default", "labels": marks, "finalizers": finalizers}
    if resource == WIDGETS:
        return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata, "spec": {"number": number}}
    if resource == "leases":
        spec = {"leaseTransitions": number}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
    pod = {"nodeName": "n1" if number > 1 else "", "activeDeadlineSeconds": number, "containers": [{"name": "c"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}


NUMBER_AT: Final = {WIDGETS: "number", "pods": "activeDeadlineSeconds", "leases": "leaseTransitions"}


def state_of(resource: str, document: Document) -> dict[str, Any]:
    """What the model keeps of an object, read from a document."""
    metadata = document["metadata"]
    return {
        "name": metadata["name"],
        "uid": metadata["uid"],
        "labels": metadata.get("labels") or {},
        "finalizers": metadata.get("finalizers") or [],
        "deletion": metadata.get("deletionTimestamp"),
        "grace": metadata.get("deletionGracePeriodSeconds"),
        "number": document["spec"].get(NUMBER_AT[resource]),
        "node": document["spec"].get("nodeName") or "",
        "phase": (document.get("status") or {}).get("phase") or "",
    }


def selects(fields: str, wanted: str, state: dict[str, Any]) -> bool:
    """The selectors of these tests, spelled out."""
    marks = state["labels"]
    by_label = {
        "": True,
        "app=web": marks.get("app") == "web",
        "app!=web": marks.get("app") != "web",
        "tier": "tier" in marks,
    }
    return by_label[wanted] and (not fields or fields == f"metadata.name={state['name']}")


class StoreModel(RuleBasedStateMachine):
    """`objects` is what there is, `log` what happened: (type, state after, state before), by resource."""

    @initialize()
    def begin(self) -> None:
        """An empty server, and one watch a resource that hears of everything."""
        self.cluster = Cluster(more=[resource_of("example.com/v1", "Widget")])
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.log: dict[str, list[tuple[str, dict[str, Any], dict[str, Any] | None]]] = {each: [] for each in RESOURCES}
        self.at_us: dict[str, list[int]] = {each: [] for each in RESOURCES}
        self.first = self.cluster.call(List("pods")).resource_version
        self.spies = {each: self.cluster.watch(each) for each in RESOURCES}

    # --- what the model does ----------------------------------------------------------------------------------------

    def happened(self, resource: str, kind: str, after: dict[str, Any], before: dict[str, Any] | None) -> None:
        """Note an event, unless it changes nothing."""
        if kind == "MODIFIED" and after == before:
            return
        self.log[resource].append((kind, copy.deepcopy(after), copy.deepcopy(before)))
        self.at_us[resource].append(self.cluster.now_us)
        if kind == "DELETED":
            del self.objects[resource, after["name"]]
        else:
            self.objects[resource, after["name"]] = after

    def document(self, resource: str, name: str) -> Document:
        """The object as the server has it."""
        return self.cluster.get(resource, name, "default")

    def versions(self, resource: str) -> list[int]:
        """The versions of the events so far."""
        return [int(each["metadata"]["resourceVersion"]) for each in self.cluster.documents(self.spies[resource])]

    @invariant()
    def everybody_heard_what_happened(self) -> None:
        """The watch that hears everything heard the model's log, under rising versions."""
        if not hasattr(self, "cluster"):
            return
        for resource in RESOURCES:
            heard = self.cluster.events.get((f"watcher-{self.spies[resource]}", self.spies[resource]), [])
            told = [(kind, state_of(resource, each)) for kind, each in heard]
            assert told == [(kind, after) for kind, after, _ in self.log[resource]]
            versions = self.versions(resource)
            assert versions == sorted(set(versions))

    # --- writes -----------------------------------------------------------------------------------------------------

    @rule(resource=resources, name=names, marks=labels, number=numbers, held=st.booleans())
    def create(self, resource: str, name: str, marks: dict[str, str], number: int, held: bool) -> None:
        """POST."""
        document = fresh(resource, name, marks, number, [HOLD] if held else [])
        answer = self.cluster.call(post(resource, document))
        if (resource, name) in self.objects:
            assert (answer.code, answer.reason) == (409, "AlreadyExists")
            return
        made = state_of(resource, decode_document(answer.document))
        wanted = {"labels": marks, "finalizers": document["metadata"]["finalizers"], "number": number}
        wanted |= {"deletion": None, "grace": None, "phase": "Pending" if resource == "pods" else ""}
        assert answer.code == 201
        assert {key: made[key] for key in wanted} == wanted
        assert made["uid"] not in [after["uid"] for _, after, _ in self.log[resource]]
        self.happened(resource, "ADDED", made, None)

    @rule(
        resource=resources,
        name=names,
        marks=labels,
        number=numbers,
        finalizers=st.sampled_from(["keep", "drop", "add"]),
        uid=right,
        version=right,
    )
    def update(
        self, resource: str, name: str, marks: dict[str, str], number: int, finalizers: str, uid: str, version: str
    ) -> None:
        """PUT, from the object as it is, or of one that is not there."""
        before = self.objects.get((resource, name))
        document = self.document(resource, name) if before else fresh(resource, name, marks, number, [])
        metadata = document["metadata"]
        held = list(metadata.get("finalizers") or [])
        metadata["labels"] = marks
        metadata["finalizers"] = {"keep": held, "drop": [], "add": [*held, "x/new"]}[finalizers]
        document["spec"][NUMBER_AT[resource]] = number
        document["status"] = {"phase": "Running"}  # Of pods a PUT does not write it.
        if before is None:
            self.put_of_nothing(resource, document, uid)
            return
        self.address(metadata, uid, version)
        answer = self.cluster.call(put(resource, document))
        if "wrong" in (uid, version):
            assert (answer.code, answer.reason) == (409, "Conflict")
            return
        if version == "none" and resource == "leases":
            assert (answer.code, answer.reason) == (422, "Invalid")
            return
        if before["deletion"] is not None and finalizers == "add":
            assert (answer.code, answer.reason) == (422, "Invalid")
            return
        assert answer.code == 200, answer
        after = {**before, "labels": marks, "number": number, "finalizers": metadata["finalizers"]}
        if resource != "pods":
            after["phase"] = "Running"
        self.written(resource, after, before)

    def put_of_nothing(self, resource: str, document: Document, uid: str) -> None:
        """Only what may be created by a PUT is made, and only without a uid."""
        if uid != "none":
            document["metadata"]["uid"] = "somebody"
        answer = self.cluster.call(put(resource, document))
        if uid != "none":
            assert (answer.code, answer.reason) == (409, "Conflict")
        elif resource == "leases":
            assert answer.code == 201
            self.happened(resource, "ADDED", state_of(resource, decode_document(answer.document)), None)
        else:
            assert (answer.code, answer.reason) == (404, "NotFound")

    def address(self, metadata: Document, uid: str, version: str) -> None:
        """Right, wrong or no preconditions."""
        if uid != "right":
            metadata["uid"] = "somebody" if uid == "wrong" else ""
        if version != "right":
            metadata["resourceVersion"] = "1" if version == "wrong" else ""

    def written(self, resource: str, after: dict[str, Any], before: dict[str, Any]) -> None:
        """An update ends an object whose deletion waits for nothing else."""
        done = before["deletion"] is not None and before["grace"] == 0 and not after["finalizers"]
        self.happened(resource, "DELETED" if done else "MODIFIED", before if done else after, before)

    @rule(
        resource=resources, name=names, marks=labels, style=st.sampled_from(["merge", "strategic"]), drop=st.booleans()
    )
    def patch(self, resource: str, name: str, marks: dict[str, str], style: str, drop: bool) -> None:
        """PATCH of labels (which are merged), and of the finalizers."""
        change: Document = {"metadata": {"labels": marks, **({"finalizers": None} if drop else {})}}
        answer = self.cluster.call(Patch(resource, "default", name, "", style, encode_document(change)))
        before = self.objects.get((resource, name))
        if before is None:
            assert (answer.code, answer.reason) == (404, "NotFound")
            return
        assert answer.code == 200
        after = {**before, "labels": {**before["labels"], **marks}}
        self.written(resource, {**after, "finalizers": []} if drop else after, before)

    @rule(name=names, phase=st.sampled_from(["Running", "Succeeded", "Failed"]))
    def post_status(self, name: str, phase: str) -> None:
        """A kubelet's patch of a pod's status."""
        change = encode_document({"status": {"phase": phase}, "metadata": {"labels": {"app": "no"}}})
        answer = self.cluster.call(Patch("pods", "default", name, "status", "strategic", change))
        before = self.objects.get(("pods", name))
        if before is None:
            assert answer.code == 404
        else:
            assert answer.code == 200
            self.written("pods", {**before, "phase": phase}, before)

    @rule(
        resource=resources,
        name=names,
        grace=st.sampled_from([None, None, 0, 1, 5, 60, -1]),
        uid=right,
        version=right,
        propagation=st.sampled_from(["", "", "Background", "Foreground", "Orphan"]),
    )
    def delete(self, resource: str, name: str, grace: int | None, uid: str, version: str, propagation: str) -> None:
        """DELETE, graceful or not."""
        before = self.objects.get((resource, name))
        metadata: Document = {"uid": "", "resourceVersion": ""}
        if before is not None:
            metadata = dict(self.document(resource, name)["metadata"])
        self.address(metadata, uid, version)
        request = Delete(resource, "default", name, grace, metadata["uid"], metadata["resourceVersion"], propagation)
        answer = self.cluster.call(request)
        if before is None:
            assert (answer.code, answer.reason) == (404, "NotFound")
            return
        if "wrong" in (uid, version):
            assert (answer.code, answer.reason) == (409, "Conflict")
            return
        assert answer.code == 200, answer
        held = before["finalizers"]
        kept = [each for each in held if each not in DEPENDENTS.values()]
        asked = [DEPENDENTS[propagation]] if propagation in DEPENDENTS else []
        finalizers = held if not propagation or sorted(kept + asked) == sorted(held) else kept + asked
        if resource == "pods":
            self.delete_pod(before, finalizers, grace)
        elif not finalizers:
            self.happened(resource, "MODIFIED", {**before, "finalizers": []}, before)
            self.happened(resource, "DELETED", self.objects[resource, name], self.objects[resource, name])
        elif before["deletion"] is None:
            now_us = self.cluster.now_us
            marks = {"deletion": now_us - now_us % SECOND, "grace": 0, "finalizers": finalizers}
            self.happened(resource, "MODIFIED", {**before, **marks}, before)
        else:
            self.happened(resource, "MODIFIED", {**before, "finalizers": finalizers}, before)

    @rule(
        name=names,
        graces=st.lists(st.sampled_from([None, 0, 1, 5, 20, 60]), min_size=2, max_size=3),
        seconds=st.integers(0, 9),
    )
    def delete_again(self, name: str, graces: list[int | None], seconds: int) -> None:
        """A bound pod, new if need be, is deleted again and again."""
        if ("pods", name) not in self.objects:
            self.create("pods", name, {"app": "web"}, 3, held=False)
        for grace in graces:
            before = self.objects.get(("pods", name))
            if before is not None:
                assert self.cluster.call(Delete("pods", "default", name, grace)).code == 200
                self.delete_pod(before, before["finalizers"], grace)
                self.cluster.now_us += seconds * SECOND

    def delete_pod(self, before: dict[str, Any], finalizers: list[str], grace: int | None) -> None:
        """Marked with its grace, shortened, or removed."""
        now_us = self.cluster.now_us
        asked = 1 if grace is not None and grace < 0 else grace
        after = {**before, "finalizers": finalizers}
        if before["deletion"] is None:
            ends = not before["node"] or before["phase"] in ("Succeeded", "Failed")
            seconds = 0 if ends else 30 if asked is None else asked
            until_us = now_us + seconds * SECOND
            after |= {"deletion": until_us - until_us % SECOND, "grace": seconds}
        elif before["grace"]:
            if asked is None or asked >= before["grace"]:
                return
            until_us = before["deletion"] - (before["grace"] - asked) * SECOND
            if until_us < now_us:
                until_us, asked = now_us - now_us % SECOND, min(asked, 1)
            after |= {"deletion": until_us, "grace": asked}
        self.happened("pods", "MODIFIED", after, before)
        if not after["grace"] and not finalizers:
            self.happened("pods", "DELETED", after, after)

    @precondition(lambda self: self.objects)
    @rule(count=st.sampled_from([20, 70, 130]), seconds=st.sampled_from([0, 100]), data=st.data())
    def write_often(self, count: int, seconds: int, data: st.DataObject) -> None:
        """Many small changes of one object, so that histories fill, and forget what is old."""
        self.cluster.now_us += seconds * SECOND
        resource, name = data.draw(st.sampled_from(sorted(self.objects)))
        for number in range(count):
            before = self.objects[resource, name]
            marks = {**before["labels"], "count": str(number)}
            self.cluster.patch(resource, name, {"metadata": {"labels": marks}}, "default")
            self.written(resource, {**before, "labels": marks}, before)

    @rule(seconds=st.sampled_from([0, 1, 7, 40, 200]))
    def wait(self, seconds: int) -> None:
        """Time goes by."""
        self.cluster.now_us += seconds * SECOND + 1

    # --- reads ------------------------------------------------------------------------------------------------------

    @rule(resource=resources, selector=selectors)
    def read(self, resource: str, selector: tuple[str, str]) -> None:
        """LIST and GET show the model's objects, in name order."""
        listed = [state_of(resource, each) for each in self.cluster.listed(resource, "default", *selector)]
        there = [self.objects[key] for key in sorted(self.objects) if key[0] == resource]
        assert listed == [state for state in there if selects(*selector, state)]
        for name in NAMES:
            if (resource, name) not in self.objects:
                assert self.cluster.gone(resource, name, "default")

    @rule(resource=resources, selector=selectors, place=st.integers(0, 1000))
    def watch(self, resource: str, selector: tuple[str, str], place: int) -> None:
        """A watch from any version: what the model has after it, or 410 where that may be forgotten."""
        versions = self.versions(resource)
        known = [int(self.first), *versions]
        since = known[place * len(known) // 1001]
        answer = self.cluster.call(Watch(resource, "", *selector, str(since)), "late")
        log = self.log[resource]
        if isinstance(answer, Failure):
            assert (answer.code, answer.reason) == (410, "Expired")
            assert len(log) > CAPACITY_MIN
            assert since < versions[-CAPACITY_MIN]
            last_us = self.at_us[resource][-1]
            young = [at for at, us in zip(versions, self.at_us[resource], strict=True) if last_us - us < FRESH_US]
            assert since < young[0], "what is young is not forgotten"
            return
        sends = [effect for effect in self.cluster.effects if isinstance(effect, Send)]
        events = [(send.message.type, state_of(resource, decode_document(send.message.document))) for send in sends[1:]]
        assert events == [
            seen for each, at in zip(log, versions, strict=True) if at > since for seen in see(selector, each)
        ]


def see(
    selector: tuple[str, str], entry: tuple[str, dict[str, Any], dict[str, Any] | None]
) -> list[tuple[str, dict[str, Any]]]:
    """What a watch with selectors hears of an entry of the log."""
    kind, after, before = entry
    was = before is not None and selects(*selector, before)
    is_so = kind != "DELETED" and selects(*selector, after)
    if is_so:
        return [("MODIFIED" if was else "ADDED", after)]
    if not was:
        return []
    assert before is not None
    return [("DELETED", after if kind == "DELETED" else before)]


TestStoreModel = pytest.mark.slow(StoreModel.TestCase)
TestStoreModel.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
