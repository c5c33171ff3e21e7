"""What is written down of a run, and in which bytes?"""

from nodesim.trace.belief import Belief, Incarnation, Sight, believe
from nodesim.trace.causes import chain, chain_lines
from nodesim.trace.evidence import Evidence
from nodesim.trace.reader import Trace, TraceError, read_trace
from nodesim.trace.records import TraceRecord, canonical, digest, line_of, order
from nodesim.trace.truth import Outage, Run, Truth, find_out
from nodesim.trace.writer import trace_lines

__all__ = [
    "Belief",
    "Evidence",
    "Incarnation",
    "Outage",
    "Run",
    "Sight",
    "Trace",
    "TraceError",
    "TraceRecord",
    "Truth",
    "believe",
    "canonical",
    "chain",
    "chain_lines",
    "digest",
    "find_out",
    "line_of",
    "order",
    "read_trace",
    "trace_lines",
]
