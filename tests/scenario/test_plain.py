"""A scenario crosses to another process as plain data, and comes back the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodesim.cli.files import scenario_files
from nodesim.errors import FrameError
from nodesim.scenario.load import load_scenario
from nodesim.scenario.plain import pack_scenario, unpack_scenario

FOLDER: Final = Path(__file__).parent.parent.parent / "scenarios"


@pytest.mark.parametrize("path", scenario_files([FOLDER]), ids=lambda path: path.stem)
def test_every_scenario_comes_back_the_same(path: Path) -> None:
    """Equal in every value and in every type that shows."""
    scenario = load_scenario(path)
    back = unpack_scenario(pack_scenario(scenario))
    assert back == scenario
    assert repr(back) == repr(scenario)


def _changed(**values: Any) -> bytes:
    plain = msgpack.unpackb(pack_scenario(load_scenario(FOLDER / "partition-evicts.yaml")))
    return msgpack.packb({**plain, **values})


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        msgpack.packb(7),
        msgpack.packb({}),
        _changed(seed="7"),
        _changed(surprise=1),
        _changed(nodes=[{"name": 3}]),
        _changed(nodes=None),
        _changed(steps=[{"at_us": 1, "verb": "explode", "text": ""}]),
        _changed(duration_us=True),
    ],
)
def test_what_is_no_scenario_is_refused(packed: bytes) -> None:
    """With one error, whatever is wrong."""
    with pytest.raises(FrameError, match="not a scenario"):
        unpack_scenario(packed)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_scenario_or_a_frame_error(packed: bytes) -> None:
    """Nothing else escapes."""
    with pytest.raises(FrameError):
        unpack_scenario(packed)
