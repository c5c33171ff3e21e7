"""A renewal in its shortest form does what the PUT of the whole lease does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodesim.machine import Record, Send
from nodesim.messages import (
    Delete,
    Dial,
    Done,
    Failure,
    List,
    Listed,
    Message,
    Renew,
    Renewed,
    Update,
    Watch,
    WatchEvent,
)
from nodesim.objects import Document, decode_document, encode_document
from nodesim.objects.documents import DOCUMENT_BYTES_MAX
from nodesim.units import SECOND
from tests.apiserver.cluster import Cluster, after, changed, lease, put, renewal

LEASES = "kube-node-lease"
KUBELET = "node/n1"

WATCHES: list[dict[str, Any]] = [
    {"brief": brief, **selection}
    for brief in (False, True)
    for selection in (
        {},
        {"namespace": LEASES},
        {"namespace": "default"},
        {"fields": "metadata.name=n1"},
        {"fields": "metadata.name=n2"},
        {"fields": "metadata.name!=n1"},
        {"labels": "zone=a"},
        {"labels": "zone!=a", "namespace": LEASES},
    )
]
"""Who may want to hear of leases, and how."""


def cluster_of(made: Document, *, heartbeats: bool = False) -> tuple[Cluster, Document]:
    """A cluster in which a lease was created 10 s ago; the lease as it is stored."""
    cluster = Cluster(heartbeats=heartbeats)
    stored = cluster.create("leases", made, client=KUBELET)
    cluster.now_us += 10 * SECOND
    return cluster, stored


def owned(**spec: Any) -> Document:
    """The lease of n1 with its owner and a label; a field of its spec that is None is left out."""
    made = lease()
    made["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u"}]
    made["metadata"]["labels"] = {"zone": "a"}
    wanted = made["spec"] | spec
    made["spec"] = {name: item for name, item in wanted.items() if item is not None}
    return made


def heard_whole(cluster: Cluster, watch: int, *known: Document) -> list[tuple[str, Document]]:
    """(type, whole lease) of what a watch heard, by a client that knew some leases before."""
    cache = {document["metadata"]["name"]: document for document in known}
    found: list[tuple[str, Document]] = []
    decoded = iter(cluster.events.get((f"watcher-{watch}", watch), []))
    for message in cluster.messages(watch):
        if isinstance(message, Renewed):
            event = ("MODIFIED", after(cache[message.name], message))
        else:
            event = next(decoded)
        found.append(event)
        cache[event[1]["metadata"]["name"]] = event[1]
    return found


def test_a_renewal_is_answered_and_told() -> None:
    """An answer with the new version only; a brief watch hears what is new, another the whole lease; nothing else."""
    cluster, made = cluster_of(owned())
    for client, id_, brief in (("b-full", 77, False), ("a-brief", 78, True), ("c-brief", 79, True)):
        cluster.frame(client, Dial())
        cluster.frame(client, Watch("leases", LEASES, "", "", "", brief), id_)
    answer = cluster.call(renewal(made, cluster.now_us), KUBELET)
    version = str(cluster.now_us * 1000)
    assert answer == Done(200, b"", version)
    now = changed(changed(made, "spec.renewTime", cluster.now_us), "metadata.resourceVersion", version)
    brief_event = Renewed(LEASES, "n1", version, cluster.now_us)
    assert cluster.effects[1:] == [
        Send("a-brief", brief_event, 0, 78, 1),
        Send("b-full", WatchEvent("MODIFIED", encode_document(now)), 0, 77, 1),
        Send("c-brief", brief_event, 0, 79, 1),
    ]
    assert cluster.get("leases", "n1", LEASES) == now


def test_brief_watches_alone_hear_of_renewals_in_their_order() -> None:
    """With nobody who wants whole leases: by client, and only those of the lease's namespace."""
    cluster, made = cluster_of(owned())
    for client, namespace in (("d", ""), ("b", LEASES), ("c", "default"), ("a", "")):
        cluster.frame(client, Dial())
        cluster.frame(client, Watch("leases", namespace, "", "", "", True), 5)
    cluster.call(renewal(made, 9), KUBELET)
    event = Renewed(LEASES, "n1", str(cluster.now_us * 1000), 9)
    assert cluster.effects[1:] == [Send(client, event, 0, 5, 1) for client in ("a", "b", "d")]
    assert cluster.server.watch_events == 3


