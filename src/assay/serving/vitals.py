"""How the model of one release fares in one worker: what kept it from answering, and whether that goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable

from assay.errors import AssayError

_log = logging.getLogger(__name__)
#: So many failures with no answer of the model between them make a concern of the release.
_MOST_IN_A_ROW = 3


class Vitals:
    """Failures in a row. `answered` counts the answers of the model so far: nothing is done here while all is well."""

    def __init__(self, name: str, answered: Callable[[], int]) -> None:
        self._name = name
        self._answered = answered
        self._answered_before = 0
        self._uncounted = 0
        self._in_a_row = 0
        self._why = ""

    def succeeded(self) -> None:
        """The model gave an answer that is not counted yet, as rows of a bulk request are only at its end."""
        self._uncounted += 1

    def failed(self, why: str) -> None:
        """The model gave no answer."""
        answered = self._answers()
        self._in_a_row = self._in_a_row + 1 if answered == self._answered_before else 1
        self._answered_before, self._why = answered, why
        if self._in_a_row == _MOST_IN_A_ROW:
            _log.error("the model of a release fails", extra={"release": self._name, "reason": why})

    @property
    def concern(self) -> str | None:
        """What an operator should know; None while the model answers."""
        if self._in_a_row < _MOST_IN_A_ROW or self._answers() != self._answered_before:
            return None
        return f"{self._name}: its model failed {self._in_a_row} times in a row; the last time {self._why}"

    def _answers(self) -> int:
        return self._answered() + self._uncounted


def tell_failure(error: Exception) -> str:
    """Why a model gave no answer, in words that quote nothing of the request."""
    return error.message if isinstance(error, AssayError) else f"it failed with {type(error).__name__}"
