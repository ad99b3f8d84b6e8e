"""Efficiency: what growth costs, by the published definitions, and why there is no value at times."""

from decimal import Decimal

import pytest

from analytics.metrics import METRICS, missing, monthly
from analytics.policy import MetricPolicy
from tests.analytics.company import Company, at, month

QUARTERLY = 3
M = 1_000_000


def reasons(made: Company, number: int, *names: str) -> list[tuple[str, str]]:
    """Return the code and the words of why metrics of a month have no value."""
    told = missing(made.ledger())
    rows = {row[2]: (row[3], row[4]) for row in told.rows() if row[0] == month(number)}
    return [rows[name] for name in names]


def grown(made: Company, *amounts: Decimal | int) -> Company:
    """Give the company one customer with this committed MRR at the month ends."""
    return made.mrr("acme", *amounts)


def test_the_burn_multiple_of_three_million_for_one_million_of_new_arr_is_3() -> None:
    """Sacks: who burns $3M to add $1M of ARR has a multiple of 3."""
    made = grown(Company(), 0, 0, 0, 0, 0, Decimal(M) / 12)
    for number in range(3, 6):
        made.spend(number, "research", M)

    assert at(monthly(made.ledger()), 5, "net_burn", "burn_multiple") == (M, 3)


@pytest.mark.parametrize(
    ("burned", "added", "multiple"),
    [
        (800_000, 1_000_000, "0.8"),
        (1_200_000, 1_000_000, "1.2"),
        (4_500_000, 1_500_000, 3),
        (100, 400, "0.25"),
    ],
)
def test_the_burn_multiple_takes_burn_and_arr_of_the_same_quarter(
    burned: int, added: int, multiple: object
) -> None:
    """What was burned and won before the quarter does not count; receipts lessen the burn."""
    opening = 1200
    made = grown(Company(), *[opening] * 3, *[opening] * 2, opening + Decimal(added) / 12)
    made.spend(1, "research", 77).spend(4, "research", burned + 500).pay("acme", 5, 500)

    assert at(monthly(made.ledger(), names=["burn_multiple"]), 5, "burn_multiple") == (multiple,)


def test_who_burns_nothing_or_does_not_grow_has_no_burn_multiple_and_is_told_why() -> None:
    """Neither a negative multiple nor 0 means anything; the reason is data."""
    earning = grown(Company(), 100, 110, 120, 130).pay("acme", 3, 50)
    shrinking = grown(Company(), 100, 100, 100, 90).spend(3, "research", 50)

    assert at(monthly(earning.ledger()), 3, "burn_multiple", "net_burn") == (None, -50)
    assert reasons(earning, 3, "burn_multiple") == [("numerator", "no cash was burned")]
    assert at(monthly(shrinking.ledger()), 3, "burn_multiple") == (None,)
    assert reasons(shrinking, 3, "burn_multiple") == [("denominator", "ARR did not grow")]
    assert reasons(shrinking, 1, "burn_multiple") == [("history", "fewer than 3 months of history")]


def test_the_magic_number_is_the_growth_of_a_quarters_revenue_over_what_was_spent_in_the_one_before() -> None:
    """Scale: revenue of 1,000 then 1,250 a quarter, and 800 spent in the first: 250 × 4 / 800 = 1.25."""
    made = Company()
    for number, amount in enumerate((300, 300, 400, 400, 400, 450)):
        made.bill("acme", number, amount)
    for number in range(3):
        made.spend(number, "sales-pay", 200).spend(number, "marketing-ads", Decimal(200) / 3)
    for number in range(3, 6):
        made.spend(number, "sales-pay", 5000)
    spent = Decimal(3) * (200 + Decimal(200) / 3).quantize(Decimal("0.0001"))
    expected = Decimal(250 * 4) / spent

    found = monthly(made.ledger()).filter(month=month(5))["magic_number"][0]
    assert abs(found - expected) < Decimal("0.000001")
    assert abs(found - Decimal("1.25")) < Decimal("0.000001")


def test_a_spike_of_services_moves_no_magic_number() -> None:
    """Only recurring revenue grows it: what is sold from the catalog, or once, does not."""
    plain, spiked = Company(), Company()
    for made in (plain, spiked):
        for number in range(6):
            made.bill("acme", number, 100 + 10 * number).spend(number, "sales", 100)
    spiked.bill("acme", 5, 9_000, plan="catalog", stream="services", kind="usage")
    spiked.bill("acme", 4, 9_000, kind="once")

    one, two = (
        at(monthly(made.ledger()), 5, "magic_number", "recurring_revenue") for made in (plain, spiked)
    )
    assert one == two
    assert one[0] is not None


