"""How do payloads travel between processes and hosts?  Over ZeroMQ.

`hub` and `agent` hold the two kinds of ends, `hub_sessions` and `agent_session` their protocol without sockets, `pump`
says who may touch a socket, `keys` and `zap` who may talk at all.
"""

from transports.zeromq.transport import ZeroMqTransport

__all__ = ["ZeroMqTransport"]
