"""Who owns whom, as far as the caches tell, and whose turn is it when that changes?

How it works.  Each object is a node, found by its uid.  An owner that is named before it was seen is there too, as a
virtual node, until it is seen or the API server says that it does not exist.  What a change calls for is noted in
`attempts`, in order: `delete/UID` (look whether this object must go) or `orphan/UID` (free its dependents).

* an object goes: its dependents are looked at, and those of its owners that wait for their dependents;
* it begins to wait for its dependents (foreground): they and it are looked at;
* it begins to wait for being freed of them (orphan): they are freed;
* it blocks an owner no longer: the owner is looked at.

Source: pkg/controller/garbagecollector/graph_builder.go `processGraphChanges`, `processTransitions`,
`addDependentToOwners`, `addUnblockedOwnersToDeleteQueue`; uid_cache.go.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.controllers.garbagecollector.views import FOREGROUND, ORPHAN, Identity, OwnedObject, OwnerReference

ABSENT_MAX: Final = 500
"""How many owners are remembered as gone, as in Kubernetes; more cost another GET, nothing else."""


@attrs.define
class Node:
    """An object in the graph."""

    identity: Identity
    owners: tuple[OwnerReference, ...] = ()
    dependents: dict[str, None] = attrs.field(factory=dict)
    """Their uids."""
    being_deleted: bool = False
    deleting_dependents: bool = False
    """Its foreground deletion waits for them."""
    virtual: bool = False
    """It was named as an owner and has not been seen."""


class Graph:
    """All objects by uid."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self._absent: dict[Identity, None] = {}
        self._attempts: dict[str, None] = {}

    def take_attempts(self) -> list[str]:
        """What changes have called for since this was asked last."""
        taken = list(self._attempts)
        self._attempts.clear()
        return taken

    def attempt(self, uid: str) -> None:
        """Look at this object soon."""
        self._attempts[f"delete/{uid}"] = None

    def is_absent(self, owner: Identity) -> bool:
        """It is known that there is no such object, at this address and with this uid."""
        return owner in self._absent

    def note_absent(self, owner: Identity) -> None:
        """There is no such object."""
        self._absent.pop(owner, None)
        self._absent[owner] = None
        if len(self._absent) > ABSENT_MAX:
            del self._absent[next(iter(self._absent))]

    def dependents(self, node: Node) -> list[Node]:
        """An object's dependents, in the order of their names."""
        found = [self.nodes[uid] for uid in node.dependents if uid in self.nodes]
        return sorted(found, key=lambda each: each.identity.order)

    def blocking(self, node: Node) -> list[Node]:
        """The dependents for which its foreground deletion waits."""
        uid = node.identity.uid
        return [
            each for each in self.dependents(node) if any(owner.uid == uid and owner.blocks for owner in each.owners)
        ]

    # --- what is seen ---------------------------------------------------------------------------------------------

    def changed(self, old: OwnedObject | None, new: OwnedObject | None) -> None:
        """An object appeared, changed or went."""
        if old is not None and (new is None or new.identity.uid != old.identity.uid):
            self._remove(old.identity.uid)
            old = None
        if new is None:
            return
        node = self.nodes.get(new.identity.uid)
        if node is None:
            node = self.nodes[new.identity.uid] = Node(new.identity)
        elif node.virtual and node.identity != new.identity:
            # It is not who its dependents say it is: they are looked at, and find their owner absent.
            node.identity = new.identity
            for dependent in self.dependents(node):
                self.attempt(dependent.identity.uid)
        node.virtual = False
        self._set_owners(node, new.owners)
        node.being_deleted = node.being_deleted or new.being_deleted
        self._transit(node, old, new)

    def forget_virtual(self, node: Node) -> None:
        """The API server does not know it: a virtual node goes; one that was seen waits for its own deletion."""
        if node.virtual:
            self._remove(node.identity.uid)

    def _transit(self, node: Node, old: OwnedObject | None, new: OwnedObject) -> None:
        if new.waits_with(ORPHAN) and not (old is not None and old.waits_with(ORPHAN)):
            self._attempts[f"orphan/{new.identity.uid}"] = None
        elif new.waits_with(FOREGROUND) and not (old is not None and old.waits_with(FOREGROUND)):
            node.deleting_dependents = True
            for dependent in self.dependents(node):
                self.attempt(dependent.identity.uid)
            self.attempt(new.identity.uid)

    def _set_owners(self, node: Node, owners: tuple[OwnerReference, ...]) -> None:
        if owners == node.owners:
            return
        before = {owner.uid: owner for owner in node.owners}
        after = {owner.uid: owner for owner in owners}
        node.owners = owners
        uid = node.identity.uid
        for owner in before.values():
            now = after.get(owner.uid)
            holder = self.nodes.get(owner.uid)
            if holder is not None and owner.blocks and not (now is not None and now.blocks):
                self.attempt(owner.uid)
            if holder is not None and now is None:
                holder.dependents.pop(uid, None)
        for owner in after.values():
            holder = self.nodes.get(owner.uid)
            named = owner.identity(node.identity.namespace)
            if holder is None:
                holder = self.nodes[owner.uid] = Node(named, virtual=True)
                self.attempt(owner.uid)
            elif holder.identity != named:
                self.attempt(uid)  # Its owner is somebody else, or somewhere else, than it says.
            holder.dependents[uid] = None

    def _remove(self, uid: str) -> None:
        node = self.nodes.pop(uid, None)
        if node is None:
            return
        if node.dependents:
            self.note_absent(node.identity)
        for owner in node.owners:
            holder = self.nodes.get(owner.uid)
            if holder is not None:
                holder.dependents.pop(uid, None)
        for dependent in self.dependents(node):
            self.attempt(dependent.identity.uid)
        for owner in node.owners:
            holder = self.nodes.get(owner.uid)
            if holder is not None and holder.deleting_dependents:
                self.attempt(owner.uid)
