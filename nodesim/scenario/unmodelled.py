"""Which kinds does a scenario bring along that nothing here models?

Their documents are kept as they are written, and served like all others; no controller acts on them.
"""

from __future__ import annotations

from collections.abc import Iterable

from nodesim.apiserver.registry import Resource
from nodesim.apiserver.unmodelled import resource_of
from nodesim.objects import Document
from nodesim.spec import Scenario
from nodesim.values import value


@value
class Brought:
    """A kind that nothing models; `step` is the index of the step that brings it first, None for the manifests."""

    resource: Resource
    step: int | None

    @property
    def text(self) -> str:
        """`Ingress (networking.k8s.io/v1)`."""
        return f"{self.resource.kind} ({self.resource.api_version})"


def brought_by(scenario: Scenario) -> list[Brought]:
    """Each kind once, in the order in which the scenario brings them."""
    found: dict[str, Brought] = {}
    batches: list[tuple[int | None, Iterable[Document]]] = [(None, scenario.manifests)]
    batches += [(index, step.arguments.get("documents", ())) for index, step in enumerate(scenario.steps)]
    for index, documents in batches:
        for document in documents:
            resource = resource_of(document["apiVersion"], document["kind"])
            if not resource.modelled and resource.name not in found:
                found[resource.name] = Brought(resource, index)
    return list(found.values())
