"""Seasons: in which months of a year customers come and begin to pay, and how much newcomers use."""

from statistics import median

import polars as pl

from metering.event import LeadCreated, PlanChanged
from tests.simulator.shop import demand, habits, live

MARCH = (0, 0, 1, *[0] * 9)
LADDER = {"main__plans": ["free", "pro", "max"], "main__free": "free"}


def test_leads_come_in_their_months() -> None:
    """With all the weight on March the year's 12 x 20 leads come in March, of either year."""
    story = live(("smb", habits(demand={**demand(20), "season": MARCH})), last=24)
    months = [fact.occurred_at.month for fact in story.facts_of(LeadCreated)]

    assert {3} == set(months)
    assert 380 < len(months) < 580


def test_free_users_begin_to_pay_in_their_months() -> None:
    """Who is on the free plan from the first day converts in March, the others in any month."""
    free = {**LADDER, "conversion": {"rate": 0.05, "abandons": 0.0}}
    paid = {
        name: {
            fact.occurred_at.month
            for fact in live(
                ("smb", habits(demand={**demand(0, at_start=200), "season": season}, **free)), last=12
            ).facts_of(PlanChanged)
        }
        for name, season in (("march", MARCH), ("any", (1,) * 12))
    }

    assert {3} == paid["march"]
    assert paid["any"] >= set(range(2, 12))  # nobody reviews anything on the first day


def test_newcomers_of_a_later_month_begin_with_more() -> None:
    """With 10 % a month those of the second half-year use 1.1^6 as much in their first months."""
    use = {"calls": {"median": 20_000, "sigma": 0.3, "growth": 0, "growth_sd": 0, "newcomers": 0.10}}
    story = live(("smb", habits(demand=demand(60), main__uses=use)), last=12)
    usage = story.usage.with_columns(month=pl.col("occurred_at").dt.month())
    first = usage.group_by("subject").agg(pl.col("month").min(), pl.col("occurred_at").min())
    second = (
        usage.join(first.rename({"month": "came", "occurred_at": "since"}), on="subject")
        .filter(pl.col("month") == pl.col("came") + 2)
        .group_by("subject", "came")
        .agg(pl.col("quantity").sum().cast(pl.Float64))
    )
    used = {
        came: median(part["quantity"]) for (came,), part in second.partition_by("came", as_dict=True).items()
    }

    assert 1.1**6 * 0.9 < used[8] / used[2] < 1.1**6 * 1.1
