"""Which node lives in which agent?

An agent may claim nodes by pattern; nodes that nobody claims are dealt out, one after the other, among those agents
that claim none.  In a pattern `*` is any text, `?` any character, and `[0-499]` any number from 0 to 499, written as
node templates write it, without leading zeros.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

PATTERNS_MAX: Final = 100
PATTERN_LEN_MAX: Final = 200

_PART: Final = re.compile(
    r"(?P<range>\[(?P<low>[0-9]{1,9})-(?P<high>[0-9]{1,9})\])|(?P<any>[*?])|(?P<text>[a-z0-9.-]+)"
)


class NodePattern:
    """A pattern of node names.

    Raises:
        ValueError: it is none; the text says why.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._ranges: list[tuple[int, int]] = []
        if not 0 < len(text) <= PATTERN_LEN_MAX:
            msg = f"a pattern of node names has 1 to {PATTERN_LEN_MAX} characters"
            raise ValueError(msg)
        place, made = 0, ""
        while place < len(text):
            part = _PART.match(text, place)
            if part is None:
                msg = f"{text!r} is no pattern of node names from {text[place:]!r} on; such as worker-*, worker-[0-499]"
                raise ValueError(msg)
            if part["range"]:
                low, high = int(part["low"]), int(part["high"])
                if low > high:
                    msg = f"{text!r}: the range [{low}-{high}] is empty"
                    raise ValueError(msg)
                self._ranges.append((low, high))
                made += "(0|[1-9][0-9]{0,8})"
            elif part["any"]:
                made += ".*" if part["any"] == "*" else "."
            else:
                made += re.escape(part["text"])
            place = part.end()
        self._pattern = re.compile(made)

    def fits(self, name: str) -> bool:
        """Is this node meant?"""
        found = self._pattern.fullmatch(name)
        return found is not None and all(
            low <= int(number) <= high for number, (low, high) in zip(found.groups(), self._ranges)
        )


def claimed(nodes: Sequence[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """The nodes that an agent's patterns mean, in the scenario's order.

    Raises:
        ValueError: a pattern is none, or they mean no node.
    """
    if len(patterns) > PATTERNS_MAX:
        msg = f"at most {PATTERNS_MAX} patterns"
        raise ValueError(msg)
    made = [NodePattern(pattern) for pattern in patterns]
    found = tuple(node for node in nodes if any(pattern.fits(node) for pattern in made))
    if not found:
        msg = f"no node of this scenario is called {' or '.join(patterns)}"
        raise ValueError(msg)
    return found


class Dealing:
    """Which agents are here, and what each of them gets."""

    def __init__(self, nodes: Sequence[str], agents: int) -> None:
        self._nodes = tuple(nodes)
        self._wanted = agents
        self._claims: dict[str, tuple[str, ...]] = {}
        """By agent, in the order in which they joined; empty: it takes what is left."""

    def join(self, agent: str, patterns: Sequence[str]) -> None:
        """An agent is here.

        Raises:
            ValueError: it cannot take part; the text says why.
        """
        if not patterns:
            self._claims[agent] = ()
            return
        found = claimed(self._nodes, patterns)
        for other, theirs in self._claims.items():
            both = set(found) & set(theirs)
            if both:
                msg = f"agent {other} has claimed {min(both)} already"
                raise ValueError(msg)
        self._claims[agent] = found

    def leave(self, agent: str) -> bool:
        """It is gone; had it joined?"""
        return self._claims.pop(agent, None) is not None

    @property
    def ready(self) -> bool:
        """Are there as many agents as wanted, and has every node a place?"""
        return len(self._claims) >= self._wanted and not self.homeless

    @property
    def homeless(self) -> list[str]:
        """Nodes that nobody takes."""
        if not all(self._claims.values()):
            return []
        taken = {node for nodes in self._claims.values() for node in nodes}
        return [node for node in self._nodes if node not in taken]

    @property
    def missing(self) -> str:
        """What is waited for, in words."""
        short = self._wanted - len(self._claims)
        if short > 0:
            return f"{short} more agent{'s' if short > 1 else ''}"
        return f"an agent for {self.homeless[0]}" + (
            f" and {len(self.homeless) - 1} more nodes" if len(self.homeless) > 1 else ""
        )

    def deal(self) -> Mapping[str, tuple[str, ...]]:
        """The nodes of each agent, in the scenario's order.

        Who joined first makes no difference: agents without claims are served in the order of their names.
        """
        assert self.ready
        dealt = {agent: list(nodes) for agent, nodes in self._claims.items()}
        taken = {node for nodes in self._claims.values() for node in nodes}
        takers = sorted(agent for agent, nodes in self._claims.items() if not nodes)
        for place, node in enumerate(node for node in self._nodes if node not in taken):
            dealt[takers[place % len(takers)]].append(node)
        return {agent: tuple(nodes) for agent, nodes in dealt.items()}
