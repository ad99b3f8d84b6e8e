"""Renewals: how contracts are kept from term to term, where customers differ in how likely they are to leave.

The shifted beta-geometric model (Fader and Hardie, "How to Project Customer Retention", Journal of
Interactive Marketing 21, 2007): each customer leaves at the end of a term with a probability of its own that
never changes, and these are beta distributed. Who is likely to leave goes first, so the retention of those
who are left rises with tenure though nobody becomes more loyal. With a `shape` it is the
beta-discrete-Weibull model (Fader et al., 2018), in which a customer's own probability may change with
tenure: below 1 it falls.

It is for contracts that end by a word of the customer: of who simply stops buying, see
`analytics.repurchase`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from math import exp, log, sqrt
from statistics import NormalDist
from typing import NamedTuple

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.dimension import Dimension, joined_account, of_account
from analytics.figures import closed_months
from analytics.likelihood import Fit, Unfit, maximised, scipy
from analytics.selection import select
from analytics.student import CONFIDENCE
from analytics.survival import kaplan_meier

YEAR = 12
UNITS = {"month": 1, "year": YEAR}
"""How many months a term has, by how the contract is billed."""

EPOCH = date(2000, 1, 1)
"""A ledger without a closed month has no contracts; its last month may be any."""

LEAST = 5
"""So many contracts must have been lost before the model is fitted: two parameters of fewer mean nothing."""

NOBODY = "nobody was up for renewal"
FEW = "{lost} of {size} contracts were lost: too few to fit"


class Renewals(NamedTuple):
    """How many contracts were `lost` at renewal 1, 2, ..., and how many last seen `kept` after so many."""

    lost: Mapping[int, int]
    kept: Mapping[int, int]

    @property
    def size(self) -> int:
        """How many contracts there are."""
        return sum(self.lost.values()) + sum(self.kept.values())

    @property
    def constant(self) -> float:
        """Lost contracts over all renewals that were due: the rate, were everybody alike."""
        due = sum(term * n for term, n in self.lost.items()) + sum(term * n for term, n in self.kept.items())
        return sum(self.lost.values()) / due if due else 0.0


def of_survivors(counts: Sequence[int]) -> Renewals:
    """Return the renewals of one cohort: of `counts[0]` contracts `counts[t]` were there after t renewals."""
    lost = {term: before - after for term, (before, after) in enumerate(pairwise(counts), 1)}
    return Renewals(lost, {len(counts) - 1: counts[-1]})


def fit(renewals: Renewals, *, shaped: bool = False) -> Fit | Unfit:
    """Fit the shifted beta-geometric model: `alpha`, `beta`, and with `shaped` also `shape`.

    Unfit where too few were lost, or where customers do not differ: then the constant rate is all there is to
    know. Raises Problems where scipy is missing.
    """
    lost, size = sum(renewals.lost.values()), renewals.size
    if not any(term for counts in renewals for term in counts):
        return Unfit(NOBODY)
    if lost < LEAST:
        return Unfit(FEW.format(lost=lost, size=size))
    last = max((*renewals.lost, *renewals.kept))

    def log_likelihood(parameters: Sequence[float]) -> float:
        share = survivals(parameters, last)
        sums = [n * _log(share[term]) for term, n in renewals.kept.items() if n]
        sums += [n * _log(share[term - 1] - share[term]) for term, n in renewals.lost.items() if n]
        return sum(sums)

    rate = renewals.constant
    names = ("alpha", "beta", "shape") if shaped else ("alpha", "beta")
    found = maximised(log_likelihood, names, [1.0, (1 - rate) / rate + 0.1, 1.0][: len(names)], size=size)
    if isinstance(found, Unfit):
        return Unfit(f"no difference of customers seen: {rate:.2%} leave at each renewal")
    return found


def survivals(parameters: Sequence[float], last: int) -> list[float]:
    """Return the share of contracts that are kept for 0, 1, ... `last` renewals."""
    alpha, beta, shape = (*parameters, 1.0)[:3]
    special = scipy("special")
    kept = special.betaln(alpha, [beta + term**shape for term in range(last + 1)]) - special.betaln(
        alpha, beta
    )
    return [exp(one) for one in kept.tolist()]


def survival(parameters: Sequence[float], term: float) -> float:
    """Return the share of contracts that are kept for so many renewals, under a fit's parameters."""
    alpha, beta, shape = (*parameters, 1.0)[:3]
    special = scipy("special")
    return exp(float(special.betaln(alpha, beta + term**shape) - special.betaln(alpha, beta)))


def retention(parameters: Sequence[float], term: int) -> float:
    """Return the share of those who are in their `term`-th term that renew it: it rises with the term."""
    return survival(parameters, term) / survival(parameters, term - 1)


