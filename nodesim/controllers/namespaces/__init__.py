"""What happens in a namespace that is being deleted?"""

from nodesim.controllers.namespaces.controller import ACTOR, NamespaceController

__all__ = ["ACTOR", "NamespaceController"]
