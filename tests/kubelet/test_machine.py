"""What does a whole machine do: with its client, against the real API server?"""

from __future__ import annotations

import copy
import heapq
from typing import Any

from nodesim.apiserver import ApiServer
from nodesim.kubelet import KillKubelet, NodeMachine, PowerOff, PowerOn, StartKubelet
from nodesim.machine import (
    CancelAllTimers,
    CancelTimer,
    Frame,
    LoseUnsent,
    Record,
    Send,
    SetTimer,
    Started,
    TimerFired,
    Told,
)
from nodesim.messages import Accept, Close, Create, Delete, Dial, Get, Reset, WatchEvent
from nodesim.objects import Document, decode_document, encode_document
from nodesim.profiles import V1_36, Settings
from nodesim.spec import ContainerRule, NodeSpec
from nodesim.streams import Streams
from nodesim.units import MILLISECOND, SECOND
from tests.kubelet.bench import pod

LATENCY_US = MILLISECOND


class Wire:
    """An API server, machines and a person, 1 ms apart."""

    def __init__(self, *machines: NodeMachine) -> None:
        self.now_us = 0
        self.records: list[tuple[int, str, Record]] = []
        self.cut: set[str] = set()
        self.answers: list[Any] = []
        self._actors: dict[str, Any] = {machine.name: machine for machine in machines}
        self._actors["apiserver"] = ApiServer(Settings.of(V1_36), V1_36)
        self._timers: dict[tuple[str, Any], int] = {}
        self._queue: list[tuple[int, str, int, str, Any]] = []
        self._n = 0
        for name in sorted(self._actors):
            self._put(0, name, name, Started())
        self._put(0, "operator", "apiserver", Frame("operator", 0, 0, 1, Dial()))

    def run(self, until_us: int) -> None:
        """Let everything up to this instant happen."""
        while self._queue and self._queue[0][0] <= until_us:
            at_us, _, _, name, event = heapq.heappop(self._queue)
            self.now_us = at_us
            if isinstance(event, TimerFired) and self._timers.get((name, event.key)) != at_us:
                continue
            if isinstance(event, TimerFired):
                del self._timers[name, event.key]
            if name == "operator":
                self.answers.append(event.message)
                continue
            for effect in self._actors[name].handle(event, at_us):
                self._perform(name, effect)
        self.now_us = until_us

    def tell(self, name: str, step: object) -> None:
        """A step of the scenario, now."""
        self._put(self.now_us, "scenario", name, Told(step))
        self.run(self.now_us)

    def ask(self, request: Any) -> Any:
        """A person's request, and its answer."""
        self._put(self.now_us + LATENCY_US, "operator", "apiserver", Frame("operator", 7, 0, 1, request))
        self.run(self.now_us + 2 * LATENCY_US)
        return self.answers[-1]

    def get(self, resource: str, namespace: str, name: str) -> Document:
        """An object in the API."""
        return decode_document(self.ask(Get(resource, namespace, name)).document)

    def kinds(self, actor: str, *kinds: str) -> list[tuple[int, str]]:
        """(time, kind) of an actor's records of some kinds."""
        return [(t, record.kind) for t, who, record in self.records if who == actor and record.kind in kinds]

    def timers_of(self, name: str) -> list[Any]:
        """Keys of an actor's live timers."""
        return [key for who, key in self._timers if who == name]

    def _perform(self, name: str, effect: Any) -> None:
        if isinstance(effect, Record):
            self.records.append((self.now_us, name, effect))
        elif isinstance(effect, SetTimer):
            assert effect.at_us >= self.now_us, effect
            self._timers[name, effect.key] = effect.at_us
            self._put(effect.at_us, name, name, TimerFired(effect.key))
        elif isinstance(effect, CancelTimer):
            self._timers.pop((name, effect.key), None)
        elif isinstance(effect, CancelAllTimers):
            for who, key in list(self._timers):
                if who == name and not (isinstance(key, tuple) and key[:1] == (effect.spare,)):
                    del self._timers[who, key]
        else:
            if isinstance(effect, LoseUnsent):
                return  # This stage's network holds nothing back.
            assert isinstance(effect, Send)
            if not {name, effect.destination} & self.cut:
                frame = Frame(name, effect.id, effect.in_reply_to, effect.connection, effect.message)
                self._put(self.now_us + LATENCY_US, name, effect.destination, frame)

    def _put(self, at_us: int, origin: str, name: str, event: Any) -> None:
        self._n += 1
        heapq.heappush(self._queue, (at_us, origin, self._n, name, event))


NODE = "node/n1"
TRUTH = ("KubeletStarted", "KubeletStopped", "PoweredOn", "PoweredOff", "ContainerStarted", "ContainerStopped")


def machine(rules: tuple[ContainerRule, ...] = ()) -> NodeMachine:
    """The machine n1."""
    return NodeMachine(NodeSpec(name="n1"), rules, Settings.of(V1_36), V1_36, Streams(1))


