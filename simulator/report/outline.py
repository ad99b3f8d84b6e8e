"""Outline: what a report says in which order; a section is left out where a company has nothing for it."""

from typing import NamedTuple

from simulator import chart

HEADLINES = (
    "arr", "nrr", "grr", "customers", "annualised_revenue", "gross_margin", "payback_months", "ltv_to_cac",
    "committed_mrr", "total_run_rate", "arpa", "logo_churn", "quick_ratio",
)  # fmt: skip
"""The metrics at the top: the first of these that a company has."""

HEADS = 8
"""How many they are at most."""

ALWAYS = ("quick_ratio", "magic_number", "burn_multiple", "rule_of_40")
"""Metrics that have a tile even where they have no value: that there is none, and why, is what is asked."""


class Section(NamedTuple):
    """A section: its title (a group of charts), the metrics of its tiles, and its tables."""

    title: str
    metrics: tuple[str, ...] = ()
    listings: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name in an address within the page."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.title.lower())


METRICS: dict[str, tuple[str, ...]] = {
    "Recurring revenue": (
        "total_run_rate", "usage_mrr", "cmrr", "carr", "mrr_growth_12m", "expansion_share", "mrr_discounts",
        "termed_mrr_share",
    ),
    "Customers": (
        "customers_new", "customers_churned", "arpa", "asp", "leads", "lead_conversion", "sales_cycle_days",
        "trial_conversion", "cross_sell_rate", "revenue_top_10_share",
    ),
    "Retention": (
        "logo_churn_12m", "revenue_churn_annualised", "net_revenue_churn", "renewal_rate", "nrr_total",
        "grr_total", "logo_churn_involuntary", "expanded_share",
    ),
    "Unit economics": ("cac", "ltv", "ltv_capped", "ltv_capped_to_cac", "recurring_margin", "trailing_churn"),
    "Efficiency": (
        "quick_ratio", "magic_number", "burn_multiple", "rule_of_40", "cac_ratio", "operating_margin",
        "net_burn", "runway_months",
    ),
    "Revenue and margin": (
        "net_revenue", "annualised_revenue", "revenue_growth_12m", "gross_profit", "usage_share",
        "partner_sourced_share",
    ),
    "Services and training": (
        "utilisation", "revenue_per_consultant", "effective_rate", "realisation", "services_conversion",
        "pass_rate", "completion_rate", "recertification_rate", "sla_compliance", "sla_credit_rate",
    ),
    "Partners, devices and marketplace": (
        "partners", "gmv", "take", "take_rate", "devices", "royalty", "royalty_per_device", "payouts",
    ),
    "Billing and cash": (
        "cash", "deferred_revenue", "rpo", "crpo", "receivable", "overdue", "dso", "days_to_pay",
        "payment_failure_rate", "dunning_recovery_rate", "bad_debt_rate",
    ),
}  # fmt: skip
"""The metrics of each group of charts; those that are not in the registry, or have no value, are left out."""

LISTINGS: dict[str, tuple[str, ...]] = {
    "Recurring revenue": ("snowball",),
    "Customers": ("movers",),
    "Partners, devices and marketplace": ("payouts",),
    "Billing and cash": ("ageing",),
}
"""The tables of each group of charts."""


def sections() -> list[Section]:
    """Return every section, in the order of the groups of charts."""
    return [Section(group, METRICS.get(group, ()), LISTINGS.get(group, ())) for group in chart.GROUPS]
