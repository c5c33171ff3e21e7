"""What does the network do to a message?"""

from nodesim.net.links import CERTAIN, HELD, LOST, PER_MILLION, REFUSED, Link, after_loss, judge, retransmit_at
from nodesim.net.topology import CONTROL_PLANE, WAYS, LinkChange, Topology, Way, apart, host_of

__all__ = [
    "CERTAIN",
    "CONTROL_PLANE",
    "HELD",
    "LOST",
    "PER_MILLION",
    "REFUSED",
    "WAYS",
    "Link",
    "LinkChange",
    "Topology",
    "Way",
    "after_loss",
    "apart",
    "host_of",
    "judge",
    "retransmit_at",
]
