"""What a user's actor can do, and what it gets."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from nodesim.actors import AlreadyExists, Api, ApiError, Conflict, Invalid, NoAnswer, NotFound
from nodesim.errors import ActorFailed
from nodesim.scenario.options import RunOptions
from nodesim.units import MILLISECOND, SECOND
from tests.actors.cases import own, pod, run

WAYS = (
    RunOptions(),
    RunOptions(in_tasks=True),
    RunOptions(worlds=3),
    RunOptions(skip_quiet=False, in_tasks=True, worlds=2),
)


async def user(api: Api) -> None:
    """Every call once, each answer on record."""
    made = await api.create(pod("a", labels={"app": "x"}))
    api.record("Made", "Pod/default/a", uid=made["metadata"]["uid"])
    with pytest.raises(AlreadyExists) as twice:
        await api.create(pod("a"))
    assert (twice.value.code, twice.value.reason) == (409, "AlreadyExists")
    patched = await api.patch("pods", "a", {"metadata": {"labels": {"app": "y"}}})
    assert patched["metadata"]["labels"] == {"app": "y"}
    patched["metadata"]["labels"]["tier"] = "db"
    updated = await api.update(patched)
    with pytest.raises(Conflict):
        await api.update(patched)
    assert (await api.get("pods", "a"))["metadata"]["labels"] == {"app": "y", "tier": "db"}
    assert [each["metadata"]["name"] for each in await api.list("pods", labels="app=y")] == ["a"]
    listed = await api.list("pods", namespace="kube-system")
    assert listed == []
    assert int(listed.resource_version) >= int(updated["metadata"]["resourceVersion"])
    assert len(await api.list("nodes")) == 2
    assert (await api.get("nodes", "w-1"))["kind"] == "Node"
    await api.delete("pods", "a", grace_seconds=0)
    with pytest.raises(NotFound) as gone:
        await api.get("pods", "a")
    assert str(gone.value) == 'get pods default/a: 404 NotFound: pods "a" not found'
    with pytest.raises(Invalid):
        await api.create(pod("Not A Name"))
    api.record("Done", "", process=api.process, name=api.name)


async def sleeper(api: Api) -> None:
    """Sleeps to the microsecond, in the run's time."""
    for seconds in (0, 0.5, 0.000001, 3):
        await api.sleep(seconds)
        api.record("Awake", "", now=api.now_us)
    assert api.now == api.now_us / SECOND


@pytest.mark.parametrize("options", WAYS, ids=["in place", "in tasks", "three worlds", "all at once"])
def test_every_call_does_what_the_api_does_however_the_run_is_made(tmp_path: Path, options: RunOptions) -> None:
    """One trace in all ways of making the run."""

    async def late(api: Api) -> None:
        await api.sleep(10)
        await user(api)

    actors = {"user": late, "sleeper": sleeper}
    result = run(tmp_path, actors, options=options)
    assert own(result, "user")[-1][1:] == ("Done", {"process": 1, "name": "user"})
    assert [t for t, _, _ in own(result, "sleeper")] == [0, 500_000, 500_001, 3_500_001]
    assert result.digest == run(tmp_path, actors).digest
    assert result.warnings == ()


@pytest.mark.slow
def test_the_same_actor_works_in_real_time(tmp_path: Path) -> None:
    """At speed 400: its sleeps, its calls, its watches; sleeps end no earlier than they should."""

    async def live(api: Api) -> None:
        await api.sleep(20)
        await user(api)
        async with api.watch("nodes") as nodes:
            async for event in nodes:
                api.record("Saw", f"Node/{event.name}")
                if len(nodes) == 2:
                    break
        await trio.sleep(5)
        api.record("End", "", now=api.now_us)

    records = own(run(tmp_path, {"live": live}, options=RunOptions(realtime=400)), "live")
    assert [kind for _, kind, _ in records][:2] == ["Made", "Done"]
    at_us, kind, fields = records[-1]
    assert kind == "End"
    assert 25 * SECOND < fields["now"] <= at_us < 120 * SECOND


def test_a_watch_is_a_cache_with_events_and_outlives_a_cut(tmp_path: Path) -> None:
    """It lists first; after a lost connection it tells the differences; its cause is what it saw."""

    async def watcher(api: Api) -> None:
        async with api.watch("pods", labels="app=x") as pods:
            await pods.synced()
            assert (len(pods), list(pods)) == (0, [])
            async for event in pods:
                names = sorted(each["metadata"]["name"] for each in pods)
                api.record("Saw", f"Pod/default/{event.name}", type=event.type, cache=names, old=event.old is not None)
                if event.type == "DELETED":
                    break
        assert pods.closed
        with pytest.raises(StopAsyncIteration):
            await anext(pods)

    async def other(api: Api) -> None:
        await api.sleep(5)
        await api.create(pod("a", labels={"app": "x"}))
        await api.create(pod("b"))
        await api.sleep(60)
        await api.delete("pods", "a", grace_seconds=0)

    cut = "  steps: [{at: 30s, cut: {component: watcher}, for: 50s}]\n  actors: [{name: watcher}, {name: other}]\n"
    result = run(tmp_path, {"watcher": watcher, "other": other}, cut)
    seen = [record for record in result.records if record.kind == "Saw"]
    assert [record.fields["type"] for record in seen][:2] == ["ADDED", "MODIFIED"]
    assert seen[0].fields == {"type": "ADDED", "cache": ["a"], "old": False}
    assert seen[-1].fields == {"type": "DELETED", "cache": [], "old": True}
    assert seen[0].t_us < 6 * SECOND
    assert seen[-1].t_us > 80 * SECOND
    created = next(
        record for record in result.records if record.kind == "ObjectCreated" and record.object.endswith("/a")
    )
    assert seen[0].cause == created.id


