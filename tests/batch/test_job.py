"""A whole job: every row is answered as online or listed as an error, in every format, whole or not at all."""

from __future__ import annotations

import csv
import fcntl
import gzip
import io
import json
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from pyarrow import parquet

from assay.batch.score import job_id
from assay.contract.check import check_rows
from assay.errors import AssayError, ConfigurationError, ConflictError, DataError
from assay.policy.policy import Policy
from assay.release.bundle import Bundle
from assay.spec.tree import Format
from tests.batch.material import (
    DIGEST,
    Counted,
    Nobody,
    answers,
    as_csv,
    errors,
    of_files,
    prepared,
    rows_of,
    scored,
    write_csv,
)
from tests.release.material import linear_bundle, trees_bundle

ROOT = Path(__file__).resolve().parents[2]
FORMATS = (".parquet", ".csv", ".jsonl")


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_row_is_answered_to_the_bit_as_online(tmp_path: Path, suffix: str) -> None:
    rows = rows_of(300)
    manifest = scored(write_csv(tmp_path / "in.csv", rows), tmp_path / f"out{suffix}")
    release, _ = prepared()
    table, wrong = check_rows(release.contract, pl.DataFrame(rows))
    assert not wrong
    found = answers(tmp_path / f"out{suffix}")
    assert len(found) == manifest.output.rows == manifest.input.rows == 300
    for index, answer in enumerate(found):
        online = release.answer(table.row(index, release.contract.names))
        said = (answer["label"], answer["decision"], answer["confidence"])
        assert said == (online.label, online.decision, online.confidence)
        assert (answer["probability_ham"], answer["probability_spam"]) == online.probabilities
        assert answer["row"] == index + 1


def test_categories_that_parquet_keeps_as_codes_are_answered_as_the_same_in_text(tmp_path: Path) -> None:
    rows = rows_of(300)
    words = ["free", " pro", "", "NA", "never seen", None]
    frame = pl.DataFrame(rows).with_columns(plan=pl.Series([words[at % len(words)] for at in range(len(rows))]))
    parquet.write_table(frame.to_arrow(), tmp_path / "coded.parquet", use_dictionary=True)
    parquet.write_table(frame.to_arrow(), tmp_path / "plain.parquet", use_dictionary=False)
    frame.with_columns(pl.col("plan").fill_null("")).write_csv(tmp_path / "in.csv")
    told = []
    for source in ("coded.parquet", "plain.parquet", "in.csv"):
        scored(tmp_path / source, tmp_path / f"{source}.out.jsonl", keep=("plan",))
        found = answers(tmp_path / f"{source}.out.jsonl")
        told.append([{**answer, "prediction_id": "", "plan": answer["plan"] or ""} for answer in found])
    assert told[0] == told[1] == told[2]


def test_a_row_whose_score_is_not_finite_is_an_error_of_its_own(tmp_path: Path) -> None:
    bundle = of_files(linear_bundle())
    coefficients = bundle.model_arrays["coefficients"].copy()
    coefficients[0, bundle.plan.names.index("used_share")] = 1e290
    rows = [{**row, "amount": "3", "limit": "1"} for row in rows_of(6, quotes=False)]
    rows[2]["limit"] = "1e-30"
    source = write_csv(tmp_path / "in.csv", rows)
    arrays = {**bundle.model_arrays, "coefficients": coefficients}
    scored(source, tmp_path / "out.csv", bundle=replace(bundle, model_arrays=arrays, parity=()))
    assert errors(tmp_path / "out.csv") == {3: [": the model gave a score that is not finite"]}
    assert [answer["row"] for answer in answers(tmp_path / "out.csv")] == [1, 2, 4, 5, 6]


