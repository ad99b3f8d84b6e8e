"""The metrics of each month in SQL, under the default policy: by family, all of them, and by part.

They are written from the definitions, by themselves; a test holds them equal to `analytics.metrics`. Sums of
money are exact. Quotients are worked out in floating point, as DuckDB divides, and rounded to 6 decimals
where they are no money; a denominator of 0 makes NULL.
"""

from typing import NamedTuple

from billing.views.chain import queries, statement
from billing.views.split import SPLITS
from billing.views.view import View

ALL = ("", "segment", "channel", "plan", "stream")
OF_ACCOUNTS = ("", "segment", "channel")
OF_SALES = ("plan", "stream")
WITH_COSTS = ("", "segment", "channel", "stream")
WHOLE = ("",)
PARTS = ("segment", "plan", "stream", "channel")
WITH_USE = ("", "segment", "channel", "plan")

PLACES = 6
"""Decimals of ratios and months."""

_RATIO = f"round_even({{0}}::decimal(38, 12), {PLACES}) as {{0}}"


class Family(NamedTuple):
    """Metrics that belong together: the query that has them, what they say, and where each can be split.

    A name that begins with `~` is a ratio or a number of months, and is rounded.
    """

    query: str
    comment: str
    columns: tuple[tuple[tuple[str, ...], str], ...]

    def names(self, split: str) -> list[str]:
        """Return the columns for one way to split, `~` before those that are rounded."""
        return [name for where, told in self.columns if split in where for name in told.split()]


FAMILIES: dict[str, Family] = {
    "recurring_by_month": Family(
        "recurring",
        "Committed MRR of each month, what moved it, who pays it, and usage MRR beside it.",
        (
            (ALL, "mrr_opening mrr_new mrr_expansion mrr_contraction mrr_churn mrr_reactivation mrr_fx"),
            (OF_SALES, "mrr_entering mrr_leaving"),
            (ALL, "committed_mrr usage_mrr total_run_rate arr customers subscriptions arpa"),
        ),
    ),
    "outlook_by_month": Family(
        "outlook",
        "List prices of each month and what discounts take off them, trials, and committed MRR 12 months on "
        "by what is known.",
        ((ALL, "mrr_list mrr_discounts trial_mrr cmrr carr ~termed_mrr_share"),),
    ),
    "growth_by_month": Family(
        "growth",
        "How fast committed MRR grows, how much of it is expansion, and what a new customer pays.",
        (
            (ALL, "~usage_share ~mrr_growth ~mrr_growth_12m"),
            (PARTS, "~mrr_share"),
            (OF_ACCOUNTS, "~expansion_share ~expanded_share asp"),
        ),
    ),
    "retention_by_month": Family(
        "retention",
        "Who came and went in each month, churn of customers and of revenue, NRR and GRR of 12 months.",
        (
            (OF_ACCOUNTS, "customers_opening customers_new customers_reactivated customers_churned"),
            (OF_ACCOUNTS, "~logo_churn ~logo_churn_annualised ~revenue_churn ~revenue_churn_annualised"),
            (OF_ACCOUNTS, "~net_revenue_churn ~logo_churn_12m ~nrr ~grr ~quick_ratio"),
        ),
    ),
    "contracts_by_month": Family(
        "contracts",
        "Who was lost to failed payments in each month, what was up for renewal, how trials ended, and NRR "
        "and GRR on all that recurs.",
        (
            (OF_ACCOUNTS, "customers_churned_involuntary ~logo_churn_voluntary ~logo_churn_involuntary"),
            (OF_ACCOUNTS, "mrr_churn_involuntary ~revenue_churn_involuntary ~nrr_total ~grr_total"),
            (OF_ACCOUNTS, "renewals_due renewals_won ~renewal_rate"),
            (OF_ACCOUNTS, "trials trials_ended trials_converted ~trial_conversion ~activation_rate"),
        ),
    ),
    "income_by_month": Family(
        "income",
        "What was billed, earned and shared with partners in each month, what delivering it cost, and the "
        "margin.",
        (
            (ALL, "billed billed_customers revenue payouts net_revenue"),
            (WITH_COSTS, "cost_of_revenue gross_profit ~gross_margin"),
        ),
    ),
    "mix_by_month": Family(
        "mix",
        "Which revenue of each month recurs, how it grows, of whom it comes, and what was given back.",
        (
            (ALL, "recurring_revenue annualised_revenue ~revenue_growth_12m"),
            (PARTS, "~revenue_share"),
            (OF_ACCOUNTS, "revenue_per_customer ~revenue_top_1_share ~revenue_top_10_share"),
            (WITH_COSTS, "~cross_sell_rate"),
            (ALL, "partner_sourced_revenue ~partner_sourced_share refunds ~sla_credit_rate"),
        ),
    ),
    "trade_by_month": Family(
        "trade",
        "What was sold for others in each month and kept of it, partners, devices and their royalties.",
        (
            (OF_ACCOUNTS, "gmv take ~take_rate"),
            (WHOLE, "partners"),
            (OF_ACCOUNTS, "devices royalty royalty_per_device"),
        ),
    ),
    "funnel_by_month": Family(
        "funnel",
        "Leads and sign-ups of each month, how many were won within six months, how soon, and at what cost.",
        (
            (OF_ACCOUNTS, "leads signups ~lead_conversion ~signup_conversion ~sales_cycle_days"),
            (OF_ACCOUNTS, "cost_per_lead"),
        ),
    ),
    "acquisition_by_month": Family(
        "acquisition",
        "What winning customers cost, CAC, its payback, LTV and their ratio, by the windows of the default "
        "policy.",
        (
            (OF_ACCOUNTS, "acquisition_cost matched_cost cac ~recurring_margin ~payback_months"),
            (OF_ACCOUNTS, "~trailing_churn ltv ltv_capped ~ltv_to_cac ~ltv_capped_to_cac"),
        ),
    ),
    "efficiency_by_month": Family(
        "efficiency",
        "Profit of each month, deferred revenue, receivables and cash at its end, and what growth costs.",
        (
            (WHOLE, "research_cost general_cost bad_debt operating_profit ~operating_margin"),
            (WHOLE, "deferred_opening deferred_added deferred_released deferred_revenue"),
            (
                WHOLE,
                "calculated_billings rpo crpo receivable ~dso ~bad_debt_rate cash net_burn ~runway_months",
            ),
            (WHOLE, "~burn_multiple ~magic_number ~magic_number_arr ~cac_ratio ~rule_of_40 ~rule_of_x"),
        ),
    ),
    "collection_by_month": Family(
        "collection",
        "What is overdue at each month's end, how soon bills were paid, and what became of failed tries.",
        ((OF_ACCOUNTS, "overdue ~days_to_pay ~payment_failure_rate ~dunning_recovery_rate"),),
    ),
    "delivery_by_month": Family(
        "delivery",
        "Hours, projects, guarantees, requests for support, courses and exams of each month.",
        (
            (OF_ACCOUNTS, "~hours_worked ~hours_billable"),
            (WHOLE, "consultants ~utilisation"),
            (OF_ACCOUNTS, "services_revenue"),
            (WHOLE, "effective_rate revenue_per_consultant"),
            (OF_ACCOUNTS, "projects_started projects_delivered ~realisation ~repeat_project_rate"),
            (OF_ACCOUNTS, "~services_conversion ~sla_compliance"),
            (OF_ACCOUNTS, "tickets ~tickets_per_customer ~tickets_in_time"),
            (OF_ACCOUNTS, "~resolution_hours ~resolution_hours_p90"),
            (OF_ACCOUNTS, "enrolments completions ~completion_rate exams_sat exams_passed ~pass_rate"),
            (OF_ACCOUNTS, "~certification_days ~recertification_rate"),
        ),
    ),
    "use_by_month": Family(
        "use",
        "Metered events of each month, and how fast they grow.",
        ((WITH_USE, "usage_events ~usage_growth"),),
    ),
}
"""Every family by the name of its view, in the order of the columns."""


