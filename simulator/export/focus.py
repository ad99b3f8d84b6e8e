"""FOCUS: every invoice line as a charge of the FinOps Open Cost and Usage Specification, version 1.2.

A customer is a billing account, a subscription a sub account, a line a charge: the charges of an invoice sum
to its total. Discounts, refunds and true-ups are charges of their own, as they are lines of their own.

FOCUS wants price times quantity to be the cost, to the last digit. Where a line's cost is its quantity times
some price, that is what is said; where it is not (tiers, packages, allowances), the charge is one of itself,
and what was used stands in ConsumedQuantity.
"""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.explanation.words import days_text, plural
from billing.price_book import PriceBook
from metering.document import did_you_mean, problem

VERSION = "1.2"

CATEGORIES = (
    "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases",
    "Developer Tools", "Multicloud", "Identity", "Integration", "Internet of Things",
    "Management and Governance", "Media", "Migration", "Mobile", "Networking", "Security", "Storage", "Web",
    "Other",
)  # fmt: skip
"""What ServiceCategory may be."""

TEXT, INSTANT, COST, QUANTITY = pl.String(), pl.String(), pl.Decimal(18, 4), pl.Decimal(38, 12)
WHOLE = pl.Int64()

COLUMNS: dict[str, pl.DataType] = {
    "BilledCost": COST,
    "BillingAccountId": TEXT,
    "BillingAccountName": TEXT,
    "BillingCurrency": TEXT,
    "BillingPeriodEnd": INSTANT,
    "BillingPeriodStart": INSTANT,
    "ChargeCategory": TEXT,
    "ChargeClass": TEXT,
    "ChargeDescription": TEXT,
    "ChargeFrequency": TEXT,
    "ChargePeriodEnd": INSTANT,
    "ChargePeriodStart": INSTANT,
    "ConsumedQuantity": QUANTITY,
    "ConsumedUnit": TEXT,
    "ContractedCost": COST,
    "ContractedUnitPrice": QUANTITY,
    "EffectiveCost": COST,
    "InvoiceId": TEXT,
    "InvoiceIssuerName": TEXT,
    "ListCost": COST,
    "ListUnitPrice": QUANTITY,
    "PricingCategory": TEXT,
    "PricingQuantity": QUANTITY,
    "PricingUnit": TEXT,
    "ProviderName": TEXT,
    "PublisherName": TEXT,
    "ServiceCategory": TEXT,
    "ServiceName": TEXT,
    "ServiceSubcategory": TEXT,
    "SkuId": TEXT,
    "SkuMeter": TEXT,
    "SkuPriceDetails": TEXT,
    "SkuPriceId": TEXT,
    "SubAccountId": TEXT,
    "SubAccountName": TEXT,
    "x_LineKind": TEXT,
    "x_LineNumber": WHOLE,
    "x_RevenueStream": TEXT,
    "x_Segment": TEXT,
}
"""The columns of the data set, in the order of their names; those that begin with `x_` are ours."""

INSTANTS = frozenset(name for name in COLUMNS if name.endswith(("PeriodStart", "PeriodEnd")))
"""The columns that hold instants, as ISO 8601 in UTC."""

KINDS = {
    "usage": ("Usage", "Usage-Based"),
    "recurring": ("Purchase", "Recurring"),
    "once": ("Purchase", "One-Time"),
    "credit": ("Purchase", "One-Time"),
    "discount": ("Credit", "One-Time"),
    "refund": ("Credit", "One-Time"),
    "true_up": ("Adjustment", "One-Time"),
}
"""ChargeCategory and ChargeFrequency by the kind of a line. A credit gives back a part of a purchase."""

PRICED = ("Usage", "Purchase")
"""The categories whose charges have a price."""

ONE = "Charges"
"""The unit of a charge whose cost no price times its quantity comes to."""

_PLACES = Decimal("1e-12")
_DIGITS = 60

Row = Mapping[str, Any]


def category_of(name: str) -> str:
    """Return a ServiceCategory by its name, `Other` for none. Raises Problems for one that FOCUS has not."""
    if name and name not in CATEGORIES:
        raise problem("--service-category", f"FOCUS has no {name!r}", did_you_mean(name, CATEGORIES))
    return name or "Other"


def of_ledger(ledger: DuckDBPyConnection, book: PriceBook, category: str = "Other") -> pl.DataFrame:
    """Return every invoice line of a ledger as a charge, with `COLUMNS`, by month, invoice and line."""
    cursor = ledger.execute("""
        select l.*, coalesce(nullif(a.name, ''), l.account) as account_name,
            coalesce(a.segment, '') as segment, coalesce(d.adjusts, '') as adjusts
        from invoice_lines l left join accounts a on a.account = l.account
        left join adjustments d on d.invoice = l.invoice and d.line_no = l.line_no
        order by l.month, l.invoice, l.line_no""")
    names = [column[0] for column in cursor.description or ()]
    fixed = {
        **dict.fromkeys(("InvoiceIssuerName", "ProviderName", "PublisherName"), book.name),
        "ServiceCategory": category,
        "ServiceSubcategory": f"Other ({category})",
    }
    made = [{**fixed, **charge(dict(zip(names, row, strict=True)), book)} for row in cursor.fetchall()]
    return pl.DataFrame([list(map(row.get, COLUMNS)) for row in made], schema=COLUMNS, orient="row")


