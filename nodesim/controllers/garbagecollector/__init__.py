"""What becomes of an object when its owners are gone or going?"""

from nodesim.controllers.garbagecollector.controller import ACTOR, GarbageCollector

__all__ = ["ACTOR", "GarbageCollector"]
