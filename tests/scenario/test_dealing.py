"""Which node lives in which agent."""

from __future__ import annotations

import pytest

from nodesim.scenario.dealing import Dealing, NodePattern, claimed

NODES = [*(f"worker-{n}" for n in range(12)), "db-0", "edge-01"]


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("worker-*", "worker-11", True),
        ("worker-?", "worker-1", True),
        ("worker-?", "worker-11", False),
        ("worker-[0-9]", "worker-9", True),
        ("worker-[0-9]", "worker-10", False),
        ("worker-[5-499]", "worker-10", True),
        ("worker-[5-499]", "worker-4", False),
        ("r[0-3]-n[2-4]", "r3-n2", True),
        ("r[0-3]-n[2-4]", "r3-n1", False),
        ("edge-[0-9]", "edge-01", False),
        ("a.b-1", "a.b-1", True),
        ("a.b-1", "axb-1", False),
    ],
)
def test_a_pattern_means_these_names(pattern: str, name: str, fits: bool) -> None:
    """Any text, any character, any number of a range."""
    assert NodePattern(pattern).fits(name) is fits


@pytest.mark.parametrize("pattern", ["", "Worker", "worker-[9-1]", "worker-[1-]", "a b", "x" * 201, "worker-[a-b]"])
def test_what_is_no_pattern_says_so(pattern: str) -> None:
    """The text names the pattern."""
    with pytest.raises(ValueError, match=r"pattern|empty"):
        NodePattern(pattern)


def test_a_claim_that_means_no_node_is_an_error() -> None:
    """Most likely it is a slip of the pen."""
    with pytest.raises(ValueError, match="no node of this scenario is called wroker"):
        claimed(NODES, ["wroker-*"])
    with pytest.raises(ValueError, match="at most"):
        claimed(NODES, ["*"] * 101)
    assert claimed(NODES, ["db-*", "worker-[10-11]"]) == ("worker-10", "worker-11", "db-0")


def test_what_nobody_claims_is_dealt_out_by_name_not_by_arrival() -> None:
    """Agents without claims take turns, in the order of their names."""
    dealing = Dealing(NODES, agents=3)
    for agent, claims in (("z", []), ("db", ["db-*"]), ("a", [])):
        assert not dealing.ready
        dealing.join(agent, claims)
    dealt = dealing.deal()
    assert dealt["db"] == ("db-0",)
    assert dealt["a"] == ("worker-0", "worker-2", "worker-4", "worker-6", "worker-8", "worker-10", "edge-01")
    assert sorted(node for nodes in dealt.values() for node in nodes) == sorted(NODES)


def test_two_agents_cannot_claim_one_node() -> None:
    """The second hears who has it; once the first has left it may."""
    dealing = Dealing(NODES, agents=2)
    dealing.join("a", ["worker-[0-5]"])
    with pytest.raises(ValueError, match="agent a has claimed worker-3"):
        dealing.join("b", ["worker-[3-7]"])
    assert dealing.missing == "1 more agent"
    dealing.leave("a")
    dealing.join("b", ["worker-[3-7]"])
    assert dealing.missing == "1 more agent"


def test_a_node_without_a_place_is_waited_for() -> None:
    """All agents claim, and something is left over."""
    dealing = Dealing(NODES, agents=1)
    dealing.join("a", ["worker-*"])
    assert not dealing.ready
    assert dealing.missing == "an agent for db-0 and 1 more nodes"
    dealing.join("b", [])
    assert dealing.ready
    assert dealing.deal()["b"] == ("db-0", "edge-01")
