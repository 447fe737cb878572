"""The data sets that training is measured on: where each is, and what `assay init` is told to know what to learn.

Nothing else is said of a set: neither here nor anywhere in Assay does anything look at its name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("ASSAY_SHARED_DATA", ROOT.parent / "shared" / "data"))


class Set(NamedTuple):
    """A data set: its file, what `assay init` is told, and the precision floor asked of the policy, if any.

    `made_by` is the script of the examples that makes a table with labels of the file.
    """

    file: str
    label: str
    positive: str | None = None
    separator: str | None = None
    entity: str | None = None
    time: str | None = None
    ignore: tuple[str, ...] = ()
    floor: float | None = None
    made_by: str | None = None

    def table(self, folder: Path) -> Path:
        """The table itself; one that has to be made is written into `folder`."""
        if self.made_by is None:
            return DATA / self.file
        made = folder / "table.csv"
        script = [sys.executable, str(ROOT / self.made_by), str(DATA / self.file), str(made)]
        subprocess.run(script, check=True, stdout=subprocess.DEVNULL)
        return made

    def options(self) -> Iterator[str]:
        """What is said to `assay init` beside the file."""
        for name in ("label", "separator", "positive", "entity", "time"):
            value = getattr(self, name)
            if value is not None:
                yield from (f"--{name}", value)
        for column in self.ignore:
            yield from ("--ignore", column)


SETS = {
    "telco_churn": Set("telco_churn/Telco-Customer-Churn.csv", "Churn", "Yes", floor=0.6),
    "adult": Set("adult/adult.csv.gz", "income", ">50K", floor=0.8),
    "vehicle_insurance_fraud": Set(
        "vehicle_insurance_fraud/fraud_oracle.csv.gz", "FraudFound_P", "1", ignore=("PolicyNumber",), floor=0.2
    ),
    "sms_spam": Set("sms_spam/SMSSpamCollection.tsv", "#1", "spam", floor=0.95),
    "rotten_tomatoes": Set("rotten_tomatoes/rt-polarity.csv.gz", "label", "pos", floor=0.85),
    "sst2": Set("sst2/sst2.csv.gz", "label", "1", ignore=("split",), floor=0.85),
    "elec2": Set("elec2/elec2.csv.gz", "class", "UP", ignore=("nswprice", "date"), floor=0.85),
    "online_retail": Set(
        "online_retail/online_retail.csv.gz",
        "buys_again",
        "yes",
        entity="customer",
        time="at",
        floor=0.7,
        made_by="examples/retail/snapshots.py",
    ),
    "ag_news": Set("ag_news/ag_news_test.csv.gz", "label"),
    "clinc150": Set("clinc150/clinc150.csv.gz", "intent", ignore=("domain", "split")),
    "music_emotions": Set("music_emotions/emotions.csv", "#-6,#-5,#-4,#-3,#-2,#-1"),
    "goemotions": Set("goemotions/goemotions.csv.gz", "labels", separator="|", ignore=("id", "split")),
}
