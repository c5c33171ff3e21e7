"""For how long did belief and truth differ?"""

from nodesim.ledger.ledger import Ledger, ledger_of
from nodesim.ledger.pods import PodLife

__all__ = ["Ledger", "PodLife", "ledger_of"]
