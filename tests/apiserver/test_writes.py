"""Which writes the server takes, and what it says to the others."""

from __future__ import annotations

import pytest

from nodesim.apiserver.store import generated_name
from nodesim.messages import Bind, Delete, Done, Patch
from nodesim.objects import Document, encode_document
from nodesim.objects.documents import DOCUMENT_BYTES_MAX
from nodesim.profiles import V1_24, V1_36, Profile
from nodesim.units import SECOND
from tests.apiserver.cluster import Cluster, changed, lease, node, pod, post, put, replica_set


def test_a_version_is_the_instant_of_its_write() -> None:
    """A resourceVersion is now_us * 1000, or the next number where that is taken; heartbeats do not move it."""
    cluster = Cluster()
    cluster.now_us = 7 * SECOND + 13
    made = [cluster.create("nodes", node(name))["metadata"] for name in ("a", "b")]
    assert [metadata["resourceVersion"] for metadata in made] == ["7000013000", "7000013001"]
    cluster.create("leases", lease())
    cluster.now_us = 8 * SECOND
    assert cluster.create("nodes", node("c"))["metadata"]["resourceVersion"] == "8000000000"


def test_the_server_owns_parts_of_the_metadata() -> None:
    """uid, creationTimestamp and the like cannot be chosen, neither on create nor on update."""
    cluster = Cluster()
    cluster.now_us = 3 * SECOND + 5
    wish = changed(node(), "metadata.creationTimestamp", 1)
    wish["metadata"] |= {"deletionTimestamp": 5, "uid": "mine"}
    metadata = cluster.create("nodes", wish)["metadata"]
    assert metadata["creationTimestamp"] == 3 * SECOND
    assert "deletionTimestamp" not in metadata
    assert len(metadata["uid"]) == 36 and metadata["uid"] != "mine"
    later = changed(node(), "metadata.creationTimestamp", 1)
    later["metadata"] |= {"deletionTimestamp": 5, "generation": 9}
    after = cluster.update("nodes", later)["metadata"]
    assert {**after, "resourceVersion": "", "labels": 0} == {**metadata, "resourceVersion": "", "labels": 0}


def test_an_object_created_again_has_another_uid() -> None:
    """The uids tell objects of one name apart, and are the same in every run."""
    uids = []
    for _ in range(2):
        cluster = Cluster()
        first = cluster.create("pods", pod())["metadata"]["uid"]
        cluster.delete_pod("p")
        cluster.now_us += 1
        uids.append((first, cluster.create("pods", pod())["metadata"]["uid"]))
    assert uids[0] == uids[1]
    assert uids[0][0] != uids[0][1]


def test_what_a_user_wrote_comes_back() -> None:
    """Fields that nothing here models stay as they are."""
    cluster = Cluster()
    cluster.create("pods", pod(hostAliases=[{"ip": "1.2.3.4", "hostnames": ["x"]}], weight=0.5, overhead={"cpu": "1"}))
    spec = cluster.get("pods", "p", "default")["spec"]
    assert spec["hostAliases"] == [{"ip": "1.2.3.4", "hostnames": ["x"]}]
    assert spec["weight"] == 0.5


def test_a_write_that_changes_nothing_is_none() -> None:
    """The same document again: 200 with the old version, no event, no record."""
    cluster = Cluster()
    made = cluster.create("nodes", node())
    watch = cluster.watch("nodes")
    cluster.now_us += SECOND
    assert cluster.update("nodes", made) == made
    assert cluster.patch("nodes", "n1", {"metadata": {"labels": {}}}) == made
    assert (cluster.heard(watch), cluster.records()) == ([], [])


