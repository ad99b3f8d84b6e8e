"""Difference: two ledgers beside each other, for the company, its parts, each customer, line and cause."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

import polars as pl

from analytics.comparison import cause
from analytics.comparison.bills import bills, compared, largest, rises, spread
from analytics.comparison.matching import renamed
from analytics.comparison.part import of_same_accounts
from analytics.comparison.reading import Reading, Source, common_months, one_currency, read, within
from analytics.comparison.shares import Shared, shares
from analytics.comparison.sums import DIMENSIONS, MEASURES, Where, among, sums
from analytics.comparison.text import CUSTOMERS, html
from billing.money import EXACT, POSTED, literal, minor_units
from billing.price_book import PriceBook
from metering.document import Problem, Problems, did_you_mean

SPLITS = ("stream", "plan", "segment", "cohort", "month")
"""The ways in which every change is split."""

_KEYS = ["account", "subscription", "plan", "price", "kind"]


class Comparison:
    """What changed from one ledger to another, in the months that both have. `compare` makes it.

    Frames are worked out when they are asked for. Changes of parts, customers, lines and causes each add up
    to the change of the whole, exactly.
    """

    def __init__(self, before: Reading, after: Reading) -> None:
        """Set two ledgers beside each other. Raises Problems where they have no month in common."""
        self.currency = one_currency([before, after])
        months = common_months(before, after)
        self.months = [f"{month:%Y-%m}" for month in months]
        self.before, self.after = within(before, months), within(after, months)

    def by(self, *dimensions: str, measures: Sequence[str] = MEASURES) -> pl.DataFrame:
        """Return every measure, or some, split by any of `DIMENSIONS`, together.

        The columns are the dimensions, measure, before, after, change and relative; a measure that cannot be
        split so is left out. Raises Problems for what is no dimension.
        """
        _check(dimensions)
        keys = list(dimensions)
        old, new = (
            sums(reading, keys, names=measures).unpivot(on=measures, index=keys, variable_name="measure")
            for reading in (self.before, self.after)
        )
        both = old.rename({"value": "before"}).join(
            new.rename({"value": "after"}), on=[*keys, "measure"], how="full", coalesce=True
        )
        is_sum = ~pl.col("measure").is_in(["nrr", "gross_margin"])  # what is not there of a sum is nothing
        ends = [
            pl.when(is_sum).then(pl.col(name).fill_null(0)).otherwise(name).alias(name)
            for name in ("before", "after")
        ]
        order = pl.col("measure").replace_strict(list(MEASURES), range(len(MEASURES)))
        known = pl.col("before").is_not_null() | pl.col("after").is_not_null()
        kept = both if not keys else both.filter(known)
        found = compared(kept.with_columns(ends)).sort(*keys, order)
        return found.select(*keys, "measure", "before", "after", "change", "relative")

    @cached_property
    def totals(self) -> pl.DataFrame:
        """The measures of the whole: (measure, before, after, change, relative).

        Committed MRR and NRR are those at the end of the last month, the others those of all months.
        """
        return self.by()

    @cached_property
    def parts(self) -> pl.DataFrame:
        """The measures by each of `SPLITS`: (split, part, measure, before, after, change, relative)."""
        return pl.concat(
            self.by(split).rename({split: "part"}).select(pl.lit(split).alias("split"), pl.all())
            for split in SPLITS
        )

    @cached_property
    def customers(self) -> pl.DataFrame:
        """What each customer was billed: account, segment, before, after, change, relative, name, cohort."""
        return bills(self.before, self.after)

    @cached_property
    def invoices(self) -> pl.DataFrame:
        """What each customer was billed in each month: the columns of `customers`, and `month`."""
        return bills(self.before, self.after, ["month"])

    @cached_property
    def shared(self) -> Shared:
        """Every changed line, and what each cause has of its change (`analytics.comparison.shares`)."""
        return shares(self.before, self.after)

    @cached_property
    def shares(self) -> pl.DataFrame:
        """The exact change of every line by cause, over all months: account, ..., kind, cause, change."""
        keys = [*_KEYS, "stream", "segment", "cohort", "cause"]
        rows = self._caused.group_by(keys).agg(pl.col("share").sum().alias("change"))
        return rows.filter(pl.col("change") != 0).sort(keys)

    @cached_property
    def lines(self) -> pl.DataFrame:
        """Every line that changed, over all months: account, ..., kind, main cause, before, after, ..."""
        return self.changed_lines({}).sort(_KEYS)

    def changed_lines(self, where: Where) -> pl.DataFrame:
        """Return the lines that changed among those that filters leave, the largest change first."""
        old, new = (
            among(lines, where).group_by(_KEYS).agg(pl.col("amount").sum())
            for lines in (renamed(self.before, self.after), self.after.lines)
        )
        both = old.rename({"amount": "before"}).join(
            new.rename({"amount": "after"}), on=_KEYS, how="full", coalesce=True
        )
        both = both.with_columns(pl.col("before", "after").fill_null(0).cast(POSTED))
        both = compared(both).filter(pl.col("change") != 0)
        share = pl.col("share").sum()
        main = (
            among(self._caused, where)
            .group_by(*_KEYS, "cause")
            .agg(share)
            .sort(pl.col("share").abs(), "cause", descending=[True, False])
            .unique(_KEYS, keep="first", maintain_order=True)
        )
        found = both.join(main, on=_KEYS, how="left")
        found = found.select(*_KEYS, "cause", "before", "after", "change", "relative")
        order = [pl.col("change").abs(), *map(pl.col, _KEYS)]
        return found.sort(order, descending=[True, *[False] * len(_KEYS)])

    @cached_property
    def causes(self) -> pl.DataFrame:
        """The change of what was billed less what was paid out, by cause: (cause, change); the largest first.

        In cents that add up to the change; `causes_by` has every digit.
        """
        places = minor_units(self.currency)
        rows = self.causes_by().with_columns(
            change=pl.col("change").round(places, mode="half_away_from_zero")
        )
        rows = rows.filter(pl.col("cause") != cause.ROUNDING).select("cause", pl.col("change").cast(POSTED))
        left = self.kept - Decimal(rows["change"].sum())
        rest = pl.select(cause=pl.lit(cause.ROUNDING), change=literal(left)).cast(rows.schema)
        found = pl.concat([rows, rest]).filter(pl.col("change") != 0)
        return found.sort(pl.col("change").abs(), "cause", descending=[True, False])

    def causes_by(self, *dimensions: str) -> pl.DataFrame:
        """Return the exact shares of the causes by some dimensions: (..., cause, change).

        Raises Problems for what is no dimension.
        """
        _check(dimensions)
        keys = list(dimensions)
        rows = self._caused.with_columns(month=pl.col("month").dt.strftime("%Y-%m"), change="share")
        paid = self._paid(keys).with_columns(cause=pl.lit(cause.PARTNER))
        both = pl.concat([rows.select(*keys, "cause", "change"), paid.select(*keys, "cause", "change")])
        sums_ = both.group_by(*keys, "cause").agg(pl.col("change").sum())
        return sums_.filter(pl.col("change") != 0).sort(*keys, "cause")

    @property
    def kept(self) -> Decimal:
        """How much what was billed changed, less what was paid out: what the causes add up to."""
        change = dict(self.totals.select("measure", "change").iter_rows())
        return Decimal(change["billed"] or 0) - Decimal(change["payouts"] or 0)

    @property
    def part(self) -> str | None:
        """Of whom both ledgers are, in words, where that is not everybody."""
        count = None if self.before.part is None else len(self.before.part)
        return None if count is None else f"{count:,} account{'s' * (count != 1)}, as if there were no others"

    @property
    def is_of_one_log(self) -> bool:
        """Whether both ledgers know the same facts, so that nothing but prices can differ."""
        return self.before.facts == self.after.facts

    def spread(self) -> dict[str, Decimal | None]:
        """Return the quantiles of the relative change of customers' bills: those of the nearest customer."""
        return spread(self.customers)

    def rises(self) -> dict[Decimal, int]:
        """Count the customers whose bills rise by more than 10, 20 and 50 %, or from nothing."""
        return rises(self.customers)

    def largest(self, count: int) -> pl.DataFrame:
        """Return the customers whose bills changed most, either way."""
        return largest(self.customers, count)

    def winners(self, count: int) -> pl.DataFrame:
        """Return the customers whose bills fell most."""
        return largest(self.customers, count, sign=-1)

    def losers(self, count: int) -> pl.DataFrame:
        """Return the customers whose bills rose most."""
        return largest(self.customers, count, sign=1)

    def lines_of(self, account: str, count: int | None = None) -> pl.DataFrame:
        """Return the changed lines of a customer, the largest change first."""
        own = self.changed_lines({"account": (account,)})
        return own if count is None else own.head(count)

    def values(self, dimension: str) -> set[str]:
        """Return every value that a dimension has in one of the ledgers."""
        if dimension == "month":
            return set(self.months)
        frames = [
            (reading.accounts if dimension in ("account", "segment", "cohort") else reading.lines)
            for reading in (self.before, self.after)
        ]
        return {value for frame in frames for value in frame[dimension].unique()}

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values: Decimals, texts, lists and dictionaries."""
        frames = ("totals", "parts", "customers", "lines", "causes")
        return {
            "before": self.before.name,
            "after": self.after.name,
            "currency": self.currency,
            "months": self.months,
            "accounts": None if self.before.part is None else sorted(self.before.part),
            "spread": self.spread(),
            "rises": {f"{share}": count for share, count in self.rises().items()},
            **{name: getattr(self, name).to_dicts() for name in frames},
        }

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return every frame by its name, as they are kept in files."""
        names = ("totals", "parts", "customers", "invoices", "lines", "shares", "causes")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        change = self.customers["change"].sum()
        months, who = len(self.months), len(self.customers)
        size = f"{months} month{'s' * (months != 1)}, {who:,} customer{'s' * (who != 1)}"
        return f"Comparison({size}, billed {change:+,.2f} {self.currency})"

    def _repr_html_(self) -> str:
        """Show a comparison in a notebook."""
        span = f"{self.months[0]} to {self.months[-1]}" if self.months else "no months"
        return html(
            f"{self.before.name or 'before'} → {self.after.name or 'after'}, {span},",
            currency=self.currency,
            totals=self.totals,
            causes=self.causes,
            customers=self.largest(CUSTOMERS),
        )

    @cached_property
    def _caused(self) -> pl.DataFrame:
        """Every changed line and month with its causes, each with its exact `share` of the change."""
        return self.shared.shares.rename({"change": "share"}).join(self.shared.lines, on="row_no")

    def _paid(self, keys: Sequence[str]) -> pl.DataFrame:
        """Return what less was paid out to partners, by some dimensions."""
        old, new = (sums(reading, keys, names=["payouts"]) for reading in (self.before, self.after))
        rows = pl.concat([old, new.with_columns(-pl.col("payouts"))])
        return rows.with_columns(change=pl.col("payouts").cast(EXACT))