def wired(rules: tuple[ContainerRule, ...] = ()) -> Wire:
    """A cluster of one node, which runs the pod `a` since about 20.3 s; it is 30 s."""
    wire = Wire(machine(rules))
    wire.run(20 * SECOND)
    document = pod("a")
    del document["metadata"]["creationTimestamp"], document["status"]
    wire.ask(Create("pods", "default", encode_document(document)))
    wire.run(30 * SECOND)
    return wire


def ready(wire: Wire) -> str:
    """The node's Ready in the API."""
    conditions = wire.get("nodes", "", "n1")["status"]["conditions"]
    return str(next(item["status"] for item in conditions if item["type"] == "Ready"))


def test_a_machine_registers_renews_and_runs_a_pod() -> None:
    """Node Ready, Lease renewed, pod Running, all through real frames."""
    wire = wired()
    assert ready(wire) == "True"
    lease = wire.get("leases", "kube-node-lease", "n1")
    assert lease["spec"]["renewTime"] > 20 * SECOND
    assert wire.get("pods", "default", "a")["status"]["phase"] == "Running"
    assert [kind for _, kind in wire.kinds(NODE, *TRUTH)] == ["KubeletStarted", "ContainerStarted"]


def test_a_deleted_pod_leaves_the_api_by_the_kubelets_hand() -> None:
    """Stopped after 2 s, then gone."""
    wire = wired()
    wire.ask(Delete("pods", "default", "a"))
    wire.run(40 * SECOND)
    assert wire.ask(Get("pods", "default", "a")).code == 404
    assert [kind for _, kind in wire.kinds(NODE, "PodDeletionSeen", "ContainerStopped")] == [
        "PodDeletionSeen",
        "ContainerStopped",
    ]


def test_a_killed_kubelet_leaves_containers_running_and_no_timers() -> None:
    """Truth stays, the process is gone with its timers; a new one adopts what runs and goes on with its connections."""
    wire = wired()
    wire.tell(NODE, KillKubelet())
    assert [key for key in wire.timers_of(NODE) if key[0] != "runtime"] == []
    before = wire.get("leases", "kube-node-lease", "n1")["spec"]["renewTime"]
    wire.run(90 * SECOND)
    assert wire.get("leases", "kube-node-lease", "n1")["spec"]["renewTime"] == before
    wire.tell(NODE, StartKubelet())
    wire.run(100 * SECOND)
    assert wire.get("leases", "kube-node-lease", "n1")["spec"]["renewTime"] > 90 * SECOND
    kinds = [kind for _, kind in wire.kinds(NODE, *TRUTH)]
    assert kinds == ["KubeletStarted", "ContainerStarted", "KubeletStopped", "KubeletStarted"]
    opened = [record.fields for _, who, record in wire.records if who == NODE and record.kind.startswith("Connection")]
    assert opened == [{"connection": 1}, {"connection": 2}], "a number is never used twice"


def test_a_container_lives_on_without_a_kubelet() -> None:
    """It exits by itself while nobody looks; the next kubelet sees that and starts it again."""
    wire = wired((ContainerRule(exits=((30 * SECOND, 1), (1000 * SECOND, 0))),))
    wire.tell(NODE, KillKubelet())
    wire.run(70 * SECOND)
    [_, stopped] = wire.kinds(NODE, "ContainerStarted", "ContainerStopped")
    assert stopped[1] == "ContainerStopped"
    wire.tell(NODE, StartKubelet())
    wire.run(80 * SECOND)
    status = wire.get("pods", "default", "a")["status"]
    assert (status["phase"], status["containerStatuses"][0]["restartCount"]) == ("Running", 1)


def test_a_kubelet_that_starts_cut_off_leaves_everything_as_it_finds_it() -> None:
    """Not restarted, not stopped, not forgotten; after the heal it takes the pod up where it stands."""
    wire = wired((ContainerRule(exits=((60 * SECOND, 1), (1000 * SECOND, 0))),))
    wire.tell(NODE, KillKubelet())
    wire.cut.add(NODE)
    wire.run(40 * SECOND)
    wire.tell(NODE, StartKubelet())
    wire.run(150 * SECOND)
    assert [kind for _, kind in wire.kinds(NODE, "ContainerStarted", "ContainerStopped")] == [
        "ContainerStarted",
        "ContainerStopped",
    ]
    assert [r.fields["why"] for _, _, r in wire.records if r.kind == "ContainerStopped"] == ["exited"]
    wire.cut.clear()
    wire.run(300 * SECOND)
    starts = [record for _, _, record in wire.records if record.kind == "ContainerStarted"]
    assert [record.fields["attempt"] for record in starts] == [0, 1]
    assert wire.get("pods", "default", "a")["status"]["containerStatuses"][0]["restartCount"] == 1


