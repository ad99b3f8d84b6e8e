"""Verification: every invariant of a run as one check with its figure, over files, log and ledger.

`CHECKS` is the list to read first. A check that finds nothing wrong says how much it looked at; one that does
says how much is wrong. A run that is not finished has only a log, and only its log is checked.
"""

import contextlib
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import polars as pl
from duckdb import DuckDBPyConnection

from billing.ledger import connect
from billing.money import minor_units
from billing.price_book import PriceBook, load
from billing.schema import TABLES, keys
from metering.document import Problems
from metering.log import Log
from metering.meter import USAGE
from simulator import bridge, invariants, manifest, refund
from simulator.counted import Counted, accepted, misnumbered
from simulator.imported import rows_account
from simulator.invariants import Invariant
from simulator.values import decimal_text


class Finding(NamedTuple):
    """What a check found: whether it holds, and the figure that says so."""

    holds: bool
    figure: str


class Evidence(NamedTuple):
    """What the checks look at; what a run does not have yet is None.

    `counted` is what was counted in the log, where several ledgers are made of one.
    """

    run: Path
    log: Log
    book: PriceBook | None = None
    ledger: DuckDBPyConnection | None = None
    manifest: dict[str, Any] | None = None
    counted: Counted | None = None


class Check(NamedTuple):
    """An invariant: what it promises, the words for what it needs to look at, and the function that looks."""

    promise: str
    needs: str
    function: Callable[[Any], Finding]


class Verdict(NamedTuple):
    """One line of a verification."""

    check: str
    promise: str
    holds: bool
    figure: str


def verify(evidence: Evidence) -> Iterator[Verdict]:
    """Yield the verdict of every check whose evidence is there."""
    is_import = evidence.manifest is not None and evidence.manifest["kind"] == manifest.LOG_KIND
    there = {"log": evidence.log, "ledger": evidence.ledger, "manifest": evidence.manifest}
    there |= {"import": evidence.manifest if is_import else None}
    for name, check in CHECKS.items():
        if all(there[word] is not None for word in check.needs.split()):
            try:
                finding = check.function(evidence)
            except (duckdb.Error, pl.exceptions.PolarsError, OSError) as error:
                first = next(iter(str(error).splitlines()), "")
                finding = Finding(holds=False, figure=f"cannot be read: {first or type(error).__name__}")
            yield Verdict(name, check.promise, finding.holds, finding.figure)


def evidence_of(run: Path) -> Evidence:
    """Gather the evidence of a run's directory, finished or not. Raises Problems where there is no log.

    What is too damaged to be opened is left out: the check of the files then says so.
    """
    if not (run / manifest.NAME).exists():
        return Evidence(run, Log.open(run / manifest.LOG))
    contents = manifest.read(run, (manifest.KIND, manifest.LOG_KIND))
    evidence = Evidence(run, Log.open(run / manifest.LOG), manifest=contents)
    if contents["kind"] == manifest.LOG_KIND:
        return evidence
    with contextlib.suppress(Problems):
        evidence = evidence._replace(book=load(run / manifest.PRICES))
    with contextlib.suppress(duckdb.Error):
        evidence = evidence._replace(ledger=connect(run / manifest.LEDGER))
    return evidence


def _files(evidence: Evidence) -> Finding:
    assert evidence.manifest is not None
    named: dict[str, dict[str, Any]] = evidence.manifest["files"]
    found = manifest.digests(evidence.run)
    wrong = sorted(name for name in named.keys() | found.keys() if named.get(name) != found.get(name))
    if wrong:
        states = {name: _state(named.get(name), found.get(name)) for name in wrong}
        return Finding(holds=False, figure=", ".join(f"{name} {state}" for name, state in states.items()))
    size = sum(file["bytes"] for file in found.values())
    return Finding(holds=True, figure=f"{len(found):,} files, {size / 1e6:,.1f} MB")


def _state(named: dict[str, Any] | None, found: dict[str, Any] | None) -> str:
    return "is missing" if found is None else "is not of the run" if named is None else "was changed"


