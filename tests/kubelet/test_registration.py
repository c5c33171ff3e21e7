"""How does a Node come into the API?"""

from __future__ import annotations

import pytest

from nodesim.kubelet.node_document import ATTACH_DETACH, allocatable_of, internal_ip, pod_ips
from nodesim.messages import Create, Patch
from nodesim.objects import decode_document
from nodesim.profiles import V1_24, V1_36
from nodesim.spec import NodeSpec
from nodesim.units import MILLISECOND, SECOND
from tests.kubelet.bench import Bench, FakeApi


def test_a_new_node_is_posted_after_100_ms_not_ready() -> None:
    """The first POST carries labels, taints, resources and conditions; Ready is False until its aftermath is over."""
    taints = ({"key": "k", "value": "v", "effect": "NoSchedule"},)
    bench = Bench(NodeSpec(name="n1", labels={"topology.kubernetes.io/zone": "a"}, taints=taints))
    bench.run(150 * MILLISECOND)
    [(at_us, request)] = bench.requests(Create, "nodes")
    assert at_us == 100 * MILLISECOND
    node = decode_document(request.document)
    assert node["metadata"]["labels"] == {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": "n1",
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": "a",
    }
    assert node["spec"]["taints"] == list(taints)
    assert node["status"]["capacity"] == {"cpu": "4", "memory": "16Gi", "pods": "110"}
    conditions = node["status"]["conditions"]
    assert [item["type"] for item in conditions] == ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]
    assert conditions[-1]["status"] == "False"
    assert conditions[-1]["reason"] == "KubeletNotReady"
    assert node["status"]["nodeInfo"]["kubeletVersion"] == V1_36.kubelet_version


def test_attempts_come_after_growing_pauses() -> None:
    """100 ms before the first attempt, doubling, 7 s at most, for ever."""
    api = FakeApi()
    api.refuse["create", "nodes"] = [500] * 10
    bench = Bench(api=api)
    bench.run(60 * SECOND)
    times = [t for t, _ in bench.requests(Create, "nodes")]
    answered = [0, *(t + 2 * MILLISECOND for t in times)]
    pauses = [t - before for t, before in zip(times, answered)]
    assert [pause // MILLISECOND for pause in pauses] == [100, 200, 400, 800, 1600, 3200, 6400, 7000, 7000, 7000, 7000]
    assert not [t for t, _ in bench.requests(Patch, "nodes") if t < times[-1]]


def test_an_existing_node_gets_its_default_labels_back_and_nothing_else() -> None:
    """409: GET, and one patch of default labels and the attach-detach annotation; taints and own labels stay."""
    first = Bench()
    first.run(SECOND)
    node = first.api.objects["nodes", "n1"]
    node["metadata"]["labels"] = {"kubernetes.io/hostname": "other", "mine": "1"}
    del node["metadata"]["annotations"]
    spec = NodeSpec(name="n1", labels={"own": "x"}, taints=({"key": "k", "effect": "NoSchedule"},))
    bench = Bench(spec, api=first.api, start_us=SECOND)
    bench.run(SECOND + 105 * MILLISECOND)
    assert [step for _, step in bench.steps("register")] == ["post", "get", "patch"]
    metadata = bench.api.objects["nodes", "n1"]["metadata"]
    assert metadata["labels"]["kubernetes.io/hostname"] == "n1"
    assert metadata["labels"]["mine"] == "1"
    assert "own" not in metadata["labels"]
    assert metadata["annotations"] == {ATTACH_DETACH: "true"}
    assert "taints" not in bench.api.objects["nodes", "n1"]["spec"]


def test_a_node_that_is_right_is_not_patched_by_the_registration() -> None:
    """Nothing differs: POST 409, GET, done; and Ready stays True through the restart."""
    first = Bench()
    first.run(SECOND)
    bench = Bench(api=first.api, start_us=2 * SECOND)
    bench.run(3 * SECOND)
    assert [step for _, step in bench.steps("register")] == ["post", "get"]
    ready = bench.api.objects["nodes", "n1"]["status"]["conditions"][-1]
    assert (ready["status"], ready["lastTransitionTime"]) == ("True", 0)


@pytest.mark.parametrize(("profile", "steps"), [(V1_36, ["post", "get"]), (V1_24, ["post", "post"])])
def test_a_forbidden_post_falls_back_to_get_from_1_32_on(profile: object, steps: list[str]) -> None:
    """403: the node may exist (1.32 and later); before, only the next attempt."""
    first = Bench()
    first.run(SECOND)
    first.api.refuse["create", "nodes"] = [403]
    assert profile in (V1_24, V1_36)
    bench = Bench(api=first.api, start_us=SECOND, profile=V1_24 if profile is V1_24 else V1_36)
    bench.run(2 * SECOND)
    assert [step for _, step in bench.steps("register")][:2] == steps


def test_a_deleted_node_is_not_made_again_by_the_same_process() -> None:
    """Registration happens once per process."""
    bench = Bench()
    bench.run(SECOND)
    bench.api.drop("nodes", "n1")
    bench.run(120 * SECOND)
    assert len(bench.requests(Create, "nodes")) == 1
    assert ("nodes", "n1") not in bench.api.objects


ALLOCATABLE = [
    ({"cpu": "4", "memory": "16Gi", "pods": "110"}, {"cpu": "4", "memory": "16284Mi", "pods": "110"}),
    ({"ephemeral-storage": "100Gi"}, {"ephemeral-storage": str(100 * 2**30 - 10737418400)}),
    ({"memory": "50Mi"}, {"memory": "0"}),
    ({"memory": "1Gi", "hugepages-2Mi": "512Mi"}, {"memory": "412Mi", "hugepages-2Mi": "512Mi"}),
]


@pytest.mark.parametrize(("capacity", "allocatable"), ALLOCATABLE)
def test_allocatable_is_capacity_less_the_eviction_thresholds(
    capacity: dict[str, str], allocatable: dict[str, str]
) -> None:
    """100 Mi of memory, 10 % of the disk with a float32's excess, huge pages out of memory."""
    assert allocatable_of(capacity) == allocatable


def test_nodes_of_one_template_never_share_an_address() -> None:
    """Names that differ in their number have different node and pod addresses."""
    names = [f"worker-{n}" for n in range(3000)]
    assert len({internal_ip(name) for name in names}) == len(names)
    assert len({pod_ips(name, 1) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("number", "cidrs", "addresses"),
    [
        (1, ["10.244.3.0/24"], ("10.244.3.2",)),
        (253, ["10.244.3.0/24"], ("10.244.3.254",)),
        (254, ["10.244.3.0/24"], ("10.244.3.2",)),
        (2, ["10.244.3.0/24", "fd00:0:0:3::/64"], ("10.244.3.3", "fd00:0:0:3::3")),
        (5, ["10.0.0.4/30"], ("10.0.0.6",)),
        (5, ["10.0.0.9/32"], ("10.0.0.9",)),
    ],
)
def test_a_pod_has_an_address_of_each_of_its_nodes_blocks(
    number: int, cidrs: list[str], addresses: tuple[str, ...]
) -> None:
    """One behind the other, from the first behind the bridge's; then they are used again."""
    assert pod_ips("n1", number, cidrs) == addresses
