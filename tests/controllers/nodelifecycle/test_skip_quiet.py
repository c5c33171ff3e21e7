"""Does leaving quiet nodes and passes out change anything?

Long random scripts are played twice, once looking only where something may happen and once looking everywhere and every
100 ms.  All calls, records and timers (but the one that drives the passes) must be the same at the same instants.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from nodesim.machine import Changed, Synced, TimerFired
from nodesim.messages import Get, Update
from nodesim.objects import LeaseView
from nodesim.profiles import V1_24, V1_36, Profile
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.nodelifecycle.cluster import Cluster, lease, node, pod, zone_labels

NODES = [f"n{n:02}" for n in range(9)]
UNTIL = 800 * SECOND


def random_script(seed: int) -> list[tuple[int, str, str, int]]:
    """(us, action, node, dice) of what happens to a cluster: mostly outages of some renewals, and much else."""
    chance = random.Random(seed)
    script: list[tuple[int, str, str, int]] = []
    for name in NODES:
        t_us = chance.randrange(10 * SECOND)
        while t_us < UNTIL:
            script.append((t_us, "renew", name, 0))
            outage = chance.random() < 0.06
            t_us += chance.randrange(40, 150) * SECOND + chance.randrange(SECOND) if outage else 10 * SECOND
            if outage and chance.random() < 0.8:
                script.append((t_us, "post", name, 0))
    actions = [
        "post", "post", "false", "same-second", "delete", "delete", "create", "bare", "no-ready", "exclude", "move",
        "home",
        "lease-gone", "old-lease", "pod", "pod", "pod-gone", "untaint", "taint", "cordon", "label", "fail", "heal",
        "lag",
    ]  # fmt: skip
    for _ in range(chance.randrange(20, 200)):
        when_us = chance.randrange(UNTIL)
        if chance.random() < 0.5:  # Round instants make ties with passes.
            when_us -= when_us % (100 * MILLISECOND)
        script.append((when_us, chance.choice(actions), chance.choice(NODES), chance.randrange(1 << 30)))
    return sorted(script)


def act(cluster: Cluster, action: str, name: str, dice: int) -> None:
    """Do one thing of a script."""
    now_us = cluster.now_us
    there = name in cluster.store["nodes"]
    key = f"p{dice % 5}"
    home = zone_labels("ab"[int(name[1:]) % 2])
    on_nodes: dict[str, Callable[[], None]] = {
        "post": lambda: cluster.post(name),
        "false": lambda: cluster.post(name, "False"),
        "same-second": lambda: cluster.post(name, "True", 0),
        "delete": lambda: cluster.delete("nodes", name),
        "no-ready": lambda: cluster.put("nodes", node(name, None, created_us=now_us - 55 * SECOND, labels=home)),
        "exclude": lambda: cluster.change(
            "nodes", name, {"metadata": {"labels": {"node.kubernetes.io/exclude-disruption": None if dice % 2 else ""}}}
        ),
        "move": lambda: cluster.change("nodes", name, {"metadata": {"labels": zone_labels("abc"[dice % 3])}}),
        "home": lambda: cluster.change("nodes", name, {"metadata": {"labels": home}}),
        "untaint": lambda: cluster.change("nodes", name, {"spec": {"taints": None}}),
        "taint": lambda: cluster.change(
            "nodes", name, {"spec": {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]}}
        ),
        "cordon": lambda: cluster.change("nodes", name, {"spec": {"unschedulable": bool(dice % 2)}}),
        "label": lambda: cluster.change("nodes", name, {"metadata": {"labels": {"kubernetes.io/os": str(dice % 3)}}}),
    }
    anywhere: dict[str, Callable[[], None]] = {
        "renew": lambda: cluster.heartbeat(name),
        "create": lambda: cluster.put("nodes", node(name, "True", now_us - now_us % SECOND, now_us, labels=home)),
        "bare": lambda: cluster.put("nodes", node(name, None, created_us=now_us, labels=home)),
        "old-lease": lambda: cluster.put("leases", lease(name, now_us - 100 * SECOND)),
        "pod": lambda: cluster.put("pods", pod(key, name, ("True", "True", "False", None)[dice % 4])),
        "fail": lambda: setattr(cluster, "fail", failing((500, 409, 0)[dice % 3])),
        "heal": lambda: setattr(cluster, "fail", lambda request: None),
        "lag": lambda: setattr(cluster, "watch_lag_us", (0, 30, 3000, 7000)[dice % 4] * MILLISECOND),
    }
    if action in on_nodes and there:
        on_nodes[action]()
    elif action in anywhere:
        anywhere[action]()
    elif action == "lease-gone" and f"kube-node-lease/{name}" in cluster.store["leases"]:
        cluster.delete("leases", f"kube-node-lease/{name}")
    elif action == "pod-gone" and f"default/{key}" in cluster.store["pods"]:
        cluster.delete("pods", f"default/{key}")


def failing(code: int) -> Callable[[Any], int | None]:
    """An API that refuses writes of a status, and reads where it does not answer at all."""
    kinds = (Update, Get) if code == 0 else (Update,)
    return lambda request: code if type(request) in kinds else None


def played(seed: int, profile: Profile, *, skip_quiet: bool) -> Cluster:
    """A cluster after a random script."""
    cluster = Cluster(profile=profile, skip_quiet=skip_quiet, seed=seed)
    for n, name in enumerate(NODES):
        cluster.put("nodes", node(name, labels=zone_labels("ab"[n % 2])))
        cluster.put("pods", pod(f"p{n}", name))
    for t_us, action, name, dice in random_script(seed):
        cluster.at(t_us, partial(act, cluster, action, name, dice))
    cluster.start()
    cluster.run(UNTIL)
    return cluster


def assert_the_same(seed: int, profile: Profile) -> Cluster:
    """Both ways of looking have the same effects; gives the cluster that looked at everything."""
    quick = played(seed, profile, skip_quiet=True)
    thorough = played(seed, profile, skip_quiet=False)
    for n, (one, other) in enumerate(zip(quick.journal, thorough.journal, strict=False)):
        assert one == other, f"effect {n} differs"
    assert len(quick.journal) == len(thorough.journal)
    assert quick.store == thorough.store
    assert quick.ticks < thorough.ticks / 4
    return thorough


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_quiet_looks_can_be_left_out(seed: int) -> None:
    """The same effects at the same instants, with outages, errors, lags and hands on nodes, in both profiles."""
    assert_the_same(seed, V1_36 if seed % 3 else V1_24)


@pytest.mark.slow
def test_the_scripts_reach_what_they_should() -> None:
    """The scripts are worth playing: every kind of record, all zone states, skipped tokens, conflicts."""
    clusters = [played(seed, V1_36, skip_quiet=True) for seed in (8, 9, 13)]
    states = {fields["new"] for cluster in clusters for _, _, fields in cluster.records("ZoneStateChanged")}
    assert states == {"Normal", "PartialDisruption", "FullDisruption"}
    skipped = {fields["why"] for cluster in clusters for _, _, fields in cluster.records("TaintSkipped")}
    assert skipped == {"NodeReady", "NodeGone", "NoReadyCondition"}
    reasons = {fields["reason"] for cluster in clusters for _, _, fields in cluster.records("NodeStatusUnknown")}
    assert reasons == {"NodeStatusUnknown", "NodeStatusNeverUpdated"}
    assert {reason for cluster in clusters for _, reason, _, _ in cluster.events()} == {
        "RegisteredNode", "RemovingNode", "NodeNotReady",
    }  # fmt: skip


def test_a_node_that_was_read_from_the_api_is_looked_at_again() -> None:
    """The retry after a conflict saw a node younger than the cached one: the next pass sees the older one, and counts
    the silence from there (1.3.6: another heartbeat, also backwards).
    """
    journals = []
    for skip_quiet in (True, False):
        cluster = Cluster(skip_quiet=skip_quiet)
        for name in ("n1", "n2"):
            cluster.put("nodes", node(name))
        cluster.renew_every("n2", 0, 200 * SECOND)
        cluster.start()
        cluster.run(49 * SECOND)
        cluster.watch_lag_us = 12 * SECOND
        cluster.at(50 * SECOND - 1, partial(cluster.post, "n1"))
        cluster.run(150 * SECOND)
        journals.append(cluster.journal)
    assert journals[0] == journals[1]
    assert cluster.records("NodeStatusUnknown")[1][2]["probe_us"] > 60 * SECOND


def test_a_healthy_cluster_wakes_the_controller_every_five_seconds_only() -> None:
    """No NoExecute pass runs while no node waits, and no node is looked at unless something of it changed."""
    cluster = Cluster()
    for name in NODES:
        cluster.put("nodes", node(name))
        cluster.renew_every(name, 0, 100 * SECOND)
    cluster.start()
    cluster.run(99 * SECOND)
    assert cluster.ticks == 19
    assert [t_us for t_us, _ in cluster.journal if t_us > SECOND] == []


def test_while_nodes_wait_for_a_token_only_its_instant_wakes_the_controller() -> None:
    """Two dead nodes of five: besides the monitor passes there is one wake-up per taint."""
    cluster = Cluster()
    for name in NODES[:5]:
        cluster.put("nodes", node(name))
        cluster.renew_every(name, 0, 100 * SECOND if name > NODES[1] else 1)
    cluster.start()
    cluster.run(49 * SECOND)
    before = cluster.ticks
    cluster.run(79 * SECOND)
    assert cluster.ticks == before + 6 + 2
    assert len(cluster.granted()) == 2


def test_a_renewal_is_heard_without_any_effect() -> None:
    """The path of every heartbeat gives back an empty list; a lease that goes is forgotten."""
    cluster = Cluster()
    cluster.put("nodes", node("n1"))
    cluster.start()
    controller = cluster.controller
    view = LeaseView("n1", 5, "7")
    assert controller.handle(Changed("leases", "kube-node-lease/n1", None, view), 1) == []
    assert controller.handle(Changed("leases", "kube-node-lease/n1", view, None), 2) == []
    assert controller.handle(Synced("leases"), 3) == []
    assert controller.handle(TimerFired("of somebody else"), 4) == []
