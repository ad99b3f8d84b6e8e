"""Spans: what each subscription is worth a month, in its own currency, from one day up to another.

All three ways to tell what is committed become spans: prices with their days, movements that add up, and
balances of months.
"""

from decimal import Decimal
from fractions import Fraction
from operator import attrgetter

import polars as pl

from analytics.policy import DEFAULT, MetricPolicy, monthly_factor
from analytics.sheet.kind import RECURRING
from analytics.sheet.reading import Sheets, refuse
from billing.money import EXACT
from metering.document import problem
from metering.frame import empty, shaped

SPAN_SCHEMA = pl.Schema({
    "subscription": pl.String(), "account": pl.String(), "plan": pl.String(), "stream": pl.String(),
    "currency": pl.String(), "billing": pl.String(), "quantity": EXACT, "starts_on": pl.Date(),
    "ends_on": pl.Date(), "reason": pl.String(), "amount": EXACT,
})  # fmt: skip
"""`amount` is worth a month from `starts_on` up to, not including, `ends_on` (NULL while it lasts)."""

_SAME = ("plan", "stream", "currency", "quantity", "amount")

A_YEAR = Fraction(1, 12)
"""The part of a yearly price that a month is worth."""


def spans(sheets: Sheets, policy: MetricPolicy = DEFAULT) -> pl.DataFrame:
    """Return every span (`SPAN_SCHEMA`), by subscription and day; a policy says how long a month is.

    Raises Problems where a company is told twice, spans of a subscription overlap or end before they begin,
    or a balance falls below 0.
    """
    told = [kind for kind in RECURRING if kind in sheets]
    if len(told) > 1:
        raise problem(" and ".join(told), "say the same thing twice", f"give {told[0]} alone, or another")
    if not told:
        return empty(SPAN_SCHEMA)
    rows = sheets[told[0]].rename({"customer": "account"})
    if told[0] == "subscriptions":
        made = _of_prices(rows, policy)
    else:
        made = _of_movements(rows) if told[0] == "movements" else _of_months(rows)
    made = made.filter(pl.col("amount") > 0)
    return _merged(made.sort("subscription", "starts_on"))


def factor(interval: str, policy: MetricPolicy = DEFAULT) -> Fraction:
    """Return the part of a price that a month is worth, of an interval such as `week` or `3 months`."""
    count, _, unit = interval.rpartition(" ")
    return monthly_factor(unit.removesuffix("s"), int(count or 1), policy)


def _of_prices(rows: pl.DataFrame, policy: MetricPolicy) -> pl.DataFrame:
    backward = rows.filter(pl.col("end") <= pl.col("start"))
    refuse(backward, lambda row: f"ends on {row['end']}, and starts on {row['start']}", "let it end later")
    negative = rows.filter(pl.col("amount") * pl.col("quantity") < 0)
    refuse(negative, lambda row: f"amount {row['amount']:f} is below 0", "a price is 0 at least")
    rows = rows.with_columns(subscription=_named(rows)).sort("subscription", "start", "row")
    before = {name: pl.col(name).shift(1).over("subscription") for name in ("end", "row")}
    rows = rows.with_columns(end_before=before["end"], row_before=before["row"])
    clash = rows.filter(
        pl.col("row_before").is_not_null()
        & (pl.col("end_before").is_null() | (pl.col("end_before") > pl.col("start")))
    )
    refuse(
        clash,
        lambda row: f"{row['subscription']!r} overlaps row {row['row_before']}",
        "end the earlier row, or give it another `subscription`",
    )
    factors = {text: factor(text, policy) for text in rows["interval"].unique().sort()}
    times, parts = (
        pl.col("interval").replace_strict(
            {text: Decimal(part(worth)) for text, worth in factors.items()}, return_dtype=EXACT
        )
        for part in (attrgetter("numerator"), attrgetter("denominator"))
    )
    # Multiplied first and rounded once: 1000 a year is 83.333333333333 a month, as billing has it.
    value = (pl.col("amount") * pl.col("quantity") * times / parts).cast(EXACT)
    yearly = pl.col("interval").replace_strict(
        {text: "year" if worth == A_YEAR else "month" for text, worth in factors.items()},
        return_dtype=pl.String,
    )
    made = rows.with_columns(amount=value, billing=yearly, starts_on="start", ends_on="end")
    return shaped(made, SPAN_SCHEMA)


