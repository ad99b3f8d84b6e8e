"""Listings: tables of a ledger that a board reads as tables, each with the query that gives it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from analytics.selection import select
from simulator.chart.column import Columns, cell, title
from simulator.page.markup import Html, element, join, text
from simulator.page.table import table
from simulator.report import question
from simulator.report.explained import Explained, asking
from simulator.report.subject import Subject
from simulator.values import short_money_text

Told = Callable[["Listing", pl.DataFrame, Subject], Html]


class Listing(NamedTuple):
    """A table: its name and title, what it says, its query, the units of its columns, and how it is set."""

    name: str
    title: str
    meaning: str
    sql: str
    columns: Columns
    told: Told


class Movement(NamedTuple):
    """A movement of a customer's committed MRR."""

    month: date
    kind: str
    cause: str
    amount: Decimal


def listing(one: Listing, subjects: Sequence[Subject]) -> Html:
    """Return a table of each run that has rows for it; nothing where none has."""
    parts = []
    for subject in subjects:
        frame = select(subject.ledger, one.sql)
        if len(frame):
            if len(subjects) > 1:
                parts.append(element("h4", element("bdi", subject.label, kind="run")))
            parts.append(one.told(one, frame, subject))
    if not parts:
        return Html("")
    asked = explained(one, subjects[0])
    head = element("h3", join([text(one.title), text(" "), asked.button()]))
    return element("section", join([head, *parts]), kind=f"listing {one.name}", id=f"table-{one.name}")


def explained(one: Listing, subject: Subject) -> Explained:
    """Return what a table says and the query that gives it."""
    asked = asking(subject.said, one.sql)
    return Explained(f"table-{one.name}", one.title, one.meaning, one.sql, asked)


def _with_total(one: Listing, frame: pl.DataFrame, subject: Subject) -> Html:
    """Set a table with a last row that adds up its money and its counts."""
    names = list(one.columns)
    texts = sum(unit in ("text", "month") for unit in one.columns.values())
    rows = [[_cell(row[name], one.columns[name], subject) for name in names] for row in _rows(frame)]
    sums = [
        _cell(frame[name].sum(), one.columns[name], subject)
        if one.columns[name] in ("money", "count")
        else Html("")
        for name in names
    ]
    sums[0] = text("together")
    return table([_head(name) for name in names], [*rows, sums], texts, caption=one.title, totals=1)


def _turned(one: Listing, frame: pl.DataFrame, subject: Subject) -> Html:
    """Set a table with a column for each of its rows, as a roll-forward is read."""
    key, *names = list(one.columns)
    heads = ["", *(_period(value) for value in frame[key])]
    rows = [
        [text(_head(name)), *(_short(value, one.columns[name], subject) for value in frame[name])]
        for name in names
    ]
    return table(["movement", *heads[1:]], rows, caption=one.title)


def _movers(one: Listing, frame: pl.DataFrame, subject: Subject) -> Html:
    """Set the customers whose MRR changed the most, each with its movements and how to go on."""
    moved = _movements(subject, frame["account"].to_list())
    rows = [
        [
            _mover(row, moved.get(row["account"], []), subject),
            element("bdi", row["segment"]),
            *(_cell(row[name], "money", subject) for name in ("before", "after")),
            _change(row["change"], subject),
        ]
        for row in _rows(frame)
    ]
    return table(["customer", "segment", "before", "after", "change"], rows, 2, caption=one.title)


def _movements(subject: Subject, accounts: Sequence[str]) -> Mapping[str, list["Movement"]]:
    query = """select account, month, kind, cause, amount from mrr_movements
        where list_contains($accounts, account) order by account, month, kind"""
    found: dict[str, list[Movement]] = {}
    for account, *row in subject.ledger.execute(query, {"accounts": list(accounts)}).fetchall():
        found.setdefault(account, []).append(Movement(*row))
    return found


