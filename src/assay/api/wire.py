"""The bodies of the hot routes as they come in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, TypeVar

import msgspec

from assay.errors import ContractError, MalformedError, Problem
from assay.serving.answer import Options

T = TypeVar("T")

_NAMED = re.compile(r"Object (?:contains )?(unknown|missing required) field `(.*)`", re.DOTALL)


class PredictBody(Options, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/predict. `features` stays unread until the classifier is known."""

    features: msgspec.Raw
    model: str | None = None


class BatchBody(Options, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/predict/batch: `rows`, or `texts` for a classifier of one text column. Options hold for all rows."""

    model: str | None = None
    rows: list[msgspec.Raw] | None = None
    texts: list[msgspec.Raw] | None = None


class ShortBody(msgspec.Struct):
    """A first look at a body of /predict or /classify: an envelope has an object under `features`."""

    features: msgspec.Raw = msgspec.Raw(b"")


class FeedbackBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/feedback: the true label of a prediction named by its id, or by entity and time (RFC 3339); of a
    multilabel classifier all that apply.
    """

    label: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
        | Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]], msgspec.Meta(max_length=1000)]
    )
    model: str | None = None
    prediction_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None
    entity: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)] | None = None
    time: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = "api"
    comment: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


def read_body(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode a body.

    Raises:
        MalformedError: not JSON, not UTF-8, or nested too deeply.
        ContractError: JSON of another shape; names the field.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        problem = _problem(str(error), getattr(decoder.type, "__struct_fields__", ()))
        raise ContractError("the body is not what this route takes", problems=[problem]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise MalformedError("the body is nested too deeply") from None


def _problem(told: str, fields: Sequence[str]) -> Problem:
    """What msgspec says of the body, with the field as the path."""
    message, _, place = told.partition(" - at `$")
    named = _NAMED.fullmatch(message)
    if named is None:
        return Problem(place.rstrip("`").lstrip(".") or "body", message)
    what, name = named.groups()
    if what == "missing required":
        return Problem(name, "is required")
    close = get_close_matches(name[:100], fields, n=1)
    return Problem(name, f"is unknown here; did you mean {close[0]}?" if close else "is unknown here")
