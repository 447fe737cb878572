"""The release core: decode -> features -> scores -> decide. Pure, synchronous, without I/O.

Every door, batch, gate and replay asks this one object, so they cannot disagree. All look-ups happen in `prepare`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.contract.decode import prepare_decoder
from assay.contract.table import Table
from assay.errors import ReleaseError
from assay.features.frame import prepare_frame
from assay.features.plan import FeatureFrame, FeaturePlan, FeatureRow
from assay.features.row import prepare_row
from assay.models.model import Model
from assay.models.store import load
from assay.policy.apply import Decisions, decide_frame, prepare, probabilities_frame
from assay.policy.columns import probability_columns
from assay.policy.policy import Policy
from assay.policy.rules import prepare_reasons
from assay.release.bundle import Bundle, CachePlan, Example, model_digest, policy_digest
from assay.release.fallback import Fallback, prepare_fallback
from assay.values import Decision, Row


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """A release made ready to answer. Version 0: not registered yet."""

    classifier: str
    version: int
    digest: str
    policy_digest: str
    contract: Contract
    plan: FeaturePlan
    model: Model
    policy: Policy

    #: JSON bytes -> row. Raises MalformedError (not JSON) or ContractError (names every field that is wrong).
    decode: Callable[[bytes], Row]
    #: The same bytes -> the columns whose text was cut, where the contract truncates.
    truncated: Callable[[bytes], tuple[str, ...]]
    #: The same for values that are in memory already.
    decode_mapping: Callable[[Mapping[str, object]], Row]
    #: Row -> features.
    features: Callable[[Row], FeatureRow]
    #: Features -> raw scores.
    scores: Callable[[FeatureRow], list[float]]
    #: Raw scores -> decision.
    decide: Callable[[list[float]], Decision]
    #: Dense features -> the reasons of the policy's rules that hold.
    reasons: Callable[[list[float]], tuple[str, ...]]
    #: Many checked rows -> features, bit for bit those of `features`.
    features_frame: Callable[[Table], FeatureFrame]
    #: Synthetic examples as a caller would send them.
    examples: tuple[Example, ...]
    #: What answers when the model cannot.
    fallback: Fallback | None = None
    #: How scores are kept, and what they are kept under; empty where they are not.
    cache: CachePlan | None = None
    model_digest: str = ""

    def answer(self, row: Row) -> Decision:
        """Classify one decoded row."""
        return self.decide(self.scores(self.features(row)))

    def answer_frame(self, table: Table) -> Decisions:
        """Classify many checked rows at once, bit for bit as `answer` does."""
        return decide_frame(self.policy, self.probabilities(table))

    def probabilities(self, table: Table) -> NDArray[np.float64]:
        """Calibrated probabilities of many checked rows, shape (rows, classes)."""
        return probabilities_frame(self.policy, self.model.frame(self.features_frame(table)))

    def each_probabilities(self, table: Table) -> NDArray[np.float64]:
        """The same, with NaN in the rows whose scores are not finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            raw = self.model.frame(self.features_frame(table))
        return probability_columns(self.policy, raw)

    @classmethod
    def prepare(cls, bundle: Bundle, *, version: int = 0, digest: str = "") -> Release:
        """Make a bundle ready to answer: everything that can be looked up is looked up here.

        Raises:
            ReleaseError: the parts do not belong together.
        """
        _check_parts(bundle)
        contract, plan, policy = bundle.contract, bundle.plan, bundle.policy
        plan_arrays = bundle.plan_arrays
        model = load(bundle.kind, bundle.model_arrays)
        decoder = prepare_decoder(contract)
        features = prepare_row(plan, plan_arrays)
        stored, cache = bundle.fallback, bundle.serving.cache
        return cls(
            classifier=bundle.classifier,
            version=version,
            digest=digest,
            policy_digest=policy_digest(policy),
            contract=contract,
            plan=plan,
            model=model,
            policy=policy,
            decode=decoder.decode,
            truncated=decoder.truncated,
            decode_mapping=decoder.decode_mapping,
            features=features,
            scores=model.row,
            decide=prepare(policy),
            reasons=prepare_reasons(policy.reasons, plan.names),
            features_frame=prepare_frame(plan, plan_arrays),
            examples=tuple(example.example for example in bundle.parity),
            fallback=prepare_fallback(stored, contract, policy, plan.names, features) if stored is not None else None,
            cache=cache,
            model_digest=model_digest(bundle) if cache is not None else "",
        )


def _check_parts(bundle: Bundle) -> None:
    if bundle.plan.columns != bundle.contract.names:
        raise ReleaseError(f"the feature plan of {bundle.classifier} does not have the columns of its contract")
    if (bundle.policy.task, bundle.policy.classes) != (bundle.contract.task, bundle.contract.classes):
        raise ReleaseError(f"the policy of {bundle.classifier} does not decide between the classes of its contract")
