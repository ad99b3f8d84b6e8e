"""Comparison: what differs between two ledgers, for the company, its parts, each customer and each line.

Everything is a difference of sums of the two ledgers: `change` is after - before, and `relative` is that by
the amount before (NULL where this is 0). Lines that both ledgers have are matched by account, subscription,
plan, price and kind, so that the changes of customers, of parts and of causes each add up to the change of
the whole, to the cent; an assertion says so.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.formula import ratio
from analytics.metrics import PLACES, monthly
from analytics.selection import select
from billing.money import EXACT
from billing.price import Price
from billing.price_book import PriceBook
from billing.schema import POSTED

SPLITS = ("stream", "plan", "segment", "cohort", "month")
"""The ways in which the change of what was billed is split."""

QUANTILES = {
    "p5": Fraction(1, 20),
    "p25": Fraction(1, 4),
    "p50": Fraction(1, 2),
    "p75": Fraction(3, 4),
    "p95": Fraction(19, 20),
}
"""Which customers stand for all: of a hundred, the fifth from below, ..."""

RISES = (Decimal("0.1"), Decimal("0.2"), Decimal("0.5"))
"""Bills that rise by more than these shares are counted."""

_LINES = """
    select l.account, l.subscription, l.plan, l.price, l.kind, l.stream, l.month,
        coalesce(a.segment, '') as segment,
        coalesce(strftime(date_trunc('quarter', a.signed_up_on), '%Y-') || 'Q' || quarter(a.signed_up_on), '')
            as cohort,
        sum(l.amount) as amount, sum(l.quantity) as quantity, sum(l.allowance) as allowance
    from invoice_lines l left join accounts a on a.account = l.account group by all
"""
_TOTALS = """
    select (select coalesce(-sum(amount), 0) from postings where ledger_account = 'revenue') as revenue,
        (select coalesce(sum(amount), 0) from invoice_lines) as billed,
        (select coalesce(sum(amount), 0) from payouts) as payouts
"""
_AT_THE_END = ("committed_mrr", "nrr", "gross_margin")
_KEYS = ["account", "subscription", "plan", "price", "kind"]


class Comparison(NamedTuple):
    """What changed from one ledger to another.

    totals: (measure, before, after, change, relative), with the metrics of the last month. parts: the same
    for what was billed, by (split, part). customers: by account, with its segment. lines: by account,
    subscription, plan, price and kind, with the `cause`. causes: the change of what was billed less what
    was paid out, by cause.
    """

    totals: pl.DataFrame
    parts: pl.DataFrame
    customers: pl.DataFrame
    lines: pl.DataFrame
    causes: pl.DataFrame

    def spread(self) -> dict[str, Decimal | None]:
        """Return the quantiles of the relative change of customers' bills: those of the nearest customer."""
        found = self.customers["relative"].drop_nulls().sort()
        last = len(found) - 1
        return {name: found[round(last * at)] if len(found) else None for name, at in QUANTILES.items()}

    def rises(self) -> dict[Decimal, int]:
        """Count the customers whose bills rise by more than each share of `RISES`."""
        return {share: len(self.customers.filter(pl.col("relative") > share)) for share in RISES}

    def largest(self, count: int) -> pl.DataFrame:
        """Return the customers whose bills changed most, either way."""
        changed = self.customers.filter(pl.col("change") != 0)
        return changed.sort(pl.col("change").abs(), "account", descending=[True, False]).head(count)


def compare(
    before: DuckDBPyConnection,
    after: DuckDBPyConnection,
    *,
    books: tuple[PriceBook, PriceBook] | None = None,
) -> Comparison:
    """Compare two ledgers, best of the same log under two price books.

    With both `books`, causes tell a changed allowance and changed tiers from a changed price. Raises
    AssertionError where the changes of the parts do not add up to that of the whole.
    """
    lines = _matched(select(before, _LINES), select(after, _LINES))
    totals = _compared(_totals(before).with_columns(after=_totals(after)["before"]))
    parts = pl.concat(
        _summed(lines, [split]).rename({split: "part"}).select(pl.lit(split).alias("split"), pl.all())
        for split in SPLITS
    )
    customers = _summed(lines, ["account", "segment"])
    explained = _summed(_with_cause(lines, books), [*_KEYS, "cause"]).filter(pl.col("change") != 0)
    found = Comparison(totals, parts, customers, explained, _causes(explained, totals))
    _assert_adds_up(found)
    return found


