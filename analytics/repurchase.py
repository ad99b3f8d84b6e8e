"""Repurchase: how often buyers come back who never say that they leave, and what they spend.

BG/NBD (Fader, Hardie and Lee, "Counting Your Customers the Easy Way", Marketing Science 24, 2005): a buyer
buys at a rate of its own and after each purchase may be gone for good, with a chance of its own; rates are
gamma distributed (`r`, `alpha`), chances beta (`a`, `b`). Gamma-Gamma (Fader and Hardie, "The Gamma-Gamma
Model of Monetary Value", 2013): a buyer's purchases scatter about a mean of its own (`p`), and these means
are spread over buyers (`q`, `gamma`). Means and frequencies are taken as independent; `correlation` says
whether they are.

It is for purchases without a contract: hour packs, courses, projects, orders from the catalog. Who has bought
once counts as alive with certainty, which would be wrong for subscriptions: see `analytics.renewal`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from math import exp, inf, log, log1p, sqrt
from typing import Any, NamedTuple

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.figures import closed_months
from analytics.likelihood import Fit, Unfit, held, scipy
from analytics.selection import select
from billing.price import CATALOG

LEAST = 10
"""So many buyers must have come back before models of four parameters are fitted."""

FEW = "{again} of {buyers} buyers came back: too few to fit"

_KEPT = 32  # fits that are remembered: who asks for a fit asks for the value that rests on it, too
_NEAR = 1e-6  # formulas with a - 1 below a line have a limit there, which is within this of its neighbour

_PURCHASES = f"""
with bought as (
    select account, stream, month, sum(amount) as amount from invoice_lines
    where plan = '{CATALOG}' group by all having sum(amount) > 0
),
    numbered as (select *, min(month) over (partition by account, stream) as first from bought)
select account, stream, first, count(*) - 1 as again, datediff('month', first, max(month)) as last,
    datediff('month', first, date '{{last}}') as watched, sum(amount) as amount,
    coalesce(sum(amount) filter (month > first), 0) as amount_again
