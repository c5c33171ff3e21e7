"""Which nodes does a scenario have, and whom does a target mean?

Targets are resolved when the file is read, against the labels that the nodes register with: a step cannot depend on
what happens in the run.  Nodes of one template differ by name only, so labels are matched once per template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from nodesim.scenario.faults import clip, suggestion
from nodesim.scenario.figures import decimal
from nodesim.scenario.names import LABELS_FORM, labels, object_name
from nodesim.scenario.reading import Cursor, Fields, fields, items, text
from nodesim.scenario.yamltree import ListTree, ScalarTree
from nodesim.spec import NodeSpec, Target
from nodesim.values import value

ZONE_LABEL: Final = "topology.kubernetes.io/zone"
HOSTNAME_LABEL: Final = "kubernetes.io/hostname"
KUBELET_LABELS: Final = {
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": "amd64",
    "beta.kubernetes.io/os": "linux",
    "beta.kubernetes.io/arch": "amd64",
}
"""What every kubelet adds to its node, beside its host name."""

FEW_NODES: Final = 200
"""Up to here messages list nodes in the file's order."""

GROUP_KEYS: Final = ("nodes", "labels", "zone")
TARGET_KEYS: Final = (*GROUP_KEYS, "percent")
TARGET_LATER: Final = ("pod", "pods")
TARGET_FORM: Final = "nodes: {nodes: [worker-1]}, {labels: {k: v}}, {zone: a} or {percent: 30}"
PERCENT_FORM: Final = "a number of percent such as 30"
CONTROL_PLANE: Final = "control-plane"


@value
class Group:
    """The nodes of one template."""

    labels: dict[str, str]
    taints: tuple[dict[str, Any], ...]
    capacity: dict[str, str]
    names: tuple[str, ...]
    clock_offset_us: int = 0
    clock_drift_ppm: int = 0