def _chain(evidence: Evidence) -> Finding:
    log = evidence.log
    flaws = [f"{month}: {message}" for month, message in log.flaws()]
    if evidence.manifest and evidence.manifest["log"]["head"] != log.head:
        flaws.append("the head is not the one that the manifest names")
    return Finding(not flaws, "; ".join(flaws) or f"{len(log.blocks):,} blocks, head {log.head[:12]}")


def _positions(evidence: Evidence) -> Finding:
    """Positions are 0, 1, 2 and so on: those of a month go on where those before it ended."""
    wrong = evidence.counted.misnumbered if evidence.counted else misnumbered(evidence.log)
    events = evidence.log.next_position
    figure = f"{events:,} events, numbered 0 to {events - 1:,}" if events else "no event"
    return Finding(not wrong, "; ".join(wrong) or figure)


def _imported(evidence: Evidence) -> Finding:
    """Every row that was read became events, repeats another, or lies in quarantine with its reason."""
    assert evidence.manifest is not None
    return Finding(*rows_account(evidence.run, evidence.manifest, evidence.log))


def _facts(evidence: Evidence) -> Finding:
    logged = evidence.log.fact_frame().sort("position")
    kept = _sql(evidence, "select * from events order by position").select(logged.columns)
    if kept.equals(logged):
        return Finding(holds=True, figure=f"{len(kept):,} facts")
    return Finding(
        holds=False, figure=f"{len(logged):,} in the log, {len(kept):,} in the ledger, not the same"
    )


def _usage(evidence: Evidence) -> Finding:
    """Accepted usage = measured + unrated: in events, and in quantity where a meter adds up."""
    logged = evidence.counted.usage if evidence.counted else accepted(evidence.log)
    meters = evidence.book.meters if evidence.book else {}
    used = set(logged["meter"])
    of_facts = [key for key, meter in meters.items() if meter.event != USAGE and key not in used]
    # A level that lasts is measured in months without an event, too.
    measured = _sql(evidence, _MEASURED).filter(~pl.col("meter").is_in(of_facts), pl.col("events") != 0)
    if evidence.book and evidence.book.conventions.periods == "anniversary":
        # Periods of a subscription's own are not those of the log: all months are held against all months.
        logged, measured = (_all_months(frame) for frame in (logged, measured))
    both = logged.join(measured, on=["month", "meter"], how="full", coalesce=True, suffix="_measured")
    adding = [key for key, meter in meters.items() if meter.aggregation == "sum"]
    wrong = both.filter(
        pl.col("events").ne_missing(pl.col("events_measured"))
        | (pl.col("meter").is_in(adding) & pl.col("quantity").ne_missing(pl.col("quantity_measured")))
    )
    if len(wrong):
        month, meter = wrong.sort("month", "meter").select("month", "meter").row(0)
        return Finding(holds=False, figure=f"{len(wrong):,} sums differ, the first {meter} in {month:%Y-%m}")
    return Finding(holds=True, figure=f"{logged['events'].sum():,} usage events in {len(both):,} sums")


def _all_months(frame: pl.DataFrame) -> pl.DataFrame:
    """Add up what each meter counted, and name it by the first month."""
    totals = frame.group_by("meter").agg(pl.col("events", "quantity").sum())
    return totals.with_columns(month=pl.lit(date(1970, 1, 1)))


_MEASURED = """
    select month, meter, sum(events)::bigint as events, sum(quantity)::decimal(38, 12) as quantity from (
        select month, meter, events, quantity from usage
        where (month, meter) not in (select (month, meter) from unrated_usage where reason = 'no_meter')
        union all
        select month, meter, events, quantity from unrated_usage
        where reason in ('no_subscription', 'no_meter', 'not_due')
    ) group by all"""


