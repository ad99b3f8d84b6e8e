"""Quotes: what agents reckon with is what the price book says, to the cent."""

from datetime import date
from decimal import Decimal

import pytest

from billing.price_book import loads
from simulator.quote import SEATS, Quotes, Stop
from tests.fixtures.books import YEAR_1, YEAR_3, book

DBGPT, GGML = Quotes(book("dbgpt")), Quotes(book("ggml"))


@pytest.mark.parametrize(
    ("plan", "asked", "fee", "usage"),
    [
        ("community", {"use": {"api_calls": 900}}, "0", "0"),  # D:93
        ("professional", {"seats": 5}, "495", "0"),  # D:115
        ("professional", {"seats": 7}, "653", "0"),  # 5 x $99 + 2 x $79, D:139
        ("professional", {"seats": 5, "use": {"api_calls": 62_500}}, "495", "20"),  # 2 started blocks, D:140
        ("professional", {"seats": 5, "add_ons": {"premium-llm": 1, "data-connector": 2}}, "995", "0"),
        ("business", {"seats": 12, "billing": "year"}, "3830", "0"),  # 12 x $3,830 a year, D:184
        ("enterprise", {"seats": 100}, "31166.67", "0"),  # $50,000 / 12 + 90 x $300, D:221
        ("enterprise", {"seats": 1}, "4166.67", "0"),  # never less than the commitment, D:192
        ("payg-starter", {"use": {"api_calls": 100_000}}, "0", "1000"),  # D:248
        ("managed-professional", {"use": {"storage_gb": 80, "compute_cores": 10}}, "799", "345"),  # D:311
        ("white-label-license", {}, "20833.33", "0"),  # $250,000 in its first year, D:1125
    ],
)  # fmt: skip
def test_a_quote_is_what_a_month_costs(plan: str, asked: dict[str, object], fee: str, usage: str) -> None:
    """The fee by seats, add-ons and billing, and what the use of a month adds."""
    quote = DBGPT.quote(plan, YEAR_1, **asked)  # type: ignore[arg-type]

    assert (round(quote.fee, 2), round(quote.usage, 2)) == (Decimal(fee), Decimal(usage))
    assert quote.total == quote.fee + quote.usage


def test_a_quote_knows_the_prices_of_its_day() -> None:
    """The enterprise licence costs $12,000 a year, and $15,000 from 2028 on (G:1291)."""
    fees = [GGML.quote("enterprise", day).fee * 12 for day in (YEAR_1, date(2027, 12, 31), YEAR_3)]

    assert fees == [12_000, 12_000, 15_000]


def test_what_costs_nothing_above_an_allowance_is_a_limit() -> None:
    """Community stops at 1,000 calls (D:100); Professional includes 50,000 and sells more (D:122)."""
    assert DBGPT.limit("community", "api_calls", YEAR_1) == 1_000
    assert DBGPT.limit("professional", "api_calls", YEAR_1) is None
    assert DBGPT.allowance("professional", "api_calls", YEAR_1) == 50_000
    assert DBGPT.allowance("professional", "storage_gb", YEAR_1) == 0


def test_seats_have_a_limit_where_the_plan_has_one() -> None:
    """A community account is for one (D:103); Professional is not limited as the book reads it."""
    assert DBGPT.limit("community", SEATS, YEAR_1) == 1
    assert DBGPT.limit("professional", SEATS, YEAR_1) is None


def test_a_limit_stops_the_service_unless_what_is_above_is_billed() -> None:
    """Community stops (D:100), on each day at 10 queries (D:106); pay as you go steps up (D:248)."""
    assert DBGPT.stop("community", "api_calls", YEAR_1) == Stop(1_000)
    assert DBGPT.stop("community", "text_to_sql", YEAR_1) == Stop(10, is_daily=True)
    assert DBGPT.limit("community", "text_to_sql", YEAR_1) == 300
    assert DBGPT.stop("payg-starter", "api_calls", YEAR_1) is None
    assert DBGPT.limit("payg-starter", "api_calls", YEAR_1) == 100_000
    assert DBGPT.stop("payg-scale", "api_calls", YEAR_1) is None
    assert DBGPT.limit("payg-scale", "api_calls", YEAR_1) is None


def test_a_limit_for_each_seat_grows_with_the_seats() -> None:
    """20 queries a day and seat are 100 for five; a month has thirty days."""
    quotes = Quotes(
        loads(
            """
            name = "Shop"
            [meters.queries]
            [plans.team]
            name = "Team"
            stream = "s"
            limits.queries = { meter = "queries", quantity = 20, window = "day", per = "seat" }
            prices.queries = { meter = "queries", unit_price = 0 }
            """
        )
    )
    assert quotes.stop("team", "queries", YEAR_1, seats=5) == Stop(100, is_daily=True)
    assert quotes.limit("team", "queries", YEAR_1, seats=5) == 3_000
