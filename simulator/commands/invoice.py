"""`saasim invoice`: an invoice of a run as text, JSON or PDF; without a number, the invoices there are."""

import re
import sys
from pathlib import Path
from typing import NamedTuple

import duckdb
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics.explanation import evidence_of
from metering.document import problem
from simulator import manifest, tables
from simulator.export.target import STDOUT, put
from simulator.invoice.document import Invoice, document, to_data
from simulator.invoice.pdf import pdf
from simulator.invoice.seller import Seller, load
from simulator.invoice.words import MAY_BREAK, Page, worded
from simulator.publication import find
from simulator.query import connect
from simulator.values import money_text, to_json, visible

LISTED = 20
"""How many invoices are listed, the latest first."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class Asked(NamedTuple):
    """What is asked of an invoice: as a PDF or not, where it goes, who sends it, and whether as JSON."""

    as_pdf: bool = False
    out: Path | None = None
    seller: Path | None = None
    as_json: bool = False


def show_invoice(name: str, number: str | None, asked: Asked) -> int:
    """Print or write an invoice of a run; without a number, list the latest."""
    run = find(name)
    contents = manifest.read(run)
    if number is None:
        if asked.as_pdf:
            raise problem("--pdf", "needs an invoice", f"name one: saasim invoice {name} lists them")
        return _list(run, as_json=asked.as_json)
    seller = load(asked.seller) if asked.seller else Seller(name=contents["price_book"]["name"])
    evidence = evidence_of(run)
    try:
        found = document(evidence, number, seller, is_synthetic=bool(contents.get("synthetic")))
    except duckdb.Error as error:  # a ledger of another program
        raise problem(str(run), f"cannot be read ({error})", "replay the run") from None
    finally:
        evidence.connection.close()
    if asked.as_pdf:
        return _write(found, asked)
    if asked.as_json:
        sys.stdout.write(to_json(to_data(found)) + "\n")
    else:
        _show(tables.terminal(sys.stdout), worded(found))
    return 0


def file_name(number: str) -> str:
    """Return the name of an invoice's file: no name of a customer leads to another directory."""
    return f"{_UNSAFE.sub('_', number).strip('.') or 'invoice'}.pdf"


def _write(found: Invoice, asked: Asked) -> int:
    out = asked.out or Path("exports") / file_name(found.invoice)
    if out.is_dir():
        out /= file_name(found.invoice)
    put(out, pdf(worded(found)))
    if out != STDOUT:
        told = {"invoice": found.invoice, "total": found.total, "currency": found.currency, "out": str(out)}
        screen = tables.terminal(sys.stdout)
        if asked.as_json:
            sys.stdout.write(to_json(told) + "\n")
        else:
            total = money_text(found.total, found.currency, found.places)
            screen.print(f"{visible(found.invoice)}: {total}, written to {out}")
    return 0


def _list(run: Path, *, as_json: bool) -> int:
    with connect(run) as ledger:
        cursor = ledger.execute(f"""
            select i.invoice, a.name, i.issued_on, i.due_on, i.currency, i.total, i.status
            from invoice_status i left join accounts a on a.account = i.account
            order by i.month desc, i.invoice {"" if as_json else f"limit {LISTED}"}""")
        names = [column[0] for column in cursor.description or ()]
        rows = cursor.fetchall()
    if as_json:
        sys.stdout.write(to_json([dict(zip(names, row, strict=True)) for row in rows]) + "\n")
        return 0
    table = tables.plain_table()
    for name in ("invoice", "customer", "issued", "due"):
        table.add_column(name)
    table.add_column("total", justify="right")
    table.add_column("status")
    for invoice, customer, issued, due, currency, total, status in rows:
        cells = (invoice, customer or "", str(issued), str(due), money_text(total, currency), status)
        table.add_row(*(Text(visible(cell)) for cell in cells))
    screen = tables.terminal(sys.stdout)
    screen.print(table)
    if len(rows) == LISTED:
        screen.print("  the latest; --json has all", style="dim")
    return 0


def _show(screen: Console, page: Page) -> None:
    screen.print(
        Text.assemble((f"{page.title} {_line(page.number)}", "bold"), f"   {page.headline}, {page.status}")
    )
    screen.print()
    for label, lines in (("from", page.seller), ("to", page.customer)):
        screen.print(Text.assemble((f"  {label:<6}", "dim"), _line(", ".join(lines))))
    for label, value in page.facts[1:]:
        screen.print(Text.assemble((f"  {label.lower():<10}", "dim"), _line(value)))
    screen.print()
    screen.print(_lines(page))
    screen.print(_sums(page))
    for note in page.notes:
        screen.print(Text(f"  {_line(note)}", style="dim"))


def _lines(page: Page) -> Table:
    table = tables.plain_table()
    table.add_column("description")
    for name in ("quantity", "unit price", "amount"):
        table.add_column(name, justify="right")
    for part in page.parts:
        if len(page.parts) > 1 or part.about:
            title = Text.assemble((_line(part.title), "bold"), (f"  {_line(part.about)}", "dim"))
            table.add_row(title, "", "", Text(part.amount, style="dim"))
        for row in part.rows:
            text = Text.assemble(f"  {_line(row.text)}", (f"  {_line(row.detail)}", "dim"))
            table.add_row(text, row.quantity, row.price, row.amount)
            for said, amount in row.steps:
                table.add_row(Text(f"    {_line(said)}", style="dim"), "", "", Text(amount, style="dim"))
    return table


def _sums(page: Page) -> Table:
    table = tables.plain_table()
    table.show_header = False
    table.add_column("", min_width=20)
    table.add_column("", justify="right")
    rows: list[tuple[str, str]] = [*page.sums, page.total, *page.paid]
    if page.paid:
        rows.append(page.due)
    for label, amount in rows:
        table.add_row(Text(f"  {label}"), Text(amount, style="bold" if (label, amount) == page.total else ""))
    return table


def _line(text: str) -> str:
    return text.replace(MAY_BREAK, "")
