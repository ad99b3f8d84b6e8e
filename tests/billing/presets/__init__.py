"""Billers' own test cases: what their public documents and tests say a case comes to, one file a biller.

A case is a request as `saasim quote` takes it, under the biller's preset; no price book is needed.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from billing import quote as quoting
from billing.price_book import PriceBook

MONTH = date(2026, 1, 1)
EMPTY = PriceBook(name="quote", plans={})

Case = tuple[dict[str, Any], str]
"""A request, and what it comes to."""


def quoted(request: dict[str, Any], preset: str) -> dict[str, Any]:
    """Quote a request that brings all that it asks about, under a biller's conventions."""
    return quoting.quote(EMPTY, {"conventions": preset, **request}, month=MONTH)


def comes_to(request: dict[str, Any], preset: str, *, exact: bool = False) -> str:
    """Return what a request comes to, rounded or to the last digit."""
    return str(quoted(request, preset)["exact" if exact else "amount"])


def usage(quantity: float | str, **rate: Any) -> dict[str, Any]:
    """Ask about a price of usage."""
    return {"price": rate, "quantity": Decimal(str(quantity))}


def fee(amount: int | Decimal, **more: Any) -> dict[str, Any]:
    """Ask about a plan that is nothing but a monthly fee."""
    return {"plan": {"prices": {"fee": {"per": "subscription", "unit_price": amount}}}, **more}


def tiers(*bounds: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Write tiers as (up to, price of one[, flat fee[, package size]])."""
    names = ("up_to", "unit_price", "flat_fee", "package_size")
    return [dict(zip(names, bound, strict=False)) for bound in bounds]
