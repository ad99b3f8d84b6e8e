"""Metrics of recurring revenue: committed MRR and its bridge, run rates, customers and what one pays."""

from analytics import recurring
from analytics.dimension import OF_ACCOUNTS, OF_SALES
from analytics.metrics.metric import (
    ALL,
    BOARD,
    CHARTMOGUL,
    COUNT,
    LEDGER,
    MONEY,
    PARTS,
    RATIO,
    STRIPE,
    Metric,
    quotient,
)
from analytics.quotient import Quotient, Term, grown, over
from analytics.recurring import MONTHS_OF_YEAR, figure, running
from analytics.recurring import quotient as divided

ZUORA = "Zuora's gross, discount and net MRR"
MAXIO = "Maxio's potential MRR"

METRICS: dict[str, Metric] = {
    # committed MRR and its bridge
    "mrr_opening": Metric(figure("mrr_opening"), MONEY, "committed MRR a month before", CHARTMOGUL),
    "mrr_new": Metric(figure("mrr_new"), MONEY, "from customers who never paid before", CHARTMOGUL),
    "mrr_expansion": Metric(figure("mrr_expansion"), MONEY, "more from paying customers", CHARTMOGUL),
    "mrr_contraction": Metric(figure("mrr_contraction"), MONEY, "less from those who stay; ≤ 0", CHARTMOGUL),
    "mrr_churn": Metric(figure("mrr_churn"), MONEY, "lost with those who left; ≤ 0", CHARTMOGUL),
    "mrr_reactivation": Metric(figure("mrr_reactivation"), MONEY, "from those who came back", CHARTMOGUL),
    "mrr_fx": Metric(figure("mrr_fx"), MONEY, "what rates of currencies changed", CHARTMOGUL),
    "mrr_entering": Metric(
        figure("mrr_entering"), MONEY, "brought by those who paid elsewhere before", CHARTMOGUL, OF_SALES
    ),
    "mrr_leaving": Metric(
        figure("mrr_leaving"), MONEY, "taken by those who go on paying elsewhere; ≤ 0", CHARTMOGUL, OF_SALES
    ),
    "committed_mrr": Metric(figure("committed_mrr"), MONEY, "recurring charges of a month at its end", BOARD),
    "usage_mrr": Metric(
        recurring.usage_mrr, MONEY, "mean metered revenue of the last 3 months, without catalog sales", BOARD
    ),
    "total_run_rate": Metric(recurring.total_run_rate, MONEY, "committed MRR + usage MRR, a month", BOARD),
    "usage_share": quotient(
        over("usage_mrr", "total_run_rate", "nothing recurs and nothing is metered"),
        RATIO, "usage MRR / total run rate", "Metronome, baseline and variable", ALL,
    ),
    "arr": Metric(recurring.arr, MONEY, "12 × committed MRR", BOARD),
    "mrr_list": Metric(
        running("list_moved"), MONEY, "recurring charges of a month before discounts, at its end", ZUORA
    ),
    "mrr_discounts": Metric(
        running("discount_moved"), MONEY, "what recurring discounts take off the list price", ZUORA
    ),
    "trial_mrr": Metric(running("trial_moved"), MONEY, "what open trials would pay a month", MAXIO),
    "cmrr": Metric(recurring.cmrr, MONEY, "committed MRR 12 months on, by what is known", CHARTMOGUL),
    "carr": Metric(
        recurring.carr, MONEY, "12 × committed MRR with the changes and ends that are announced", BOARD
    ),
    "termed_mrr_share": quotient(
        over("termed_mrr", "committed_mrr", "no committed MRR"),
        RATIO, "committed MRR that is paid by the year / committed MRR", LEDGER, ALL,
    ),
    "mrr_growth": quotient(
        grown("committed_mrr", 1, "no committed MRR a month before"),
        RATIO, "committed MRR / that of a month before − 1", STRIPE, ALL,
    ),
    "mrr_growth_12m": quotient(
        grown("committed_mrr", MONTHS_OF_YEAR, "no committed MRR 12 months before", needs=(MONTHS_OF_YEAR,)),
        RATIO, "committed MRR / that of 12 months before − 1", STRIPE, ALL,
    ),
    "mrr_share": quotient(
        over("committed_mrr", "company_committed_mrr", "the company has no committed MRR"),
        RATIO, "the part's committed MRR / the company's", LEDGER, PARTS,
    ),
    "expansion_share": quotient(
        Quotient(
            (Term("mrr_expansion", MONTHS_OF_YEAR),), (Term("committed_mrr"),),
            needs=(MONTHS_OF_YEAR, -1), nothing="no committed MRR",
        ),
        RATIO, "expansion of 12 months / committed MRR at their end", CHARTMOGUL,
    ),
    "expanded_share": quotient(
        over("mrr_expanded", "committed_mrr", "no committed MRR"),
        RATIO, "what customers pay more than at their first month's end / committed MRR", CHARTMOGUL,
    ),
    # customers
    "customers_opening": Metric(
        figure("customers_opening"), COUNT, "paying customers a month before", STRIPE, OF_ACCOUNTS
    ),
    "customers_new": Metric(
        figure("customers_new"), COUNT, "who pay for the first time", STRIPE, OF_ACCOUNTS
    ),
    "customers_reactivated": Metric(
        figure("customers_reactivated"), COUNT, "who came back", STRIPE, OF_ACCOUNTS
    ),
    "customers_churned": Metric(
        figure("customers_churned"), COUNT, "who stopped paying", STRIPE, OF_ACCOUNTS
    ),
    "customers": Metric(figure("customers"), COUNT, "accounts with committed MRR at the month's end", STRIPE),
    "subscriptions": Metric(figure("subscriptions"), COUNT, "subscriptions with committed MRR", STRIPE),
    "billed_customers": Metric(figure("billed_customers"), COUNT, "accounts billed more than 0", LEDGER),
    "arpa": Metric(
        divided("committed_mrr", "customers"), MONEY, "committed MRR / customers", STRIPE, ALL, "no customer"
    ),
    "asp": quotient(
        over("mrr_new", "customers_new", "nobody is new"),
        MONEY, "new MRR / customers who are new: the average sale", CHARTMOGUL,
    ),
}  # fmt: skip
"""Metrics of what recurs, by name."""
