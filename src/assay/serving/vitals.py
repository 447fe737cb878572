"""How the model of one release fares in one worker: what kept it from answering, and whether that goes on."""

from __future__ import annotations

import logging

from assay.errors import AssayError

_log = logging.getLogger(__name__)
#: So many failures with no answer of the model between them make a concern of the release.
_MOST_IN_A_ROW = 3


class Vitals:
    """Failures in a row. Who has an answer of the model adds it to `answers`: that is all that is done while all is
    well.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.answers = 0
        self._answers_before = 0
        self._in_a_row = 0
        self._why = ""

    def failed(self, why: str) -> None:
        """The model gave no answer."""
        self._in_a_row = self._in_a_row + 1 if self.answers == self._answers_before else 1
        self._answers_before, self._why = self.answers, why
        if self._in_a_row == _MOST_IN_A_ROW:
            _log.error("the model of a release fails", extra={"release": self._name, "reason": why})

    @property
    def concern(self) -> str | None:
        """What an operator should know; None while the model answers."""
        if self._in_a_row < _MOST_IN_A_ROW or self.answers != self._answers_before:
            return None
        return f"{self._name}: its model failed {self._in_a_row} times in a row; the last time {self._why}"


def tell_failure(error: Exception) -> str:
    """Why a model gave no answer, in words that quote nothing of the request."""
    return error.message if isinstance(error, AssayError) else f"it failed with {type(error).__name__}"
