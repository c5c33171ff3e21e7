"""A node that runs one pod, and what became of it."""

from __future__ import annotations

from typing import Any

from nodesim.messages import Patch
from nodesim.objects import Document, decode_document
from nodesim.profiles import V1_36, Profile
from nodesim.spec import ContainerRule
from nodesim.units import SECOND
from tests.kubelet.bench import Bench, deleted, pod

BOUND_US = 20 * SECOND
NEVER_STOPS = (ContainerRule(stop_after_us=None),)


def running(profile: Profile = V1_36, rules: tuple[ContainerRule, ...] = (), **spec: Any) -> Bench:
    """A node that runs the pod `a` since about 20.3 s; the bench stands at 30 s."""
    bench = Bench(profile=profile, rules=rules)
    bench.run(BOUND_US)
    bench.api.put("pods", pod("a", **spec))
    bench.run(30 * SECOND)
    return bench


def ask_deletion(bench: Bench, grace: int = 30) -> None:
    """Somebody deletes pod `a`."""
    bench.api.put("pods", deleted(bench.api.objects["pods", "a"], bench.now_us, grace))


def status_of(bench: Bench, name: str = "a") -> Document:
    """The pod's status in the API."""
    status: Document = bench.api.objects["pods", name]["status"]
    return status


def stops(bench: Bench) -> list[tuple[int, int, str]]:
    """(time, exit code, why) of the stops."""
    return [(t, fields["exit_code"], fields["why"]) for t, _, fields in bench.kinds("ContainerStopped")]


def writes_of(bench: Bench) -> list[Document]:
    """What the kubelet wrote to pods."""
    return [decode_document(request.document) for _, request in bench.requests(Patch, "pods")]
