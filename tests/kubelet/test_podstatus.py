"""What does a pod's status say?"""

from __future__ import annotations

import pytest

from nodesim.kubelet.podstatus import PodFacts, pod_status, status_differs
from nodesim.kubelet.runtime import EXITED, RUNNING, STARTING, Container, Exit
from nodesim.objects import Document
from nodesim.spec import ContainerRule
from nodesim.units import SECOND
from tests.kubelet.bench import pod

RULE = ContainerRule()
LETTERS = {"s": STARTING, "r": RUNNING}


def container(name: str, what: str) -> Container:
    """`s` starting, `r` running, `R` running and ready, a digit: exited with that code."""
    if what in "01":
        end = Exit(0, int(what), "Error" if what == "1" else "Completed", 1 * SECOND, 2 * SECOND)
        return Container(name, RULE, state=EXITED, last=end)
    return Container(name, RULE, state=LETTERS[what.lower()], ready=what == "R", started_us=1 * SECOND)


def status(policy: str, containers: str, *, stopped: bool = False, before: Document | None = None) -> Document:
    """The status of a pod whose containers are as the letters say; `-` for one that the runtime does not know."""
    names = [f"c{place}" for place in range(len(containers))]
    spec = [{"name": name, "image": "i"} for name in names]
    known = {name: container(name, what) for name, what in zip(names, containers) if what != "-"}
    facts = PodFacts(
        containers=known,
        waiting={},
        host_ip="10.0.0.1",
        pod_ips=("10.1.0.1",),
        start_us=0,
        stopped=stopped,
        terminal_when_stopped=True,
        sandbox_condition=True,
    )
    return pod_status(pod("a", uid="u", restartPolicy=policy, containers=spec), before or {}, facts, 9 * SECOND)


PHASES = [
    ("Always", "-", False, "Pending"),
    ("Always", "s", False, "Pending"),
    ("Always", "rs", False, "Pending"),
    ("Always", "r", False, "Running"),
    ("Always", "r1", False, "Running"),
    ("Always", "11", False, "Running"),
    ("Always", "00", False, "Running"),
    ("OnFailure", "00", False, "Succeeded"),
    ("OnFailure", "01", False, "Running"),
    ("Never", "00", False, "Succeeded"),
    ("Never", "01", False, "Failed"),
    ("Never", "0r", False, "Running"),
    ("Always", "00", True, "Succeeded"),
    ("Always", "01", True, "Failed"),
    ("Always", "-", True, "Failed"),
]


@pytest.mark.parametrize(("policy", "containers", "stopped", "phase"), PHASES)
def test_the_phase_follows_from_containers_and_policy(policy: str, containers: str, stopped: bool, phase: str) -> None:
    """Pending until all ran, Running while one runs, then by policy; a stopped pod is always final."""
    assert status(policy, containers, stopped=stopped)["phase"] == phase


def test_a_pod_is_ready_when_all_its_containers_are() -> None:
    """The message names those that are not."""
    made = {item["type"]: item for item in status("Always", "RrR")["conditions"]}
    assert made["Ready"]["reason"] == "ContainersNotReady"
    assert made["Ready"]["message"] == "containers with unready status: [c1]"
    assert made["ContainersReady"]["status"] == "False"
    made = {item["type"]: item for item in status("Always", "RR")["conditions"]}
    assert made["Ready"] == {"type": "Ready", "status": "True", "lastTransitionTime": 9 * SECOND}


def test_transition_times_go_on_while_the_status_stays() -> None:
    """Only a condition that changed gets the present second."""
    old = {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": 3 * SECOND}]}
    made = {item["type"]: item for item in status("Always", "R", before=old)["conditions"]}
    assert made["Ready"]["lastTransitionTime"] == 3 * SECOND
    assert made["ContainersReady"]["lastTransitionTime"] == 9 * SECOND


def test_times_and_what_others_wrote_do_not_make_a_difference() -> None:
    """Foreign conditions and fields, transition times and empty parts do not count; everything else does."""
    ours = status("Always", "R")
    theirs = {**ours, "nominatedNodeName": "x", "conditions": [*ours["conditions"]]}
    theirs["conditions"] = [{**item, "lastTransitionTime": 0, "message": None} for item in ours["conditions"]]
    theirs["conditions"].append({"type": "DisruptionTarget", "status": "True"})
    assert not status_differs(ours, theirs)
    theirs["conditions"][2] = {"type": "Ready", "status": "False"}
    assert status_differs(ours, theirs)
    assert status_differs(ours, {**ours, "phase": "Failed"})
