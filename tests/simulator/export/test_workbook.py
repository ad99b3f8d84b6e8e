"""The workbook: what a spreadsheet reads of it is what the ledger holds, and text is only ever text."""

import io
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from simulator.export import sheet, workbook
from simulator.export.sheet import Sheet
from tests.simulator.export.companies import random_ledger

CONTENTS: dict[str, Any] = {
    "name": "test",
    "seed": 1,
    "months": {"first": "2024-01", "last": "2024-05"},
    "price_book": {"name": "=Test()", "currency": "USD", "places": 2},
    "log": {"head": "0" * 64},
    "made_by": {"saasim": "0"},
}


def silent(_: str) -> None:
    """Say nothing of the progress."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, bytes, bytes]:
    """Give a random company's ledger and its workbook, made twice."""
    ledger = random_ledger(tmp_path_factory.mktemp("company"), 3)[0]
    one, two = (workbook.workbook(ledger, CONTENTS, said=silent)[0] for _ in range(2))
    return ledger, one, two


def opened(data: bytes) -> Any:
    """Read a workbook as a spreadsheet program would."""
    return openpyxl.load_workbook(io.BytesIO(data))


def column(page: Any, name: str) -> list[Any]:
    """Return the values of a column of a sheet, below its head."""
    heads = [cell.value for cell in page[1]]
    place = heads.index(name) + 1
    return [page.cell(row, place).value for row in range(2, page.max_row + 1)]


def test_sheets_hold_what_the_ledger_holds(made: tuple[Any, bytes, bytes]) -> None:
    """Invoices, their lines and payouts: as many rows, and to the cent the same sums."""
    ledger, data, _ = made
    book = opened(data)
    for name, table, money in (
        ("Invoices", "invoices", "total"),
        ("Invoice lines", "invoice_lines", "amount"),
        ("Payouts", "payouts", "amount"),
        ("MRR movements", "mrr_movements", "amount"),
    ):
        count, total = ledger.execute(f"select count(*), coalesce(sum({money}), 0) from {table}").fetchall()[
            0
        ]
        values = column(book[name], money) if count else []

        assert count == len(values) == book[name].max_row - 1
        shown = sum((Decimal(str(value)) for value in values), Decimal(0))
        assert round(total, 6) == round(shown, 6), name


def test_the_trial_balance_adds_up_to_nothing(made: tuple[Any, bytes, bytes]) -> None:
    """Each month's balances stand beside each other, and their sum is 0."""
    page = opened(made[1])["Trial balance"]

    assert {0} == set(column(page, "sum"))
    assert {"receivable", "revenue", "cash"} <= {str(cell.value) for cell in page[1]}


def test_metrics_stand_by_month_and_say_what_they_are(made: tuple[Any, bytes, bytes]) -> None:
    """A row each, with its unit; what is NULL is an empty cell; shares are shown as percentages."""
    ledger, data, _ = made
    page = opened(data)["Metrics"]
    names = column(page, "metric")
    months = [str(cell.value) for cell in page[1]][3:]
    query = "select strftime(month, '%Y-%m'), closing from mrr_by_month order by month"
    committed = {month: float(amount) for month, amount in ledger.execute(query).fetchall()}
    row = names.index("committed_mrr") + 2

    assert committed == {
        month: page.cell(row, place + 4).value for place, month in enumerate(months) if month in committed
    }
    for name, form in (("logo_churn", "0.0%"), ("quick_ratio", '0.0"x"'), ("customers", "#,##0")):
        cells = [page.cell(names.index(name) + 2, place + 4) for place in range(len(months))]
        assert {form} == {cell.number_format for cell in cells if cell.value is not None}, name
    assert None not in column(page, "what it is")


def test_text_is_never_a_formula(made: tuple[Any, bytes, bytes]) -> None:
    """Whatever a name begins with: no cell of the book is a formula or a link."""
    for page in opened(made[1]):
        cells = [cell for row in page.iter_rows() for cell in row]
        assert {cell.data_type for cell in cells} <= {"n", "s", "d", "b", "inlineStr"}
        assert not [cell.coordinate for cell in cells if cell.hyperlink]
    assert {str(name)[:1] for name in column(opened(made[1])["Accounts"], "name")} & set("=+-@")


def test_numbers_are_numbers_and_days_are_days(made: tuple[Any, bytes, bytes]) -> None:
    """With the currency's places, as days that can be sorted; the head stays in sight."""
    page = opened(made[1])["Invoices"]
    cells = dict(zip([cell.value for cell in page[1]], page[2], strict=True))

    assert "#,##0.00;[Red]-#,##0.00" == cells["total"].number_format
    assert isinstance(cells["issued on"].value, datetime)
    assert "yyyy-mm-dd" == cells["issued on"].number_format
    assert "B2" == page.freeze_panes
    assert page.auto_filter.ref.startswith("A1:")


def test_a_workbook_is_the_same_bytes_each_time(made: tuple[Any, bytes, bytes]) -> None:
    """It names no hour."""
    assert made[1] == made[2]


def test_rows_that_no_sheet_holds_go_on_in_the_next(made: tuple[Any, bytes, bytes]) -> None:
    """No row is lost at the limit of a sheet, and none is there twice."""
    ledger, whole, _ = made
    data, sheets = workbook.workbook(ledger, CONTENTS, said=silent, rows_max=8)
    book, names = opened(data), [one.name for one in sheets]

    assert "Invoice lines (2)" in names
    assert all(book[name].max_row <= 8 for name in names if name not in ("About", "Columns"))
    parts = [book[name] for name in names if name.startswith("Invoice lines")]
    assert column(opened(whole)["Invoice lines"], "amount") == [
        amount for page in parts for amount in column(page, "amount")
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("12.5000"), 12.5),
        (Decimal("123456789012.345"), 123456789012.345),
        (Decimal("1234567890123.4567"), None),
        (Decimal("123456789012.345678901234"), 123456789012.345678901234),
        (Decimal("1234567890123456.000000000000"), None),
        (Decimal("-0.0001"), -0.0001),
        (123456789012345, 123456789012345.0),
        (1234567890123456, None),
        (date(2026, 1, 1), 46023.0),
        (datetime(2026, 1, 1, 12), 46023.5),  # noqa: DTZ001 - as a ledger holds it
        ("12", None),
        (True, None),
    ],
)
def test_what_a_spreadsheet_would_round_is_text(value: Any, expected: float | None) -> None:
    """15 digits are kept; days are counted from the end of 1899, as spreadsheets do."""
    assert expected == sheet.number(value)
    assert sheet.text(value) == (f"{value:f}" if isinstance(value, Decimal) else str(value))


def test_long_text_is_cut_visibly() -> None:
    """A cell holds 32,767 letters; what is cut ends with an ellipsis."""
    assert sheet.text("x" * 40_000).endswith("x…")
    assert sheet.LETTERS_MAX == len(sheet.text("x" * 40_000))


def test_a_sheet_of_nothing_is_there_all_the_same() -> None:
    """It has its head."""
    empty = Sheet("Payouts", "", pl.DataFrame(schema={"a": pl.String}))

    assert [("Payouts", 0)] == [(part.name, part.rows) for part in empty.parts()]


def test_without_the_package_it_says_what_to_install(
    made: tuple[Any, bytes, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No traceback."""
    from metering.document import Problems
    from simulator import extra

    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    with pytest.raises(Problems, match=r"pip install 'saasim\[xlsx\]'"):
        workbook.workbook(made[0], CONTENTS, said=silent)
