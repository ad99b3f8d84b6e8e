"""Sums: the measures of one ledger, for the whole, for the rows that filters leave, and split in any way.

What is billed, earned and committed lies with an account, a plan and a stream. Payouts name a customer only,
and lie with its plans and streams as what it was billed that month. The cost of delivery lies where it says
(stream, segment), and among those as the month's revenue. Nothing is lost: the parts add up to the whole.
"""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from analytics.comparison.reading import Reading
from analytics.formula import ratio
from billing.money import EXACT

DIMENSIONS = ("stream", "plan", "segment", "cohort", "month", "account")
"""What sums can be split by. A cohort is the quarter of the sign-up."""

OF_ACCOUNTS = ("segment", "cohort", "month", "account")
"""The dimensions that part accounts: retention can be split by these only."""

MEASURES = ("revenue", "billed", "payouts", "committed_mrr", "nrr", "gross_margin")
"""What is measured; committed MRR and NRR at the last month's end, the others over all months."""

PLACES = 6
"""Decimals of a ratio."""

Where = Mapping[str, tuple[str, ...]]
"""The values that each dimension may have."""

_WHOLE = "whole"
_PARTS = ("stream", "plan", "segment", "cohort", "account")


def sums(
    reading: Reading, by: Sequence[str] = (), *, where: Where | None = None, names: Sequence[str] = MEASURES
) -> pl.DataFrame:
    """Return some measures by the dimensions in `by`, one row a part; months are written `2026-03`.

    A measure that cannot be split so (NRR by plan or stream) is NULL, and so is the gross margin of some
    accounts only: what was spent is the company's.
    """
    keys, chosen = list(by), dict(where or {})
    known = [name for name in names if name != "nrr" or {*keys, *chosen} <= set(OF_ACCOUNTS)]
    found = [
        _MEASURED[name](reading, keys, chosen).select(*(keys or [_WHOLE]), name)
        for name in known
        if name != "gross_margin" or reading.part is None
    ]
    whole = found[0] if found else _billed(reading, keys, chosen).drop("billed")
    for frame in found[1:]:
        whole = whole.join(frame, on=keys or [_WHOLE], how="full", coalesce=True)
    missing = [pl.lit(None, EXACT).alias(name) for name in names if name not in whole.columns]
    return whole.with_columns(missing).select(*keys, *names).sort(keys or list(names[:1]))


def among(rows: pl.DataFrame, where: Where) -> pl.DataFrame:
    """Keep the rows that have one of the values of each dimension; a month is written `2026-03`."""
    for name, values in where.items():
        held = pl.col("month").dt.strftime("%Y-%m") if name == "month" else pl.col(name)
        rows = rows.filter(held.is_in(list(values)))
    return rows


def split(rows: pl.DataFrame, by: Sequence[str], *sums: pl.Expr) -> pl.DataFrame:
    """Add rows up by some dimensions, all of them into one where there are none."""
    keys = list(by) or [_WHOLE]
    if "month" in keys:
        rows = rows.with_columns(month=pl.col("month").dt.strftime("%Y-%m"))
    if not by:  # a sum of nothing is 0, and still one row
        return rows.select(pl.lit("").alias(_WHOLE), *sums)
    return rows.group_by(keys).agg(*sums)


def _total(name: str) -> pl.Expr:
    return pl.col(name).sum().cast(EXACT)


def _billed(reading: Reading, by: list[str], where: Where) -> pl.DataFrame:
    return split(among(reading.lines, where), by, _total("amount").alias("billed"))


def _revenue(reading: Reading, by: list[str], where: Where) -> pl.DataFrame:
    return split(among(reading.earned, where), by, _total("revenue"))


def _payouts(reading: Reading, by: list[str], where: Where) -> pl.DataFrame:
    return split(among(_paid(reading, {*by, *where}), where), by, _total("payouts"))


def _paid(reading: Reading, dimensions: set[str]) -> pl.DataFrame:
    """Return payouts; by what their customers were billed for, where plans or streams are asked for."""
    if dimensions <= set(OF_ACCOUNTS):
        return reading.paid
    keys = ["month", "account"]
    weights = (
        reading.lines.join(reading.paid, on=keys, how="semi")
        .group_by(*keys, "stream", "plan")
        .agg(weight=pl.col("amount").sum())
    )
    rows = reading.paid.join(weights, on=keys, how="left").sort(*keys, "stream", "plan")
    rows = rows.with_columns(pl.col("stream", "plan").fill_null(""))
    return _shared_out(rows, ["payouts", "shared"], pl.col("weight"), keys)


