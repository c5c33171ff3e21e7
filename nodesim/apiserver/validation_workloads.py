"""What do Deployments and their kin say that is not allowed, beside their selector and template?

Each fault begins with its field, as Kubernetes writes them.
Source: pkg/apis/apps/validation/validation.go `ValidateDeploymentSpec`, `ValidateDeploymentStrategy`,
`ValidateRollingUpdateDeployment`, `ValidatePositiveIntOrPercent`, `IsNotMoreThan100Percent`.
"""

from __future__ import annotations

from typing import Any, Final

from nodesim.units import PERCENTAGE, scaled_value


def not_negative(part: dict[str, Any], *names: str, path: str = "spec") -> list[str]:
    """Faults of numbers below 0."""
    return [
        f"{path}.{name}: Invalid value: {part[name]}: must be greater than or equal to 0"
        for name in names
        if (part.get(name) or 0) < 0
    ]


def deployment_faults(spec: dict[str, Any]) -> list[str]:
    """Faults of a Deployment's own fields."""
    faults = not_negative(spec, "revisionHistoryLimit", "progressDeadlineSeconds")
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline >= 0 and deadline <= (spec.get("minReadySeconds") or 0):
        faults.append(f"spec.progressDeadlineSeconds: Invalid value: {deadline}: must be greater than minReadySeconds")
    strategy = spec.get("strategy") or {}
    rolling = strategy.get("rollingUpdate")
    match strategy.get("type"):
        case "RollingUpdate":
            return faults + _rolling_update_faults(rolling or {})
        case "Recreate":
            if rolling is None:
                return faults
            text = "may not be specified when strategy `type` is 'Recreate'"
            return [*faults, f"spec.strategy.rollingUpdate: Forbidden: {text}"]
        case other:
            text = 'supported values: "Recreate", "RollingUpdate"'
            return [*faults, f'spec.strategy.type: Unsupported value: "{other}": {text}']


def _rolling_update_faults(rolling: dict[str, Any]) -> list[str]:
    path = "spec.strategy.rollingUpdate"
    faults = amount_faults(rolling.get("maxUnavailable"), f"{path}.maxUnavailable", percent_max=100)
    faults += amount_faults(rolling.get("maxSurge"), f"{path}.maxSurge")
    if not faults and not any(scaled_value(rolling.get(name) or 0, 100, round_up=True) for name in rolling):
        faults.append(f"{path}.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0")
    return faults


def amount_faults(amount: int | str | None, path: str, percent_max: int | None = None) -> list[str]:
    """Faults of a number, or a percentage, that must not be negative."""
    if amount is None:
        return []
    if isinstance(amount, int):
        text = "must be greater than or equal to 0"
        return [f"{path}: Invalid value: {amount}: {text}"] if amount < 0 else []
    if PERCENTAGE.fullmatch(amount) is None:
        text = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%')"
        return [f'{path}: Invalid value: "{amount:.40}": {text}']
    if percent_max is not None and int(amount[:-1]) > percent_max:
        return [f'{path}: Invalid value: "{amount}": must not be greater than {percent_max}%']
    return []


def stateful_set_faults(spec: dict[str, Any]) -> list[str]:
    """Faults of a StatefulSet's own fields."""
    faults = not_negative(spec, "revisionHistoryLimit")
    faults += not_negative(spec.get("ordinals") or {}, "start", path="spec.ordinals")
    policy = spec.get("podManagementPolicy")
    if policy not in ("OrderedReady", "Parallel"):
        faults.append(f"spec.podManagementPolicy: Invalid value: \"{policy}\": must be 'OrderedReady' or 'Parallel'")
    strategy = spec.get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate")
    path = "spec.updateStrategy"
    match strategy.get("type"):
        case "RollingUpdate":
            faults += not_negative(rolling or {}, "partition", path=f"{path}.rollingUpdate")
            amount = (rolling or {}).get("maxUnavailable")
            faults += amount_faults(amount, f"{path}.rollingUpdate.maxUnavailable", percent_max=100)
            if amount in (0, "0%"):
                faults.append(f"{path}.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0")
            return faults
        case "OnDelete":
            if rolling is None:
                return faults
            text = "only allowed for updateStrategy 'RollingUpdate'"
            return [*faults, f"{path}.rollingUpdate: Invalid value: {text}"]
        case other:
            text = "must be 'RollingUpdate' or 'OnDelete'"
            return [*faults, f'{path}: Invalid value: "{other}": {text}']


def daemon_set_faults(spec: dict[str, Any]) -> list[str]:
    """Faults of a DaemonSet's own fields.  Source: `ValidateDaemonSetSpec`, `ValidateRollingUpdateDaemonSet`."""
    faults = not_negative(spec, "revisionHistoryLimit")
    strategy = spec.get("updateStrategy") or {}
    path = "spec.updateStrategy"
    match strategy.get("type"):
        case "RollingUpdate":
            return faults + _rolling_daemon_faults(strategy.get("rollingUpdate"), f"{path}.rollingUpdate")
        case "OnDelete":
            return faults
        case other:
            return [
                *faults,
                f'{path}.type: Unsupported value: "{other}": supported values: "OnDelete", "RollingUpdate"',
            ]


def _rolling_daemon_faults(rolling: dict[str, Any] | None, path: str) -> list[str]:
    """Exactly one of the two amounts is above 0."""
    if rolling is None:
        return [f"{path}: Required value"]
    amounts = {name: rolling.get(name) for name in ("maxUnavailable", "maxSurge")}
    faults = [
        fault for name, amount in amounts.items() for fault in amount_faults(amount, f"{path}.{name}", percent_max=100)
    ]
    some = [name for name, amount in amounts.items() if not faults and scaled_value(amount or 0, 100, round_up=True)]
    if len(some) == 2:
        text = "may not be set when maxUnavailable is non-zero"
        faults.append(f"{path}.maxSurge: Invalid value: {_quoted(amounts['maxSurge'])}: {text}")
    if not faults and not some:
        faults.append(f"{path}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0")
    return faults


def _quoted(amount: int | str | None) -> str:
    return f'"{amount}"' if isinstance(amount, str) else str(amount)


_CHANGEABLE: Final = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def changed_stateful_set_faults(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Most of a StatefulSet's spec stays as it was made.  Source: `ValidateStatefulSetUpdate`."""
    kept_old, kept_new = ({key: spec[key] for key in spec if key not in _CHANGEABLE} for spec in (old, new))
    if kept_old == kept_new:
        return []
    names = ", ".join(f"'{name}'" for name in _CHANGEABLE[:-1])
    return [
        f"spec: Forbidden: updates to statefulset spec for fields other than {names} and '{_CHANGEABLE[-1]}' "
        "are forbidden"
    ]


def changed_revision_faults(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """A ControllerRevision's data stays.  Source: `ValidateControllerRevisionUpdate`."""
    return [] if old.get("data") == new.get("data") else ["data: Invalid value: field is immutable"]
