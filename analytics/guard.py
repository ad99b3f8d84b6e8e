"""Guards: whether a price change meets its conditions, and which customers' bills break them.

    revenue_change >= -2%
    max_bill_increase{segment="smb"} <= 15%
    invoice{account="acme", month="2026-03"} == 1015.00

`analytics.condition` reads the language. `revenue` is the amount after, `revenue_before` that before,
`revenue_change` the change relative to it, `revenue_delta` the difference; so it is with every measure of a
comparison. Bills are what each customer is billed in all months (in the months that a filter names); one from
nothing rises without end. Customers who came only later have no rise.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from analytics.comparison import Comparison
from analytics.comparison.bills import ENDLESS, QUANTILES, bills
from analytics.comparison.sums import Where, sums
from analytics.condition import INCREASES, INVOICE, UP, Condition, Measure, parse
from metering.document import Problem, Problems, did_you_mean, problem, read

OFFENDERS = 10
"""How many customers a verdict names; it counts all."""

LINES = 3
"""How many lines it names of each."""

ZERO = Decimal(0)

SIGNS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class Guard(NamedTuple):
    """A condition that must hold (or must not, with `fail_if`), and the name that somebody gave it."""

    name: str
    condition: Condition
    fail_if: bool = False


class Line(NamedTuple):
    """A line that made a bill what it is, with the main cause of its change."""

    subscription: str
    plan: str
    price: str
    kind: str
    cause: str
    before: Decimal
    after: Decimal
    change: Decimal


class Offender(NamedTuple):
    """A customer behind a verdict, and the month where one invoice is; no `relative` is from nothing."""

    account: str
    name: str
    segment: str
    month: str
    before: Decimal
    after: Decimal
    change: Decimal
    relative: Decimal | None
    lines: tuple[Line, ...]


class Verdict(NamedTuple):
    """Whether a guard holds, what was measured, the bound, and the customers that made it so.

    `measured` is None where there is nothing to measure (no customers of a year ago): then nothing holds. It
    is infinite where something came from nothing. `offenders` are those with the largest part in it, and
    `offender_count` counts all; there are none where the guard holds. A verdict is true where it holds.
    """

    name: str
    condition: str
    holds: bool
    measured: Decimal | None
    bound: Decimal
    unit: str
    offenders: tuple[Offender, ...]
    offender_count: int

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        return "\n".join(told(self))


def check(found: Comparison, condition: str | Condition, *, name: str = "", fail_if: bool = False) -> Verdict:
    """Say whether a condition holds of a comparison; with `fail_if`, whether it does not.

    Raises Problems where the text is no condition, or names what neither ledger has.
    """
    given = parse(condition) if isinstance(condition, str) else condition
    wanted = given.opposite() if fail_if else given
    text = f"fail if {given.text}" if fail_if else given.text
    measured = measure(found, given.measure)
    holds = measured is not None and SIGNS[wanted.sign](measured, wanted.bound)
    offending = None if holds or measured is None else _offending(found, wanted)
    return Verdict(
        name=name or text,
        condition=text,
        holds=holds,
        measured=measured,
        bound=given.bound,
        unit=given.measure.unit,
        offenders=() if offending is None else _named(found, offending, given.measure.where),
        offender_count=0 if offending is None else len(offending),
    )


def check_all(found: Comparison, guards: Iterable[Guard]) -> list[Verdict]:
    """Check guards in their order. Raises Problems with every one that cannot be checked."""
    verdicts, problems = [], list[Problem]()
    for guard in guards:
        try:
            verdicts.append(check(found, guard.condition, name=guard.name, fail_if=guard.fail_if))
        except Problems as wrong:
            problems += wrong.problems
    if problems:
        raise Problems(problems)
    return verdicts


def load(path: Path) -> list[Guard]:
    """Read what must hold from the table `[guards]` of a file. Raises Problems with all that is wrong."""
    place = str(path)
    data = read(path)
    problems = [
        Problem(f"{place}: {key}", "unknown key", did_you_mean(key, ["guards"]))
        for key in data
        if key != "guards"
    ]
    table = data.get("guards")
    if not isinstance(table, dict) or not table:
        problems.append(Problem(place, "has no guards", 'add [guards] and revenue = "revenue_change >= -2%"'))
        table = {}
    guards = []
    for name, text in table.items():
        try:
            guards.append(Guard(name, _condition(text)))
        except Problems as wrong:
            problems += [one._replace(place=f"{place}: guards.{name}: {one.place}") for one in wrong.problems]
    if problems:
        raise Problems(problems)
    return guards


def _condition(text: Any) -> Condition:
    if not isinstance(text, str):
        raise problem(repr(text), "is no text", 'write it in quotes: "revenue_change >= -2%"')
    return parse(text)


def measure(found: Comparison, wanted: Measure) -> Decimal | None:
    """Return what a measure of a comparison comes to; None where there is nothing to measure.

    Raises Problems where a filter names what neither ledger has.
    """
    _check_values(found, wanted)
    if wanted.name in UP or wanted.name in INCREASES:
        return _of_bills(found, wanted)
    name = "billed" if wanted.stem == INVOICE else wanted.stem
    before, after = (
        sums(reading, where=wanted.where, names=[name])[name][0] for reading in (found.before, found.after)
    )
    if wanted.suffix in ("_change", "_delta") and before == after:
        return ZERO
    if wanted.suffix == "_change" and None not in (before, after):
        return _relative(before, after)
    if wanted.suffix == "_delta" and None not in (before, after):
        return Decimal(after - before)
    return {"": after, "_before": before}.get(wanted.suffix)


def _relative(before: Decimal, after: Decimal) -> Decimal:
    """Return a change relative to what was before, in full; one from nothing is infinite."""
    if before == after:
        return ZERO
    if before <= 0 < after:
        return ENDLESS
    return (after - before) / abs(before) if before else -ENDLESS


def _of_bills(found: Comparison, wanted: Measure) -> Decimal:
    """Return how many bills rise by more than a share, or by how much one of them does."""
    rises = sorted(rise for rise, _ in _rises(found, wanted))
    if wanted.name in UP:
        return Decimal(sum(rise > UP[wanted.name] for rise in rises))
    if not rises:
        return ZERO
    quantile = QUANTILES.get(wanted.name.partition("_")[0])
    return rises[-1] if quantile is None else rises[round((len(rises) - 1) * quantile)]


def _rises(found: Comparison, wanted: Measure) -> list[tuple[Decimal, dict[str, Any]]]:
    """Return by how much each bill rises, with its row; bills of who came only later are left out."""
    by = ["month"] if wanted.name == "max_invoice_increase" else []
    known = found.before.accounts.select("account")
    rows = bills(found.before, found.after, by, where=wanted.where).join(known, on="account", how="semi")
    return [(_relative(row["before"], row["after"]), row) for row in rows.iter_rows(named=True)]


def _offending(found: Comparison, wanted: Condition) -> list[dict[str, Any]]:
    """Return the bills that break a condition, the worst first.

    Of a measure of bills these are the bills beyond the bound; of a sum, those that moved it to the wrong
    side: down where it must not fall, up where it must not rise, either way where it must be equal.
    """
    name = wanted.measure.name
    if name in UP or name in INCREASES:
        bad = SIGNS[wanted.opposite().sign]
        bound = UP.get(name, wanted.bound)
        beyond: Callable[[Decimal], bool] = (
            (lambda rise: rise > bound) if name in UP else (lambda rise: bad(rise, bound))
        )
        hit = [(rise, row) for rise, row in _rises(found, wanted.measure) if beyond(rise)]
        falls = wanted.sign in (">", ">=")
        hit.sort(key=lambda one: (one[0] if falls else -one[0], -abs(one[1]["change"]), one[1]["account"]))
        return [row for _, row in hit]
    rows = bills(found.before, found.after, where=wanted.measure.where).filter(pl.col("change") != 0)
    falls, rises = wanted.sign in (">", ">="), wanted.sign in ("<", "<=")
    if wanted.measure.suffix == "_before":
        return []
    side = pl.col("change") < 0 if falls else pl.col("change") > 0 if rises else pl.lit(value=True)
    return rows.filter(side).sort(pl.col("change").abs(), "account", descending=[True, False]).to_dicts()


def _named(found: Comparison, rows: list[dict[str, Any]], where: Where) -> tuple[Offender, ...]:
    """Name the worst customers with the lines that changed most."""
    worst = rows[:OFFENDERS]
    offenders = []
    for row in worst:
        own = {**where, "account": (row["account"],)}
        if "month" in row:
            own["month"] = (row["month"],)
        lines = found.changed_lines(own).head(LINES)
        fields = {name: row.get(name, "") for name in Offender._fields if name != "lines"}
        named = (Line(**{name: line[name] for name in Line._fields}) for line in lines.iter_rows(named=True))
        offenders.append(Offender(**fields, lines=tuple(named)))
    return tuple(offenders)


def _check_values(found: Comparison, wanted: Measure) -> None:
    """Raise Problems for filters whose values neither ledger has: such a guard would always hold."""
    problems = []
    for name, values in wanted.where.items():
        known = found.values(name)
        problems += [
            Problem(f"{wanted}", f"there is no {name} {value!r}", did_you_mean(value, known))
            for value in values
            if value not in known
        ]
    if problems:
        raise Problems(problems)


def told(verdict: Verdict) -> list[str]:
    """Write a verdict in lines: whether it holds, what was measured, then customers and their lines."""
    measured, bound = (amount_text(value, verdict.unit) for value in (verdict.measured, verdict.bound))
    name = f"{verdict.name}: " if verdict.name != verdict.condition else ""
    state = "passed" if verdict.holds else "failed"
    lines = [f"{state}: {name}{verdict.condition} (measured {measured}, bound {bound})"]
    for one in verdict.offenders:
        share = amount_text(one.relative, "ratio") if one.relative is not None else "from nothing"
        amounts = f"{one.before:,.2f} -> {one.after:,.2f}, {one.change:+,.2f}"
        month = f" {one.month}" if one.month else ""
        lines.append(f"  {one.account} ({one.segment}){month}: {amounts} ({share})")
        lines += [
            f"    {line.plan} {line.price} ({line.kind}, {line.cause}): "
            f"{line.before:,.2f} -> {line.after:,.2f}, {line.change:+,.2f}"
            for line in one.lines
        ]
    more = verdict.offender_count - len(verdict.offenders)
    return [*lines, f"  and {more:,} more customers"] if more else lines


def amount_text(value: Decimal | None, unit: str) -> str:
    """Write what was measured, or a bound, by its unit; `nothing to measure` where there is none."""
    if value is None:
        return "nothing to measure"
    if not value.is_finite():
        return "without end (from nothing)"
    if unit == "ratio":
        return f"{_short(value * 100)} %"
    return f"{value:,.2f}" if unit == "money" else f"{value:,f}"


def _short(value: Decimal) -> str:
    """Write a number with at most four decimals."""
    text = f"{value:,.4f}"
    return text.rstrip("0").rstrip(".")