def band(found: Fit, term: float, *, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Return the interval of a fitted survival, on the scale of log(-log S); None at its start."""
    share = survival(found.values, term)
    if not 0 < share < 1:
        return None
    apart = found.std_error(lambda parameters: log(-log(survival(parameters, term))))
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return share ** exp(z * apart), share ** exp(-z * apart)


def constant_error(renewals: Renewals) -> float:
    """Return the standard error of the constant rate."""
    rate, lost = renewals.constant, sum(renewals.lost.values())
    return rate * sqrt((1 - rate) / lost) if lost else 0.0


_TERMS = """
with paid as (
    select t.month, t.subscription, t.account, any_value(p.billing order by p.phase_no desc) as billing
    from mrr_balances t
    join subscription_phases p on p.subscription = t.subscription
        and p.starts_on <= last_day(t.month) and (p.ends_on is null or p.ends_on > last_day(t.month))
    where t.amount > 0 group by all
),
    numbered as (
        select *, datediff('month', date '2000-01-01', month)
            - row_number() over (partition by subscription, billing order by month) as island
        from paid
    ),
    spells as (
        select subscription, account, billing, min(month) as began, max(month) as last, count(*) as months
        from numbered group by subscription, account, billing, island
    ),
    followed as (
        select s.*, n.subscription is not null as changed
        from spells s left join paid n
            on n.subscription = s.subscription and n.month = (s.last + interval 1 month)::date
    )
select t.subscription, t.account, {part} as part, t.billing as unit, t.began, t.months,
    not t.changed and t.last < date '{last}' as lost
from followed t {join} order by all"""


def terms(con: DuckDBPyConnection, by: Dimension = "whole") -> pl.DataFrame:
    """Return the renewals of each contract: (subscription, account, part, unit, began, term, lost).

    A contract is a subscription with committed MRR, month after month, under one length of terms (`unit`:
    month or year). Where it was lost, `term` is the renewal at which it was; where not, how many it has
    passed. One that changes to the other length is censored there, and begins anew.
    """
    closed = closed_months(con)
    last = closed[-1] if len(closed) else EPOCH
    found = select(con, _TERMS.format(part=of_account(by), join=joined_account(by), last=last))
    length = pl.col("unit").replace_strict(UNITS, default=1, return_dtype=pl.Int64)
    passed = pl.when("lost").then(-(-pl.col("months") // length)).otherwise((pl.col("months") - 1) // length)
    return found.select(
        "subscription", "account", "part", "unit", "began", term=passed.cast(pl.Int64), lost=pl.col("lost")
    )


def counted(contracts: pl.DataFrame) -> Renewals:
    """Count contracts by the term at which they were lost, or up to which they were kept."""
    lost: Counter[int] = Counter()
    kept: Counter[int] = Counter()
    for term, over in contracts.select("term", "lost").iter_rows():
        (lost if over else kept)[term] += 1
    return Renewals(dict(sorted(lost.items())), dict(sorted(kept.items())))


def renewal_fits(con: DuckDBPyConnection, by: Dimension = "whole") -> pl.DataFrame:
    """Return the model of each part's contracts of each length of terms, with standard errors.

    Columns: part, unit, contracts, lost, rate and rate_se (were all customers alike), alpha, alpha_se, beta,
    beta_se, log_likelihood, and reason: why there is no fit. Raises Problems where scipy is missing.
    """
    rows = []
    for (part, unit), mine in terms(con, by).group_by("part", "unit", maintain_order=True):
        renewals = counted(mine)
        found = fit(renewals)
        told: tuple[float | str | None, ...] = (*(None,) * 5, found[0]) if isinstance(found, Unfit) else ()
        if isinstance(found, Fit):
            pairs = zip(found.values, found.std_errors, strict=True)
            told = (*(one for pair in pairs for one in pair), found.log_likelihood, "")
        lost = sum(renewals.lost.values())
        rows.append((part, unit, renewals.size, lost, renewals.constant, constant_error(renewals), *told))
    return pl.DataFrame(rows, schema=FITTED, orient="row").sort("part", "unit")


def renewal_curves(con: DuckDBPyConnection, by: Dimension = "whole", *, ahead: int = 0) -> pl.DataFrame:
    """Return the share of contracts kept by each renewal, as seen and as fitted.

    Columns: part, unit, term, at_risk, lost, survival (Kaplan and Meier), std_error, fitted, low and high
    (the band of the fit; NULL at term 0). `ahead` adds so many terms that nobody has reached, where only the
    fit says something. Where the model has no fit, `fitted` is the constant rate's curve and has no band.
    Raises Problems where scipy is missing.
    """
    frames = [pl.DataFrame(schema=_RENEWED)]
    for (part, unit), mine in terms(con, by).group_by("part", "unit", maintain_order=True):
        seen = kaplan_meier(mine["term"].to_list(), mine["lost"].to_list())
        renewals = counted(mine)
        found = fit(renewals)
        rows = []
        for term in range(len(seen) + ahead):
            ends = band(found, term) if isinstance(found, Fit) else None
            share = (
                survival(found.values, term) if isinstance(found, Fit) else (1 - renewals.constant) ** term
            )
            rows.append((str(part), str(unit), term, share, *(ends or (None, None))))
        fitted = pl.DataFrame(rows, ["part", "unit", "term", "fitted", "low", "high"], orient="row")
        kept = seen.select("age", "at_risk", pl.col("ended").alias("lost"), "survival", "std_error")
        both = fitted.join(kept, left_on="term", right_on="age", how="left", maintain_order="left")
        frames.append(both.select(_RENEWED.names()).cast(_RENEWED))
    return pl.concat(frames).sort("part", "unit", "term")


FITTED = pl.Schema(
    {
        "part": pl.String(),
        "unit": pl.String(),
        "contracts": pl.Int64(),
        "lost": pl.Int64(),
        "rate": pl.Float64(),
        "rate_se": pl.Float64(),
        "alpha": pl.Float64(),
        "alpha_se": pl.Float64(),
        "beta": pl.Float64(),
        "beta_se": pl.Float64(),
        "log_likelihood": pl.Float64(),
        "reason": pl.String(),
    }
)
"""The columns of `renewal_fits`."""

_RENEWED = pl.Schema(
    {
        "part": pl.String(),
        "unit": pl.String(),
        "term": pl.Int64(),
        "at_risk": pl.Int64(),
        "lost": pl.Int64(),
        "survival": pl.Float64(),
        "std_error": pl.Float64(),
        "fitted": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
    }
)


def _log(share: float) -> float:
    return log(share) if share > 0 else float("-inf")
