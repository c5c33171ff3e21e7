"""Which of the components' options does a scenario override, how do containers behave, and what is the network like?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from nodesim.profiles import SETTING_NAMES, SETTING_WORDS, SWITCH_NAMES
from nodesim.scenario.figures import DURATION_FORM, decimal, duration, percent_ppm, positive_duration
from nodesim.scenario.names import labels
from nodesim.scenario.read_cidrs import SIZES, check_cidrs, cidrs
from nodesim.scenario.reading import Cursor, boolean, choice, fields, integer, items, text
from nodesim.scenario.targets import Cluster, read_end
from nodesim.scenario.yamltree import ScalarTree
from nodesim.spec import ContainerRule, LinkRule, NetworkSpec, Target
from nodesim.units import MILLISECOND, SECOND

PERIOD_MIN_US: Final = 100 * MILLISECOND
"""Shorter periods than a tenth of a second are slips of the pen, and would make a run endless work."""

LOWEST_US: Final = {
    "nodeMonitorPeriod": PERIOD_MIN_US,
    "nodeStatusUpdateFrequency": PERIOD_MIN_US,
    "routeReconciliationPeriod": PERIOD_MIN_US,
    "eventTTL": SECOND,
}
"""The least that these durations may be; the others must be above 0."""
RATE_MAX: Final = 1000
_OWN_READERS: Final[dict[str, Callable[[Cursor], int | str | bool | None]]] = {
    "allocateNodeCIDRs": boolean,
    "leaderElect": boolean,
    "clusterCIDR": cidrs,
    "serviceCIDR": cidrs,
    **dict.fromkeys(SIZES, partial(integer, low=1, high=128, form="bits of a mask such as 24")),
}
"""Of settings whose attribute has no unit."""
COUNT_MAX: Final = 1_000_000_000

CONTAINER_KEYS: Final = ("image", "labels", "startAfter", "readyAfter", "stopAfter", "exit")
CONTAINER_LATER: Final = ("memory", "cpu", "disk", "probe")
NETWORK_KEYS: Final = ("latency", "jitter", "links")
LINK_VALUES: Final = ("latency", "jitter", "loss", "duplicate")
LINK_KEYS: Final = ("from", "to", *LINK_VALUES)
EXIT_KEYS: Final = ("after", "code")
EXIT_CODE_MAX: Final = 255


def read_settings(cursor: Cursor, *, whole: bool = True) -> dict[str, int | str | bool]:
    """`spec.settings`: attributes of `nodesim.profiles.Settings` with their values; `whole`: they must fit together."""
    found = fields(cursor, tuple(SETTING_NAMES), "settings such as {nodeMonitorGracePeriod: 40s}")
    settings: dict[str, int | str | bool] = {}
    before = len(cursor.faults)
    for key, item in found.all() if found is not None else []:
        if key in SETTING_NAMES:
            value = setting_reader(key)(item)
            if value is not None:
                settings[SETTING_NAMES[key]] = value
    if found is not None and whole and len(cursor.faults) == before:
        check_cidrs(found, settings)
    return settings


def read_switches(cursor: Cursor) -> dict[str, bool]:
    """`spec.switches`: attributes of `nodesim.profiles.Profile` with their values."""
    found = fields(cursor, tuple(SWITCH_NAMES), "switches such as {liveLeaseCheck: true}")
    switches: dict[str, bool] = {}
    for key, item in found.all() if found is not None else []:
        value = boolean(item) if key in SWITCH_NAMES else None
        if value is not None:
            switches[SWITCH_NAMES[key]] = value
    return switches


def setting_reader(name: str) -> Callable[[Cursor], int | str | bool | None]:
    """How a setting is read: its attribute's unit says it."""
    attribute = SETTING_NAMES[name]
    if name in _OWN_READERS:
        return _OWN_READERS[name]
    if name in SETTING_WORDS:
        return partial(choice, known=SETTING_WORDS[name])
    if attribute.endswith("_us"):
        return partial(duration, low_us=LOWEST_US[name]) if name in LOWEST_US else positive_duration
    if attribute.endswith("_milli"):
        what = "calls per second such as 20" if name == "kubeAPIQPS" else "nodes per second such as 0.1"
        return partial(decimal, places=3, high=RATE_MAX, form=what)
    if attribute.endswith("_percent"):
        return partial(decimal, places=2, high=1, form="a fraction from 0 to 1 such as 0.55")
    if attribute.endswith("_seconds"):
        low = 1 if name == "nodeLeaseDurationSeconds" else 0
        return partial(integer, low=low, high=COUNT_MAX, form="whole seconds without a unit, such as 300")
    return partial(integer, low=1 if name == "kubeAPIBurst" else 0, high=COUNT_MAX)


