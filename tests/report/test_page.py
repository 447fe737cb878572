"""The report of a release: whole, self-contained, and safe whatever the data is called."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from assay.report.page import render
from tests.report.material import HOSTILE, train_twice

Reported = tuple[dict[str, Any], str]
MOST_BYTES = 500_000


@pytest.fixture(scope="module", params=[2, 3], ids=["binary", "multiclass"])
def reported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    return train_twice(tmp_path_factory.mktemp("report"), request.param)


class _Reader(HTMLParser):
    """Tags, attributes, texts of headings, and what was left open."""

    VOID = frozenset({"meta", "br", "img", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_nothing_in_the_data_becomes_markup(reported: Reported) -> None:
    _, page = reported
    read = _Reader(page)
    assert read.open == []
    assert not {"script", "img", "iframe", "object", "link", "form"} & set(read.tags)
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert "{{ 7*7 }}" in page
    assert "alert(1)" in page
    assert HOSTILE not in page


def test_the_page_loads_nothing(reported: Reported) -> None:
    _, page = reported
    addresses = [value or "" for name, value in _Reader(page).attributes if name in {"src", "href", "srcset", "data"}]
    assert addresses
    assert all(address.startswith("#") for address in addresses)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_the_page_is_small(reported: Reported) -> None:
    assert len(reported[1].encode()) < MOST_BYTES


def test_every_part_has_its_place_and_every_link_leads_to_one(reported: Reported) -> None:
    _, page = reported
    places = set(re.findall(r'<section id="(\w+)"', page))
    assert {"gates", "figures", "decisions", "errors", "probabilities", "groups", "slices", "model", "data"} == places
    assert set(re.findall(r'href="#(\w+)"', page)) == places


def test_every_picture_is_named(reported: Reported) -> None:
    card, page = reported
    titles = set(re.findall(r"<svg[^>]*><title>([^<]+)</title><desc>[^<]+</desc>", page))
    wanted = {"Reliability diagram", "Precision and recall", "Confusion matrix", "Coverage", "Added log loss"}
    if card["task"] == "binary":
        wanted |= {"What each threshold does", "Cost"}
    assert wanted <= titles


def test_the_champion_is_beside_the_figures(reported: Reported) -> None:
    card, page = reported
    assert card["champion"]["version"] == 1
    assert "less champion @1" in page
    assert "may have learned from some of these rows" in page


def test_the_same_card_makes_the_same_page(reported: Reported) -> None:
    card, page = reported
    assert render(card).decode() == page


def test_a_card_without_gates_groups_and_slices_has_a_page(reported: Reported) -> None:
    card, _ = reported
    bare = {**card, "gates": [], "fairness": [], "champion": None, "owner": {}, "decision": {}, "notes": ["mind this"]}
    bare["diagnostics"] = {**card["diagnostics"], "slices": {"tested": 0, "weak": 0, "found": []}}
    bare["model"] = {**card["model"], "learning_curve": card["model"]["learning_curve"][-1:]}
    page = render(bare).decode()
    assert "The spec names none." in page
    assert "None errs more than the rest" in page
    assert "mind this" in page


def test_many_classes_have_tables_instead_of_a_matrix(reported: Reported) -> None:
    card, _ = reported
    names = [f"class {number}" for number in range(120)]
    one = card["diagnostics"]["classes"][0]
    many = {**card, "data": {**card["data"], "classes": dict.fromkeys(names, 3)}}
    many["diagnostics"] = {
        **card["diagnostics"],
        "classes": [{**one, "name": name} for name in names],
        "confusion": [{"actual": name, "said": names[0], "rows": 3} for name in names],
    }
    page = render(many).decode()
    assert "Confusion matrix" not in page
    assert "class 119" in page
    assert len(page.encode()) < MOST_BYTES


def test_of_many_columns_the_first_are_named(reported: Reported) -> None:
    card, _ = reported
    page = render({**card, "log": {**card["log"], "kept": [f"column {at}" for at in range(72)]}}).decode()
    assert "column 0, column 1, " in page
    assert "column 11 and 60 more" in page
    assert "column 12," not in page


def test_the_report_needs_no_network(reported: Reported, tmp_path: Path) -> None:
    """No address of any kind stands in it but those that data brought."""
    assert re.findall(r"https?://", reported[1]) == []
