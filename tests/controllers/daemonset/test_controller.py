"""What a DaemonSet does, with the real API server; the hand plays the nodes, the scheduler and the kubelets."""

from __future__ import annotations

from typing import Any

from nodesim.controllers.daemonset import DaemonSetController
from nodesim.messages import Create, Delete, Failure, Patch, Update
from nodesim.objects import Document, decode_document, encode_document
from nodesim.profiles import V1_24, V1_36, Profile, Settings
from tests.controllers.workload.bench import Bench, workload

BROKEN = Failure(500, "InternalError", "it is broken")
COUNTS = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberMisscheduled")


def bench(nodes: int = 3, profile: Profile = V1_36) -> Bench:
    """A DaemonSet controller and nodes."""
    cluster = Bench(profile, daemonset_controller=DaemonSetController(Settings.of(profile), profile))
    for number in range(1, nodes + 1):
        add_node(cluster, f"n{number}")
    cluster.run(0.1)
    return cluster


def add_node(cluster: Bench, name: str) -> None:
    """A node without taints."""
    document = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {}}
    cluster.do(Create("nodes", "", encode_document(document)))
    taint(cluster, name)


def taint(cluster: Bench, name: str, *taints: str) -> None:
    """Its taints are these, `key:effect`."""
    listed = [dict(zip(("key", "effect"), each.split(":"), strict=True)) for each in taints]
    cluster.do(Patch("nodes", "", name, "", "merge", encode_document({"spec": {"taints": listed}})))


def made(nodes: int = 3, profile: Profile = V1_36, **spec: Any) -> Bench:
    """A DaemonSet `web` that was just created."""
    cluster = bench(nodes, profile)
    cluster.create(workload("DaemonSet", **spec))
    cluster.run(0.1)
    return cluster


def running(nodes: int = 3, profile: Profile = V1_36, **spec: Any) -> Bench:
    """A DaemonSet `web` whose pods all run."""
    cluster = made(nodes, profile, **spec)
    settle(cluster)
    cluster.requests.clear()
    return cluster


def settle(cluster: Bench, rounds: int = 8) -> None:
    """Pods are bound and started, and those that are to go stop."""
    for _ in range(rounds):
        start_all(cluster)
        cluster.finish_all()
        cluster.run(0.1)


def start_all(cluster: Bench, *, ready: bool = True) -> None:
    """Every pod that waits runs on the node to which it is pinned."""
    for pod in cluster.listed("pods"):
        if pod["metadata"].get("deletionTimestamp") is None and pod["status"]["phase"] == "Pending":
            cluster.start(pod["metadata"]["name"], pinned(pod), ready=ready)


def pinned(pod: Document) -> str:
    """The node that a pod's affinity names."""
    required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    name: str = required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]
    return name


def places(cluster: Bench) -> list[str]:
    """The nodes of all pods, in order."""
    return sorted(pinned(pod) for pod in cluster.listed("pods"))


def on(cluster: Bench, node: str) -> str:
    """The name of a node's pod."""
    (name,) = [pod["metadata"]["name"] for pod in cluster.listed("pods") if pinned(pod) == node]
    return str(name)


def status(cluster: Bench) -> list[int]:
    """Desired, current, ready, misscheduled."""
    found = cluster.get("daemonsets", "web")["status"]
    return [found[name] for name in COUNTS]


def images(cluster: Bench) -> list[str]:
    """The images, by node."""
    pods = sorted(cluster.listed("pods"), key=pinned)
    return [pod["spec"]["containers"][0]["image"] for pod in pods]


def test_a_pod_for_each_node_as_recorded() -> None:
    """One, then two; each is told; the first status already counts the pods that the cache showed by then."""
    cluster = made()
    assert places(cluster) == ["n1", "n2", "n3"]
    at = [now for now, _, item in cluster.requests if isinstance(item, Create) and item.resource == "pods"]
    assert [at.count(now) for now in dict.fromkeys(at)] == [1, 2]
    told = [(reason, message) for _, reason, message in cluster.events()]
    assert sorted(told) == [("SuccessfulCreate", f"Created pod: {name}") for name in cluster.names()]
    start_all(cluster)
    cluster.run(0.1)
    puts = [decode_document(put.document)["status"] for put in cluster.made(Update, "daemonsets")]
    assert puts[0]["observedGeneration"] == 1
    assert puts[0]["desiredNumberScheduled"] == 3
    assert puts[0]["numberUnavailable"] == 3
    assert puts[-1] == {
        "currentNumberScheduled": 3,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 3,
        "numberReady": 3,
        "observedGeneration": 1,
        "updatedNumberScheduled": 3,
        "numberAvailable": 3,
    }
    revision = cluster.listed("controllerrevisions")[0]
    pod = cluster.listed("pods")[0]
    word = revision["metadata"]["labels"]["controller-revision-hash"]
    assert revision["metadata"]["name"] == f"web-{word}"
    assert pod["metadata"]["labels"] == {
        "app": "web",
        "controller-revision-hash": word,
        "pod-template-generation": "1",
    }


