"""What do Deployments and their kin say that is not allowed, beside their selector and template?

Each fault begins with its field, as Kubernetes writes them.
Source: pkg/apis/apps/validation/validation.go `ValidateDeploymentSpec`, `ValidateDeploymentStrategy`,
`ValidateRollingUpdateDeployment`, `ValidatePositiveIntOrPercent`, `IsNotMoreThan100Percent`.
"""

from __future__ import annotations

from typing import Any

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
