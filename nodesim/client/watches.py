"""What does a program want to hear of?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from nodesim.objects import Document


@attrs.frozen
class WatchSpec:
    """A cache kept for a program by LIST and WATCH; `view` makes what the program sees of a document.

    For leases, `renewed(view, resource_version, renew_us)` makes a view from the one before when only the renewTime
    is new; the watch is then a brief one.
    """

    resource: str
    view: Callable[[Document], Any]
    namespace: str = ""
    fields: str = ""
    labels: str = ""
    renewed: Callable[[Any, str, int], Any] | None = None
