"""The real API server, real controllers, and a hand that plays everybody else; every hop takes 1 ms."""

from __future__ import annotations

import heapq
from typing import Any

from nodesim.apiserver import ApiServer
from nodesim.client import SERVER, ClientMachine
from nodesim.machine import CancelTimer, Frame, Record, Send, SetTimer, Started, TimerFired
from nodesim.messages import Bind, Create, Delete, Dial, Done, Failure, Get, List, Listed, Patch, Update, WatchEvent
from nodesim.objects import Document, decode_document, encode_document, whole_second
from nodesim.profiles import V1_36, Profile, Settings
from nodesim.scenario.components import WatchingProgram
from nodesim.streams import Streams
from nodesim.units import MILLISECOND, SECOND

HAND = "hand"


class Bench:
    """A cluster without nodes: pods stay as the hand writes them."""

    def __init__(self, profile: Profile = V1_36, **programs: WatchingProgram) -> None:
        self.now_us = 0
        self.server = ApiServer(Settings.of(profile), profile)
        self.machines = {
            name.replace("_", "-"): ClientMachine(name.replace("_", "-"), program, program.watches, Streams(0))
            for name, program in programs.items()
        }
        self.records: list[tuple[int, str, Record]] = []
        self.requests: list[tuple[int, str, Any]] = []
        """(when it was sent, by whom, what)."""
        self.answers: list[tuple[int, str, Any]] = []
        self.refused: list[tuple[type[Any], str, Failure]] = []
        """The next request of this type for this resource is answered so; each entry once."""
        self.held: list[str] = []
        """Watch events to these programs are kept back until `let_go`."""
        self._kept: list[tuple[str, Frame]] = []
        self._queue: list[tuple[int, int, str, Any]] = []
        self._timers: dict[tuple[str, Any], int] = {}
        self._count = 0
        for name in self.machines:
            self._push(0, name, Started())
        self._perform(SERVER, self.server.handle(Frame(HAND, 0, 0, 1, Dial()), 0))
        self.run(0.1)

    # --- the hand ---

    def do(self, request: Any) -> Any:
        """One request, done at once."""
        self._count += 1
        number = self._count
        effects = self.server.handle(Frame(HAND, number, 0, 1, request), self.now_us)
        answers = [e.message for e in effects if isinstance(e, Send) and e.destination == HAND]
        self._perform(SERVER, effects)
        return answers[0]

    def create(self, document: Document) -> Document:
        """POST; must succeed."""
        answer = self.do(Create(_plural(document), "default", encode_document(document)))
        assert isinstance(answer, Done), answer
        return decode_document(answer.document)

    def patch(self, resource: str, name: str, change: Document, subresource: str = "") -> None:
        """A merge patch; must succeed."""
        answer = self.do(Patch(resource, "default", name, subresource, "merge", encode_document(change)))
        assert isinstance(answer, Done), answer

    def image(self, resource: str, image: str) -> None:
        """The template of the workload `web` has another image: `kubectl set image`."""
        containers = [{"name": "c", "image": image}]
        self.patch(resource, "web", {"spec": {"template": {"spec": {"containers": containers}}}})

    def delete(self, resource: str, name: str, grace_seconds: int | None = None) -> None:
        """DELETE; must succeed."""
        answer = self.do(Delete(resource, "default", name, grace_seconds))
        assert isinstance(answer, Done), answer

    def get(self, resource: str, name: str) -> Document:
        """GET; must succeed."""
        answer = self.do(Get(resource, "default", name))
        assert isinstance(answer, Done), answer
        return decode_document(answer.document)

    def listed(self, resource: str) -> list[Document]:
        """LIST, by name."""
        answer = self.do(List(resource, "default"))
        assert isinstance(answer, Listed)
        return [decode_document(packed) for packed in answer.documents]

    def names(self, resource: str = "pods") -> list[str]:
        """The names in a LIST."""
        return [item["metadata"]["name"] for item in self.listed(resource)]

    def start(self, name: str, node: str = "n1", phase: str = "Running", *, ready: bool = True) -> None:
        """A pod is bound (if it is not yet), and reported as it is."""
        if not self.get("pods", name)["spec"].get("nodeName"):
            self.do(Bind("default", name, "", node))
        condition = {
            "type": "Ready",
            "status": "True" if ready else "False",
            "lastTransitionTime": whole_second(self.now_us),
        }
        self.patch("pods", name, {"status": {"phase": phase, "conditions": [condition]}}, "status")

    def start_all(self) -> None:
        """Every pod that is not to go is running and ready."""
        for pod in self.listed("pods"):
            if pod["metadata"].get("deletionTimestamp") is None and pod["status"]["phase"] == "Pending":
                self.start(pod["metadata"]["name"])

    def finish(self, name: str) -> None:
        """What a kubelet does when a pod has stopped."""
        self.delete("pods", name, 0)

    def finish_all(self) -> None:
        """Every pod that is to go has stopped."""
        for pod in self.listed("pods"):
            if pod["metadata"].get("deletionTimestamp") is not None:
                self.finish(pod["metadata"]["name"])

    def let_go(self) -> None:
        """The watches go on."""
        self.held.clear()
        for name, frame in self._kept:
            self._push(self.now_us + MILLISECOND, name, frame)
        self._kept.clear()

    def restart(self, name: str, program: WatchingProgram) -> None:
        """A fresh process takes a program's place."""
        self._kept = [(held, frame) for held, frame in self._kept if held != name]
        before = self.machines[name]
        self.machines[name] = ClientMachine(
            name, program, program.watches, Streams(0), connection=before.connection + 1
        )
        self._push(self.now_us, name, Started())

    # --- how it runs ---

    def run(self, seconds: float) -> None:
        """Let everything happen that is due in so many seconds."""
        until_us = self.now_us + round(seconds * SECOND)
        while self._queue and self._queue[0][0] <= until_us:
            at_us, number, name, event = heapq.heappop(self._queue)
            self.now_us = at_us
            if isinstance(event, TimerFired) and self._timers.get((name, event.key)) != number:
                continue
            if name == SERVER:
                self._serve(event)
            elif name in self.held and isinstance(event, Frame) and isinstance(event.message, WatchEvent):
                self._kept.append((name, event))
            else:
                self._perform(name, self.machines[name].handle(event, at_us))
        self.now_us = until_us

    def _push(self, at_us: int, name: str, event: Any) -> int:
        self._count += 1
        heapq.heappush(self._queue, (at_us, self._count, name, event))
        return self._count

    def _serve(self, frame: Frame) -> None:
        message = frame.message
        for place, (kind, resource, failure) in enumerate(self.refused):
            if type(message) is kind and message.resource == resource:
                del self.refused[place]
                self._perform(SERVER, [Send(frame.source, failure, 0, frame.id, frame.connection)])
                return
        self._perform(SERVER, self.server.handle(frame, self.now_us))

    def _perform(self, name: str, effects: list[Any]) -> None:
        for effect in effects:
            if isinstance(effect, Send) and effect.destination != HAND:
                frame = Frame(name, effect.id, effect.in_reply_to, effect.connection, effect.message)
                if effect.destination == SERVER and isinstance(effect.message, Create | Update | Patch | Delete):
                    self.requests.append((self.now_us, name, effect.message))
                self._push(self.now_us + MILLISECOND, effect.destination, frame)
            elif isinstance(effect, SetTimer):
                self._timers[name, effect.key] = self._push(effect.at_us, name, TimerFired(effect.key))
            elif isinstance(effect, CancelTimer):
                self._timers.pop((name, effect.key), None)
            elif isinstance(effect, Record):
                self.records.append((self.now_us, name, effect))

    # --- what it did ---

    def made(self, kind: type[Any], resource: str) -> list[Any]:
        """The requests of this type for this resource, by anybody but the hand."""
        return [request for _, _, request in self.requests if type(request) is kind and request.resource == resource]

    def events(self) -> list[tuple[str, str, str]]:
        """(type, reason, message) of each event that was written first, in order."""
        documents = [decode_document(request.document) for request in self.made(Create, "events")]
        return [(item["type"], item["reason"], item["message"]) for item in documents]

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The fields of the controllers' own records of this kind."""
        return [record.fields for _, name, record in self.records if record.kind == kind and name != SERVER]


def _plural(document: Document) -> str:
    return f"{document['kind'].lower()}s"


def workload(kind: str, name: str = "web", labels: dict[str, str] | None = None, **spec: Any) -> Document:
    """A workload document that selects app=NAME."""
    labels = labels or {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "a"}]}}
    whole = {"selector": {"matchLabels": labels}, "template": template, **spec}
    version = "batch/v1" if kind == "Job" else "apps/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": whole}
