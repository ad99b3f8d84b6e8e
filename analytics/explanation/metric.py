"""Metrics: each by its formula with its numbers, down to the movements, entries and lines of the ledger.

The numbers of a formula are those that `analytics.metrics` derives it from, at full precision; where a
formula here does not come to the metric, that is an AssertionError.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

from analytics.explanation.figure import FIGURES, Explained, by_month, held
from analytics.explanation.node import Node, fact, total
from analytics.explanation.question import Question
from analytics.explanation.quotient import of_quotient, operands
from analytics.explanation.tallied import tallied
from analytics.explanation.words import RATIO, number
from analytics.metrics import COUNT, DAYS, HOURS, METRICS, MONEY, MONTHS, PLACES, ROUNDED
from analytics.quotient import Quotient
from billing.money import EXACTLY, ZERO, over, times

ONE = Decimal(1)
YEAR = 12


def metric(question: Question, name: str, *, is_rounded: bool = True) -> Node:
    """Explain a metric of a month: its formula with its numbers, and these in turn."""
    rule = METRICS[name]
    value = question.value(name)
    text = f"{name} of {question.said()}: {rule.description}"
    if value is None:
        operands = [] if question.evidence.levels <= 0 else _operands(question, name)
        said = fact(f"no value: {rule.null_when}")
        return Node(text, reasons=(said, *operands), unit=_unit(question, name))
    amount = _rounded(value) if is_rounded and rule.unit in ROUNDED else value
    if question.evidence.levels <= 0:
        return Node(text, amount, _unit(question, name))
    node = _worked_out(question.below(), name)
    assert node.amount == value, f"{text}: its formula comes to {node.amount}, and it is {value}"
    has_formula = name in _FORMULAS or isinstance(rule.function, Quotient)
    words = f"{text} = {node.text}" if has_formula and node.text else text
    parts = node.parts if node.amount == amount else ()
    reasons = node.reasons if parts or not node.parts else (node,)
    return Node(words, amount, _unit(question, name), parts, reasons)


def _worked_out(question: Question, name: str) -> Node:
    """Explain the value of a metric by its formula, or by its rows where it is a figure as it stands."""
    formula = METRICS[name].function
    if name in _FORMULAS:
        return _FORMULAS[name](question)
    if isinstance(formula, Quotient):
        return of_quotient(question, formula, _number, _unit(question, name))
    return FIGURES[name](question) if name in FIGURES else tallied(question, name, _unit(question, name))


def _rounded(value: Decimal) -> Decimal:
    return EXACTLY.quantize(value, Decimal(1).scaleb(-PLACES))


def _unit(question: Question, name: str) -> str:
    unit = METRICS[name].unit
    if unit == COUNT:
        return _COUNTED.get(name, "customer" if name.startswith(_OF_CUSTOMERS) else "")
    return {MONEY: question.currency, MONTHS: "month", DAYS: "day", HOURS: "hour"}.get(unit, RATIO)


_OF_CUSTOMERS = ("customers", "billed_customers", "signups")
_COUNTED = {"subscriptions": "subscription", "devices": "device", "tickets": "ticket", "leads": "lead"}
"""What some metrics count."""


def _operands(question: Question, name: str) -> Sequence[Node]:
    """Return the numbers of a formula that has no value."""
    formula = METRICS[name].function
    if isinstance(formula, Quotient):
        return operands(question.below(), formula, _number)
    return [_number(question.below(), one) for one in _USES.get(name, ())]


def _number(question: Question, name: str) -> Node:
    """Return a number that a formula uses: a metric, or a figure of the ledger."""
    if name in METRICS:
        return metric(question, name, is_rounded=False)
    if name in FIGURES:
        if question.evidence.levels > 0:
            return FIGURES[name](question)
        return Node(name.replace("_", " "), question.value(name), _figure_unit(question, name))
    if name in _WORDS:
        return Node(_WORDS[name], question.value(name), _figure_unit(question, name))
    return tallied(question, name, "") if question.evidence.levels > 0 else _told(question, name)


def _told(question: Question, name: str) -> Node:
    return Node(name.replace("_", " "), question.value(name))


def _figure_unit(question: Question, name: str) -> str:
    return (
        "customer"
        if name.startswith(("customers", "won_customers", "exposed", "lost"))
        else question.currency
    )


_WORDS = {
    "won_customers": "customers won in the sales window",
    "won_mrr": "new MRR of the sales window",
    "exposed": "customers at the opening of each month of the churn window, together",
    "lost": "of these, who left in that month",
    "spent": "spent for the sales window, names no other part",
}


def added(names: str) -> Explained:
    """Return a formula that adds and takes away: `net = revenue - partner_share`."""

    def explained(question: Question) -> Node:
        parts = []
        for word in names.split():
            node = _number(question, word.lstrip("+-"))
            if word.startswith("-"):
                node = Node(f"less {node.text}", -(node.amount or ZERO), node.unit, reasons=node.children)
            parts.append(node)
        text = names.replace("_", " ").replace(" +", " + ").replace(" -", " − ").lstrip("+")
        return Node(
            text, total(parts), parts[0].unit, tuple(part for part in parts if part.amount or len(parts) == 1)
        )

    return explained


def quotient(above: str, below: str) -> Explained:
    """Return the formula of one number over another."""

    def explained(question: Question) -> Node:
        first, second = _number(question, above), _number(question, below)
        return _divided(question, first, second)

    return explained


def _divided(question: Question, first: Node, second: Node, *more: Node) -> Node:
    assert first.amount is not None, f"{first.text} has no value"
    assert second.amount, f"{second.text} is nothing to divide by"
    value = over(first.amount, second.amount)
    return Node(
        f"{number(first.amount)} / {number(second.amount)}", value, RATIO, reasons=(first, second, *more)
    )


def share_lost(before: str, kept: str, *also: str) -> Explained:
    """Return the formula of what was there before and is not kept, over what was there."""

    def explained(question: Question) -> Node:
        first = _number(question, before)
        kept_nodes = [_number(question, name) for name in (kept, *also)]
        assert first.amount, f"{first.text} is nothing to divide by"
        less = total(kept_nodes)
        value = over(EXACTLY.subtract(first.amount, less), first.amount)
        taken = " − ".join(number(node.amount or ZERO) for node in kept_nodes)
        text = f"({number(first.amount)} − {taken}) / {number(first.amount)}"
        return Node(text, value, RATIO, reasons=(first, *kept_nodes))

    return explained


def a_year_of(name: str) -> Explained:
    """Return the formula of what twelve months of such a loss add up to."""

    def explained(question: Question) -> Node:
        rate = _number(question, name)
        assert rate.amount is not None, f"{name} has no value"
        value = ONE - power(ONE - rate.amount, YEAR)
        return Node(f"1 − (1 − {number(rate.amount)})^12", value, RATIO, reasons=(rate,))

    return explained


def power(value: Decimal, exponent: int) -> Decimal:
    """Multiply a number by itself as `analytics.formula.power` does: 12 places after each product."""
    if exponent == 1:
        return value
    half = power(value, exponent // 2)
    square = times(half, half)
    return times(square, value) if exponent % 2 else square


def _committed_mrr(question: Question) -> Node:
    """The bridge from the month before, and who pays at the end."""
    kinds = ["mrr_new", "mrr_reactivation", "mrr_expansion", "mrr_contraction", "mrr_churn"]
    if "mrr_entering" in question.months[-1]:
        kinds += ["mrr_entering", "mrr_leaving"]
    names = ["mrr_opening", *(kind for kind in kinds if question.known(kind))]
    parts = [_number(question, name) for name in names]
    text = " + ".join(name.removeprefix("mrr_") for name in names) if len(names) > 1 else ""
    paid = held(question.below()) if question.known("committed_mrr") else ()
    payers = Node("who pays it", question.known("committed_mrr"), question.currency, paid)
    return Node(text, total(parts), question.currency, tuple(parts), (payers,))


def _customers(question: Question) -> Node:
    """The bridge from the month before, where each customer lies in one part."""
    who = FIGURES["customers"](question)
    if "customers_opening" not in METRICS or question.months[-1].get("customers_opening") is None:
        return who
    if "customers_churned" not in question.months[-1]:
        return who
    text = "opening + new + reactivated − churned"
    node = added("customers_opening +customers_new +customers_reactivated -customers_churned")(question)
    return Node(text, node.amount, "customer", node.parts, (who,))


def _usage_mrr(question: Question) -> Node:
    months = min(len(question.months), question.policy.usage_window)
    spent = by_month("usage_revenue", "metered revenue", months)(question)
    newest = [] if question.evidence.levels <= 0 else [FIGURES["usage_revenue"](question)]
    count = Node(f"{number(months)} closed months", Decimal(months))
    return _divided(question, spent, count, *newest)


def _total_run_rate(question: Question) -> Node:
    """Add what is metered, unless the policy counts it among MRR already."""
    is_in_it = question.policy.usage == "included"
    return added("committed_mrr" if is_in_it else "committed_mrr +usage_mrr")(question)


def _arr(question: Question) -> Node:
    month = _number(question, "committed_mrr")
    value = times(month.amount or ZERO, Decimal(YEAR))
    return Node(f"12 × {number(month.amount or ZERO)}", value, question.currency, reasons=(month,))


def _quick_ratio(question: Question) -> Node:
    gained = added("mrr_new +mrr_expansion +mrr_reactivation")(question)
    lost = added("-mrr_contraction -mrr_churn")(question)
    return _divided(question, gained, lost)


def _acquisition_cost(question: Question) -> Node:
    return added("selling_cost +referral_payouts")(question)


def _matched_cost(question: Question) -> Node:
    policy = question.policy
    text = "acquisition cost of the sales window"
    own = by_month("acquisition_cost", text, policy.sales_window, policy.sales_lag)(question)
    value = question.known("matched_cost")
    rest = EXACTLY.subtract(value, own.amount or ZERO)
    if not rest:
        return own
    shared = Node(f"what names no {question.by}, shared out by the new MRR it won", rest, question.currency)
    return Node(own.text, value, question.currency, (own, shared))


def _recurring_margin(question: Question) -> Node:
    window = question.policy.churn_window
    names = ("recurring_gross_profit", "recurring_net_revenue")
    profit, income = (by_month(name, name.replace("_", " "), window)(question) for name in names)
    return _divided(question, profit, income)


def _payback(question: Question) -> Node:
    mrr, margin = _number(question, "won_mrr"), _number(question, "recurring_margin")
    earned = times(mrr.amount or ZERO, margin.amount or ZERO)
    text = f"{number(mrr.amount or ZERO)} × {number(margin.amount or ZERO)} a month"
    return _divided(
        question,
        _number(question, "matched_cost"),
        Node(text, earned, question.currency, reasons=(mrr, margin)),
    )


def _monthly_profit(question: Question) -> Node:
    arpa, margin = _number(question, "arpa"), _number(question, "recurring_margin")
    value = times(arpa.amount or ZERO, margin.amount or ZERO)
    text = f"{number(arpa.amount or ZERO)} × {number(margin.amount or ZERO)} a month"
    return Node(text, value, question.currency, reasons=(arpa, margin))


def _ltv(question: Question) -> Node:
    profit, exposed, lost = _monthly_profit(question), _number(question, "exposed"), _number(question, "lost")
    assert lost.amount, "nobody left in the churn window"
    value = over(times(profit.amount or ZERO, exposed.amount or ZERO), lost.amount)
    text = f"{number(profit.amount or ZERO)} × {number(exposed.amount or ZERO)} / {number(lost.amount)}"
    return Node(text, value, question.currency, reasons=(profit, exposed, lost))


def _ltv_capped(question: Question) -> Node:
    horizon, profit, churn = (
        question.policy.horizon,
        _monthly_profit(question),
        _number(question, "trailing_churn"),
    )
    rate = churn.amount or ZERO
    months = over(ONE - power(ONE - rate, horizon), rate) if rate else Decimal(horizon)
    said = f"(1 − (1 − {number(rate)})^{horizon}) / {number(rate)} months" if rate else f"{horizon} months"
    value = times(profit.amount or ZERO, months)
    stays = Node(said, months, "month", reasons=(churn,))
    text = f"{number(profit.amount or ZERO)} × {number(months)}"
    return Node(text, value, question.currency, reasons=(profit, stays))


_FORMULAS: dict[str, Callable[[Question], Node]] = {
    "committed_mrr": _committed_mrr,
    "customers": _customers,
    "usage_mrr": _usage_mrr,
    "total_run_rate": _total_run_rate,
    "arr": _arr,
    "arpa": quotient("committed_mrr", "customers"),
    "logo_churn": share_lost("customers_1m_ago", "customers_1m_kept"),
    "logo_churn_annualised": a_year_of("logo_churn"),
    "revenue_churn": share_lost("mrr_1m_ago", "mrr_1m_kept"),
    "revenue_churn_annualised": a_year_of("revenue_churn"),
    "net_revenue_churn": share_lost("mrr_1m_ago", "mrr_1m_now", "mrr_reactivation"),
    "logo_churn_12m": share_lost("customers_12m_ago", "customers_12m_kept"),
    "nrr": quotient("mrr_12m_now", "mrr_12m_ago"),
    "grr": quotient("mrr_12m_kept", "mrr_12m_ago"),
    "quick_ratio": _quick_ratio,
    "net_revenue": added("revenue -partner_share +referral_payouts"),
    "gross_profit": added("net_revenue -cost_of_revenue"),
    "gross_margin": quotient("gross_profit", "net_revenue"),
    "acquisition_cost": _acquisition_cost,
    "matched_cost": _matched_cost,
    "cac": quotient("matched_cost", "won_customers"),
    "recurring_margin": _recurring_margin,
    "payback_months": _payback,
    "trailing_churn": quotient("lost", "exposed"),
    "ltv": _ltv,
    "ltv_capped": _ltv_capped,
    "ltv_to_cac": quotient("ltv", "cac"),
    "ltv_capped_to_cac": quotient("ltv_capped", "cac"),
}
"""The formulas of the metrics that are not figures of the ledger as they stand."""

_USES: dict[str, tuple[str, ...]] = {
    "arpa": ("committed_mrr", "customers"),
    "logo_churn": ("customers_1m_ago",),
    "logo_churn_annualised": ("customers_1m_ago",),
    "revenue_churn": ("mrr_1m_ago",),
    "revenue_churn_annualised": ("mrr_1m_ago",),
    "net_revenue_churn": ("mrr_1m_ago",),
    "logo_churn_12m": ("customers_12m_ago",),
    "nrr": ("mrr_12m_ago",),
    "grr": ("mrr_12m_ago",),
    "quick_ratio": ("mrr_contraction", "mrr_churn"),
    "gross_margin": ("net_revenue",),
    "cac": ("matched_cost", "won_customers"),
    "payback_months": ("matched_cost", "won_mrr"),
    "trailing_churn": ("exposed",),
    "ltv": ("exposed", "lost"),
    "ltv_capped": ("exposed",),
    "ltv_to_cac": ("ltv", "cac"),
    "ltv_capped_to_cac": ("ltv_capped", "cac"),
}
"""What is shown of a formula that has no value: the numbers that leave it without."""
