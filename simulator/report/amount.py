"""Amounts: what a metric is called, and how its values and their changes are written."""

from decimal import Decimal
from typing import Any

from analytics.metrics import METRICS
from simulator import summary
from simulator.page.markup import Html, element, join, text
from simulator.values import decimal_text, money_text, short_money_text

LETTERS = {
    "mrr", "arr", "nrr", "grr", "cac", "ltv", "arpa", "asp", "rpo", "crpo", "dso", "gmv", "sla", "cmrr",
    "carr", "roi", "csat", "nps", "api", "oem", "ebitda", "fcf", "acv", "sql", "sdk",
}  # fmt: skip
"""Words of a metric's name that are said letter by letter, or are written so."""

UNITS = ("months", "days", "hours")
"""Units that are written behind a number."""

SPECIAL = {
    "total_run_rate": "MRR with usage",
    "ltv_to_cac": "LTV to CAC",
    "ltv_capped_to_cac": "Capped LTV to CAC",
    "crpo": "Current RPO",
    "payback_months": "CAC payback",
    "runway_months": "Runway",
    "customers_new": "New customers",
    "customers_churned": "Churned customers",
    "customers_reactivated": "Customers who came back",
    "customers_opening": "Customers at the opening",
    "cross_sell_rate": "Cross-sell rate",
    "sales_cycle_days": "Sales cycle",
    "revenue_top_1_share": "Largest customer's share",
    "revenue_top_10_share": "Top 10 customers' share",
    "certification_days": "Time to certification",
    "mrr_growth_12m": "MRR growth, 12 months",
    "revenue_growth_12m": "Revenue growth, 12 months",
    "logo_churn_12m": "Logo churn, 12 months",
    "ltv_capped": "Capped LTV",
}
"""What metrics are called whose name does not say it well."""

MULTIPLES = (*summary.MULTIPLES, "magic_number", "magic_number_arr", "burn_multiple", "cac_ratio")
"""Ratios that are spoken of as "three times"."""

WORSE = (
    "churn", "contraction", "payback", "burn", "dso", "overdue", "days_to_pay", "failure", "bad_debt",
    "sla_credit", "refunds", "cac_ratio", "per_lead", "top_1", "resolution", "tickets_per", "sales_cycle",
    "certification_days",
)  # fmt: skip
"""Parts of the names of metrics whose rise is bad news."""

BETTER = (
    "mrr", "arr", "nrr", "grr", "customers", "arpa", "margin", "profit", "revenue", "ltv", "quick_ratio",
    "magic", "rule_of", "growth", "conversion", "renewal_rate", "cash", "runway", "utilisation",
    "realisation", "effective_rate", "pass_rate", "completion_rate", "recertification", "recovery",
    "activation", "leads", "signups", "take", "gmv", "devices", "royalty", "compliance", "in_time", "repeat",
    "total_run_rate", "cross_sell", "expanded",
)  # fmt: skip
"""Parts of the names of metrics whose rise is good news."""


def title(metric: str) -> str:
    """Return what a metric is called at the head of a tile or a row."""
    if metric in SPECIAL:
        return SPECIAL[metric]
    words = [_word(word) for word in metric.split("_")]
    return " ".join([words[0][0].upper() + words[0][1:], *words[1:]])


def _word(word: str) -> str:
    if word in LETTERS:
        return word.upper()
    return f"{word[:-1]} months" if word[:-1].isdigit() and word.endswith("m") else word


def short(metric: str, value: Any, currency: str) -> str:
    """Write a value in the fewest letters: `$7.5M`, `112.8 %`, `15.4×`, `6.2 months`. It stays in a line."""
    if value is None:
        return "–"
    unit = METRICS[metric].unit
    if metric in MULTIPLES:
        words = f"{value:,.1f}×"
    elif unit in UNITS:
        words = f"{value:,.1f} {unit}"
    else:
        words = summary.figure(metric, value, currency, short_money_text)
    return words.replace("-", "−").replace(" ", "\u202f" if words.endswith("%") else "\u00a0")


def exact(metric: str, value: Any, currency: str) -> str:
    """Write a value with every digit that the ledger or the formula gives."""
    if value is None:
        return "–"
    if METRICS[metric].unit == "money":
        return money_text(Decimal(value), currency)
    return decimal_text(Decimal(str(value)))


def change(metric: str, before: Any, after: Any) -> Html:
    """Write how a value changed, with a sign, an arrow, and a colour that says whether that is good.

    A share changes by percentage points; everything else by per cent of what it was.
    """
    if before is None or after is None:
        return Html("")
    before, after = Decimal(str(before)), Decimal(str(after))
    if METRICS[metric].unit == "ratio" and metric not in MULTIPLES:
        moved = round((after - before) * 100, 1)
        words = f"{moved:+z,.1f}\u202fpp"
    elif before > 0:
        moved = round((after - before) / before * 100, 1)
        words = f"{moved:+z,.1f}\u202f%"
    else:
        return Html("")
    return verdict(words, moved, good(metric))


def good(metric: str) -> int:
    """Return 1 for a metric whose rise is good news, -1 where its fall is, 0 for neither."""
    if any(part in metric for part in WORSE) or metric == "cac":
        return -1
    plain = metric.startswith(("mrr_discounts", "deferred_revenue", "revenue_top")) or metric.endswith(
        "_share"
    )
    return 1 if not plain and any(part in metric for part in BETTER) else 0


def verdict(words: str, difference: Decimal, better: int) -> Html:
    """Write a change behind an arrow; its colour is for those who see it."""
    arrow = "▲" if difference > 0 else "▼" if difference < 0 else "■"
    kind = {1: "more", -1: "less"}.get((difference > 0) * better - (difference < 0) * better, "dim")
    mark = element("span", arrow, kind="arrow", aria_hidden="true")
    return element("span", join([mark, text(f" {words.replace('-', '−')}")]), kind=kind)
