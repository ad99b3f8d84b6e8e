"""Figures: numbers of a comparison as markup: amounts, shares and changes, with their sign and colour."""

from decimal import Decimal

from simulator.page.markup import Html, element, text
from simulator.values import money_text, percent_text, whole_money_text

RATIOS = ("nrr", "gross_margin")
"""The measures that are shares."""

TITLES = {"committed_mrr": "committed MRR", "nrr": "NRR", "gross_margin": "gross margin"}
"""What measures are called where that is not their own name."""

NOTHING = Html("–")


def title(measure: str) -> str:
    """Return what a measure is called."""
    return TITLES.get(measure, measure)


def amount(measure: str, value: Decimal | None, currency: str) -> Html:
    """Write a measure: a share in per cent, money in whole units."""
    if value is None:
        return NOTHING
    return text(percent_text(value) if measure in RATIOS else whole_money_text(value, currency))


def change(measure: str, value: Decimal | None, currency: str) -> Html:
    """Write how much a measure changed: a share in percentage points."""
    if value is None:
        return NOTHING
    if measure in RATIOS:
        return signed(value, f"{value * 100:,.1f} pp")
    return signed(value, whole_money_text(value, currency))


def cents(value: Decimal, currency: str) -> Html:
    """Write a changed amount with its cents."""
    places = value.quantize(Decimal("0.01"))
    return signed(places, money_text(places, currency))


def percent(value: Decimal | None) -> Html:
    """Write a relative change."""
    return NOTHING if value is None else signed(value, percent_text(value))


def signed(value: Decimal, words: str) -> Html:
    """Write a change with its sign: what is more in one colour, what is less in another."""
    if not value:
        return element("span", words, kind="dim")
    return element("span", f"+{words}" if value > 0 else words, kind="more" if value > 0 else "less")
