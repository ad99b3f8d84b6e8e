"""`saasim lifetime`: how long customers stay, what they are worth, and when they have paid back."""

import sys
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
from rich.console import Console

from analytics.dimension import OF_ACCOUNTS, Dimension
from analytics.lens import seen
from analytics.lifetime import METHODS, lifetime_values, realised
from analytics.payback import paybacks
from analytics.policy import named
from analytics.renewal import renewal_fits
from analytics.repurchase import purchase_fits
from analytics.survival import median, survival
from billing.ledger import connect
from metering.document import Problems, did_you_mean, problem
from simulator import manifest, tables
from simulator.publication import find
from simulator.values import percent_text, short_money_text, to_json, whole_money_text

AGES = (0, 1, 2, 3, 6, 9, 12, 18, 24, 36, 48, 60)
"""The ages of the table; --json has every one."""

QUARTER = 3

Cell = Callable[[Any], str]
Columns = dict[str, tuple[str, Cell]]
"""The columns of a table: their titles, and how a value is written."""


def lifetime(name: str, *, by: str | None, every: int, policy: str, as_json: bool) -> int:
    """Print survival, renewals, purchases, lifetime values and paybacks of a run's customers.

    Who is a customer from when to when, and what a month of one is worth, is as the policy says.
    """
    run = find(name)
    currency = manifest.read(run)["price_book"]["currency"]
    part, taken = _dimension(by), named(policy)
    if every < 1:
        raise problem("--every", f"{every} months", "give 1 for months, 3 for quarters, 12 for years")
    with (
        connect(run / manifest.LEDGER) as ledger,
        tables.terminal(sys.stderr).status("following the customers"),
        seen(ledger, taken),
    ):
        found = {
            "survival": survival(ledger, part),
            "realised": realised(ledger, part),
            "values": lifetime_values(ledger, part, taken),
            "paybacks": paybacks(ledger, part, every=every, policy=taken),
        }
        missing = ""
        try:
            found |= {"renewals": renewal_fits(ledger, part), "purchases": purchase_fits(ledger)}
        except Problems as lacking:
            missing = str(lacking.problems[0].remedy)
    if as_json:
        told: dict[str, Any] = {name: frame.to_dicts() for name, frame in found.items()}
        told["policy"] = taken.hash
        sys.stdout.write(to_json(told | ({"missing": missing} if missing else {})) + "\n")
        return 0
    screen = tables.terminal(sys.stdout)
    _show(screen, found, by, currency)
    if policy:
        screen.print(f"\n  policy {taken.name}, {taken.hash}", style="dim")
    if missing:
        screen.print(f"\n  renewals and purchases are fitted with scipy: {missing}", style="yellow")
    return 0


def _dimension(by: str | None) -> Dimension:
    for one in OF_ACCOUNTS:
        if by == one or (by is None and one == "whole"):
            return one
    near = did_you_mean(str(by), OF_ACCOUNTS[1:])
    raise problem("--by", f"customers do not belong to one {by!r}", near or "try segment or channel")


def _show(screen: Console, found: dict[str, pl.DataFrame], by: str | None, currency: str) -> None:
    money: Cell = lambda amount: short_money_text(Decimal(str(amount)), currency)  # noqa: E731
    keys: Columns = {"part": (by, str)} if by else {}
    _show_survival(screen, found, keys, money)
    if "renewals" in found and len(found["renewals"]):
        _show_renewals(screen, found["renewals"], keys)
    if "purchases" in found and len(found["purchases"]):
        _show_purchases(screen, found["purchases"])
    screen.print("\nWhat a customer is worth", style="bold")
    values = found["values"].with_columns(
        how=pl.col("method").replace(METHODS),
        of=pl.when(pl.col("of") == "").then(pl.lit("customers")).otherwise("of"),
    )
    columns: Columns = {
        "how": ("method", str),
        "of": ("of", str),
        "size": ("seen", _count),
        "value": ("value", money),
    }
    columns |= {"std_error": ("± s.e.", money), "low": ("95 % from", money), "high": ("to", money)}
    _print(screen, values, {**keys, **columns, "reason": ("", str)})
    _show_paybacks(screen, found["paybacks"], keys, currency)


