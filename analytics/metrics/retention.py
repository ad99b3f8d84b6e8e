"""Metrics of retention: who stays, what they go on paying, and whose contracts are renewed."""

from analytics import recurring
from analytics.dimension import OF_ACCOUNTS
from analytics.metrics.metric import (
    BOARD,
    CHARTMOGUL,
    COUNT,
    LEDGER,
    MONEY,
    NO_MRR,
    NO_YEAR,
    RATIO,
    STRIPE,
    Metric,
    quotient,
)
from analytics.quotient import Quotient, Term, over
from analytics.recurring import MONTHS_OF_YEAR, a_year_of, figure, share_lost
from analytics.recurring import quotient as divided

RECURLY = "Recurly's reports of churn"
TWILIO = "Twilio's dollar-based net expansion, on revenue"
DISPLAYR = "Displayr, of those who could leave"
NO_REVENUE = "no recurring revenue 12 months before"

METRICS: dict[str, Metric] = {
    "logo_churn": Metric(
        recurring.logo_churn,
        RATIO, "share of the opening customers who do not pay at the end", CHARTMOGUL, OF_ACCOUNTS, NO_MRR,
    ),
    "logo_churn_annualised": Metric(
        a_year_of("logo_churn"), RATIO, "1 − (1 − logo churn)^12", BOARD, OF_ACCOUNTS, NO_MRR
    ),
    "customers_churned_involuntary": Metric(
        figure("customers_churned_involuntary"),
        COUNT, "who stopped paying because a payment failed", RECURLY, OF_ACCOUNTS,
    ),
    "logo_churn_voluntary": quotient(
        Quotient(
            (Term("customers_churned"), Term("customers_churned_involuntary", times=(-1,))),
            (Term("customers_1m_ago"),), nothing=NO_MRR,
        ),
        RATIO, "share of the opening customers who left of their own will", RECURLY,
    ),
    "logo_churn_involuntary": quotient(
        over("customers_churned_involuntary", "customers_1m_ago", NO_MRR),
        RATIO, "share of the opening customers who were lost to failed payments", RECURLY,
    ),
    "revenue_churn": Metric(
        share_lost("mrr_1m_ago", "mrr_1m_kept"),
        RATIO, "share of the opening MRR lost to churn and contraction", BOARD, OF_ACCOUNTS, NO_MRR,
    ),
    "revenue_churn_annualised": Metric(
        a_year_of("revenue_churn"), RATIO, "1 − (1 − revenue churn)^12", BOARD, OF_ACCOUNTS, NO_MRR
    ),
    "mrr_churn_involuntary": Metric(
        figure("mrr_churn_involuntary"), MONEY, "MRR lost to failed payments; ≤ 0", RECURLY, OF_ACCOUNTS
    ),
    "revenue_churn_involuntary": quotient(
        Quotient((Term("mrr_churn_involuntary", times=(-1,)),), (Term("mrr_1m_ago"),), nothing=NO_MRR),
        RATIO, "share of the opening MRR lost to failed payments", RECURLY,
    ),
    "net_revenue_churn": Metric(
        recurring.net_revenue_churn,
        RATIO, "the same less expansion and reactivation; below 0 in growth", CHARTMOGUL, OF_ACCOUNTS, NO_MRR,
    ),
    "logo_churn_12m": Metric(
        share_lost("customers_12m_ago", "customers_12m_kept"),
        RATIO, "share of the customers of 12 months ago who do not pay now", BOARD, OF_ACCOUNTS, NO_YEAR,
    ),
    "nrr": Metric(
        divided("mrr_12m_now", "mrr_12m_ago"),
        RATIO, "what customers of 12 months ago pay now, of what they paid then", BOARD, OF_ACCOUNTS, NO_YEAR,
    ),
    "grr": Metric(
        divided("mrr_12m_kept", "mrr_12m_ago"),
        RATIO, "the same, each customer at most what it paid then", BOARD, OF_ACCOUNTS, NO_YEAR,
    ),
    "nrr_total": quotient(
        Quotient(
            (Term("recurring_12m_now"),), (Term("recurring_12m_ago"),),
            needs=(MONTHS_OF_YEAR, 2), positive=True, nothing=NO_REVENUE,
        ),
        RATIO, "NRR on recurring revenue of 3 months, usage included", TWILIO,
    ),
    "grr_total": quotient(
        Quotient(
            (Term("recurring_12m_kept"),), (Term("recurring_12m_ago"),),
            needs=(MONTHS_OF_YEAR, 2), positive=True, nothing=NO_REVENUE,
        ),
        RATIO, "the same, each customer at most what it brought then", TWILIO,
    ),
    "renewals_due": Metric(
        figure("renewals_due"), COUNT, "yearly contracts that had to be renewed", DISPLAYR, OF_ACCOUNTS
    ),
    "renewals_won": Metric(figure("renewals_won"), COUNT, "of these, who stayed", DISPLAYR, OF_ACCOUNTS),
    "renewal_rate": quotient(
        over(
            "renewals_won", "renewals_due", "no yearly contract was due in 12 months", months=MONTHS_OF_YEAR
        ),
        RATIO, "renewals won / renewals due, of 12 months", DISPLAYR,
    ),
    "trials": Metric(
        figure("trials"), COUNT, "subscriptions in a trial at the month's end", STRIPE, OF_ACCOUNTS
    ),
    "trials_ended": Metric(figure("trials_ended"), COUNT, "trials that ended", STRIPE, OF_ACCOUNTS),
    "trials_converted": Metric(
        figure("trials_converted"), COUNT, "of these, who went on and paid", STRIPE, OF_ACCOUNTS
    ),
    "trial_conversion": quotient(
        over("trials_converted", "trials_ended", "no trial ended", months="sales_window"),
        RATIO, "trials converted / trials ended, over the sales window", STRIPE,
    ),
    "quick_ratio": Metric(
        recurring.quick_ratio,
        RATIO, "(new + expansion + reactivation) / (churn + contraction)", "Mamoon Hamid, with reactivation",
        OF_ACCOUNTS, "nothing was lost",
    ),
    "activation_rate": quotient(
        over("signups_active", "signups_before", "nobody signed up a month before"),
        RATIO, "share of the sign-ups of a month before with metered use since", LEDGER,
    ),
}  # fmt: skip
"""Metrics of who stays, by name."""