def test_prediction_ids_are_those_of_the_job_and_the_row(tmp_path: Path) -> None:
    manifest = scored(write_csv(tmp_path / "in.csv", rows_of(20)), tmp_path / "out.jsonl")
    job = job_id(DIGEST, manifest.input.sha256)
    assert manifest.job_id == str(job)
    ids = [answer["prediction_id"] for answer in answers(tmp_path / "out.jsonl")]
    assert ids == [str(uuid.uuid5(job, str(row))) for row in range(1, 21)]


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_three_input_formats_give_the_same_answers(tmp_path: Path, suffix: str) -> None:
    rows = rows_of(50)
    typed = pl.DataFrame(rows).with_columns(
        pl.col("amount", "limit").str.strip_chars().cast(pl.Float64, strict=False),
        pl.col("plan").str.strip_chars().cast(pl.Categorical),
        pl.col("sent_at").replace("", None).str.slice(0, 10).str.to_datetime("%Y-%m-%d"),
        verified=pl.col("verified").str.to_lowercase().replace_strict({"true": True, "false": False}, default=None),
    )
    frame = pl.DataFrame(rows).with_columns(pl.col("sent_at").str.slice(0, 10))
    write_csv(tmp_path / "in.csv", frame.to_dicts())
    typed.write_parquet(tmp_path / "in.parquet")
    frame.write_ndjson(tmp_path / "in.jsonl")
    told = []
    for source in ("in.csv", "in.parquet", "in.jsonl"):
        output = tmp_path / f"{source}.out{suffix}"
        scored(tmp_path / source, output)
        told.append([{**answer, "prediction_id": ""} for answer in answers(output)])
    assert told[0] == told[1] == told[2]


def test_rows_that_break_the_contract_are_listed_with_their_number_and_none_is_lost(tmp_path: Path) -> None:
    rows = rows_of(6, quotes=False)
    rows[1]["amount"] = "many"
    rows[1]["verified"] = "maybe"
    rows[4]["text"] = ""
    text = (
        as_csv(rows)
        + "u1,too,short\n"
        + 'u2,"not closed,1,2,free,true,,ham\n'
        + as_csv(rows_of(1)).splitlines()[1]
        + "\n"
    )
    (tmp_path / "in.csv").write_text(text)
    manifest = scored(tmp_path / "in.csv", tmp_path / "out.csv")
    assert errors(tmp_path / "out.csv") == {
        2: ["amount: must be a number, got 'many'", "verified: must be true or false, got 'maybe'"],
        5: ["text: must hold some text; without white space and control characters nothing is left"],
        7: [": 3 fields, not 8"],
        8: [": not readable: a quote is not closed, or something follows the one that closes"],
    }
    assert [answer["row"] for answer in answers(tmp_path / "out.csv")] == [1, 3, 4, 6, 9]
    assert manifest.errors is not None
    assert (manifest.input.rows, manifest.output.rows, manifest.errors.rows) == (9, 5, 4)
    assert sum(manifest.decisions.values()) == sum(manifest.labels.values()) == 5


