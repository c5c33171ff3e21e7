"""What does the network do to a message?"""

from nodesim.net.links import HELD, REFUSED, Link, judge, retransmit_at
from nodesim.net.topology import CONTROL_PLANE, WAYS, LinkChange, Topology, Way, host_of

__all__ = [
    "CONTROL_PLANE",
    "HELD",
    "REFUSED",
    "WAYS",
    "Link",
    "LinkChange",
    "Topology",
    "Way",
    "host_of",
    "judge",
    "retransmit_at",
]