def columns(split: str) -> list[str]:
    """Return the names of all metrics that can be split so ("" for the company as a whole), in order."""
    told = [name for family in FAMILIES.values() for name in family.names(split)]
    return [name.removeprefix("~") for name in told]


def _shown(family: Family, split: str) -> str:
    return ", ".join(
        _RATIO.format(name[1:]) if name.startswith("~") else name for name in family.names(split)
    )


def _family(family: Family) -> View:
    known = queries(SPLITS[""])
    select = f"select month, {_shown(family, '')} from {family.query} order by month"
    return View(family.comment, statement(family.query, known, select))


def _all(split: str) -> View:
    known = queries(SPLITS[split])
    joined = {
        f"{family.query}_shown": f"\n    select part, month, {_shown(family, split)} from {family.query}"
        for family in FAMILIES.values()
        if family.names(split)
    }
    tables = " join ".join(
        name if number == 0 else f"{name} using (part, month)" for number, name in enumerate(joined)
    )
    known |= joined | {"metrics": f"\n    select * from {tables}"}
    names = ", ".join(columns(split))
    if not split:
        text = "Every metric of the company under the default policy, one row for each closed month."
        return View(text, statement("metrics", known, f"select month, {names} from metrics order by month"))
    idle = " and ".join(f"coalesce({name}, 0) = 0" for name in columns(split))
    # What no part holds has a row of its own only where there is anything in it.
    select = (
        f"select month, part as {split}, {names} from metrics\n"
        f"qualify part <> '' or not bool_and({idle}) over (partition by part)\n"
        "order by month, part"
    )
    text = f"Every metric that has parts by {split}, one row for each closed month and {split}."
    return View(text, statement("metrics", known, select))


METRIC_VIEWS: dict[str, View] = {
    **{name: _family(family) for name, family in FAMILIES.items()},
    **{f"metrics_by_{f'{split}_' if split else ''}month": _all(split) for split in SPLITS},
}
"""Every view of metrics by its name."""
