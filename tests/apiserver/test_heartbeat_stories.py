"""Whatever happens to a lease: can renewals be told from PUTs, and do those who listen end with what is stored?"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nodesim.apiserver.registry import BY_PLURAL
from nodesim.apiserver.store import Store
from nodesim.machine import MachineEffect, Record, Send
from nodesim.messages import Delete, Dial, Done, Failure, Renew, Renewed, Unwatch, Update, Watch, WatchEvent
from nodesim.objects import Document, decode_document, encode_document
from nodesim.units import SECOND
from tests.apiserver.cluster import Cluster, after, lease, post, renewal

SPACE = "kube-node-lease"
WATCHER = "node-controller"

WATCHES = {
    71: Watch("leases", SPACE, "", "", "", brief=True),
    72: Watch("leases", SPACE, "", "", ""),
    73: Watch("leases", "", "", "", "", brief=True),
    74: Watch("leases", "", "", "", ""),
    75: Watch("leases", SPACE, "metadata.name=n1", "", "", brief=True),
    76: Watch("leases", "", "metadata.name=n1", "", ""),
    77: Watch("leases", SPACE, "", "pool=a", "", brief=True),
    78: Watch("leases", SPACE, "", "pool=a", ""),
    81: Watch("leases", "default", "", "", "", brief=True),
    82: Watch("leases", SPACE, "metadata.name=n2", "", "", brief=True),
    83: Watch("leases", SPACE, "", "pool=b", ""),
}
"""By id; the first eight hear of the lease n1, the others do not."""

DEAF = frozenset({81, 82, 83})
IN_SHORT = frozenset({71, 73})
"""Those that hear of renewals by `Renewed`; a selector needs the document, so brief watches with one get it whole."""

Step = tuple[str, int, int]
"""What is done, how long after the step before (us), and the renewTime or another number that it writes."""

WATCHERS = st.frozensets(st.sampled_from(sorted(WATCHES)))
STEPS = st.tuples(
    st.sampled_from(["renew", "renew", "renew", "change", "stale", "alien", "absent", "remake"]),
    st.sampled_from([0, 0, 1, SECOND]),
    st.integers(0, 9),
)


class Caches:
    """What the client of each watch makes of its events: a `Renewed` is applied to the lease that it knows."""

    def __init__(self, known: Document) -> None:
        self._known = known
        self.leases: dict[int, Document | None] = {}

    def hear(self, effects: list[MachineEffect]) -> list[Any]:
        """(watch, type, the lease after it) of the events among effects, in order."""
        heard: list[Any] = []
        for effect in effects:
            if not isinstance(effect, Send):
                continue
            message, watch = effect.message, effect.in_reply_to
            if isinstance(message, Renewed):
                before = self.leases.get(watch, self._known)
                assert before is not None, "a renewal of a lease that is gone"
                document = after(before, message)
                heard.append((watch, "MODIFIED", document))
                self.leases[watch] = document
            elif isinstance(message, WatchEvent):
                document = decode_document(message.document)
                heard.append((watch, message.type, document))
                self.leases[watch] = None if message.type == "DELETED" else document
        return heard


def owned(*, renewed: bool) -> Document:
    """The lease n1 before it is stored."""
    made = lease(renew_us=5)
    made["metadata"]["labels"] = {"pool": "a"}
    made["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u"}]
    if not renewed:
        del made["spec"]["renewTime"]
    return made


def begun(watches: frozenset[int], *, heartbeats: bool = False, renewed: bool = True) -> tuple[Cluster, Document]:
    """A cluster with these watches and one lease; the lease as it is stored."""
    cluster = Cluster(heartbeats=heartbeats)
    cluster.frame(WATCHER, Dial())
    for number in sorted(watches):
        cluster.frame(WATCHER, WATCHES[number], number)
    made = cluster.create("leases", owned(renewed=renewed), SPACE, "node/n1")
    cluster.now_us += 10 * SECOND
    return cluster, made


def late(cluster: Cluster, known: Document) -> dict[int, list[Any]]:
    """Watches from the known lease's version on, opened now: what each hears of the past."""
    heard = {}
    version = known["metadata"]["resourceVersion"]
    for number, watch in WATCHES.items():
        since = Watch("leases", watch.namespace, watch.fields, watch.labels, version, watch.brief)
        client = f"late-{number}-since-{version}"
        cluster.frame(client, Dial())
        answer, *events = cluster.frame(client, since, number)
        assert answer == Send(client, Done(200, b"", version), 0, number, 1)
        heard[number] = Caches(known).hear(events)
    return heard


def counters(cluster: Cluster) -> tuple[int, int, int]:
    """What the server counted."""
    server = cluster.server
    return (server.renewals, server.status_posts, server.watch_events)


def said(answer: Done | Failure) -> Any:
    """What an answer says; the order of a document's fields says nothing."""
    if isinstance(answer, Failure):
        return answer
    return answer.code, decode_document(answer.document) if answer.document else None, answer.resource_version


def write(known: Document, kind: str, value: int, *, in_short: bool) -> Renew | Update:
    """A renewal of the lease as somebody knows it, or (`stale`, `alien`, `absent`) as somebody wrongly does."""
    known = copy.deepcopy(known)
    wrong = {"stale": {"resourceVersion": "1"}, "alien": {"uid": "other"}, "absent": {"name": "n2"}}
    known["metadata"] |= wrong.get(kind, {})
    if in_short:
        return renewal(known, value)
    known["spec"]["renewTime"] = value
    return Update("leases", SPACE, known["metadata"]["name"], "", encode_document(known), brief=True)


