"""Errors as HTTP: the error tree in one table, told as RFC 9457 problem documents."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from assay.errors import (
    AssayError,
    ConfigurationError,
    ConflictError,
    ContractError,
    DataError,
    GateError,
    MalformedError,
    MissingDependencyError,
    NotFoundError,
    NotSupportedError,
    OverloadedError,
    Problem,
    ReleaseError,
    SettingsError,
    SpecError,
    StorageError,
    UnavailableError,
)

_MOST_PROBLEMS = 50
_LONGEST_TEXT = 300


#: Further headers of an answer.
Headers = tuple[tuple[bytes, bytes], ...]


class Kind(NamedTuple):
    """One kind of problem: its name in `type` and in the metrics, its status and its title."""

    name: str
    status: int
    title: str


INTERNAL = Kind("internal", 500, "Internal error")
FORBIDDEN_HOST = Kind("host", 421, "Unknown host")
METHOD = Kind("method", 405, "Method not allowed")
MEDIA_TYPE = Kind("media_type", 415, "Not JSON")
TOO_LARGE = Kind("too_large", 413, "Body too large")
HEAD_TOO_LARGE = Kind("head_too_large", 431, "Head too large")
NOT_FOUND = Kind("not_found", 404, "Not found")

#: The whole error tree. Only an exception outside of it is a 500.
KINDS: dict[type[AssayError], Kind] = {
    AssayError: Kind("refused", 503, "Refused"),
    ConfigurationError: Kind("configuration", 503, "Wrongly configured"),
    SpecError: Kind("spec", 422, "Spec not accepted"),
    SettingsError: Kind("settings", 503, "Wrongly configured"),
    NotSupportedError: Kind("not_supported", 422, "Not supported"),
    MissingDependencyError: Kind("missing_dependency", 503, "Not installed"),
    DataError: Kind("data", 422, "Data not accepted"),
    ContractError: Kind("contract", 422, "The example breaks the contract"),
    MalformedError: Kind("malformed", 400, "Not readable"),
    ReleaseError: Kind("release", 503, "Release not usable"),
    GateError: Kind("gate", 409, "Gates not passed"),
    NotFoundError: NOT_FOUND,
    ConflictError: Kind("conflict", 409, "Conflict"),
    StorageError: Kind("storage", 503, "Storage not available"),
    UnavailableError: Kind("unavailable", 503, "Not available now"),
    OverloadedError: Kind("overloaded", 503, "Overloaded"),
}
KIND_NAMES = tuple(
    dict.fromkeys(
        kind.name
        for kind in (
            *KINDS.values(),
            INTERNAL,
            FORBIDDEN_HOST,
            METHOD,
            MEDIA_TYPE,
            TOO_LARGE,
            HEAD_TOO_LARGE,
            NOT_FOUND,
        )
    )
)


class FieldProblem(msgspec.Struct, frozen=True):
    """One fault within the request."""

    path: str
    message: str


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457. `request_id` is the caller's, or one made for finding this in the log."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()
    request_id: str | None = None


class Reply(msgspec.Struct, frozen=True):
    """What a handler answers: status, body and further headers."""

    status: int
    body: bytes
    headers: Headers = ()
    content_type: bytes = b"application/json"


def kind_of(error: Exception) -> Kind:
    """The row of the table for an exception; INTERNAL outside the tree."""
    for ancestor in type(error).__mro__:
        if ancestor in KINDS:
            return KINDS[ancestor]
    return INTERNAL


def document(
    kind: Kind, detail: str, problems: tuple[Problem, ...] = (), request_id: str | None = None
) -> ProblemDocument:
    """A problem document. What it quotes of a request is cut, and only the first faults are listed."""
    errors = tuple(FieldProblem(_cut(problem.path), _cut(problem.message)) for problem in problems[:_MOST_PROBLEMS])
    name = f"urn:assay:problem:{kind.name}"
    return ProblemDocument(name, kind.title, kind.status, _cut(detail), errors, request_id)


def document_of(error: Exception, request_id: str | None = None) -> ProblemDocument:
    """The problem document of an exception. One outside the tree says nothing about itself: details go to the log."""
    if isinstance(error, AssayError):
        return document(kind_of(error), error.message, error.problems, request_id)
    return document(INTERNAL, "something failed on this side; the log knows more under this request_id", (), request_id)


def reply(told: ProblemDocument, retry_after_s: float | None = None) -> Reply:
    """A problem document as an answer."""
    headers: Headers = ()
    if told.status == 503:
        headers = ((b"retry-after", b"%d" % max(1, round(retry_after_s or 1.0))),)
    return Reply(told.status, msgspec.json.encode(told), headers, b"application/problem+json")


def reply_to(error: Exception, request_id: str | None = None) -> Reply:
    """An exception as an answer."""
    return reply(document_of(error, request_id), getattr(error, "retry_after_s", None))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
