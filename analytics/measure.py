"""Measures: one number that a ledger gives for a period, named in a plan, or asked in SQL.

    ledger = { measure = "revenue", stream = "subscriptions" }
    ledger = "select count(*) from events where type = 'exam.sat' and occurred_at >= $first ..."

`MEASURES` is the list to read first. Each adds up over the period or is as it stands at its end, and can be
asked of a part: of some streams, segments, plans or things (prices of the book), by their keys, in which `*`
stands for any letters. A metric of `analytics.metrics` is a measure of the years of a run. In SQL, `$first`
is the first day of the period, and `$until` the first one after it.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import duckdb
from duckdb import DuckDBPyConnection
from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from analytics.figures import YEAR, closed_months
from analytics.metrics import METRICS, YEARLY, monthly_by, summary
from analytics.policy import DEFAULT
from metering.document import did_you_mean, problem
from metering.period import add_months

Words = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)
]
"""One word, or several that all count."""

PARTS = ("stream", "segment", "plan", "thing", "meter", "event", "agreement", "cost_centre")
"""What a measure can be asked of a part by."""


class Asked(NamedTuple):
    """A measure: what it says, its query, and the columns for the parts that it can be asked of."""

    says: str
    query: str
    parts: dict[str, str]


_LAST = "date_trunc('month', $until::date - 1)"
_LINES = """from invoice_lines l left join accounts a on a.account = l.account
    where l.month >= $first and l.month < $until"""
_OF_LINES = {"stream": "l.stream", "segment": "a.segment", "plan": "l.plan", "thing": "l.price"}
_BALANCES = f"from mrr_balances b where b.month = {_LAST}"
_OF_BALANCES = {"stream": "b.stream", "segment": "b.segment", "plan": "b.plan", "thing": "b.plan"}
_POSTINGS = """from postings p
    left join invoice_lines l on p.invoice <> '' and l.invoice = p.invoice and l.line_no = p.line_no
    left join accounts a on a.account = p.account
    where p.month >= $first and p.month < $until"""
_OF_POSTINGS = {
    "stream": "p.stream",
    "segment": "coalesce(nullif(p.segment, ''), a.segment)",
    "plan": "l.plan",
    "thing": "l.price",
}
_OF_COSTS = {
    "stream": "p.stream",
    "segment": "p.segment",
    "cost_centre": "p.cost_centre",
}

MEASURES: dict[str, Asked] = {
    "revenue": Asked(
        "recognised revenue; net of the sellers' shares where the company is their agent",
        f"select -coalesce(sum(p.amount), 0) {_POSTINGS} and p.ledger_account = 'revenue'",
        _OF_POSTINGS,
    ),
    "monthly_revenue": Asked(
        "recognised revenue of the period's last month, usage included",
        f"""select -coalesce(sum(p.amount), 0) {_POSTINGS}
        and p.ledger_account = 'revenue' and p.month = {_LAST}""",
        _OF_POSTINGS,
    ),
    "billed": Asked("invoice lines", f"select coalesce(sum(l.amount), 0) {_LINES}", _OF_LINES),
    "mrr": Asked(
        "committed MRR at the period's end", f"select coalesce(sum(b.amount), 0) {_BALANCES}", _OF_BALANCES
    ),
    "arr": Asked("12 x committed MRR", f"select 12 * coalesce(sum(b.amount), 0) {_BALANCES}", _OF_BALANCES),
    "customers": Asked(
        "accounts with committed MRR at the period's end",
        f"select count(distinct b.account) {_BALANCES}",
        _OF_BALANCES,
    ),
    "subscriptions": Asked(
        "subscriptions that live at the period's end, free ones too",
        """select count(distinct s.subscription) from subscription_phases s
        left join accounts a on a.account = s.account
        where s.plan <> 'catalog' and s.starts_on < $until and (s.ends_on is null or s.ends_on >= $until)""",
        {"segment": "a.segment", "plan": "s.plan", "thing": "s.plan"},
    ),
    "payouts": Asked(
        "what partners and sellers earned",
        "select coalesce(sum(o.amount), 0) from payouts o where o.month >= $first and o.month < $until",
        {"agreement": "o.agreement", "thing": "o.agreement"},
    ),
    "costs": Asked(
        "what the company spent",
        f"select coalesce(sum(p.amount), 0) {_POSTINGS} and p.ledger_account = 'expense'",
        _OF_COSTS,
    ),
    "income": Asked(
        "revenue - costs - partners' shares that are an expense - bad debt",
        f"""select -coalesce(sum(p.amount), 0) {_POSTINGS}
        and p.ledger_account in ('revenue', 'expense', 'partner_share', 'bad_debt')""",
        {"stream": "p.stream"},
    ),
    "events": Asked(
        "how many events happened",
        """select count(*) from events e where e.occurred_at >= $first and e.occurred_at < $until""",
        {"event": "e.type"},
    ),
    "quantity": Asked(
        "how much was used or sold of something",
        """select coalesce(sum(u.quantity), 0) from usage u where u.month >= $first and u.month < $until""",
        {"meter": "u.meter", "plan": "u.plan"},
    ),
    "sold": Asked(
        "how much was billed of something: pieces, hours, devices, amounts",
        f"select coalesce(sum(l.quantity), 0) {_LINES}",
        _OF_LINES,
    ),
}
"""The measures that a plan's figures can be held against, beside the metrics of a year."""