def test_the_kernel_resets_what_comes_for_a_dead_kubelet() -> None:
    """A frame is answered with Reset, but not a Reset or a Close."""
    node = machine()
    node.handle(Started(), 0)
    node.handle(Told(KillKubelet()), 1)
    frame = Frame("apiserver", 0, 3, 5, WatchEvent("ADDED", b""))
    assert node.handle(frame, 2) == [Send("apiserver", Reset(), connection=5)]
    assert node.handle(Frame("apiserver", 0, 0, 5, Reset()), 2) == []
    assert node.handle(Frame("apiserver", 0, 0, 5, Close()), 2) == []


def test_a_machine_without_power_neither_answers_nor_says_goodbye() -> None:
    """No FIN at the power-off, no RST after it."""
    node = machine()
    node.handle(Started(), 0)
    node.handle(Frame("apiserver", 0, 0, 1, Accept()), 1)
    effects = node.handle(Told(PowerOff()), 2)
    assert [effect for effect in effects if isinstance(effect, Send)] == []
    assert [effect.kind for effect in effects if isinstance(effect, Record)] == ["PoweredOff", "KubeletStopped"]
    assert node.handle(Frame("apiserver", 0, 0, 1, WatchEvent("ADDED", b"")), 3) == []


def test_a_killed_kubelet_closes_its_connection() -> None:
    """The kernel sends a FIN for the dead process."""
    node = machine()
    node.handle(Started(), 0)
    node.handle(Frame("apiserver", 0, 0, 1, Accept()), 1)
    effects = node.handle(Told(KillKubelet()), 2)
    assert [effect.message for effect in effects if isinstance(effect, Send)] == [Close()]


def test_power_off_stops_containers_and_power_on_starts_them_again() -> None:
    """Gone at once; after the boot the same pod object gets its containers back, as the next attempt."""
    wire = wired()
    uid = wire.get("pods", "default", "a")["metadata"]["uid"]
    wire.tell(NODE, PowerOff())
    off_us = wire.now_us
    stopped = [record for t, _, record in wire.records if record.kind == "ContainerStopped"]
    assert [record.fields["why"] for record in stopped] == ["power-off"]
    wire.run(60 * SECOND)
    wire.tell(NODE, PowerOn())
    wire.run(75 * SECOND)
    kinds = [kind for t, kind in wire.kinds(NODE, *TRUTH) if t >= off_us]
    assert kinds == [
        "PoweredOff",
        "KubeletStopped",
        "ContainerStopped",
        "PoweredOn",
        "KubeletStarted",
        "ContainerStarted",
    ]
    again = [record for _, _, record in wire.records if record.kind == "ContainerStarted"][-1]
    assert again.fields == {"container": "c", "uid": uid, "attempt": 1}
    assert wire.get("pods", "default", "a")["status"]["phase"] == "Running"
    events = [record for _, who, record in wire.records if who == "apiserver" and record.kind == "Rebooted"]
    assert len(events) == 1


def test_steps_that_find_their_work_done_do_nothing() -> None:
    """Killing the dead, starting the living, power where it is or is not."""
    node = machine()
    node.handle(Started(), 0)
    assert node.handle(Told(StartKubelet()), 1) == []
    assert node.handle(Told(PowerOn()), 1) == []
    node.handle(Told(KillKubelet()), 2)
    assert node.handle(Told(KillKubelet()), 3) == []
    node.handle(Told(PowerOff()), 4)
    assert node.handle(Told(PowerOff()), 5) == []
    assert node.handle(Told(StartKubelet()), 6) == []


def test_a_cut_off_node_keeps_its_pods_and_learns_of_a_deletion_after_the_heal() -> None:
    """Nothing stops during the cut; the deletion asked for meanwhile is seen when the pods are listed again."""
    wire = wired()
    wire.cut.add(NODE)
    wire.run(60 * SECOND)
    wire.ask(Delete("pods", "default", "a"))
    wire.run(200 * SECOND)
    assert wire.kinds(NODE, "ContainerStopped", "PodDeletionSeen") == []
    wire.cut.clear()
    wire.run(300 * SECOND)
    [(seen_us, _), (stopped_us, _)] = wire.kinds(NODE, "PodDeletionSeen", "ContainerStopped")
    assert 200 * SECOND < seen_us <= 292 * SECOND
    assert stopped_us - seen_us == 2 * SECOND
    assert wire.ask(Get("pods", "default", "a")).code == 404


def test_a_machines_state_can_be_copied() -> None:
    """Plain data: a copy goes on by itself, and does the same."""
    node = machine()
    node.handle(Started(), 0)
    twin = copy.deepcopy(node)
    assert repr(twin.handle(TimerFired("register"), 100 * MILLISECOND)) == repr(
        node.handle(TimerFired("register"), 100 * MILLISECOND)
    )
