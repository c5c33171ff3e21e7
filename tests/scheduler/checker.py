"""All filters once more, plainly: from documents, by walking over everything, without a word of the scheduler's code.

`why_not(pod, node, cluster)` names the first filter that refuses, "" where none does.
"""

from __future__ import annotations

from typing import Any

import attrs

Document = dict[str, Any]


@attrs.define
class Cluster:
    """Documents by name; a pod counts on the node that its spec names."""

    nodes: dict[str, Document]
    pods: dict[str, Document]

    def on(self, node: str) -> list[Document]:
        """The pods on a node."""
        return [pod for pod in self.pods.values() if pod["spec"].get("nodeName") == node]

    def without(self, names: list[str]) -> Cluster:
        """The cluster if these pods were gone."""
        return Cluster(self.nodes, {name: pod for name, pod in self.pods.items() if name not in names})

    def with_pod(self, pod: Document, node: str) -> Cluster:
        """The cluster if this pod were on a node."""
        there = {**pod, "spec": {**pod["spec"], "nodeName": node}}
        return Cluster(self.nodes, {**self.pods, pod["metadata"]["name"]: there})


def thousandths(text: str) -> int:
    """The quantities that these tests use, in thousandths."""
    for suffix, scale in (("Gi", 1000 << 30), ("Mi", 1000 << 20), ("m", 1)):
        if text.endswith(suffix):
            return int(text.removesuffix(suffix)) * scale
    return int(text) * 1000


def asks(pod: Document, resource: str) -> int:
    """What the pod's containers request, in thousandths."""
    return sum(thousandths(item["resources"]["requests"].get(resource, "0")) for item in pod["spec"]["containers"])


def tolerated(taint: Document, pod: Document) -> bool:
    """Is there a toleration for the taint?"""
    for item in pod["spec"].get("tolerations", ()):
        same_effect = item.get("effect", taint["effect"]) == taint["effect"]
        same_key = item.get("key", taint["key"]) == taint["key"]
        same_value = item.get("operator") == "Exists" or item.get("value", "") == taint.get("value", "")
        if same_effect and same_key and same_value:
            return True
    return False


def kept_out_by_taint(pod: Document, node: Document) -> bool:
    """Some taint that keeps pods out is not tolerated."""
    hard = [taint for taint in node["spec"]["taints"] if taint["effect"] in ("NoSchedule", "NoExecute")]
    return not all(tolerated(taint, pod) for taint in hard)


def expression_met(item: Document, labels: dict[str, str]) -> bool:
    """One expression against labels; the tests use four operators."""
    key, values = item["key"], item.get("values", [])
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[item["operator"]]


