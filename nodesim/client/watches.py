"""What does a program want to hear of?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from nodesim.objects import Document


@attrs.frozen
class WatchSpec:
    """A cache kept for a program by LIST and WATCH; `view` makes what the program sees of a document.

    For leases, `renewed(name, renew_us)` is called when only the renewTime of one is new; the watch is then a brief
    one, and no `Changed` tells of it: heartbeats reach the program's state by this port, without a turn of the program.
    """

    resource: str
    view: Callable[[Document], Any]
    namespace: str = ""
    fields: str = ""
    labels: str = ""
    renewed: Callable[[str, int], None] | None = None
    steady: bool = False
    """Heartbeats (renewals of leases, new heartbeat times in a Node's status) are not told: for views without them."""
    again: Callable[[Document, Any], Any] | None = None
    """Makes the view of an object from its document and the older view, instead of `view`, where there is one."""
    label: str = ""
    """Names the watch in `Changed` and `Synced`; left empty it is the resource."""


@attrs.frozen
class Observe:
    """A `Told` step: begin one more watch."""

    spec: WatchSpec


@attrs.frozen
class Unobserve:
    """A `Told` step: end the watch of this label."""

    label: str