def _names(evidence: Evidence) -> Finding:
    """Primary keys are unique. DuckDB could see to it itself, and would load 12 times slower."""
    doubles, rows = [], 0
    for table in TABLES:
        key = ", ".join(f'"{column}"' for column in keys(table))
        # Not by hash(): DuckDB's gives the same number to names that differ in two places.
        distinct_rows = f'(select count(*) from (select distinct {key} from "{table}"))'
        count, distinct = _row(evidence, f'select count(*), {distinct_rows} from "{table}"')
        rows += count
        if distinct != count:
            doubles.append(f"{count - distinct:,} in {table}")
    return Finding(not doubles, ", ".join(doubles) or f"{rows:,} rows in {len(TABLES)} tables")


def _counts(evidence: Evidence) -> Finding:
    assert evidence.manifest is not None
    assert evidence.ledger is not None
    found = rows(evidence.ledger)
    wrong = [name for name, count in evidence.manifest["rows"].items() if found.get(name) != count]
    if totals(evidence.ledger) != evidence.manifest["totals"]:
        wrong.append("totals")
    if wrong:
        return Finding(holds=False, figure=f"not as in the manifest: {', '.join(wrong)}")
    return Finding(
        holds=True, figure=f"{sum(found.values()):,} rows, {len(evidence.manifest['totals'])} currency"
    )


def rows(ledger: DuckDBPyConnection) -> dict[str, int]:
    """Return how many rows every table of a ledger has."""
    counts = " union all ".join(f"select '{name}', count(*) from \"{name}\"" for name in TABLES)
    return dict(ledger.execute(counts).fetchall())


