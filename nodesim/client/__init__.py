"""How does a program talk to the API server: connection, calls, watches, caches?"""

from nodesim.client.events import EventRecorder
from nodesim.client.machine import SERVER, ClientMachine
from nodesim.client.watches import Observe, Unobserve, WatchSpec

__all__ = ["SERVER", "ClientMachine", "EventRecorder", "Observe", "Unobserve", "WatchSpec"]
