"""Evidence: what an explanation is read from. A ledger, the price book that made it, and the log behind both.

All of it is only read. Rows come as named tuples of the columns that an explanation needs, so that a ledger
may have more.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import duckdb

from analytics.explanation.book import Citations
from analytics.explanation.node import LARGEST
from analytics.policy import DEFAULT, MetricPolicy
from billing.price_book import PriceBook
from metering.log import Log
from metering.period import Period, month_of, months, months_between

T = TypeVar("T")

EVERY_LEVEL = 99
"""Deeper than any explanation."""


class Line(NamedTuple):
    """A row of the ledger's `invoice_lines`."""

    invoice: str
    line_no: int
    month: date
    account: str
    subscription: str
    phase_no: int
    plan: str
    price: str
    stream: str
    kind: str
    meter: str
    dimensions: str
    quantity: Decimal
    allowance: Decimal
    exact: Decimal
    amount: Decimal
    currency: str
    starts_on: date
    ends_on: date

    @property
    def thing(self) -> str:
        """What `explain` calls the line."""
        return f"{self.invoice}/{self.line_no}"


@dataclass(frozen=True)
class Evidence:
    """A ledger's connection, its price book, and its log (None where only the ledger is left).

    `largest` is how many of many parts are shown; `levels` how far other things (lines behind an entry,
    events behind usage) are followed. What was billed in a month goes by what was known at its end: of a log
    with late events `until` is that month. After a replay under which customers came from one book to
    another, `earlier` is the same under the book before. Metrics are those of the `policy`.
    """

    connection: duckdb.DuckDBPyConnection
    book: PriceBook
    citations: Citations
    log: Log | None = None
    largest: int = LARGEST
    levels: int = EVERY_LEVEL
    until: Period | None = None
    earlier: "Evidence | None" = None
    policy: MetricPolicy = DEFAULT
    known: dict[Any, Any] = field(default_factory=dict, repr=False)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the ledger."""
        return self.connection.execute(query, values).fetchall()

    def lines(self, where: str, *values: Any) -> list[Line]:
        """Return the invoice lines for which a condition holds, in their order."""
        columns = ", ".join(Line._fields)
        query = f"select {columns} from invoice_lines where {where} order by month, invoice, line_no"
        return [Line(*row) for row in self.rows(query, *values)]

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """Return what was made under a key before, or make it now: explanations share what takes long."""
        if key not in self.known:
            self.known[key] = make()
        found: T = self.known[key]
        return found

    def periods(self) -> list[Period]:
        """Return the months of the ledger, from its first entry to its last."""
        if self.log is not None:
            return self.log.periods
        query = (
            "select min(month), max(month) from (select month from usage union all select month from entries)"
        )
        first, last = self.once("months", lambda: self.rows(query)[0])
        return [] if first is None else list(months(first, months_between(first, last) + 1))

    def sides(self) -> list["Evidence"]:
        """Return the evidence under each book that may have billed something, the last one first."""
        if self.earlier is None:
            return [self]
        same = {"largest": self.largest, "levels": self.levels, "until": self.until, "policy": self.policy}
        before = replace(self.earlier, **same)  # type: ignore[arg-type]  # each has the type of its own field
        return [replace(self, earlier=None), before]

    def known_in(self, month: date) -> "Evidence":
        """Return the same as it was known at the end of a month."""
        has_late = self.log is not None and self.log.has_late
        return replace(self, until=month_of(month)) if has_late else self

    def below(self, levels: int = 1) -> "Evidence":
        """Return the same for so many levels further down."""
        return replace(self, levels=self.levels - levels)

    def cite(self, *path: str | int, source: str = "") -> str:
        """Return the place of a key of the price book, and its source."""
        return self.citations.cite(*path, source=source)
