"""The table of a calibration: what is expected, and what each scenario reached, as Markdown."""

from collections.abc import Mapping
from decimal import Decimal

from analytics.targets import TOTAL
from tests.calibration.history import Key
from tests.calibration.spread import Spread

CUSTOMERS = "customers"
THOUSAND, MILLION = Decimal(1_000), Decimal(1_000_000)

Spreads = Mapping[Key, Spread]


def table(scenarios: Mapping[str, Spreads]) -> str:
    """Return a table with a row for each figure and two columns for each scenario, by its name."""
    heads = ["", "year", "expected"]
    for name in scenarios:
        heads += [f"`{name}`: median (P10 to P90)", "of expected"]
    lines = [_row(heads), _row(["---", "---:", "---:", *["---:", "---:"] * len(scenarios)])]
    keys = {key: spread for spreads in scenarios.values() for key, spread in spreads.items()}
    for key in sorted(keys, key=lambda key: (key.measure, key.row == TOTAL, key.row, key.year)):
        cells = [f"{key.measure}, {key.row}", f"{key.year}", _figure(key, keys[key].goal)]
        for spreads in scenarios.values():
            cells += _cells(key, spreads.get(key))
        lines.append(_row(cells))
    return "\n".join(lines)


def _cells(key: Key, spread: Spread | None) -> list[str]:
    if spread is None:
        return ["–", "–"]
    low, median, high = (_figure(key, one) for one in (spread.low, spread.median, spread.high))
    share = spread.share
    return [f"{median} ({low} to {high})", "–" if share is None else f"{share * 100:.0f} %"]


def _figure(key: Key, value: Decimal | None) -> str:
    if value is None:
        return "–"
    if key.measure == CUSTOMERS:
        return f"{value:,.0f}"
    return f"{value / MILLION:,.2f}M" if value >= MILLION else f"{value / THOUSAND:,.0f}K"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
