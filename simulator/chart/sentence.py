"""Sentences: what a chart shows, for those who do not see it."""

from collections.abc import Callable
from datetime import date

import polars as pl

from simulator.chart.column import COUNT, MONEY, RATIO, month_text, quarter_label, word

Saying = Callable[[pl.DataFrame, str], str]
Naming = Callable[[date], str]


def grew(
    frame: pl.DataFrame, column: str, unit: str, currency: str, what: str, *, when: Naming = month_text
) -> str:
    """Say from where to where a figure went; NULL is left out."""
    known = frame.drop_nulls(column)
    if known.is_empty():
        return f"{what} is not known."
    first, last = known.row(0, named=True), known.row(-1, named=True)
    start, end = word(first[column], unit, currency), word(last[column], unit, currency)
    since, until = when(first["month"]), when(last["month"])
    if len(known) == 1:
        return f"{what}: {end} in {until}."
    if start == end:
        return f"{what} was {end} in {until} as in {since}."
    verb = "grew" if last[column] > first[column] else "fell"
    return f"{what} {verb} from {start} in {since} to {end} in {until}."


def growth(column: str, unit: str, what: str, *, quarters: bool = False) -> Saying:
    """Return the sentence of how one figure went, by the month or by the quarter."""
    when = quarter_label if quarters else month_text
    return lambda frame, currency: grew(frame, column, unit, currency, what, when=when)


def went(names: dict[str, str], unit: str) -> Saying:
    """Return the sentences of how several figures went, each by its column and what it is called."""

    def say(frame: pl.DataFrame, currency: str) -> str:
        told = [
            grew(frame, name, unit, currency, what) for name, what in names.items() if frame[name].count()
        ]
        return " ".join(told)

    return say


def largest(column: str, part: str, unit: str, what: str, *, adds_up: bool = True) -> Saying:
    """Return the sentence of what each part has in the last month, the largest first, and its share."""

    def say(frame: pl.DataFrame, currency: str) -> str:
        last = frame.filter(pl.col("month") == pl.col("month").max()).drop_nulls(column)
        last = last.group_by(part).agg(pl.col(column).sum()).sort(column, part, descending=[True, False])
        whole = last[column].sum()
        month = month_text(frame["month"].max())  # type: ignore[arg-type]
        told = [
            f"{name or 'unnamed'} {word(amount, unit, currency)}"
            + (f" ({word(float(amount) / float(whole), RATIO, currency)})" if adds_up and whole > 0 else "")
            for name, amount in last.head(4).iter_rows()
        ]
        more = f", and {len(last) - 4:,} more" if len(last) > 4 else ""  # noqa: PLR2004
        return f"{what} in {month}: {', '.join(told)}{more}."

    return say


def moved(frame: pl.DataFrame, currency: str) -> str:
    """Say how much each kind of movement came to over all months."""
    sums = frame.group_by("kind", maintain_order=True).agg(pl.col("amount").sum())
    told = {kind: amount for kind, amount in sums.iter_rows() if amount}
    span = _span(frame)
    parts = [
        f"{kind} {word(amount, MONEY, currency)}"
        for kind, amount in sorted(told.items(), key=lambda x: -x[1])
    ]
    net = word(sum(told.values()), MONEY, currency)
    return f"From {span}: {', '.join(parts)}; together {net}."


def bridged(frame: pl.DataFrame, currency: str) -> str:
    """Say what each step of a bridge came to."""
    told = [f"{step} {word(amount, MONEY, currency)}" for step, amount in frame.iter_rows() if amount]
    return f"{', '.join(told)}."


def listed(name: str, column: str, unit: str, what: str, most: int = 3) -> Saying:
    """Return the sentence that names the first rows of a list."""

    def say(frame: pl.DataFrame, currency: str) -> str:
        rows = frame.head(most).iter_rows(named=True)
        told = [f"{word(row[name], 'text', currency)} {word(row[column], unit, currency)}" for row in rows]
        more = f", and {len(frame) - most:,} more" if len(frame) > most else ""
        return f"{what}: {', '.join(told)}{more}."

    return say


def came_and_went(frame: pl.DataFrame, currency: str) -> str:
    """Say how many customers came and went in all."""
    sums = dict(frame.group_by("kind").agg(pl.col("customers").sum().abs()).sort("kind").iter_rows())
    order = sorted(sums, key=lambda kind: kind == "churned")  # who was lost comes last
    told = [f"{word(sums[kind], COUNT, currency)} {kind}" for kind in order if sums[kind]]
    return f"Customers from {_span(frame)}: {', '.join(told)}."


