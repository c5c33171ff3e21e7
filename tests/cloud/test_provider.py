"""What the emulated cloud answers, and when."""

from __future__ import annotations

import pytest

from nodesim.cloud.provider import API_DOWN, NOT_FOUND, QUOTA, CloudError, Route
from nodesim.units import SECOND
from tests.cloud.around import cloud, instance


@pytest.mark.parametrize(
    ("node", "provider_id", "second", "answer"),
    [
        ("a", "", 0, "a"),
        ("a", "aws://a/a", 0, "a"),
        ("other", "aws://a/a", 0, "a"),
        ("a", "aws://a/unknown", 0, NOT_FOUND),
        ("unknown", "", 0, NOT_FOUND),
        ("a", "", 9.999, "a"),
        ("a", "", 10, NOT_FOUND),
        ("b", "", 10, "b"),
        ("b", "", 20, API_DOWN),
        ("b", "", 29.999, API_DOWN),
        ("b", "", 30, "b"),
    ],
)
def test_an_instance_is_found_by_its_providers_id_or_its_nodes_name(
    node: str, provider_id: str, second: float, answer: str
) -> None:
    """The providerID wins; terminated ones are not found; while the API fails nothing is."""
    provider = cloud(states={"a": [(10, "terminated")]}, down=(20, 30))
    known = provider.metadata(node, provider_id, round(second * SECOND))
    assert (known.text if isinstance(known, CloudError) else known.name) == answer
    if answer in ("a", "b"):
        assert known == instance(answer)


@pytest.mark.parametrize(
    ("name", "second", "exists", "stopped"),
    [
        ("a", 5, True, False),
        ("a", 15, True, True),
        ("a", 25, True, False),
        ("b", 15, False, CloudError(NOT_FOUND, missing=True)),
        ("c", 35, CloudError(API_DOWN), CloudError(API_DOWN)),
    ],
)
def test_stopped_is_not_gone_and_an_error_is_neither(
    name: str, second: int, exists: bool | CloudError, stopped: bool | CloudError
) -> None:
    """An instance that is stopped exists; it may be started again."""
    provider = cloud(states={"a": [(10, "stopped"), (20, "running")], "b": [(10, "terminated")]}, down=(30, 40))
    assert provider.exists(name, "", second * SECOND) == exists
    assert provider.shut_down(name, "", second * SECOND) == stopped


def test_routes_are_kept_up_to_the_quota() -> None:
    """One that is there may be made again; one that is deleted makes room."""
    provider = cloud(down=(30, 40), route_quota=2)
    first, second, third = (Route(name, f"10.0.{place}.0/24") for place, name in enumerate("abc"))
    assert [provider.create_route(route, 0) for route in (first, second, first)] == [None, None, None]
    assert provider.create_route(third, 0) == CloudError(QUOTA)
    assert provider.delete_route(first, 0) is None
    assert provider.create_route(third, 0) is None
    assert provider.routes(0) == [second, third]
    down = 30 * SECOND
    assert provider.routes(down) == CloudError(API_DOWN)
    assert provider.create_route(first, down) == provider.delete_route(third, down) == CloudError(API_DOWN)
    assert provider.routes(40 * SECOND) == [second, third]
