"""The yardstick: a heap loop that packs and unpacks lease renewals and their replies, and does nothing else.

A renewal is a map of a lease's six fields, as anybody would pack it; its reply says the code, the name and the new
version.  Three events a renewal, as any emulation must have: the node's timer, its arrival, the reply's arrival.
"""

from __future__ import annotations

import heapq
import time
from typing import Any

import msgpack

from nodesim.units import MILLISECOND, SECOND


class BareLoop:
    """N senders that renew every 10 s; `run` goes on from where it stopped."""

    def __init__(self, senders: int) -> None:
        self._heap: list[tuple[int, int, int, Any]] = []
        self._count = 0
        self.renewals = 0
        self._seen = [0] * senders
        self._versions = [0] * senders
        self._names = [f"node-{sender}" for sender in range(senders)]
        for sender in range(senders):
            self._push(sender * 10 * SECOND // senders, 0, sender)

    def _push(self, at_us: int, kind: int, payload: Any) -> None:
        self._count += 1
        heapq.heappush(self._heap, (at_us, self._count, kind, payload))

    def run(self, until_us: int) -> float:
        """CPU seconds that the events up to `until_us` took."""
        heap, push, pop = self._heap, heapq.heappush, heapq.heappop
        packb, unpackb = msgpack.packb, msgpack.unpackb
        seen, names, versions, count, renewals = self._seen, self._names, self._versions, self._count, 0
        began = time.process_time()
        while heap[0][0] <= until_us:
            now_us, _, kind, payload = pop(heap)
            count += 1
            if kind == 0:
                renewal = {
                    "namespace": "kube-node-lease",
                    "name": names[payload],
                    "holderIdentity": names[payload],
                    "leaseDurationSeconds": 40,
                    "renewTime": now_us,
                    "resourceVersion": versions[payload],
                }
                push(heap, (now_us + MILLISECOND, count, 1, (payload, packb(renewal))))
            elif kind == 1:
                sender, packed = payload
                renewal = unpackb(packed)
                seen[sender] = renewal["renewTime"]
                renewals += 1
                reply = {"code": 200, "name": renewal["name"], "resourceVersion": now_us}
                push(heap, (now_us + MILLISECOND, count, 2, (sender, packb(reply))))
            else:
                sender, packed = payload
                versions[sender] = unpackb(packed)["resourceVersion"]
                push(heap, (now_us + 10 * SECOND, count, 0, sender))
        self._count = count
        self.renewals += renewals
        return time.process_time() - began