def totals(ledger: DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return what was invoiced, paid, written off, shared and spent in every currency, as exact text."""
    found = ledger.execute(_TOTALS).fetchall()
    return {row[0]: dict(zip(_TOTAL_NAMES, map(str, row[1:]), strict=True)) for row in found}


_TOTAL_NAMES = ("invoiced", "recognised", "deferred", "receivable", "paid_out", "spent", "cash")
_TOTALS = """
    select currency,
        coalesce(sum(amount) filter (ledger_account = 'receivable' and starts_with(entry, 'INV-')), 0),
        -coalesce(sum(amount) filter (ledger_account = 'revenue'), 0),
        -coalesce(sum(amount) filter (ledger_account = 'deferred_revenue'), 0),
        coalesce(sum(amount) filter (ledger_account = 'receivable'), 0),
        -coalesce(sum(amount) filter (ledger_account = 'partner_payable' and starts_with(entry, 'PAY-')), 0),
        coalesce(sum(amount) filter (ledger_account = 'expense'), 0),
        coalesce(sum(amount) filter (ledger_account = 'cash'), 0)
    from postings group by currency order by currency"""


def _holds(invariant: Invariant) -> Callable[[Evidence], Finding]:
    """Make a check of an invariant of the ledger."""

    def check(evidence: Evidence) -> Finding:
        places = 2 if evidence.book is None else minor_units(evidence.book.currency)
        unit = f"{Decimal(1).scaleb(-places):f}"
        signals = [] if evidence.book is None else evidence.book.signals()
        wrong = invariant.wrong.replace("{unit}", unit).replace("{parts}", _roundings(evidence.book))
        wrong = wrong.replace("{signals}", ", ".join(f"'{meter}'" for meter in ("", *signals)))
        count, first = _row(evidence, f"select count(*), min(row::varchar) from ({wrong}) row")
        if count:
            return Finding(holds=False, figure=f"{count:,} wrong, such as {first}")
        figures = [_shown(figure) for figure in _row(evidence, invariant.looked_at)]
        return Finding(holds=True, figure=invariant.figure.replace("{unit}", unit).format(*figures))

    return check


def _roundings(book: PriceBook | None) -> str:
    """Return, as SQL, of how many lines of its invoice a line may hold the roundings."""
    is_even = book is None or book.conventions.remainders == "largest"
    return "1" if is_even else "count(*) over (partition by month, account)"


def _refunds(evidence: Evidence) -> Finding:
    """Refunds stay under the caps of the run's book; without a book there is nothing to compare with."""
    if evidence.book is None:
        return Finding(holds=True, figure="no price book")
    return _holds(refund.invariant(evidence.book))(evidence)


def _shown(figure: Any) -> str:
    if isinstance(figure, Decimal):
        return decimal_text(figure, 2)
    return "0" if figure is None else f"{figure:,}"


def _row(evidence: Evidence, query: str) -> tuple[Any, ...]:
    assert evidence.ledger is not None
    row: tuple[Any, ...] = evidence.ledger.execute(query).fetchall()[0]
    return row


def _sql(evidence: Evidence, query: str) -> pl.DataFrame:
    assert evidence.ledger is not None
    frame: pl.DataFrame = evidence.ledger.sql(query).pl()
    return frame


CHECKS: dict[str, Check] = {
    "files": Check("every file has the hash that the manifest names", "manifest", _files),
    "chain": Check("each block's hash holds the blocks before it", "log", _chain),
    "positions": Check("events are numbered without a gap", "log", _positions),
    "import": Check("every row is written, repeated or quarantined", "import", _imported),
    "facts": Check("the ledger has the facts of the log", "ledger", _facts),
    "usage": Check("accepted usage = measured + unrated", "ledger", _usage),
    "used": Check("every unit of usage is rated, drawn or unrated", "ledger", _holds(invariants.USED)),
    "rated": Check("a line of usage rates what it says", "ledger", _holds(invariants.RATED)),
    "grants": Check("a grant is drawn in its life, and no further", "ledger", _holds(invariants.GRANTS)),
    "keys": Check("no row stands in a table twice", "ledger", _names),
    "parents": Check("nothing refers to what is not there", "ledger", _holds(invariants.PARENTS)),
    "phases": Check("the phases of a subscription do not overlap", "ledger", _holds(invariants.PHASES)),
    "adjusted": Check(
        "adjustments add up to the bill with what is known", "ledger", _holds(invariants.ADJUSTED)
    ),
    "once": Check("nothing is billed twice", "ledger", _holds(invariants.ONCE)),
    "rounding": Check("every line is rounded once", "ledger", _holds(invariants.ROUNDING)),
    "lines": Check("an invoice is the sum of its lines", "ledger", _holds(invariants.LINES)),
    "receivable": Check("every invoice is posted in full", "ledger", _holds(invariants.RECEIVABLE)),
    "payments": Check("an invoice is settled at most once", "ledger", _holds(invariants.PAYMENTS)),
    "open": Check("open invoices = receivable", "ledger", _holds(invariants.OPEN_INVOICES)),
    "refunds": Check("no refund passes its cap", "ledger", _refunds),
    "payouts": Check("every payout is posted in full", "ledger", _holds(invariants.PAYOUTS)),
    "shares": Check("payouts are an expense, or less revenue if net", "ledger", _holds(invariants.SHARES)),
    "payable": Check("payouts not settled yet = payable", "ledger", _holds(invariants.PAYABLE)),
    "revenue": Check("every line = its revenue + what is deferred", "ledger", _holds(invariants.REVENUE)),
    "deferred": Check("what is deferred is what is not served yet", "ledger", _holds(invariants.DEFERRED)),
    "packs": Check("what packs defer is what is left of them", "ledger", _holds(invariants.PACKS)),
    "entries": Check("every entry adds up to zero", "ledger", _holds(invariants.ENTRIES)),
    "trial balance": Check("all accounts add up to zero", "ledger", _holds(invariants.TRIAL_BALANCE)),
    "changes": Check("what changed is what is held, by customer and plan", "ledger", _holds(bridge.CHANGES)),
    "kinds": Check("each change is what its customer's day comes to", "ledger", _holds(bridge.KINDS)),
    "mrr": Check("opening + movements = closing", "ledger", _holds(bridge.MRR)),
    "counts": Check("rows and totals are those of the manifest", "manifest ledger", _counts),
}
"""Every check by its name: the promise, what it needs, and the function that looks."""
