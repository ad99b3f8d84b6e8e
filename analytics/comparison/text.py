"""Text: a comparison as a small piece of HTML for a notebook, without scripts or outside addresses."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape

import polars as pl

from billing.money import minor_units

CUSTOMERS = 5
"""How many customers a notebook shows."""

RATIOS = ("nrr", "gross_margin")
"""The measures that are shares, and shown in per cent."""

_GOOD, _BAD = "#1a7f37", "#cf222e"


def html(
    title: str, *, currency: str, totals: pl.DataFrame, causes: pl.DataFrame, customers: pl.DataFrame
) -> str:
    """Return tables of the measures, the causes and the customers with the largest changes, all escaped."""
    places = minor_units(currency)
    measures = [
        [name.replace("_", " "), _figure(name, before, places), _figure(name, after, places),
         _changed(name, change, places), _percent(relative)]
        for name, before, after, change, relative in totals.iter_rows()
    ]  # fmt: skip
    why = [[name, _signed(change, places)] for name, change in causes.iter_rows()]
    who = [
        [escape(str(row["account"])), escape(str(row["segment"])), _signed(row["change"], places),
         _percent(row["relative"])]
        for row in customers.head(CUSTOMERS).iter_rows(named=True)
    ]  # fmt: skip
    parts = [
        _table(["", "before", "after", "change", ""], measures),
        _table(["why", "change"], why) if why else "<p>Nothing changed.</p>",
        _table(["customer", "segment", "change", ""], who) if who else "",
    ]
    head = f"<p><b>{escape(title)}</b> {escape(currency)}</p>"
    return f'<div class="saasim-comparison">{head}{"".join(parts)}</div>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; the first column is text, the others stand flush right."""
    right = ' style="text-align:right"'
    top = "".join(f"<th{right if number else ''}>{head}</th>" for number, head in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(f"<td{right if n else ''}>{cell}</td>" for n, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _figure(name: str, value: Decimal | None, places: int) -> str:
    if value is None:
        return "–"
    return f"{value * 100:,.1f} %" if name in RATIOS else f"{value:,.{places}f}"


def _changed(name: str, change: Decimal | None, places: int) -> str:
    if name in RATIOS and change is not None:
        return f"{change * 100:+,.1f} pp"
    return _signed(change, places)


def _signed(change: Decimal | None, places: int) -> str:
    if change is None:
        return "–"
    colour = _GOOD if change > 0 else _BAD
    text = f"{change:+,.{places}f}" if change else f"{change:,.{places}f}"
    return f'<span style="color:{colour}">{text}</span>' if change else text


def _percent(share: Decimal | None) -> str:
    return "–" if share is None else f"{share * 100:+,.1f} %"