def _named(rows: pl.DataFrame) -> pl.Expr:
    """Name subscriptions that have no name: by the customer, or by the row where a customer's overlap."""
    ordered = rows.filter(pl.col("subscription") == "").sort("account", "start", "row")
    end = pl.col("end").shift(1).over("account")
    first = pl.int_range(pl.len()).over("account") == 0
    clash = ordered.filter(~first & (end.is_null() | (end > pl.col("start"))))
    many = clash["account"].unique().to_list()
    own = pl.format("{}/{}", "account", "row")
    unnamed = pl.when(pl.col("account").is_in(many)).then(own).otherwise("account")
    return pl.when(pl.col("subscription") == "").then(unnamed).otherwise("subscription")


def _of_movements(rows: pl.DataFrame) -> pl.DataFrame:
    loss = pl.col("kind").is_in(["contraction", "churn"])
    wrong = rows.filter((pl.col("kind") != "") & (loss != (pl.col("amount") < 0)) & (pl.col("amount") != 0))
    refuse(
        wrong,
        lambda row: f"{row['kind']} of {row['amount']:f}",
        "write what is lost below 0 and what is won above",
    )
    name = pl.when(pl.col("subscription") == "").then("account").otherwise("subscription")
    rows = rows.with_columns(subscription=name).sort("subscription", "date", "row")
    rows = rows.with_columns(balance=pl.col("amount").cum_sum().over("subscription"))
    below = rows.filter(pl.col("balance") < 0)
    refuse(
        below,
        lambda row: f"leaves {row['subscription']!r} with {row['balance']:f}",
        "a balance is 0 at least: mend the amount, or add what came before",
    )
    day = rows.group_by("subscription", "date", maintain_order=True).agg(
        *(pl.col(name).last() for name in ("account", "plan", "stream", "currency", "balance"))
    )
    after = {name: pl.col(name).shift(-1).over("subscription") for name in ("date", "balance")}
    ends = rows.group_by("subscription", date_after="date").agg(reason=pl.col("reason").last())
    day = day.with_columns(date_after=after["date"], balance_after=after["balance"])
    day = day.join(ends, on=["subscription", "date_after"], how="left", maintain_order="left")
    gone = pl.col("balance_after") == 0
    return shaped(
        day.with_columns(
            starts_on="date",
            ends_on="date_after",
            amount="balance",
            quantity=pl.lit(Decimal(1)),
            billing=pl.lit("month"),
            reason=pl.when(gone).then("reason").otherwise(pl.lit("")),
        ),
        SPAN_SCHEMA,
    )


def _of_months(rows: pl.DataFrame) -> pl.DataFrame:
    negative = rows.filter(pl.col("amount") < 0)
    refuse(negative, lambda row: f"amount {row['amount']:f} is below 0", "MRR is 0 at least")
    sale = pl.concat_str(["account", "plan", "stream"], separator="/").str.strip_chars_end("/")
    several = pl.struct("plan", "stream").n_unique().over("account") > 1
    name = pl.when(several).then(sale).otherwise("account")
    rows = rows.with_columns(
        subscription=pl.when(pl.col("subscription") == "").then(name).otherwise("subscription")
    )
    twice = rows.filter(pl.struct("subscription", "month").is_duplicated())
    refuse(
        twice,
        lambda row: f"{row['subscription']!r} has {row['month']:%Y-%m} twice",
        "keep one row, or name the `subscription`",
    )
    return shaped(
        rows.with_columns(
            starts_on="month",
            ends_on=pl.col("month").dt.offset_by("1mo"),
            quantity=pl.lit(Decimal(1)),
            billing=pl.lit("month"),
            reason=pl.lit("voluntary"),
        ),
        SPAN_SCHEMA,
    )


def _merged(rows: pl.DataFrame) -> pl.DataFrame:
    """Put together spans of a subscription that touch and differ in nothing."""
    before = [pl.col(name).shift(1).over("subscription") for name in ("ends_on", *_SAME)]
    same = pl.all_horizontal(
        old.eq_missing(pl.col(name)) for old, name in zip(before, ("starts_on", *_SAME), strict=True)
    )
    rows = rows.with_columns(run=(~same).cum_sum().over("subscription"))
    lasts = [pl.col(name).last() for name in ("ends_on", "reason")]
    others = [name for name in SPAN_SCHEMA if name not in ("subscription", "ends_on", "reason")]
    found = rows.group_by("subscription", "run", maintain_order=True).agg(pl.col(others).first(), *lasts)
    return shaped(found, SPAN_SCHEMA)
