"""What the flow tests share: the installed command, data sets that are always there, and trained classifiers."""

from __future__ import annotations

import csv
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from assay.app import App, open_app
from assay.settings import Settings

#: The real data sets: file, and what a user has to say about it.
REAL: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sms_spam": ("sms_spam/SMSSpamCollection.tsv", ("--label", "#1", "--positive", "spam")),
    "telco_churn": ("telco_churn/Telco-Customer-Churn.csv", ("--label", "Churn", "--positive", "Yes")),
    "adult": ("adult/adult.csv.gz", ("--label", "income", "--positive", ">50K")),
    "ag_news": ("ag_news/ag_news_test.csv.gz", ("--label", "label")),
    "music_emotions": ("music_emotions/emotions.csv", ("--label", "#-6,#-5,#-4,#-3,#-2,#-1")),
}
#: Data sets that are written here, so that every machine has them.
MADE = ("mixed", "topics", "themes")
SETS = (*MADE, *REAL)

_LIMIT_S = 900.0
_COMMAND = str(Path(sys.executable).with_name("assay"))


Done = subprocess.CompletedProcess[str]


def assay(*arguments: str | Path, home: Path, cwd: Path | None = None, fails: int = 0) -> Done:
    """Run the installed command; `fails` is the exit code that it must have."""
    process = subprocess.run(
        [_COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    assert process.returncode == fails, f"assay {' '.join(map(str, arguments))}\n{process.stdout}\n{process.stderr}"
    return process


def said(process: Done) -> Any:
    """What a command printed with `--json`."""
    return msgspec.json.decode(process.stdout)


def environment(home: Path) -> dict[str, str]:
    """The environment without settings from outside."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")} | {
        "ASSAY_HOME": str(home)
    }


@dataclass(frozen=True)
class Trained:
    """A classifier that init and train made: its spec, its home and what `assay train --json` said."""

    name: str
    spec: Path
    home: Path
    said: Mapping[str, Any]

    @property
    def directory(self) -> Path:
        return self.spec.parent

    @property
    def figures(self) -> dict[str, float]:
        """The metrics on the gate's rows."""
        return {name: interval["value"] for name, interval in self.said["card"]["metrics"].items()}

    def open(self) -> App:
        return open_app(settings=Settings(home=self.home))


def train_real(name: str, source: Path, directory: Path) -> Trained:
    """The main path of a user with a file: init names label and positive class, train takes the spec as it is."""
    directory.mkdir()
    home, spec = directory / "home", directory / "classifier.yaml"
    assay("init", source, *REAL[name][1], "--name", name, "--output", spec, home=home)
    return Trained(name, spec, home, said(assay("train", spec, "--json", home=home)))


def train_made(name: str, directory: Path) -> Trained:
    """A written data set with a spec by hand, which asks for more than `init` does."""
    directory.mkdir()
    home, spec = directory / "home", directory / "classifier.yaml"
    write_mixed(directory / "data.csv", classes=2 if name == "mixed" else 3, several=name == "themes")
    label = '{column: outcome, separator: "|"}' if name == "themes" else "outcome"
    spec.write_text(MIXED_SPEC.format(name=name, label=label, more=_MORE[name]))
    return Trained(name, spec, home, said(assay("train", spec, "--json", home=home)))


MIXED_SPEC = """\
name: {name}
data:
  source: data.csv
  label: {label}
  entity: customer
  time: joined
  split: {{method: stratified, gate: 0.2, seed: 7}}
columns:
  customer: {{type: id}}
  joined: {{type: timestamp, missing: "constant:1970-01-01T00:00:00Z"}}
  renewed: {{type: timestamp, missing: "constant:1970-01-01T00:00:00Z", available: at_prediction}}
  amount: {{type: number, missing: median, outliers: clip}}
  limit: {{type: number, missing: constant:0}}
  visits: {{type: number, missing: mean}}
  plan: {{type: category, missing: constant:none}}
  region: {{type: category, missing: most_frequent, values: [north, south, east, west]}}
  active: {{type: boolean, missing: most_frequent}}
  note: {{type: text, missing: "constant:"}}
features:
  text_statistics: [note]
  ngrams: {{note: {{words: [1, 2], characters: [2, 4], max_terms: 3000}}}}
  derived:
    - {{name: used, op: ratio, of: [amount, limit]}}
    - {{name: left, op: difference, of: [limit, amount]}}
    - {{name: area, op: product, of: [visits, amount]}}
    - {{name: hour, op: date_part, of: joined, part: hour}}
    - {{name: weekday, op: date_part, of: joined, part: weekday}}
    - {{name: kept, op: age, of: [renewed, joined]}}
    - {{name: note_length, op: length, of: note}}
    - {{name: angry, op: keyword, of: note, words: [refund, cancel]}}
    - {{name: visit_band, op: bucket, of: visits, edges: [1, 3, 10]}}
{more}"""
_MORE = {
    "mixed": """\
policy:
  maximise: recall
  subject_to: {precision: 0.6}
  review: {within: 0.05}
  reasons:
    - {feature: angry, op: ">", value: 0, reason: asks for money back}
gates:
  roc_auc: {min: majority}
""",
    "themes": """\
policy:
  maximise: f1
  review: {within: 0.01}
gates:
  f1_micro: {min: majority}
""",
    "topics": """\
gates:
  accuracy: {min: majority}
""",
}
_WORDS = "please call me about my order it was late thanks again invoice total über naïve 日本 don't ok !!!"


def write_mixed(path: Path, *, classes: int = 2, rows: int = 1600, seed: int = 3, several: bool = False) -> None:
    """A table of every type of column, with missing cells, whose label follows from them but for some noise; if wanted
    with several labels a row.
    """
    draw = random.Random(seed)  # noqa: S311 - a data set, not a secret
    header = "customer joined renewed amount limit visits plan region active note outcome"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header.split())
        writer.writerows(_mixed_row(draw, number, classes, several) for number in range(rows))


def _mixed_row(draw: random.Random, number: int, classes: int, several: bool) -> list[str]:
    amount, limit, visits = draw.lognormvariate(3, 1), draw.choice([0, 10, 50, 200]), draw.randrange(0, 15)
    plan, active = draw.choice(["free", "pro", "team", f"old-{draw.randrange(40)}"]), draw.random() < 0.6
    words = draw.choices(_WORDS.split(), k=draw.randrange(1, 14))
    angry = draw.random() < 0.3
    if angry:
        words.insert(draw.randrange(len(words) + 1), draw.choice(["refund", "CANCEL", "refund!"]))
    # Two columns that count only together: trees see it, a weighted sum does not.
    score = 2.0 * angry + 2.5 * ((amount > 20) != active) + (limit == 0) - visits / 8 + draw.gauss(0, 0.7)
    label = min(classes - 1, max(0, int(score - 0.6)))
    cells = [
        f"{amount:.2f}",
        str(limit),
        str(visits),
        plan,
        draw.choice(["north", "south", "east", "west", "far"]),
        "true" if active else "false",
        " ".join(words),
    ]
    shown = ["" if draw.random() < 0.06 else cell for cell in cells]
    said = f"class-{label}" + ("|angry" if several and angry else "") + ("|rare" if several and not number % 40 else "")
    return [f"c{number % 900}", _moment(draw), _moment(draw), *shown, said]


def _moment(draw: random.Random) -> str:
    if draw.random() < 0.05:
        return ""
    year, month, day = draw.randrange(1969, 2030), draw.randrange(1, 13), draw.randrange(1, 29)
    return f"{year}-{month:02}-{day:02}T{draw.randrange(24):02}:{draw.randrange(60):02}:{draw.randrange(60):02}Z"


def chunks(rows: int, sizes: Sequence[int] = (1, 2, 3, 997, 2048, 1)) -> Iterator[slice]:
    """Uneven parts of so many rows."""
    at = turn = 0
    while at < rows:
        end = min(rows, at + sizes[turn % len(sizes)])
        yield slice(at, end)
        at, turn = end, turn + 1
