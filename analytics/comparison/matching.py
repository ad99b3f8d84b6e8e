"""Matching: each line of one ledger beside the line of the other that bills the same thing.

Lines are the same when they bill one account and subscription for the same price, dimensions, phase and days
of one month. Where the new book lets a plan or an add-on stand for another (`replaces`), they are the same
under the new name.
"""

import polars as pl

from analytics.comparison.reading import Reading
from billing.money import EXACT

KEYS = [
    *("month", "account", "subscription", "plan", "price", "kind", "dimensions", "phase_no", "starts_on"),
    *("meter", "nth"),
]
"""What lines have in common that bill the same thing; `nth` counts those that are alike in all else."""

TERMS = ("stream", "segment", "cohort", "billing", "seats", "anchor_on", "since_on", "ends_on", "plan_before")
"""What is known of a line besides; of two that are matched, the new one says it."""

NUMBERS = ("quantity", "allowance", "exact", "amount")


def matched(before: Reading, after: Reading) -> pl.DataFrame:
    """Return every pair of lines whose amounts differ, and every line that only one ledger has.

    The columns are `KEYS`, `TERMS`, `NUMBERS` and these with `_after`; what a ledger does not have is NULL.
    `same_days` says whether both lines are for the same days.
    """
    old, new = _keyed(renamed(before, after)), _keyed(after.lines.with_columns(plan_before="plan"))
    both = old.join(new, on=KEYS, how="full", coalesce=True, suffix="_after", nulls_equal=True)
    changed = both.filter(pl.col("amount").ne_missing(pl.col("amount_after")))
    same_days = pl.col("ends_on") == pl.col("ends_on_after")
    plan_before = pl.coalesce("plan_before", "plan_before_after")
    terms = [pl.coalesce(f"{name}_after", name).alias(name) for name in TERMS if name != "plan_before"]
    return changed.with_columns(
        *terms, same_days=same_days.fill_null(value=True), plan_before=plan_before
    ).select(*KEYS, *TERMS, "same_days", *NUMBERS, *(f"{name}_after" for name in NUMBERS))


def renamed(before: Reading, after: Reading) -> pl.DataFrame:
    """Return the old lines, with the plans and add-ons that stand in the new book for theirs."""
    lines = before.lines.with_columns(plan_before="plan")
    replaces = dict(after.book.replaces) if after.book else {}
    if not replaces:
        return lines
    add_ons = {old: new for old, new in replaces.items() if before.book and old in before.book.add_ons}
    return lines.with_columns(
        pl.col("plan").replace(replaces),
        price=pl.when(pl.col("meter") == "").then(pl.col("price").replace(add_ons)).otherwise("price"),
    )


def _keyed(lines: pl.DataFrame) -> pl.DataFrame:
    keys = [name for name in KEYS if name != "nth"]
    rows = lines.sort("month", "account", "line_no", maintain_order=True)
    numbers = [pl.col(name).cast(EXACT) for name in NUMBERS]
    return rows.with_columns(*numbers, nth=pl.int_range(pl.len()).over(keys)).drop("line_no")
