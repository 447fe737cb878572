from __future__ import annotations

import pytest

from assay.contract.columns import Column
from assay.errors import SpecError
from assay.spec import column_from_spec, parse_spec
from assay.spec.tree import ColumnSpec
from tests.spec.material import FULL, MINIMAL


def column(text: str) -> Column:
    spec = parse_spec(f"{MINIMAL}columns: {{x: {text}, other: {{type: number}}}}\n")
    return column_from_spec("x", spec.columns["x"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{type: number}", Column(name="x", type="number")),
        ("{type: number, missing: median}", Column(name="x", type="number", missing="median")),
        ("{type: number, missing: constant:0}", Column(name="x", type="number", missing="constant", constant=0.0)),
        (
            "{type: number, missing: constant:-1.5e3}",
            Column(name="x", type="number", missing="constant", constant=-1500.0),
        ),
        ("{type: number, default: 7}", Column(name="x", type="number", missing="constant", constant=7.0)),
        ("{type: number, min: 0}", Column(name="x", type="number", minimum=0.0, outliers="reject")),
        ("{type: number, min: 0, outliers: clip}", Column(name="x", type="number", minimum=0.0, outliers="clip")),
        ("{type: number, outliers: keep}", Column(name="x", type="number")),
        ("{type: number, outliers: clip}", Column(name="x", type="number", outliers="clip")),
        ("{type: boolean, default: true}", Column(name="x", type="boolean", missing="constant", constant=1.0)),
        ("{type: category, default: No}", Column(name="x", type="category", missing="constant", constant="No")),
        ("{type: category, missing: constant:1}", Column(name="x", type="category", missing="constant", constant="1")),
        ("{type: category, values: [1, No]}", Column(name="x", type="category", values=("1", "No"))),
        ("{type: text, missing: 'constant:'}", Column(name="x", type="text", missing="constant", constant="")),
        ("{type: text, truncate: true}", Column(name="x", type="text", truncate=True)),
        ("{type: text, sanitise: false}", Column(name="x", type="text", sanitise=False)),
        ("{type: id, pattern: '^u'}", Column(name="x", type="id", pattern="^u")),
        ("{type: timestamp, missing: keep}", Column(name="x", type="timestamp", missing="keep")),
        (
            "{type: timestamp, default: 1970-01-02}",
            Column(name="x", type="timestamp", missing="constant", constant=86400.0),
        ),
        (
            "{type: timestamp, default: '1970-01-01T01:00:00+01:00'}",
            Column(name="x", type="timestamp", missing="constant", constant=0.0),
        ),
    ],
)
def test_a_column_of_the_spec_becomes_one_of_the_contract(text: str, expected: Column) -> None:
    assert column(text) == expected


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("{type: number, max: 9, outliers: keep}", "outliers", "keep leaves min and max without a meaning"),
        ("{type: timestamp, missing: median}", "missing", "must be one of reject, keep, constant:VALUE"),
        ("{type: number, missing: keep}", "missing", "must be one of reject, median, mean"),
        ("{type: number, missing: mode}", "missing", "must be one of reject, median, mean"),
        ("{type: number, missing: constant}", "missing", "constant:VALUE"),
        ("{type: number, missing: constant:many}", "missing", "'many' is not a value of type number"),
        ("{type: number, missing: constant:1e999}", "missing", "is not a value of type number"),
        ("{type: text, missing: median}", "missing", "must be one of reject, constant:VALUE"),
        ("{type: text, missing: constant:none}", "missing", "missing text is empty"),
        ("{type: text, default: none}", "default", "missing text is empty"),
        ("{type: id, missing: reject}", "missing", "may always be missing"),
        ("{type: boolean, default: maybe}", "default", "is not a value of type boolean"),
        ("{type: timestamp, default: soon}", "default", "is not a value of type timestamp"),
        ("{type: number, missing: mean, default: 1}", "default", "says what missing says"),
        ("{type: category, values: [a], unknown: reject, default: b}", "default", "is not one of the values"),
        ("{type: category, values: [a, b, a]}", "values", "lists 'a' twice"),
        ("{type: category, values: []}", "values", "the list is empty"),
        ("{type: category, unknown: reject}", "unknown", "needs the list of values"),
        ("{type: category, pattern: '['}", "pattern", "is not a regular expression"),
        ("{type: category, min: 3}", "min", "belongs to columns of type number"),
        ("{type: number, max_length: 3}", "max_length", "belongs to columns of type text"),
        ("{type: number, outliers: reject}", "outliers", "needs min or max"),
        ("{type: text, min_length: 9, max_length: 3}", "min_length", "is above max_length"),
    ],
)
def test_keys_of_a_column_that_cannot_be_together_are_refused(text: str, key: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        column(text)
    [problem] = caught.value.problems
    assert problem.path == f"columns.x.{key}"
    assert said in problem.message


def test_a_column_made_in_python_is_checked_too() -> None:
    with pytest.raises(SpecError, match=r"columns\.age\.missing"):
        column_from_spec("age", ColumnSpec(type="number", missing="often"))


def test_every_column_of_a_full_spec_converts() -> None:
    spec = parse_spec(FULL)
    columns = [column_from_spec(name, each) for name, each in spec.columns.items()]
    assert [each.name for each in columns] == list(spec.columns)