def test_lines_that_are_no_json_objects_are_errors_and_blank_ones_no_rows(tmp_path: Path) -> None:
    lines = ['{"text": "call me", "amount": 3}', "", "[1]", '{"text": {"a": 1}}', "{", '{"text": "win", "plan": true}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n\n")
    scored(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    found = errors(tmp_path / "out.jsonl")
    assert sorted(found) == [2, 3, 4]
    assert found[3] == ["text: holds a list or an object, not a single value"]
    assert [answer["row"] for answer in answers(tmp_path / "out.jsonl")] == [1, 5]


def test_a_row_that_is_not_utf_8_is_an_error_of_its_own(tmp_path: Path) -> None:
    good = as_csv(rows_of(2, quotes=False)).encode()
    (tmp_path / "in.csv").write_bytes(good + b"u1,caf\xe9,1,2,free,true,,ham\n")
    scored(tmp_path / "in.csv", tmp_path / "out.jsonl")
    assert errors(tmp_path / "out.jsonl") == {3: [": not valid UTF-8; if the file has another encoding, name it"]}


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig"])
def test_other_encodings_and_gzip_give_the_same_answers(tmp_path: Path, encoding: str) -> None:
    text = as_csv(rows_of(30)).replace("日本", "æ")
    (tmp_path / "plain.csv").write_text(text, encoding="utf-8")
    (tmp_path / "other.csv.gz").write_bytes(gzip.compress(text.encode(encoding)))
    form = Format(encoding="latin-1" if encoding == "latin-1" else "auto")
    scored(tmp_path / "plain.csv", tmp_path / "plain.jsonl")
    scored(tmp_path / "other.csv.gz", tmp_path / "other.jsonl", form=form)
    plain, other = (
        [{**one, "prediction_id": ""} for one in answers(tmp_path / f"{name}.jsonl")] for name in ("plain", "other")
    )
    assert plain == other


def test_kept_columns_come_first_and_never_hide_an_answer(tmp_path: Path) -> None:
    rows = rows_of(5)
    rows[0]["label"], rows[1]["label"] = "=1+1", "-5"
    manifest = scored(write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv", keep=("label", "text"))
    assert manifest.columns[:5] == ("user_id", "input_label", "text", "row", "prediction_id")
    written = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert tuple(written[0]) == manifest.columns
    assert [row["input_label"] for row in written[:2]] == ["'=1+1", "-5"]
    assert [row["text"] for row in written] == [row["text"] for row in rows]


def test_all_columns_can_be_kept(tmp_path: Path) -> None:
    manifest = scored(write_csv(tmp_path / "in.csv", rows_of(5)), tmp_path / "out.parquet", keep=("all",))
    assert {"amount", "sent_at", "input_label"} <= set(manifest.columns)
    assert tuple(pl.read_parquet(tmp_path / "out.parquet").columns) == manifest.columns


def test_the_manifest_says_what_the_files_are(tmp_path: Path) -> None:
    watcher = Counted()
    manifest = scored(write_csv(tmp_path / "in.csv", rows_of(40)), tmp_path / "out.parquet", watcher=watcher)
    told = json.loads((tmp_path / "out.manifest.json").read_text())
    assert told["output"]["sha256"] == manifest.output.sha256
    assert told["release_digest"] == DIGEST
    assert (told["input"]["rows"], told["errors"], told["resumed_rows"]) == (40, None, 0)
    assert (watcher.rows, watcher.scored, watcher.done) == (40, 40, watcher.total)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.manifest.json", "out.parquet"]


def test_trees_of_several_classes_are_answered_too(tmp_path: Path) -> None:
    pl.DataFrame({"goals": [1.0, None, 5.0], "price": [1.0, 2.0, 3.0], "page": ["a", "b", None]}).write_parquet(
        tmp_path / "in.parquet"
    )
    scored(tmp_path / "in.parquet", tmp_path / "out.parquet", bundle=trees_bundle())
    release, _ = prepared(trees_bundle())
    online = [release.answer(row) for row in ((1.0, 1.0, "a"), (None, 2.0, "b"), (5.0, 3.0, None))]
    assert [(one["decision"], one["probability_art"]) for one in answers(tmp_path / "out.parquet")] == [
        (one.decision, one.probabilities[0]) for one in online
    ]


def several_labels() -> Bundle:
    bundle = trees_bundle()
    contract = msgspec.structs.replace(bundle.contract, task="multilabel")
    policy = Policy(task="multilabel", classes=contract.classes, thresholds=(0.7, 0.4, 0.4))
    return replace(bundle, contract=contract, policy=policy)


def test_several_labels_are_lists_and_in_csv_json(tmp_path: Path) -> None:
    frame = pl.DataFrame({"goals": [1.0, 0.0, 5.0], "price": [1.0, 2.0, 3.0], "page": ["a", "b", "b"]})
    frame.write_parquet(tmp_path / "in.parquet")
    release, _ = prepared(several_labels())
    online = [release.answer(tuple(row)) for row in frame.rows()]
    assert len({one.label for one in online}) > 1
    for suffix in FORMATS:
        manifest = scored(tmp_path / "in.parquet", tmp_path / f"out-{suffix[1:]}{suffix}", bundle=several_labels())
        found = answers(tmp_path / f"out-{suffix[1:]}{suffix}")
        labels = [json.loads(one["labels"]) if suffix == ".csv" else one["labels"] for one in found]
        assert labels == [list(one.label) for one in online]
        assert [one["confidence"] for one in found] == [one.confidence for one in online]
        assert (manifest.output.rows, manifest.columns[2]) == (3, "labels")
        assert sum(manifest.labels.values()) == sum(map(len, labels))


def test_a_file_of_bad_rows_alone_has_an_output_without_rows(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text,amount\n,1\n,2\n")
    for suffix in FORMATS:
        manifest = scored(tmp_path / "in.csv", tmp_path / f"out-{suffix[1:]}{suffix}")
        assert manifest.errors is not None
        assert (manifest.output.rows, manifest.errors.rows) == (0, 2)
        assert answers(tmp_path / f"out-{suffix[1:]}{suffix}") == []


def test_the_manifest_of_another_output_is_not_overwritten(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", rows_of(5))
    scored(source, tmp_path / "out.csv")
    with pytest.raises(ConfigurationError, match=r"out\.manifest\.json exists already"):
        scored(source, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_on_error_fail_names_the_first_rows_and_writes_nothing(tmp_path: Path) -> None:
    rows = rows_of(5)
    rows[3]["amount"] = "many"
    with pytest.raises(DataError, match="break the contract") as refused:
        scored(write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv", on_error="fail")
    assert [str(problem) for problem in refused.value.problems] == ["row 4: amount: must be a number, got 'many'"]
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_an_output_that_exists_is_replaced_only_by_force(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", rows_of(5))
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(ConfigurationError, match="exists already"):
        scored(source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "mine"
    scored(source, tmp_path / "out.csv", force=True)
    assert len(answers(tmp_path / "out.csv")) == 5


def test_a_stale_errors_file_goes(tmp_path: Path) -> None:
    rows = rows_of(3)
    rows[0]["amount"] = "many"
    scored(write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv")
    scored(write_csv(tmp_path / "in.csv", rows_of(3)), tmp_path / "out.csv", force=True)
    assert errors(tmp_path / "out.csv") == {}


@pytest.mark.parametrize(
    ("content", "order", "error", "says"),
    [
        ("text,plan\nhi,free\n", {"keep": ("txt",)}, ConfigurationError, "--keep txt"),
        ("plan\nfree\n", {}, DataError, "lacks a column"),
        ("", {}, DataError, "is empty"),
        ("text,plan\n", {}, DataError, "no rows"),
        ("text,text\na,b\n", {}, DataError, "names columns 1 and 2"),
        ('"te"xt,plan\nhi\n', {}, DataError, "row 1: not readable"),
        ("PAR1 and then nothing", {}, DataError, "damaged Parquet"),
        ("\x1f\x8b and then nothing", {}, DataError, "damaged gzip"),
        ("text\nhi\n", {"form": Format(encoding="latin-77")}, DataError, "not an encoding"),
        ("text\nhi\n", {"output": "out.xls"}, ConfigurationError, "suffix"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_a_remedy(
    tmp_path: Path, content: str, order: dict[str, Any], error: type[AssayError], says: str
) -> None:
    (tmp_path / "in.csv").write_bytes(content.encode("latin-1"))
    output = tmp_path / order.pop("output", "out.csv")
    with pytest.raises(error, match=says):
        scored(tmp_path / "in.csv", output, **order)
    assert not output.exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        scored(tmp_path / "none.csv", tmp_path / "out.csv")


def test_two_jobs_cannot_write_the_same_output(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", rows_of(3))
    (tmp_path / ".out.csv.unfinished").mkdir()
    with (tmp_path / ".out.csv.unfinished" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ConflictError, match="another process"):
            scored(source, tmp_path / "out.csv")


def test_an_input_that_changes_under_way_is_noticed(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", rows_of(3))

    class Meddler(Nobody):
        def begin(self, total: int) -> None:
            source.write_bytes(source.read_bytes().replace(b"free", b"FREE"))

    with pytest.raises(DataError, match="has changed"):
        scored(source, tmp_path / "out.csv", watcher=Meddler())
    assert not (tmp_path / "out.csv").exists()


def test_several_processes_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    pl.DataFrame(rows_of(500)).write_parquet(tmp_path / "in.parquet", row_group_size=100)
    one = scored(tmp_path / "in.parquet", tmp_path / "one.parquet")
    many = scored(tmp_path / "in.parquet", tmp_path / "many.parquet", workers=2)
    assert (one.output.sha256, one.decisions) == (many.output.sha256, many.decisions)


def test_an_error_in_another_process_is_told_as_in_this_one(tmp_path: Path) -> None:
    pl.DataFrame(rows_of(50)).write_parquet(tmp_path / "in.parquet")
    raw = bytearray((tmp_path / "in.parquet").read_bytes())
    raw[4:200] = bytes(196)
    (tmp_path / "in.parquet").write_bytes(raw)
    with pytest.raises(DataError, match="damaged Parquet"):
        scored(tmp_path / "in.parquet", tmp_path / "out.parquet", workers=2)


LIGHT = """
import sys
from pathlib import Path
from tests.batch.material import scored
scored(Path(sys.argv[1]), Path(sys.argv[2]))
loaded = {"pandas", "pyarrow.compute", "sklearn", "lightgbm", "scipy"} & {*sys.modules}
assert not loaded, loaded
"""


def test_scoring_loads_nothing_that_only_training_needs(tmp_path: Path) -> None:
    pl.DataFrame(rows_of(50)).write_parquet(tmp_path / "in.parquet")
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, tmp_path / "in.parquet", tmp_path / "out.parquet"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