def test_a_brief_watch_that_selects_hears_whole_leases() -> None:
    """Its client could not tell from a renewal alone whether the lease is one of those it asked for."""
    cluster, made = cluster_of(owned())
    watch = cluster.watch("leases", "metadata.name=n1", brief=True)
    cluster.call(renewal(made, 9), KUBELET)
    [(kind, document)] = cluster.events[f"watcher-{watch}", watch]
    assert (kind, document["spec"]["renewTime"]) == ("MODIFIED", 9)


def test_a_watch_that_ended_hears_nothing_more() -> None:
    """Brief or not, by the end of its connection or by a newer watch of the same id."""
    cluster, made = cluster_of(owned())
    brief = cluster.watch("leases", brief=True)
    full = cluster.watch("leases")
    again = f"watcher-{brief}"
    cluster.frame(again, Watch("leases", LEASES, "", "", "", True), brief)
    cluster.frame(f"watcher-{full}", Dial(), connection=2)
    answer = cluster.call(renewal(made, 9), KUBELET)
    told = [effect.message for effect in cluster.effects if isinstance(effect, Send)]
    assert told == [answer, Renewed(LEASES, "n1", answer.resource_version, 9)]
    cluster.frame(again, Dial(), connection=2)
    made["metadata"]["resourceVersion"] = answer.resource_version
    cluster.call(renewal(made, 10), KUBELET)
    assert len(cluster.effects) == 1


Renewing = Callable[[Document], Renew]

CASES: dict[str, tuple[Document, Renewing]] = {
    "right version": (owned(), lambda made: renewal(made, 99)),
    "stale version": (owned(), lambda made: renewal(changed(made, "metadata.resourceVersion", "1"), 99)),
    "version of the future": (owned(), lambda made: renewal(changed(made, "metadata.resourceVersion", "9" * 19), 99)),
    "version that is none": (owned(), lambda made: renewal(changed(made, "metadata.resourceVersion", "new"), 99)),
    "no version": (owned(), lambda made: renewal(changed(made, "metadata.resourceVersion", ""), 99)),
    "wrong uid": (owned(), lambda made: renewal(changed(made, "metadata.uid", "other"), 99)),
    "no uid": (owned(), lambda made: renewal(changed(made, "metadata.uid", ""), 99)),
    "wrong uid and stale version": (
        owned(),
        lambda made: renewal(changed(changed(made, "metadata.uid", "other"), "metadata.resourceVersion", "1"), 99),
    ),
    "missing lease": (owned(), lambda made: renewal(changed(made, "metadata.name", "n2"), 99)),
    "missing namespace": (owned(), lambda made: renewal(changed(made, "metadata.namespace", "gone"), 99)),
    "another namespace": (owned(), lambda made: renewal(changed(made, "metadata.namespace", "default"), 99)),
    "empty namespace": (owned(), lambda made: renewal(changed(made, "metadata.namespace", ""), 99)),
    "empty name": (owned(), lambda made: renewal(changed(made, "metadata.name", ""), 99)),
    "lease without renewTime": (owned(renewTime=None), lambda made: renewal(made, 99)),
    "lease with nothing in its spec": (
        owned(renewTime=None, holderIdentity=None, leaseDurationSeconds=None),
        lambda made: renewal(made, 99),
    ),
    "same renewTime": (owned(renewTime=99), lambda made: renewal(made, 99)),
    "same renewTime, stale version": (
        owned(renewTime=99),
        lambda made: renewal(changed(made, "metadata.resourceVersion", "1"), 99),
    ),
    "renewTime 0": (owned(renewTime=5), lambda made: renewal(made, 0)),
    "huge renewTime": (owned(), lambda made: renewal(made, 2**64 - 1)),
    "negative renewTime": (owned(), lambda made: renewal(made, -(2**63))),
    "bare lease": (lease(), lambda made: renewal(made, 99)),
}


