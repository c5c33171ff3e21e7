"""Verdicts of a link, by table."""

from typing import Literal

import pytest

from nodesim.net import (
    CERTAIN,
    CONTROL_PLANE,
    HELD,
    LOST,
    REFUSED,
    Link,
    LinkChange,
    Topology,
    after_loss,
    apart,
    host_of,
    judge,
    retransmit_at,
)
from nodesim.units import MILLISECOND, SECOND

FULL = (1 << 64) - 1


@pytest.mark.parametrize(
    ("link", "draw", "expected"),
    [
        (Link(1000), 0, 1_001_000),
        (Link(1), 0, 1_000_001),
        (Link(1000, jitter_us=500), 0, 1_001_000),
        (Link(1000, jitter_us=500), 0xFFFFFFFF, 1_001_500),
        (Link(1000, jitter_us=500), 0x80000000, 1_001_250),
        (Link(1000, loss_ppm=10_000), FULL, 1_001_000),
        (Link(1000, loss_ppm=10_000), 0, LOST),
        (Link(1000, loss_ppm=1_000_000), 0, HELD),
        (Link(1000, loss_ppm=1_000_000), FULL, HELD),
        (Link(1000, loss_ppm=1_000_000, cut="refuse"), 0, HELD),
        (Link(1000, hold=True), 0, 1_001_000),
        (Link(1000, duplicate_ppm=1_000_000), 0, 1_001_000),
        (Link(1000, cut="drop"), 0, HELD),
        (Link(1000, cut="refuse"), 0, REFUSED),
    ],
)
def test_a_message_arrives_after_latency_and_jitter_or_not(link: Link, draw: int, expected: int) -> None:
    """A message sent at 1 s arrives at the latency plus what its draw says; a loss of 100 % is as good as a cut."""
    assert judge(link, 1 * SECOND, draw) == expected


@pytest.mark.parametrize(
    ("ppm", "part", "expected"),
    [
        (500_000, 0.6, 0),
        (500_000, 0.4, 1),
        (500_000, 0.2, 2),
        (500_000, 0.1, 3),
        (10_000, 0.011, 0),
        (10_000, 0.009, 1),
    ],
)
def test_a_packet_is_lost_k_times_with_probability_loss_to_the_k(ppm: int, part: float, expected: int) -> None:
    """With 50 % loss the draws below a half are lost once, those below a quarter twice, and so on."""
    assert tries(int(part * 2**32) << 32, [ppm] * 40) == expected


def test_each_try_meets_the_loss_of_its_own_time() -> None:
    """Lost once at 50 %: at 0 % the next try passes; at 10 % it is lost with a tenth of those draws."""
    twice, once = int(0.04 * 2**32) << 32, int(0.06 * 2**32) << 32
    assert tries(once, [500_000, 0]) == 1
    assert tries(once, [500_000, 100_000, 0]) == 1
    assert tries(twice, [500_000, 100_000, 0]) == 2


def tries(draw: int, losses: list[int]) -> int:
    """How often a packet is lost, the loss of each try given."""
    chance = CERTAIN
    for count, ppm in enumerate(losses):
        link = Link(1000, loss_ppm=ppm)
        if judge(link, 0, draw, chance) != LOST:
            return count
        chance = after_loss(link, chance)
    return len(losses)


@pytest.mark.parametrize(
    ("passable_us", "expected_us"),
    [
        (0, 0),
        (1, 200 * MILLISECOND),
        (200 * MILLISECOND, 200 * MILLISECOND),
        (201 * MILLISECOND, 600 * MILLISECOND),
        (10 * SECOND, 12_600 * MILLISECOND),
        (30 * SECOND, 51 * SECOND),
    ],
)
def test_tcp_tries_again_after_doubling_waits(passable_us: int, expected_us: int) -> None:
    """What was sent at 0 s is tried again at 0.2, 0.6, 1.4, 3.0, 6.2, 12.6, 25.4, 51.0 s."""
    assert retransmit_at(0, passable_us) == expected_us


def test_a_rule_changes_only_the_named_hosts_and_ways() -> None:
    """A one-way cut of w0 leaves its other direction and w1 as they were; links are the same objects at every call."""
    topology = Topology(Link(1000), Link(500))
    kept = topology.link("w0", "control-plane")
    topology.apply(LinkChange(("w0",), ("to-control-plane",), cut="drop"))
    assert topology.link("w0", "control-plane") is kept
    assert kept.cut == "drop"
    assert topology.link("control-plane", "w0").cut == ""
    assert topology.link("w1", "control-plane").cut == ""
    assert topology.link("control-plane", "control-plane") == Link(500)
    topology.apply(LinkChange(("w0",), ("to-control-plane", "from-control-plane"), cut="", latency_us=7))
    assert (kept.cut, kept.latency_us) == ("", 7)
    assert topology.link("control-plane", "w0").latency_us == 7


def test_nodes_have_no_link_to_each_other() -> None:
    """Kubelets talk to the control plane only; anything else is a mistake of ours."""
    with pytest.raises(ValueError, match="no link between w0 and w1"):
        Topology(Link(), Link()).link("w0", "w1")


def test_an_actor_sits_on_its_node_or_on_the_control_plane() -> None:
    """`node/NAME` sits on NAME."""
    assert [host_of(actor) for actor in ("node/w0", "apiserver", "scheduler")] == [
        "w0",
        "control-plane",
        "control-plane",
    ]


def test_an_actor_that_stands_apart_has_links_of_its_own() -> None:
    """Like those of where it sits; cut by itself, with its host, or both, and whole only when neither is."""
    topology = Topology(Link(2000, jitter_us=5), Link(1000), {"probe": "w", "manager": CONTROL_PLANE})
    assert topology.host_of("probe") == apart("probe")
    assert topology.host_of("node/w") == "w"
    assert topology.host_of("scheduler") == CONTROL_PLANE
    probe = topology.link(apart("probe"), CONTROL_PLANE)
    node = topology.link("w", CONTROL_PLANE)
    manager = topology.link(CONTROL_PLANE, apart("manager"))
    assert (probe.latency_us, probe.jitter_us, manager.latency_us) == (2000, 5, 1000)
    assert probe is not node
    assert manager is not topology.link(CONTROL_PLANE, CONTROL_PLANE)
    steps: tuple[tuple[str, Literal["", "drop", "refuse"], str, str], ...] = (
        (apart("probe"), "refuse", "refuse", ""),
        ("w", "drop", "refuse", "drop"),
        (apart("probe"), "", "drop", "drop"),
        (apart("probe"), "drop", "drop", "drop"),
        ("w", "", "drop", ""),
        (apart("probe"), "", "", ""),
    )
    for host, cut, of_probe, of_node in steps:
        topology.apply(LinkChange((host,), ("to-control-plane",), cut=cut))
        assert (probe.cut, node.cut) == (of_probe, of_node)
    topology.apply(LinkChange(("w",), ("to-control-plane",), latency_us=9))
    assert (probe.latency_us, node.latency_us) == (9, 9)
    assert topology.link(CONTROL_PLANE, apart("probe")).latency_us == 2000
