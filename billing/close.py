"""The close: everything that follows from the bills of a whole log.

Payouts, committed MRR, payments and the journal of all months, in one pass over columns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import duckdb
import polars as pl

from billing import amendment, change, entitlement, journal, mrr, recognition, sharing
from billing.bill import Billed, Carried, bill, not_due
from billing.changeover import bill_both, combined, in_plain_names, paired
from billing.lines import months_of, slices
from billing.price_book import PriceBook
from billing.restatement import Restated, from_the_first, restate
from billing.schema import as_table, polars_schema
from billing.subscription import Subscriptions
from billing.transition import Books, Sole, Transition
from billing.valuation import Lives
from metering import correction
from metering.document import Problem, Problems, problem
from metering.event import AccountSignedUp, InvoicePaid, InvoiceWrittenOff, MoneySpent, PaymentFailed
from metering.frame import empty
from metering.known import Source, known
from metering.log import Fact, Log
from metering.period import Period


def close(
    log: Log,
    *,
    book: PriceBook,
    connection: duckdb.DuckDBPyConnection,
    measured: pl.DataFrame | None = None,
    folded: Subscriptions | None = None,
    step: int = 0,
    transition: Transition | None = None,
    progress: Callable[[Period, Billed], None] | None = None,
) -> dict[str, pl.DataFrame]:
    """Bill every month of a log and return every table of the ledger.

    Months are billed `step` at a time, all at once when 0: the rows are the same. `measured` is what
    `metering.usage.measure` gave for the log, and `folded` what became of the subscriptions in it, where that
    is known already (to months one by one and to a transition `folded` says nothing). Raises Problems for
    facts that name what the book does not have, AssertionError for a broken invariant.
    """
    periods = log.periods
    if not periods:
        raise problem(str(log.directory), "the log is empty", "record a month first")
    if transition is not None:
        return _change(log, book, transition, connection, measured)
    is_folded = folded is not None and not step
    carried, done = (Carried(folded) if folded and is_folded else Carried()), []
    size = step or len(periods)
    for first in range(0, len(periods), size):
        part = periods[first : first + size]
        some = None
        if measured is not None:
            some = measured.filter(pl.col("month").is_between(part[0].starts_on, part[-1].starts_on))
        billed = bill(
            part,
            log=log,
            book=book,
            carried=carried,
            connection=connection,
            measured=some,
            is_folded=is_folded,
        )
        carried = billed.carried
        done.append(billed)
        if progress:
            progress(part[-1], billed)
    found = None
    if log.has_late:
        found = restate(log, periods, billing=from_the_first(book, connection), connection=connection)
    tables = _settle(done, log, Sole(book), found, correction.idle(connection, log))
    open_usage = _not_due(log, book, carried, found, connection)
    return tables | {"unrated_usage": pl.concat([tables["unrated_usage"], open_usage])}


def _change(
    log: Log,
    book: PriceBook,
    transition: Transition,
    connection: duckdb.DuckDBPyConnection,
    measured: pl.DataFrame | None,
) -> dict[str, pl.DataFrame]:
    """Bill and settle a log whose subscriptions come from one book to another."""
    periods = log.periods
    how = partial(bill_both, book=book, transition=transition, connection=connection)

    def billing(view: Source, some: Sequence[Period]) -> Billed:
        return how(some, log=view, keep_free=True)

    found = restate(log, periods, billing=billing, connection=connection) if log.has_late else None
    everything = known(log, periods[-1]) if log.has_late else log
    pair = paired(everything, combined(book, transition), transition, periods[0].starts_on)
    done = [how(periods, log=log, measured=measured)]
    tables = _settle(done, log, pair.handed, found, correction.idle(connection, log))
    open_usage = _not_due(log, book, done[-1].carried, found, connection)
    unrated = pl.concat([tables["unrated_usage"], open_usage])
    return tables | {"grants": in_plain_names(tables["grants"]), "unrated_usage": unrated}


def _not_due(
    log: Log,
    book: PriceBook,
    carried: Carried,
    restated: Restated | None,
    connection: duckdb.DuckDBPyConnection,
) -> pl.DataFrame:
    """Return the usage of periods that are not over at the log's end, with all that is known by then."""
    if restated is None:
        return not_due(log, book, carried, connection)
    subscriptions = amendment.merged(carried.subscriptions, restated, log)
    return not_due(
        known(log, log.periods[-1]), book, replace(carried, subscriptions=subscriptions), connection
    )