def null_renew_time() -> Document:
    """A lease whose renewTime is written, but null."""
    made = owned()
    made["spec"]["renewTime"] = None
    return made


CASES["null renewTime"] = (null_renew_time(), lambda made: renewal(made, 99))


def whole(known: Document, request: Renew) -> Update:
    """The PUT that a renewal of this lease stands for."""
    document = copy.deepcopy(known)
    document["metadata"] |= {
        "namespace": request.namespace,
        "name": request.name,
        "uid": request.uid,
        "resourceVersion": request.resource_version,
    }
    document["spec"]["renewTime"] = request.renew_us
    return Update("leases", request.namespace, request.name, "", encode_document(document), brief=True)


def played(made: Document, renewing: Renewing, *, in_short: bool, heartbeats: bool) -> dict[str, Any]:
    """Everything that can be seen of a renewal, and of a second one on top of it."""
    cluster, stored = cluster_of(made, heartbeats=heartbeats)
    before = stored["metadata"]["resourceVersion"]
    live = [cluster.watch("leases", **options) for options in WATCHES]
    request = renewing(stored)
    records: list[Record] = []
    answers = []
    for message in (request, None):
        current = cluster.get("leases", "n1", LEASES)
        asked = message or renewal(current, 2 * SECOND)
        known = stored if message else current
        form: Message = asked if in_short else whole(known, asked)
        answers.append(cluster.call(form, KUBELET))
        records += cluster.records()
        cluster.now_us += SECOND
    late = [cluster.watch("leases", version=before, **options) for options in WATCHES]
    return {
        "answers": answers,
        "stored": cluster.get("leases", "n1", LEASES),
        "listed": cluster.listed("leases", fields="metadata.name=n1", labels="zone"),
        "live": [heard_whole(cluster, watch, stored) for watch in live],
        "late": [heard_whole(cluster, watch, stored) for watch in late],
        "counters": repr(cluster.server),
        "records": records,
    }


