"""Cases of proration told in one line each, and answered by a quote."""

from datetime import date
from typing import Any

from billing.price_book import loads
from billing.quote import quote

BOOK = loads("""
name = "Cases"
[plans.none]
name = "none"
stream = "none"
""")


def fee(amount: float | str) -> dict[str, Any]:
    """A fee of a month."""
    return {"per": "subscription", "model": "flat", "flat_fee": str(amount)}


def asked(conventions: str | dict[str, Any], price: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Quote one price; see `billing.quote`."""
    request = {"price": price, "quantity": 1, "conventions": conventions, **more}
    return quote(BOOK, request, month=date(2026, 1, 1))


def shown(answer: dict[str, Any], *names: str) -> list[str]:
    """Return some words of each line, in the order in which its service begins, credits first."""
    lines = sorted(answer["lines"], key=lambda line: (line["starts_on"], line["kind"], line["ends_on"]))
    return [
        " ".join(line[name] for name in names or ("kind", "starts_on", "ends_on", "amount")) for line in lines
    ]