def _show_survival(screen: Console, found: dict[str, pl.DataFrame], keys: Columns, money: Cell) -> None:
    curve, profit = found["survival"], found["realised"].select("part", "age", "profit")
    screen.print("How long customers stay", style="bold")
    rows = curve.join(profit, on=["part", "age"], how="left", maintain_order="left")
    columns: Columns = {"age": ("age", _count), "at_risk": ("at risk", _count), "ended": ("left", _count)}
    shares: Columns = {
        "survival": ("still there", percent_text),
        "low": ("95 % from", percent_text),
        "high": ("to", percent_text),
    }
    _print(
        screen,
        rows.filter(pl.col("age").is_in(AGES)),
        {**keys, **columns, **shares, "profit": ("profit so far", money)},
    )
    if not keys and len(curve):
        half = median(curve)
        told = (
            f"half of them have left by month {half}"
            if half is not None
            else "more than half are still there"
        )
        size, left = curve["at_risk"][0], curve["ended"].sum()
        have = "has" if left == 1 else "have"
        screen.print(f"  {size:,} customers, {left:,} {have} left; {told} (Kaplan–Meier)", style="dim")


def _show_renewals(screen: Console, fits: pl.DataFrame, keys: Columns) -> None:
    screen.print("\nHow contracts are renewed (shifted beta-geometric)", style="bold")
    columns: Columns = {
        "unit": ("terms of a", str),
        "contracts": ("contracts", _count),
        "lost": ("lost", _count),
    }
    columns |= {"rate": ("lost at a renewal", percent_text), "rate_se": ("± s.e.", percent_text)}
    numbers: Columns = {
        "alpha": ("alpha", _number),
        "alpha_se": ("± s.e.", _number),
        "beta": ("beta", _number),
    }
    _print(screen, fits, {**keys, **columns, **numbers, "beta_se": ("± s.e.", _number), "reason": ("", str)})


def _show_purchases(screen: Console, fits: pl.DataFrame) -> None:
    screen.print("\nHow buyers come back (BG/NBD by the month, Gamma-Gamma)", style="bold")
    columns: Columns = {
        "stream": ("stream", str),
        "buyers": ("buyers", _count),
        "came_back": ("came back", _count),
    }
    columns |= {name: (name, _number) for name in ("r", "alpha", "a", "b", "p", "q", "gamma")}
    _print(screen, fits, {**columns, "reason": ("", str)})


def _show_paybacks(screen: Console, rows: pl.DataFrame, keys: Columns, currency: str) -> None:
    screen.print("\nWhen cohorts have earned back what winning them cost", style="bold")
    money: Cell = lambda amount: whole_money_text(amount, currency)  # noqa: E731
    columns: Columns = {
        "cohort": ("won from", lambda day: f"{day:%Y-%m}"),
        "customers": ("customers", _count),
    }
    columns |= {
        "cac": ("CAC", money),
        "cumulative": ("gross profit so far", money),
        "observed": ("by age", _count),
    }
    _print(
        screen, rows, {**keys, **columns, "payback_months": ("paid back at age", _count), "reason": ("", str)}
    )


def _print(screen: Console, frame: pl.DataFrame, columns: Columns) -> None:
    """Print some columns of a frame; texts flush left, numbers right. Reasons go where there is room."""
    widths: Iterable[Sequence[str]] = ([*columns], [name for name in columns if name != "reason"])
    tables.show_fitting(screen, (_table(frame, {name: columns[name] for name in names}) for names in widths))


def _table(frame: pl.DataFrame, columns: Columns) -> Any:
    table = tables.plain_table()
    for name, (title, _) in columns.items():
        table.add_column(title, justify="left" if frame.schema[name] in (pl.String, pl.Date) else "right")
    for row in frame.iter_rows(named=True):
        table.add_row(*("–" if row[name] is None else cell(row[name]) for name, (_, cell) in columns.items()))
    return table


def _count(number: int) -> str:
    return f"{number:,}"


def _number(value: float) -> str:
    return f"{value:,.3f}"
