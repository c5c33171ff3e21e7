"""How many of its pods may a PodDisruptionBudget lose now?"""

from nodesim.controllers.disruptionbudget.controller import ACTOR, DisruptionController

__all__ = ["ACTOR", "DisruptionController"]