@pytest.mark.parametrize("heartbeats", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_both_forms_of_a_renewal_do_the_same(name: str, heartbeats: bool) -> None:
    """Same answer, lease, events for watches that were open or come late, counters and records; the next one, too."""
    made, renewing = CASES[name]
    outcomes = [played(made, renewing, in_short=in_short, heartbeats=heartbeats) for in_short in (False, True)]
    assert outcomes[0] == outcomes[1]
    assert outcomes[0]["live"] == outcomes[0]["late"]


REFUSED = {
    "stale version": 409,
    "version of the future": 409,
    "version that is none": 409,
    "no version": 422,
    "wrong uid": 409,
    "wrong uid and stale version": 409,
    "missing lease": 409,
    "missing namespace": 409,
    "another namespace": 409,
    "empty namespace": 400,
    "empty name": 400,
    "same renewTime, stale version": 409,
}


@pytest.mark.parametrize("name", CASES)
def test_a_renewal_is_refused_for_its_preconditions_only(name: str) -> None:
    """The code of the answer; what is refused changes nothing, and neither does the renewTime that is there."""
    made, renewing = CASES[name]
    cluster, stored = cluster_of(made)
    request = renewing(stored)
    answer = cluster.call(request, KUBELET)
    now = cluster.get("leases", "n1", LEASES)
    if name in REFUSED:
        assert isinstance(answer, Failure)
        assert answer.code == REFUSED[name]
        assert now == stored
    else:
        version = str(cluster.now_us * 1000) if name != "same renewTime" else stored["metadata"]["resourceVersion"]
        assert answer == Done(200, b"", version)
        expected = changed(stored, "spec.renewTime", request.renew_us)
        assert now == changed(expected, "metadata.resourceVersion", version)
    assert cluster.server.renewals == (name not in REFUSED and name != "same renewTime")


def test_a_renewal_makes_no_lease() -> None:
    """Not even without a uid: it does not say what would be in it."""
    cluster, made = cluster_of(owned())
    made["metadata"] |= {"name": "n2", "uid": ""}
    failure = cluster.fails(renewal(made, 5))
    assert (failure.code, failure.reason) == (409, "Conflict")
    assert cluster.gone("leases", "n2", LEASES)


def test_recording_heartbeats_changes_nothing_but_the_records() -> None:
    """The same frames go out, to the byte; before the answer stands the record."""
    runs = []
    for heartbeats in (False, True):
        cluster, made = cluster_of(owned(), heartbeats=heartbeats)
        cluster.watch("leases")
        cluster.watch("leases", brief=True)
        cluster.call(renewal(made, 7), KUBELET)
        runs.append(cluster.effects)
    record = Record("LeaseRenewed", f"Lease/{LEASES}/n1", {"by": KUBELET, "renew_us": 7})
    assert runs[1] == [record, *runs[0]]
    assert [type(effect.message) for effect in runs[0] if isinstance(effect, Send)] == [Done, WatchEvent, Renewed]


def test_a_lease_as_large_as_may_be_does_not_grow_by_renewals() -> None:
    """The limit of the whole document holds in both forms."""
    made = owned(renewTime=0)
    spare = DOCUMENT_BYTES_MAX - len(encode_document(cluster_of(made)[1]))
    made["metadata"]["annotations"] = {"a": "x" * (spare - 20)}
    for renew_us, fits in ((1, True), (2**63, False)):
        answers = []
        for in_short in (False, True):
            cluster, stored = cluster_of(made)
            request = renewal(stored, renew_us)
            answers.append(cluster.call(request if in_short else whole(stored, request), KUBELET))
            now = cluster.get("leases", "n1", LEASES)["spec"]["renewTime"]
            assert now == (renew_us if fits else 0)
        assert answers[0] == answers[1]
        assert answers[0].code == (200 if fits else 413)


def test_late_watches_hear_of_each_renewal() -> None:
    """The history has each of them whole, and in brief for those who want that."""
    cluster, made = cluster_of(owned())
    first = made["metadata"]["resourceVersion"]
    for at_us in (1, 2, 3):
        cluster.now_us += SECOND
        made["metadata"]["resourceVersion"] = cluster.call(renewal(made, at_us), KUBELET).resource_version
    for fields, labels in (("", ""), ("metadata.name=n1", "x!=y")):
        watch = cluster.watch("leases", fields, labels, first)
        assert cluster.heard(watch) == [("MODIFIED", "n1")] * 3
        assert [document["spec"]["renewTime"] for document in cluster.documents(watch)] == [1, 2, 3]
    brief = cluster.watch("leases", version=first, brief=True)
    messages = cluster.messages(brief)
    assert [message.renew_us for message in messages if isinstance(message, Renewed)] == [1, 2, 3]
    last = cluster.watch("leases", version=made["metadata"]["resourceVersion"], brief=True)
    assert cluster.messages(last) == []


def test_a_renewed_lease_can_be_read_written_patched_and_deleted() -> None:
    """What comes after a renewal finds the whole lease with its renewTime and version."""
    cluster, made = cluster_of(owned())
    made["metadata"]["resourceVersion"] = cluster.call(renewal(made, 5), KUBELET).resource_version
    made["spec"]["renewTime"] = 5
    assert cluster.listed("leases") == [made]
    assert cluster.fails(put("leases", changed(made, "metadata.resourceVersion", "1"))).code == 409
    made = cluster.update("leases", changed(made, "spec.leaseDurationSeconds", 20))
    assert made["spec"]["renewTime"] == 5
    made["metadata"]["resourceVersion"] = cluster.call(renewal(made, 6), KUBELET).resource_version
    made = cluster.patch("leases", "n1", {"metadata": {"labels": {"b": "c"}}}, LEASES)
    assert made["metadata"]["labels"] == {"zone": "a", "b": "c"}
    assert made["spec"] == {"holderIdentity": "n1", "leaseDurationSeconds": 20, "renewTime": 6}
    answer = cluster.call(renewal(made, 7), KUBELET)
    assert isinstance(answer, Done)
    watch = cluster.watch("leases", version=answer.resource_version, brief=True)
    delete = Delete("leases", LEASES, "n1")
    cluster.ok(delete)
    [(kind, last)] = cluster.events[f"watcher-{watch}", watch]
    assert (kind, last["spec"]["renewTime"], last["metadata"]["labels"]) == ("DELETED", 7, made["metadata"]["labels"])
    assert cluster.fails(delete).code == 404
    assert cluster.fails(renewal(made, 8)).code == 409


def test_a_lease_that_waits_for_its_finalizers_is_renewed() -> None:
    """It is marked as deleted, and stays so; in both forms."""
    runs = []
    for in_short in (False, True):
        cluster, made = cluster_of(changed(owned(), "metadata.finalizers", ["x/hold"]))
        cluster.ok(Delete("leases", LEASES, "n1"))
        marked = cluster.get("leases", "n1", LEASES)
        assert "deletionTimestamp" in marked["metadata"]
        request = renewal(marked, 99)
        answer = cluster.call(request if in_short else whole(marked, request), KUBELET)
        runs.append((answer, cluster.get("leases", "n1", LEASES)))
        assert runs[-1][1]["spec"]["renewTime"] == 99
        assert runs[-1][1]["metadata"]["deletionTimestamp"] == marked["metadata"]["deletionTimestamp"]
        assert made["metadata"]["uid"] == marked["metadata"]["uid"]
    assert runs[0] == runs[1]


def test_another_change_is_told_whole_to_brief_watches_too() -> None:
    """Only a renewal is brief; so is the one after it again."""
    cluster, made = cluster_of(owned())
    watch = cluster.watch("leases", brief=True)
    made["metadata"]["resourceVersion"] = cluster.call(renewal(made, 5), KUBELET).resource_version
    made = cluster.update("leases", changed(made, "spec.leaseDurationSeconds", 20))
    cluster.call(renewal(made, 6), KUBELET)
    first, second, third = cluster.messages(watch)
    assert isinstance(first, Renewed)
    assert second == WatchEvent("MODIFIED", encode_document(made))
    assert isinstance(third, Renewed)


def test_a_broken_lease_is_a_bad_request() -> None:
    """Bytes that are no document; numbers of another type are no integers."""
    cluster, made = cluster_of(owned())
    assert cluster.fails(Update("leases", LEASES, "n1", "", b"\xc1", True)).code == 400
    for fault in ("soon", 5.0, True):
        assert cluster.fails(put("leases", changed(made, "spec.renewTime", fault), brief=True)).code == 400
    assert cluster.get("leases", "n1", LEASES) == made


NAMES = st.sampled_from(("n1", "n2"))
INSTANTS = st.one_of(st.integers(0, 3), st.integers(-(2**63), 2**64 - 1))
RENEWALS = st.tuples(
    st.just("renew"), NAMES, st.tuples(INSTANTS, st.sampled_from(("", "", "", "version", "uid", "both")))
)
"""What is wrong with it comes last: nothing, mostly."""
OTHERS = st.one_of(
    st.tuples(st.just("label"), NAMES, st.sampled_from("ab")),
    st.tuples(st.just("duration"), NAMES, st.sampled_from((20, 40, None))),
    st.tuples(st.just("renewTime"), NAMES, st.sampled_from((1, 2, None))),
    st.tuples(st.just("delete"), NAMES, st.none()),
    st.tuples(st.just("create"), NAMES, st.none()),
)
STEPS = st.lists(st.tuples(st.one_of(RENEWALS, RENEWALS, OTHERS), st.sampled_from((0, 1, SECOND))), max_size=14)


class Play:
    """A cluster to which leases happen; `known` is what its clients last knew of them."""

    def __init__(self, *, in_short: bool, heartbeats: bool) -> None:
        self.cluster = Cluster(heartbeats=heartbeats)
        self.in_short = in_short
        self.known: dict[str, Document] = {}
        for name in ("n1", "n2"):
            self.do("create", name, None)

    def do(self, verb: str, name: str, item: Any) -> Any:
        """One step; the answer to it, its document decoded: maps are equal in any order of their keys."""
        cluster = self.cluster
        before = self.known.get(name)
        match verb:
            case "create":
                made = lease(name, 1)
                made["metadata"]["labels"] = {"zone": "a"}
                answer = cluster.call(put("leases", made), KUBELET)
            case "delete":
                answer = cluster.call(Delete("leases", LEASES, name), KUBELET)
            case "renew":
                assert before is not None
                renew_us, wrong = item
                asked = before
                if wrong in ("version", "both"):
                    asked = changed(asked, "metadata.resourceVersion", "7")
                if wrong in ("uid", "both"):
                    asked = changed(asked, "metadata.uid", "other")
                request = renewal(asked, renew_us)
                answer = cluster.call(request if self.in_short else whole(asked, request), KUBELET)
            case _:
                assert before is not None
                path = {"label": "metadata.labels.zone", "duration": "spec.leaseDurationSeconds"}
                where = path.get(verb, "spec.renewTime")
                answer = cluster.call(put("leases", changed(before, where, item), brief=True), KUBELET)
        for document in cluster.listed("leases"):
            self.known[document["metadata"]["name"]] = document
        if isinstance(answer, Done) and answer.document:
            return answer.code, decode_document(answer.document), answer.resource_version
        return answer

    def seen(self, options: dict[str, Any]) -> tuple[list[Document], str]:
        """What a client that is about to watch finds in its list, and the version of that."""
        selection = {name: item for name, item in options.items() if name != "brief"}
        answer = self.cluster.call(List("leases", **selection))
        assert isinstance(answer, Listed)
        return [decode_document(packed) for packed in answer.documents], answer.resource_version


def replayed(known: list[Document], events: list[tuple[str, Document]]) -> list[Document]:
    """What a client knows in the end; each event must make sense to it."""
    cache = {document["metadata"]["name"]: document for document in known}
    for kind, document in events:
        name = document["metadata"]["name"]
        assert (name in cache) is (kind != "ADDED")
        cache[name] = document
        if kind == "DELETED":
            del cache[name]
    return [cache[name] for name in sorted(cache)]


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(steps=STEPS, heartbeats=st.booleans())
def test_any_mix_of_renewals_and_other_writes_is_the_same_in_both_forms(
    steps: list[tuple[tuple[str, str, Any], int]], heartbeats: bool
) -> None:
    """Answers, records, counters, leases; and what each kind of watch hears, open or late, ends with the store."""
    outcomes = []
    for in_short in (False, True):
        play = Play(in_short=in_short, heartbeats=heartbeats)
        cluster = play.cluster
        begun = [(options, *play.seen(options)) for options in WATCHES]
        live = [cluster.watch("leases", version=version, **options) for options, _, version in begun]
        middle: list[tuple[dict[str, Any], list[Document], str]] = []
        answers = []
        for place, ((verb, name, item), pause_us) in enumerate(steps):
            if place == len(steps) // 2:
                middle = [(options, *play.seen(options)) for options in WATCHES]
            cluster.now_us += pause_us
            answers.append((play.do(verb, name, item), copy.deepcopy(play.known)))
        heard = [heard_whole(cluster, watch, *known) for watch, (_, known, _) in zip(live, begun)]
        for options, known, version in begun + middle:
            watch = cluster.watch("leases", version=version, **options)
            heard.append(heard_whole(cluster, watch, *known))
        final = [play.seen(options)[0] for options in WATCHES]
        for (_, known, _), events, stored in zip(begun + begun + middle, heard, final * 3):
            assert replayed(known, events) == stored
        outcomes.append((answers, heard, final, repr(cluster.server)))
    assert outcomes[0] == outcomes[1]