def charge(line: Row, book: PriceBook) -> dict[str, Any]:
    """Return what an invoice line says as a charge; what FOCUS wants to be null is left out."""
    is_correction = line["kind"] == "adjustment"
    category, frequency = KINDS[line["adjusts"] or "recurring"] if is_correction else KINDS[line["kind"]]
    told = {
        **dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), line["amount"]),
        "BillingAccountId": line["account"],
        "BillingAccountName": line["account_name"],
        "BillingCurrency": line["currency"],
        "BillingPeriodStart": _instant(line["month"]),
        "BillingPeriodEnd": _instant((line["month"] + timedelta(days=31)).replace(day=1)),
        "ChargeCategory": category,
        "ChargeClass": "Correction" if is_correction else None,
        "ChargeDescription": _described(line, book),
        "ChargeFrequency": frequency,
        "ChargePeriodStart": _instant(line["starts_on"]),
        "ChargePeriodEnd": _instant(line["ends_on"]),
        "InvoiceId": line["invoice"],
        "ServiceName": _service(line, book),
        "x_LineKind": line["kind"],
        "x_LineNumber": line["line_no"],
        "x_RevenueStream": line["stream"],
        "x_Segment": line["segment"] or None,
    }
    if line["subscription"] != line["account"]:
        told |= {"SubAccountId": line["subscription"], "SubAccountName": line["subscription"]}
    if category == "Usage":
        told |= {"ConsumedQuantity": line["quantity"], "ConsumedUnit": _unit(line, book)}
    if category in PRICED:
        told |= _sku(line)
    if category in PRICED and not is_correction:
        told |= _priced(line, book)
    return told


def metadata(frame: pl.DataFrame, contents: Mapping[str, Any], file: str) -> bytes:
    """Return the metadata that FOCUS asks for beside the data: who made it, when, and its columns.

    The time of creation is the end of the run's last month, so that the same run gives the same file.
    """
    year, month = map(int, contents["months"]["last"].split("-"))
    ended = (date(year, month, 1) + timedelta(days=31)).replace(day=1)
    schema = {
        "SchemaId": f"saasim-focus-{VERSION}",
        "FocusVersion": VERSION,
        "CreationDate": _instant(ended),
        "ColumnDefinition": [_column(name, kind) for name, kind in frame.schema.items()],
    }
    told = {"DataGenerator": f"saasim {contents['made_by']['saasim']}", "Data": file, "Schema": schema}
    return (json.dumps(told, indent=2) + "\n").encode()


def _column(name: str, kind: pl.DataType) -> dict[str, Any]:
    if isinstance(kind, pl.Decimal):
        numbers = {"NumericPrecision": kind.precision, "NumberScale": kind.scale}
        return {"ColumnName": name, "DataType": "DECIMAL", **numbers}
    if kind == WHOLE:
        return {"ColumnName": name, "DataType": "DECIMAL", "NumericPrecision": 18, "NumberScale": 0}
    if name in INSTANTS:
        return {"ColumnName": name, "DataType": "DATETIME"}
    what = "JSON" if name == "SkuPriceDetails" else "STRING"
    return {"ColumnName": name, "DataType": what, "StringEncoding": "UTF-8"}


def _sku(line: Row) -> dict[str, Any]:
    """Name what is sold: the price of a plan, and its version by the values that the price groups by."""
    sku = f"{line['plan']}/{line['price']}"
    told: dict[str, Any] = {"SkuId": sku, "SkuPriceId": sku, "SkuMeter": line["meter"] or line["price"]}
    if line["dimensions"]:
        values = json.loads(line["dimensions"])
        told["SkuPriceId"] = f"{sku}?{'&'.join(f'{key}={value}' for key, value in sorted(values.items()))}"
        details = {f"x_{key}": value for key, value in sorted(values.items())}
        told["SkuPriceDetails"] = json.dumps(details, ensure_ascii=False)
    return told


def _priced(line: Row, book: PriceBook) -> dict[str, Any]:
    """Return a price and a quantity that come to the line's amount exactly."""
    amount, quantity = line["amount"], abs(line["quantity"])
    price, unit = _exact_price(amount, quantity), _unit(line, book)
    if price is None:
        price, quantity, unit = abs(amount), Decimal(1), ONE
    quantity = -quantity if amount < 0 else quantity
    prices = dict.fromkeys(("ContractedUnitPrice", "ListUnitPrice"), price)
    return {**prices, "PricingCategory": "Standard", "PricingQuantity": quantity, "PricingUnit": unit}


def _exact_price(amount: Decimal, quantity: Decimal) -> Decimal | None:
    """Return what one costs if so many cost the amount, or None where 12 places do not say it exactly."""
    if not quantity:
        return None
    with localcontext(prec=_DIGITS):
        price = (abs(amount) / quantity).quantize(_PLACES)
        return price if price * quantity == abs(amount) else None


def _unit(line: Row, book: PriceBook) -> str:
    """Name what is counted, as FOCUS writes units: capitalised, and more than one."""
    plan = book.plans.get(line["plan"])
    price = plan.prices.get(line["price"]) if plan else None
    if line["meter"]:
        meter = book.meters.get(line["meter"])
        name = (meter.unit if meter else "") or line["meter"]
    elif price is not None and price.per in {"seat", "subscription"}:
        name = price.per
    else:
        name = line["price"]
    words = plural(name.replace("_", " "))
    return words[:1].upper() + words[1:]


def _service(line: Row, book: PriceBook) -> str:
    plan = book.plans.get(line["plan"])
    return plan.name if plan else line["plan"]


def _described(line: Row, book: PriceBook) -> str:
    what = line["kind"].replace("_", " ")
    if line["kind"] == "adjustment":
        what = f"adjustment of {line['adjusts'].replace('_', ' ')}"
    part = f" ({line['dimensions']})" if line["dimensions"] else ""
    days = days_text(line["starts_on"], line["ends_on"])
    return f"{_service(line, book)}, {line['price']}{part}: {what}, {days}"


def _instant(day: date) -> str:
    return f"{day:%Y-%m-%d}T00:00:00Z"
