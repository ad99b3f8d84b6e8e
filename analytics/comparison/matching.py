"""Matching: each line of one ledger beside the line of the other that bills the same thing.

Lines are the same when they bill one account and subscription for the same price, dimensions, phase and days
of one month. Where the new book lets a plan or an add-on stand for another (`replaces`), they are the same
under the new name; where one plan stands for several, usage that was parted among these is one line.
"""

import polars as pl

from analytics.comparison.reading import Reading
from billing.money import EXACT

KEYS = [
    *("month", "account", "subscription", "plan", "price", "kind", "dimensions", "phase_no", "starts_on"),
    *("meter", "nth"),
]
"""What lines have in common that bill the same thing; `nth` counts those that are alike in all else."""

TERMS = (
    *("stream", "segment", "cohort", "billing", "seats", "anchor_on", "since_on", "ends_on", "plan_before"),
    "is_merged",
)
"""What is known of a line besides; of two that are matched, the new one says it."""

NUMBERS = ("quantity", "allowance", "exact", "amount")


def matched(before: Reading, after: Reading) -> pl.DataFrame:
    """Return every pair of lines whose amounts differ, and every line that only one ledger has.

    The columns are `KEYS`, `TERMS`, `NUMBERS` and these with `_after`; what a ledger does not have is NULL.
    `same_days` says whether both lines are for the same days, `is_merged` whether the old one was several.
    """
    old = _keyed(_merged(renamed(before, after)))
    new = _keyed(after.lines.with_columns(plan_before="plan", is_merged=pl.lit(value=False)))
    both = old.join(new, on=KEYS, how="full", coalesce=True, suffix="_after", nulls_equal=True)
    changed = both.filter(pl.col("amount").ne_missing(pl.col("amount_after")))
    same_days = pl.col("ends_on") == pl.col("ends_on_after")
    plan_before = pl.coalesce("plan_before", "plan_before_after")
    is_merged = pl.col("is_merged").fill_null(value=False)
    named = [name for name in TERMS if name not in ("plan_before", "is_merged")]
    return changed.with_columns(
        *(pl.coalesce(f"{name}_after", name).alias(name) for name in named),
        plan_before=plan_before,
        is_merged=is_merged,
        same_days=same_days.fill_null(value=True),
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


def _merged(lines: pl.DataFrame) -> pl.DataFrame:
    """Make one line of the usage that several plans had parted, of which one plan has taken the place."""
    lines = lines.with_columns(is_merged=pl.lit(value=False))
    keys = [name for name in KEYS if name != "nth"]
    several = pl.col("plan_before").n_unique().over(keys) > 1
    if lines["plan"].equals(lines["plan_before"]):
        return lines
    parted = lines.filter(pl.col("kind") == "usage").filter(several)
    if not len(parted):
        return lines
    numbers = pl.col(*NUMBERS).sum()
    rest = [name for name in lines.columns if name not in (*keys, *NUMBERS, "is_merged")]
    whole = parted.group_by(keys, maintain_order=True).agg(
        numbers, pl.col(rest).last(), is_merged=pl.lit(value=True)
    )
    others = lines.join(parted.select(*keys, "line_no"), on=[*keys, "line_no"], how="anti", nulls_equal=True)
    return pl.concat([others, whole.select(lines.columns).cast(lines.schema)])


def _keyed(lines: pl.DataFrame) -> pl.DataFrame:
    keys = [name for name in KEYS if name != "nth"]
    numbers = [pl.col(name).cast(EXACT) for name in NUMBERS]
    rows = lines.with_columns(*numbers, alike=pl.struct(keys).is_duplicated())
    alike = rows.filter("alike").sort("line_no")  # few, and to number them is dear
    nth = pl.int_range(pl.len(), dtype=pl.Int64)
    numbered = [
        rows.filter(~pl.col("alike")).with_columns(nth=pl.lit(0, pl.Int64)),
        alike.with_columns(nth=nth.over(keys)),
    ]
    return pl.concat(numbered).drop("line_no", "alike")
