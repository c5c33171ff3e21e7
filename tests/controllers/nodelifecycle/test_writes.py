"""How do series of writes to one node go on, step by step?"""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.client.events import EventRecorder
from nodesim.controllers.nodelifecycle.node_writes import Finished, NodeWrites
from nodesim.controllers.nodelifecycle.pods import PodMarks
from nodesim.controllers.nodelifecycle.taints import AddTaints, RemoveTaints, SetLabels, Step
from nodesim.machine import Answered, Call, ProgramEffect, SetTimer
from nodesim.messages import Get, Patch
from nodesim.objects import Document, Taint, decode_document
from nodesim.streams import Streams
from nodesim.units import MILLISECOND

ADD = AddTaints((Taint("a", "NoExecute", "", 7),))
REMOVE = RemoveTaints("NoExecute", ("b",))
TAG = ("node-write", 1)
OWNER = ("check", "n1")


def started(*steps: Step) -> NodeWrites:
    """A series that has sent its first GET."""
    writes = NodeWrites(Streams(1).stream("jitter"))
    out: list[ProgramEffect] = []
    writes.start("n1", list(steps), OWNER, out)
    assert out == [Call(TAG, Get("nodes", "", "n1"))]
    return writes


def reply(writes: NodeWrites, code: int, document: Document | None = None, now_us: int = 0) -> tuple[Any, Any]:
    """What a series orders (at most one thing) on an answer, and whether it ended."""
    out: list[ProgramEffect] = []
    finished = writes.answered(1, Answered(TAG, code, document=document), now_us, out)
    assert len(out) <= 1
    return (out[0] if out else None), finished


def read(*taints: dict[str, Any]) -> Document:
    """A node as a GET gives it."""
    return {"metadata": {"name": "n1", "resourceVersion": "9"}, "spec": {"taints": list(taints)}}


def patched(effect: Any) -> Document:
    """The document of a PATCH."""
    assert type(effect.request) is Patch
    assert (effect.request.name, effect.request.subresource, effect.request.style) == ("n1", "", "strategic")
    return decode_document(effect.request.document)


def test_a_swap_is_two_times_get_and_patch() -> None:
    """Patches carry the version that was read and the whole list; the last taint's removal says null."""
    writes = started(ADD, REMOVE)
    b = {"key": "b", "effect": "NoExecute"}
    a = {"key": "a", "effect": "NoExecute", "timeAdded": 7}
    effect, _ = reply(writes, 200, read(b))
    assert patched(effect) == {"metadata": {"resourceVersion": "9"}, "spec": {"taints": [b, a]}}
    effect, _ = reply(writes, 200)
    assert effect == Call(TAG, Get("nodes", "", "n1"))
    effect, _ = reply(writes, 200, read(b))
    assert patched(effect) == {"metadata": {"resourceVersion": "9"}, "spec": {"taints": None}}
    assert reply(writes, 200) == (None, Finished(OWNER, True))
    assert reply(writes, 200) == (None, None)


def test_a_step_that_finds_nothing_to_do_makes_no_patch() -> None:
    """Somebody else did it already."""
    writes = started(REMOVE)
    assert reply(writes, 200, {"metadata": {"resourceVersion": "9"}}) == (None, Finished(OWNER, True))


def test_labels_are_patched_without_a_version() -> None:
    """They are merged by key."""
    writes = started(SetLabels({"k": "v"}))
    effect, _ = reply(writes, 200, read())
    assert patched(effect) == {"metadata": {"labels": {"k": "v"}}}


def test_conflicts_are_counted_for_each_step_alone() -> None:
    """Four conflicts in each of two steps are no failure; the pause is 100 to 200 ms."""
    writes = started(ADD, REMOVE)
    b = {"key": "b", "effect": "NoExecute"}
    for _ in range(2):
        for _ in range(4):
            reply(writes, 200, read(b))
            effect, finished = reply(writes, 409, now_us=1000)
            assert type(effect) is SetTimer
            assert effect.key == TAG
            assert 100 * MILLISECOND <= effect.at_us - 1000 < 200 * MILLISECOND
            assert finished is None
            out: list[ProgramEffect] = []
            writes.try_again(1, out)
            assert out == [Call(TAG, Get("nodes", "", "n1"))]
        reply(writes, 200, read(b))
        _, finished = reply(writes, 200)
    assert finished == Finished(OWNER, True)


@pytest.mark.parametrize("code", [404, 500, 0])
def test_another_error_ends_the_series(code: int) -> None:
    """Also of the GET; the steps after it are not done.  Late timers and answers are ignored."""
    writes = started(ADD, REMOVE)
    assert reply(writes, code) == (None, Finished(OWNER, False))
    out: list[ProgramEffect] = []
    writes.try_again(1, out)
    assert out == []


def test_an_answer_for_no_marking_is_ignored() -> None:
    """Answers whose number nobody knows change nothing."""
    out: list[ProgramEffect] = []
    marks = PodMarks(EventRecorder("node-controller"))
    assert marks.answered(1, Answered(("pod-status", 1), 200), 0, out) is None
    assert not marks.start([], OWNER, 0, out)
    assert out == []
