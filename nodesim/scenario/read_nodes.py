"""Which machines does `spec.nodes` make?

A template with `count` makes `name-0`, `name-1`, ...; one without makes a single node of exactly that name.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from nodesim.objects import Taint, taint_document
from nodesim.scenario.faults import clip
from nodesim.scenario.figures import resources
from nodesim.scenario.names import (
    EFFECTS,
    TAINT_FORM,
    is_qualified,
    is_subdomain,
    labels,
    object_name,
    taint_as_document,
)
from nodesim.scenario.read_clocks import read_clock
from nodesim.scenario.reading import Cursor, choice, fields, integer, items, text
from nodesim.scenario.targets import Cluster, Group
from nodesim.scenario.yamltree import MapTree
from nodesim.spec import NodeSpec

NODES_MAX: Final = 100_000
"""More nodes than this are not run one by one."""

TAINT_KEYS: Final = ("key", "value", "effect")
NODE_KEYS: Final = ("name", "count", "labels", "taints", "capacity", "clock")
DEFAULT_CAPACITY: Final = NodeSpec(name="default").capacity
_CAPACITY_LOW: Final = {"cpu": 1, "memory": 1, "pods": 1}
_NODE_FORM: Final = "a node template such as {name: worker, count: 3}"


def read_nodes(cursor: Cursor, cluster: Cluster) -> None:
    """Put the machines of all templates into the cluster."""
    for item in items(cursor, "a list of node templates such as [{name: worker, count: 3}]"):
        _template(item, cluster)


def _template(cursor: Cursor, cluster: Cluster) -> None:
    found = fields(cursor, NODE_KEYS, _NODE_FORM)
    if found is None:
        cluster.uncertain.append("")
        return
    name = found.required("name", object_name, "a name such as worker")
    count = found.maybe("count", partial(integer, low=0, high=NODES_MAX))
    own: dict[str, str] = found.optional("labels", labels, {})
    taints: tuple[dict[str, Any], ...] = found.optional("taints", _taints, ())
    capacity: dict[str, str] = found.optional("capacity", partial(resources, low_milli=_CAPACITY_LOW), {})
    offset_us, drift_ppm = found.optional("clock", read_clock, (0, 0))
    if name is None:
        cluster.uncertain.append("")
        return
    if "count" in found and count is None:
        cluster.uncertain.append(f"{name}-")
        return
    if len(cluster.made_at) + (count or 1) > NODES_MAX:
        cursor.fault(f"makes more than {NODES_MAX} nodes in all; lower the counts")
        cluster.uncertain.append(f"{name}-")
        return
    names = (name,) if count is None else tuple(f"{name}-{n}" for n in range(count))
    if names and not is_subdomain(names[-1]):
        cursor.fault(f"the node's name {clip(names[-1])} is longer than 253 characters")
    names = _new_names(cursor, names, cluster)
    cluster.add(
        Group(own, taints, {**DEFAULT_CAPACITY, **capacity}, names, offset_us, drift_ppm), cursor.tree.mark.line
    )


def _new_names(cursor: Cursor, names: tuple[str, ...], cluster: Cluster) -> tuple[str, ...]:
    """The names that no template made before; one fault for all others."""
    twice = [name for name in names if name in cluster.made_at]
    if twice:
        more = f" (and {len(twice) - 1} more)" if len(twice) > 1 else ""
        line = cluster.made_at[twice[0]]
        cursor.fault(
            f"node {twice[0]!r}{more} is already made by the template at line {line}; give this one another name"
        )
        names = tuple(name for name in names if name not in cluster.made_at)
    return names


def _taints(cursor: Cursor) -> tuple[dict[str, Any], ...]:
    taints: list[dict[str, Any]] = []
    for item in items(cursor, f"a list of taints: [{TAINT_FORM.removeprefix('a taint such as ')}]"):
        taint = _taint_fields(item) if type(item.tree) is MapTree else taint_as_document(item)
        if taint is None:
            continue
        if any(taint["key"] == other["key"] and taint["effect"] == other["effect"] for other in taints):
            item.fault(f"taint {taint['key']}:{taint['effect']} stands here twice")
        taints.append(taint)
    return tuple(taints)


def _taint_fields(cursor: Cursor) -> dict[str, Any] | None:
    found = fields(cursor, TAINT_KEYS, TAINT_FORM)
    if found is None:
        return None
    key = found.required("key", text, "a taint's key such as dedicated")
    effect = found.required("effect", partial(choice, known=EFFECTS), "one of " + ", ".join(EFFECTS))
    word = found.optional("value", text, "")
    if key is not None and not is_qualified(key):
        cursor.fault(f"not a taint's key: {clip(key)}")
    if key is None or effect is None:
        return None
    return taint_document(Taint(key, effect, word))
