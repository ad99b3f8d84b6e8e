"""The bill: from facts and usage to invoices, for one month or for many at once.

Every stage works on columns over any number of months in a row, with what it needs of earlier months carried
in. So a run that bills month by month and a replay that bills all months at once come to the same lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import duckdb
import polars as pl

from billing import adjustments, commitment, entitlement, invoice, rating, recognition, refund
from billing.coverage import cover
from billing.day import wanted
from billing.grant import Grant
from billing.lines import slices
from billing.price_book import PriceBook
from billing.recurring import monthly
from billing.schema import as_table
from billing.subscription import Subscriptions
from billing.yearly import Value, dated_charges, yearly_value
from metering.frame import empty
from metering.log import Log
from metering.period import Period
from metering.usage import DAY_SCHEMA, measure, measure_days, single_events


@dataclass
class Carried:
    """What billing needs to know of the months before.

    The phases, what open windows have counted, what grants have left, which fees a refund may give back,
    what commitments have got,
    what yearly prices are in force.
    """

    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    windows: pl.DataFrame = field(default_factory=lambda: empty(rating.CARRIED_SCHEMA))
    entitled: entitlement.Entitled = field(default_factory=entitlement.nothing)
    refunds: refund.Known = field(default_factory=refund.nothing)
    commitments: commitment.Known = field(default_factory=commitment.nothing)
    yearly: dict[str, list[Value]] = field(default_factory=dict)


class Billed(NamedTuple):
    """What some months come to: tables of the ledger, and what the next months have to know.

    `measured` is what was metered, `values` what each recurring price of each subscription is worth a month
    at the months' ends: (month, subscription, plan, key, stream, value); `given` the grants of these months,
    and `sold` which lines are earned as grants are drawn (`billing.recognition.SOLD_SCHEMA`).
    """

    measured: pl.DataFrame
    usage: pl.DataFrame
    rated: pl.DataFrame
    unrated: pl.DataFrame
    lines: pl.DataFrame
    invoices: pl.DataFrame
    values: pl.DataFrame
    given: tuple[Grant, ...]
    drawdowns: pl.DataFrame
    sold: pl.DataFrame
    carried: Carried


def bill(
    periods: Sequence[Period],
    *,
    log: Log,
    book: PriceBook,
    carried: Carried,
    connection: duckdb.DuckDBPyConnection,
    measured: pl.DataFrame | None = None,
) -> Billed:
    """Bill some months in a row of a log under a price book.

    `measured` is what `metering.usage.measure` gave for these months, where that is known already. Raises
    Problems for facts that name what the book does not have.
    """
    subscriptions = carried.subscriptions
    subscriptions.apply(log.facts(periods), book)
    phases = subscriptions.frame(since=periods[0].starts_on)
    if measured is None:
        measured = measure(connection, log, meters=book.meters, spans=spans(phases), periods=periods)
    events = single_events(connection, log, meters=entitlement.giving_meters(book), periods=periods)
    given = entitlement.give(
        events, carried.entitled, subscriptions=subscriptions, book=book, periods=periods
    )
    finer = wanted(phases, book, given.pairs())
    days = measure_days(connection, log, meters=book.meters, wanted=finer, periods=periods)
    return bill_measured(periods, measured, book=book, carried=carried, given=given, days=days)


def bill_measured(
    periods: Sequence[Period],
    measured: pl.DataFrame,
    *,
    book: PriceBook,
    carried: Carried,
    given: entitlement.Given | None = None,
    days: pl.DataFrame | None = None,
    keep_free: bool = False,
) -> Billed:
    """Bill months whose facts are folded and whose usage is measured: a pure function of its arguments.

    `given` is what can be drawn in these months, `days` what `metering.usage.measure_days` gave of what
    `billing.day.wanted` names, where that is anything. Accounts that owe nothing in a month get an invoice
    only with `keep_free`.
    """
    days = empty(DAY_SCHEMA) if days is None else days
    given = entitlement.Given(carried.entitled.open, (), carried.entitled.seen) if given is None else given
    subscriptions = carried.subscriptions
    phases = subscriptions.frame(since=periods[0].starts_on)
    parts = slices(phases, periods)
    usage, homeless = at_home(measured, phases)
    on_trial = usage.join(phases.filter("trial"), on=["subscription", "phase_no"], how="semi")
    paid_for = usage.join(on_trial, on=["subscription", "phase_no"], how="anti")
    paid = parts.filter(~pl.col("trial"))
    covered = cover(paid_for, days, given.open, phases=phases, slices=paid, book=book)
    rated = rating.rate(covered.payable, covered.slices, book, carried.windows)
    walk = dated_charges(subscriptions, phases, book, periods, carried.yearly)
    paid_monthly = monthly(parts, book)
    raw = pl.concat([paid_monthly.charges, walk.charge_frame(), rated.charges])
    lines = adjustments.rounded(raw, book)
    off = entitlement.discounts(lines, rated.counted, covered.drawn, book)
    lines = pl.concat([lines, adjustments.rounded(off, book)])
    less = adjustments.rounded(adjustments.discounts(lines, phases, book), book)
    lines = pl.concat([lines, less])
    back, refunds = refund.refunds(lines, usage, book, carried.refunds)
    lines = pl.concat([lines, adjustments.rounded(back, book)])
    more, commitments = commitment.true_ups(
        lines, parts, book, phases=phases, periods=periods, known=carried.commitments
    )
    lines = pl.concat([lines, more])
    lines = invoice.number_lines(lines if keep_free else invoice.owed(lines), book)
    rates = _rated(rated.counted, lines)
    return Billed(
        measured,
        usage,
        rates,
        _unrated(homeless, on_trial, covered.refused, rated.unrated, book),
        lines,
        invoice.invoices(lines, book),
        pl.concat([paid_monthly.values, yearly_value(walk, periods)]),
        given.fresh,
        covered.drawdowns(),
        recognition.sold(given.fresh, rates, lines, book),
        replace(
            carried,
            entitled=entitlement.later(given, covered.left, book, periods),
            windows=rated.carried,
            refunds=refunds,
            commitments=commitments,
            yearly=walk.values,
        ),
    )


def spans(phases: pl.DataFrame) -> pl.DataFrame:
    """Return when each phase lasts, as `metering.usage.measure` wants to know it."""
    return phases.select(
        "phase_no",
        subject="subscription",
        starts_at=pl.col("starts_on").cast(pl.Datetime("us")),
        ends_at=pl.col("ends_on").cast(pl.Datetime("us")),
    )


def at_home(measured: pl.DataFrame, phases: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part measured usage into the ledger's `usage`, and what belongs to no phase."""
    known = measured.filter(pl.col("phase_no").is_not_null()).rename({"subject": "subscription"})
    terms = phases.select("subscription", "phase_no", "account", "plan")
    usage = known.join(terms, on=["subscription", "phase_no"], how="left")
    return as_table(usage, "usage"), measured.filter(pl.col("phase_no").is_null())


