"""Write snapshots.csv from the log of an online shop: will the customer buy again within 30 days?

    python snapshots.py LOG [OUTPUT]

LOG is the *Online Retail* data (D. Chen, UCI Machine Learning Repository, CC BY 4.0) as CSV or .csv.gz, one line an
invoice and product. Every row written is one customer at the moment of one purchase, with what the shop knew then, that
purchase included, and nothing later; the label looks at the 30 days that follow. Purchases of the last 30 days of the
log are left out: whether their customers came back is not known yet. So are lines without a customer. Returns (invoices
that begin with C) are features of later moments, never purchases. A purchase within an hour of the one before is a part
of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

DAYS = 30
#: A customer's purchases so close together are one.
TOGETHER_HOURS = 1


def read_log(path: Path) -> pl.DataFrame:
    """The lines that name a customer: who, when, which invoice, how much, and whether something was returned."""
    lines = pl.read_csv(path, infer_schema=False).filter(pl.col("CustomerID").is_not_null())
    quantity, price = pl.col("Quantity").cast(pl.Int64), pl.col("UnitPrice").cast(pl.Float64)
    return lines.select(
        customer=pl.col("CustomerID").cast(pl.Float64).cast(pl.Int64).cast(pl.String),
        at=pl.col("InvoiceDate").str.to_datetime("%Y-%m-%d %H:%M:%S"),
        invoice="InvoiceNo",
        product="StockCode",
        country="Country",
        quantity=quantity,
        value=quantity * price,
        returned=pl.col("InvoiceNo").str.starts_with("C"),
    ).filter(pl.col("returned") | (pl.col("quantity") > 0))


def find_purchases(lines: pl.DataFrame) -> pl.DataFrame:
    """One row a purchase, the earliest first: its customer, moment, value, items and products."""
    bought = lines.filter(~pl.col("returned")).sort("customer", "at", "invoice", "product")
    apart = pl.col("at") - pl.col("at").shift().over("customer") > pl.duration(hours=TOGETHER_HOURS)
    numbered = bought.with_columns(purchase=apart.fill_null(value=True).cum_sum().over("customer"))
    return (
        numbered.group_by("customer", "purchase")
        .agg(
            at=pl.col("at").max(),
            country=pl.col("country").last(),
            value=pl.col("value").sum(),
            items=pl.col("quantity").sum(),
            products=pl.col("product").n_unique(),
        )
        .sort("at", "customer")
    )


def make_snapshots(lines: pl.DataFrame, days: int = DAYS) -> pl.DataFrame:
    """One row a purchase whose `days` days are over by the end of the log, as of its own moment."""
    purchases, end = find_purchases(lines), lines["at"].max()
    mine, window = "customer", pl.duration(days=days)
    since = (pl.col("at") - pl.col("at").shift().over(mine)).dt.total_seconds() / 86400
    rows = purchases.with_columns(
        snapshot=pl.col(mine) + "-" + pl.col("purchase").cast(pl.String),
        days_since_last=since,
        purchases_before=pl.col("purchase").cast(pl.Int64) - 1,
        value_before=pl.col("value").cum_sum().over(mine) - pl.col("value"),
        days_as_customer=(pl.col("at") - pl.col("at").min().over(mine)).dt.total_seconds() / 86400,
        buys_again=(pl.col("at").shift(-1).over(mine) - pl.col("at") <= window).fill_null(value=False),
    )
    rows = rows.with_columns(
        days_between=pl.col("days_as_customer") / pl.col("purchases_before").replace(0, None),
        value_mean=(pl.col("value_before") + pl.col("value")) / (pl.col("purchases_before") + 1),
    )
    rows = rows.with_columns(purchases_90d=_recent(rows), returns_before=_returns(rows, lines))
    whole = rows.filter(pl.col("at") <= end - window)
    return whole.select(
        "snapshot", "customer", at=pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"), country="country",
        value=pl.col("value").round(2), items="items", products="products", purchases_before="purchases_before",
        purchases_90d="purchases_90d", days_since_last=pl.col("days_since_last").round(2),
        days_between=pl.col("days_between").round(2), days_as_customer=pl.col("days_as_customer").round(2),
        value_mean=pl.col("value_mean").round(2), returns_before="returns_before",
        buys_again=pl.when("buys_again").then(pl.lit("yes")).otherwise(pl.lit("no")),
    )  # fmt: skip


def _recent(rows: pl.DataFrame) -> pl.Series:
    """Purchases of the same customer in the 90 days up to and with each one."""
    counted = rows.with_row_index("row").sort("customer", "at")
    counted = counted.with_columns(n=pl.len().rolling(index_column="at", period="90d").over("customer"))
    return counted.sort("row")["n"]


def _returns(rows: pl.DataFrame, lines: pl.DataFrame) -> pl.Series:
    """Lines that the same customer had sent back before each purchase."""
    returned = lines.filter("returned").sort("at").select("customer", "at")
    counted = returned.with_columns(returns=pl.int_range(1, pl.len() + 1).over("customer"))
    known = rows.with_row_index("row").sort("at").join_asof(
        counted, on="at", by="customer", strategy="backward", check_sortedness=False
    )  # fmt: skip
    return known.sort("row")["returns"].fill_null(0)


def main() -> None:
    """Read the log, write the snapshots, say how many."""
    parser = argparse.ArgumentParser(description="Who buys again within 30 days, as of every purchase.")
    parser.add_argument("log", type=Path, help="online_retail.csv or .csv.gz")
    parser.add_argument("output", type=Path, nargs="?", default=Path("snapshots.csv"))
    given = parser.parse_args()
    snapshots = make_snapshots(read_log(given.log))
    snapshots.write_csv(given.output)
    again = (snapshots["buys_again"] == "yes").sum()
    told = f"{snapshots.height} purchases of {snapshots['customer'].n_unique()} customers, {again} of them followed by"
    print(f"{told} another within {DAYS} days, written to {given.output}")


if __name__ == "__main__":
    main()
