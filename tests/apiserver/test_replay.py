"""Whoever watches from a version that it has seen ends with what the store has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodesim.messages import Bind, Create, Delete, Listed, Patch, Update, Watch
from nodesim.messages import List as ListRequest
from nodesim.objects import Document, decode_document, encode_document
from tests.apiserver.cluster import Cluster, pod

SELECTORS = (
    ("", ""),
    ("spec.nodeName=n1", ""),
    ("spec.nodeName=", "app=web"),
    ("metadata.name=a", ""),
    ("status.phase!=Failed", "app"),
    ("", "app=db"),
)

_NAMES = st.sampled_from("abc")
_NODES = st.sampled_from(("n1", "n2"))
_LABELS = st.sampled_from(({"app": "web"}, {"app": "db"}, {"app": None}))


def _create(name: str) -> Create:
    document = pod(name)
    if name == "c":
        document["metadata"]["finalizers"] = ["x/hold"]
    return Create("pods", "default", encode_document(document))


def _patch(name: str, change: Document, subresource: str = "", style: str = "merge") -> Patch:
    return Patch("pods", "default", name, subresource, style, encode_document(change))


def _update(name: str, labels: Document) -> Update:
    document = pod(name)
    document["metadata"]["labels"] = {key: item for key, item in labels.items() if item}
    return Update("pods", "default", name, "", encode_document(document))


WRITES = st.one_of(
    st.builds(_create, _NAMES),
    st.builds(lambda name, node: Bind("default", name, "", node), _NAMES, _NODES),
    st.builds(lambda name, labels: _patch(name, {"metadata": {"labels": labels}}), _NAMES, _LABELS),
    st.builds(
        lambda name, phase: _patch(name, {"status": {"phase": phase}}, "status", "strategic"),
        _NAMES,
        st.sampled_from(("Running", "Failed")),
    ),
    st.builds(lambda name: _patch(name, {"metadata": {"finalizers": None}}), _NAMES),
    st.builds(_update, _NAMES, _LABELS),
    st.builds(lambda name, grace: Delete("pods", "default", name, grace), _NAMES, st.sampled_from((None, 0, 5))),
)


def _listed(cluster: Cluster, fields: str, labels: str) -> tuple[dict[str, Document], str]:
    answer = cluster.call(ListRequest("pods", "", fields, labels))
    assert isinstance(answer, Listed)
    documents = [decode_document(packed) for packed in answer.documents]
    return {document["metadata"]["name"]: document for document in documents}, answer.resource_version


def _replay(state: dict[str, Document], events: list[tuple[str, Document]]) -> dict[str, Document]:
    """What a client knows after events; each must make sense to it."""
    known = dict(state)
    for kind, document in events:
        name = document["metadata"]["name"]
        assert (name in known) is (kind != "ADDED")
        if kind == "DELETED":
            del known[name]
        else:
            known[name] = document
    return known


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(writes=st.lists(st.tuples(WRITES, st.sampled_from((0, 1, 1_000_000))), max_size=25))
def test_a_list_and_a_watch_from_it_end_with_the_store(writes: list[tuple[Any, int]]) -> None:
    """For each selector and each moment: a list there, then a watch from its version, shows the final state."""
    cluster = Cluster()
    moments: list[tuple[int, dict[str, Document], str]] = []
    live: list[tuple[int, dict[str, Document]]] = []
    for step in range(len(writes) + 1):
        for place, (fields, labels) in enumerate(SELECTORS):
            state, version = _listed(cluster, fields, labels)
            moments.append((place, state, version))
            if step == len(writes) // 2:
                live.append((cluster.watch("pods", fields, labels, version), state))
        if step < len(writes):
            write, pause_us = writes[step]
            cluster.now_us += pause_us
            cluster.call(write)
    final = [_listed(cluster, fields, labels)[0] for fields, labels in SELECTORS]
    for place, state, version in moments:
        fields, labels = SELECTORS[place]
        watch = cluster.watch("pods", fields, labels, version)
        assert _replay(state, cluster.events.get((f"watcher-{watch}", watch), [])) == final[place]
    for place, (watch, state) in enumerate(live):
        assert _replay(state, cluster.events.get((f"watcher-{watch}", watch), [])) == final[place]


@settings(max_examples=30, deadline=None)
@given(writes=st.lists(WRITES, max_size=15))
def test_the_same_writes_make_the_same_effects(writes: list[Any]) -> None:
    """Two servers given the same frames say the same, to the byte."""
    runs = []
    for _ in range(2):
        cluster = Cluster()
        cluster.call(Watch("pods", "", "", "", ""))
        effects = []
        for write in writes:
            cluster.call(write)
            effects.append(cluster.effects)
        runs.append(effects)
    assert runs[0] == runs[1]
