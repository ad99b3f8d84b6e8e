"""Metrics of income: what was billed and earned, of whom, and what is left of it."""

from analytics.dimension import OF_ACCOUNTS
from analytics.metrics.metric import (
    ALL,
    BOARD,
    COUNT,
    IFRS,
    LEDGER,
    MONEY,
    PARTS,
    RATIO,
    WHOLE,
    WITH_COSTS,
    Metric,
    quotient,
)
from analytics.quotient import WINDOW, Quotient, Term, over
from analytics.recurring import MONTHS_OF_YEAR, figure, running
from analytics.recurring import quotient as divided

NO_REVENUE = "no revenue"

METRICS: dict[str, Metric] = {
    "billed": Metric(figure("billed"), MONEY, "invoice lines of the month", LEDGER),
    "revenue": Metric(figure("revenue"), MONEY, "recognised revenue, net of discounts and credits", LEDGER),
    "recurring_revenue": Metric(
        figure("recurring_revenue"), MONEY, "of this, what is no catalog sale and no one-off fee", LEDGER
    ),
    "payouts": Metric(figure("payouts"), MONEY, "what partners earned", LEDGER),
    "net_revenue": Metric(
        figure("net_revenue"), MONEY, "revenue − payouts that are an expense, but for referrals", IFRS
    ),
    "revenue_share": quotient(
        over("net_revenue", "company_net_revenue", "the company has no net revenue"),
        RATIO, "the part's net revenue / the company's", LEDGER, PARTS,
    ),
    "annualised_revenue": quotient(
        Quotient(
            (Term("net_revenue", WINDOW, times=(12,)),), (Term("", times=(WINDOW,)),), needs=(WINDOW, -1)
        ),
        MONEY, "12 × the mean net revenue of the efficiency window", LEDGER, ALL,
    ),
    "revenue_growth_12m": quotient(
        Quotient(
            (Term("net_revenue", WINDOW),), (Term("net_revenue", WINDOW, MONTHS_OF_YEAR),),
            less=1, needs=(MONTHS_OF_YEAR, WINDOW, -1), positive=True,
            nothing="no net revenue 12 months before",
        ),
        RATIO, "net revenue of the efficiency window / that of 12 months before − 1", BOARD, ALL,
    ),
    "revenue_per_customer": quotient(
        Quotient(
            (Term("revenue", MONTHS_OF_YEAR),), (Term("customers"),),
            needs=(MONTHS_OF_YEAR, -1), nothing="no customer",
        ),
        MONEY, "revenue of 12 months / customers at their end", LEDGER,
    ),
    "revenue_top_1_share": quotient(
        over("revenue_top_1", "revenue_of_year", NO_REVENUE, positive=True),
        RATIO, "share of the largest account in the revenue of 12 months", LEDGER,
    ),
    "revenue_top_10_share": quotient(
        over("revenue_top_10", "revenue_of_year", NO_REVENUE, positive=True),
        RATIO, "share of the ten largest accounts in the revenue of 12 months", LEDGER,
    ),
    "cross_sell_rate": quotient(
        over("customers_crossed", "customers_to_cross", "no customer"),
        RATIO, "share of customers billed in 12 months for a stream in which they hold no MRR", LEDGER,
        WITH_COSTS,
    ),
    "partner_sourced_revenue": Metric(
        figure("partner_sourced_revenue"),
        MONEY, "revenue of accounts that a partner referred or sold", LEDGER,
    ),
    "partner_sourced_share": quotient(
        over("partner_sourced_revenue", "revenue", NO_REVENUE), RATIO, "the same / revenue", LEDGER, ALL
    ),
    "cost_of_revenue": Metric(
        figure("cost_of_revenue"), MONEY, "expenses of the cost centres cogs…", BOARD, WITH_COSTS
    ),
    "gross_profit": Metric(
        figure("gross_profit"), MONEY, "net revenue − cost of revenue", BOARD, WITH_COSTS
    ),
    "gross_margin": Metric(
        divided("gross_profit", "net_revenue"),
        RATIO, "gross profit / net revenue", BOARD, WITH_COSTS, "no net revenue",
    ),
    "refunds": Metric(figure("refunds"), MONEY, "given back for guarantees that were missed", LEDGER),
    "sla_credit_rate": quotient(
        Quotient(
            (Term("refunds", MONTHS_OF_YEAR),),
            (Term("billed", MONTHS_OF_YEAR), Term("refunds", MONTHS_OF_YEAR)),
            nothing="nothing was billed in 12 months",
        ),
        RATIO, "refunds of 12 months / what was billed before them", LEDGER, ALL,
    ),
    # marketplace, partners and devices
    "gmv": Metric(
        figure("gmv"), MONEY, "sold for others, of agreements whose revenue is net", IFRS, OF_ACCOUNTS
    ),
    "take": Metric(figure("take"), MONEY, "what the company keeps of it", IFRS, OF_ACCOUNTS),
    "take_rate": quotient(over("take", "gmv", "nothing was sold for others"), RATIO, "take / GMV", IFRS),
    "partners": Metric(running("partners"), COUNT, "partners who have joined so far", LEDGER, WHOLE),
    "devices": Metric(figure("devices"), COUNT, "devices that were shipped", LEDGER, OF_ACCOUNTS),
    "royalty": Metric(
        figure("royalty"),
        MONEY, "billed for use under the subscriptions that ship devices", LEDGER, OF_ACCOUNTS,
    ),
    "royalty_per_device": quotient(
        over("royalty", "devices", "no device was shipped", months=WINDOW),
        MONEY, "royalty / devices, over the efficiency window", LEDGER,
    ),
}  # fmt: skip
"""Metrics of what comes in, by name."""
