"""What is a document, and how does it travel?

A document is a Kubernetes object as JSON has it: str-keyed maps, lists, str, int, bool, None and (rarely) finite
floats.  Whatever a user wrote comes back as written.  One thing differs from the API's JSON: instants are `int`
microseconds since the run began (`renewTime`, `creationTimestamp`, `lastTransitionTime`, ...; where Kubernetes keeps
whole seconds, whole seconds), so that no date is formatted or parsed inside.  The edges translate.

Documents travel as msgpack `bin` inside a message, so that one encoding serves several receivers.
"""

from __future__ import annotations

import math
from sys import intern
from typing import Any, Final, TypeAlias

import msgpack

from nodesim.errors import FrameError
from nodesim.units import SECOND

Document: TypeAlias = dict[str, Any]
"""A JSON object.  `Any`: its fields are the users' own; machines read it through typed views."""

DOCUMENT_DEPTH_MAX: Final = 64
"""Deeper nesting than Kubernetes' own objects ever have; keeps every walk over a document bounded."""

DOCUMENT_BYTES_MAX: Final = 2 * 1024 * 1024
"""A little above etcd's 1.5 MiB request limit."""

_packer = msgpack.Packer(autoreset=True, use_bin_type=True)


def encode_document(document: Document) -> bytes:
    """The wire form of a document.

    Raises:
        FrameError: it holds something that is not plain JSON.
    """
    try:
        packed: bytes = _packer.pack(document)
    except (TypeError, ValueError, OverflowError) as broken:
        _packer.reset()
        msg = f"not a plain document: {broken}"
        raise FrameError(msg) from broken
    return packed


def decode_document(packed: bytes) -> Document:
    """The document of a wire form.  It is structure only: `check_plain` says whether every leaf is JSON.

    Raises:
        FrameError: not msgpack, not a map, or truncated.
    """
    try:
        document = msgpack.unpackb(packed)
    except Exception as broken:
        msg = f"not a document: {type(broken).__name__}"
        raise FrameError(msg) from broken
    if type(document) is not dict:
        msg = f"a document is a map, not {type(document).__name__}"
        raise FrameError(msg)
    return document


def check_plain(value: object, depth: int = DOCUMENT_DEPTH_MAX) -> None:
    """Walk a value once and refuse what JSON cannot say (bytes, NaN, timestamps, other keys than str, deep nesting).

    Raises:
        FrameError: with the reason.
    """
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return
    if depth <= 0:
        msg = f"nested deeper than {DOCUMENT_DEPTH_MAX}"
        raise FrameError(msg)
    if type(value) is dict:
        for key, item in value.items():
            if type(key) is not str:
                msg = f"key {key!r:.40} is not a string"
                raise FrameError(msg)
            check_plain(item, depth - 1)
    elif type(value) is list:
        for item in value:
            check_plain(item, depth - 1)
    elif type(value) is float:
        if not math.isfinite(value):
            msg = f"{value} is not JSON"
            raise FrameError(msg)
    else:
        msg = f"{kind.__name__} is not JSON"
        raise FrameError(msg)


def shared(value: Any, like: Any = None) -> Any:
    """The same JSON value with each word kept once in memory, for documents that stay and that thousands resemble.

    Where it says the same as a value that was made so before, `like`, it is that one.
    """
    if like is not None and type(value) is type(like):
        if value == like:
            return like
        if type(value) is dict:
            return {intern(key): shared(item, like.get(key)) for key, item in value.items()}
        if type(value) is list and len(value) == len(like):
            return [shared(item, was) for item, was in zip(value, like)]
    if isinstance(value, str):
        return intern(value)
    if isinstance(value, dict):
        return {intern(key): shared(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shared(item) for item in value]
    return value


def whole_second(us: int) -> int:
    """An instant as `metav1.Time` keeps it: cut down to the second."""
    return us - us % SECOND


def object_ref(document: Document) -> str:
    """How records name an object: `Node/worker-1`, `Pod/default/web-0`."""
    metadata = document["metadata"]
    namespace = metadata.get("namespace")
    name = metadata["name"]
    return f"{document['kind']}/{namespace}/{name}" if namespace else f"{document['kind']}/{name}"
