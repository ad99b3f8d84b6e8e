"""Revenue: billed and earned, usage apart from what is committed, partners' shares, margins of streams."""

import pytest

from analytics.metrics import METRICS, monthly, monthly_by, summary
from metering.document import Problems
from tests.analytics.company import Company, at


def test_a_year_paid_in_advance_is_billed_once_and_earned_in_twelve_months() -> None:
    """Billed = recognised + change of deferred revenue, in every month; the cash comes when it comes."""
    company = Company().mrr("ada", *[100] * 12).bill("ada", 0, 1200, months=12).pay("ada", 1, 1200)
    frame = monthly(company.ledger())

    assert (1200, 100, 1100, 1200, 0) == at(
        frame, 0, "billed", "revenue", "deferred_revenue", "receivable", "cash"
    )
    assert (0, 100, 1000, 0, 1200) == at(
        frame, 1, "billed", "revenue", "deferred_revenue", "receivable", "cash"
    )
    assert (0, 100, 0) == at(frame, 11, "billed", "revenue", "deferred_revenue")


def test_usage_mrr_is_the_mean_of_three_months_and_never_enters_committed_mrr() -> None:
    """30, 60 and 90 make 60 in whatever order; the first months have fewer to take the mean of."""
    company, mirrored = Company(), Company()
    for number, (amount, other) in enumerate([(30, 90), (60, 60), (90, 30), (0, 0)]):
        company.mrr("ada", 100, start=number).bill("ada", number, amount, kind="usage")
        mirrored.mrr("ada", 100, start=number).bill("ada", number, other, kind="usage")
    frame, same = monthly(company.ledger()), monthly(mirrored.ledger())

    assert [30, 45, 60, 50] == [at(frame, number, "usage_mrr")[0] for number in range(4)]
    assert (60, 100, 160, 1200) == at(same, 2, "usage_mrr", "committed_mrr", "total_run_rate", "arr")
    assert (0, 0, 0) == at(frame, 3, "mrr_contraction", "revenue_churn", "mrr_expansion")


def test_what_is_sold_by_the_piece_is_no_usage_mrr() -> None:
    """A course is metered like usage, but nobody takes it again every month."""
    company = Company().bill("ada", 0, 800, plan="catalog", stream="training", kind="usage")
    frame = monthly(company.bill("ada", 0, 5, kind="usage").ledger())

    assert (5, 805, 1) == at(frame, 0, "usage_mrr", "revenue", "billed_customers")


def test_a_partner_s_margin_lowers_net_revenue_and_a_referral_does_not() -> None:
    """The margin of a resale is the partner's own; a referral buys the customer: it is acquisition cost."""
    company = Company().account("ada", "smb", "partner").mrr("ada", 100).bill("ada", 0, 100)
    company.pay_out("ada", 0, 20, "resale").pay_out("ada", 0, 10, "referral")
    con = company.spend(0, "cogs-hosting", 40).spend(0, "research", 7).ledger()
    names = ("revenue", "payouts", "net_revenue", "cost_of_revenue", "gross_profit", "gross_margin")

    assert (100, 30, 80, 40, 40, "0.5") == at(monthly(con), 0, *names)
    assert (10,) == at(monthly_by(con, "channel"), 0, "acquisition_cost", part="partner")


def test_each_stream_bears_its_own_costs_and_its_share_of_those_that_name_none() -> None:
    """60 of 90 name nobody and go by revenue, 3 to 1; the partner's share goes by what was billed."""
    company = Company().mrr("ada", 300).bill("ada", 0, 300).bill("ada", 0, 100, stream="training")
    company.spend(0, "cogs-hosting", 60).spend(0, "cogs-trainers", 30, stream="training")
    frame = monthly_by(company.pay_out("ada", 0, 40, "resale").ledger(), "stream")
    names = ("revenue", "net_revenue", "cost_of_revenue", "gross_profit", "gross_margin")

    assert (300, 270, 45, 225, "0.833333") == at(frame, 0, *names, part="subscriptions")
    assert (100, 90, 45, 45, "0.5") == at(frame, 0, *names, part="training")


def test_a_stream_that_was_credited_more_than_it_earned_bears_no_shared_cost() -> None:
    """A key below 0 would hand the others more than the whole."""
    company = (
        Company().mrr("ada", 100).bill("ada", 0, 100).bill("ada", 0, -50, stream="managed", kind="credit")
    )
    frame = monthly_by(company.spend(0, "cogs-hosting", 60).ledger(), "stream")

    assert (60, 40) == at(frame, 0, "cost_of_revenue", "gross_profit", part="subscriptions")
    assert (0, -50) == at(frame, 0, "cost_of_revenue", "gross_profit", part="managed")


def test_costs_without_any_revenue_stay_where_nothing_is_named() -> None:
    """Before the first sale there is no key to share by: the cost is shown, in the part without a name."""
    con = Company().spend(0, "cogs-hosting", 60).mrr("ada", 0, 10).bill("ada", 1, 10).ledger()
    frame = monthly_by(con, "stream")

    assert ["", "subscriptions"] == frame["stream"].unique().sort().to_list()
    assert [60, 0] == [int(cost) for cost in frame.filter(stream="")["cost_of_revenue"]]
    assert (60, None) == at(monthly(con), 0, "cost_of_revenue", "gross_margin")


def test_the_revenue_of_a_plan_is_found_through_its_invoice_lines() -> None:
    """A posting names the line that caused it, also when it is earned months later."""
    company = Company().mrr("ada", 100, 100).bill("ada", 0, 200, months=2, plan="business")
    frame = monthly_by(company.bill("ada", 1, 9, plan="catalog").ledger(), "plan")

    assert (200, 100) == at(frame, 0, "billed", "revenue", part="business")
    assert (0, 100) == at(frame, 1, "billed", "revenue", part="business")
    assert (9, 9) == at(frame, 1, "billed", "revenue", part="catalog")


def test_a_year_sums_what_flows_and_ends_with_what_stands() -> None:
    """13 months are a year and a month of the next one, and it says so."""
    company = Company().mrr("ada", *[100] * 12, 150).spend(0, "cogs", 300)
    for number in range(13):
        company.bill("ada", number, 100)
    years = summary(company.ledger())

    assert [(1, 12), (2, 1)] == years.select("year", "months").rows()
    assert [1200, 100] == [int(revenue) for revenue in years["revenue"]]
    assert [1200, 1800] == [int(arr) for arr in years["arr"]]
    assert ["0.750000000000", "1.000000000000"] == [str(margin) for margin in years["gross_margin"]]


def test_a_ledger_of_two_currencies_is_refused() -> None:
    """Sums over currencies mean nothing, so there are none."""
    con = Company().mrr("ada", 100).bill("ada", 0, 100).ledger()
    con.execute("update postings set currency = 'EUR' where ledger_account = 'revenue'").fetchall()

    with pytest.raises(Problems, match="holds EUR, USD; metrics need a ledger of one currency"):
        monthly(con)


def test_a_dimension_that_does_not_exist_is_refused_with_the_nearest() -> None:
    """A typing error is answered with what was meant."""
    with pytest.raises(Problems, match=r"there is no 'segments'; did you mean 'segment'\?"):
        monthly_by(Company().ledger(), "segments")


def test_an_empty_ledger_has_every_column_and_no_row() -> None:
    """Nothing happened, so there is nothing to show; and nothing breaks."""
    frame = monthly(Company().ledger())

    assert 0 == len(frame)
    assert ["month", *(name for name, metric in METRICS.items() if "whole" in metric.splits)] == frame.columns