def take(cluster: Cluster, known: Document, step: Step, *, in_short: bool = True) -> tuple[Any, list[MachineEffect]]:
    """One step of a story, by somebody who knows this lease: the answer, and all that it led to."""
    kind, wait_us, value = step
    cluster.now_us += wait_us  # Two writes of one instant, too, get different versions.
    if kind == "change":
        changed = copy.deepcopy(known)
        changed["spec"]["leaseDurationSeconds"] = 40 + value
        answer = cluster.call(Update("leases", SPACE, "n1", "", encode_document(changed)), "node/n1")
        return answer, cluster.effects
    if kind == "remake":
        cluster.ok(Delete("leases", SPACE, "n1"))
        before = cluster.effects
        answer = cluster.call(post("leases", owned(renewed=value % 2 == 0), SPACE))
        return answer, before + cluster.effects
    answer = cluster.call(write(known, kind, value, in_short=in_short), "node/n1")
    return answer, cluster.effects


@settings(max_examples=30, deadline=None)
@given(WATCHERS, st.booleans(), st.booleans(), st.lists(STEPS, max_size=10))
def test_no_story_tells_a_server_with_renewals_from_one_with_puts(
    watches: frozenset[int], heartbeats: bool, renewed: bool, steps: list[Step]
) -> None:
    """After each step, both have answered, recorded, told, counted and stored the same; late watchers hear the same."""
    short, made = begun(watches, heartbeats=heartbeats, renewed=renewed)
    whole, _ = begun(watches, heartbeats=heartbeats, renewed=renewed)
    servers = ((short, Caches(made), True), (whole, Caches(made), False))
    known = made
    for step in steps:
        outcomes = []
        for cluster, caches, in_short in servers:
            answer, effects = take(cluster, known, step, in_short=in_short)
            records = [effect for effect in effects if isinstance(effect, Record)]
            stored = cluster.get("leases", "n1", SPACE)
            outcomes.append((said(answer), caches.hear(effects), records, counters(cluster), stored))
        assert outcomes[0] == outcomes[1]
        known = outcomes[0][-1]
    assert late(short, made) == late(whole, made)
    assert counters(short) == counters(whole)


@settings(max_examples=25, deadline=None)
@given(WATCHERS, st.booleans(), st.lists(STEPS, max_size=8))
def test_any_mix_of_renewals_and_updates_replays_to_what_is_stored(
    watches: frozenset[int], heartbeats: bool, steps: list[Step]
) -> None:
    """A cache kept by brief news, one kept by whole leases, and watches that begin at any stage end at the store's."""
    cluster, made = begun(watches, heartbeats=heartbeats)
    caches, stored = Caches(made), made
    stages = {made["metadata"]["resourceVersion"]: made}
    for step in steps:
        caches.hear(take(cluster, stored, step)[1])
        stored = cluster.get("leases", "n1", SPACE)
        stages[stored["metadata"]["resourceVersion"]] = stored
    for number in watches:
        assert caches.leases.get(number, made) == (made if number in DEAF else stored)
    for stage in stages.values():
        for number, heard in late(cluster, stage).items():
            last = heard[-1][2] if heard else stage
            assert last == (stage if number in DEAF else stored)


def test_each_watch_hears_in_its_own_form_whoever_else_is_there() -> None:
    """While one after the other ends its watch, until only brief ones are left, and then nobody."""
    watches = [71, 72, 73, 74, 75, 81]
    cluster, _ = begun(frozenset(watches))
    for gone in (75, 72, 74, 71, 73, 81):
        watches.remove(gone)
        cluster.frame(WATCHER, Unwatch(gone), 99)
        cluster.now_us += SECOND
        cluster.call(renewal(cluster.get("leases", "n1", SPACE), cluster.now_us), "node/n1")
        sent = [
            (effect.in_reply_to, type(effect.message)) for effect in cluster.effects[1:] if isinstance(effect, Send)
        ]
        hearing = [number for number in watches if number not in DEAF]
        assert sent == [(number, Renewed if number in IN_SHORT else WatchEvent) for number in hearing]


def test_a_renewal_stands_on_a_whole_revision_never_on_another_renewal() -> None:
    """However often a lease was renewed, one document and what is new is kept; after a full update, that one."""
    store, leases = Store(), BY_PLURAL["leases"]
    objects, key = store.objects("leases"), (SPACE, "n1")
    stored = first = store.create(leases, owned(renewed=True), 0)
    for n in range(1, 4):
        stored = store.renew(objects, key, stored, n, n)
        assert (stored.base, stored.renew_us, stored.text) == (first, n, str(stored.version))
        assert objects[key] is stored
    assert stored.document["spec"] == {**first.document["spec"], "renewTime": 3}
    assert decode_document(stored.packed) == stored.document
    longer = {**stored.document, "spec": {**stored.document["spec"], "leaseDurationSeconds": 50}}
    second = store.replace(leases, stored, longer, 9)
    assert second.base is None
    assert store.renew(objects, key, second, 10, 10).base is second
