"""FOCUS: every charge keeps the rules of the specification, and together they are the ledger's invoices.

`RULES` was written from the columns' requirements in FOCUS 1.2: which must be there, which may be null and
when, what they may hold, and what must multiply to what.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from billing.close import close
from metering.document import Problems
from simulator.export import focus
from tests.billing.late import delayed, told
from tests.ledgers import book, engine, posted
from tests.random_company import company
from tests.simulator.export.companies import random_log, spanned

Row = dict[str, Any]

MANDATORY = {
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd",
    "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost",
    "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName",
}  # fmt: skip
"""The columns that every data set must have."""

NEVER_NULL = (MANDATORY - {"ChargeClass", "PricingQuantity", "PricingUnit"}) | {
    "ChargeFrequency", "ServiceSubcategory",
}  # fmt: skip

ALLOWED: dict[str, set[str | None]] = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeClass": {None, "Correction"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {None, "Standard", "Dynamic", "Committed", "Other"},
}

PRICING = ("PricingQuantity", "PricingUnit", "ContractedUnitPrice", "ListUnitPrice", "SkuId", "SkuPriceId")
"""Null for a tax; there for usage and purchases that are no corrections."""

COSTS = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")

DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def nullability(row: Row) -> Iterator[str]:
    """Say what is null and must not be, or the reverse."""
    yield from (f"{name} is null" for name in sorted(NEVER_NULL) if row[name] in (None, ""))
    priced = row["ChargeCategory"] in ("Usage", "Purchase") and row["ChargeClass"] is None
    yield from (f"{name} is null" for name in (*PRICING, "PricingCategory") if priced and row[name] is None)
    if row["ChargeCategory"] == "Tax":
        yield from (f"{name} of a tax" for name in PRICING if row[name] is not None)
    for name, of in (("PricingUnit", "PricingQuantity"), ("ConsumedUnit", "ConsumedQuantity"),
                     ("SubAccountName", "SubAccountId"), ("SkuMeter", "SkuId")):  # fmt: skip
        if (row[name] is None) != (row[of] is None):
            yield f"{name} goes with {of}"
    if row["SkuPriceId"] is None and row["SkuPriceDetails"] is not None:
        yield "SkuPriceDetails without SkuPriceId"
    if row["ChargeCategory"] != "Usage" and row["ConsumedQuantity"] is not None:
        yield "ConsumedQuantity of no usage"
    if row["ChargeCategory"] == "Usage" and row["ChargeClass"] is None and row["ConsumedQuantity"] is None:
        yield "ConsumedQuantity of usage is null"


def values(row: Row) -> Iterator[str]:
    """Say what is not one of the values that it may be."""
    yield from (f"{name} is {row[name]!r}" for name, known in ALLOWED.items() if row[name] not in known)
    if row["ServiceCategory"] not in focus.CATEGORIES:
        yield f"ServiceCategory is {row['ServiceCategory']!r}"
    if row["ServiceSubcategory"] != f"Other ({row['ServiceCategory']})":
        yield "ServiceSubcategory is not one of its category"
    if not re.fullmatch("[A-Z]{3}", row["BillingCurrency"]):
        yield "BillingCurrency is no code of ISO 4217"
    if row["ChargeCategory"] == "Purchase" and row["ChargeFrequency"] == "Usage-Based":
        yield "a purchase is not based on usage"
    yield from (f"{name} is ''" for name, value in row.items() if value == "")  # null has no stand-in


def times(row: Row) -> Iterator[str]:
    """Say which time is not written as one, or begins after it ends."""
    for name in ("BillingPeriod", "ChargePeriod"):
        start, end = row[f"{name}Start"], row[f"{name}End"]
        if not (DATE_TIME.fullmatch(start) and DATE_TIME.fullmatch(end)):
            yield f"{name}: {start} {end}"
        elif datetime.fromisoformat(start) >= datetime.fromisoformat(end):
            yield f"{name} ends before it begins"


def numbers(row: Row) -> Iterator[str]:
    """Say which prices do not multiply to their costs; corrections are free of it."""
    for cost, price in (("ContractedCost", "ContractedUnitPrice"), ("ListCost", "ListUnitPrice")):
        if row[price] is not None and row[price] < 0:
            yield f"{price} is negative"
        if row[price] is not None and row["PricingQuantity"] is not None and row["ChargeClass"] is None:
            product = row[price] * row["PricingQuantity"]
            if product != row[cost]:
                yield f"{price} x PricingQuantity is {product}, and {cost} is {row[cost]}"
        if row[price] is None and row[cost] != row["BilledCost"]:
            yield f"{cost} of a charge without a price is not its BilledCost"
    if row["ChargeCategory"] in ("Credit", "Adjustment") and row["EffectiveCost"] != row["BilledCost"]:
        yield "EffectiveCost of a credit is not its BilledCost"


RULES: dict[Callable[[Row], Iterator[str]], list[Row]] = {  # each rule, and what breaks it
    nullability: [
        {"BilledCost": None}, {"ProviderName": ""}, {"PricingQuantity": None}, {"SkuId": None},
        {"ConsumedQuantity": None}, {"PricingUnit": None}, {"ChargeCategory": "Tax"},
    ],
    values: [
        {"ChargeCategory": "usage"}, {"ChargeClass": "Refund"}, {"ServiceCategory": "Sales"},
        {"BillingCurrency": "$"}, {"SubAccountId": ""}, {"ChargeCategory": "Purchase"},
    ],
    times: [{"ChargePeriodStart": "2026-01-01"}, {"BillingPeriodEnd": "2025-01-01T00:00:00Z"}],
    numbers: [{"ContractedUnitPrice": Decimal(3)}, {"ListUnitPrice": Decimal(-5)}, {"ListCost": Decimal(1)}],
}  # fmt: skip

GOOD: Row = {
    **dict.fromkeys(focus.COLUMNS, None),
    **dict.fromkeys(COSTS, Decimal(10)), **dict.fromkeys(MANDATORY - set(COSTS), "x"),
    "BillingCurrency": "USD", "ChargeCategory": "Usage", "ChargeClass": None,
    "ChargeFrequency": "Usage-Based", "PricingCategory": "Standard", "ServiceCategory": "Other",
    "ServiceSubcategory": "Other (Other)", "PricingQuantity": Decimal(2), "PricingUnit": "Calls",
    "ContractedUnitPrice": Decimal(5), "ListUnitPrice": Decimal(5), "ConsumedQuantity": Decimal(2),
    "ConsumedUnit": "Calls", "SkuId": "a", "SkuPriceId": "a", "SkuMeter": "calls",
    "SubAccountId": "s", "SubAccountName": "s",
    "BillingPeriodStart": "2026-01-01T00:00:00Z", "BillingPeriodEnd": "2026-02-01T00:00:00Z",
    "ChargePeriodStart": "2026-01-01T00:00:00Z", "ChargePeriodEnd": "2026-02-01T00:00:00Z",
}  # fmt: skip
"""A charge that keeps every rule."""


def broken(frame: pl.DataFrame) -> list[str]:
    """Return every breach of every rule."""
    return [said for row in frame.iter_rows(named=True) for rule in RULES for said in rule(row)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_can_be_broken(rule: Callable[[Row], Iterator[str]]) -> None:
    """A validator that finds nothing proves nothing."""
    assert [] == list(rule(GOOD))
    assert [] == [change for change in RULES[rule] if not list(rule({**GOOD, **change}))]


@pytest.mark.parametrize("seed", [1, 3, 8, 15])
def test_the_charges_of_a_random_company_keep_the_rules(seed: int, tmp_path: Path) -> None:
    """Whatever it is billed for, and the charges of each invoice are its total, to the cent."""
    log, prices = random_log(tmp_path, seed)
    ledger = posted(close(log, book=prices, connection=engine()))
    frame = focus.of_ledger(ledger, prices)
    lines, accounts = ledger.execute(
        "select count(*), count(distinct account) from invoice_lines"
    ).fetchall()[0]

    assert MANDATORY <= set(frame.columns)
    assert frame.columns == sorted(frame.columns, key=lambda name: (name.startswith("x_"), name))
    assert (lines, accounts) == (len(frame), frame["BillingAccountId"].n_unique())
    assert [] == broken(frame)
    totals = dict(ledger.execute("select invoice, total from invoices").fetchall())
    for cost in COSTS:
        assert totals == dict(frame.group_by("InvoiceId").agg(pl.col(cost).sum()).iter_rows())


def test_late_usage_is_a_correction(tmp_path: Path) -> None:
    """An adjustment corrects what was billed for an earlier period, and nothing else does."""
    import random

    text, events, periods = company(14)
    late = delayed(events, periods, random.Random(14), 0.2)
    log = told(tmp_path, late, spanned(late, periods))
    ledger = posted(close(log, book=book(text), connection=engine()))
    frame = focus.of_ledger(ledger, book(text))
    corrections = frame.filter(pl.col("ChargeClass") == "Correction")

    assert len(corrections)
    assert ["adjustment"] == corrections["x_LineKind"].unique().to_list()
    assert [] == broken(frame)


LINES = """
    select kind, quantity, amount from (values
        ('usage', 12000, 110.0000), ('usage', 4, 10), ('usage', 3, 10), ('recurring', 3, 90),
        ('credit', 3, -45), ('discount', 1, -9), ('refund', 1, -3), ('true_up', 5, 20), ('once', 0, 0)
    ) as lines (kind, quantity, amount)"""

EXPECTED = [  # category, frequency, quantity, unit, price
    ("Usage", "Usage-Based", "1", "Charges", "110"),  # 110 / 12,000 has no end
    ("Usage", "Usage-Based", "4", "Calls", "2.5"),
    ("Usage", "Usage-Based", "1", "Charges", "10"),  # nor has 10 / 3
    ("Purchase", "Recurring", "3", "Seats", "30"),
    ("Purchase", "One-Time", "-3", "Seats", "15"),
    ("Credit", "One-Time", None, None, None),
    ("Credit", "One-Time", None, None, None),
    ("Adjustment", "One-Time", None, None, None),
    ("Purchase", "One-Time", "1", "Charges", "0"),
]


def test_each_kind_of_line_is_a_charge_of_its_kind() -> None:
    """By hand: what is exact is quantity times price; what is not is one charge of itself."""
    prices = book("""
        [meters.calls]
        unit = "call"
        [plans.team]
        name = "Team"
        stream = "subscriptions"
        prices.seats = { per = "seat", unit_price = 30 }
        prices.calls = { meter = "calls", unit_price = 0.01 }""")
    rest = {
        **dict.fromkeys(("invoice", "account", "account_name", "subscription", "plan", "stream"), "team"),
        "month": datetime(2026, 1, 1).date(), "starts_on": datetime(2026, 1, 1).date(),  # noqa: DTZ001
        "ends_on": datetime(2026, 2, 1).date(), "currency": "USD", "dimensions": "",  # noqa: DTZ001
        "segment": "", "adjusts": "", "line_no": 1,
    }  # fmt: skip
    found = []
    for kind, quantity, amount in engine().execute(LINES).fetchall():
        is_usage = kind == "usage"
        own = {"kind": kind, "quantity": Decimal(quantity), "amount": amount}
        own |= {"meter": "calls" if is_usage else "", "price": "calls" if is_usage else "seats"}
        made = focus.charge({**rest, **own}, prices)
        cells = [made.get(name) for name in ("PricingQuantity", "PricingUnit", "ContractedUnitPrice")]
        texts = [f"{cell.normalize():f}" if isinstance(cell, Decimal) else cell for cell in cells]
        found.append((made["ChargeCategory"], made["ChargeFrequency"], *texts))

    assert EXPECTED == found


def test_a_category_that_focus_does_not_have_is_refused() -> None:
    """With the nearest one that it has."""
    with pytest.raises(Problems, match="AI and Machine Learning"):
        focus.category_of("AI and machine learning")
