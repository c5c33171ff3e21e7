"""What ran, and when a node was out."""

import pytest

from nodesim.trace import find_out
from tests.trace.script import Script, us


def _outages(script: Script, node: str = "n1") -> list[tuple[float, float | None]]:
    found = find_out(script.records).outages.get(node, [])
    return [(o.start_us / 1e6, None if o.end_us is None else o.end_us / 1e6) for o in found]


def test_a_cut_is_an_outage_until_it_is_healed() -> None:
    """Half-open: the node is out at the cut's instant and no longer at the healing's."""
    script = Script()
    cut = script.cut(10, "n1")
    script.heal(20, "n1")
    truth = find_out(script.records)
    (outage,) = truth.outages["n1"]
    assert (outage.start_us, outage.end_us, outage.record) == (us(10), us(20), cut)
    assert truth.outage_at("n1", us(10) - 1) is None
    assert truth.outage_at("n1", us(10)) is outage
    assert truth.outage_at("n1", us(20) - 1) is outage
    assert truth.outage_at("n1", us(20)) is None
    assert truth.outage_at("n2", us(15)) is None
    assert truth.latest_outage("n1", us(99)) is outage


@pytest.mark.parametrize("direction", ["to-control-plane", "from-control-plane"])
def test_one_direction_is_enough_for_an_outage(direction: str) -> None:
    """A connection needs both ways."""
    script = Script()
    script.cut(10, "n1", direction)
    script.heal(20, "n1", direction)
    assert _outages(script) == [(10, 20)]


def test_healing_one_direction_of_two_does_not_end_an_outage() -> None:
    """Both directions are cut; the outage ends with the second."""
    script = Script()
    script.cut(10, "n1")
    script.heal(20, "n1", "to-control-plane")
    script.heal(30, "n1", "from-control-plane")
    assert _outages(script) == [(10, 30)]


def test_overlapping_reasons_are_one_outage() -> None:
    """Cut, then the kubelet stops, then healed, then the kubelet starts: out from the first to the last."""
    script = Script()
    script.cut(10, "n1")
    script.switch(15, "n1", "KubeletStopped")
    script.heal(20, "n1")
    script.switch(40, "n1", "KubeletStarted")
    assert _outages(script) == [(10, 40)]


def test_an_outage_without_an_end_goes_on() -> None:
    """Nothing repaired it before the run's end."""
    script = Script()
    script.switch(5, "n1", "KubeletStopped")
    assert _outages(script) == [(5, None)]


def test_power_brings_the_kubelet_back_only_when_it_starts() -> None:
    """A machine with power and without a kubelet is still out."""
    script = Script()
    script.switch(0, "n1", "KubeletStarted")
    script.switch(10, "n1", "PoweredOff")
    script.switch(20, "n1", "PoweredOn")
    script.switch(25, "n1", "KubeletStarted")
    assert _outages(script) == [(10, 25)]
    sight = find_out(script.records).sight_at("n1", us(22))
    assert sight is not None and (sight.power, sight.kubelet, sight.cut) == (True, False, ())


def test_repaired_and_broken_in_one_instant_was_never_whole() -> None:
    """Instants count after all their events; an outage of no length is none."""
    script = Script()
    script.cut(10, "n1")
    script.heal(20, "n1")
    script.cut(20, "n1")
    script.heal(30, "n1")
    script.cut(40, "n1")
    script.heal(40, "n1")
    assert _outages(script) == [(10, 30)]
    short = Script()
    short.cut(40, "n1")
    short.heal(40, "n1")
    assert find_out(short.records).outages == {}


def test_runs_are_kept_by_node_pod_uid_and_container() -> None:
    """A restart is another run; the other container goes on."""
    script = Script()
    script.start(1, "n1", "a", "u1", "c")
    script.start(1, "n1", "a", "u1", "d")
    stop = script.stop(5, "n1", "a", "u1", "exited", "c")
    script.start(6, "n1", "a", "u1", "c", attempt=1)
    truth = find_out(script.records)
    runs = [(r.container, r.attempt, r.started_us, r.stopped_us) for r in truth.runs_of["Pod/default/a", "u1"]]
    assert runs == [("c", 0, us(1), us(5)), ("d", 0, us(1), None), ("c", 1, us(6), None)]
    assert (truth.runs[0].stopped, truth.runs[0].why) == (stop, "exited")


def test_a_power_off_ends_what_runs_even_when_no_container_says_so() -> None:
    """A container does not survive its machine; the machine's own record of its stop is not needed."""
    script = Script()
    script.start(1, "n1", "a", "u1")
    script.start(1, "n2", "b", "u2")
    script.switch(5, "n1", "PoweredOff")
    script.stop(5, "n1", "a", "u1", "power-off")
    truth = find_out(script.records)
    assert [(run.node, run.stopped_us) for run in truth.runs] == [("n1", us(5)), ("n2", None)]


def test_other_kinds_and_odd_repeats_change_nothing() -> None:
    """Unknown kinds, a second start of what runs, and a stop of what does not run are passed over."""
    script = Script()
    script.write(1, "node/n1", "NodeStatusPosted", "Node/n1", why="first")
    script.write(1, "scenario", "Step", "", index=0, text="x")
    script.write(1, "scenario", "Cut", "", direction="both")
    script.write(1, "apiserver", "ContainerStarted", "Pod/default/a", uid="u")
    script.stop(2, "n1", "a", "u1")
    script.start(3, "n1", "a", "u1")
    script.start(4, "n1", "a", "u1")
    truth = find_out(script.records)
    assert [run.started_us for run in truth.runs] == [us(3)]
    assert (truth.nodes, truth.first_seen_us) == ({}, {"n1": us(1)})


def test_the_first_time_a_kubelet_saw_a_deletion_is_kept() -> None:
    """A second notice (a shorter grace) does not move it."""
    script = Script()
    first = script.seen(3, "n1", "a", "u1", 30)
    script.seen(5, "n1", "a", "u1", 0)
    seen = find_out(script.records).deletions_seen["Pod/default/a", "u1"]
    assert (seen.t_us, seen.grace_us, seen.record) == (us(3), us(30), first)
