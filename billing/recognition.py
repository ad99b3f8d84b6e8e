"""Recognition: when what is billed becomes revenue; the parts of a line sum to it to the cent.

A year paid in advance is earned by the day. What sells units that are drawn later (a prepaid pack) is earned
as they are drawn; what is left when they expire is breakage (ASC 606-10-55-46 to 49).
"""

from collections.abc import Iterable, Sequence

import polars as pl

from billing.grant import Grant
from billing.lines import months_of
from billing.money import EXACT, POSTED, ZERO, literal, over, round_money, times
from billing.price_book import PriceBook
from metering.frame import empty, shaped
from metering.period import Period


def recognise(lines: pl.DataFrame, book: PriceBook, periods: Sequence[Period]) -> pl.DataFrame:
    """Return what each month earns of lines whose service reaches beyond the month in which they are billed.

    The result has the lines' columns, with the earning `month` and the amount `earned`.

    What a line has earned by the end of a month is rounded from its amount, days passed and days in all; the
    month's part is the difference, so the parts of a line sum to it exactly.
    """
    deferred = lines.filter(is_deferred()).rename({"month": "billed_month"})
    spans = deferred.join(months_of(periods), how="cross").filter(
        pl.col("month") >= pl.col("billed_month"),
        pl.col("starts_on") < pl.col("month_ends_on"),
        pl.col("ends_on") > pl.col("month"),
    )
    # What is billed after its service began (an adjustment) has earned the days before as well.
    before = pl.when(pl.col("month") > pl.col("billed_month")).then(_earned_by(pl.col("month"), book))
    earned = _earned_by(pl.col("month_ends_on"), book) - before.otherwise(literal(ZERO))
    return spans.with_columns(earned=earned.cast(POSTED)).filter(pl.col("earned") != 0)


def is_deferred() -> pl.Expr:
    """Tell of each line whether its service reaches beyond the month in which it is billed."""
    return pl.col("ends_on") > pl.col("month").dt.offset_by("1mo")


def _earned_by(day: pl.Expr, book: PriceBook) -> pl.Expr:
    total = (pl.col("ends_on") - pl.col("starts_on")).dt.total_days()
    passed = (day - pl.col("starts_on")).dt.total_days().clip(0).clip(upper_bound=total)
    exact = over(times(pl.col("amount").cast(EXACT), passed.cast(EXACT)), total.cast(EXACT))
    return round_money(exact, book.currency, book.conventions.rounding)


SOLD_SCHEMA = pl.Schema({"grant": pl.String(), "invoice": pl.String(), "line_no": pl.Int64()})
"""Which invoice lines are earned as which grants are drawn."""

_RATED = ["month", "subscription", "phase_no", "meter", "dimensions"]
_SAME = ["invoice", "subscription", "phase_no", "plan", "price", "meter", "dimensions"]


def sold(given: Iterable[Grant], rated: pl.DataFrame, lines: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Say which lines sell grants that are deferred (`SOLD_SCHEMA`): those of the usage that gave them.

    What is taken off such a line by another entitlement goes with it. `given` are grants of the months of
    `lines`, and `rated` says which line rates which usage (the ledger's `rated_usage`).
    """
    rows = [
        (
            grant.grant,
            grant.granted_on.replace(day=1),
            grant.subscription,
            grant.phase_no,
            meter,
            grant.dimensions,
        )
        for grant in given
        for entitlement in [book.entitlements[grant.entitlement]]
        for meter in [entitlement.given_by.meter]
        if entitlement.deferred
    ]
    if not rows:
        return empty(SOLD_SCHEMA)
    schema = pl.Schema({
        "grant": pl.String(), "month": pl.Date(), "subscription": pl.String(), "phase_no": pl.Int64(),
        "meter": pl.String(), "dimensions": pl.String(),
    })  # fmt: skip
    found = pl.DataFrame(rows, schema=schema, orient="row").join(rated, on=_RATED)
    if not len(found):
        return empty(SOLD_SCHEMA)
    found = found.select(SOLD_SCHEMA.names()).sort("grant", "line_no")
    usage = found.join(lines.select("line_no", *_SAME), on=["invoice", "line_no"])
    less = lines.filter(pl.col("kind") == "discount").select(*_SAME, off_no="line_no")
    off = usage.join(less, on=_SAME).with_columns(line_no="off_no").sort("grant", "line_no")
    return pl.concat([found, shaped(off, SOLD_SCHEMA)])


def recognise_drawn(
    lines: pl.DataFrame,
    sold: pl.DataFrame,
    grants: pl.DataFrame,
    drawdowns: pl.DataFrame,
    *,
    book: PriceBook,
    periods: Sequence[Period],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what each month earns of lines that sell grants: by drawing, and by expiring (breakage).

    Both have the columns of `recognise`. By the end of a month a line has earned amount x drawn / granted,
    and of grants that expired by then everything; `lines`, `grants` and `drawdowns` are the whole ledger's.
    """
    if not len(sold):
        none = lines.clear().with_columns(earned=pl.lit(None, POSTED), billed_month=pl.lit(None, pl.Date))
        return none, none
    months = months_of(periods)
    terms = grants.select("grant", "granted_on", "expires_on", granted="quantity")
    used = drawdowns.group_by("grant", drawn_month="month").agg(pl.col("quantity").sum())
    by_month = (
        terms.join(sold.select("grant").unique(), on="grant", how="semi")
        .join(months, how="cross")
        .join(used, on="grant", how="left")
        .with_columns(
            part=pl.when(pl.col("drawn_month") <= pl.col("month")).then("quantity").otherwise(literal(ZERO))
        )
        .group_by("grant", "granted", "expires_on", "month", "month_ends_on")
        .agg(drawn=pl.col("part").sum())
    )
    is_over = pl.col("expires_on") <= pl.col("month_ends_on")
    lost = pl.when(is_over).then(pl.col("granted") - pl.col("drawn")).otherwise(literal(ZERO))
    keys = ["invoice", "line_no", "month"]
    sums = (
        sold.join(by_month.with_columns(lost=lost), on="grant")
        .group_by(keys)
        .agg(pl.col("granted", "drawn", "lost").sum())
    )
    spans = (
        lines.rename({"month": "billed_month"})
        .join(sums, on=["invoice", "line_no"])
        .filter(pl.col("month") >= pl.col("billed_month"))
        .sort(keys)
    )
    spans = spans.with_columns(
        broken=_share_of(pl.col("lost"), book), whole=_share_of(pl.col("drawn") + pl.col("lost"), book)
    ).with_columns(served=pl.col("whole") - pl.col("broken"))
    found = []
    for name in ("served", "broken"):
        before = pl.col(name).shift(1).over("invoice", "line_no").fill_null(literal(ZERO))
        earned = spans.with_columns(earned=(pl.col(name) - before).cast(POSTED))
        found.append(earned.filter(pl.col("earned") != 0).select(*lines.columns, "earned", "billed_month"))
    return found[0], found[1]


def _share_of(units: pl.Expr, book: PriceBook) -> pl.Expr:
    exact = over(times(pl.col("amount").cast(EXACT), units), pl.col("granted"))
    return round_money(exact, book.currency, book.conventions.rounding)
