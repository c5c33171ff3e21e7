"""Blocks of a range: which comes next, what is taken, what is free."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodesim.controllers.nodeipam.blocks import Blocks, networks_of, node_mask
from nodesim.controllers.nodeipam.cidr_set import CidrSet, Network, overlap, parse_network
from nodesim.profiles import Settings
from tests.upstream import section


def network(cidr: str) -> Network:
    """A network that is one."""
    found = parse_network(cidr)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("cluster", "mask", "first", "last", "blocks"),
    [
        ("10.244.0.0/16", 24, "10.244.0.0/24", "10.244.255.0/24", 256),
        ("10.244.0.0/21", 24, "10.244.0.0/24", "10.244.7.0/24", 8),
        ("127.123.234.0/30", 31, "127.123.234.0/31", "127.123.234.2/31", 2),
        ("127.123.234.0/24", 24, "127.123.234.0/24", "127.123.234.0/24", 1),
        ("fd00::/60", 64, "fd00::/64", "fd00:0:0:f::/64", 16),
        ("2001:db8:0:ffff::/66", 70, "2001:db8:0:ffff::/70", "2001:db8:0:ffff:3c00::/70", 16),
    ],
)
def test_blocks_come_in_order(cluster: str, mask: int, first: str, last: str, blocks: int) -> None:
    """From the first address on, until none is left."""
    made = CidrSet(network(cluster), mask)
    found = [made.allocate_next() for _ in range(blocks)]
    assert (found[0], found[-1], made.blocks) == (first, last, blocks)
    assert len(set(found)) == blocks
    assert made.allocate_next() is None


def test_what_is_given_back_waits_for_the_walk() -> None:
    """The next block is the one behind the last; a free one before it comes after the end of the range."""
    made = CidrSet(network("10.0.0.0/22"), 24)
    assert [made.allocate_next() for _ in range(2)] == ["10.0.0.0/24", "10.0.1.0/24"]
    assert made.release(network("10.0.0.0/24"))
    assert [made.allocate_next() for _ in range(4)] == ["10.0.2.0/24", "10.0.3.0/24", "10.0.0.0/24", None]
    assert made.release(network("10.0.2.0/24"))
    assert [made.allocate_next() for _ in range(2)] == ["10.0.2.0/24", None]


REUSE: Final = section("derived", "cidr_reuse")


def test_the_derived_case_of_reuse() -> None:
    """`derived.cidr_reuse`: nodes come and go, each with the block that the case says."""
    made = CidrSet(network(REUSE["cluster"]), REUSE["mask"])
    held: dict[str, str] = {}
    for line in REUSE["sequence"]:
        what, node, *rest = line.split()
        if what == "delete":
            assert made.release(network(held.pop(node)))
            continue
        block = made.allocate_next()
        assert block == rest[1]
        held[node] = block


@pytest.mark.parametrize(
    ("cidr", "taken"),
    [
        ("10.0.1.0/24", 1),
        ("10.0.1.128/25", 1),
        ("10.0.2.0/23", 2),
        ("10.0.0.0/21", 4),
        ("10.0.0.0/8", 4),
        ("10.0.4.0/24", None),
        ("192.168.0.0/16", None),
        ("fd00::/64", None),
    ],
)
def test_a_network_takes_the_blocks_that_it_touches(cidr: str, taken: int | None) -> None:
    """Smaller than a block, larger than the range, or outside of it; twice is as good as once."""
    made = CidrSet(network("10.0.0.0/22"), 24)
    for _ in range(2):
        assert made.occupy(network(cidr)) is (taken is not None)
        assert made.used == (taken or 0)
    assert made.release(network(cidr)) is (taken is not None)
    assert made.used == 0


@pytest.mark.parametrize("cidr", ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/24", "fd00::/129", "node-1", "10.0.0.0/24/1"])
def test_garbage_is_no_network(cidr: str) -> None:
    """It is not raised, but told."""
    assert parse_network(cidr) is None


class Naive:
    """What the allocator does, as one would write it with lists of networks."""

    def __init__(self, cluster: str, mask: int) -> None:
        self.blocks: list[Any] = list(ip_network(cluster).subnets(new_prefix=mask))
        self.used: list[Any] = []
        self.last = len(self.blocks) - 1

    def allocate(self) -> str | None:
        """The first free block behind the last one."""
        walk = self.blocks[self.last + 1 :] + self.blocks[: self.last + 1]
        free = [block for block in walk if block not in self.used]
        if not free:
            return None
        self.last = self.blocks.index(free[0])
        self.used.append(free[0])
        return str(free[0])

    def touched(self, cidr: str) -> list[Any]:
        """The blocks that share an address with a network."""
        return [block for block in self.blocks if block.overlaps(ip_network(cidr, strict=False))]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    family=st.sampled_from([("10.0.0.0/21", 24, "10.0.{}.{}/{}"), ("fd00:0:0:8::/61", 64, "fd00:0:0:{:x}:{:x}::/{}")]),
    actions=st.lists(
        st.tuples(
            st.sampled_from(["allocate", "allocate", "occupy", "release"]),
            st.integers(0, 17),
            st.sampled_from([0, 128]),
            st.integers(-4, 3),
        ),
        max_size=40,
    ),
)
def test_it_does_what_a_list_of_networks_does(
    family: tuple[str, int, str], actions: list[tuple[str, int, int, int]]
) -> None:
    """Whatever is handed out, taken and given back in whatever order, of networks of all sizes."""
    cluster, mask, form = family
    made, naive = CidrSet(network(cluster), mask), Naive(cluster, mask)
    for what, third, fourth, longer in actions:
        cidr = form.format(third, fourth, mask + longer)
        if what == "allocate":
            assert made.allocate_next() == naive.allocate()
            continue
        touched = naive.touched(cidr)
        kept = [block for block in naive.used if block not in touched]
        naive.used = kept if what == "release" else [*kept, *touched]
        changed = made.release if what == "release" else made.occupy
        assert changed(network(cidr)) is bool(touched)
        assert made.used == len(naive.used)


@pytest.mark.parametrize(
    ("options", "four", "six"),
    [
        ({}, 24, 64),
        ({"node_cidr_mask_size": 26}, 26, 26),
        ({"node_cidr_mask_size_ipv4": 25, "node_cidr_mask_size_ipv6": 80}, 25, 80),
    ],
)
def test_how_large_a_block_is(options: dict[str, int], four: int, six: int) -> None:
    """Of its family, of both, or the default."""
    made = Settings(**options)
    assert (node_mask(made, 4), node_mask(made, 6)) == (four, six)


def test_services_keep_their_part_of_the_range() -> None:
    """The blocks that the service range touches are never handed out; a service range elsewhere changes nothing."""
    made = Blocks(Settings(cluster_cidr="10.0.0.0/22", service_cidr="10.0.1.0/25,fd00::/112"))
    assert [made.allocate() for _ in range(4)] == [["10.0.0.0/24"], ["10.0.2.0/24"], ["10.0.3.0/24"], None]
    apart = Blocks(Settings(cluster_cidr="10.0.0.0/22", service_cidr="10.96.0.0/12"))
    assert apart.allocate() == ["10.0.0.0/24"]
    assert Blocks(Settings(cluster_cidr="10.0.0.0/22", service_cidr="10.0.0.0/8")).allocate() is None


def test_two_families_are_handed_out_together() -> None:
    """One of each; where the second has none left, the first one's block is lost, as in Kubernetes."""
    made = Blocks(Settings(cluster_cidr="10.0.0.0/22,fd00::/63"))
    assert made.allocate() == ["10.0.0.0/24", "fd00::/64"]
    assert made.allocate() == ["10.0.1.0/24", "fd00:0:0:1::/64"]
    assert made.allocate() is None
    made.release(["10.0.0.0/24", "fd00::/64"])
    assert made.allocate() == ["10.0.3.0/24", "fd00::/64"]
    assert made.allocate() is None