from numbered group by account, stream, first order by stream, account"""


class Buyer(NamedTuple):
    """How often a buyer bought again, when last, and how long it was watched, since its first purchase."""

    again: int
    last: float
    watched: float


def purchases(con: DuckDBPyConnection) -> pl.DataFrame:
    """Return every buyer of each stream's catalog.

    Columns: account, stream, first (month of the first purchase), again (months with purchases after it),
    last and watched (months from the first purchase to the last one, and to the last closed month), amount
    (of all purchases) and amount_again (of those after the first). Purchases of one month are one purchase,
    and what was given back is taken off.
    """
    closed = closed_months(con)
    last = closed[-1] if len(closed) else "2000-01-01"
    return select(con, _PURCHASES.format(last=last)).filter(pl.col("watched") >= 0)


def fit(buyers: Sequence[Buyer]) -> Fit | Unfit:
    """Fit BG/NBD: `r`, `alpha`, `a`, `b`; `alpha` is in the unit of time of the buyers.

    What the data leave open a weak prior holds (`Fit.held`). Raises Problems where scipy is missing.
    """
    again = sum(buyer.again > 0 for buyer in buyers)
    if again < LEAST:
        return Unfit(FEW.format(again=again, buyers=len(buyers)))
    return _fitted(tuple(sorted(Counter(buyers).items())))


@lru_cache(maxsize=_KEPT)
def _fitted(alike: tuple[tuple[Buyer, int], ...]) -> Fit | Unfit:
    """Fit BG/NBD to buyers, of whom so many are alike; time is scaled to the longest that one was watched."""
    length = max(buyer.watched for buyer, _ in alike) or 1.0
    scaled = Counter({Buyer(one.again, one.last / length, one.watched / length): n for one, n in alike})
    names = ("r", "alpha", "a", "b")
    found = held(_log_likelihood(scaled), names, (1.0, 1.0, 1.0, 1.0), size=scaled.total())
    if isinstance(found, Unfit):
        return found
    again = sum(buyer.again * n for buyer, n in alike)  # a density is one of times, and they were scaled
    found = found._replace(log_likelihood=found.log_likelihood - again * log(length))
    return found.scaled("alpha", length)


def _log_likelihood(alike: Counter[Buyer]) -> Callable[[Sequence[float]], float]:
    """Return the log-likelihood of buyers, of whom many are alike."""
    special = scipy("special")
    np = _numpy()
    x, last, watched = (np.array([buyer[i] for buyer in alike], dtype=float) for i in range(3))
    weight = np.array(list(alike.values()), dtype=float)
    came = x > 0

    def log_likelihood(parameters: Sequence[float]) -> float:
        r, alpha, a, b = parameters
        often = special.gammaln(r + x) - special.gammaln(r) + r * log(alpha)
        stays = special.betaln(a, b + x) - special.betaln(a, b)
        alive = -(r + x) * np.log(alpha + watched)
        left = log(a) - np.log(np.maximum(b + x - 1, 1e-300)) - (r + x) * np.log(alpha + last)
        both = np.logaddexp(alive, np.where(came, left, -inf))
        return float(weight @ (often + stays + both))

    return log_likelihood


def expected(parameters: Sequence[float], time: float) -> float:
    """Return how many purchases a new buyer makes after the first one, within a time."""
    r, alpha, a, b = _apart(parameters)
    share = time / (alpha + time)
    grown = float(scipy("special").hyp2f1(r, b, a + b - 1, share))
    kept: float = (alpha / (alpha + time)) ** r
    return (a + b - 1) / (a - 1) * (1 - kept * grown)


def expected_of(parameters: Sequence[float], buyer: Buyer, time: float) -> float:
    """Return how many purchases a buyer of whom so much is known makes within a time from now on."""
    r, alpha, a, b = _apart(parameters)
    x, watched = buyer.again, buyer.watched
    share = time / (alpha + watched + time)
    grown = float(scipy("special").hyp2f1(r + x, b + x, a + b + x - 1, share))
    kept: float = ((alpha + watched) / (alpha + watched + time)) ** (r + x)
    if_alive = (a + b + x - 1) / (a - 1) * (1 - kept * grown)
    return if_alive * alive(parameters, buyer)


def alive(parameters: Sequence[float], buyer: Buyer) -> float:
    """Return the chance that a buyer is not gone for good."""
    r, alpha, a, b = parameters
    if not buyer.again:
        return 1.0
    odds = log(a / (b + buyer.again - 1)) + (r + buyer.again) * log(
        (alpha + buyer.watched) / (alpha + buyer.last)
    )
    return exp(-log1p(exp(odds))) if odds < _MOST else 0.0


_MOST = 700.0  # exp of more is no float


class Spender(NamedTuple):
    """How often a buyer came back, and the mean of what it spent each of these times."""

    times: int
    mean: float


def fit_spending(spenders: Sequence[Spender]) -> Fit | Unfit:
    """Fit Gamma-Gamma: `p`, `q`, `gamma`; `gamma` is in the unit of the means.

    Raises Problems where scipy is missing.
    """
    kept = [one for one in spenders if one.times > 0 and one.mean > 0]
    if len(kept) < LEAST:
        return Unfit(FEW.format(again=len(kept), buyers=len(spenders)))
    return _fitted_spending(tuple(sorted(kept)))


@lru_cache(maxsize=_KEPT)
def _fitted_spending(kept: tuple[Spender, ...]) -> Fit | Unfit:
    """Fit Gamma-Gamma to who came back; money is scaled to the mean of their means."""
    special = scipy("special")
    np = _numpy()
    x, mean = (np.array([one[i] for one in kept], dtype=float) for i in range(2))
    typical = float(mean.mean())
    mean /= typical

    def log_likelihood(parameters: Sequence[float]) -> float:
        p, q, gamma = parameters
        found = special.gammaln(p * x + q) - special.gammaln(p * x) - special.gammaln(q) + q * log(gamma)
        found += (p * x - 1) * np.log(mean) + p * x * np.log(x) - (p * x + q) * np.log(gamma + mean * x)
        return float(found.sum())

    found = held(log_likelihood, ("p", "q", "gamma"), (2.0, 2.0, 1.0), size=len(kept))
    if isinstance(found, Unfit):
        return found
    return found.scaled("gamma", typical)._replace(
        log_likelihood=found.log_likelihood - len(kept) * log(typical)
    )


def spending(parameters: Sequence[float]) -> float | None:
    """Return what a new buyer spends each time; None where buyers differ so much that there is no mean."""
    p, q, gamma = parameters
    return p * gamma / (q - 1) if q > 1 else None


def spending_of(parameters: Sequence[float], spender: Spender) -> float:
    """Return what a buyer of whom so much is known spends each time from now on."""
    p, q, gamma = parameters
    return p * (gamma + spender.times * spender.mean) / (p * spender.times + q - 1)


def correlation(spenders: Sequence[Spender]) -> float | None:
    """Return the correlation of how often and how much; None where either does not vary."""
    kept = [one for one in spenders if one.times > 0]
    size = len(kept)
    if not size:
        return None
    means = [sum(one[i] for one in kept) / size for i in range(2)]
    both = sum((one.times - means[0]) * (one.mean - means[1]) for one in kept)
    spreads = [sum((one[i] - means[i]) ** 2 for one in kept) for i in range(2)]
    return both / sqrt(spreads[0] * spreads[1]) if all(spreads) else None


PARAMETERS = ("r", "alpha", "a", "b", "p", "q", "gamma")
"""The parameters of both models."""

FITTED = pl.Schema(
    {"stream": pl.String(), "buyers": pl.Int64(), "came_back": pl.Int64()}
    | {f"{name}{end}": pl.Float64() for name in PARAMETERS for end in ("", "_se")}
    | {"correlation": pl.Float64(), "reason": pl.String()}
)
"""The columns of `purchase_fits`."""


def purchase_fits(con: DuckDBPyConnection) -> pl.DataFrame:
    """Return both models of each stream's buyers, with standard errors (`FITTED`), and why there is none.

    Raises Problems where scipy is missing.
    """
    rows = []
    for (stream,), mine in purchases(con).group_by("stream", maintain_order=True):
        spenders = spenders_of(mine)
        row = {"stream": stream, "buyers": len(mine), "came_back": len(mine.filter(pl.col("again") > 0))}
        reasons = []
        for what, found in (("how often", fit(buyers_of(mine))), ("how much", fit_spending(spenders))):
            if isinstance(found, Unfit):
                reasons.append(f"{what}: {found.reason}")
                continue
            reasons += [f"{what}: held by a weak prior: {found.held}"] if found.held else []
            row |= dict(zip(found.names, found.values, strict=True))
            row |= {f"{name}_se": one for name, one in zip(found.names, found.std_errors, strict=True)}
        rows.append(row | {"correlation": correlation(spenders), "reason": "; ".join(reasons)})
    return pl.DataFrame(rows, schema=FITTED)


def buyers_of(found: pl.DataFrame) -> list[Buyer]:
    """Return the buyers of some rows of `purchases`."""
    return [Buyer(*row) for row in found.select("again", "last", "watched").iter_rows()]


def spenders_of(found: pl.DataFrame) -> list[Spender]:
    """Return what the buyers of some rows of `purchases` spent when they came back."""
    rows = found.select("again", "amount_again").iter_rows()
    return [Spender(times, _mean(amount, times)) for times, amount in rows]


def _mean(amount: Decimal, times: int) -> float:
    return float(amount) / times if times else 0.0


def _apart(parameters: Sequence[float]) -> tuple[float, float, float, float]:
    r, alpha, a, b = parameters
    return r, alpha, a if abs(a - 1) > _NEAR else 1 + _NEAR, b


def _numpy() -> Any:
    import numpy as np  # noqa: PLC0415 - it comes with scipy

    return np
