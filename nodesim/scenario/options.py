"""How is a run made, apart from what the scenario says?

None of these changes what happens: a test holds that the trace stays the same to the byte (heartbeats add records).
The exception is `realtime`: no two runs in real time are alike to the microsecond.
"""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class RunOptions:
    """Choices of the driver."""

    in_tasks: bool = False
    """Each turn in its actor's own trio task instead of in place."""
    skip_quiet: bool = True
    """Compute when a periodic look would next change something instead of taking every one."""
    record_heartbeats: bool = False
    """Record lease renewals that change nothing else."""
    worlds: int = 1
    """Cut the actors into this many worlds that are coupled only by messages."""
    transport: str = "memory"
    """What couples several worlds (entry-point group `nodesim.transports`)."""
    realtime: float = 0
    """Seconds of the run in a second of real time; 0: virtual time."""
    draw_log: bool = False
    """Keep every draw, as (stream, index, value)."""
