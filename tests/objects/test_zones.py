"""Zones: Kubernetes' key, and the name that people read."""

from __future__ import annotations

import pytest

from nodesim.objects import zone_key, zone_name


@pytest.mark.parametrize(
    ("region", "zone", "name"), [("", "", ""), ("", "a", "a"), ("eu", "", "eu/"), ("eu", "a", "eu/a")]
)
def test_a_zone_reads_as_a_person_would_write_it(region: str, zone: str, name: str) -> None:
    """No control character, and no two keys with one name: labels hold no slash."""
    labels = {"topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": zone}
    assert zone_name(zone_key(labels)) == name
    assert name.isprintable()
