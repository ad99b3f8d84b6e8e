"""The workbook: what finance people open first, a sheet each, made with XlsxWriter.

Text is always text: a name that begins with `=` is no formula. The bytes are the same each time.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.metrics import METRICS, monthly
from simulator.export.relation import Relation, relations, rows
from simulator.export.sheet import ROWS_MAX, Sheet, number, text, width_of
from simulator.extra import need
from simulator.summary import MULTIPLES

MADE_AT = datetime(2026, 1, 1)  # noqa: DTZ001 - a property of the file that would otherwise be now
HEAD = {"bold": True, "bg_color": "#F1F3F5", "bottom": 1, "bottom_color": "#868E96", "valign": "vcenter"}

SHEETS = {
    "MRR by month": "mrr_by_month",
    "MRR movements": "mrr_movements",
    "Revenue by stream": "revenue_by_stream_month",
    "Invoices": "invoice_status",
    "Invoice lines": "invoice_lines",
    "Payments": "payments",
    "Payouts": "payouts",
    "Costs": "costs_by_month",
    "Accounts": "accounts",
}
"""The sheets that are tables or views of the ledger as they are."""

Said = Callable[[str], object]


def workbook(
    ledger: DuckDBPyConnection, contents: Mapping[str, Any], *, said: Said, rows_max: int = ROWS_MAX
) -> tuple[bytes, list[Sheet]]:
    """Return a workbook of a run, and its sheets; `contents` is its manifest.

    A table of more rows than a sheet holds goes on in a second sheet. Raises Problems where XlsxWriter is not
    installed.
    """
    need("xlsx")
    xlsxwriter = import_module("xlsxwriter")
    sheets = [part for sheet in _sheets(ledger, said) for part in sheet.parts(rows_max)]
    sheets = [_about(contents, sheets), *sheets, _columns(sheets)]
    file = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        book.set_properties({"title": _title(contents), "created": MADE_AT})
        styles = _styles(book, contents["price_book"].get("places", 2))
        for sheet in sheets:
            said(f"writing {sheet.name}")
            _write(book.add_worksheet(sheet.name), sheet, styles)
    return file.getvalue(), sheets


def _sheets(ledger: DuckDBPyConnection, said: Said) -> Iterator[Sheet]:
    known = {one.name: one for one in relations(ledger)}
    said("working out metrics")
    yield _metrics(monthly(ledger))
    for name, relation in SHEETS.items():
        if relation in known:
            yield _sheet(name, known[relation], rows(ledger, known[relation]))
        if name == "Payouts" and "trial_balance" in known:
            yield _trial_balance(known["trial_balance"], rows(ledger, known["trial_balance"]))


def _sheet(name: str, relation: Relation, frame: pl.DataFrame) -> Sheet:
    texts = {one.name: one.comment for one in relation.columns if one.comment}
    return Sheet(name, relation.comment, frame, columns=texts)


def _metrics(frame: pl.DataFrame) -> Sheet:
    """Return the metrics, one a row and the months beside each other, as people read them."""
    names = [name for name in frame.columns if name in METRICS]
    months = [f"{month:%Y-%m}" for month in frame["month"]]
    told = {"metric": names, "unit": [METRICS[name].unit for name in names]}
    by_month: dict[str, Any] = {
        month: pl.Series([row[name] for name in names], dtype=pl.Object)
        for month, row in zip(months, frame.iter_rows(named=True), strict=True)
    }
    told["what it is"] = [METRICS[name].description for name in names]
    kinds = ["multiple" if name in MULTIPLES else METRICS[name].unit for name in names]
    shown = pl.DataFrame({**told, **by_month})
    return Sheet("Metrics", "Every metric of every month.", shown, fixed=1, row_formats=kinds)


def _trial_balance(relation: Relation, frame: pl.DataFrame) -> Sheet:
    """Return the balances of a month beside each other, and their sum, which is 0."""
    accounts = sorted(frame["ledger_account"].unique())
    wide = frame.pivot("ledger_account", index=["month", "currency"], values="balance", sort_columns=True)
    total = pl.sum_horizontal(accounts).alias("sum")
    wide = wide.select("month", "currency", *accounts, *([total] if accounts else []))
    return Sheet("Trial balance", relation.comment, wide, columns={"sum": "of the balances: 0"}, fixed=2)


def _about(contents: Mapping[str, Any], sheets: Sequence[Sheet]) -> Sheet:
    months, book = contents["months"], contents["price_book"]
    lines = [("run", contents["name"])]
    if title := contents.get("scenario", {}).get("title"):
        lines.append(("company", title))
    lines += [
        ("months", f"{months['first']} to {months['last']}"),
        ("price book", f"{book['name']}, in {book['currency']}"),
        ("seed", str(contents.get("seed", "–"))),
        ("log", contents["log"]["head"]),
        ("made by", ", ".join(f"{name} {number}" for name, number in contents["made_by"].items())),
        ("", ""),
        *((sheet.name, f"{sheet.text} ({sheet.rows:,} rows)") for sheet in sheets),
    ]
    frame = pl.DataFrame({"what": [key for key, _ in lines], "about": [value for _, value in lines]})
    return Sheet("About", "What this workbook is of.", frame)


def _columns(sheets: Sequence[Sheet]) -> Sheet:
    """Return what the columns of every sheet hold."""
    lines = [
        (sheet.name, column, sheet.columns[column])
        for sheet in sheets
        for column in sheet.frame.columns
        if column in sheet.columns
    ]
    frame = pl.DataFrame(lines, schema=["sheet", "column", "what it holds"], orient="row")
    return Sheet("Columns", "What the columns hold.", frame)


def _title(contents: Mapping[str, Any]) -> str:
    return f"{contents['price_book']['name']}, {contents['months']['first']} to {contents['months']['last']}"


def _styles(book: Any, places: int) -> dict[str, Any]:
    cents = f"#,##0.{'0' * places}" if places else "#,##0"
    forms = {
        "money": f"{cents};[Red]-{cents}",
        "exact": "#,##0.00##########",
        "count": "#,##0",
        "ratio": "0.0%",
        "multiple": '0.0"x"',
        **dict.fromkeys(("days", "hours", "months"), "#,##0.0"),
        "day": "yyyy-mm-dd",
        "month": "yyyy-mm",
        "time": "yyyy-mm-dd hh:mm:ss",
    }
    made = {name: book.add_format({"num_format": form}) for name, form in forms.items()}
    return {**made, "text": None, "head": book.add_format(HEAD), "wrap": book.add_format({"text_wrap": True})}


def _write(page: Any, sheet: Sheet, styles: Mapping[str, Any]) -> None:
    """Write a sheet row by row: the head, which stays in sight, and the values by the kind of each."""
    names = sheet.frame.columns
    formats = [sheet.format_of(name) for name in names]
    for place, name in enumerate(names):
        page.set_column(place, place, width_of(sheet, name))
    for place, name in enumerate(names):
        page.write_string(0, place, name.replace("_", " "), styles["head"])
    for line, row in enumerate(sheet.frame.iter_rows(), start=1):
        own = sheet.row_formats[line - 1] if sheet.row_formats else ""
        for place, value in enumerate(row):
            if value is not None:
                _cell(page, line, place, value, styles.get(own or formats[place], styles["exact"]))
    page.freeze_panes(1, sheet.fixed)
    if sheet.rows:
        page.autofilter(0, 0, sheet.rows, len(names) - 1)
    page.set_landscape()
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)


def _cell(page: Any, line: int, place: int, value: Any, style: Any) -> None:
    if isinstance(value, bool):
        page.write_boolean(line, place, value)
    elif (amount := number(value)) is not None:
        page.write_number(line, place, amount, style)
    else:
        page.write_string(line, place, text(value))