class Measure(BaseModel):
    """What of a ledger a figure is: a measure, of the whole or of a part, or a question in SQL."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    measure: str = ""
    sql: str = ""
    stream: Words = ()
    segment: Words = ()
    plan: Words = ()
    thing: Words = ()
    meter: Words = ()
    event: Words = ()
    agreement: Words = ()
    cost_centre: Words = ()

    @model_validator(mode="after")
    def _exists(self) -> "Measure":
        if bool(self.measure) == bool(self.sql):
            message = "needs exactly one of 'measure' and 'sql'; say what to ask"
            raise ValueError(message)
        if self.sql:
            return self
        if self.measure not in MEASURES and self.measure not in METRIC_NAMES:
            remedy = did_you_mean(self.measure, (*MEASURES, *METRIC_NAMES))
            message = f"there is no measure {self.measure!r}; {remedy}"
            raise ValueError(message)
        known = _parts(self.measure)
        for part in PARTS:
            if getattr(self, part) and part not in known:
                message = (
                    f"{self.measure!r} cannot be asked by {part}; it can by: {', '.join(known) or 'none'}"
                )
                raise ValueError(message)
        return self

    def parts(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the SQL column and the words of every part that is asked."""
        for part in PARTS:
            words = getattr(self, part)
            if words:
                yield MEASURES[self.measure].parts[part], words

    def only_part(self) -> tuple[str, str] | None:
        """Return the part that is asked and its word, where there is one of each."""
        asked = [(part, word) for part in PARTS for word in getattr(self, part)]
        return asked[0] if len(asked) == 1 else None

    def __str__(self) -> str:
        asked = [" or ".join(getattr(self, part)) for part in PARTS if getattr(self, part)]
        return " of ".join([self.measure, *asked])


Ledger = Annotated[
    Measure, BeforeValidator(lambda given: {"sql": given} if isinstance(given, str) else given)
]
"""A measure as a plan writes it: a table, or a text that is SQL."""

METRIC_NAMES = tuple(
    name for name in METRICS if (name in YEARLY or name == "gross_margin") and name not in MEASURES
)
"""The metrics of a year that are measures too; those of the same name are a measure of any period."""

_AT_THE_END = tuple(
    name for name in METRIC_NAMES if YEARLY.get(name) == "last" and "segment" in METRICS[name].splits
)
"""The metrics that one segment has too: as they stand at the year's end."""