def compare(before: Source, after: Source, *, books: tuple[PriceBook, PriceBook] | None = None) -> Comparison:
    """Compare two ledgers, best of the same log under two price books.

        compare("runs/dbgpt", "runs/dearer").causes

    Each is the directory of a run, a ledger's file or connection, or a replay. The price books tell what
    caused a change; runs and replays have theirs, for others give `books`. Raises Problems where there is no
    ledger, where currencies differ, or where the ledgers have no month in common. Where one is of some
    accounts only, the run that the other is of is billed again for these (`analytics.comparison.part`).
    """
    return compare_each(before, [after], books=books)[0]


def compare_each(
    before: Source, others: Sequence[Source], *, books: Sequence[PriceBook] | None = None
) -> list[Comparison]:
    """Compare a ledger with each of several others; it is read once. Raises Problems as `compare` does."""
    known: Sequence[PriceBook | None] = books or [None] * (len(others) + 1)
    first = read(before, book=known[0])
    both = [
        of_same_accounts(first, read(other, book=book)) for other, book in zip(others, known[1:], strict=True)
    ]
    return [Comparison(old, new) for old, new in both]


def _check(dimensions: Sequence[str]) -> None:
    unknown = [name for name in dimensions if name not in DIMENSIONS]
    if unknown:
        raise Problems(
            Problem("by", f"there is no {name!r}", did_you_mean(name, DIMENSIONS)) for name in unknown
        )
