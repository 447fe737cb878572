"""What is sent: examples of a release, or rows of a file said as a request says them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from assay.app import App
from assay.bench.examples import MOST_ROWS, bodies_of, to_example
from assay.errors import DataError
from assay.registry.releases import open_release, resolve
from assay.release.core import Release
from tests.release.material import linear_bundle, trees_bundle


@pytest.mark.parametrize("bundle", [linear_bundle, trees_bundle])
def test_a_decoded_row_said_again_is_the_same_row(bundle: object) -> None:
    release = Release.prepare(bundle())  # type: ignore[operator] - a function of the material
    assert len(release.examples) > 10
    for example in release.examples:
        row = release.decode(msgspec.json.encode(example))
        assert release.decode(msgspec.json.encode(to_example(release.contract, row))) == row


def _bodies(app: App, data: Path | None) -> list[dict[str, object]]:
    version = resolve("spam", app.registry)
    bodies = bodies_of(open_release(version, app.blobs), data, version, app.blobs)
    return [msgspec.json.decode(body) for body in bodies]


def test_the_examples_of_the_release_are_all_sent(home_app: App) -> None:
    bodies = _bodies(home_app, None)
    assert len(bodies) > 10
    assert {body["model"] for body in bodies} == {"spam"}


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_rows_of_a_file_are_those_that_the_contract_takes(home_app: App, tmp_path: Path, name: str) -> None:
    if name.endswith(".csv"):
        lines = ["text,amount,label", "hello,3,ham", "again,much,ham", "win,4.5,spam"]
    else:
        lines = [
            '{"text": "hello", "amount": 3, "label": "ham"}',
            '{"text": "again", "amount": "much"}',
            '{"text": "win", "amount": 4.5}',
        ]
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    sent = [body["features"] for body in _bodies(home_app, tmp_path / name)]
    assert sent == [{"text": "hello", "amount": 3.0}, {"text": "win", "amount": 4.5}]


def test_of_a_long_file_the_first_rows_are_sent(home_app: App, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,amount\n" + "hello,3\n" * (MOST_ROWS + 50))
    assert len(_bodies(home_app, tmp_path / "rows.csv")) == MOST_ROWS


def test_a_file_without_a_row_that_is_taken_is_refused(home_app: App, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,amount\nhello,much\n")
    with pytest.raises(DataError, match="holds no row that spam takes"):
        _bodies(home_app, tmp_path / "rows.csv")
    with pytest.raises(DataError, match="is no file"):
        _bodies(home_app, tmp_path / "none.csv")
