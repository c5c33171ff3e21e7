"""How are events, effects, messages and records made?

They are frozen to the type checker.  At run time they are plain slotted classes, because building a frozen one costs
three times as much and a heartbeat builds about ten; `NODESIM_FROZEN=1` freezes them for real, and one test run
does so.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

FROZEN: Final = bool(os.environ.get("NODESIM_FROZEN"))
"""Are values frozen at run time?"""

if TYPE_CHECKING:
    from attrs import frozen as value
else:
    from functools import partial

    import attrs

    # Without a slot for weak references an object is smaller and dies faster; nobody refers to these weakly.
    value = partial(attrs.frozen if FROZEN else attrs.define, weakref_slot=False)

__all__ = ["FROZEN", "value"]
