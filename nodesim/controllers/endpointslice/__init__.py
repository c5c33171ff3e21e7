"""Which pods does each Service lead to, and in what state are they?"""

from nodesim.controllers.endpointslice.controller import ACTOR, EndpointSliceController

__all__ = ["ACTOR", "EndpointSliceController"]
