"""Which pods leave a node that carries NoExecute taints, and when?"""

from nodesim.controllers.tainteviction.controller import ACTOR, TaintEvictionController
from nodesim.controllers.tainteviction.timed_workers import TimedWorker, TimedWorkerQueue
from nodesim.controllers.tainteviction.tolerations import FOR_EVER, Judgement, judge, min_toleration_time

__all__ = [
    "ACTOR",
    "FOR_EVER",
    "Judgement",
    "TaintEvictionController",
    "TimedWorker",
    "TimedWorkerQueue",
    "judge",
    "min_toleration_time",
]
