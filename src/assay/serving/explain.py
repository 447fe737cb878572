"""Why an answer is what it is: exact contributions from the release that answered, and the policy's reasons."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from assay.features.plan import FeaturePlan, Terms
from assay.models.model import Model
from assay.serving.answer import Explained, Thought
from assay.values import Explanation, Factor

_log = logging.getLogger(__name__)
_TOLERANCE = 1e-6

#: Reasons for the dense features of one example, from the policy's rules.
Reasons = Callable[[list[float]], tuple[str, ...]]


class FeatureNames:
    """Names of the features of a plan; those of sparse features are made when asked for."""

    def __init__(self, plan: FeaturePlan) -> None:
        self.dense = plan.names
        self._starts: list[int] = []
        self._groups: list[tuple[str, tuple[str, ...]]] = []
        start = 0
        for encoder in plan.encoders:
            if isinstance(encoder, Terms):
                for kind, terms in (("word", encoder.word_terms), ("characters", encoder.character_terms)):
                    if terms:
                        self._starts.append(start)
                        self._groups.append((f"{encoder.column} {kind}", terms))
                        start += len(terms)

    def sparse(self, index: int) -> str:
        """The name of a sparse feature: its column, what kind of term, and the term."""
        group = bisect_right(self._starts, index) - 1
        prefix, terms = self._groups[group]
        return f"{prefix} {terms[index - self._starts[group]]!r}"


class Explainer:
    """Explains answers of one release. `cheap` says whether that may run on the event loop."""

    def __init__(self, plan: FeaturePlan, model: Model, reasons: Reasons, *, binary: bool, positive: int) -> None:
        self.cheap = model.kind == "linear"
        self._names = FeatureNames(plan)
        self._model = model
        self._reasons = reasons
        self._binary = binary
        self._positive = positive

    def explain(self, thought: Thought, top: int = 10) -> Explained:
        """Exact SHAP values of the raw score of the label that was answered, the `top` largest of them.

        A binary model has one raw score, for the positive class: for the other label all signs are turned.
        """
        label: Any = thought.decision.label
        index: Any = thought.decision.label_index
        output = 0 if self._binary else index
        sign = -1.0 if self._binary and index != self._positive else 1.0
        return self._explain_output(thought, label, output, sign, top)

    def try_to(self, thought: Thought) -> tuple[Thought, Explained | None]:
        """Explain; where that fails the answer stands without reasons, and the thought says so. An answer that is not
        the model's has no reasons of the model's.
        """
        if thought.instead is not None:
            return _without(thought, "the fallback answered"), None
        try:
            return thought, self.explain(thought)
        except Exception as error:  # noqa: BLE001 - an answer must not be lost for want of its reasons
            _log.exception("explanation failed")
            return _without(thought, f"it failed with {type(error).__name__}"), None

    def _explain_output(self, thought: Thought, label: str, output: int, sign: float, top: int) -> Explanation:
        """Why one raw score is what it is, with the sign turned where the label is the other one."""
        dense, indices, values = thought.features
        base, of_dense, of_sparse = self._model.contributions(thought.features, output)
        margin = thought.scores[output]
        exact = self._model.kind != "forest" and abs(
            base + sum(of_dense) + sum(of_sparse) - margin
        ) <= _TOLERANCE * max(1.0, abs(margin))
        ranked = [(abs(part), position) for position, part in enumerate((*of_dense, *of_sparse)) if part]
        ranked.sort(key=lambda pair: (-pair[0], pair[1]))
        factors = [
            Factor(self._names.dense[position], sign * of_dense[position], dense[position])
            if position < len(of_dense)
            else Factor(
                self._names.sparse(int(indices[position - len(of_dense)])),
                sign * of_sparse[position - len(of_dense)],
                float(values[position - len(of_dense)]),
            )
            for _, position in ranked[:top]
        ]
        return Explanation(
            kind="exact" if exact else "approximate",
            label=label,
            base=sign * base,
            margin=sign * margin,
            factors=tuple(factors),
            reasons=self._reasons(dense),
        )


class LabelsExplainer(Explainer):
    """Explains each label that applies by itself; where none does, why the likeliest one does not."""

    def __init__(self, plan: FeaturePlan, model: Model, reasons: Reasons, classes: Sequence[str]) -> None:
        super().__init__(plan, model, reasons, binary=False, positive=0)
        self._classes = classes

    def explain(self, thought: Thought, top: int = 10) -> Explained:
        """Exact SHAP values of the raw score of each label, the `top` largest of them, in the order of the labels."""
        probabilities = thought.decision.probabilities
        applies = thought.decision.label_index or (probabilities.index(max(probabilities)),)
        numbers = (applies,) if isinstance(applies, int) else applies
        return tuple([self._explain_output(thought, self._classes[at], at, 1.0, top) for at in numbers])


def _without(thought: Thought, why: str) -> Thought:
    return msgspec.structs.replace(thought, degraded=(*thought.degraded, f"no explanation: {why}"))
