"""History: over which months a company is told, and who its customers are."""

from datetime import date, timedelta

import polars as pl

from analytics.sheet.reading import Sheets, place_of
from billing.schema import as_table
from metering.document import Problem, Problems, problem
from metering.period import Period, months

_BEGINNINGS = ("start", "date", "month")
"""The columns in which a sheet says when something began or happened."""

_TIMELESS = ("rates", "customers")
"""Sheets that may go on before and after the history."""

_SAID = ("customers", "subscriptions", "movements", "mrr", "invoices", "revenue", "usage")
"""The sheets that may say who a customer is, the first word of which counts."""


def history(sheets: Sheets, until: date | None = None) -> list[Period]:
    """Return the months from the first thing told to the last; `until` is another last month.

    Spans that end together at the end of the data end nobody: a history goes on to the day before the last
    end. Raises Problems where nothing is told, or `until` lies before all.
    """
    days = [day for kind, frame in sheets.items() if kind not in _TIMELESS for day in _days(kind, frame)]
    if not days:
        raise problem("the tables", "tell of no month", "give subscriptions, movements or mrr with rows")
    first, last = min(days).replace(day=1), until or max(days)
    if last < first:
        what = f"{last:%Y-%m} lies before the first month, {first:%Y-%m}"
        raise problem("--until", what, "name a later month")
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return list(months(first, count))


def _days(kind: str, frame: pl.DataFrame) -> list[date]:
    found: list[date] = []
    for name in _BEGINNINGS:
        if name in frame.columns and frame[name].null_count() < len(frame):
            least, most = frame[name].min(), frame[name].max()
            assert isinstance(least, date)
            assert isinstance(most, date)
            found += [least, most]
    if kind == "subscriptions" and frame["end"].null_count() < len(frame):
        end = frame["end"].max()
        assert isinstance(end, date)
        found.append(end - timedelta(1))
    return found


def happened(frame: pl.DataFrame, name: str, periods: list[Period]) -> pl.DataFrame:
    """Return the rows of a sheet that lie in the history, with their `month`."""
    first, last = periods[0].starts_on, periods[-1].ends_on
    month = pl.col(name).dt.truncate("1mo")
    return frame.filter(pl.col(name) >= first, pl.col(name) < last).with_columns(month=month)


def accounts(sheets: Sheets, periods: list[Period]) -> pl.DataFrame:
    """Return the ledger's `accounts`: every customer and partner that a sheet names.

    Raises Problems where a customer has two segments, or two channels.
    """
    told = [_told(kind, sheets[kind]) for kind in (*_SAID, "payouts") if kind in sheets]
    if "payouts" in sheets:
        paid = sheets["payouts"]
        told.append(paid.select(_text("partner", "account"), _text("kind", like="partner"), day="month"))
    rows = pl.concat([pl.DataFrame(schema=_TOLD), *told], how="diagonal").filter(pl.col("account") != "")
    one = [_one(rows, name) for name in ("segment", "channel")]
    first = (pl.col(name).filter(pl.col(name) != "").first() for name in ("name", "country", "partner"))
    is_partner = (pl.col("kind") == "partner").all()
    found = rows.group_by("account", maintain_order=True).agg(
        *first,
        kind=pl.when(is_partner).then(pl.lit("partner")).otherwise(pl.lit("customer")),
        signed_up_on=pl.coalesce(pl.col("signed_up").min(), pl.col("day").min()),
    )
    for frame in one:
        found = found.join(frame, on="account", how="left")
    found = found.with_columns(email=pl.lit("")).with_columns(
        pl.col("name", "country", "partner", "segment", "channel").fill_null(""),
        pl.col("signed_up_on").fill_null(periods[0].starts_on),
    )
    return as_table(found.sort("account"), "accounts")


_TOLD = {
    **dict.fromkeys(
        ("account", "kind", "file", "name", "country", "partner", "segment", "channel"), pl.String
    ),
    "row": pl.Int64,
    **dict.fromkeys(("signed_up", "day"), pl.Date),
}


def _told(kind: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return what a sheet says of customers, and the first day of each row."""
    names = [
        "file",
        "row",
        *(name for name in _TOLD if name in frame.columns and name not in ("file", "row")),
    ]
    day = next((name for name in _BEGINNINGS if name in frame.columns), None)
    return frame.select(
        _text("customer", "account"),
        *(name for name in names if name not in ("kind", "account")),
        *([pl.col(day).alias("day")] if day else []),
    )


def _text(name: str, other: str = "", *, like: str = "") -> pl.Expr:
    return pl.lit(like).alias(name) if like else pl.col(name).alias(other)


def _one(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the segment, or channel, of each customer that has one. Raises Problems where one has two."""
    known = rows.filter(pl.col(name).fill_null("") != "")
    first = known.group_by("account", maintain_order=True).agg(pl.col(name).first())
    wrong = known.join(first, on="account", suffix="_first", maintain_order="left")
    wrong = wrong.filter(pl.col(name) != pl.col(f"{name}_first"))
    if len(wrong):
        raise Problems(
            Problem(
                place_of(row),
                f"{row['account']!r} has the {name} {row[name]!r}, and {row[f'{name}_first']!r} before",
                "give each customer one",
            )
            for row in wrong.head(5).iter_rows(named=True)
        )
    return first
