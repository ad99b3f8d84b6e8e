"""Renewals: published fits, standard errors that a bootstrap confirms, and contracts read off a ledger."""

import random
from pathlib import Path
from statistics import stdev

import polars as pl
import pytest

from analytics import renewal
from analytics.likelihood import Fit, Unfit
from analytics.renewal import Renewals, counted, fit, of_survivors, renewal_curves, renewal_fits, terms
from tests.ledgers import closed, posted

pytest.importorskip("scipy", reason="fits need scipy: pip install 'saasim[fit]'")

# Fader and Hardie (2007), table 1: of 1,000 customers of each group who was there after 0, 1, ... renewals.
# The models are fitted to the first seven; the rest is what they have to foretell.
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]
SEEN = 8


def fitted(renewals: Renewals, *, shaped: bool = False) -> Fit:
    """Fit, and insist that there is one."""
    found = fit(renewals, shaped=shaped)
    assert isinstance(found, Fit), found
    return found


@pytest.mark.parametrize(
    ("counts", "alpha", "beta", "log_likelihood"),
    [(REGULAR, 0.704, 1.182, -1680.3), (HIGH_END, 0.668, 3.806, -1611.2)],
    ids=["regular", "high-end"],
)
def test_the_published_fits_come_out(
    counts: list[int], alpha: float, beta: float, log_likelihood: float
) -> None:
    """Both groups of the paper, to all digits that it prints."""
    found = fitted(of_survivors(counts[:SEEN]))

    assert (alpha, beta) == pytest.approx(found.values, abs=5e-4)
    assert log_likelihood == pytest.approx(found.log_likelihood, abs=0.05)


def test_the_model_foretells_what_it_has_not_seen() -> None:
    """Of the high-end group 39.4 % were there after 12 renewals; the paper is about the model saying so."""
    parameters = fitted(of_survivors(HIGH_END[:SEEN])).values

    for term in range(SEEN, len(HIGH_END)):
        assert HIGH_END[term] / 1000 == pytest.approx(renewal.survival(parameters, term), abs=0.02)
    rates = [renewal.retention(parameters, term) for term in range(1, 13)]
    assert rates == sorted(rates)
    assert 0.851 == pytest.approx(rates[0], abs=0.001)


def test_the_formula_is_the_mean_of_geometric_lives_over_a_beta() -> None:
    """S(t) = integral of (1 - p)^t over the beta density of p, here by Simpson's rule."""
    density = pytest.importorskip("scipy.stats").beta
    points = [number / 20_000 for number in range(1, 20_000)]
    weights = [(4 if number % 2 else 2) / 3 / 20_000 for number in range(1, 20_000)]
    for term in (1, 3, 10):
        terms_of = zip(points, weights, density.pdf(points, 2.5, 4.0), strict=True)
        found = sum(weight * (1 - p) ** term * height for p, weight, height in terms_of)
        assert found == pytest.approx(renewal.survival((2.5, 4.0), term), rel=1e-6)


def drawn(rng: random.Random, count: int, alpha: float, beta: float, last: int) -> Renewals:
    """Draw contracts from the model, watched for `last` renewals at most."""
    lost: dict[int, int] = {}
    kept: dict[int, int] = {}
    for _ in range(count):
        leaves, watched = rng.betavariate(alpha, beta), rng.randrange(last + 1)
        over = next((term for term in range(1, watched + 1) if rng.random() < leaves), None)
        into, term = (kept, watched) if over is None else (lost, over)
        into[term] = into.get(term, 0) + 1
    return Renewals(lost, kept)


def test_standard_errors_are_those_of_a_bootstrap() -> None:
    """60 samples from a fitted model scatter as the observed information says, censoring and all."""
    rng = random.Random(3)
    truth = (0.9, 4.0)
    samples = [fitted(drawn(rng, 1500, *truth, 12)) for _ in range(60)]
    from math import log

    for which in range(2):
        scatter = stdev(log(sample.values[which]) for sample in samples)
        said = sorted(sample.covariance[which][which] ** 0.5 for sample in samples)[30]
        assert scatter == pytest.approx(said, rel=0.3)