def _matched(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    keys = [*_KEYS, "stream", "month", "segment", "cohort"]
    both = before.join(after, on=keys, how="full", coalesce=True, suffix="_after")
    numbers = [name for name in both.columns if name not in keys]
    return both.with_columns(pl.col(numbers).fill_null(0), month=pl.col("month").dt.strftime("%Y-%m"))


def _summed(lines: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    sums = lines.group_by(keys).agg(
        before=pl.col("amount").sum().cast(POSTED), after=pl.col("amount_after").sum().cast(POSTED)
    )
    return _compared(sums).sort(keys)


def _compared(frame: pl.DataFrame) -> pl.DataFrame:
    change = pl.col("after") - pl.col("before")
    relative = ratio(change, pl.col("before").abs()).round(PLACES, mode="half_to_even")
    return frame.with_columns(change=change, relative=relative)


def _totals(con: DuckDBPyConnection) -> pl.DataFrame:
    """Return each measure of a ledger, always in the same order."""
    sums = select(con, _TOTALS).row(0, named=True)
    last = monthly(con).tail(1)
    ends = {name: last[name][0] if len(last) else None for name in _AT_THE_END}
    rows = [(name, value) for name, value in {**sums, **ends}.items()]
    return pl.DataFrame(rows, schema={"measure": pl.String, "before": EXACT}, orient="row")


def _with_cause(lines: pl.DataFrame, books: tuple[PriceBook, PriceBook] | None) -> pl.DataFrame:
    named = lines.select("plan", "price").unique()
    kinds = {
        (plan, price): _difference(_price(books[0], plan, price), _price(books[1], plan, price))
        for plan, price in named.iter_rows()
        if books is not None
    }
    rows = [(*key, kind) for key, kind in kinds.items()]
    schema = {"plan": pl.String, "price": pl.String, "differs": pl.String}
    found = lines.join(pl.DataFrame(rows, schema=schema, orient="row"), on=["plan", "price"], how="left")
    usage = pl.col("kind") == "usage"
    cause = (
        pl.col("kind")
        .replace_strict(_CAUSES, default=None)
        .fill_null(pl.when(usage).then(pl.col("differs").fill_null("price")))
        .fill_null("price")
    )
    return found.with_columns(cause=cause)


_CAUSES: Mapping[str, str] = {"true_up": "minimum", "discount": "discount", "refund": "refund"}
"""The cause of a changed line, by its kind; of the others the price itself is the cause."""


def _price(book: PriceBook, plan: str, key: str) -> Price | None:
    return book.plans[plan].prices.get(key) if plan in book.plans else None


def _difference(one: Price | None, other: Price | None) -> str:
    """Say in what two usage prices differ most: in being there, the allowance, the tiers, or the price."""
    if one is None or other is None:
        return "plan"
    if (one.allowance, one.allowance_per) != (other.allowance, other.allowance_per):
        return "allowance"
    edges = [[tier.up_to for tier in price.tiers] for price in (one, other)]
    same = one.model == other.model and one.package_size == other.package_size and edges[0] == edges[1]
    return "price" if same else "tier"


def _causes(lines: pl.DataFrame, totals: pl.DataFrame) -> pl.DataFrame:
    changes = lines.group_by("cause").agg(pl.col("change").sum().cast(POSTED))
    paid = totals.filter(pl.col("measure") == "payouts")["change"][0]
    if paid:
        shares = pl.DataFrame({"cause": ["partner share"], "change": [-paid]}, schema=changes.schema)
        changes = pl.concat([changes, shares])
    return changes.filter(pl.col("change") != 0).sort(
        pl.col("change").abs(), "cause", descending=[True, False]
    )


def _assert_adds_up(found: Comparison) -> None:
    billed = found.totals.filter(pl.col("measure") == "billed")["change"][0]
    sums = {"customers": found.customers, "lines": found.lines}
    sums |= {split: found.parts.filter(pl.col("split") == split) for split in SPLITS}
    wrong = {name: frame["change"].sum() for name, frame in sums.items() if frame["change"].sum() != billed}
    assert not wrong, f"the changes of {', '.join(wrong)} do not add up to {billed}"