def test_nodes_come_and_go() -> None:
    """A new node gets its pod; a tainted one only when the taint goes."""
    cluster = running(1)
    add_node(cluster, "n2")
    cluster.run(0.1)
    assert places(cluster) == ["n1", "n2"]
    document = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n3"}}
    cluster.do(Create("nodes", "", encode_document(document)))  # Admission taints it not-ready:NoSchedule.
    cluster.run(0.1)
    assert places(cluster) == ["n1", "n2"]
    taint(cluster, "n3")
    cluster.run(0.1)
    assert places(cluster) == ["n1", "n2", "n3"]


def test_a_node_out_of_reach_keeps_its_pod_and_is_not_counted() -> None:
    """As recorded: with NoSchedule desired drops and misscheduled rises, with NoExecute nothing more happens."""
    cluster = running()
    assert status(cluster) == [3, 3, 3, 0]
    taint(cluster, "n2", "node.kubernetes.io/unreachable:NoSchedule")
    cluster.run(0.1)
    assert status(cluster) == [2, 2, 2, 1]
    both = ("node.kubernetes.io/unreachable:NoSchedule", "node.kubernetes.io/unreachable:NoExecute")
    taint(cluster, "n2", *both)
    cluster.run(600)
    assert status(cluster) == [2, 2, 2, 1]
    assert cluster.made(Delete, "pods") == []
    taint(cluster, "n2")
    cluster.run(0.1)
    assert status(cluster) == [3, 3, 3, 0]


def test_a_foreign_no_execute_taint_takes_the_pod_away() -> None:
    """And its going takes the place of a new one until the taint is gone, too."""
    cluster = running()
    name = on(cluster, "n2")
    taint(cluster, "n2", "foreign:NoExecute")
    cluster.run(0.1)
    assert [item.name for item in cluster.made(Delete, "pods")] == [name]
    assert ("Normal", "SuccessfulDelete", f"Deleted pod: {name}") in cluster.events()
    taint(cluster, "n2")
    cluster.run(60)
    assert cluster.made(Create, "pods") == []
    cluster.finish(name)
    cluster.run(0.1)
    assert on(cluster, "n2") != name


def test_a_rolling_update_goes_from_node_to_node() -> None:
    """One at a time; the next one when the last new pod is ready; old revisions stay in the history."""
    cluster = running()
    cluster.image("daemonsets", "b")
    cluster.run(0.1)
    assert len(cluster.made(Delete, "pods")) == 1
    cluster.finish_all()
    cluster.run(0.1)
    start_all(cluster, ready=False)
    cluster.run(60)
    assert images(cluster) == ["b", "a", "a"]
    assert len(cluster.made(Delete, "pods")) == 1
    cluster.start(on(cluster, "n1"))
    settle(cluster)
    assert images(cluster) == ["b", "b", "b"]
    assert [item["revision"] for item in cluster.listed("controllerrevisions")] in ([1, 2], [2, 1])
    assert cluster.get("daemonsets", "web")["status"]["updatedNumberScheduled"] == 3


def test_a_pod_is_available_after_min_ready_seconds() -> None:
    """So the next one waits for it; nothing but time has to pass."""
    cluster = running(2, minReadySeconds=10)
    cluster.run(15)
    assert cluster.get("daemonsets", "web")["status"]["numberAvailable"] == 2
    cluster.image("daemonsets", "b")
    settle(cluster, 3)
    assert images(cluster) == ["b", "a"]
    cluster.run(12)
    settle(cluster, 3)
    assert images(cluster) == ["b", "b"]


def test_surge_makes_the_new_pod_first() -> None:
    """Both run on the node until the new one is available."""
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    cluster = running(2, updateStrategy=strategy)
    cluster.image("daemonsets", "b")
    cluster.run(0.1)
    assert places(cluster) == ["n1", "n1", "n2"]
    assert cluster.made(Delete, "pods") == []
    settle(cluster)
    assert images(cluster) == ["b", "b"]


