"""What runs the actors: one ordered queue, virtual time, named streams, supervision."""

from nodesim.world.clock import VirtualClock
from nodesim.world.driver import Advance, Transport, driving, spare_the_collector
from nodesim.world.world import Parcel, World

__all__ = ["Advance", "Parcel", "Transport", "VirtualClock", "World", "driving", "spare_the_collector"]
