"""Promotion: an approval mark, and for production the traffic that goes with it."""

from __future__ import annotations

from assay.registry.store import RegistryStore, Version
from assay.values import Deployment, Stage


def promote(
    version: Version, stage: Stage, *, registry: RegistryStore, by: str, at: float
) -> tuple[Version, Deployment | None]:
    """Mark a release; one promoted to production serves all traffic from then on. `at` is epoch seconds, UTC.

    Raises:
        GateError: the release failed its gates.
        ConflictError: the deployment was changed at the same moment; the mark stands.
    """
    before = registry.deployment(version.classifier)
    marked = registry.set_stage(version.classifier, version.version, stage, by=by, at=at)
    if stage != "production":
        return marked, before
    if before is not None and before.version == version.version and before.canary_version is None:
        return marked, before
    after = registry.deploy(
        version.classifier,
        version.version,
        expected_generation=before.generation if before is not None else 0,
        by=by,
        at=at,
        reason="promoted to production",
    )
    return marked, after