def test_on_delete_waits_for_a_person() -> None:
    """Only what somebody deletes comes back with the new template."""
    cluster = running(2, updateStrategy={"type": "OnDelete"})
    cluster.image("daemonsets", "b")
    cluster.run(60)
    assert images(cluster) == ["a", "a"]
    cluster.delete("pods", on(cluster, "n1"))
    settle(cluster)
    assert images(cluster) == ["b", "a"]


def test_a_template_that_comes_back_gets_its_revision_back() -> None:
    """With a new number; beyond revisionHistoryLimit old ones are forgotten."""
    cluster = running(1, revisionHistoryLimit=1)
    for name in ("b", "a", "c", "d"):
        cluster.image("daemonsets", name)
        settle(cluster)
    revisions = cluster.listed("controllerrevisions")
    found = {item["data"]["spec"]["template"]["spec"]["containers"][0]["image"]: item["revision"] for item in revisions}
    assert found == {"c": 4, "d": 5}


def test_failed_pods_are_replaced_ever_more_slowly() -> None:
    """Deleted at once, then after a second, two, ...; each time with an event."""
    cluster = running(1)
    times = []
    for _ in range(4):
        name = on(cluster, "n1")
        cluster.start(name, phase="Failed", ready=False)
        began_us = cluster.now_us
        cluster.run(10)
        (at_us,) = [now for now, _, item in cluster.requests if isinstance(item, Delete) and item.name == name]
        times.append((at_us - began_us) // 1_000_000)
        text = f"Found failed daemon pod default/{name} on node n1, will try to kill it"
        assert ("Warning", "FailedDaemonPod", text) in cluster.events()
        cluster.run(0.1)
    assert times == [0, 0, 0, 0]  # Ten seconds apart, so each pause is over.
    cluster.start(on(cluster, "n1"), phase="Failed", ready=False)
    cluster.run(0.1)
    name = on(cluster, "n1")
    cluster.start(name, phase="Failed", ready=False)
    cluster.run(14)
    assert on(cluster, "n1") == name
    cluster.run(3)
    assert on(cluster, "n1") != name  # The pause is 16 s by now.


def test_a_creation_that_fails_is_told_and_tried_again() -> None:
    """The first failure stops the batch; from 1.26 the status is written all the same."""
    for profile, second in ((V1_24, "Create"), (V1_36, "Update")):
        cluster = bench(3, profile)
        cluster.refused.append((Create, "pods", BROKEN))
        cluster.create(workload("DaemonSet"))
        cluster.run(1)
        kinds = (type(item).__name__ for _, _, item in cluster.requests if item.resource in ("pods", "daemonsets"))
        assert list(kinds)[1] == second
        assert ("Warning", "FailedCreate", "Error creating: it is broken") in cluster.events()
        assert places(cluster) == ["n1", "n2", "n3"]


def test_a_status_write_that_fails_is_made_on_the_fresh_object() -> None:
    """Once; then the sync is tried again."""
    cluster = running(1)
    cluster.refused.append((Update, "daemonsets", BROKEN))
    add_node(cluster, "n2")
    cluster.run(1)
    assert status(cluster) == [2, 2, 1, 0]


def test_pods_without_a_controller_are_adopted() -> None:
    """Where they match; it is then its node's pod."""
    cluster = bench(1)
    lonely = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "lonely", "namespace": "default", "labels": {"app": "web"}},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "a"}]},
    }
    cluster.create(lonely)
    cluster.create(workload("DaemonSet"))
    cluster.run(0.1)
    assert cluster.names() == ["lonely"]
    assert cluster.get("pods", "lonely")["metadata"]["ownerReferences"][0]["kind"] == "DaemonSet"


def test_a_set_that_goes_does_nothing_more() -> None:
    """Its pods are the garbage collector's."""
    cluster = running(1)
    cluster.do(Delete("daemonsets", "default", "web", propagation="Foreground"))
    cluster.run(0.1)
    add_node(cluster, "n2")
    cluster.run(10)
    assert cluster.made(Create, "pods") == []


def test_a_restart_finds_everything_again() -> None:
    """A fresh process makes no second pod."""
    cluster = running()
    cluster.restart("daemonset-controller", DaemonSetController(Settings.of(V1_36), V1_36))
    cluster.run(10)
    assert cluster.made(Create, "pods") == []
    assert places(cluster) == ["n1", "n2", "n3"]
