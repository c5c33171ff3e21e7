"""How does a user write an actor of their own?

As a plain `async def my_controller(api: Api)`; docs/your-own-actor.md shows how.
"""

from nodesim.actors.api import Api, ObjectList
from nodesim.actors.problems import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NoAnswer,
    NotFound,
    ProcessEnded,
)
from nodesim.actors.watch import Event, Watch

__all__ = [
    "AlreadyExists",
    "Api",
    "ApiError",
    "Conflict",
    "Event",
    "Expired",
    "Forbidden",
    "Invalid",
    "NoAnswer",
    "NotFound",
    "ObjectList",
    "ProcessEnded",
    "Watch",
]
