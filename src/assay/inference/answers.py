"""Answers to output tensors: one row an answer, in the order of the request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from assay.contract.columns import Contract
from assay.errors import ContractError, Problem
from assay.inference.tensors import Element, Tensor
from assay.serving.answer import Answer, LabelsAnswer, Thought

Told = Answer | LabelsAnswer
#: One answer -> the elements of its row.
ReadRow = Callable[[Thought, Told], Sequence[Element]]

_REVIEW = "review"


class Output(NamedTuple):
    """One output of a classifier. A row of it has one element, or one for each of `classes`."""

    name: str
    datatype: str
    read: ReadRow
    classes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape for any number of rows."""
        return (-1, len(self.classes)) if self.classes else (-1,)

    @property
    def parameters(self) -> dict[str, str]:
        """The names of a row's elements, as a JSON list."""
        return {"classes": msgspec.json.encode(self.classes).decode()} if self.classes else {}

    def tensor(self, thoughts: Sequence[Thought], answers: Sequence[Told]) -> Tensor:
        """The tensor of many answers."""
        rows = [self.read(thought, answer) for thought, answer in zip(thoughts, answers, strict=True)]
        elements = [element for row in rows for element in row]
        return Tensor(self.name, self.datatype, (len(rows), *self.shape[1:]), elements, self.parameters)


def outputs_of(contract: Contract) -> dict[str, Output]:
    """Every output of a classifier by its name, in the order of the metadata."""
    named = _labels(contract.classes) if contract.task == "multilabel" else _label()
    outputs = (
        *named,
        Output("confidence", "FP64", lambda thought, _: (thought.decision.confidence,)),
        Output("probabilities", "FP64", lambda thought, _: thought.decision.probabilities, contract.classes),
        Output("prediction_id", "BYTES", lambda _, answer: (answer.prediction_id,)),
        Output("degraded", "BYTES", lambda _, answer: ("; ".join(answer.degraded),)),
    )
    return {output.name: output for output in outputs}


def choose_outputs(contract: Contract, names: Sequence[str]) -> list[Output]:
    """The outputs of these names; all of them where none is named.

    Raises:
        ContractError: one does not exist or is named twice.
    """
    outputs = outputs_of(contract)
    known = ", ".join(outputs)
    problems = [
        Problem(f"outputs.{name[:60]}", f"is not an output; there are {known}") for name in names if name not in outputs
    ]
    if not problems and len({*names}) != len(names):
        problems = [Problem("outputs", "has a name twice")]
    if problems:
        raise ContractError("the outputs are not what this classifier gives", problems=problems)
    return [outputs[name] for name in names or outputs]


def _label() -> tuple[Output, ...]:
    return (
        Output("label", "BYTES", lambda _, answer: (_text(answer.label),)),
        Output("decision", "BYTES", lambda _, answer: (_text(answer.decision),)),
    )


def _labels(classes: tuple[str, ...]) -> tuple[Output, ...]:
    """Of several labels each has its own place in a row, and in the decision so has review."""
    decisions = (*classes, _REVIEW)
    return (
        Output("label", "BOOL", lambda _, answer: [name in answer.label for name in classes], classes),
        Output("decision", "BOOL", lambda _, answer: [name in answer.decision for name in decisions], decisions),
    )


def _text(said: Any) -> str:
    return str(said)
