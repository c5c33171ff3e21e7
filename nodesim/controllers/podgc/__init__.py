"""Which pods does nobody finish, so that the control plane removes them by force?"""

from nodesim.controllers.podgc.controller import ACTOR, PodGarbageCollector
from nodesim.controllers.podgc.quarantine import QUARANTINE_US, Quarantine
from nodesim.controllers.podgc.rules import out_of_service, terminated, unscheduled_terminating

__all__ = [
    "ACTOR",
    "QUARANTINE_US",
    "PodGarbageCollector",
    "Quarantine",
    "out_of_service",
    "terminated",
    "unscheduled_terminating",
]
