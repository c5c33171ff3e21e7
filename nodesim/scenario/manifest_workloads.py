"""Is a workload's manifest such that its controller can read it?

Only the parts that nodesim reads; see `manifest_kinds`.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from nodesim.scenario.figures import number_or_percentage
from nodesim.scenario.manifest_pods import INT32_MAX, check_pod_template
from nodesim.scenario.parts import part, section
from nodesim.scenario.reading import Fields, boolean, choice, integer, open_fields, text
from nodesim.scenario.selectors import check_selector
from nodesim.scenario.yamltree import MapTree
from nodesim.units import scaled_value

REPLICAS_MAX: Final = 1_000_000

_count = partial(integer, low=0, high=REPLICAS_MAX)
_number = partial(integer, low=0, high=INT32_MAX)


def check_replica_set(found: Fields) -> None:
    """A ReplicaSet."""
    _workload(found)


def check_deployment(found: Fields) -> None:
    """A Deployment."""
    spec = _workload(found)
    if spec is None:
        return
    part(spec, "paused", boolean)
    part(spec, "revisionHistoryLimit", _number)
    _above(spec, "progressDeadlineSeconds", "minReadySeconds")
    strategy = section(spec, "strategy")
    if strategy is None:
        return
    type_ = strategy.maybe("type", partial(choice, known=("RollingUpdate", "Recreate")))
    rolling = section(strategy, "rollingUpdate")
    if rolling is None:
        return
    if type_ == "Recreate":
        rolling.cursor.fault("rollingUpdate means nothing with the type Recreate; leave it out")
        return
    surge = _amount_of(rolling, "maxSurge", 100_000)
    unavailable = _amount_of(rolling, "maxUnavailable", 100)
    if surge is None or unavailable is None:
        return
    if not (scaled_value(surge, 100, round_up=True) or scaled_value(unavailable, 100, round_up=True)):
        rolling.cursor.fault("maxSurge and maxUnavailable are both 0; no pod could ever be replaced")


def check_stateful_set(found: Fields) -> None:
    """A StatefulSet."""
    spec = _workload(found)
    if spec is None:
        return
    part(spec, "serviceName", text)
    part(spec, "revisionHistoryLimit", _number)
    part(spec, "podManagementPolicy", partial(choice, known=("OrderedReady", "Parallel")))
    ordinals = section(spec, "ordinals")
    if ordinals is not None:
        part(ordinals, "start", _number)
    rolling = _rolling_update(spec)
    if rolling is None:
        return
    part(rolling, "partition", _number)
    if _amount_of(rolling, "maxUnavailable", 100) in (0, "0%"):
        rolling.cursor.fault("maxUnavailable must be more than 0", rolling.key_mark("maxUnavailable"))


def _rolling_update(spec: Fields) -> Fields | None:
    """The rollingUpdate of an updateStrategy, where there is one and it means something."""
    strategy = section(spec, "updateStrategy")
    if strategy is None:
        return None
    type_ = strategy.maybe("type", partial(choice, known=("RollingUpdate", "OnDelete")))
    rolling = section(strategy, "rollingUpdate")
    if rolling is not None and type_ == "OnDelete":
        rolling.cursor.fault("rollingUpdate means nothing with the type OnDelete; leave it out")
        return None
    return rolling


def check_daemon_set(found: Fields) -> None:
    """A DaemonSet."""
    spec = _workload(found)
    if spec is None:
        return
    if "replicas" in spec:
        spec.cursor.fault(
            "a DaemonSet has one pod on each node that it fits; leave replicas out", spec.key_mark("replicas")
        )
    part(spec, "revisionHistoryLimit", _number)
    rolling = _rolling_update(spec)
    if rolling is None:
        return
    surge, unavailable = _amount_of(rolling, "maxSurge", 100), _amount_of(rolling, "maxUnavailable", 100)
    surges = bool(surge is not None and scaled_value(surge, 100, round_up=True))
    leaves = unavailable is None or bool(scaled_value(unavailable, 100, round_up=True))
    if surges == leaves:
        what = "one of them has to be 0" if surges else "one of them has to be more than 0"
        rolling.cursor.fault(f"maxSurge (0 where absent) and maxUnavailable (1 where absent): {what}")


def check_job(found: Fields) -> None:
    """A Job: its selector is the server's, and its pods end."""
    form = "a spec with a template"
    spec = found.required("spec", partial(open_fields, form="a spec"), form)
    if spec is None:
        return
    for key in ("parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"):
        part(spec, key, _number)
    for key in ("suspend", "manualSelector"):
        part(spec, key, boolean)
    part(spec, "podReplacementPolicy", partial(choice, known=("TerminatingOrFailed", "Failed")))
    mode = spec.maybe("completionMode", partial(choice, known=("NonIndexed", "Indexed")))
    if mode == "Indexed" and "completions" not in spec:
        spec.cursor.fault("an Indexed Job needs completions", spec.key_mark("completionMode"))
    template = spec.required("template", partial(open_fields, form="a template"), "a template with spec")
    if template is None:
        return
    check_pod_template(template)
    pod = template.get("spec")
    if pod is None or type(pod.tree) is not MapTree:
        return
    policy = Fields(pod, pod.tree).get("restartPolicy")
    if policy is None:
        pod.fault("pods of a Job need restartPolicy: OnFailure or Never")
    elif getattr(policy.tree, "value", None) == "Always":
        policy.fault("pods of a Job end: expected restartPolicy OnFailure or Never, got 'Always'")


def _workload(found: Fields) -> Fields | None:
    """What all of them have: replicas, a selector and a template whose labels it matches."""
    spec = found.required("spec", partial(open_fields, form="a spec"), "a spec with selector and template")
    if spec is None:
        return None
    part(spec, "replicas", _count)
    part(spec, "minReadySeconds", _number)
    selector = spec.required("selector", check_selector, "a selector such as {matchLabels: {app: web}}")
    template = spec.required("template", partial(open_fields, form="a template"), "a template with metadata and spec")
    if template is None:
        return spec
    own = check_pod_template(template)
    if selector is not None and own is not None and not selector.matches(own):
        where = spec.get("selector")
        assert where is not None
        where.fault("the selector does not match the template's labels; its pods would never be counted")
    pod = template.get("spec")
    if pod is not None and type(pod.tree) is MapTree:
        policy = Fields(pod, pod.tree).get("restartPolicy")
        if policy is not None and getattr(policy.tree, "value", None) in ("OnFailure", "Never"):
            policy.fault(f"pods of a {_kind(found)} are always started again; leave restartPolicy out")
    return spec


def _kind(found: Fields) -> str:
    return found.maybe("kind", text) or "workload"


def _amount_of(found: Fields, key: str, percent_max: int) -> int | str | None:
    """A number, or a percentage of the replicas; None where it is absent, too."""
    cursor = found.get(key)
    return None if cursor is None or cursor.null else number_or_percentage(cursor, REPLICAS_MAX, percent_max)


def _number_of(found: Fields, key: str) -> int | None:
    """An optional number; null means absent, as in the API."""
    cursor = found.get(key)
    return None if cursor is None or cursor.null else _number(cursor)


def _above(found: Fields, key: str, least: str) -> None:
    number, floor = _number_of(found, key), _number_of(found, least) or 0
    if number is not None and number <= floor:
        found.cursor.fault(f"{key} must be more than {least} ({floor}), got {number}", found.key_mark(key))
