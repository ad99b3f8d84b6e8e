"""Repurchase: the published fits of the CDNOW data, what they say of a buyer, and buyers of a ledger."""

import csv
import random
from functools import cache
from pathlib import Path

import pytest

from analytics import repurchase
from analytics.likelihood import Fit, Unfit
from analytics.repurchase import Buyer, Spender
from tests.analytics.company import Company, month

pytest.importorskip("scipy", reason="fits need scipy: pip install 'saasim[fit]'")

CDNOW = Path(__file__).parent / "published" / "cdnow.csv"


@cache
def cdnow() -> list[tuple[Buyer, Spender]]:
    """Read the customers of CDNOW, each as often as the sample has one like it."""
    rows = csv.DictReader(CDNOW.read_text("utf-8").splitlines())
    return [
        (
            Buyer(int(row["repeats"]), float(row["last"]), float(row["watched"])),
            Spender(int(row["repeats"]), float(row["mean_spent"])),
        )
        for row in rows
        for _ in range(int(row["customers"]))
    ]


@cache
def often() -> Fit:
    """Fit how often they came back."""
    found = repurchase.fit([buyer for buyer, _ in cdnow()])
    assert isinstance(found, Fit)
    return found


@cache
def much() -> Fit:
    """Fit what they spent."""
    found = repurchase.fit_spending([spender for _, spender in cdnow()])
    assert isinstance(found, Fit)
    return found


def test_the_published_fit_of_purchases_comes_out() -> None:
    """Fader, Hardie and Lee (2005): r 0.243, alpha 4.414, a 0.793, b 2.426, log-likelihood -9582.4."""
    assert 2357 == len(cdnow())
    assert (0.243, 4.414, 0.793, 2.426) == pytest.approx(often().values, abs=6e-4)
    assert -9582.4 == pytest.approx(often().log_likelihood, abs=0.05)
    assert not often().held


def test_the_published_expectation_of_a_buyer_comes_out() -> None:
    """X = 2, last in week 30.43, watched for 38.86: 1.226 purchases in the next 39 weeks."""
    found = repurchase.expected_of(often().values, Buyer(2, 30.43, 38.86), 39)

    assert 1.226 == pytest.approx(found, abs=5e-4)


def test_the_published_fit_of_spending_comes_out() -> None:
    """Fader and Hardie (2013): p 6.25, q 3.74, gamma 15.44; a mean of about $35 a purchase."""
    p, q, gamma = much().values

    assert (6.25, 3.74, 15.45) == pytest.approx((p, q, gamma), abs=0.01)
    assert 35.17 == pytest.approx(repurchase.spending(much().values), abs=0.01)


def test_spending_is_drawn_from_what_one_spent_toward_what_all_spend() -> None:
    """Who came once keeps less of an own mean of $100 than who came ten times, between the two means."""
    once, often_ = (repurchase.spending_of(much().values, Spender(times, 100.0)) for times in (1, 10))
    everybody = repurchase.spending(much().values)

    assert everybody is not None
    assert everybody < once < often_ < 100


def test_frequency_and_spending_hardly_move_together() -> None:
    """The models take them as independent; of CDNOW's repeat customers the correlation is 0.11."""
    assert 0.11 == pytest.approx(repurchase.correlation([spender for _, spender in cdnow()]), abs=0.005)


def test_standard_errors_are_those_of_a_bootstrap() -> None:
    """16 resamples of the customers scatter as the observed information says, within what 16 can show."""
    from math import log
    from statistics import stdev

    rng = random.Random(11)
    buyers = [buyer for buyer, _ in cdnow()]
    fits = [repurchase.fit(rng.choices(buyers, k=len(buyers))) for _ in range(16)]
    for which in range(2):
        scatter = stdev(log(one.values[which]) for one in fits if isinstance(one, Fit))
        assert scatter == pytest.approx(often().covariance[which][which] ** 0.5, rel=0.5)


def test_the_expectation_is_the_mean_of_drawn_buyers() -> None:
    """40,000 buyers drawn from the model buy in 20 weeks what the formula says, within 3 standard errors."""
    rng = random.Random(7)
    r, alpha, a, b = 0.8, 5.0, 1.4, 3.0
    counts = []
    for _ in range(40_000):
        rate, leaves = rng.gammavariate(r, 1 / alpha), rng.betavariate(a, b)
        at, count = rng.expovariate(rate) if rate > 0 else 1e9, 0
        while at < 20:
            count += 1
            if rng.random() < leaves:
                break
            at += rng.expovariate(rate)
        counts.append(count)
    mean = sum(counts) / len(counts)
    error = (sum((one - mean) ** 2 for one in counts) ** 0.5) / len(counts)

    assert repurchase.expected((r, alpha, a, b), 20) == pytest.approx(mean, abs=3 * error)