def test_a_stale_version_conflicts() -> None:
    """PUT and PATCH with an old resourceVersion are 409 with Kubernetes' words; without one they go through."""
    cluster = Cluster()
    old = cluster.create("nodes", node("n"))
    cluster.patch("nodes", "n", {"spec": {"unschedulable": True}})
    message = (
        'Operation cannot be fulfilled on nodes "n": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    stale = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}, "spec": {"unschedulable": None}}
    for request in (put("nodes", old), Patch("nodes", "", "n", "", "merge", encode_document(stale))):
        failure = cluster.fails(request)
        assert (failure.code, failure.reason, failure.message) == (409, "Conflict", message)
    del old["metadata"]["resourceVersion"]
    assert "unschedulable" not in cluster.update("nodes", old)["spec"]
    stale["metadata"] = {"resourceVersion": cluster.get("nodes", "n")["metadata"]["resourceVersion"]}
    cluster.patch("nodes", "n", {**stale, "spec": {"unschedulable": True}})


def test_another_uid_conflicts() -> None:
    """PUT and PATCH that name another object's uid are 409, also where a PUT finds no object."""
    cluster = Cluster()
    made = cluster.create("nodes", node())
    uid = made["metadata"]["uid"]
    wrong = {"metadata": {"uid": "other"}}
    for resource, request in (
        ("nodes", put("nodes", changed(made, "metadata.uid", "other"))),
        ("nodes", Patch("nodes", "", "n1", "status", "strategic", encode_document(wrong))),
    ):
        assert cluster.fails(request).message == (
            f'Operation cannot be fulfilled on {resource} "n1": '
            f"Precondition failed: UID in precondition: other, UID in object meta: {uid}"
        )
    failure = cluster.fails(put("leases", changed(lease(), "metadata.uid", "gone")))
    assert (failure.code, failure.message) == (
        409,
        'Operation cannot be fulfilled on leases.coordination.k8s.io "n1": '
        "Precondition failed: UID in precondition: gone, UID in object meta: ",
    )


def test_a_lease_is_created_by_update_but_not_replaced_blindly() -> None:
    """PUT of a lease that does not exist makes it (201); one that does needs a resourceVersion (422)."""
    cluster = Cluster()
    answer = cluster.call(put("leases", lease()))
    assert isinstance(answer, Done)
    assert answer.code == 201
    failure = cluster.fails(put("leases", lease(renew_us=5)))
    assert (failure.code, failure.reason) == (422, "Invalid")
    assert "must be specified for an update" in failure.message
    assert cluster.fails(put("nodes", node())).code == 404


def test_names_are_generated() -> None:
    """A generateName gets five characters of Kubernetes' alphabet, others each time, the same in every run."""
    found = []
    for _ in range(2):
        cluster = Cluster()
        document = changed(pod(), "metadata.name", None)
        document["metadata"]["generateName"] = "web-"
        found.append([cluster.create("pods", document)["metadata"]["name"] for _ in range(3)])
    assert found[0] == found[1]
    assert len(set(found[0])) == 3
    for name in found[0]:
        assert name.startswith("web-") and len(name) == 9
        assert set(name[4:]) <= set("bcdfghjklmnpqrstvwxz2456789")


def test_a_document_cannot_grow_beyond_the_limit() -> None:
    """Patches that each fit are refused with 413 once their result would not; also a create by defaults."""
    cluster = Cluster()
    cluster.create("nodes", node())
    half = "x" * (DOCUMENT_BYTES_MAX * 2 // 3)
    cluster.patch("nodes", "n1", {"metadata": {"annotations": {"a": half}}})
    change = encode_document({"metadata": {"annotations": {"b": half}}})
    assert cluster.fails(Patch("nodes", "", "n1", "", "merge", change)).code == 413
    assert list(cluster.get("nodes", "n1")["metadata"]["annotations"]) == ["a"]
    filler = "x" * (DOCUMENT_BYTES_MAX - len(encode_document(changed(pod(), "spec.x", ""))) - 8)
    assert cluster.fails(post("pods", pod(x=filler))).code == 413
    assert cluster.gone("pods", "p", "default")


def test_an_object_at_the_limit_can_be_neither_bound_nor_marked() -> None:
    """413 also where it is the server that would add something; the object stays as it was."""
    cluster = Cluster()
    base = len(encode_document(cluster.create("pods", pod("base", x=""))))
    filler = "x" * (DOCUMENT_BYTES_MAX - base - 10)
    made = cluster.create("pods", pod(x=filler))
    for request in (Bind("default", "p", "", "n1"), Delete("pods", "default", "p", 0)):
        assert cluster.fails(request).code == 413
    assert cluster.get("pods", "p", "default") == made


def test_a_taken_name_is_not_generated() -> None:
    """Where the name is taken, the next one is tried."""
    cluster = Cluster()
    taken = generated_name("web-", (cluster.now_us + SECOND) * 1000)
    cluster.create("pods", pod(taken))
    cluster.now_us += SECOND
    document = changed(pod(), "metadata.name", None)
    document["metadata"]["generateName"] = "web-"
    assert cluster.create("pods", document)["metadata"]["name"] != taken


def test_a_brief_update_is_answered_with_its_version_only() -> None:
    """The document is stored, and not sent back."""
    cluster = Cluster()
    made = changed(cluster.create("nodes", node()), "status", None)
    answer = cluster.call(put("nodes", made, "status", brief=True))
    assert answer == Done(200, b"", "10000000001")
    made = cluster.get("nodes", "n1")
    del made["status"]
    assert cluster.update("nodes", made, "status")["metadata"]["resourceVersion"] == "10000000002"
    assert "status" not in cluster.get("nodes", "n1")


def test_a_patch_may_take_the_version_away() -> None:
    """A null resourceVersion is no precondition, also not for leases, which need one in a PUT."""
    cluster = Cluster()
    cluster.create("leases", lease())
    change = {"metadata": {"resourceVersion": None, "uid": None}, "spec": {"renewTime": 7}}
    assert cluster.patch("leases", "n1", change, "kube-node-lease")["spec"]["renewTime"] == 7


def test_main_and_status_are_written_apart() -> None:
    """The main resource keeps status; a status write keeps all else, but of a node may set labels and annotations."""
    cluster = Cluster()
    made = cluster.create("nodes", node())
    wish = changed(made, "status.phase", "Odd")
    wish["metadata"] = {"name": "n1", "labels": {"zone": "a"}, "annotations": {"x": "y"}}
    wish["spec"] = {"unschedulable": True}
    after = cluster.update("nodes", wish, "status")
    assert after["spec"] == made["spec"]
    assert after["status"]["phase"] == "Odd"
    assert after["metadata"]["labels"] == {"zone": "a"}
    assert after["metadata"]["annotations"] == {"x": "y"}
    main = cluster.update("nodes", {"metadata": {"name": "n1"}, "spec": {}, "status": {"phase": "Other"}})
    assert (main["status"], "labels" in main["metadata"]) == (after["status"], False)


def test_a_pods_status_write_changes_only_its_status() -> None:
    """Labels and spec stay, and so does the quality-of-service class."""
    cluster = Cluster()
    made = cluster.create("pods", pod())
    change = {"metadata": {"labels": {"a": "b"}}, "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}}
    after = cluster.patch("pods", "p", change, "default", "status")
    assert after["status"] == {"phase": "Running", "qosClass": "BestEffort"}
    assert (after["metadata"]["labels"], after["spec"]) == (made["metadata"]["labels"], made["spec"])


def test_generation_follows_a_replica_sets_spec() -> None:
    """1 at first, raised by a change of spec, not by labels or status; nodes have none."""
    cluster = Cluster()
    made = cluster.create("replicasets", replica_set())
    generations = [made["metadata"]["generation"]]
    for change, subresource in (
        ({"spec": {"replicas": 3}}, ""),
        ({"metadata": {"labels": {"a": "b"}}}, ""),
        ({"status": {"replicas": 3}}, "status"),
        ({"spec": {"replicas": 4}}, ""),
    ):
        after = cluster.patch("replicasets", "web", change, "default", subresource, "merge")
        generations.append(after["metadata"]["generation"])
    assert generations == [1, 2, 2, 2, 3]
    assert "generation" not in cluster.create("nodes", node())["metadata"]


@pytest.mark.parametrize(
    ("resource", "name", "change", "message"),
    [
        ("pods", "p", {"spec": {"nodeName": "n2"}}, "pod updates may not change fields other than"),
        ("pods", "p", {"spec": {"containers": [{"name": "d"}]}}, "pod updates may not change fields other than"),
        ("pods", "p", {"spec": {"tolerations": [{"key": "x"}]}}, "existing toleration can not be modified"),
        (
            "nodes",
            "n1",
            {"spec": {"podCIDRs": ["10.0.1.0/24"]}},
            "spec.podCIDRs: Forbidden: node updates may not change podCIDR ",
        ),
        ("nodes", "n1", {"metadata": {"labels": {"?": ""}}}, "not a qualified name"),
        ("nodes", "n1", {"spec": {"taints": [{"key": "", "effect": "NoExecute"}]}}, "metadata.taints[0].key"),
        ("replicasets", "web", {"spec": {"selector": {"matchLabels": {"app": None, "b": "c"}}}}, "spec.selector"),
    ],
)
def test_some_fields_stay_as_they_are(resource: str, name: str, change: Document, message: str) -> None:
    """422 for a change that Kubernetes does not allow."""
    cluster = Cluster()
    cluster.create("pods", pod(tolerations=[{"key": "mine", "operator": "Exists"}]))
    cluster.create("nodes", node(podCIDRs=["10.0.0.0/24"]))
    labels = {"app": "web", "b": "c"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c"}]}}
    cluster.create("replicasets", replica_set(template=template))
    namespace = "" if resource == "nodes" else "default"
    failure = cluster.fails(Patch(resource, namespace, name, "", "strategic", encode_document(change)))
    assert failure.code == 422
    assert message in failure.message


def test_a_pods_image_and_more_tolerations_may_change() -> None:
    """What kubectl set image and added tolerations do."""
    cluster = Cluster()
    made = cluster.create("pods", pod())
    more = [*made["spec"]["tolerations"], {"key": "x", "operator": "Exists"}]
    change = {"spec": {"containers": [{"name": "c", "image": "web:2"}], "tolerations": more}}
    after = cluster.patch("pods", "p", change, "default")["spec"]
    assert after["containers"] == [{"name": "c", "image": "web:2"}]
    assert after["tolerations"] == more


def test_no_finalizer_is_added_to_what_is_being_deleted() -> None:
    """422; those that are there may go."""
    cluster = Cluster()
    held = pod()
    held["metadata"]["finalizers"] = ["x/a", "x/b"]
    cluster.create("pods", held)
    cluster.delete_pod("p")
    change = encode_document({"metadata": {"finalizers": ["x/c"]}})
    assert "no new finalizers" in cluster.fails(Patch("pods", "default", "p", "", "strategic", change)).message
    cluster.patch("pods", "p", {"metadata": {"finalizers": ["x/a"]}}, "default", style="merge")
    assert cluster.get("pods", "p", "default")["metadata"]["finalizers"] == ["x/a"]


def test_binding_sets_node_and_condition() -> None:
    """201; nodeName and PodScheduled=True in whole seconds, also where the scheduler had written False before."""
    cluster = Cluster()
    cluster.create("pods", pod())
    waiting = [{"type": "PodScheduled", "status": "False"}, {"type": "Other", "status": "True"}]
    cluster.patch("pods", "p", {"status": {"conditions": waiting}}, "default", "status")
    cluster.now_us = 12 * SECOND + 7
    answer = cluster.call(Bind("default", "p", "", "nowhere"))
    assert isinstance(answer, Done)
    assert answer.code == 201
    bound = cluster.get("pods", "p", "default")
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": 12 * SECOND}
    assert bound["spec"]["nodeName"] == "nowhere"
    assert bound["status"]["conditions"] == [scheduled, waiting[1]]
    assert bound["metadata"]["generation"] == 1


@pytest.mark.parametrize("profile", [V1_24, V1_36], ids=lambda profile: profile.name)
def test_binding_clears_the_nomination_from_1_35_on(profile: Profile) -> None:
    """Where preemption had named a node for the pod; before, the name stays behind."""
    cluster = Cluster(profile=profile)
    cluster.create("pods", pod())
    cluster.patch("pods", "p", {"status": {"nominatedNodeName": "n1"}}, "default", "status")
    cluster.bind("p", "n1")
    status = cluster.get("pods", "p", "default")["status"]
    assert status.get("nominatedNodeName", "") == ("" if profile.binding_clears_nomination else "n1")


def test_a_pod_is_bound_once_and_not_while_it_goes() -> None:
    """409 for a bound pod, one being deleted, another uid; 422 without a node."""
    cluster = Cluster()
    held = pod("held")
    held["metadata"]["finalizers"] = ["x/hold"]
    for document in (pod("a"), held):
        cluster.create("pods", document)
    assert "UID in precondition: other" in cluster.fails(Bind("default", "a", "other", "n1")).message
    assert cluster.fails(Bind("default", "a", "", "")).code == 422
    cluster.bind("a", "n1")
    cluster.delete_pod("held")
    for name, why in (("a", 'already assigned to node "n1"'), ("held", "is being deleted")):
        failure = cluster.fails(Bind("default", name, "", "n2"))
        assert (failure.code, failure.reason) == (409, "Conflict")
        assert why in failure.message


def test_lists_are_in_the_order_of_names_and_selected() -> None:
    """By namespace and name, whatever the order of creation; by node, by name, by labels, by what is not."""
    cluster = Cluster()
    for name, namespace in (("b", "default"), ("c", "default"), ("a", "kube-system")):
        cluster.create("pods", changed(pod(name), "metadata.namespace", namespace))
    cluster.bind("c", "n1")
    cluster.bind("a", "n1", "kube-system")
    cluster.patch("pods", "b", {"metadata": {"labels": {"tier": "db"}}}, "default")

    def names(namespace: str = "", fields: str = "", labels: str = "") -> str:
        return "".join(item["metadata"]["name"] for item in cluster.listed("pods", namespace, fields, labels))

    assert names() == "bca"
    assert names("default") == "bc"
    assert names(fields="spec.nodeName=n1") == "ca"
    assert names("default", "spec.nodeName=n1,metadata.name=c") == "c"
    assert names("default", "metadata.name=c,spec.nodeName=") == ""
    assert names("default", "metadata.name=gone") == ""
    assert names(fields="metadata.name=a") == "a"
    assert names(fields="spec.nodeName!=n1,status.phase==Pending") == "b"
    assert names(labels="tier!=db") == "ca"
    assert names(fields="spec.nodeName=n7") == ""


def test_absent_booleans_are_false_in_selectors() -> None:
    """spec.unschedulable=false finds nodes that do not say so."""
    cluster = Cluster()
    cluster.create("nodes", node("a"))
    cluster.create("nodes", node("b", unschedulable=True))
    cluster.create("nodes", node("c", unschedulable=False))
    cluster.patch("nodes", "c", {"spec": None})
    for text, names in (("false", ["a", "c"]), ("true", ["b"])):
        found = cluster.listed("nodes", fields=f"spec.unschedulable={text}")
        assert [item["metadata"]["name"] for item in found] == names
