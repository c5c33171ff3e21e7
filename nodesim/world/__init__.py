"""What runs the actors: one ordered queue, virtual or real time, named streams, supervision."""

from nodesim.world.clock import RealClock, VirtualClock, WorldClock, wall
from nodesim.world.driver import Advance, driving, spare_the_collector
from nodesim.world.guests import Guests
from nodesim.world.live import Lag, Live, Outlet, living
from nodesim.world.transport import Transport
from nodesim.world.world import Parcel, World

__all__ = [
    "Advance",
    "Guests",
    "Lag",
    "Live",
    "Outlet",
    "Parcel",
    "RealClock",
    "Transport",
    "VirtualClock",
    "World",
    "WorldClock",
    "driving",
    "living",
    "spare_the_collector",
    "wall",
]
