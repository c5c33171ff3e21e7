"""Which of several controller managers works."""

from nodesim.controllers.leaderelection.elector import LeaderElection
from nodesim.controllers.leaderelection.process import ManagerProcess

__all__ = ["LeaderElection", "ManagerProcess"]
