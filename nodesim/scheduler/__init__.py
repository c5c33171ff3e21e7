"""On which node does a pod go?"""

from nodesim.scheduler.program import ACTOR, Scheduler

__all__ = ["ACTOR", "Scheduler"]