def test_the_truth_lies_within_the_interval() -> None:
    """Of 40 drawn samples about 95 % hold the true survival at renewal 6 in their bands."""
    rng = random.Random(5)
    truth = renewal.survival((1.2, 6.0), 6)
    bands = [renewal.band(fitted(drawn(rng, 800, 1.2, 6.0, 10)), 6) for _ in range(40)]

    assert sum(band is not None and band[0] < truth < band[1] for band in bands) >= 35


def test_a_shape_of_one_is_the_simpler_model() -> None:
    """The beta-discrete-Weibull holds the shifted beta-geometric: it fits no worse, and at 1 the same."""
    renewals = of_survivors(HIGH_END[:SEEN])
    simple, shaped = fitted(renewals), fitted(renewals, shaped=True)

    assert shaped.log_likelihood >= simple.log_likelihood
    assert renewal.survival(simple.values, 5) == renewal.survival((*simple.values, 1.0), 5)
    assert shaped.values[2] > 1


def test_customers_who_do_not_differ_have_a_constant_rate_and_no_fit() -> None:
    """A tenth of everybody at every renewal: beta and alpha would grow without end."""
    found = fit(of_survivors([10_000, 9_000, 8_100, 7_290, 6_561]))

    assert isinstance(found, Unfit)
    assert "no difference of customers seen: 10.00% leave at each renewal" in found.reason


@pytest.mark.parametrize(
    ("renewals", "reason"),
    [
        (Renewals({}, {}), "nobody was up for renewal"),
        (Renewals({}, {0: 9}), "nobody was up for renewal"),
        (Renewals({1: 2}, {3: 40}), "2 of 42 contracts were lost: too few to fit"),
    ],
    ids=["nobody", "too-young", "too-few"],
)
def test_too_little_is_said_to_be_too_little(renewals: Renewals, reason: str) -> None:
    """A reason, never a number out of nothing."""
    assert Unfit(reason) == fit(renewals)


BOOK = """
currency = "USD"
[plans.pro]
name = "Pro"
stream = "subscriptions"
prices.base = { per = "subscription", unit_price = 100, annual = { unit_price = 1_000 } }
"""

FACTS = """
2026-01-10  m1  subscription.started    m1-1 pro
2026-04-10  m1  subscription.cancelled  m1-1 2026-04-10
2026-01-10  m2  subscription.started    m2-1 pro
2026-01-10  y1  subscription.started    y1-1 pro billing=year
2027-01-10  y1  subscription.cancelled  y1-1 2027-01-10
2026-02-01  y2  subscription.started    y2-1 pro billing=year
"""


def test_contracts_are_counted_in_their_own_terms(tmp_path: Path) -> None:
    """Three months and gone is lost at renewal 3; a year and gone is lost at renewal 1, and not at 12."""
    ledger = posted(closed(tmp_path, BOOK, FACTS, 15))
    found = terms(ledger).select("account", "unit", "term", "lost").sort("account").rows()

    assert [("m1", "month", 3, True), ("m2", "month", 14, False)] == found[:2]
    assert [("y1", "year", 1, True), ("y2", "year", 1, False)] == found[2:]


def test_a_change_to_the_other_length_is_nobody_s_loss(tmp_path: Path) -> None:
    """The months end as censored, and the years begin anew."""
    told = """
    2026-01-10  ada  subscription.started  ada-1 pro
    2026-06-01  ada  plan.changed          ada-1 pro 1 billing=year
    """
    ledger = posted(closed(tmp_path, BOOK, told, 20))

    assert [("month", 4, False), ("year", 1, False)] == terms(ledger).select("unit", "term", "lost").rows()


def test_curves_and_fits_of_a_ledger_say_why_there_is_none(tmp_path: Path) -> None:
    """Four contracts are too few; the curve then follows the constant rate, without a band."""
    ledger = posted(closed(tmp_path, BOOK, FACTS, 15))
    fits = renewal_fits(ledger)
    curve = renewal_curves(ledger, ahead=2).filter(pl.col("unit") == "month")

    assert ["1 of 2 contracts were lost: too few to fit"] * 2 == fits["reason"].to_list()
    rate = counted(terms(ledger).filter(pl.col("unit") == "month")).constant
    assert rate == pytest.approx(1 / 17)  # one loss in 3 + 14 renewals
    assert [(1 - rate) ** term for term in range(17)] == pytest.approx(curve["fitted"].to_list())
    assert [None] * 17 == curve["low"].to_list()
