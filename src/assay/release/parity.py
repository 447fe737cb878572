"""The parity certificate: examples recorded when a release is made and replayed wherever it is loaded.

Labels and decisions must be the same; floats may differ by 1e-12, because the mathematics libraries of two machines may
differ in the last place of a logarithm or an exponential.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import zip_longest

import msgspec

from assay.errors import ContractError, ReleaseError
from assay.release.bundle import Example, ParityExample
from assay.release.core import Release
from assay.values import Decision

_TOLERANCE = 1e-12


def record(release: Release, examples: Iterable[Example]) -> tuple[ParityExample, ...]:
    """What the release makes of each example that its contract takes.

    Raises:
        ReleaseError: it takes none of them.
    """
    recorded = []
    for example in examples:
        try:
            recorded.append(_answer(release, dict(example)))
        except ContractError as error:
            refused = error
    if not recorded:
        raise ReleaseError(
            f"no synthetic example fits the contract of {release.classifier}: {refused.message}",
            problems=refused.problems,
        )
    return tuple(recorded)


def replay(release: Release, recorded: Sequence[ParityExample]) -> None:
    """Answer every recorded example again.

    Raises:
        ReleaseError: an answer differs, or there is nothing to replay; names the first feature that differs.
    """
    if not recorded:
        raise ReleaseError(f"the release of {release.classifier} has no parity examples")
    for number, then in enumerate(recorded, start=1):
        try:
            now = _answer(release, then.example)
        except ContractError as error:
            raise ReleaseError(
                f"parity example {number} of {release.classifier} is no longer taken: {error.message}",
                problems=error.problems,
            ) from error
        difference = _difference(release, then, now)
        if difference:
            raise ReleaseError(
                f"parity example {number} of {release.classifier} comes out differently: {difference}",
                remedy="do not use this release on this machine; compare library versions, or train it again here",
            )


def _answer(release: Release, example: dict[str, bool | float | str | None]) -> ParityExample:
    row = release.decode(msgspec.json.encode(example))
    features = release.features(row)
    scores = release.scores(features)
    return ParityExample(
        example=example,
        dense=tuple(features.dense),
        indices=tuple(int(index) for index in features.indices),
        values=tuple(float(value) for value in features.values),
        scores=tuple(scores),
        decision=release.decide(scores),
        fallback=release.fallback.answer(row).decision if release.fallback is not None else None,
    )


def _difference(release: Release, then: ParityExample, now: ParityExample) -> str:
    """The first thing that differs, in the order in which it was computed; empty if nothing does."""
    for name, was, is_now in zip_longest(release.plan.names, then.dense, now.dense):
        if not _close(was, is_now):
            return f"feature {name} was {was}, is {is_now}"
    if then.indices != now.indices:
        differing = sorted(set(then.indices) ^ set(now.indices))
        if not differing:
            return "the terms of the text stand in another order"
        return f"term {differing[0]} of the text is in one and not in the other"
    for index, was, is_now in zip(then.indices, then.values, now.values, strict=True):
        if not _close(was, is_now):
            return f"term {index} of the text weighed {was}, weighs {is_now}"
    for output, (was, is_now) in enumerate(zip_longest(then.scores, now.scores)):
        if not _close(was, is_now):
            return f"raw score {output} was {was}, is {is_now}"
    return _decision_difference(release, then.decision, now.decision) or _fallback_difference(release, then, now)


def _fallback_difference(release: Release, then: ParityExample, now: ParityExample) -> str:
    if then.fallback is None or now.fallback is None:
        return "" if then.fallback is now.fallback else "one of the two has no fallback"
    difference = _decision_difference(release, then.fallback, now.fallback)
    return f"by the fallback {difference}" if difference else ""


def _decision_difference(release: Release, then: Decision, now: Decision) -> str:
    for label, was, is_now in zip_longest(release.contract.classes, then.probabilities, now.probabilities):
        if not _close(was, is_now):
            return f"the probability of {label} was {was}, is {is_now}"
    if (then.label, then.decision) != (now.label, now.decision):
        return f"the decision was {then.decision}, is {now.decision}"
    return ""


def _close(was: float | None, is_now: float | None) -> bool:
    if was is None or is_now is None:
        return False
    return math.isclose(was, is_now, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
