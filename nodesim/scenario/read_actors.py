"""Which actors of its own does a scenario bring: how is `spec.actors` read?

What they name is imported when the scenario is run, not when it is read.  One without `run` is handed over in Python.
"""

from __future__ import annotations

from typing import Final

from nodesim.actors.load import RUN_FORM, split_run
from nodesim.client import SERVER
from nodesim.scenario.components import COMPONENTS, PROCESSES
from nodesim.scenario.faults import clip
from nodesim.scenario.names import object_name
from nodesim.scenario.plan import OPERATOR, SCENARIO
from nodesim.scenario.reading import Cursor, fields, items, text
from nodesim.scenario.targets import Cluster
from nodesim.spec import ActorSpec

ACTOR_KEYS: Final = ("name", "run", "node")
ACTOR_FORM: Final = f"an actor such as {{name: my-controller, run: {RUN_FORM}}}"
TAKEN: Final = (SERVER, *COMPONENTS, *PROCESSES, OPERATOR, SCENARIO, "clock", "hub")
"""Names that actors of nodesim have."""


def read_actors(cursor: Cursor, cluster: Cluster) -> tuple[ActorSpec, ...]:
    """All actors; from now on steps may name them."""
    actors: dict[str, ActorSpec] = {}
    for item in items(cursor, f"a list of actors such as [{ACTOR_FORM.removeprefix('an actor such as ')}]"):
        found = fields(item, ACTOR_KEYS, ACTOR_FORM)
        if found is None:
            continue
        name = found.required("name", object_name, "a name such as my-controller")
        run = found.maybe("run", _run)
        node = found.maybe("node", object_name)
        place = found.get("node")
        if node is not None and place is not None and not cluster.check(place, node, machine=True):
            node = None
        if name is None:
            continue
        if name in TAKEN:
            item.fault(f"{clip(name)} is one of nodesim's own actors; give this one another name")
        elif name in actors:
            item.fault(f"actor {clip(name)} is already at line {actors[name].line}; give this one another name")
        else:
            line = item.tree.mark.line
            actors[name] = ActorSpec(name=name, run=run or "", node=node or "", path=item.tree.mark.path, line=line)
    cluster.actors.update(dict.fromkeys(actors))
    return tuple(actors.values())


def _run(cursor: Cursor) -> str | None:
    run = text(cursor, RUN_FORM)
    if run is not None and split_run(run) is None:
        cursor.fault(f"expected {RUN_FORM}, got {clip(run)}")
        return None
    return run
