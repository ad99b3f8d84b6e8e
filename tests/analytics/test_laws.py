"""Laws: what holds for every ledger, and every metric against the slow second reckoning."""

import random
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.dimension import OF_ACCOUNTS, SPLITS
from analytics.metrics import METRICS, MONEY, monthly, monthly_by
from analytics.movements import CROSSINGS, MOVEMENTS
from tests.analytics.company import Company, month
from tests.analytics.reckoning import Number, Reckoning

SEGMENTS, CHANNELS = ("smb", "enterprise"), ("direct", "inside", "partner")
STREAMS = {"pro": "subscriptions", "hosting": "managed", "retainer": "services"}
SMALL = Fraction(1, 10**6)

PARTITIONED_BY_SALES = ["committed_mrr", "arr", "billed", "revenue", "payouts", "net_revenue"]
PARTITIONED = [
    *("mrr_opening", "mrr_new", "mrr_expansion", "mrr_contraction", "mrr_churn", "mrr_reactivation"),
    *("customers_opening", "customers_new", "customers_reactivated", "customers_churned", "customers"),
    *(*PARTITIONED_BY_SALES, "gross_profit", "cost_of_revenue", "acquisition_cost", "matched_cost"),
]

seeds = st.integers(0, 10**9)


def few(examples: int) -> settings:
    """Return settings for a law that is dear to check: the same examples in every run."""
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None)


def company(seed: int, *, times: int = 1) -> Company:
    """Make up a company of up to 8 accounts and 20 months; `times` multiplies all its money."""
    draw = random.Random(seed)
    made, months = Company(), draw.randint(1, 20)
    for number in range(draw.randint(1, 8)):
        name = f"account-{number}"
        made.account(name, draw.choice(SEGMENTS), draw.choice(CHANNELS))
        for plan in draw.sample(sorted(STREAMS), draw.randint(1, 2)):
            live(made, draw, name, plan=plan, months=months, times=times)
    for number in range(months):
        for centre in ("sales-pay", "marketing-ads", "research"):
            made.spend(number, centre, money(draw, times), segment=draw.choice(("", *SEGMENTS)))
        made.spend(number, "cogs-hosting", money(draw, times), stream=draw.choice(list(STREAMS.values())))
    return made


def live(made: Company, draw: random.Random, name: str, *, plan: str, months: int, times: int) -> None:
    """Let a subscription come, change, go and maybe return, and bill it."""
    amount, stream = Decimal(0), STREAMS[plan]
    for number in range(months):
        if draw.random() < 0.3:
            amount = Decimal(draw.choice(("0", "0", "25", "100", "333.33"))) * times
        made.mrr(name, amount, plan=plan, stream=stream, start=number)
        if amount and draw.random() < 0.8:
            whole = draw.random() < 0.2
            made.bill(
                name,
                number,
                amount * (12 if whole else 1),
                plan=plan,
                stream=stream,
                months=12 if whole else 1,
            )
        if draw.random() < 0.3:
            usage = "catalog" if draw.random() < 0.2 else plan
            made.bill(name, number, money(draw, times), plan=usage, stream=stream, kind="usage")
            made.pay(name, number, money(draw, times))
            made.pay_out(name, number, money(draw, times), draw.choice(("referral", "resale")))


def money(draw: random.Random, times: int) -> Decimal:
    """Draw an amount of money with cents."""
    return Decimal(draw.randint(0, 50_000)) / 100 * times


def assert_same(expected: Mapping[str, Number], row: Mapping[str, Any]) -> None:
    """Compare metrics; sums must be exact, quotients within the rounding."""
    for name, value in expected.items():
        seen = row[name]
        if value is None or seen is None:
            assert value is seen, (row["month"], name, value, seen)
        else:
            allowed = max(SMALL, SMALL * abs(Fraction(value)))
            assert abs(Fraction(seen) - Fraction(value)) <= allowed, (row["month"], name, float(value), seen)


@few(6)
@given(seeds)
def test_every_metric_agrees_with_the_slow_reckoning(seed: int) -> None:
    """Customer by customer, in fractions, each month comes to the same figures."""
    made = company(seed)
    reckoning = Reckoning(made)

    for number, row in enumerate(monthly(made.ledger()).rows(named=True)):
        assert month(number) == row["month"]
        assert_same(reckoning.of_company(number), row)


@few(2)
@given(seeds)
def test_every_segment_is_a_company_of_its_own(seed: int) -> None:
    """What customers alone decide is the same for a segment as for a company that has no other."""
    made = company(seed)
    frame = monthly_by(made.ledger(), "segment")

    for segment in SEGMENTS:
        names = {row["account"] for row in made.rows["accounts"] if row["segment"] == segment}
        reckoning = Reckoning(made, names.__contains__)
        for number, row in enumerate(frame.filter(segment=segment).rows(named=True)):
            assert_same(reckoning.of_accounts(number), row)


@few(2)
@given(seeds)
def test_parts_add_up_to_the_whole_and_every_bridge_closes(seed: int) -> None:
    """By every dimension: parts partition the money, rates lie in [0, 1], opening + movements = closing."""
    con = company(seed).ledger()
    whole = monthly(con)

    assert_bounded(whole)
    for by in SPLITS:
        parts = monthly_by(con, by)
        names = PARTITIONED if by in OF_ACCOUNTS else PARTITIONED_BY_SALES
        added = parts.group_by("month").agg(pl.col(names).sum()).sort("month")
        assert whole.select(names).rows() == added.select(names).rows(), by
        assert_closing(parts)
        if by in OF_ACCOUNTS:
            assert_bounded(parts)


@few(2)
@given(seeds)
def test_a_thousand_times_the_money_is_a_thousand_times_every_amount_and_the_same_ratios(seed: int) -> None:
    """Metrics know no unit of money: scaled amounts scale the money metrics and nothing else."""
    small, large = monthly(company(seed).ledger()), monthly(company(seed, times=1000).ledger())

    for name in small.columns[1:]:
        factor = 1000 if METRICS[name].unit == MONEY else 1
        for one, thousand in zip(small[name], large[name], strict=True):
            scaled = None if one is None else Fraction(one) * factor
            assert_same({name: scaled}, {"month": name, name: thousand})


def test_threads_the_order_of_rows_and_the_plan_of_the_query_change_no_digit() -> None:
    """Sums of Decimals do not depend on their order; nothing else is done before sorting."""
    made = company(7)
    frame, by_plan = monthly(made.ledger()), monthly_by(made.ledger(), "plan")
    for rows in made.rows.values():
        random.Random(1).shuffle(rows)
    con = made.ledger()
    con.execute("pragma enable_optimizer; set threads = 4").fetchall()
    try:
        again, by_plan_again = monthly(con), monthly_by(con, "plan")
    finally:
        con.execute("set threads = 1").fetchall()

    assert frame.equals(again)
    assert by_plan.equals(by_plan_again)


def assert_bounded(frame: pl.DataFrame) -> None:
    """Check that rates of loss are shares, and that nobody keeps more than all without expansion."""
    for name in ("logo_churn", "logo_churn_12m", "revenue_churn", "trailing_churn", "grr"):
        assert frame[name].drop_nulls().is_between(0, 1).all(), name
    assert (frame["grr"] <= frame["nrr"]).all()


def assert_closing(frame: pl.DataFrame) -> None:
    """Check that opening and movements make the closing balance of every row."""
    kinds = [f"mrr_{kind}" for kind in ("opening", *MOVEMENTS, *CROSSINGS) if f"mrr_{kind}" in frame.columns]
    assert frame.select(pl.sum_horizontal(kinds) == pl.col("committed_mrr")).to_series().all()
