"""Golden ledgers: what is kept as text, and how a difference reads."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from billing.schema import polars_schema
from simulator.testing import golden

COMMON = {
    "month": date(2026, 1, 1), "phase_no": 1, "stream": "subscriptions", "kind": "recurring", "meter": "",
    "dimensions": "", "allowance": Decimal(0), "currency": "USD", "starts_on": date(2026, 1, 1),
    "ends_on": date(2026, 2, 1), "plan": "team",
}  # fmt: skip


def lines(*rows: tuple[str, int, str, int, str]) -> pl.DataFrame:
    """Make invoice lines of (account, line_no, price, quantity, amount)."""
    named = [
        COMMON
        | {"invoice": f"INV-2026-01-{account}", "account": account, "subscription": f"{account}-1"}
        | {"line_no": number, "price": price, "quantity": Decimal(quantity)}
        | {"exact": Decimal(amount), "amount": Decimal(amount)}
        for account, number, price, quantity, amount in rows
    ]
    return pl.DataFrame(named, schema=polars_schema("invoice_lines"), orient="row")


BEFORE = lines(("acme", 1, "calls", 900, "5"), ("acme", 2, "seats", 3, "90"), ("bolt", 1, "seats", 1, "30"))


def kept(directory: Path, frame: pl.DataFrame) -> list[str]:
    """Keep `BEFORE`, and return how a frame differs from it."""
    golden.update({"invoice_lines": BEFORE}, directory)
    return [str(one) for one in golden.check({"invoice_lines": frame}, directory)]


def test_what_is_kept_does_not_differ(tmp_path: Path) -> None:
    """A ledger is equal to itself, whatever the order of its rows."""
    assert kept(tmp_path, BEFORE.reverse()) == []


def test_a_changed_line_is_told_with_what_changed(tmp_path: Path) -> None:
    """The row is named as a reader names it, and only the columns that differ are told."""
    after = BEFORE.with_columns(
        pl.when(pl.col("price") == "calls").then(pl.lit(Decimal("4.5"))).otherwise("amount").alias("amount")
    )

    [told] = kept(tmp_path, after)
    assert told == ("~ invoice_lines 2026-01-01 acme acme-1 team calls recurring 2026-01-01: amount 5 → 4.5")


def test_a_line_that_goes_does_not_drag_the_others_along(tmp_path: Path) -> None:
    """The numbers of the lines behind it change, and they still are the same lines."""
    after = lines(("acme", 1, "seats", 3, "90"), ("bolt", 1, "seats", 1, "30"))

    [told] = kept(tmp_path, after)
    assert told.startswith("- invoice_lines 2026-01-01 acme acme-1 team calls")


def test_a_new_line_is_told(tmp_path: Path) -> None:
    """A row that was not there is new."""
    [told] = kept(tmp_path, pl.concat([BEFORE, lines(("core", 1, "seats", 2, "60"))]))

    assert told.startswith("+ invoice_lines 2026-01-01 core core-1 team seats")


def test_the_report_counts_and_adds_up(tmp_path: Path) -> None:
    """Its head says how many rows changed, and by how much in all; its end says how to accept it."""
    golden.update({"invoice_lines": BEFORE}, tmp_path)
    after = BEFORE.with_columns(amount=pl.col("amount") * 2)
    text = golden.report(golden.check({"invoice_lines": after}, tmp_path), tmp_path)

    assert "invoice_lines: 3 changed, +125" in text
    assert "pytest --update-golden" in text


def test_many_differences_are_counted_and_not_all_told(tmp_path: Path) -> None:
    """A failure fits a screen."""
    many = lines(*((f"c{number:03}", 1, "seats", 1, "30") for number in range(100)))
    golden.update({"invoice_lines": many}, tmp_path)
    found = golden.check({"invoice_lines": many.clear()}, tmp_path)

    text = golden.report(found, tmp_path)
    assert "100 missing" in text
    assert f"and {100 - golden.SHOWN_MAX} more" in text


def test_decimals_are_kept_without_zeros(tmp_path: Path) -> None:
    """Two ledgers of equal amounts are equal texts, however many places the columns have."""
    golden.update({"invoice_lines": BEFORE}, tmp_path)
    text = (tmp_path / "invoice_lines.csv").read_text("utf-8")

    assert ",90,90,USD" in text.replace("\r", "")
    assert "90.0" not in text


def test_a_table_that_is_not_kept_is_an_error(tmp_path: Path) -> None:
    """There is nothing to compare with."""
    with pytest.raises(FileNotFoundError):
        golden.check({"payouts": BEFORE}, tmp_path)
