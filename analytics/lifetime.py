"""Lifetime value: what a customer is worth, by every method that a ledger has the figures for.

A method either takes what is known today (ARPA, margin, churn) and goes on with it, or follows the customers
themselves. Every sum over the future ends at the policy's horizon and is discounted month by month, but for
the first two, which are what most makers of metrics print. Standard errors say how well survival or
behaviour is known; ARPA, margins and prices are taken as they are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from math import exp, isfinite, sqrt
from statistics import NormalDist
from typing import NamedTuple

import polars as pl
from duckdb import DuckDBPyConnection

from analytics import renewal, repurchase
from analytics.dimension import OF_ACCOUNTS, Dimension
from analytics.figures import closed_months
from analytics.likelihood import Fit, Unfit
from analytics.metrics import workings
from analytics.policy import DEFAULT, MetricPolicy
from analytics.profit import profits
from analytics.selection import select
from analytics.student import CONFIDENCE
from analytics.survival import lives, survival
from metering.document import Problems, did_you_mean, problem

YEAR = 12
MATURE = 10
"""A mean of fewer customers than this is not printed: one of them would make it."""

METHODS = {
    "simple": "ARPA / churn",
    "gross_margin": "ARPA × margin / churn",
    "expansion": "ARPA × margin, growing as now",
    "realised": "earned so far",
    "kaplan_meier": "ARPA × margin × survival",
    "renewal": "MRR × margin × renewals",
    "repurchase": "purchases × spending × margin",
}
"""The methods of `lifetime_values`, and how each comes to its value."""


class Value(NamedTuple):
    """A lifetime value by one method: of whom, the estimate, how well it is known, or why there is none."""

    part: str
    method: str
    of: str
    value: float | None
    std_error: float | None = None
    reason: str = ""
    size: int = 0


def lifetime_values(
    con: DuckDBPyConnection, by: Dimension = "whole", policy: MetricPolicy = DEFAULT
) -> pl.DataFrame:
    """Return lifetime values by every method, at the end of the last closed month.

    Columns: part, method (a key of `METHODS`), of (whose: a stream's buyers, contracts by the month, or ""),
    size (how many were looked at), value, std_error, low, high (the interval of `CONFIDENCE`, on the scale of
    logarithms), and reason: why there is no value. Raises Problems for a dimension that accounts do not lie
    in; where scipy is missing the fitted methods say so as their reason.
    """
    if by not in OF_ACCOUNTS:
        raise problem("by", f"customers do not belong to one {by!r}", did_you_mean(by, OF_ACCOUNTS))
    today = _figures(con, by, policy)
    found = [*_of_today(today, policy), *_followed(con, by, today, policy)]
    order = {method: number for number, method in enumerate(METHODS)}
    found.sort(key=lambda one: (one.part, order[one.method], one.of))
    rows = [(*one[:3], one.size, one.value, one.std_error, *_ends(one), one.reason) for one in found]
    return pl.DataFrame(rows, schema=VALUES, orient="row")


VALUES = pl.Schema(
    {
        "part": pl.String(),
        "method": pl.String(),
        "of": pl.String(),
        "size": pl.Int64(),
        "value": pl.Float64(),
        "std_error": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "reason": pl.String(),
    }
)
"""The columns of `lifetime_values`."""

REALISED = pl.Schema(
    {
        "part": pl.String(),
        "age": pl.Int64(),
        "customers": pl.Int64(),
        "profit": pl.Float64(),
        "std_error": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
    }
)
"""The columns of `realised`."""


def realised(
    con: DuckDBPyConnection, by: Dimension = "whole", *, confidence: float = CONFIDENCE
) -> pl.DataFrame:
    """Return the mean gross profit that a customer has brought by each age (`REALISED`).

    The mean at an age is the sum, over the ages up to it, of the mean profit at each age of all `customers`
    who were won so long ago, whether they still pay or not. So no customer's future is assumed, and young
    customers count as far as they have been seen. It is not discounted.
    """
    months = closed_months(con)
    if months.is_empty():
        return pl.DataFrame(schema=REALISED)
    won = lives(con, by).select("account", "part", "began")
    earned = profits(con).join(won, on="account").with_columns(age=_months(pl.col("began"), pl.col("month")))
    earned = earned.group_by("account", age=pl.max_horizontal("age", 0)).agg(
        profit=pl.col("gross_profit").sum()
    )
    oldest = _months(pl.col("began"), pl.lit(months[-1]))
    ages = won.select("account", "part", age=pl.int_ranges(0, oldest + 1, dtype=pl.Int64)).explode("age")
    rows = ages.join(earned, on=["account", "age"], how="left").sort("part", "account", "age")
    rows = rows.with_columns(profit=pl.col("profit").cast(pl.Float64).fill_null(0.0))
    mean, size = pl.col("profit").mean().over("part", "age"), pl.len().over("part", "age")
    # What a customer adds to the estimate's error: its own deviations, each divided by those seen at the age.
    rows = rows.with_columns(error=(pl.col("profit") - mean) / size)
    rows = rows.with_columns(error=pl.col("error").cum_sum().over("part", "account", order_by="age"))
    whole = rows.group_by("part", "age").agg(
        customers=pl.len().cast(pl.Int64), step=pl.col("profit").mean(), spread=pl.col("error").pow(2).sum()
    )
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return (
        whole.sort("part", "age")
        .with_columns(profit=pl.col("step").cum_sum().over("part"), std_error=pl.col("spread").sqrt())
        .with_columns(std_error=pl.when(pl.col("customers") > 1).then("std_error"))
        .with_columns(
            low=pl.col("profit") - z * pl.col("std_error"), high=pl.col("profit") + z * pl.col("std_error")
        )
        .select(REALISED.names())
        .cast(REALISED)
    )


def worth(kept: Sequence[float], policy: MetricPolicy) -> float:
    """Return how many months a customer pays for, discounted, of the shares kept at 0, 1, 2 ... months."""
    rate = (1 + float(policy.discount_rate)) ** (-1 / YEAR)
    return sum(share * float(rate**month) for month, share in enumerate(kept[: policy.horizon]))


class _Today(NamedTuple):
    """A part's figures at the last closed month; None where there is nothing to divide by."""

    arpa: float | None
    margin: float | None
    lost: int
    exposed: int
    growth: float | None


def _of_today(parts: Mapping[str, _Today], policy: MetricPolicy) -> Iterator[Value]:
    """Yield the values that go on with today's figures."""
    for part, today in parts.items():
        if today.arpa is None:
            continue
        yield _over_churn("simple", part, today, today.arpa)
        if today.margin is None:
            missing = ("gross_margin", "expansion", "kaplan_meier")
            yield from (Value(part, method, "", None, reason="no recurring revenue") for method in missing)
            continue
        profit = today.arpa * today.margin
        yield _over_churn("gross_margin", part, today, profit)
        if today.growth is None:
            yield Value(part, "expansion", "", None, reason="nobody paid at an opening of the churn window")
        else:
            grown = [today.growth**month for month in range(policy.horizon)]
            yield Value(part, "expansion", "", profit * worth(grown, policy), size=today.exposed)


def _over_churn(method: str, part: str, today: _Today, profit: float) -> Value:
    """Return profit / churn; its relative error is the one of the churn."""
    if not today.lost:
        return Value(part, method, "", None, reason="nobody left in the churn window", size=today.exposed)
    churn = today.lost / today.exposed
    error = profit / churn * sqrt((1 - churn) / today.lost)
    return Value(part, method, "", profit / churn, error, size=today.exposed)


def _figures(con: DuckDBPyConnection, by: Dimension, policy: MetricPolicy) -> Mapping[str, _Today]:
    frame = workings(con, by, policy)
    if frame.is_empty():
        return {}
    window = frame.filter(pl.col("month") > pl.col("month").max().dt.offset_by(f"-{policy.churn_window}mo"))
    sums = window.group_by("part").agg(pl.col("mrr_1m_now", "mrr_1m_ago").sum())
    last = frame.filter(pl.col("month") == pl.col("month").max()).join(sums, on="part", suffix="_window")
    names = ["part", "arpa", "recurring_margin", "lost", "exposed", "mrr_1m_now_window", "mrr_1m_ago_window"]
    found = {}
    for part, arpa, margin, lost, exposed, now, ago in last.select(names).sort("part").iter_rows():
        growth = float(now) / float(ago) if ago else None
        found[part] = _Today(_float(arpa), _float(margin), int(lost), int(exposed), growth)
    return found


def _float(number: Decimal | None) -> float | None:
    return None if number is None else float(number)


def _followed(
    con: DuckDBPyConnection, by: Dimension, today: Mapping[str, _Today], policy: MetricPolicy
) -> Iterator[Value]:
    """Yield the values that follow the customers themselves."""
    yield from _so_far(realised(con, by))
    curves = survival(con, by)
    for (part,), curve in curves.group_by("part", maintain_order=True):
        figures = today.get(str(part))
        if figures is not None and figures.arpa is not None and figures.margin is not None:
            yield _surviving(str(part), curve, figures.arpa * figures.margin, policy)
    try:
        yield from _renewing(con, by, policy, {part: one.margin for part, one in today.items()})
        if by == "whole":
            yield from _repurchasing(con, policy)
    except Problems as missing:
        reason = f"{missing.problems[0].place} {missing.problems[0].message}: {missing.problems[0].remedy}"
        yield Value("", "renewal", "", None, reason=reason)
        yield Value("", "repurchase", "", None, reason=reason)


def _so_far(curve: pl.DataFrame) -> Iterator[Value]:
    """Yield what customers have brought by the oldest age that enough of them have reached."""
    for (part,), mine in curve.group_by("part", maintain_order=True):
        enough = mine.filter(pl.col("customers") >= MATURE)
        if enough.is_empty():
            yield Value(
                str(part),
                "realised",
                "",
                None,
                reason=f"fewer than {MATURE} customers",
                size=mine["customers"][0],
            )
            continue
        row = enough.row(-1, named=True)
        yield Value(
            str(part),
            "realised",
            f"by age {row['age']}",
            row["profit"],
            row["std_error"],
            size=row["customers"],
        )


def _surviving(part: str, curve: pl.DataFrame, profit: float, policy: MetricPolicy) -> Value:
    """Follow the survival curve as far as it goes, and beyond it the mean rate of all that was seen.

    The hazards of different ages are independent; the error is the sum of theirs, each times what a small
    change of it does to the value.
    """
    at_risk, ended = curve["at_risk"].to_list()[1:], curve["ended"].to_list()[1:]
    size = int(curve["at_risk"][0])
    due = sum(at_risk)
    if not due:
        return Value(part, "kaplan_meier", "", None, reason="nobody was seen for a month", size=size)
    hazards = [over / n if n else 0.0 for over, n in zip(ended, at_risk, strict=True)]

    def value(rates: Sequence[float]) -> float:
        beyond = sum(rate * n for rate, n in zip(rates, at_risk, strict=True)) / due
        kept = [1.0]
        for month in range(1, policy.horizon):
            kept.append(kept[-1] * (1 - (rates[month - 1] if month <= len(rates) else beyond)))
        return profit * worth(kept, policy)

    variance = 0.0
    for age, (rate, n) in enumerate(zip(hazards, at_risk, strict=True)):
        if 0 < rate < 1:
            step = min(rate, 1 - rate) / 100
            up, down = ([*hazards[:age], rate + sign * step, *hazards[age + 1 :]] for sign in (1, -1))
            variance += ((value(up) - value(down)) / (2 * step)) ** 2 * rate * (1 - rate) / n
    return Value(part, "kaplan_meier", "", value(hazards), sqrt(variance) if variance else None, size=size)


_WORTH = """
select t.subscription, sum(t.amount)::double as amount from mrr_balances t
where t.month = (select max(month) from mrr_balances) and t.amount > 0 group by all"""


def _renewing(
    con: DuckDBPyConnection, by: Dimension, policy: MetricPolicy, margins: Mapping[str, float | None]
) -> Iterator[Value]:
    """Yield the value of a contract of each length of terms: its MRR, kept as the model has it."""
    paying = select(con, _WORTH)
    for (part, unit), mine in renewal.terms(con, by).group_by("part", "unit", maintain_order=True):
        of, months, margin = (
            f"contracts by the {unit}",
            renewal.UNITS.get(str(unit), 1),
            margins.get(str(part)),
        )
        amount = mine.filter(~pl.col("lost")).join(paying, on="subscription")["amount"].mean()
        renewals = renewal.counted(mine)
        found = renewal.fit(renewals)
        if not isinstance(amount, float) or margin is None:
            yield Value(str(part), "renewal", of, None, reason="nobody pays now", size=len(mine))
        elif isinstance(found, Unfit):
            yield _of_constant(str(part), of, renewals, found, _of_rate(amount * margin, months, policy))
        else:
            value = _of_terms(amount * margin, months, policy)
            yield Value(str(part), "renewal", of, value(found.values), found.std_error(value), size=len(mine))


def _of_constant(
    part: str, of: str, renewals: renewal.Renewals, unfit: Unfit, value: Callable[[float], float]
) -> Value:
    """Return the value at the constant rate, where customers do not differ; none where too few were lost."""
    if sum(renewals.lost.values()) < renewal.LEAST:
        return Value(part, "renewal", of, None, reason=unfit.reason, size=renewals.size)
    rate = renewals.constant
    step = min(rate, 1 - rate) / 100
    slope = (value(rate + step) - value(rate - step)) / (2 * step) if step else 0.0
    error = abs(slope) * renewal.constant_error(renewals)
    return Value(part, "renewal", of, value(rate), error, unfit.reason, renewals.size)


def _of_rate(profit: float, months: int, policy: MetricPolicy) -> Callable[[float], float]:
    """Return the function from a constant rate of loss to the value of a contract."""
    return lambda rate: profit * worth([(1 - rate) ** (m // months) for m in range(policy.horizon)], policy)


def _of_terms(profit: float, months: int, policy: MetricPolicy) -> Callable[[Sequence[float]], float]:
    """Return the function from a renewal model's parameters to the value of a contract."""

    def value(parameters: Sequence[float]) -> float:
        kept = renewal.survivals(parameters, policy.horizon // months)
        return profit * worth([kept[month // months] for month in range(policy.horizon)], policy)

    return value


def _repurchasing(con: DuckDBPyConnection, policy: MetricPolicy) -> Iterator[Value]:
    """Yield what a new buyer of each stream's catalog is worth: its first purchase and those to come."""
    margins = _stream_margins(con, policy)
    for (stream,), mine in repurchase.purchases(con).group_by("stream", maintain_order=True):
        of, size = f"buyers of {stream}", len(mine)
        often = repurchase.fit(repurchase.buyers_of(mine))
        much = repurchase.fit_spending(repurchase.spenders_of(mine))
        margin = margins.get(str(stream))
        unfit = next((one.reason for one in (often, much) if isinstance(one, Unfit)), "")
        if isinstance(often, Fit) and isinstance(much, Fit) and margin is not None:
            notes = [f"held by a weak prior: {one.held}" for one in (often, much) if one.held]
            found = _of_purchases(of, often, much, margin, policy)
            yield found._replace(size=size, reason=found.reason or "".join(notes[:1]))
        else:
            yield Value("", "repurchase", of, None, reason=unfit or "no revenue", size=size)


def _of_purchases(of: str, often: Fit, much: Fit, margin: float, policy: MetricPolicy) -> Value:
    def times(parameters: Sequence[float]) -> float:
        bought = [repurchase.expected(parameters, float(month)) for month in range(policy.horizon + 1)]
        return 1 + worth([after - before for before, after in pairwise(bought)], policy)

    def each(parameters: Sequence[float]) -> float:
        return repurchase.spending(parameters) or float("nan")

    count, spent = times(often.values), each(much.values)
    if not isfinite(spent):
        return Value("", "repurchase", of, None, reason="what buyers spend has no mean under the model")
    apart = (often.std_error(times) / count) ** 2 + (much.std_error(each) / spent) ** 2
    value = count * spent * margin
    return Value("", "repurchase", of, value, abs(value) * sqrt(apart))


def _stream_margins(con: DuckDBPyConnection, policy: MetricPolicy) -> dict[str, float]:
    """Return each stream's gross margin over the churn window."""
    frame = workings(con, "stream", policy)
    if frame.is_empty():
        return {}
    window = frame.filter(pl.col("month") > pl.col("month").max().dt.offset_by(f"-{policy.churn_window}mo"))
    sums = window.group_by("part").agg(pl.col("gross_profit", "net_revenue").sum())
    return {part: float(profit) / float(net) for part, profit, net in sums.iter_rows() if net}


def _ends(one: Value) -> tuple[float | None, float | None]:
    """Return the interval of a value: on the scale of logarithms where it is positive, or else around it."""
    if one.value is None or one.std_error is None:
        return None, None
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    if one.method == "realised" or one.value <= 0:
        return one.value - z * one.std_error, one.value + z * one.std_error
    apart = exp(z * one.std_error / one.value)
    return one.value / apart, one.value * apart


def _months(first: pl.Expr, last: pl.Expr) -> pl.Expr:
    years: pl.Expr = (last.dt.year() - first.dt.year()) * YEAR
    return (years + last.dt.month() - first.dt.month()).cast(pl.Int64)
