"""What do our frames cost beside bare msgpack on the same values?

Bare msgpack packs the same array and unpacks it to a list; the codec also makes the message, tests every field's type
and refuses what is not allowed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgpack

from nodesim.messages import Done, Renew, WatchEvent, decode, encode
from nodesim.objects import decode_document, encode_document

ROUNDS: Final = 20
CALLS: Final = 2_000

NODE: Final[dict[str, Any]] = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "node-1", "uid": "u" * 36, "resourceVersion": "1200000123", "labels": {"a": "b", "c": "d"}},
    "spec": {"taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": 160}]},
    "status": {
        "capacity": {"cpu": "4", "memory": "16Gi", "pods": "110"},
        "conditions": [
            {"type": kind, "status": "False", "reason": "KubeletHasSufficient", "lastHeartbeatTime": 1_000_000}
            for kind in ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
        ],
    },
}


def in_turns(ours: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float]:
    """Microseconds a call of both, taken in turns, the best of the rounds: whatever else runs only adds."""
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for place, call in enumerate((ours, bare)):
            began = time.perf_counter()
            for _ in range(CALLS):
                call()
            best[place] = min(best[place], (time.perf_counter() - began) * 1e6 / CALLS)
    return best[0], best[1]


def report() -> None:
    """Print the codec table."""
    pack = msgpack.Packer().pack
    print("Frames and documents, beside msgpack on the same array or map")
    print(f"{'':26} {'us':>7} {'bare us':>9} {'ratio':>7}")
    document = encode_document(NODE)
    messages = (
        Renew("kube-node-lease", "node-1", "u" * 36, "1200000123", 120_000_000),
        Done(200, b"", "1200000124"),
        WatchEvent("MODIFIED", document),
    )
    for message in messages:
        name = type(message).__name__
        frame = encode("node/node-1", "apiserver", message, 7, 0, 1, "node/node-1#12")
        plain = msgpack.unpackb(frame)
        header = (7, 0, 1, "node/node-1#12")
        _row(f"encode {name}", partial(encode, "node/node-1", "apiserver", message, *header), partial(pack, plain))
        _row(f"decode {name}", partial(decode, frame), partial(msgpack.unpackb, frame))
    _row("encode a Node", partial(encode_document, NODE), partial(pack, NODE))
    _row("decode a Node", partial(decode_document, document), partial(msgpack.unpackb, document))


def _row(name: str, ours: Callable[[], object], bare: Callable[[], object]) -> None:
    our_us, bare_us = in_turns(ours, bare)
    print(f"{name:26} {our_us:>7.2f} {bare_us:>9.2f} {our_us / bare_us:>7.2f}")
