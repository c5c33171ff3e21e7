"""Which exchange is measured, and in which forms does it travel?

A thousand kubelets renew their leases over one agent: each sends a `Renew`, waits for its `Done`, and sends the next
one at once.  A form says what the bytes of that are; values and number of requests are the same in all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

import attrs
import msgpack

from nodesim.messages import REGISTRY, Done, Frame, Renew, decode, encode
from nodesim.world import Parcel
from nodesim.world.words import Parcels, decode_word, encode_word

SENDERS: Final = 1_000
SERVER: Final = "apiserver"
NAMES: Final = [f"node/worker-{n}" for n in range(SENDERS)]
VERSION: Final = "1200000124"

Waiting: TypeAlias = tuple[int, str]
"""A sender that may send again, and the resourceVersion that it heard last."""


@attrs.frozen
class Form:
    """What one ZeroMQ message carries where plain pyzmq makes the exchange.

    Attributes:
        batch: requests in one message.
        requests: their bytes, of those who may send.
        answers: what the server makes of them.
        read: what the client makes of that.
    """

    batch: int
    requests: Callable[[Sequence[Waiting]], bytes]
    answers: Callable[[bytes], bytes]
    read: Callable[[bytes], list[Waiting]]


# --- bare: msgpack on the codec's arrays, nothing tested ------------------------------------------------------------

_NUMBERS: Final = REGISTRY.index(Renew), REGISTRY.index(Done)


def _bare_request(waiting: Waiting) -> tuple[Any, ...]:
    sender, version = waiting
    name = NAMES[sender]
    return (1, _NUMBERS[0], name, SERVER, sender, 0, 1, "", "kube-node-lease", name[5:], "", version, 120_000_000)


def _bare_answer(request: Sequence[Any]) -> tuple[Any, ...]:
    return (1, _NUMBERS[1], request[3], request[2], 0, request[4], request[6], "", 200, b"", VERSION)


def _bare_read(answer: Sequence[Any]) -> Waiting:
    return answer[5], answer[10]


def _one_by_one() -> Form:
    packb, unpackb = msgpack.packb, msgpack.unpackb
    return Form(
        batch=1,
        requests=lambda senders: packb(_bare_request(senders[0])),
        answers=lambda message: packb(_bare_answer(unpackb(message))),
        read=lambda message: [_bare_read(unpackb(message))],
    )


def _batched() -> Form:
    packb, unpackb = msgpack.packb, msgpack.unpackb
    return Form(
        batch=150,  # What fits into a frame of 16 KiB, as in ours.
        requests=lambda senders: packb([packb(_bare_request(sender)) for sender in senders]),
        answers=lambda message: packb([packb(_bare_answer(unpackb(request))) for request in unpackb(message)]),
        read=lambda message: [_bare_read(unpackb(answer)) for answer in unpackb(message)],
    )


# --- ours: the strict codec, and the words in which frames travel between hosts -------------------------------------


def request_payload(waiting: Waiting) -> bytes:
    """A heartbeat: a payload of its own, as in a run in real time, where a newer one may take its place."""
    sender, version = waiting
    name = NAMES[sender]
    message = Renew("kube-node-lease", name[5:], "", version, 120_000_000)
    return encode_word(Parcels((Parcel(1, name, 1, SERVER, encode(name, SERVER, message, sender, 0, 1)),)))


def answers_to(payloads: Iterable[bytes]) -> bytes:
    """What the handler says, in one payload."""
    return encode_word(Parcels(tuple(_answer(parcel) for payload in payloads for parcel in parcels_of(payload))))


def read_answers(payload: bytes) -> list[Waiting]:
    """Who may send again."""
    frames = [decode(parcel.frame) for parcel in parcels_of(payload)]
    return [(frame.in_reply_to, frame.message.resource_version) for frame in frames]


def parcels_of(payload: bytes) -> Sequence[Parcel]:
    """The frames in a payload."""
    word = decode_word(payload)
    assert isinstance(word, Parcels)
    return word.parcels


def _answer(parcel: Parcel) -> Parcel:
    frame = decode(parcel.frame)
    made = encode(SERVER, frame.source, _handle(frame), 0, frame.id, frame.connection)
    return Parcel(parcel.at_us, SERVER, parcel.n, frame.source, made)


def _handle(frame: Frame) -> Done:
    assert isinstance(frame.message, Renew)
    return Done(200, b"", VERSION)


def _same() -> Form:
    packb, unpackb = msgpack.packb, msgpack.unpackb
    return Form(
        batch=80,  # What fits into a frame of 16 KiB, as in ours.
        requests=lambda senders: packb([request_payload(sender) for sender in senders]),
        answers=lambda message: answers_to(unpackb(message)),
        read=read_answers,
    )


FORMS: Final = {"one by one": _one_by_one(), "same payloads": _same(), "bare batches": _batched()}
