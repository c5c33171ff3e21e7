"""How does a scenario cross to another process?

As plain data in msgpack: agents build the same plan and the same actors from it as the hub does.  cattrs takes the
classes of `nodesim.spec` apart and puts them together; what a value may be is taken literally ("7" is no 7, and an
unknown key is a fault), because whoever sends it may run another version.
"""

from __future__ import annotations

import types
from typing import Any, Final, Union, get_args, get_origin

import cattrs
import msgpack

from nodesim.errors import FrameError
from nodesim.spec import Scenario

_PLAIN: Final = (int, str, bool, bytes)


def _exactly(kind: type) -> Any:
    def structure(item: Any, _: type) -> Any:
        if type(item) is not kind:
            msg = f"{item!r:.40} is no {kind.__name__}"
            raise TypeError(msg)
        return item

    return structure


def _is_plain_union(annotation: Any) -> bool:
    kinds = get_args(annotation) if get_origin(annotation) in (types.UnionType, Union) else ()
    return bool(kinds) and set(kinds) <= {*_PLAIN, types.NoneType}


def _one_of(item: Any, annotation: Any) -> Any:
    if type(item) not in get_args(annotation):
        msg = f"{item!r:.40} is no {annotation}"
        raise TypeError(msg)
    return item


def _converter() -> cattrs.Converter:
    made = cattrs.Converter(forbid_extra_keys=True, detailed_validation=False)
    for kind in _PLAIN:
        made.register_structure_hook(kind, _exactly(kind))
    made.register_structure_hook_func(_is_plain_union, _one_of)
    return made


_CONVERTER: Final = _converter()


def pack_scenario(scenario: Scenario) -> bytes:
    """The bytes of a scenario."""
    made: bytes = msgpack.packb(_CONVERTER.unstructure(scenario))
    return made


def unpack_scenario(packed: bytes) -> Scenario:
    """The scenario of such bytes.

    Raises:
        FrameError: they are none.
    """
    try:
        return _CONVERTER.structure(msgpack.unpackb(packed), Scenario)
    except Exception as broken:  # msgpack, cattrs and wrong shapes raise many unrelated classes
        msg = f"not a scenario: {type(broken).__name__}: {broken}"
        raise FrameError(msg) from broken