@pytest.mark.parametrize(
    ("cidrs", "why"),
    [
        (["10.0.1.0/24"], ""),
        ([], ""),
        (["garbage"], "failed to parse node n, CIDR garbage"),
        (["10.1.0.0/24"], "is out the range of cluster cidr 10.0.0.0/22"),
        (["10.0.1.0/24", "fd00::/64"], "does not exist in cluster cidrs configuration"),
    ],
)
def test_what_a_node_holds_must_be_of_the_cluster(cidrs: list[str], why: str) -> None:
    """Else it is said why not."""
    refused = Blocks(Settings(cluster_cidr="10.0.0.0/22")).occupy("n", cidrs)
    assert why in refused
    assert bool(why) is bool(refused)


def test_networks_of_two_families_never_overlap() -> None:
    """Nor do neighbours; one inside the other does, either way round."""
    assert overlap(network("10.0.0.0/8"), network("10.1.0.0/16"))
    assert overlap(network("10.1.0.0/16"), network("10.0.0.0/8"))
    assert not overlap(network("10.0.0.0/24"), network("10.0.1.0/24"))
    assert not overlap(network("0.0.0.0/0"), network("::/0"))
    assert [str(each) for each in networks_of("10.0.0.9/24, fd00::/64,x")] == ["10.0.0.0/24", "fd00::/64"]
