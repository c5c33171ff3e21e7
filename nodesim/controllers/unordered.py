"""In which order are objects taken where Kubernetes fixes none?

It goes over Go maps and over indexes of its caches, which have no order: another run takes another.  Here it is the
order of names, in one place for all who ask.
"""

from __future__ import annotations

from collections.abc import Iterable


def in_any_order(keys: Iterable[str]) -> list[str]:
    """The keys (`namespace/name` or `name`) in the order in which they are taken."""
    return sorted(keys)