def labels_of(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """The labels under which a machine is found: those of its template and what every kubelet adds."""
    return {**KUBELET_LABELS, **given, HOSTNAME_LABEL: name}


class Cluster:
    """The nodes and actors that steps and expectations can name."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.made_at: dict[str, int] = {}
        """Machine -> the line of the template that makes it."""
        self.documents: set[str] = set()
        """Nodes that exist as a manifest only: objects without a machine."""
        self.leader_elect = False
        """Two controller managers, of which one leads."""
        self.actors: dict[str, None] = {}
        """The scenario's own actors."""
        self.cloud = False
        """Do the machines stand in a cloud?"""
        self.asleep: dict[str, str] = {}
        """Components that this scenario does not have, and why."""
        self.uncertain: list[str] = []
        """Beginnings of names that cannot be known, because their template has faults."""
        self._matched: dict[tuple[tuple[str, str], ...], tuple[str, ...]] = {}
        self._with_label: dict[tuple[str, str], list[int]] | None = None
        self._known: list[str] = []
        self._group_of: dict[str, int] = {}

    def add(self, group: Group, line: int) -> None:
        """The nodes of a template; none of their names was there before."""
        self.groups.append(group)
        self.made_at.update(dict.fromkeys(group.names, line))
        self._group_of.update(dict.fromkeys(group.names, len(self.groups) - 1))

    def nodes(self) -> tuple[NodeSpec, ...]:
        """Every machine, made only now: of a file with faults nobody asks."""
        return tuple(
            NodeSpec(
                name=name,
                labels=dict(group.labels),
                taints=tuple(dict(taint) for taint in group.taints),
                capacity=dict(group.capacity),
                external_cloud=self.cloud,
                clock_offset_us=group.clock_offset_us,
                clock_drift_ppm=group.clock_drift_ppm,
            )
            for group in self.groups
            for name in group.names
        )

    def known(self) -> list[str]:
        """All names in order; kept, because each unknown name is compared with them."""
        if len(self._known) != len(self.made_at) + len(self.documents):
            self._known = [*self.made_at, *sorted(self.documents - self.made_at.keys())]
            if len(self._known) > FEW_NODES:
                self._known.sort()
        return self._known

    def check(self, cursor: Cursor, name: str, *, machine: bool) -> bool:
        """Note a fault where there is no such node; `machine`: a Node object alone will not do."""
        if name in self.made_at or (name in self.documents and not machine):
            return True
        if any(name.startswith(beginning) for beginning in self.uncertain):
            return False
        if name in self.documents:
            cursor.fault(f"node {clip(name)} is only an object: no machine of spec.nodes stands behind it")
            return False
        known = self.known()
        if not known:
            cursor.fault(f"no node {clip(name)}: spec.nodes makes none")
            return False
        cursor.fault(f"no node {clip(name)}{suggestion(name, known, 'spec.nodes makes')}")
        return False

    def matching(self, wanted: Mapping[str, str]) -> tuple[str, ...]:
        """The machines with these labels, in the order of spec.nodes."""
        key = tuple(sorted(wanted.items()))
        found = self._matched.get(key)
        if found is None:
            found = self._matched[key] = self._match(dict(wanted))
        return found

    def _match(self, wanted: dict[str, str]) -> tuple[str, ...]:
        host = wanted.pop(HOSTNAME_LABEL, None)
        if host is not None and host not in self.made_at:
            return ()
        index = self._labelled()
        having = sorted((index.get(pair, []) for pair in wanted.items()), key=len)
        groups = set(having[0] if having else range(len(self.groups)))
        for more in having[1:]:
            groups.intersection_update(more)
        if host is not None:
            return (host,) if self._group_of[host] in groups else ()
        return tuple(name for n in sorted(groups) for name in self.groups[n].names)

    def _labelled(self) -> dict[tuple[str, str], list[int]]:
        """Which groups carry a label: each template is looked at once, however many steps ask."""
        if self._with_label is None:
            self._with_label = {}
            for n, group in enumerate(self.groups):
                for pair in {**KUBELET_LABELS, **group.labels}.items():
                    self._with_label.setdefault(pair, []).append(n)
        return self._with_label

    def resolve(self, cursor: Cursor, target: Target) -> tuple[str, ...]:
        """The names that a target means, before `percent` takes its part; a fault where it means nobody."""
        if target.nodes:
            return target.nodes
        wanted = {ZONE_LABEL: target.zone} if target.zone else target.labels
        names = self.matching(wanted)
        if not names and not self.uncertain:
            self._nobody(cursor, target)
        return names

    def _nobody(self, cursor: Cursor, target: Target) -> None:
        if not target.zone and not target.labels:
            cursor.fault("means nobody: spec.nodes makes no node")
            return
        if not target.zone:
            wanted = ", ".join(f"{key}: {word}" for key, word in sorted(target.labels.items()))
            cursor.fault(
                f"no node of spec.nodes has the labels {{{wanted[:120]}}}; labels are exact and all must match"
            )
            return
        zones = sorted({group.labels[ZONE_LABEL] for group in self.groups if ZONE_LABEL in group.labels})
        hint = suggestion(target.zone, zones, "zones") if zones else f"; give nodes the label {ZONE_LABEL}"
        cursor.fault(f"no node of spec.nodes is in zone {clip(target.zone)}{hint}")


def read_target(found: Fields, cluster: Cluster, *, machine: bool) -> Target | None:
    """Who is meant: the one of `nodes`, `labels`, `zone` that a mapping has, or the `percent` of it or of all machines.

    Names are known to exist.
    """
    given = [key for key in GROUP_KEYS if key in found]
    if len(given) > 1 or not (given or "percent" in found):
        what = "says no nodes" if not given else "says nodes in several ways (" + ", ".join(given) + ")"
        if not given and any(key in TARGET_LATER for key in found.written()):
            return None  # The unknown key is a fault already.
        found.cursor.fault(f"{what}: expected exactly one of {', '.join(GROUP_KEYS)}, such as nodes: [worker-1]")
        return None
    percent_ppm = found.maybe("percent", _percent)
    group = _group(found, given[0], cluster, machine=machine) if given else Target()
    if group is None or ("percent" in found and percent_ppm is None):
        return None
    return attrs.evolve(group, percent_ppm=percent_ppm)


def _percent(cursor: Cursor) -> int | None:
    if type(cursor.tree) is ScalarTree and cursor.tree.text.rstrip().endswith("%"):
        cursor.fault(f"expected {PERCENT_FORM}, got {clip(cursor.tree.text)}; write it without the sign")
        return None
    percent_ppm = decimal(cursor, places=4, high=100, form=PERCENT_FORM)  # Ten thousandths of a percent.
    if percent_ppm == 0:
        cursor.fault("must be more than 0: nobody would be meant")
        return None
    return percent_ppm


def _group(found: Fields, key: str, cluster: Cluster, *, machine: bool) -> Target | None:
    cursor = found.get(key)
    assert cursor is not None
    if key == "nodes":
        return _named(cursor, cluster, machine=machine)
    if key == "labels":
        wanted = labels(cursor)
        if wanted == {}:
            cursor.fault(f"no labels given: expected {LABELS_FORM}")
        return Target(labels=wanted) if wanted else None
    zone = text(cursor, "a zone such as a")
    if zone == "":
        cursor.fault("expected a zone such as a, got ''")
    return Target(zone=zone) if zone else None


def _named(cursor: Cursor, cluster: Cluster, *, machine: bool) -> Target | None:
    names: dict[str, None] = {}
    listed = items(cursor, "a list of nodes such as [worker-1]")
    whole = True
    for item in listed:
        name = object_name(item)
        if name is None or not cluster.check(item, name, machine=machine):
            whole = False
        elif name in names:
            item.fault(f"node {name!r} is named twice")
        else:
            names[name] = None
    if not listed and (cursor.null or type(cursor.tree) is ListTree):
        cursor.fault("names no node: expected a list such as [worker-1]")
    return Target(nodes=tuple(names)) if names and whole else None


def read_end(cursor: Cursor, cluster: Cluster) -> Target | None:
    """One end of a link: a target, or the word control-plane."""
    if isinstance(cursor.tree, ScalarTree):
        word = text(cursor, f"{CONTROL_PLANE} or {TARGET_FORM}")
        if word == CONTROL_PLANE:
            return Target(control_plane=True)
        if word is not None:
            cursor.fault(f"expected {CONTROL_PLANE} or {TARGET_FORM}, got {clip(word)}")
        return None
    found = fields(cursor, TARGET_KEYS, f"{CONTROL_PLANE} or {TARGET_FORM}", TARGET_LATER)
    if found is None:
        return None
    target = read_target(found, cluster, machine=True)
    if target is not None:
        cluster.resolve(cursor, target)
    return target


def node_reference(cursor: Cursor, cluster: Cluster) -> str | None:
    """The name of one node, machine or manifest, that exists."""
    name = object_name(cursor)
    return name if name is not None and cluster.check(cursor, name, machine=False) else None
