"""How is a pod template's hash made, by which ReplicaSets and revisions are named?

FNV-1a (32 bits) of the template and the number of collisions so far, written in the letters of generated names.
Known difference: Kubernetes hashes Go's print of the struct, this hashes canonical JSON; so the words differ, but they
are as long, and the same template gives the same word.
Source: pkg/controller/controller_utils.go `ComputeHash`, pkg/controller/history `HashControllerRevision`,
apimachinery pkg/util/rand `SafeEncodeString`.
"""

from __future__ import annotations

import json
from typing import Final

from nodesim.objects import Document

_OFFSET: Final = 2166136261
_PRIME: Final = 16777619
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"


def fnv_1a_32(data: bytes) -> int:
    """The 32-bit FNV-1a hash."""
    digest = _OFFSET
    for byte in data:
        digest = ((digest ^ byte) * _PRIME) & 0xFFFFFFFF
    return digest


def safe_encode(word: str) -> str:
    """Each byte as one of the letters of generated names."""
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in word.encode())


def revision_hash(template: Document, collisions: int | None) -> str:
    """The hash of a pod template after so many collisions (None: there never was one)."""
    data = json.dumps(template, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    if collisions is not None:
        data += b"/%d" % collisions
    return safe_encode(str(fnv_1a_32(data)))