def _mover(row: Mapping[str, Any], moved: Sequence["Movement"], subject: Subject) -> Html:
    who = join([element("bdi", row["name"] or row["account"]), text(" "),
                element("bdi", row["account"], kind="dim small")])  # fmt: skip
    steps = [
        element(
            "li",
            join(
                [
                    text(f"{one.month:%Y-%m} {one.kind}, {one.cause.replace('_', ' ')} "),
                    _change(one.amount, subject),
                ]
            ),
        )
        for one in moved
    ]
    traced = ""
    if moved:
        traced = f"saasim explain {subject.said} {row['account']} {moved[-1].month:%Y-%m}"
    more = [element("ul", join(steps), kind="lines small")]
    more += [element("code", traced)] if traced else []
    return element("details", join([element("summary", who), *more]))


def _change(value: Any, subject: Subject) -> Html:
    words = cell(value, "money", subject.currency)
    whole = cell(Decimal(value).quantize(Decimal(1)), "money", subject.currency).removesuffix(".00")
    kind = "more" if value > 0 else "less" if value < 0 else "dim"
    sign = "+" if value > 0 else ""
    return element("data", f"{sign}{whole}".replace("-", "−"), kind=kind, value=f"{value:f}", title=words)


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dicts()


def _cell(value: Any, unit: str, subject: Subject) -> Html:
    if unit == "text":
        return element("bdi", value or "–")
    if unit == "money" and value is not None:
        # The columns of a table are read against each other: whole units, the exact amount when pointed at.
        whole = cell(Decimal(value).quantize(Decimal(1)), unit, subject.currency).removesuffix(".00")
        return element("data", whole.replace("-", "−"), value=f"{Decimal(value):f}",
                       title=cell(value, unit, subject.currency))  # fmt: skip
    return text(cell(value, unit, subject.currency))


def _short(value: Any, unit: str, subject: Subject) -> Html:
    """Write an amount in few letters, as many stand beside each other; exact when it is pointed at."""
    if unit != "money" or value is None:
        return _cell(value, unit, subject)
    shown = short_money_text(Decimal(value), subject.currency).replace("-", "−")
    return element("data", shown, value=f"{Decimal(value):f}", title=cell(value, unit, subject.currency))


def _head(name: str) -> str:
    return title(name)


def _period(value: Any) -> str:
    quarter = (value.month - 1) // 3 + 1
    return f"Q{quarter} {value.year}"


LISTINGS: dict[str, Listing] = {
    one.name: one
    for one in (
        Listing(
            "snowball", "ARR by quarter",
            "How annual recurring revenue rolled forward from quarter to quarter: what it opened with, what "
            "was won, added, reduced and lost, and what it closed with. Committed MRR times 12.",
            question.SNOWBALL,
            {"quarter": "month", "opening_arr": "money", "new": "money", "expansion": "money",
             "reactivation": "money", "contraction": "money", "churn": "money", "closing_arr": "money",
             "customers": "count"},
            _turned,
        ),
        Listing(
            "movers", "Customers whose MRR changed the most",
            "The customers whose committed MRR rose and fell the most within the last 12 months. Open "
            "one to see its movements, and the command that traces them to the events.",
            question.MOVERS,
            {"account": "text", "name": "text", "segment": "text", "before": "money", "after": "money",
             "change": "money"},
            _movers,
        ),
        Listing(
            "payouts", "Payouts by partner",
            "What partners and sellers earned over the whole time: of what was billed to how many customers. "
            "The 12 that earned the most, and all others together.",
            question.PAYOUTS,
            {"name": "text", "partner": "text", "kind": "text", "customers": "count", "billed": "money",
             "paid_out": "money"},
            _with_total,
        ),
        Listing(
            "ageing", "Open invoices by age",
            "Invoices that were neither paid nor written off when the last month was closed, by how long "
            "they were overdue then.",
            question.AGEING,
            {"age": "text", "invoices": "count", "amount": "money"},
            _with_total,
        ),
    )
}  # fmt: skip
"""Every table by its name."""
