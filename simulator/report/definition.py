"""Definitions: the last month as others take it: what each preset of the metrics says, and why it differs."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import duckdb

from analytics.metrics import METRICS, monthly
from analytics.policy import DEFAULT, PRESETS, MetricPolicy
from simulator import summary
from simulator.page.markup import Html, element, join, text
from simulator.page.table import table
from simulator.report import amount, tile
from simulator.report.explained import Explained
from simulator.report.subject import Subject

MOVED = ("arr", "customers", "nrr", "grr", "quick_ratio", "gross_margin", "ltv", "ltv_capped")
"""The metrics of which a page says how much each single choice moves them."""

WITH = {"usage_window": "usage"}
"""Choices that mean nothing without another: they are shown together."""

SAID: dict[str, str] = {
    "usage=included": "Metered revenue is part of each customer's MRR",
    "usage_window": "taken over {value} months",
    "usage_window=1": "taken of the month alone",
    "discounts=lasting": "Only discounts without an end are taken off MRR",
    "discounts=none": "No discount is taken off MRR",
    "churn_recognition=term": "Who cancels counts until the paid term is over",
    "churn_recognition=scheduled": "Who cancels stops counting as soon as it is known",
    "past_due_grace": "Who owes an invoice for {value} days beyond its due date has churned until it is paid",
    "paused=counts": "Who pauses counts as before",
    "paused=dormant": "Who pauses stays a customer without MRR",
    "free_downgrade=dormant": "Who goes on without paying stays a customer without MRR",
    "refunds=reduce": "What a guarantee gives back is taken off MRR",
    "same_month=shown": "Who comes and leaves within a month moves MRR up and down",
    "same_month=counted": "Who comes and leaves within a month counts as won and as churned",
    "fx=movements": "What rates of currencies change is a customer's expansion or contraction",
    "fx=excluded": "What rates of currencies change is left out",
    "logo_churn_denominator=opening_and_new": "Churned customers are a share of those won in the month, too",
    "month_length": "A month has {value} days, where a price is by the day or the week",
    "horizon": "The capped LTV counts {value} months of a customer",
    "cogs_scope": "Cost of revenue is the cost centres of {value}",
}
"""What a choice says, by its name alone or with its value; a page shows others as they are typed."""

_HEADING = "The last month under other definitions"
_MEANING = (
    "Makers of metrics disagree on what counts as recurring revenue and who is a customer. Each column takes "
    "the same ledger by the choices of one of them; what differs from this report stands out."
)


class Choice(NamedTuple):
    """A choice in which presets differ from the default: its fields, its words, and who takes it."""

    fields: tuple[tuple[str, Any], ...]
    words: str
    takers: tuple[str, ...]

    @property
    def policy(self) -> MetricPolicy:
        """The default, but for this choice."""
        return DEFAULT._replace(**dict(self.fields))


def definitions(subjects: Sequence[Subject]) -> Html:
    """Return the headline metrics of each run under each preset, and what each choice moves in a single run.

    Nothing where a ledger was made before it kept the changes of MRR.
    """
    parts = [element("p", _MEANING, kind="said")]
    for subject in subjects:
        try:
            taken = {name: last(subject, policy, summary.COMPARED) for name, policy in PRESETS.items()}
            moved = (
                [(one, last(subject, one.policy, MOVED)) for one in choices()] if len(subjects) == 1 else []
            )
        except (duckdb.CatalogException, duckdb.BinderException):
            return Html("")
        if len(subjects) > 1:
            parts.append(element("h4", element("bdi", subject.label, kind="run")))
        asked = subject is subjects[0]  # a figure is explained once
        parts += [_spread(subject, taken), _side_by_side(subject, taken, asked=asked)]
        parts.append(_effects(subject, moved))
    head = element("h3", join([text(_HEADING), text(" "), explained(subjects[0]).button()]))
    return element("section", join([head, *parts]), kind="listing definitions", id="table-policies")


def explained(subject: Subject) -> Explained:
    """Return what the table of definitions is, the choices of each preset, and the command that gives it."""
    facts = tuple((name, policy.hash) for name, policy in PRESETS.items())
    command = f"saasim metrics {subject.said} --policies"
    return Explained("policies", _HEADING, _MEANING, command=command, facts=facts)


def last(subject: Subject, policy: MetricPolicy, names: Sequence[str]) -> dict[str, Any]:
    """Return metrics of the last closed month of a run under a policy."""
    return monthly(subject.ledger, policy, names).row(-1, named=True)


def choices() -> list[Choice]:
    """Return every choice that any preset takes, in the order of the presets, each once."""
    takers: dict[tuple[tuple[str, Any], ...], list[str]] = {}
    for name, policy in PRESETS.items():
        groups: dict[str, list[tuple[str, Any]]] = {}
        for field, value in _apart(policy):
            groups.setdefault(WITH.get(field, field), []).append((field, value))
        for group in groups.values():
            takers.setdefault(tuple(group), []).append(name)
    return [
        Choice(fields, ", ".join(words(*one) for one in _leading_first(fields)), tuple(names))
        for fields, names in takers.items()
    ]


def words(field: str, value: Any) -> str:
    """Say what a choice means."""
    told = " and ".join(value) if isinstance(value, tuple) else str(value)
    said = SAID.get(f"{field}={told}") or SAID.get(field) or f"{field} = {{value}}"
    return said.format(value=told)


def _apart(policy: MetricPolicy) -> list[tuple[str, Any]]:
    return [(field, value) for field, value in policy._asdict().items() if value != getattr(DEFAULT, field)]


def _leading_first(fields: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return sorted(fields, key=lambda one: one[0] in WITH)


def _spread(subject: Subject, taken: Mapping[str, Mapping[str, Any]]) -> Html:
    """Say between which amounts ARR lies, and who says so."""
    known = {name: row["arr"] for name, row in taken.items() if row["arr"] is not None}
    low, high = min(known, key=known.__getitem__), max(known, key=known.__getitem__)

    def told(name: str) -> str:
        return amount.short("arr", known[name], subject.currency)

    own, month = known["saasim"], f"{subject.months[-1]:%B %Y}"
    if known[low] == known[high]:
        return element("p", f"ARR of {month} is {told(low)} by all of them.")
    others = [f"{told(name)} by {name}" for name in (low, high) if known[name] != own]
    said = " and ".join(others)
    return element("p", f"ARR of {month} is {told('saasim')} as this report takes it, and {said}.")


def _side_by_side(subject: Subject, taken: Mapping[str, Mapping[str, Any]], *, asked: bool) -> Html:
    """Set the presets beside each other; what is as in the report recedes."""
    rows = []
    for metric in summary.COMPARED:
        if not any(row[metric] for row in taken.values()):
            continue
        own, head = taken["saasim"][metric], [text(amount.title(metric))]
        if asked:
            head += [text(" "), tile.explained(metric, subject).button("-policy")]
        rows.append([join(head), *(_taken(metric, row[metric], own, subject) for row in taken.values())])
    heads = ["metric", *(_preset(name) for name in taken)]
    return table(heads, rows, caption=f"{_HEADING}, {subject.label}")


def _preset(name: str) -> Html:
    told = "; ".join(words(*one) for one in _apart(PRESETS[name]))
    return element("span", name, title=told or "the choices of this report")


def _taken(metric: str, value: Any, own: Any, subject: Subject) -> Html:
    shown = amount.short(metric, value, subject.currency)
    kind = "dim" if value == own else "differs"
    exact = amount.exact(metric, value, subject.currency)
    return element("data", shown, kind=kind, value=str("" if value is None else value), title=exact)


def _effects(subject: Subject, moved: Sequence[tuple[Choice, Mapping[str, Any]]]) -> Html:
    """Show what each choice by itself does to this company, and name those that do nothing."""
    if not moved:
        return Html("")
    own = last(subject, DEFAULT, MOVED)
    shown = [name for name in MOVED if any(row[name] != own[name] for _, row in moved)]
    rows = [
        [
            text(one.words),
            text(", ".join(one.takers)),
            *(_effect(name, own[name], row[name], subject.currency) for name in shown),
        ]
        for one, row in moved
        if any(row[name] != own[name] for name in shown)
    ]
    idle = [one.words for one, row in moved if all(row[name] == own[name] for name in MOVED)]
    parts = [element("h4", "What each choice moves by itself")]
    if rows:
        heads = ["choice", "taken by", *(amount.title(name) for name in shown)]
        told = table(heads, rows, 2, caption="What each choice moves by itself")
        parts.append(element("div", told, kind="effects"))
    if idle:
        said = "; ".join(one[0].lower() + one[1:] for one in idle)
        parts.append(
            element("p", f"Without effect on these figures of this company: {said}.", kind="small dim")
        )
    return join(parts)


def _effect(metric: str, own: Any, value: Any, currency: str) -> Html:
    """Write how far a choice moves a metric; it is neither good nor bad."""
    if own is None or value is None or own == value:
        return element("span", "same" if own == value else "no value", kind="dim")
    difference = Decimal(str(value)) - Decimal(str(own))
    if METRICS[metric].unit == "ratio" and metric not in amount.MULTIPLES:
        shown = f"{difference * 100:+z,.1f}\u202fpp"
    else:
        shown = ("+" if difference > 0 else "") + amount.short(metric, difference, currency)
    return element("data", shown.replace("-", "−"), value=f"{difference:f}")
