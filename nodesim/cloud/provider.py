"""What does the cloud know of a machine, and which routes has it?

The provider stands outside of the cluster, as its API does: it outlives every process of the cloud controllers.  What
becomes of its instances, and when its API fails, is fixed by the scenario, so it is a function of the time; its routes
are what the route controller made of them.  Calls are answered at once: how long a real API takes is not modelled.

Source of the calls: staging/src/k8s.io/cloud-provider/cloud.go (`InstancesV2`, `Routes`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from operator import itemgetter
from typing import Final

import attrs

from nodesim.values import value

RUNNING: Final = "running"
STOPPED: Final = "stopped"
TERMINATED: Final = "terminated"
API_DOWN: Final = "the cloud's API does not answer"
NOT_FOUND: Final = "instance not found"
QUOTA: Final = "the cloud's quota of routes is used up"

_since_us: Final = itemgetter(0)


@value
class Instance:
    """One machine as the cloud knows it; "" where it does not say."""

    name: str
    provider_id: str
    zone: str
    region: str
    type: str
    address: str


@value
class CloudError:
    """A call that failed; `missing`: the cloud has no such instance."""

    text: str
    missing: bool = False


@attrs.frozen
class Route:
    """Packets for these addresses go to this node."""

    node: str
    cidr: str


@attrs.define
class History:
    """What happens to instances and to the API, all through a run; times in us."""

    states: dict[str, list[tuple[int, str]]] = attrs.Factory(dict)
    """Instance -> (since when, state) in order of time; it runs until the first."""
    failing: list[tuple[int, bool]] = attrs.Factory(list)
    """(Since when, does the API fail) in order of time; it works until the first."""

    def state(self, instance: str, now_us: int) -> str:
        """Running, stopped or terminated."""
        states = self.states.get(instance, [])
        place = bisect_right(states, now_us, key=_since_us)
        return states[place - 1][1] if place else RUNNING

    def fails(self, now_us: int) -> bool:
        """Does the API answer with errors only?"""
        place = bisect_right(self.failing, now_us, key=_since_us)
        return place > 0 and self.failing[place - 1][1]


class Provider:
    """The API of the cloud.  Every call says when it is made (us of the run)."""

    def __init__(self, instances: Iterable[Instance], history: History, route_quota: int | None = None) -> None:
        self._by_name = {instance.name: instance for instance in instances}
        self._by_id = {instance.provider_id: instance for instance in self._by_name.values()}
        self._history = history
        self._quota = route_quota
        self._routes: dict[Route, None] = {}

    def __repr__(self) -> str:
        return f"<Provider instances={len(self._by_name)} routes={len(self._routes)}>"

    # --- instances --------------------------------------------------------------------------------------------------

    def metadata(self, node: str, provider_id: str, now_us: int) -> Instance | CloudError:
        """What it knows of a node's machine, found by its providerID, else by the node's name (`InstanceMetadata`)."""
        if self._history.fails(now_us):
            return CloudError(API_DOWN)
        found = self._by_id.get(provider_id) if provider_id else self._by_name.get(node)
        if found is None or self._history.state(found.name, now_us) == TERMINATED:
            return CloudError(NOT_FOUND, missing=True)
        return found

    def exists(self, node: str, provider_id: str, now_us: int) -> bool | CloudError:
        """Is there such a machine, running or not (`InstanceExists`)?"""
        found = self.metadata(node, provider_id, now_us)
        if isinstance(found, CloudError):
            return False if found.missing else found
        return True

    def shut_down(self, node: str, provider_id: str, now_us: int) -> bool | CloudError:
        """Is it stopped (`InstanceShutdown`)?"""
        found = self.metadata(node, provider_id, now_us)
        return found if isinstance(found, CloudError) else self._history.state(found.name, now_us) == STOPPED

    # --- routes -----------------------------------------------------------------------------------------------------

    def routes(self, now_us: int) -> list[Route] | CloudError:
        """All of them, oldest first (`ListRoutes`)."""
        return CloudError(API_DOWN) if self._history.fails(now_us) else list(self._routes)

    def create_route(self, route: Route, now_us: int) -> CloudError | None:
        """One more; None: it is there (`CreateRoute`)."""
        if self._history.fails(now_us):
            return CloudError(API_DOWN)
        if self._quota is not None and route not in self._routes and len(self._routes) >= self._quota:
            return CloudError(QUOTA)
        self._routes[route] = None
        return None

    def delete_route(self, route: Route, now_us: int) -> CloudError | None:
        """One less; None: it is gone (`DeleteRoute`)."""
        if self._history.fails(now_us):
            return CloudError(API_DOWN)
        self._routes.pop(route, None)
        return None
