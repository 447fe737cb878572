"""Promotion marks a release; to production also moves the traffic."""

from __future__ import annotations

import pytest

from assay.errors import GateError
from assay.registry.assign import assign
from assay.registry.promote import promote
from assay.registry.store import RegistryStore
from assay.testing.contracts import make_version
from assay.values import Stage


def test_to_production_serves_all_traffic(registry: RegistryStore) -> None:
    versions = [registry.register(make_version(digest=digest)) for digest in ("a", "b")]
    for version in versions:
        marked, deployment = promote(version, "production", registry=registry, by="bo", at=5.0)
        assert (marked.stage, marked.approved_by) == ("production", "bo")
        assert deployment is not None
        assert assign(deployment) == version.version
        assert registry.deployment("spam") == deployment
    assert [one.version for one in registry.history("spam")] == [1, 2]


@pytest.mark.parametrize("stage", ["development", "staging", "deprecated"])
def test_other_stages_move_no_traffic(stage: Stage, registry: RegistryStore) -> None:
    first, second = (registry.register(make_version(digest=digest)) for digest in ("a", "b"))
    _, before = promote(first, "production", registry=registry, by="bo", at=5.0)
    marked, after = promote(second, stage, registry=registry, by="bo", at=6.0)
    assert marked.stage == stage
    assert after == before == registry.deployment("spam")


def test_promoting_what_serves_already_changes_no_deployment(registry: RegistryStore) -> None:
    version = registry.register(make_version())
    _, first = promote(version, "production", registry=registry, by="bo", at=5.0)
    _, second = promote(version, "production", registry=registry, by="cy", at=6.0)
    assert first == second
    assert registry.version("spam", 1).approved_by == "cy"


def test_what_failed_its_gates_stays_where_it_is(registry: RegistryStore) -> None:
    version = registry.register(make_version(passed=False))
    with pytest.raises(GateError):
        promote(version, "production", registry=registry, by="bo", at=5.0)
    assert registry.deployment("spam") is None
    assert registry.version("spam", 1).stage == "development"
