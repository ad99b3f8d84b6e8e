"""Terms: how a biller reads a rate (edges, fees at zero, packages, caps of tiers), number and column."""

import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.money import EXACT
from billing.price import Rate, Terms
from billing.pricing import amount, charge, explain
from tests.auditor.price import Reading, cost

QUANTITIES = st.decimals(0, 10**6, places=6)
MONEY = st.decimals(0, 10**4, places=9)
SIZES = st.one_of(st.none(), st.decimals("0.001", 10**4, places=3))


def rate(**fields: Any) -> Rate:
    """A rate of the price book."""
    return Rate.model_validate(fields)


TWO = ({"up_to": 100, "unit_price": 2, "flat_fee": 10}, {"unit_price": 1, "flat_fee": 5})
PACKED = ({"up_to": 100, "unit_price": 3, "package_size": 10}, {"unit_price": 20, "package_size": 100})
CAPPED = ({"up_to": 100, "unit_price": 2, "maximum": 50}, {"unit_price": 1, "maximum": 30})
OPEN, AT_ZERO = Terms(ends_inclusive=False), Terms(flat_at_zero=True)
LEAST = Terms(minimum_at_zero=True)
LATER = Terms(has_minimum=False, has_maximum=False)

COSTS: list[tuple[dict[str, Any], Terms, str, str]] = [  # rate, terms, quantity, cost
    ({"model": "volume", "tiers": TWO}, Terms(), "100", "210"),
    ({"model": "volume", "tiers": TWO}, OPEN, "100", "105"),
    ({"model": "volume", "tiers": TWO}, OPEN, "99.999999", "209.999998"),
    ({"model": "volume", "tiers": TWO}, OPEN, "0", "0"),
    ({"model": "volume", "tiers": TWO}, AT_ZERO, "0", "10"),
    ({"model": "graduated", "tiers": TWO}, OPEN, "100", "210"),  # the edge moves no unit
    ({"model": "graduated", "tiers": TWO}, AT_ZERO, "0", "10"),
    ({"model": "graduated", "tiers": TWO}, AT_ZERO, "-5", "10"),
    ({"model": "graduated", "tiers": TWO}, AT_ZERO, "1", "12"),
    ({"model": "graduated", "tiers": PACKED}, Terms(), "101", "50"),  # 10 of 10, and one of 100
    ({"model": "graduated", "tiers": PACKED, "packages": "down"}, Terms(), "250", "50"),
    ({"model": "graduated", "tiers": PACKED, "packages": "exact"}, Terms(), "250", "60"),
    ({"model": "volume", "tiers": PACKED}, Terms(), "95", "30"),
    ({"model": "volume", "tiers": PACKED}, Terms(), "101", "40"),
    ({"model": "graduated", "tiers": CAPPED}, Terms(), "20", "40"),
    ({"model": "graduated", "tiers": CAPPED}, Terms(), "120", "70"),
    ({"model": "graduated", "tiers": CAPPED}, Terms(), "500", "80"),
    ({"model": "volume", "tiers": CAPPED}, Terms(), "60", "50"),
    ({"model": "volume", "tiers": CAPPED}, Terms(), "101", "30"),
    ({"model": "package", "unit_price": 5, "package_size": 10, "packages": "exact"}, Terms(), "25", "12.5"),
    ({"unit_price": 2, "flat_fee": 7}, Terms(), "3", "13"),
    ({"unit_price": 2, "flat_fee": 7}, Terms(), "0", "0"),
    ({"model": "percentage", "unit_price": "0.029", "flat_fee": "0.30"}, Terms(), "100", "3.2"),
    ({"unit_price": 1, "minimum": 50}, LEAST, "0", "50"),
    ({"unit_price": 1, "minimum": 50}, Terms(), "0", "0"),
    ({"unit_price": 1, "minimum": 50, "maximum": 80}, LATER, "10", "10"),
    ({"unit_price": 1, "minimum": 50, "maximum": 80}, LATER, "100", "100"),
]


@pytest.mark.parametrize(("fields", "terms", "quantity", "expected"), COSTS)
def test_a_rate_costs_what_its_terms_say(
    fields: dict[str, Any], terms: Terms, quantity: str, expected: str
) -> None:
    """Worked by hand: edges, what is due at zero, packages and caps of tiers, fees beside other prices."""
    read = rate(**fields).under(terms)
    column = pl.DataFrame({"q": [Decimal(quantity)]}, schema={"q": EXACT}).select(amount(read, pl.col("q")))

    assert Decimal(expected) == amount(read, Decimal(quantity)) == column.item()


