"""Recipes: pages with a price book, a table of facts, and what follows from both, computed by the program.

The book of a page is its block of TOML, its facts are its first block of text. What follows is asked of their
ledger in SQL.
"""

import tempfile
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import duckdb

from metering.period import months_between
from tests.ledgers import closed, facts, posted, word
from tests.reference.page import DOCS, Region, blocks_of, table


class Part(NamedTuple):
    """A generated part: a question to the ledger, and what is other in the book (old text, new text)."""

    query: str
    edit: tuple[str, str] = ("", "")


_LINES = """
    select month, subscription, price, kind, dimensions, quantity, amount from invoice_lines
    order by month, invoice, line_no"""
_PAYOUTS = "select month, partner, agreement, account, basis, amount from payouts order by all"
_ENTRIES = """
    select entry, ledger_account, account, stream, amount from postings
    where {} order by entry, posting_no"""
_GRANTS = "select entitlement, account, granted_on, expires_on, quantity, drawn from grants order by all"
_PLAN_LINES = """
    select month, subscription, plan, price, kind, quantity, allowance, amount from invoice_lines
    order by month, invoice, line_no"""
_REFUSED = "select month, subject, meter, reason, quantity from unrated_usage order by all"
_OF_THE_PLUGIN = _ENTRIES.format("entry like 'PAY-2026-01-sue-plugins-%' or entry = 'INV-2026-01-acme'")

RECIPES: dict[str, dict[str, Part]] = {
    "marketplace": {
        "lines": Part(_LINES),
        "payouts": Part(_PAYOUTS),
        "net": Part(_OF_THE_PLUGIN),
        "gross": Part(_OF_THE_PLUGIN, ('revenue = "net"', 'revenue = "gross"')),
        "take": Part(
            "select month, gmv, payouts as paid_out, take, sellers, buyers from marketplace_by_month"
        ),
    },
    "sla-refund": {
        "lines": Part(_LINES),
        "entries": Part(_ENTRIES.format("month >= '2026-03-01'")),
    },
    "minimum-commitment": {
        "true_ups": Part("""
            select month, subscription, plan, price, quantity, amount, starts_on, ends_on from invoice_lines
            where kind = 'true_up' order by all"""),
        "years": Part("""
            select subscription, year(month) as year, price, sum(quantity) as quantity, sum(amount) as amount
            from invoice_lines where kind <> 'true_up' and price <> 'work' group by all order by all"""),
        "hours": Part("""
            select month, dimensions, quantity, amount from invoice_lines where price = 'work'
            order by all"""),
    },
    "revenue-share": {
        "lines": Part("""
            select month, subscription, kind, quantity, amount from invoice_lines where price = 'share'
            order by all"""),
        "payouts": Part("""
            select agreement, partner, account, strftime(min(month), '%Y-%m') as first,
                strftime(max(month), '%Y-%m') as last, count(*) as payouts, sum(amount) as amount
            from payouts group by all order by all"""),
        "revenue": Part("""
            select month, billed, revenue from revenue_by_stream_month
            where stream = 'subscriptions' and month = '2027-01-01'"""),
    },
    "time-and-materials": {"lines": Part(_LINES)},
    "royalty-and-licence": {"lines": Part(_LINES)},
    "subscription": {"lines": Part(_PLAN_LINES), "refused": Part(_REFUSED)},
    "price-change": {
        "steps": Part("""
            select subscription, min(month) as month, amount from invoice_lines
            group by subscription, amount order by subscription, month"""),
    },
    "prepaid-pack": {
        "lines": Part(_LINES),
        "grants": Part(_GRANTS),
        "earned": Part("""
            select e.month, e.kind, -sum(p.amount) as amount from postings p join entries e using (entry)
            where ledger_account = 'deferred_revenue' group by all order by e.month, e.kind"""),
    },
    "late-events": {
        "lines": Part("""
            select invoice, line_no, price, kind, quantity, amount, starts_on, ends_on from invoice_lines
            order by month, invoice, line_no"""),
        "adjustments": Part("""
            select invoice, line_no, service_month, adjusts, quantity_before, quantity_after, amount_before,
                amount_after from adjustments order by all"""),
        "months": Part("""
            select coalesce(a.service_month, l.month) as month, sum(l.amount) as amount
            from invoice_lines l left join adjustments a using (invoice, line_no) group by 1 order by 1"""),
        "revenue": Part("""
            select month, -sum(amount) as revenue from postings where ledger_account = 'revenue'
            group by month order by month"""),
        "mrr": Part("select month, kind, cause, amount from mrr_movements order by all"),
        "progressive": Part(
            """
            select i.invoice, i.issued_on, l.price, l.quantity, l.amount, l.starts_on, l.ends_on
            from invoices i join invoice_lines l using (invoice) where i.month = '2026-01-01'
            order by i.issued_on, l.line_no""",
            ('name = "Team"', 'name = "Team"\nprogressive = [10, 50]'),
        ),
    },
    "hard-limit": {"lines": Part(_PLAN_LINES), "refused": Part(_REFUSED)},
    "coupon": {"lines": Part(_LINES), "grants": Part(_GRANTS)},
    "training": {
        "lines": Part("""
            select month, account, price, kind, quantity, amount from invoice_lines
            order by month, invoice, line_no"""),
        "grants": Part(_GRANTS),
        "payouts": Part(_PAYOUTS),
        "revenue": Part("""
            select account, -sum(amount) as revenue from postings
            where ledger_account = 'revenue' and month = '2026-01-01' group by account order by account"""),
    },
}
"""The generated parts of each recipe."""


def regions() -> dict[str, Region]:
    """Return every generated part of every recipe by its name in the page."""
    return {
        f"recipe.{page}.{name}": partial(_answer, page, part)
        for page, parts in RECIPES.items()
        for name, part in parts.items()
    }


def _answer(page: str, part: Part) -> str:
    cursor = _ledger(page, part.edit).execute(part.query)
    names = [column[0] for column in cursor.description or ()]
    rows = cursor.fetchall()
    numbers = {
        name
        for name in names
        if name in {"quantity", "quantity_before", "quantity_after", "sellers", "buyers", "payouts", *_MONEY}
    }
    heads = [f"{name}:" if name in numbers else name for name in names]
    return table(heads, [[*map(_word, names, row)] for row in rows])


_MONEY = ("amount", "amount_before", "amount_after", "basis", "billed", "gmv", "paid_out", "revenue", "take")


def _word(name: str, value: object) -> str:
    return word("amount" if name in _MONEY else name, value)


@cache
def _ledger(page: str, edit: tuple[str, str]) -> duckdb.DuckDBPyConnection:
    blocks = list(blocks_of(DOCS / "recipes" / f"{page}.md"))
    text = next(block.text for block in blocks if block.language == "toml")
    told = next(block.text for block in blocks if block.language == "text")
    days = [at.date() for event in facts(told) for at in (event.occurred_at, event.recorded_at) if at]
    first, last = min(days).replace(day=1), _until(told, max(days))
    with tempfile.TemporaryDirectory() as directory:
        book = text.replace(*edit) if edit[0] else text
        return posted(closed(Path(directory), book, told, months_between(first, last) + 1, first=first))


def _until(told: str, last: date) -> date:
    """Read how far a page goes: to the month of its last fact, or of the comment `# until 2027-12`."""
    _, found, month = told.rpartition("# until ")
    return date.fromisoformat(f"{month.split()[0]}-01") if found else last
