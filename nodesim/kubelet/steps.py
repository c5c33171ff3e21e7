"""What can a scenario do to a machine?

These are the steps that a `NodeMachine` is `Told`.  A step that finds its work done already (a kubelet that is dead, a
machine that is off) does nothing.
"""

from __future__ import annotations

from nodesim.values import value


@value
class KillKubelet:
    """The kubelet's process dies; its containers run on, and the kernel refuses what comes for it."""


@value
class StartKubelet:
    """A new kubelet process begins; nothing happens while the machine is off."""


@value
class PowerOff:
    """The machine loses power: kubelet and containers are gone at once, and nothing answers any more."""


@value
class PowerOn:
    """The machine boots, and its kubelet starts."""