def read_containers(cursor: Cursor) -> tuple[ContainerRule, ...]:
    """`spec.containers`: the rules in the file's order."""
    rules = []
    for item in items(cursor, 'a list of rules such as [{image: "*", stopAfter: 2s}]'):
        found = fields(item, CONTAINER_KEYS, 'a rule such as {image: "*", stopAfter: 2s}', CONTAINER_LATER)
        if found is None:
            continue
        default = ContainerRule()
        stop = found.get("stopAfter")
        rules.append(
            ContainerRule(
                image=found.optional("image", _pattern, default.image),
                labels=found.optional("labels", labels, {}),
                start_after_us=found.optional("startAfter", duration, default.start_after_us),
                ready_after_us=found.optional("readyAfter", duration, default.ready_after_us),
                stop_after_us=default.stop_after_us if stop is None else _stop_after(stop),
                exits=found.optional("exit", _exits, ()),
            )
        )
    return tuple(rules)


def _pattern(cursor: Cursor) -> str | None:
    image = text(cursor, 'an image or shell pattern such as "nginx*"')
    if image == "":
        cursor.fault("expected an image or shell pattern such as \"nginx*\", got ''")
    return image


def _stop_after(cursor: Cursor) -> int | None:
    if type(cursor.tree) is ScalarTree and cursor.tree.value == "never":
        return None
    return duration(cursor)


def _exits(cursor: Cursor) -> tuple[tuple[int, int], ...]:
    exits = []
    for item in items(cursor, "a list of exits such as [{after: 30s, code: 1}]"):
        found = fields(item, EXIT_KEYS, "an exit such as {after: 30s, code: 1}")
        if found is None:
            continue
        after = found.required("after", duration, DURATION_FORM)
        code = found.optional("code", partial(integer, low=0, high=EXIT_CODE_MAX), 0)
        exits.append((after or 0, code))
    return tuple(exits)


def read_network(cursor: Cursor, cluster: Cluster) -> NetworkSpec:
    """`spec.network`: the defaults and the exceptions."""
    found = fields(cursor, NETWORK_KEYS, "a network such as {latency: 2ms, jitter: 1ms}")
    default = NetworkSpec()
    if found is None:
        return default
    return NetworkSpec(
        latency_us=found.optional("latency", positive_duration, default.latency_us),
        jitter_us=found.optional("jitter", duration, default.jitter_us),
        links=found.optional("links", partial(_links, cluster=cluster), ()),
    )


def _links(cursor: Cursor, cluster: Cluster) -> tuple[LinkRule, ...]:
    example = "{from: {zone: a}, to: control-plane, latency: 20ms}"
    rules = []
    for item in items(cursor, f"a list of exceptions such as [{example}]"):
        found = fields(item, LINK_KEYS, f"an exception such as {example}")
        if found is None:
            continue
        read = partial(read_end, cluster=cluster)
        source = found.required("from", read, "control-plane or nodes such as {zone: a}")
        destination = found.required("to", read, "control-plane or nodes such as {zone: a}")
        if not any(key in found for key in LINK_VALUES):
            item.fault("changes nothing: give latency, jitter, loss or duplicate")
        if source is not None and destination is not None:
            _ends(item, source, destination)
        latency = found.maybe("latency", positive_duration)
        jitter = found.maybe("jitter", duration)
        loss = found.maybe("loss", percent_ppm)
        duplicate = found.maybe("duplicate", percent_ppm)
        if source is not None and destination is not None:
            rules.append(
                LinkRule(
                    source=source,
                    destination=destination,
                    latency_us=latency,
                    jitter_us=jitter,
                    loss_ppm=loss,
                    duplicate_ppm=duplicate,
                )
            )
    return tuple(rules)


def _ends(cursor: Cursor, source: Target, destination: Target) -> None:
    """Messages pass between nodes and the control plane only."""
    if source.control_plane and destination.control_plane:
        cursor.fault("both ends are the control plane; its inner hops have constant latency")
    elif not source.control_plane and not destination.control_plane:
        cursor.fault("both ends are nodes, which send each other nothing yet; one end must be control-plane")
