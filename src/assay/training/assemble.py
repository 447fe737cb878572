"""Puts a release together: contract, plan, model, policy, reference profile and parity examples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.data.dataset import Dataset
from assay.models.store import save
from assay.monitoring.profile import make_profile
from assay.policy.apply import decide_frame, probabilities_frame
from assay.policy.policy import Policy
from assay.release.bundle import Bundle, CachePlan, ServingPlan, canonical_json, sha256
from assay.release.core import Release
from assay.release.fallback import StoredFallback
from assay.release.parity import record
from assay.release.synthesise import synthesise
from assay.spec import Spec
from assay.training.lesson import Fitted, Lesson


def assemble(
    spec: Spec,
    dataset: Dataset,
    lesson: Lesson,
    fitted: Fitted,
    policy: Policy,
    scores: NDArray[np.float64],
    fallback: StoredFallback | None = None,
) -> Bundle:
    """The bundle of a fitted candidate; `scores` are its raw validation scores.

    Its profile names the data, the spec and the seed, so that another one of them makes another release even where the
    model comes out the same.
    """
    rows = np.arange(lesson.table.rows)
    features = lesson.evaluate(fitted.plan, fitted.plan_arrays, rows)
    decisions = decide_frame(policy, probabilities_frame(policy, scores))
    profile = make_profile(lesson.contract, lesson.table, features.dense, fitted.plan.names, decisions)
    kind, arrays = save(fitted.model)
    bundle = Bundle(
        classifier=spec.name,
        contract=lesson.contract,
        plan=fitted.plan,
        plan_arrays=fitted.plan_arrays,
        kind=kind,
        model_arrays=arrays,
        policy=policy,
        profile={"made_from": origin(spec, dataset), **profile},
        fallback=fallback,
        serving=_serving(spec),
    )
    return replace(bundle, parity=record(Release.prepare(bundle), synthesise(bundle, seed=lesson.seed)))


def _serving(spec: Spec) -> ServingPlan:
    cache = spec.serving.cache if spec.serving is not None else None
    return ServingPlan(cache=CachePlan(cache.ttl.total_seconds(), cache.size) if cache is not None else None)


def origin(spec: Spec, dataset: Dataset) -> dict[str, Any]:
    """What a release is made from. Where the file lies and how the spec is laid out do not count."""
    said = spec.model_dump(mode="json")
    del said["data"]["source"]
    return {"data": dataset.checksum, "spec": sha256(canonical_json(said)), "seed": spec.data.split.seed}