def test_the_expectation_has_no_gap_where_a_is_one() -> None:
    """The formula divides by a - 1; its limit there lies between its neighbours."""
    low, at, high = (repurchase.expected((0.5, 4.0, a, 2.0), 30) for a in (0.999, 1.0, 1.001))

    assert low > at > high
    assert at == pytest.approx((low + high) / 2, rel=1e-4)


def test_who_never_came_back_counts_as_alive_and_who_fell_silent_hardly() -> None:
    """The model's own property, and the reason why it is not for subscriptions."""
    values = often().values

    assert 1 == repurchase.alive(values, Buyer(0, 0.0, 38.86))
    recent, silent = (repurchase.alive(values, Buyer(10, last, 38.86)) for last in (38.0, 10.0))
    assert 0.9 < recent < 1
    assert silent < 0.01


def test_units_of_time_and_money_only_move_their_own_parameter() -> None:
    """In days alpha is seven times as large, in cents gamma a hundred times; nothing else changes."""
    in_days = repurchase.fit(
        [buyer._replace(last=buyer.last * 7, watched=buyer.watched * 7) for buyer, _ in cdnow()]
    )
    in_cents = repurchase.fit_spending([spender._replace(mean=spender.mean * 100) for _, spender in cdnow()])

    assert isinstance(in_days, Fit)
    assert isinstance(in_cents, Fit)
    r, alpha, a, b = often().values
    assert (r, 7 * alpha, a, b) == pytest.approx(in_days.values, rel=1e-4)
    p, q, gamma = much().values
    assert (p, q, 100 * gamma) == pytest.approx(in_cents.values, rel=1e-4)


def test_buyers_who_never_leave_are_held_by_a_weak_prior() -> None:
    """Without a drop-out the likelihood grows without end; what is expected is still what was seen."""
    rng = random.Random(2)
    buyers = []
    for _ in range(300):
        rate = rng.gammavariate(3.0, 0.1)
        times = []
        at = rng.expovariate(rate)
        while at < 24:
            times.append(at)
            at += rng.expovariate(rate)
        buyers.append(Buyer(len(times), times[-1] if times else 0.0, 24.0))
    found = repurchase.fit(buyers)

    assert isinstance(found, Fit)
    mean = sum(buyer.again for buyer in buyers) / len(buyers)
    assert mean == pytest.approx(repurchase.expected(found.values, 24.0), rel=0.03)


def test_too_few_who_come_back_are_said_to_be_too_few() -> None:
    """Four parameters of nine buyers would mean nothing."""
    few = [Buyer(1, 2.0, 5.0)] * 9 + [Buyer(0, 0.0, 5.0)] * 3

    assert Unfit("9 of 12 buyers came back: too few to fit") == repurchase.fit(few)


def test_buyers_are_read_off_the_catalog_by_stream() -> None:
    """Months with purchases count once, what was given back is off, and subscriptions are no purchases."""
    company = Company().mrr("ada", 50, 50, 50, 50, 50, 50).bill("ada", 0, 50)
    for number, amount in ((1, 300), (1, 20), (3, 200), (4, 100)):
        company.bill("ada", number, amount, plan="catalog", stream="services", kind="usage")
    company.bill("ada", 4, -100, plan="catalog", stream="services", kind="refund")
    company.bill("bob", 2, 80, plan="catalog", stream="training", kind="usage")
    found = repurchase.purchases(company.ledger())

    names = ["account", "stream", "first", "again", "last", "watched", "amount", "amount_again"]
    assert [
        ("ada", "services", month(1), 1, 2, 4, 520, 200),
        ("bob", "training", month(2), 0, 0, 3, 80, 0),
    ] == found.select(names).rows()
    assert [Buyer(1, 2, 4), Buyer(0, 0, 3)] == repurchase.buyers_of(found)
    assert [Spender(1, 200.0), Spender(0, 0.0)] == repurchase.spenders_of(found)
