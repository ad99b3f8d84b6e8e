"""Metrics of efficiency: profit, the cash that growth burns, what is owed, and how fast it is paid."""

from analytics.dimension import OF_ACCOUNTS
from analytics.metrics.metric import (
    BOARD,
    DAYS,
    LEDGER,
    MONEY,
    MONTHS,
    RATIO,
    WHOLE,
    Metric,
    quotient,
)
from analytics.quantile import quantile
from analytics.quotient import WINDOW, Quotient, Term, over
from analytics.recurring import MONTHS_OF_YEAR, figure, running

SCALE = "Scale Venture Partners' magic number"
SACKS = "David Sacks's burn multiple"
FELD = "Brad Feld's rule of 40"
BESSEMER = "Bessemer's rule of X"
RPO = "IFRS 15 and ASC 606, remaining performance obligations"

QUARTER = 3
DAYS_OF_QUARTER = 90

NOTHING_SPENT = "nothing was spent on sales and marketing in the window before"
NO_LEDGER = "no net revenue"
TWICE = (WINDOW, WINDOW, -1)
"""The months that the window and the one before it take, but for the last."""

_SPENT_BEFORE = Term("acquisition_cost", WINDOW, WINDOW)
_NEW_ARR = (Term("committed_mrr", times=(12,)), Term("committed_mrr", 1, WINDOW, (-12,)))

