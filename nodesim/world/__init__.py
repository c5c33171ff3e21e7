"""What runs the actors: one ordered queue, virtual time, named streams, supervision."""

from nodesim.world.clock import VirtualClock
from nodesim.world.driver import Transport, drive, spare_the_collector
from nodesim.world.world import Parcel, World

__all__ = ["Parcel", "Transport", "VirtualClock", "World", "drive", "spare_the_collector"]
