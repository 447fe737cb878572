"""Errors as HTTP: the table is complete, and only what is outside the tree is a 500."""

from __future__ import annotations

import msgspec
import pytest

from assay import errors
from assay.api.problems import INTERNAL, KINDS, document, document_of, kind_of, reply_to
from assay.errors import AssayError, ContractError, Problem, UnavailableError

TREE = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AssayError)),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_stands_in_the_table_and_is_no_500(kind: type[AssayError]) -> None:
    assert kind in KINDS
    told = reply_to(kind("it went wrong"), "r-1")
    assert told.status == KINDS[kind].status != 500
    assert msgspec.json.decode(told.body)["request_id"] == "r-1"


def test_nothing_else_stands_in_the_table() -> None:
    assert KINDS.keys() == set(TREE)


def test_an_error_made_from_one_of_the_tree_is_told_like_it() -> None:
    class SpecialError(ContractError):
        """A kind of its own."""

    assert kind_of(SpecialError("x")) == KINDS[ContractError]


def test_an_exception_outside_the_tree_says_nothing_of_itself() -> None:
    told = document_of(ZeroDivisionError("secret"), "r-1")
    assert (kind_of(ZeroDivisionError()), told.status) == (INTERNAL, 500)
    assert "secret" not in str(told)


@pytest.mark.parametrize(("after_s", "said"), [(0.2, b"1"), (1.0, b"1"), (7.4, b"7")])
def test_what_is_not_possible_now_says_when_to_try_again(after_s: float, said: bytes) -> None:
    told = reply_to(UnavailableError("later", retry_after_s=after_s))
    assert told.headers == ((b"retry-after", said),)


def test_an_answer_never_outgrows_its_request() -> None:
    problems = tuple(Problem("p" * 10_000, "m" * 10_000) for _ in range(1000))
    told = document(KINDS[ContractError], "d" * 10_000, problems)
    assert len(msgspec.json.encode(told)) < 50_000
    assert len(told.errors) == 50
