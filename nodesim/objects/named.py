"""Under which key is an object of a namespace known?"""

from __future__ import annotations


class Namespaced:
    """What has a namespace and a name."""

    __slots__ = ()

    namespace: str
    name: str

    @property
    def key(self) -> str:
        """`namespace/name`, as in client-go tools/cache `MetaNamespaceKeyFunc`."""
        return f"{self.namespace}/{self.name}"