def by_cause(frame: pl.DataFrame, currency: str) -> str:
    """Say what each cause came to over all months, the weightiest first."""
    sums = frame.group_by("cause").agg(pl.col("amount").sum())
    sums = sums.sort(pl.col("amount").abs(), "cause", descending=[True, False])
    told = [f"{row['cause']} {word(row['amount'], MONEY, currency)}" for row in sums.head(5).to_dicts()]
    return f"Changes of customers' MRR by cause: {', '.join(told)}."


def kept_after(kept: str, base: str, what: str) -> Saying:
    """Return the sentence of what all cohorts together keep after 1, 3, 6, 12, 24 and 36 months."""

    def say(frame: pl.DataFrame, currency: str) -> str:
        sums = frame.group_by("age").agg(pl.col(kept, base).sum()).sort("age")
        told = [
            f"{word(float(row[kept]) / float(row[base]), RATIO, currency)} after {_months(row['age'])}"
            for row in sums.iter_rows(named=True)
            if row["age"] in (1, 3, 6, 12, 24, 36) and row[base]
        ]
        cohorts = frame["cohort"].n_unique()
        return f"All {cohorts} cohorts together, {what}: {', '.join(told) or 'too young to say'}."

    return say


def recovered(frame: pl.DataFrame, currency: str) -> str:
    """Say which cohorts have earned back what they cost, and how far the others are."""
    last = frame.group_by("quarter", maintain_order=True).agg(pl.col("recovered", "age").last())
    back = (
        frame.filter(pl.col("recovered") >= 1)
        .group_by("quarter", maintain_order=True)
        .agg(pl.col("age").first())
    )
    said = f"{len(back)} of {len(last)} quarterly cohorts have earned back what winning them cost"
    if len(back):
        ages = sorted(back["age"].to_list())
        return f"{said}, after {_months(ages[0], ages[-1])}."
    best = last["recovered"].max()
    return f"{said}; the furthest has earned {word(best, RATIO, currency)}."


def ltv_by_segment(frame: pl.DataFrame, currency: str) -> str:
    """Say how many times its cost a customer of each segment brings."""
    told = [
        f"{segment} {ratio:,.1f}× ({word(ltv, MONEY, currency)} for {word(cac, MONEY, currency)})"
        for segment, cac, ltv, ratio in frame.iter_rows()
    ]
    return f"Capped LTV over CAC: {', '.join(told)}."


def survived(frame: pl.DataFrame, currency: str) -> str:
    """Say how many customers are left after a year, or at the last age that is seen."""
    return _at_age(frame, "survival", RATIO, currency, "Customers who still pay")


def valued(frame: pl.DataFrame, currency: str) -> str:
    """Say what a customer has brought after a year, or at the last age that is seen."""
    return _at_age(frame, "profit", MONEY, currency, "Gross profit that a customer has brought")


def _at_age(frame: pl.DataFrame, column: str, unit: str, currency: str, what: str) -> str:
    age = min(12, int(frame["age"].max()))  # type: ignore[arg-type]
    then = frame.filter(pl.col("age") == age).sort(column, descending=True)
    told = [f"{row['segment']} {word(row[column], unit, currency)}" for row in then.iter_rows(named=True)]
    return f"{what} at the age of {_months(age)}: {', '.join(told)}."


def split(column: str, part: str, unit: str, what: str) -> Saying:
    """Return the sentence of what each part comes to over all months, and its share."""

    def say(frame: pl.DataFrame, currency: str) -> str:
        sums = frame.group_by(part).agg(pl.col(column).sum()).sort(column, part, descending=[True, False])
        whole = sums[column].sum()
        told = [
            f"{name} {word(amount, unit, currency)} ({word(float(amount) / float(whole), RATIO, currency)})"
            for name, amount in sums.iter_rows()
        ]
        return f"{what}: {', '.join(told)}."

    return say


def _months(first: int, last: int | None = None) -> str:
    """Write so many months, or from so many to so many."""
    count = f"{first}" if last in (None, first) else f"{first} to {last}"
    return f"{count} month{'' if count == '1' else 's'}"


def _span(frame: pl.DataFrame) -> str:
    """Return from which month to which a chart goes."""
    first, last = frame["month"].min(), frame["month"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    return f"{month_text(first)} to {month_text(last)}"