def selected(selector: Document | None, labels: dict[str, str]) -> bool:
    """A label selector; none selects nothing, an empty one everything."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels", {})
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        expression_met(item, labels) for item in selector.get("matchExpressions", ())
    )


def affinity_met(pod: Document, node: Document) -> bool:
    """nodeSelector, and one term of the required node affinity where there is any."""
    labels, spec = node["metadata"]["labels"], pod["spec"]
    if any(labels.get(key) != value for key, value in spec.get("nodeSelector", {}).items()):
        return False
    required = spec.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    for term in required["nodeSelectorTerms"]:
        expressions, fields = term.get("matchExpressions", []), term.get("matchFields", [])
        name = {"metadata.name": node["metadata"]["name"]}
        met = [expression_met(item, labels) for item in expressions] + [expression_met(item, name) for item in fields]
        if met and all(met):
            return True
    return False


def host_ports(pod: Document) -> set[int]:
    """The ports of its node that a pod uses."""
    return {port["hostPort"] for item in pod["spec"]["containers"] for port in item.get("ports", ())}


def ports_free(pod: Document, there: list[Document]) -> bool:
    """No host port twice on a node."""
    wanted = host_ports(pod)
    used = {port for other in there for port in host_ports(other)}
    return not wanted & used


def room_left(pod: Document, node: Document, there: list[Document]) -> bool:
    """A place, and of each resource that the pod asks for what all pods together ask for."""
    have = node["status"]["allocatable"]
    if len(there) + 1 > int(have["pods"]):
        return False
    return all(
        not asks(pod, name) or sum(asks(item, name) for item in (*there, pod)) <= thousandths(have[name])
        for name in ("cpu", "memory")
    )


def evenly_spread(pod: Document, node: Document, cluster: Cluster) -> bool:
    """Every required constraint: with the pod its domain has at most maxSkew more than the emptiest one."""
    hard = [
        item
        for item in pod["spec"].get("topologySpreadConstraints", ())
        if item["whenUnsatisfiable"] == "DoNotSchedule"
    ]
    keys = [item["topologyKey"] for item in hard]
    if any(key not in node["metadata"]["labels"] for key in keys):
        return False
    for item in hard:
        counts: dict[str, int] = {}
        for name, other in cluster.nodes.items():
            labels = other["metadata"]["labels"]
            if any(key not in labels for key in keys) or not affinity_met(pod, other):
                continue
            if item.get("nodeTaintsPolicy") == "Honor" and kept_out_by_taint(pod, other):
                continue
            counts.setdefault(labels[item["topologyKey"]], 0)
            for neighbour in cluster.on(name):
                stays = neighbour["metadata"].get("deletionTimestamp") is None
                if stays and selected(item["labelSelector"], neighbour["metadata"]["labels"]):
                    counts[labels[item["topologyKey"]]] += 1
        emptiest = 0 if len(counts) < item.get("minDomains", 1) else min(counts.values(), default=0)
        here = counts.get(node["metadata"]["labels"][item["topologyKey"]], 0)
        itself = 1 if selected(item["labelSelector"], pod["metadata"]["labels"]) else 0
        if here + itself - emptiest > item["maxSkew"]:
            return False
    return True


def terms_of(pod: Document, kind: str) -> list[Document]:
    """The required terms of `podAffinity` or `podAntiAffinity`."""
    found = pod["spec"].get("affinity", {}).get(kind, {})
    return list(found.get("requiredDuringSchedulingIgnoredDuringExecution", ()))


def means(term: Document, other: Document) -> bool:
    """The term's selector means the other pod (all pods of these tests are in one namespace)."""
    return selected(term["labelSelector"], other["metadata"]["labels"])


def same_domain(term: Document, one: Document, two: Document) -> bool:
    """Two nodes have the same value of the topology key."""
    key = term["topologyKey"]
    one_labels, two_labels = one["metadata"]["labels"], two["metadata"]["labels"]
    return key in one_labels and one_labels[key] == two_labels.get(key)


def company_suits(pod: Document, node: Document, cluster: Cluster) -> bool:
    """Affinity, anti-affinity, and the anti-affinity of those who are there."""
    placed = [
        (other, cluster.nodes[other["spec"]["nodeName"]])
        for other in cluster.pods.values()
        if other["spec"].get("nodeName") in cluster.nodes
    ]
    near, far = terms_of(pod, "podAffinity"), terms_of(pod, "podAntiAffinity")
    if any(term["topologyKey"] not in node["metadata"]["labels"] for term in near):
        return False
    companions = [(other, where) for other, where in placed if near and all(means(term, other) for term in near)]
    if near and not all(any(same_domain(term, node, where) for _, where in companions) for term in near):
        somewhere = any(term["topologyKey"] in where["metadata"]["labels"] for _, where in companions for term in near)
        if somewhere or not all(means(term, pod) for term in near):
            return False
    if any(means(term, other) and same_domain(term, node, where) for term in far for other, where in placed):
        return False
    return not any(
        means(term, pod) and same_domain(term, node, where)
        for other, where in placed
        for term in terms_of(other, "podAntiAffinity")
    )


def why_not(pod: Document, node: Document, cluster: Cluster) -> str:
    """The first filter that refuses, in Kubernetes' order."""
    there = cluster.on(node["metadata"]["name"])
    cordon = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    if node["spec"].get("unschedulable") and not tolerated(cordon, pod):
        return "NodeUnschedulable"
    if kept_out_by_taint(pod, node):
        return "TaintToleration"
    if not affinity_met(pod, node):
        return "NodeAffinity"
    if not ports_free(pod, there):
        return "NodePorts"
    if not room_left(pod, node, there):
        return "NodeResourcesFit"
    if not evenly_spread(pod, node, cluster):
        return "PodTopologySpread"
    if not company_suits(pod, node, cluster):
        return "InterPodAffinity"
    return ""
