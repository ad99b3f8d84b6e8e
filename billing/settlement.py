"""The settlement: what follows from the bills of a whole log, each table of the ledger when it is asked for.

Payouts, committed MRR, payments and the journal of all months, in one pass over columns. Who only asks for
invoices does not wait for the journal; who posts a ledger asks for every table.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

import polars as pl

from billing import amendment, change, entitlement, journal, mrr, recognition, sharing
from billing.bill import Billed, Carried
from billing.lines import months_of, slices
from billing.restatement import Restated
from billing.schema import as_table, polars_schema
from billing.transition import Books
from billing.valuation import Lives
from metering.document import Problem, Problems
from metering.event import AccountSignedUp, InvoicePaid, InvoiceWrittenOff, MoneySpent, PaymentFailed
from metering.frame import empty
from metering.known import known
from metering.log import Fact, Log
from metering.period import Period


class Settlement(Mapping[str, pl.DataFrame]):
    """The tables of a ledger by name, made of the bills of all months of a log; each is made once."""

    def __init__(
        self,
        done: Sequence[Billed],
        log: Log,
        books: Books,
        *,
        restated: Restated | None = None,
        idle: Sequence[int] = (),
        open_usage: pl.DataFrame | None = None,
        grants_named: Callable[[pl.DataFrame], pl.DataFrame] = lambda grants: grants,
    ) -> None:
        """Take the bills of all months, and the books by which they were made.

        `restated` is what became known late; `idle` the positions of corrections that correct nothing;
        `open_usage` the rows of `unrated_usage` of periods that are not over; `grants_named` gives grants the
        names of the plans that people know. Raises Problems for facts that no table can be made of.
        """
        self._log, self._books, self._restated, self._idle = log, books, restated, idle
        self._issued = done
        self._done = done if restated is None else [amendment.together(done, restated, books.after, log)]
        self._facts = amendment.as_booked(log)
        self._spent = _spent(self._facts)
        self._open_usage = open_usage
        self._grants_named = grants_named
        self._made = dict[str, pl.DataFrame]()
        self._parts = [
            sharing.Part(own, sharing.deals(self._facts, book), book)
            for book, own in books.by_account(self["invoice_lines"])
        ]

    def __getitem__(self, name: str) -> pl.DataFrame:
        """Return a table. Raises KeyError where the ledger has none of that name."""
        if name not in self._made:
            self._made[name] = _TABLES[name](self)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_TABLES)

    def __len__(self) -> int:
        return len(_TABLES)

    @property
    def periods(self) -> list[Period]:
        """The months of the log."""
        return self._log.periods

    @property
    def _carried(self) -> Carried:
        return self._done[-1].carried

    def _whole(self, name: str) -> pl.DataFrame:
        """Return what all bills have of one table."""
        frames: list[pl.DataFrame] = [getattr(part, name) for part in self._done]
        return frames[0] if len(frames) == 1 else pl.concat(frames)

    @cached_property
    def _phases(self) -> pl.DataFrame:
        return self._carried.subscriptions.frame()

    @cached_property
    def _shared(self) -> sharing.Shared:
        return sharing.share_parts(self._parts, self._phases)

    @cached_property
    def _recurring(self) -> mrr.Recurring:
        ends = self._phases
        if self._restated is not None:
            ends = amendment.ends_as_known(ends, self._restated)
        return mrr.recurring(self._held, ends, self["accounts"], self.periods)

    @cached_property
    def _held(self) -> pl.DataFrame:
        held = self._held_by([part.values for part in self._issued], self._issued[-1])
        if self._restated is None:
            return held
        rounds = [self._held_by([one.billed.values], one.billed) for one in self._restated.rounds]
        return amendment.spliced([held], self._restated, rounds)

    def _held_by(self, values: Sequence[pl.DataFrame], last: Billed) -> pl.DataFrame:
        phases, whole = last.carried.subscriptions.frame(), pl.concat(values)
        months = self._books.by_part(slices(phases, self.periods))
        return pl.concat([mrr.held_at_month_ends(own, whole, book) for book, own in months])

    def _changes(self) -> pl.DataFrame:
        """What committed MRR changed by and when; what became known late in the month in which it did."""
        carried, books, periods = self._issued[-1].carried, self._books, self.periods
        values = pl.concat([part.values for part in self._issued])
        lives = Lives(carried.subscriptions, values, carried.yearly)
        found = change.changes(lives, self._log.facts(), books, periods)
        if self._restated is not None:
            found = found.filter(~pl.col("subscription").is_in(self._restated.subjects))
            found = change.restated(found, list(self._rounds_of_changes(self._restated)))
        return change.booked(found, self["accounts"], periods)

    def _rounds_of_changes(self, restated: Restated) -> Iterator[tuple[Period, list[str], pl.DataFrame]]:
        for number, one in enumerate(restated.rounds):
            facts = known(self._log, one.since if number else None, one.subjects).facts()
            carried = one.billed.carried
            lives = Lives(carried.subscriptions, one.billed.values, carried.yearly)
            yield one.since, one.subjects, change.changes(lives, facts, self._books, self.periods)

    @cached_property
    def _grants(self) -> pl.DataFrame:
        """The grants, with the names of the books that gave them."""
        given = [grant for part in self._done for grant in part.given]
        return entitlement.grants(
            given,
            self["drawdowns"],
            self._whole("sold"),
            subscriptions=self._carried.subscriptions,
            book=self._books.after,
            periods=self.periods,
        )

    @cached_property
    def _journal(self) -> journal.Journal:
        return journal.journal([
            journal.invoice_entries(self["invoices"], self["invoice_lines"], self._whole("sold")),
            *self._recognised(),
            journal.payment_entries(self["payments"]),
            journal.payout_entries(*self._shared),
            journal.settlement_entries(_settled(self["payouts"], self.periods)),
            journal.cost_entries(self._spent),
        ])  # fmt: skip

    def _recognised(self) -> Iterator[pl.DataFrame]:
        """Book what is earned of deferred lines, each rounded as the book of its invoice rounds."""
        drawn, sold = self["drawdowns"], self._whole("sold")
        if self._restated is not None:
            drawn = amendment.as_known(drawn, self._restated)
        for lines, _, book in self._parts:
            served, broken = recognition.recognise_drawn(
                lines, sold, self._grants, drawn, book=book, periods=self.periods
            )
            yield journal.recognition_entries(recognition.recognise(lines, book, self.periods))
            yield journal.recognition_entries(served)
            yield journal.recognition_entries(broken, "breakage")

    def _subscription_phases(self) -> pl.DataFrame:
        return as_table(self._phases.sort("subscription", "phase_no"), "subscription_phases")

    def _ignored(self) -> pl.DataFrame:
        """What the fold has no use for, and corrections of what is not there."""
        reason = "corrects no usage event of this subject, meter and time"
        rows = [*self._carried.subscriptions.ignored, *((position, reason) for position in self._idle)]
        return pl.DataFrame(rows, schema=polars_schema("ignored_events"), orient="row")

    def _unrated(self) -> pl.DataFrame:
        rows = self._whole("unrated")
        return rows if self._open_usage is None else pl.concat([rows, self._open_usage])

    def _adjustments(self) -> pl.DataFrame:
        return empty(polars_schema("adjustments")) if self._restated is None else self._restated.adjustments


_TABLES: dict[str, Callable[[Settlement], pl.DataFrame]] = {
    "events": lambda self: self._log.fact_frame(),
    "accounts": lambda self: _accounts(self._facts, self._parts[-1].agreed),
    "subscription_phases": lambda self: self._subscription_phases(),
    "ignored_events": lambda self: self._ignored(),
    "usage": lambda self: self._whole("usage"),
    "rated_usage": lambda self: self._whole("rated"),
    "unrated_usage": lambda self: self._unrated(),
    "grants": lambda self: self._grants_named(self._grants),
    "drawdowns": lambda self: self._whole("drawdowns"),
    "invoices": lambda self: self._whole("invoices"),
    "invoice_lines": lambda self: self._whole("lines"),
    "adjustments": lambda self: self._adjustments(),
    "payouts": lambda self: self._shared.payouts,
    "payments": lambda self: _payments(self._facts, self["invoices"]),
    "entries": lambda self: self._journal.entries,
    "postings": lambda self: self._journal.postings,
    "mrr_changes": lambda self: self._changes(),
    "mrr_balances": lambda self: self._recurring.balances,
    "mrr_movements": lambda self: self._recurring.movements,
}
"""Every table of `billing.schema`, and how it is made."""


def _accounts(facts: Sequence[Fact], agreed: pl.DataFrame) -> pl.DataFrame:
    brought = dict(
        agreed.unique("account", keep="first", maintain_order=True).select("account", "partner").iter_rows()
    )
    rows = [
        (event.subject, data.kind, data.name, data.email, data.segment, data.channel, data.country,
         event.occurred_at.date(), brought.get(event.subject, ""))
        for _, event in facts
        for data in [event.data]
        if isinstance(data, AccountSignedUp)
    ]  # fmt: skip
    accounts = pl.DataFrame(rows, schema=polars_schema("accounts"), orient="row")
    return accounts.unique("account", keep="first", maintain_order=True).sort("account")


def _payments(facts: Sequence[Fact], bills: pl.DataFrame) -> pl.DataFrame:
    """Match what facts say about invoices with the invoices; an invoice is settled once."""
    rows = []
    for _, event in facts:
        data, day = event.data, event.occurred_at.date()
        if isinstance(data, InvoicePaid):
            rows.append((event.subject, data.period, "paid", 0, day))
        elif isinstance(data, InvoiceWrittenOff):
            rows.append((event.subject, data.period, "written_off", 0, day))
        elif isinstance(data, PaymentFailed):
            rows.append((event.subject, data.period, "failed", data.attempt, day))
    columns = ("account", "label", "kind", "attempt", "occurred_on")
    said = pl.DataFrame(rows, schema=dict(zip(columns, _SAID, strict=True)), orient="row")
    known = bills.with_columns(label=pl.col("month").dt.strftime("%Y-%m"))
    found = said.join(known, on=["account", "label"], maintain_order="left").with_columns(amount="total")
    settles = (pl.col("kind") != "failed").cast(pl.Int64)
    settled_before = settles.cum_sum().over("invoice") - settles
    found = found.filter(settled_before == 0).unique(
        ["invoice", "kind", "attempt"], keep="first", maintain_order=True
    )
    return as_table(found, "payments")


_SMALLEST = Decimal("0.0001")

_SAID = (pl.String, pl.String, pl.String, pl.Int64, pl.Date)


def _settled(payouts: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Return the payouts that are settled in these months, each on the first day after its own."""
    moved = payouts.with_columns(month=pl.col("month").dt.offset_by("1mo"))
    return moved.join(months_of(periods), on="month", how="semi")


def _spent(facts: Sequence[Fact]) -> pl.DataFrame:
    """Read what was spent. Raises Problems for an amount that is finer than the ledger keeps."""
    spent = [(position, event.data) for position, event in facts if isinstance(event.data, MoneySpent)]
    if fine := [(position, data.amount) for position, data in spent if data.amount % _SMALLEST]:
        what = "is finer than a ten-thousandth"
        raise Problems(
            Problem(f"event {position}", f"{amount} {what}", "round it") for position, amount in fine
        )
    rows = [
        (position, event.occurred_at.date(), data.cost_centre, data.segment, data.channel, data.stream,
         data.currency, data.amount)
        for position, event in facts
        for data in [event.data]
        if isinstance(data, MoneySpent)
    ]  # fmt: skip
    postings = polars_schema("postings")
    names = ("cost_centre", "segment", "channel", "stream", "currency", "amount")
    schema: dict[str, Any] = {"position": pl.Int64, "occurred_on": pl.Date} | {
        name: postings[name] for name in names
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
