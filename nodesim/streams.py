"""Where does chance come from?

From named streams.  A stream's n-th value depends on the run's seed, the stream's name and n, and on nothing else: one
more node, another order of events or another process leaves it as it was.  Integer arithmetic only, so that every
platform draws the same.

How it works.  The key of a stream is SHA-256 of seed and name; its n-th value is SplitMix64's output function applied
to key + n * golden ratio (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).  So a stream is
two integers, made at its first use.
"""

from __future__ import annotations

import hashlib
from typing import Final

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15


class Stream:
    """One named sequence of 64-bit values."""

    __slots__ = ("_key", "index", "log", "name")

    def __init__(self, name: str, key: int, log: list[tuple[str, int, int]] | None = None) -> None:
        self.name = name
        self._key = key
        self.index = 0
        """How many values were drawn."""
        self.log = log
        """Where draws are noted as (name, index, value), for tests."""

    def draw(self) -> int:
        """The next value, uniform in [0, 2**64)."""
        self.index += 1
        z = (self._key + self.index * _GOLDEN) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        z ^= z >> 31
        if self.log is not None:
            self.log.append((self.name, self.index, z))
        return z

    def below(self, limit: int) -> int:
        """The next value, uniform in [0, limit); one draw, also for limit 1."""
        return self.draw() * limit >> 64

    def walk(self, at: int, step: int, jitter: int, until: int) -> int:
        """Go on from `at` by steps of `step` and, drawn anew for each, up to `jitter` more, to `until` or beyond."""
        while at < until:
            at += step + (self.draw() * jitter >> 64)
        return at

    def __repr__(self) -> str:
        """Name and how far it was drawn."""
        return f"Stream({self.name!r}, index={self.index})"


class Streams:
    """All streams of one seed."""

    def __init__(self, seed: int, log: list[tuple[str, int, int]] | None = None) -> None:
        self.seed = seed
        self._log = log
        self._made: dict[str, Stream] = {}

    def stream(self, name: str) -> Stream:
        """The stream of this name, always the same object."""
        found = self._made.get(name)
        if found is None:
            key = int.from_bytes(hashlib.sha256(f"{self.seed}/{name}".encode()).digest()[:8], "big")
            found = self._made[name] = Stream(name, key, self._log)
        return found

    def phase_us(self, actor: str, within_us: int) -> int:
        """How far an actor that is there when a run begins has come in its rhythms: of [0, `within_us`) us; 0 for 0.

        From a stream of the actor's own, `ACTOR/phase`.
        """
        return self.stream(f"{actor}/phase").below(within_us) if within_us else 0