def test_the_magic_number_of_arr_and_the_cac_ratio_look_at_new_arr() -> None:
    """1,200 of new ARR for 600 spent the quarter before: 2; the CAC ratio counts what is won: 600 / 2,400."""
    made = Company().mrr("acme", *[100] * 5, 300).mrr("bolt", *[100] * 5, 0)
    for number in range(3):
        made.spend(number, "sales", 200)

    assert at(monthly(made.ledger()), 5, "magic_number_arr", "cac_ratio") == (2, "0.25")
    assert reasons(made, 4, "magic_number_arr") == [("history", "fewer than 6 months of history")]
    assert at(monthly(made.ledger(), MetricPolicy(efficiency_window=1)), 5, "magic_number_arr") == (None,)


def test_the_rule_of_40_adds_growth_and_margin_and_the_rule_of_x_counts_growth_twice() -> None:
    """Revenue of a quarter from 300 to 450 in a year (50 %), of which 20 % is left: 70 %; with X 120 %."""
    made = Company()
    for number in range(15):
        made.bill("acme", number, 100 if number < 12 else 150)
    for number in range(12, 15):
        made.spend(number, "research", 60).spend(number, "general-rent", 30).spend(number, "cogs", 30)
    frame = monthly(made.ledger())

    assert at(frame, 14, "revenue_growth_12m", "operating_margin", "rule_of_40", "rule_of_x") == (
        "0.5", "0.2", "0.7", "1.2",
    )  # fmt: skip
    assert at(frame, 13, "rule_of_40") == (None,)
    assert reasons(made, 13, "rule_of_40") == [("operand", "revenue_growth_12m has no value")]


def test_every_expense_is_in_operating_profit_once() -> None:
    """1,000, five kinds of cost, a referral and a bad debt: 1,000 − 100 − 200 − 50 − 80 − 70 − 5 − 9."""
    made = Company().bill("acme", 0, 1000).pay_out("acme", 0, Decimal(5))
    for centre, amount in (("cogs", 100), ("sales", 200), ("marketing", 50), ("research", 80), ("rent", 70)):
        made.spend(0, centre, amount)
    made._post(0, "bad_debt", Decimal(9), account="acme")  # nobody else writes off
    made._post(0, "receivable", Decimal(-9), account="acme")

    shown = at(
        monthly(made.ledger()), 0, "gross_profit", "acquisition_cost", "research_cost", "general_cost",
        "bad_debt", "operating_profit",
    )  # fmt: skip
    assert shown == (900, 255, 80, 70, 9, 486)


@pytest.mark.parametrize(
    ("cash", "burn", "opening", "months"),
    [(0, 50_000, 900_000, 15), (0, 100_000, 1_800_000, 15), (0, 10, 31, "0.1"), (0, 50_000, 0, None)],
)
def test_the_runway_is_what_is_left_over_the_mean_burn_of_a_quarter(
    cash: int, burn: int, opening: int, months: object
) -> None:
    """$900,000 less three months of $50,000 last 15 months more; the ledger does not know the $900,000."""
    made = Company().mrr("acme", 1, 1, 1)
    for number in range(3):
        made.spend(number, "research", burn)
    frame = monthly(made.ledger(), MetricPolicy(opening_cash=Decimal(opening)))

    assert at(frame, 2, "runway_months") == (months,)
    assert at(frame, 2, "cash") == (cash - 3 * burn,)
    assert at(frame, 1, "runway_months") == (None,)


@pytest.mark.parametrize(
    ("scope", "margin"),
    [((60,), "0.94"), ((60, 80), "0.86"), ((60, 80, 80), "0.78")],
)
def test_the_scope_of_cost_of_revenue_alone_makes_94_86_or_78_percent(
    scope: tuple[int, ...], margin: str
) -> None:
    """Abacum: hosting alone; with support; with customer success: one company, three gross margins."""
    made = Company().bill("acme", 0, 1000)
    for centre, amount in zip(("hosting", "support", "success"), (60, 80, 80), strict=True):
        counts = len(scope) > ("hosting", "support", "success").index(centre)
        made.spend(0, f"cogs-{centre}" if counts else f"general-{centre}", amount)

    assert at(monthly(made.ledger()), 0, "gross_margin", "operating_margin")[0] == margin


def test_every_metric_without_a_value_says_why_and_no_other_does() -> None:
    """Reasons are data: a code and words for each NULL, in the first month and in the last."""
    made = Company().mrr("acme", 100, 120, 0, 90).mrr("bolt", 0, 50, 60, 60)
    made.bill("acme", 1, 120).spend(0, "sales", 40, segment="smb").pay("acme", 2, 30)
    con = made.ledger()
    told = missing(con)
    frame = monthly(con)

    null = {(row["month"], name) for row in frame.iter_rows(named=True) for name in METRICS
            if name in frame.columns and row[name] is None}  # fmt: skip
    assert null == {(row[0], row[2]) for row in told.rows()}
    assert {row[3] for row in told.rows()} <= {"history", "numerator", "denominator", "operand"}
    assert all(row[4] for row in told.rows())
    by = missing(con, "segment")
    assert set(by["part"]) == {"smb"}