def _shared_out(
    rows: pl.DataFrame, names: Sequence[str], weight: pl.Expr, over: Sequence[str]
) -> pl.DataFrame:
    """Share amounts, the same in all rows of a group, out by weight; the parts add up exactly.

    A part is the difference of two running totals, the last of which is the whole. Negative weights count as
    none; where all weights are none, the group's first row has it all.
    """
    weights = weight.fill_null(0).cast(EXACT).clip(lower_bound=0)
    first = (pl.int_range(pl.len()).over(over) == 0).cast(pl.Int64).cast(EXACT)
    rows = rows.with_columns(w=weights, whole=weights.sum().over(over))
    rows = rows.with_columns(w=pl.when(pl.col("whole") == 0).then(first).otherwise("w"))
    rows = rows.with_columns(until=pl.col("w").cum_sum().over(over), whole=pl.col("w").sum().over(over))

    def reached(name: str, at: pl.Expr) -> pl.Expr:
        amount = pl.col(name).cast(EXACT)
        part = ratio(amount * at.cast(EXACT), pl.col("whole"))
        return pl.when(at == pl.col("whole")).then(amount).otherwise(part)

    until, since = pl.col("until"), pl.col("until") - pl.col("w")
    return rows.with_columns((reached(name, until) - reached(name, since)).alias(name) for name in names)


def _committed_mrr(reading: Reading, by: list[str], where: Where) -> pl.DataFrame:
    return split(among(_at_the_end(reading.held, reading, by, where), where), by, _total("committed_mrr"))


def _at_the_end(rows: pl.DataFrame, reading: Reading, by: Sequence[str], where: Where) -> pl.DataFrame:
    if "month" in by or "month" in where or not reading.months:
        return rows
    return rows.filter(pl.col("month") == reading.months[-1])


def _nrr(reading: Reading, by: list[str], where: Where) -> pl.DataFrame:
    """Return what customers of 12 months ago pay now, of what they paid then; NULL where there are none."""
    keys = ["month", "account", "segment", "cohort"]
    paying = (
        reading.held.group_by(keys).agg(amount=pl.col("committed_mrr").sum()).filter(pl.col("amount") > 0)
    )
    ago = paying.with_columns(month=pl.col("month").dt.offset_by("1y"))
    now = paying.select("month", "account", now="amount")
    rows = ago.join(now, on=["month", "account"], how="left")
    rows = among(_at_the_end(rows, reading, by, where), where)
    found = split(rows, by, _total("amount").alias("ago"), _total("now"))
    return found.with_columns(nrr=_rounded(ratio(pl.col("now"), pl.col("ago"))))


def _gross_margin(reading: Reading, by: list[str], where: Where) -> pl.DataFrame:
    """Return gross profit over net revenue: revenue less partners' shares, less the cost of delivery."""
    dimensions = {*by, *where}
    paid = _paid(reading, dimensions)
    cost = reading.spent if dimensions <= {"month"} else _delivered(reading, dimensions)
    rows = pl.concat(
        [
            reading.earned.select(pl.exclude("revenue"), net=pl.col("revenue").cast(EXACT)),
            paid.select(pl.exclude("payouts", "shared"), net=-pl.col("shared").cast(EXACT)),
            cost.select(pl.exclude("cost"), cost=pl.col("cost").cast(EXACT)),
        ],
        how="diagonal",
    )
    found = split(among(rows, where), by, _total("net"), _total("cost"))
    margin = ratio(pl.col("net") - pl.col("cost"), pl.col("net"))
    return found.with_columns(gross_margin=_rounded(margin))


def _delivered(reading: Reading, dimensions: set[str]) -> pl.DataFrame:
    """Share the cost of delivery out by the month's revenue: of its stream and segment, if it names them."""
    kept = [name for name in _PARTS if name in dimensions or name in ("stream", "segment")]
    kinds = ["month", *kept]
    weights = reading.earned.group_by(kinds).agg(weight=pl.col("revenue").sum())
    spent = reading.spent.with_row_index("cost_no")
    columns = ["cost_no", "cost", *kinds, "weight"]
    parts = []
    for (stream, segment), some in spent.group_by(pl.col("stream") != "", pl.col("segment") != ""):
        named = [name for name, said in (("stream", stream), ("segment", segment)) if said]
        unnamed = some.drop([name for name in ("stream", "segment") if name not in named])
        parts.append(unnamed.join(weights, on=["month", *named], how="left").select(columns))
    if not parts:
        return spent.select("month", "cost").with_columns(pl.lit("").alias(name) for name in kept)
    rows = pl.concat(parts).sort("cost_no", *kinds).with_columns(pl.col(kept).fill_null(""))
    return _shared_out(rows, ["cost"], pl.col("weight"), ["cost_no"]).select(*kinds, "cost")


def _rounded(share: pl.Expr) -> pl.Expr:
    return share.round(PLACES, mode="half_to_even")


_MEASURED: dict[str, Callable[[Reading, list[str], Where], pl.DataFrame]] = {
    "revenue": _revenue,
    "billed": _billed,
    "payouts": _payouts,
    "committed_mrr": _committed_mrr,
    "nrr": _nrr,
    "gross_margin": _gross_margin,
}