METRICS: dict[str, Metric] = {
    # profit
    "research_cost": Metric(
        figure("research_cost"), MONEY, "expenses of the cost centres research…", LEDGER, WHOLE
    ),
    "general_cost": Metric(
        figure("general_cost"), MONEY, "expenses of all other cost centres", LEDGER, WHOLE
    ),
    "bad_debt": Metric(figure("bad_debt"), MONEY, "invoices that were given up", LEDGER, WHOLE),
    "operating_profit": quotient(
        Quotient(
            (
                Term("gross_profit"),
                *(
                    Term(name, times=(-1,))
                    for name in ("acquisition_cost", "research_cost", "general_cost", "bad_debt")
                ),
            )
        ),
        MONEY, "gross profit − acquisition, research and general cost − bad debt", BOARD, WHOLE,
    ),
    "operating_margin": quotient(
        over("operating_profit", "net_revenue", NO_LEDGER, months=WINDOW),
        RATIO, "operating profit / net revenue, over the efficiency window", BOARD, WHOLE,
    ),
    # balances
    "deferred_opening": quotient(
        Quotient((Term("deferred_revenue", 1, 1),)), MONEY, "deferred revenue a month before", LEDGER, WHOLE
    ),
    "deferred_added": Metric(figure("deferred_added"), MONEY, "billed for later", LEDGER, WHOLE),
    "deferred_released": Metric(
        figure("deferred_released"),
        MONEY, "earned or given back of what was billed before; ≤ 0", LEDGER, WHOLE,
    ),
    "deferred_revenue": Metric(
        running("deferred_revenue"), MONEY, "billed and not yet recognised, at the month's end", LEDGER, WHOLE
    ),
    "calculated_billings": quotient(
        Quotient((Term("revenue"), Term("deferred_revenue"), Term("deferred_opening", times=(-1,)))),
        MONEY, "revenue + change of deferred revenue: billings without what others get of them", BOARD, WHOLE,
    ),
    "rpo": quotient(
        Quotient((Term("deferred_revenue"), Term("backlog"))),
        MONEY, "deferred revenue + the rest of yearly contracts of which nothing is billed ahead", RPO, WHOLE,
    ),
    "crpo": quotient(
        Quotient((Term("rpo"), Term("deferred_later", times=(-1,)))),
        MONEY, "of this, what is earned within 12 months", RPO, WHOLE,
    ),
    "receivable": Metric(running("receivable"), MONEY, "billed and not yet paid", LEDGER, WHOLE),
    "overdue": Metric(
        running("overdue"), MONEY, "of invoices, past the day when they were due", LEDGER, OF_ACCOUNTS
    ),
    "dso": quotient(
        Quotient(
            (Term("receivable", times=(DAYS_OF_QUARTER,)),), (Term("billed", QUARTER),),
            needs=(QUARTER, -1), positive=True, nothing="nothing was billed in 3 months",
        ),
        DAYS, "90 × receivable / billed in 3 months", BOARD, WHOLE,
    ),
    "days_to_pay": Metric(
        quantile("days_to_pay"),
        DAYS, "median days from issue to payment, of the payments of the month", LEDGER, OF_ACCOUNTS,
        "nothing was paid",
    ),
    "payment_failure_rate": quotient(
        over("invoices_failed", "invoices_tried", "no payment was tried"),
        RATIO, "share of the invoices that were paid or tried in the month of which a try failed", "Recurly",
    ),
    "dunning_recovery_rate": quotient(
        over(
            "invoices_recovered", "invoices_dunned", "no invoice with a failed try was settled", months=WINDOW
        ),
        RATIO, "paid, of the invoices settled after a failed try, over the efficiency window", "Recurly",
    ),
    "bad_debt_rate": quotient(
        over("bad_debt", "billed", "nothing was billed in 12 months", months=MONTHS_OF_YEAR, positive=True),
        RATIO, "bad debt / billed, of 12 months", LEDGER, WHOLE,
    ),
    "cash": Metric(running("cash"), MONEY, "cash since the first month, from 0", LEDGER, WHOLE),
    "net_burn": quotient(
        Quotient((Term("cash", 1, 1), Term("cash", times=(-1,)))),
        MONEY, "how much less cash there is than a month before; below 0 where there is more", SACKS, WHOLE,
    ),
    "runway_months": quotient(
        Quotient(
            (Term("cash", times=(QUARTER,)), Term("", times=(QUARTER, "opening_cash"))),
            (Term("net_burn", QUARTER),),
            needs=(QUARTER, -1), positive=True, nothing="no cash is burned", unless="no cash is left",
        ),
        MONTHS, "(opening cash + cash) / mean net burn of 3 months", LEDGER, WHOLE,
    ),
    # what growth costs
    "burn_multiple": quotient(
        Quotient(
            (Term("net_burn", WINDOW),), _NEW_ARR,
            needs=(WINDOW, -1), positive=True, nothing="ARR did not grow", unless="no cash was burned",
        ),
        RATIO, "net burn / net new ARR, over the efficiency window", SACKS, WHOLE,
    ),
    "magic_number": quotient(
        Quotient(
            (
                Term("recurring_revenue", WINDOW, times=(12,)),
                Term("recurring_revenue", WINDOW, WINDOW, (-12,)),
            ),
            (_SPENT_BEFORE._replace(times=(WINDOW,)),),
            needs=TWICE, positive=True, nothing=NOTHING_SPENT,
        ),
        RATIO, "growth of recurring revenue, a year's, / acquisition cost of the window before", SCALE, WHOLE,
    ),
    "magic_number_arr": quotient(
        Quotient(_NEW_ARR, (_SPENT_BEFORE,), needs=TWICE, positive=True, nothing=NOTHING_SPENT),
        RATIO, "net new ARR / acquisition cost of the window before", SCALE, WHOLE,
    ),
    "cac_ratio": quotient(
        Quotient(
            (_SPENT_BEFORE,),
            (Term("mrr_new", WINDOW, times=(12,)), Term("mrr_expansion", WINDOW, times=(12,))),
            needs=TWICE, positive=True, nothing="nothing was won", unless=NOTHING_SPENT,
        ),
        RATIO, "acquisition cost of the window before / new and expansion ARR", BOARD, WHOLE,
    ),
    "rule_of_40": quotient(
        Quotient((Term("revenue_growth_12m"), Term("operating_margin")), doubtful=True),
        RATIO, "growth of net revenue in 12 months + operating margin", FELD, WHOLE,
    ),
    "rule_of_x": quotient(
        Quotient(
            (Term("revenue_growth_12m", times=("growth_weight",)), Term("operating_margin")), doubtful=True
        ),
        RATIO, "the same, growth counted twice", BESSEMER, WHOLE,
    ),
}  # fmt: skip
"""Metrics of what growth costs, by name."""
