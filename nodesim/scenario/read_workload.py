"""What is expected of a workload: how is `{workload: Deployment/web, shows: {ready_replicas: ">= 2"}}` read?"""

from __future__ import annotations

from typing import Final

from nodesim.expect import WORKLOAD_STATUS
from nodesim.scenario.claims import Claim, only
from nodesim.scenario.faults import clip, suggestion
from nodesim.scenario.figures import comparison
from nodesim.scenario.names import is_subdomain
from nodesim.scenario.reading import Cursor, Fields, open_fields, text, unknown_key
from nodesim.spec import Subject

_FORM: Final = "a workload such as Deployment/web or Deployment/shop/web"
_SHOWS_FORM: Final = 'what it shows, such as {ready_replicas: ">= 2"}'


def workload_claims(found: Fields, cursor: Cursor) -> list[Claim]:
    """One claim for each thing that the workload shall show; none after a fault."""
    object_ = _object(cursor)
    given = found.get("shows")
    if given is None:
        return []
    shows = open_fields(given, _SHOWS_FORM)
    if shows is None or object_ is None:
        return []
    if not shows.written():
        given.fault(f"claims nothing: expected {_SHOWS_FORM}")
    known = WORKLOAD_STATUS[object_.partition("/")[0]]
    claims: list[Claim] = []
    for key, item in shows.all():
        if key not in known:
            given.fault(unknown_key(key, tuple(known), noun="status"), shows.key_mark(key))
            continue
        compared = comparison(item) if known[key] is int else None
        word = text(item, "a word such as NewReplicaSetAvailable") if known[key] is str else ""
        if compared is None and (known[key] is int or word is None):
            continue
        subject = Subject(kind="workload", object=object_, condition=key, value=word or "", comparison=compared)
        claims.append(Claim(subject, instead={"shows": only(given, key)}))
    return claims


def _object(cursor: Cursor) -> str | None:
    written = text(cursor, _FORM)
    if written is None:
        return None
    kind, *names = written.split("/")
    if len(names) not in (1, 2) or not all(is_subdomain(name) for name in names):
        cursor.fault(f"expected {_FORM}, got {clip(written)}")
        return None
    if kind not in WORKLOAD_STATUS:
        cursor.fault(f"unknown kind of workload {clip(kind)}{suggestion(kind, tuple(WORKLOAD_STATUS))}")
        return None
    return "/".join([kind, *(names if len(names) == 2 else ["default", *names])])