@st.composite
def read_rates(draw: st.DrawFn, models: Sequence[str] = ("unit", "package", "graduated", "volume")) -> Rate:
    """Any rate with everything that terms are about."""
    model = draw(st.sampled_from(models))
    fields: dict[str, Any] = {"model": model}
    sizes = [draw(SIZES)]
    if model in ("graduated", "volume"):
        edges = sorted(draw(st.sets(st.decimals("0.000001", 10**5, places=6), max_size=4)))
        bounds = [*edges, None]
        sizes = [draw(SIZES) for _ in bounds]
        fields["tiers"] = [
            {
                "up_to": bound,
                "unit_price": draw(MONEY),
                "flat_fee": draw(st.sampled_from([0, 0, Decimal("12.34")])),
                "package_size": size,
                "maximum": draw(st.one_of(st.none(), MONEY)),
            }
            for bound, size in zip(bounds, sizes, strict=True)
        ]
    else:
        fields |= {"unit_price": draw(MONEY), "flat_fee": draw(st.one_of(st.none(), MONEY))}
        sizes = [Decimal("2.5")] if model == "package" else [None]
        fields |= {"package_size": sizes[0]} if model == "package" else {}
    if any(sizes):
        fields["packages"] = draw(st.sampled_from([None, "up", "down", "exact"]))
    low, high = sorted(draw(st.tuples(MONEY, MONEY)))
    fields |= {"minimum": draw(st.sampled_from([None, low])), "maximum": draw(st.sampled_from([None, high]))}
    terms = Terms(*draw(st.tuples(*[st.booleans()] * len(Terms._fields))))
    return rate(**fields).under(terms)


def edges_of(read: Rate) -> list[Decimal]:
    """Nothing, and the edges of tiers."""
    return [Decimal(0), *(tier.up_to for tier in read.tiers if tier.up_to is not None)]


@settings(deadline=None, max_examples=60)  # a column is made for each example
@given(read=read_rates(), quantities=st.lists(QUANTITIES, min_size=1, max_size=4))
def test_columns_and_the_auditor_agree_under_any_terms(read: Rate, quantities: list[Decimal]) -> None:
    """A number, a column and an independent price are the same to the last digit, on every edge too."""
    quantities = [*quantities, *edges_of(read)]
    frame = pl.DataFrame({"q": quantities}, schema={"q": EXACT})
    how = Reading(*read.terms)
    numbers = [amount(read, quantity) for quantity in quantities]

    assert numbers == frame.select(amount(read, pl.col("q"))).to_series().to_list()
    assert numbers == [cost(read, quantity, how) for quantity in quantities]


@given(read=read_rates(), chunks=st.lists(QUANTITIES, min_size=1, max_size=5), allowance=QUANTITIES)
def test_parts_of_a_window_add_up_under_any_terms(
    read: Rate, chunks: list[Decimal], allowance: Decimal
) -> None:
    """However usage is split, it costs the same; what is due at zero belongs to a window of its own."""
    plain = read.under(read.terms._replace(flat_at_zero=False, minimum_at_zero=False))
    before = [Decimal(0), *itertools.accumulate(chunks)]
    parts = [charge(read, q, before=b, allowance=allowance) for q, b in zip(chunks, before, strict=False)]

    assert amount(plain, before[-1] - allowance) == sum(parts)


@given(read=read_rates(), quantity=QUANTITIES, allowance=QUANTITIES)
def test_an_explanation_adds_up_under_any_terms(read: Rate, quantity: Decimal, allowance: Decimal) -> None:
    """The steps are the charge, to the last digit; nothing used may still have a step."""
    for asked in (quantity, Decimal(0)):
        steps = explain(read, asked, allowance=allowance)

        assert charge(read, asked, allowance=allowance) == sum(step.amount for step in steps)


def test_an_explanation_names_fees_packages_and_edges() -> None:
    """In the words of the price list, with the edges as the biller reads them."""
    fields = {"model": "volume", "tiers": TWO}

    assert ["flat fee for units up to 100"] == [
        step.text for step in explain(rate(**fields).under(AT_ZERO), Decimal(0))
    ]
    assert ["units from 100", "flat fee for units from 100"] == [
        step.text for step in explain(rate(**fields).under(OPEN), Decimal(100))
    ]
    assert ["started packages of 10 up to 100", "started packages of 100 above 100"] == [
        step.text for step in explain(rate(model="graduated", tiers=PACKED), Decimal(101))
    ]
    assert ["units", "flat fee"] == [
        step.text for step in explain(rate(unit_price=2, flat_fee=7), Decimal(3))
    ]
    assert ["units up to 100", "units above 100", "beyond the maximum"] == [
        step.text for step in explain(rate(model="graduated", tiers=CAPPED), Decimal(120))
    ]
