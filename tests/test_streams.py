"""Streams: a value depends on seed, name and index only."""

from nodesim.streams import Streams


def test_a_stream_does_not_depend_on_the_others() -> None:
    """Drawing from another stream in between changes nothing."""
    alone, mixed = Streams(7), Streams(7)
    expected = [alone.stream("a").draw() for _ in range(5)]
    got = []
    for _ in range(5):
        mixed.stream("b").draw()
        got.append(mixed.stream("a").draw())
    assert got == expected


def test_the_first_values_are_fixed_for_ever() -> None:
    """Traces are compared across versions and machines: these three values may never change."""
    stream = Streams(7).stream("link/node/w0->apiserver")
    assert [stream.draw() for _ in range(3)] == [
        0x28D8D6AC47F42127,
        0xAF94AD97DD9DE409,
        0x97ABD8A73E7CBDCD,
    ]


def test_values_below_a_limit_cover_it() -> None:
    """`below` gives every value under its limit and never the limit."""
    stream = Streams(1).stream("x")
    assert {stream.below(5) for _ in range(200)} == {0, 1, 2, 3, 4}
    assert stream.below(1) == 0
    assert stream.index == 201


def test_draws_are_logged_with_their_place() -> None:
    """The log has (stream, index, value) for each draw."""
    log: list[tuple[str, int, int]] = []
    stream = Streams(1, log).stream("x")
    values = [stream.draw(), stream.draw()]
    assert log == [("x", 1, values[0]), ("x", 2, values[1])]


def test_seeds_and_names_give_different_streams() -> None:
    """Another seed or another name is another sequence."""
    first = {Streams(seed).stream(name).draw() for seed in (1, 2) for name in ("a", "b")}
    assert len(first) == 4


def test_a_walk_draws_a_jitter_for_each_step() -> None:
    """As the steps taken one by one; none where the place is reached already."""
    walked, stepped = Streams(3).stream("x"), Streams(3).stream("x")
    at = 5
    while at < 1_000:
        at += 100 + stepped.below(4)
    assert walked.walk(5, 100, 4, 1_000) == at
    assert walked.index == stepped.index
    assert walked.walk(at, 100, 4, at) == at
    assert walked.index == stepped.index