class Gauge:
    """Reads measures off one ledger."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection
        self._years: dict[date, dict[str, Any]] | None = None
        self._segments: dict[tuple[date, str], dict[str, Any]] | None = None

    def closed(self) -> tuple[date, date]:
        """Return the first day of the ledger, and the first day after its last closed month."""
        months = closed_months(self._connection)
        assert len(months), "the ledger has closed no month"
        return months[0], add_months(months[-1], 1)

    def value(self, asked: Measure, first: date, until: date, place: str = "") -> Decimal | None:
        """Return the number for a period from its first day up to `until`, None where there is none.

        A part of which there is nothing in all of the ledger has no number: nobody sells it, or it has
        another name there.

        Raises Problems where SQL cannot be answered, or says more or less than one number.
        """
        if asked.sql:
            return self._answer(asked.sql, first, until, place)
        if asked.measure in METRIC_NAMES:
            return self._metric(asked, first, until)
        query = MEASURES[asked.measure].query
        values: dict[str, Any] = _named(query, first, until)
        for number, (column, words) in enumerate(asked.parts()):
            names = {f"part_{number}_{index}": word for index, word in enumerate(words)}
            query += f" and ({' or '.join(f'{column} glob ${name}' for name in names)})"
            values |= {name: _literally(word) for name, word in names.items()}
        (found,) = self._row(query, values)
        if not found and query != MEASURES[asked.measure].query:
            whole = _named(query, *self.closed())
            (ever,) = self._row(query, values | whole)
            return Decimal(found) if ever else None
        return Decimal(found)

    def _metric(self, asked: Measure, first: date, until: date) -> Decimal | None:
        """Return a metric of a year of the run; None for a period that is no such year."""
        if self._years is None:
            self._years = {row["month"]: row for row in summary(self._connection).to_dicts()}
        row = self._years.get(add_months(until, -1))
        if row is None or add_months(row["month"], 1 - row["months"]) != first:
            return None
        if asked.segment:
            row = self._of_segment(asked.segment[0], row["month"])
        found = None if row is None else row[asked.measure]
        return None if found is None else Decimal(found)

    def _of_segment(self, segment: str, month: date) -> dict[str, Any] | None:
        """Return the metrics of a segment in the last month of a year, its sales of the year together."""
        if self._segments is None:
            policy = DEFAULT._replace(sales_window=YEAR, efficiency_window=YEAR)
            frame = monthly_by(self._connection, "segment", policy)
            self._segments = {(row["month"], row["segment"]): row for row in frame.to_dicts()}
        return self._segments.get((month, segment))

    def _answer(self, query: str, first: date, until: date, place: str) -> Decimal | None:
        try:
            rows = self._connection.execute(query, _named(query, first, until)).fetchall()
        except duckdb.Error as error:
            message = str(error).splitlines()[0]
            raise problem(place, f"cannot be answered ({message})", "mend the SQL") from None
        if len(rows) != 1 or len(rows[0]) != 1:
            message = f"answers {len(rows)} rows, and one number is asked"
            raise problem(place, message, "select one value")
        (found,) = rows[0]
        if found is not None and not isinstance(found, int | Decimal | float):
            raise problem(place, f"answers {found!r}, which is no number", "select a number")
        return None if found is None else Decimal(str(found))

    def _row(self, query: str, values: dict[str, Any]) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self._connection.execute(query, values).fetchall()[0]
        return row


def _named(query: str, first: date, until: date) -> dict[str, date]:
    """Return the days that a query names."""
    return {name: day for name, day in {"first": first, "until": until}.items() if f"${name}" in query}


def _parts(measure: str) -> dict[str, str]:
    """Return the parts that a measure can be asked of, and their columns."""
    if measure in MEASURES:
        return MEASURES[measure].parts
    return {"segment": "segment"} if measure in _AT_THE_END else {}


def _literally(word: str) -> str:
    """Return a word as a pattern in which only `*` stands for anything."""
    return "".join(f"[{letter}]" if letter in "?[" else letter for letter in word)