def _settle(
    done: Sequence[Billed],
    log: Log,
    books: Books,
    restated: Restated | None,
    idle: Sequence[int],
) -> dict[str, pl.DataFrame]:
    facts, periods = amendment.as_booked(log), log.periods
    book = books.after
    held = _held([part.values for part in done], done[-1], books, periods)
    changed = _changed(done, restated, log, books)
    if restated is not None:
        rounds = [_held([one.billed.values], one.billed, books, periods) for one in restated.rounds]
        held = amendment.spliced([held], restated, rounds)
        done = [amendment.together(done, restated, book, log)]
    carried = done[-1].carried
    phases = carried.subscriptions.frame()
    lines, bills = (pl.concat([part.lines for part in done]), pl.concat([part.invoices for part in done]))
    parts = [sharing.Part(own, sharing.deals(facts, one), one) for one, own in books.by_account(lines)]
    payouts, taken = sharing.share_parts(parts, phases)
    accounts = _accounts(facts, parts[-1].agreed)
    ends = phases if restated is None else amendment.ends_as_known(phases, restated)
    moved = mrr.recurring(held, ends, accounts, periods)
    payments = _payments(facts, bills)
    grants, drawdowns, sold = _entitled(done, carried, book, periods)
    drawn = drawdowns if restated is None else amendment.as_known(drawdowns, restated)
    booked = journal.journal([
        journal.invoice_entries(bills, lines, sold),
        *_recognised(parts, sold, grants, drawn, periods),
        journal.payment_entries(payments),
        journal.payout_entries(payouts, taken),
        journal.settlement_entries(_settled(payouts, periods)),
        journal.cost_entries(_costs(facts)),
    ])  # fmt: skip
    return {
        "events": log.fact_frame(),
        "accounts": accounts,
        "subscription_phases": as_table(phases.sort("subscription", "phase_no"), "subscription_phases"),
        "ignored_events": _ignored(carried, idle),
        "usage": pl.concat([part.usage for part in done]),
        "rated_usage": pl.concat([part.rated for part in done]),
        "unrated_usage": pl.concat([part.unrated for part in done]),
        "grants": grants,
        "drawdowns": drawdowns,
        "invoices": bills,
        "invoice_lines": lines,
        "adjustments": empty(polars_schema("adjustments")) if restated is None else restated.adjustments,
        "payouts": payouts,
        "payments": payments,
        "entries": booked.entries,
        "postings": booked.postings,
        "mrr_changes": change.booked(changed, accounts, periods),
        "mrr_balances": moved.balances,
        "mrr_movements": moved.movements,
    }


def _recognised(
    parts: Sequence[sharing.Part],
    sold: pl.DataFrame,
    grants: pl.DataFrame,
    drawn: pl.DataFrame,
    periods: Sequence[Period],
) -> Iterator[pl.DataFrame]:
    """Book what is earned of deferred lines, each rounded as the book of its invoice rounds."""
    for lines, _, book in parts:
        served, broken = recognition.recognise_drawn(lines, sold, grants, drawn, book=book, periods=periods)
        yield journal.recognition_entries(recognition.recognise(lines, book, periods))
        yield journal.recognition_entries(served)
        yield journal.recognition_entries(broken, "breakage")


def _entitled(
    done: Sequence[Billed], carried: Carried, book: PriceBook, periods: Sequence[Period]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return the ledger's `grants` and `drawdowns`, and which lines are earned by drawing."""
    given = [grant for part in done for grant in part.given]
    drawdowns, sold = (pl.concat([part.drawdowns for part in done]), pl.concat([part.sold for part in done]))
    grants = entitlement.grants(
        given, drawdowns, sold, subscriptions=carried.subscriptions, book=book, periods=periods
    )
    return grants, drawdowns, sold


def _held(
    values: Sequence[pl.DataFrame], last: Billed, books: Books, periods: Sequence[Period]
) -> pl.DataFrame:
    phases, whole = last.carried.subscriptions.frame(), pl.concat(values)
    months = books.by_part(slices(phases, periods))
    return pl.concat([mrr.held_at_month_ends(own, whole, book) for book, own in months])


def _changed(done: Sequence[Billed], restated: Restated | None, log: Log, books: Books) -> pl.DataFrame:
    """Return what committed MRR changed by and when; what became known late in the month in which it did."""
    periods, carried = log.periods, done[-1].carried
    values = pl.concat([part.values for part in done])
    lives = Lives(carried.subscriptions, values, carried.yearly)
    found = change.changes(lives, log.facts(), books, periods)
    if restated is None:
        return found
    found = found.filter(~pl.col("subscription").is_in(restated.subjects))
    rounds = []
    for number, one in enumerate(restated.rounds):
        facts = known(log, one.since if number else None, one.subjects).facts()
        billed = one.billed
        lives = Lives(billed.carried.subscriptions, billed.values, billed.carried.yearly)
        rounds.append((one.since, one.subjects, change.changes(lives, facts, books, periods)))
    return change.restated(found, rounds)


def _ignored(carried: Carried, idle: Sequence[int]) -> pl.DataFrame:
    """Return the ledger's `ignored_events`: those of the fold, and corrections of what is not there."""
    reason = "corrects no usage event of this subject, meter and time"
    rows = [*carried.subscriptions.ignored, *((position, reason) for position in idle)]
    return pl.DataFrame(rows, schema=polars_schema("ignored_events"), orient="row")


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


def _costs(facts: Sequence[Fact]) -> pl.DataFrame:
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