def test_a_cache_keeps_no_events(tmp_path: Path) -> None:
    """And says so to whom asks."""

    async def reader(api: Api) -> None:
        nodes = api.cache("nodes")
        await nodes.synced()
        await api.sleep(60)
        assert sorted(nodes.objects) == ["w-0", "w-1"]
        node = nodes.get("w-1")
        assert node is not None
        assert nodes.get("w-2") is None
        with pytest.raises(TypeError, match="tells no events"):
            aiter(nodes)
        nodes.close()
        nodes.close()
        api.record("Read", "Node/w-1", kind=node["kind"])

    assert own(run(tmp_path, {"reader": reader}), "reader")[-1][2] == {"kind": "Node"}


def test_an_actor_on_a_node_shares_its_network(tmp_path: Path) -> None:
    """Cut with the node, by itself, or both; it hears only when neither is cut any more."""

    async def probe(api: Api) -> None:
        await api.sleep(5)
        while True:
            began = api.now_us
            try:
                await api.get("nodes", "w-0", timeout=1)
                api.record("Ok", "", took=api.now_us - began)
            except NoAnswer as none:
                assert none.code == 0
                api.record("Failed", "", why=none.reason)
            await api.sleep(10)

    spec = """\
  network: {latency: 5ms}
  actors: [{name: probe, node: w-1}, {name: near}]
  steps:
    - {at: 15s, cut: {nodes: [w-1], mode: refuse}}
    - {at: 35s, cut: {component: probe, mode: refuse}}
    - {at: 55s, heal: {nodes: [w-1]}}
    - {at: 75s, heal: {component: probe}}
"""
    result = run(tmp_path, {"probe": probe, "near": probe}, spec)
    far, near = own(result, "probe"), own(result, "near")
    assert {kind for _, kind, _ in near} == {"Ok"}
    failed = [t for t, kind, _ in far if kind == "Failed"]
    assert min(failed) > 15 * SECOND
    assert max(failed) < 76 * SECOND
    assert all(kind == "Failed" for t, kind, _ in far if 20 * SECOND < t < 75 * SECOND)
    assert far[0][2]["took"] == 4 * 5 * MILLISECOND
    assert near[0][2]["took"] == 4 * MILLISECOND


def test_plain_trio_runs_in_the_runs_time(tmp_path: Path) -> None:
    """Sleeps, timeouts, nurseries and channels; children with equal sleeps wake in the order in which they began."""

    async def parent(api: Api) -> None:
        order: list[int] = []

        async def child(number: int) -> None:
            await trio.sleep(45)
            order.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(child, number)
                await api.sleep(0)
        assert order == [0, 1, 2, 3, 4]
        assert 45 <= trio.current_time() < 45.001
        with trio.move_on_after(5) as scope:
            await trio.sleep(100)
        assert scope.cancelled_caught
        send, receive = trio.open_memory_channel[int](1)
        await send.send(7)
        api.record("Got", "", value=await receive.receive(), now=api.now_us)

    result = run(tmp_path, {"parent": parent})
    ((at_us, _, fields),) = own(result, "parent")
    assert fields == {"value": 7, "now": at_us}
    assert 50 * SECOND <= at_us < 50 * SECOND + 1000


def test_a_call_that_is_given_up_leaves_nothing_behind(tmp_path: Path) -> None:
    """A cancelled wait is over; its answer, when it comes, is nobody's."""

    async def impatient(api: Api) -> None:
        with trio.move_on_after(0.001) as scope:
            await api.get("nodes", "w-0")
        assert scope.cancelled_caught
        with trio.move_on_after(1):
            await api.sleep(5)
        await api.sleep(10)
        api.record("Fine", "")

    assert [kind for _, kind, _ in own(run(tmp_path, {"impatient": impatient}), "impatient")] == ["Fine"]


def test_chance_is_the_runs_and_the_actors_own(tmp_path: Path) -> None:
    """The same again, another for another actor."""

    async def gambler(api: Api) -> None:
        api.record("Drew", "", value=str(api.random()))

    results = [run(tmp_path, {"one": gambler, "two": gambler}) for _ in range(2)]
    drawn = [[own(result, name)[0][2]["value"] for name in ("one", "two")] for result in results]
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[0][1]
    assert all(0 <= float(value) < 1 for value in drawn[0])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda api: api.record("not camel"), "ValueError: a record's kind"),
        (lambda api: api.record("Half", "", value=0.5), "TypeError: a float in a record"),
        (lambda api: api.record("Odd", "", value=object()), "TypeError: Object of type object"),
    ],
)
def test_a_wrong_record_is_refused_where_it_is_written(tmp_path: Path, wrong: object, why: str) -> None:
    """With the actor's name, not later and not as a bug of nodesim's."""

    async def writer(api: Api) -> None:
        assert callable(wrong)
        wrong(api)

    with pytest.raises(ActorFailed, match=why):
        run(tmp_path, {"writer": writer})


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("text", "not an object with apiVersion"),
        ({"metadata": {"name": "x"}}, "the object has no apiVersion"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {1, 2}}, "not a plain document"),
    ],
)
def test_what_is_no_object_is_refused_before_it_is_sent(tmp_path: Path, document: object, why: str) -> None:
    """A TypeError at the call."""

    async def writer(api: Api) -> None:
        with pytest.raises(TypeError, match=why):
            await api.create(document)  # type: ignore[arg-type]  # what a user without a type checker may write
        with pytest.raises(ValueError, match="cannot sleep"):
            await api.sleep(-1)
        with pytest.raises(ApiError) as unknown:
            await api.list("wombats")
        assert unknown.value.code == 404
        api.record("Refused", "")

    assert own(run(tmp_path, {"writer": writer}), "writer")
