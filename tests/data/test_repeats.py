from __future__ import annotations

import pytest

from assay.data.repeats import Repeats, find_repeats
from tests.data.material import dataset

SEVERAL = [f"another message about topic {'abcdefgh'[number]}" for number in range(8)]


def repeats_of_texts(*texts: str | None) -> Repeats:
    rows = dataset(["a", "b", *["a"] * (len(texts) - 2)], {"text": ("text", texts)})
    return find_repeats(rows.contract, rows.table)


def test_texts_that_differ_in_case_digits_and_punctuation_are_alike() -> None:
    found = repeats_of_texts("Win 100 now!", "win 250: NOW", *SEVERAL)
    assert found.groups[0] == found.groups[1]
    assert found.rows == 1


def test_texts_of_punctuation_alone_are_compared_as_they_stand() -> None:
    found = repeats_of_texts("!!!", "???", *SEVERAL)
    assert found.rows == 0


def test_templates_are_compared_word_for_word() -> None:
    found = repeats_of_texts(*[f"your code is {number}" for number in range(20)], "your code is 3")
    assert not found.natural
    assert found.rows == 1
    assert found.groups[3] == found.groups[20]


def test_two_text_columns_must_both_agree() -> None:
    columns = {"title": ("text", ["a", "a", "b", "c"]), "body": ("text", ["x", "y", "x", "z"])}
    rows = dataset(["a", "b", "a", "b"], columns)
    assert find_repeats(rows.contract, rows.table).rows == 0


def test_rows_of_a_table_are_alike_whatever_their_id_and_time() -> None:
    rows = dataset(
        ["a", "b", "a"],
        {
            "id": ("id", ["1", "2", "3"]),
            "at": ("timestamp", [1, 2, 3]),
            "amount": ("number", [5, 5, None]),
            "plan": ("category", ["free", "free", None]),
        },
    )
    found = find_repeats(rows.contract, rows.table)
    assert found.groups.tolist() == [0, 0, 1]


def test_a_missing_number_equals_a_missing_number() -> None:
    rows = dataset(["a", "b", "a", "b"], {"amount": ("number", [None, None, 1, 2])})
    assert find_repeats(rows.contract, rows.table).groups.tolist() == [0, 0, 1, 2]


def test_rows_of_a_few_flags_are_no_copies() -> None:
    rows = dataset(["a", "b"] * 50, {"flag": ("boolean", [0, 1] * 50)})
    found = find_repeats(rows.contract, rows.table)
    assert found.natural
    assert found.rows == 98
    assert len(set(found.groups.tolist())) == 100


@pytest.mark.parametrize("kind", ["number", "text"])
def test_many_copies_of_a_whole_file_are_copies(kind: str) -> None:
    words = [first + second + third for first in "abcdef" for second in "ghijkl" for third in "mnopqr"]
    values = words if kind == "text" else [float(place) for place in range(len(words))]
    rows = dataset(["a", "b"] * (len(words) * 2), {"x": (kind, values * 4)})
    found = find_repeats(rows.contract, rows.table)
    assert not found.natural
    assert found.groups.tolist() == [*range(len(words))] * 4


def test_a_table_of_ids_has_no_repeats() -> None:
    rows = dataset(["a", "b"], {"id": ("id", ["1", "1"])})
    assert find_repeats(rows.contract, rows.table).rows == 0


def test_near_copies_are_alike_and_counted_apart() -> None:
    text = "your parcel has arrived at the depot in {} street, please collect it with your card before {}"
    found = repeats_of_texts(
        text.format("mill", "noon"), text.format("hill", "noon"), text.format("Mill", "noon"), *SEVERAL
    )
    assert found.groups[:3].tolist() == [0, 0, 0]
    assert (found.rows, found.near) == (2, 1)


def test_where_most_texts_come_back_whole_rows_are_compared() -> None:
    products = ["white metal lantern", "red woolly hot water bottle", "set of seven nesting boxes"]
    columns = {"product": ("text", [products[row % 3] for row in range(60)]), "price": ("number", range(60))}
    rows = dataset(["a", "b"] * 30, columns)
    found = find_repeats(rows.contract, rows.table)
    assert (found.rows, found.natural) == (0, False)
