"""What does the cluster believe, and who hears of it?"""

from nodesim.apiserver.server import ApiServer

__all__ = ["ApiServer"]
