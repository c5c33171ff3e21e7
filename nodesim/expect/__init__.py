"""Did what was expected come true?"""

from nodesim.expect.figures import LEDGER_KEYS
from nodesim.expect.invariants import INVARIANTS, Invariant, Violation
from nodesim.expect.judge import Verdict, judge
from nodesim.expect.workloads import WORKLOAD_STATUS

__all__ = ["INVARIANTS", "LEDGER_KEYS", "WORKLOAD_STATUS", "Invariant", "Verdict", "Violation", "judge"]
