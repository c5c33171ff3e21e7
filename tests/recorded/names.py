"""Which of our pods stands for which recorded pod?  By owner, and by the order in which that owner made them.

`web-5b9649dd7b-rqhq4`, the first pod of a Deployment's ReplicaSet, is `web#1`; `db-0` is `db-0#1`, and made again
`db-0#2`; a DaemonSet's pod on n1 is `agent@n1#1`; a bare pod `bare#1`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TypeAlias

from tests.recorded.inputs import Entry

Names: TypeAlias = dict[str, str]
"""Name and uid of a pod, as `name/uid`, and the name alone -> the name that both sides share."""


def pod_names(facts: Iterable[Entry]) -> Names:
    """The shared names of all pods of a list of facts."""
    facts = list(facts)
    nodes: dict[str, str] = {}
    for fact in facts:
        if fact["k"] == "pod" and fact.get("c"):
            changed = fact["c"]
            if changed.get("affinity") or changed.get("node"):
                nodes.setdefault(fact["n"], changed.get("node") or changed["affinity"])
    made: Counter[str] = Counter()
    found: Names = {}
    for fact in facts:
        if fact["k"] == "pod" and fact["ev"] == "A":
            group = _group(fact["n"], fact["c"].get("own"), nodes.get(fact["n"], "?"))
            made[group] += 1
            found[f"{fact['n']}/{fact['c']['uid']}"] = found[fact["n"]] = f"{group}#{made[group]}"
    return found


def _group(name: str, owner: str | None, node: str) -> str:
    if owner == "ReplicaSet":
        return name.rsplit("-", 2)[0]
    if owner == "Job":
        return name.rsplit("-", 1)[0]
    if owner == "DaemonSet":
        return f"{name.rsplit('-', 1)[0]}@{node}"
    return name


def replica_sets(names: Names) -> Names:
    """ReplicaSets of Deployments: their hashes are not ours."""
    return {
        name.rsplit("-", 1)[0]: f"{shared.split('#')[0]}-RS"
        for name, shared in names.items()
        if "/" not in name and name.rsplit("-", 2)[0] == shared.split("#")[0] != name.rsplit("-", 1)[0]
    }


def translate(text: str, names: Names) -> str:
    """A text with every known name in it replaced."""
    known = {name: shared for name, shared in names.items() if "/" not in name}
    known |= replica_sets(names)
    if not known:
        return text
    pattern = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
    return re.sub(rf"(?<![\w-])({pattern})(?![\w-])", lambda match: known[match[0]], text)
