"""What does the controller keep of a node?  Its taints, and nothing else."""

from __future__ import annotations

from nodesim.objects import Document, Taint, parse_taint
from nodesim.values import value


@value
class TaintedNode:
    """A Node as far as evictions are concerned."""

    taints: tuple[Taint, ...]


def tainted_node(document: Document) -> TaintedNode:
    """The view of a Node document for this controller."""
    return TaintedNode(tuple(parse_taint(taint) for taint in (document.get("spec") or {}).get("taints") or ()))
