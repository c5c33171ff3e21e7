"""Which block of addresses has each node for its pods?  The range allocator of node IPAM, one program."""

from nodesim.controllers.nodeipam.controller import ACTOR, NodeIpamController

__all__ = ["ACTOR", "NodeIpamController"]
