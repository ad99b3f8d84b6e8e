"""Values as text: every digit that counts, and none that does not."""

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.values import (
    aligned,
    csv_cell,
    decimal_text,
    duration_text,
    integer_text,
    money_text,
    money_texts,
    percent_text,
    short_money_text,
    sparkline,
    to_json,
    visible,
    whole_money_text,
)


@pytest.mark.parametrize(
    ("number", "places", "text"),
    [
        ("0", 0, "0"),
        ("0", 2, "0.00"),
        ("-0.0000", 2, "0.00"),
        ("1015.0000", 2, "1,015.00"),
        ("1015.0000", 0, "1,015"),
        ("-984.5", 2, "-984.50"),
        ("0.007000000000", 2, "0.007"),
        ("1E+3", 0, "1,000"),
        ("-0.004", 2, "-0.004"),
    ],
)
def test_a_decimal_keeps_its_digits_and_loses_its_zeros(number: str, places: int, text: str) -> None:
    """Money keeps its places."""
    assert text == decimal_text(Decimal(number), places)


@pytest.mark.parametrize(
    ("amount", "currency", "whole", "short"),
    [
        ("0", "USD", "$0", "$0"),
        ("949.50", "USD", "$950", "$950"),
        ("61844.3", "USD", "$61,844", "$61.8k"),
        ("793784", "EUR", "€793,784", "€794k"),
        ("-7581749", "USD", "-$7,581,749", "-$7.6M"),
        ("124865200", "CHF", "CHF 124,865,200", "CHF 125M"),
        ("1999999999", "JPY", "¥1,999,999,999", "¥2.0B"),
    ],
)
def test_money_is_written_whole_or_short(amount: str, currency: str, whole: str, short: str) -> None:
    """With the sign of its currency, or its code."""
    assert whole == whole_money_text(Decimal(amount), currency)
    assert short == short_money_text(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0.37", "$0.37"), ("-0.37", "-$0.37"), ("0.0037", "$0.004"), ("0.5", "$0.50"), ("1.4", "$1")],
)
def test_an_amount_that_is_there_is_not_told_as_nothing(amount: str, text: str) -> None:
    """Of less than one unit there are the digits that say how much."""
    assert text == whole_money_text(Decimal(amount), "USD")


@pytest.mark.parametrize(
    ("amounts", "texts"),
    [
        ("172314649.12 172314649.49 0.37", ["$172,314,649.12", "$172,314,649.49", "$0.37"]),
        ("12.40 12.77 0.37", ["$12.40", "$12.77", "$0.37"]),
        ("1400.40 1512.70 112.30", ["$1,400", "$1,513", "$112"]),
        ("5 7 2", ["$5", "$7", "$2"]),
        ("0 0 0", ["$0", "$0", "$0"]),
        ("0.00123 0 0.00123", ["$0.001", "$0.000", "$0.001"]),
        ("- 1.50 -", ["–", "$1.50", "–"]),
    ],
)
def test_amounts_that_are_read_together_have_cents_together(amounts: str, texts: list[str]) -> None:
    """Cents are there where one of them is small, so that the row adds up for the eye."""
    values = [None if amount == "-" else Decimal(amount) for amount in amounts.split()]
    assert texts == money_texts(values, "USD")


def test_money_has_the_places_of_its_currency() -> None:
    """Two unless somebody says otherwise, and more where it has more digits."""
    assert "$1,015.00" == money_text(Decimal(1015), "USD")
    assert "-$0.005" == money_text(Decimal("-0.005"), "USD")
    assert "¥1,200" == money_text(Decimal(1200), "JPY", 0)


def test_a_year_is_not_grouped() -> None:
    """Whole numbers are grouped from ten thousand on."""
    assert ["2026", "-9999", "10,000", "-1,234,567"] == [
        integer_text(number) for number in (2026, -9999, 10_000, -1_234_567)
    ]


def test_points_stand_below_each_other() -> None:
    """Numbers set flush right are padded behind their places."""
    assert ["1,015.00 ", "0.007", "12    ", "NULL    "] == [
        text.ljust(8) if text.startswith("NULL") else text
        for text in aligned(["1,015.00", "0.007", "12", "NULL"])
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("é", "é"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\u202eb", "a\\u202eb"),
        ("a\nb", "a\\nb"),
        ("\0", "\\x00"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    """Letters stay what they are."""
    assert shown == visible(text)


def test_bars_rise_with_the_numbers() -> None:
    """From nothing to the most; nothing at all is flat."""
    assert "▁▃▆█" == sparkline([0, 1, 2, 3])
    assert "▁▁" == sparkline([0, 0])
    assert "" == sparkline([])


def test_shares_and_spans_of_time_are_short() -> None:
    """One place behind the point; hours only where there are some."""
    assert ["118.0 %", "–", "0.1 %"] == [percent_text(n) for n in (Decimal("1.18"), None, 0.00075)]
    assert ["0:07", "1:15", "10:15", "1:02:03", "0:00"] == [
        duration_text(seconds) for seconds in (7, 75, 615, 3723, -1)
    ]


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # of a busy machine, not of what is drawn
@given(VALUES)
def test_json_is_read_back_exactly(value: Any) -> None:
    """Decimals are JSON numbers with all their digits."""
    assert value == json.loads(to_json(value), parse_float=Decimal)


@given(st.text())
def test_csv_is_read_back_and_runs_nothing(text: str) -> None:
    """Whatever a cell holds, it is one cell; a formula has an apostrophe before it."""
    cell = csv_cell(text)
    rows = list(csv.reader(io.StringIO(f"{cell},end\r\n", newline="")))

    assert 1 == len(rows)
    assert text in {rows[0][0], rows[0][0].removeprefix("'")}
    assert ["end"] == rows[0][1:]
    assert not rows[0][0].startswith(("=", "+", "-", "@", "\t", "\r"))