def _rated(counted: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Say which line rates which usage: a line of a level its phase's, other lines all phases'."""
    keys = ["month", "subscription", "plan", "price", "grouped"]
    named = lines.filter(pl.col("kind") == "usage").rename(
        {"dimensions": "grouped", "phase_no": "line_phase"}
    )
    found = counted.join(named.select(*keys, "invoice", "line_no", "line_phase"), on=keys)
    own = found.filter(~pl.col("is_level") | (pl.col("phase_no") == pl.col("line_phase")))
    return as_table(own, "rated_usage")


def _unrated(
    homeless: pl.DataFrame,
    on_trial: pl.DataFrame,
    refused: pl.DataFrame,
    unpriced: pl.DataFrame,
    book: PriceBook,
) -> pl.DataFrame:
    """Say of each usage that is on no invoice why: no meter or subscription, a trial, a limit, no price.

    What only signals something to other rules (a missed guarantee, a passed exam) has no price by design.
    """
    no_meter = ~pl.col("meter").is_in(list(book.meters))
    unpriced = unpriced.filter(~pl.col("meter").is_in(book.signals()))
    columns = ["month", "subject", "meter", "reason", "quantity", "events"]
    rows = pl.concat(
        frame.with_columns(
            reason=pl.when(no_meter).then(pl.lit("no_meter")).otherwise(pl.lit(reason))
        ).select(columns)
        for reason, frame in (
            ("no_subscription", homeless),
            ("trial", on_trial.rename({"subscription": "subject"})),
            ("over_limit", refused.rename({"subscription": "subject"})),
            ("no_price", unpriced.rename({"subscription": "subject"})),
        )
    )
    keys = columns[:4]
    totals = rows.group_by(keys).agg(pl.col("quantity", "events").sum()).sort(keys)
    return as_table(totals, "unrated_usage")
