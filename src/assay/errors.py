"""The error tree. It knows no HTTP and no terminal: each door maps it in one table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (`columns.age.min`, `features.amount`, `row 4711`) and what to do about it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class AssayError(Exception):
    """Root of every error that Assay raises on purpose.

    `message` is one sentence that names the place; `problems` lists the single faults; `remedy` says what to do next.
    """

    def __init__(self, message: str, *, problems: Iterable[Problem] = (), remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)
        self.remedy = remedy

    def __str__(self) -> str:
        """The message, then each problem and the remedy on a line of its own."""
        told = [self.message, *(f"  {problem}" for problem in self.problems if str(problem) not in self.message)]
        return "\n".join([*told, f"try: {self.remedy}"] if self.remedy else told)


class ConfigurationError(AssayError):
    """What the user configured cannot be used."""


class SpecError(ConfigurationError):
    """classifier.yaml is wrong."""


class SettingsError(ConfigurationError):
    """An `ASSAY_*` setting is wrong."""


class NotSupportedError(ConfigurationError):
    """A documented key or option whose machinery is not in this version."""


class MissingDependencyError(ConfigurationError):
    """A feature needs an extra that is not installed; the remedy is the install command."""


class DataError(AssayError):
    """The data set breaks its contract, cannot be read or cannot be learned from."""


class ContractError(AssayError):
    """One example breaks the contract; `problems` name the fields."""


class MalformedError(AssayError):
    """The input is not even readable (broken JSON, a body cut short)."""


class ReleaseError(AssayError):
    """A release is damaged, incomplete, or does not reproduce its own parity examples."""


class GateError(AssayError):
    """A release did not pass its gates and cannot be promoted."""


class NotFoundError(AssayError):
    """A classifier, version, column or prediction that does not exist."""


class ConflictError(AssayError):
    """Somebody else changed the same thing first, or it is in the wrong state for this."""


class StorageError(AssayError):
    """A disk, database or blob store did not take or give what was asked of it."""


class UnavailableError(AssayError):
    """Not possible right now; `retry_after_s` says when to try again."""

    def __init__(
        self, message: str, *, problems: Iterable[Problem] = (), remedy: str = "", retry_after_s: float = 1.0
    ) -> None:
        super().__init__(message, problems=problems, remedy=remedy)
        self.retry_after_s = retry_after_s


class OverloadedError(UnavailableError):
    """More is asked at once than can be answered in time; nothing was begun."""
