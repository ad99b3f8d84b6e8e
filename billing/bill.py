"""The bill: from facts and usage to invoices, for one month or for many at once.

Every stage works on columns over any number of months in a row, with what it needs of earlier months carried
in. So a run that bills month by month and a replay that bills all months at once come to the same lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import duckdb
import polars as pl

from billing import (
    adjustments,
    commitment,
    coupon,
    entitlement,
    invoice,
    progressive,
    rating,
    recognition,
    recurring,
    refund,
)
from billing.convention import Conventions
from billing.coverage import Covered, cover
from billing.day import wanted
from billing.grant import Grant
from billing.lines import CALENDAR, since_of, slices
from billing.price_book import PriceBook
from billing.proration import is_by_day
from billing.schema import as_table, polars_schema
from billing.subscription import Subscriptions
from billing.yearly import Value, dated_charges, yearly_value
from metering.frame import empty, shaped
from metering.known import Source, known
from metering.period import Period, add_months, month_of
from metering.usage import DAY_SCHEMA, measure, measure_days, single_events
from metering.weighted import SLICE_SCHEMA


@dataclass
class Carried:
    """What billing needs to know of the months before.

    The phases, what open windows have counted, what grants have left, which fees a refund may give back,
    what commitments have got, what coupons have taken, what yearly prices are in force.
    """

    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    windows: pl.DataFrame = field(default_factory=lambda: empty(rating.CARRIED_SCHEMA))
    entitled: entitlement.Entitled = field(default_factory=entitlement.nothing)
    refunds: refund.Known = field(default_factory=refund.nothing)
    commitments: commitment.Known = field(default_factory=commitment.nothing)
    coupons: pl.DataFrame = field(default_factory=coupon.nothing)
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
    log: Source,
    book: PriceBook,
    carried: Carried,
    connection: duckdb.DuckDBPyConnection,
    measured: pl.DataFrame | None = None,
    keep_free: bool = False,
    is_folded: bool = False,
) -> Billed:
    """Bill some months in a row of a log under a price book.

    Of a log with late events, what came in time is billed; `billing.restatement` bills the rest. `measured`
    is what `metering.usage.measure` gave for these months, where that is known already; with `is_folded` the
    subscriptions know the facts of these months already. Raises Problems for facts that name what the book
    does not have.
    """
    log, subscriptions = known(log), carried.subscriptions
    if not is_folded:
        subscriptions.apply(log.facts(periods), book)
    phases = subscriptions.frame(since=since_of(periods, book.conventions))
    if measured is None:
        lives = spans(phases, periods, book.conventions)
        measured = measure(connection, log, meters=book.meters, spans=lives, periods=periods)
    events = single_events(connection, log, meters=entitlement.giving_meters(book), periods=periods)
    given = entitlement.give(
        events, carried.entitled, subscriptions=subscriptions, book=book, periods=periods
    )
    finer = wanted(phases, book, given.pairs())
    apart = slices_of_days(phases, periods, book.conventions) if len(finer) else None
    days = measure_days(connection, log, meters=book.meters, wanted=finer, periods=periods, slices=apart)
    return bill_measured(
        periods, measured, book=book, carried=carried, given=given, days=days, keep_free=keep_free
    )


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
    phases = subscriptions.frame(since=since_of(periods, book.conventions))
    parts = slices(phases, periods, book.conventions)
    usage, homeless = at_home(measured, phases)
    on_trial, paid_for, paid = usage.clear(), usage, parts
    if phases["trial"].any():
        trials = phases.filter("trial")
        on_trial = usage.join(trials, on=["subscription", "phase_no"], how="semi")
        paid_for = usage.join(trials, on=["subscription", "phase_no"], how="anti")
        paid = parts.filter(~pl.col("trial"))
    covered = cover(paid_for, days, given.open, phases=phases, slices=paid, book=book)
    walk = dated_charges(subscriptions, phases, book, periods, carried.yearly)
    priced = price(
        book,
        covered,
        walk.charge_frame(),
        usage=usage,
        slices=parts,
        months=month_slices(parts, phases, periods, book.conventions),
        phases=phases,
        periods=periods,
        carried=carried,
    )
    lines = priced.lines if keep_free else invoice.owed(priced.lines)
    if book.is_progressive:
        sums, used = progressive.early(paid_for, days, covered, slices=paid, book=book, periods=periods)
        lines = invoice.number_lines(progressive.parted(lines, sums), book)
        rates = progressive.rated_in_parts(rated_usage(priced.counted, lines), lines, used)
    else:
        lines = invoice.number_lines(lines, book)
        rates = rated_usage(priced.counted, lines)
    return Billed(
        measured,
        usage,
        rates,
        unrated_usage(homeless, on_trial, covered.refused, priced.unrated, book),
        lines,
        invoice.invoices(lines, book),
        pl.concat([priced.values, yearly_value(walk, periods)]),
        given.fresh,
        covered.drawdowns(),
        recognition.sold(given.fresh, rates, lines, book),
        replace(
            carried,
            entitled=entitlement.later(given, covered.left, book, periods),
            windows=priced.windows,
            refunds=priced.refunds,
            commitments=priced.commitments,
            coupons=priced.coupons,
            yearly=walk.values,
        ),
    )


class Priced(NamedTuple):
    """The rounded charges of some months, on no invoice yet, and what the next months have to know.

    `counted` and `unrated` are those of `billing.rating.Rated`; `values` are those of monthly prices.
    """

    lines: pl.DataFrame
    counted: pl.DataFrame
    unrated: pl.DataFrame
    values: pl.DataFrame
    windows: pl.DataFrame
    refunds: refund.Known
    commitments: commitment.Known
    coupons: pl.DataFrame


def price(
    book: PriceBook,
    covered: Covered,
    dated: pl.DataFrame,
    *,
    usage: pl.DataFrame,
    slices: pl.DataFrame,
    months: pl.DataFrame,
    phases: pl.DataFrame,
    periods: Sequence[Period],
    carried: Carried,
) -> Priced:
    """Price what a book prices: usage that is covered or not, months of plans, and the `dated` charges.

    Adjustments follow in their order (`billing.adjustments`), each by the rounded lines before it.
    """
    rated = rating.rate(covered.payable, covered.slices, book, carried.windows)
    if months is slices:
        fees, values = recurring.charged_and_valued(slices, book)
    else:
        fees, values = recurring.charged(slices, book), recurring.values(months, book)
    raw = pl.concat([fees, dated, rated.charges])
    lines, coupons = adjustments.adjusted(
        raw,
        counted=rated.counted,
        drawn=covered.drawn,
        phases=phases,
        slices=covered.slices,
        book=book,
        coupons=carried.coupons,
    )
    back, refunds = refund.refunds(lines, usage, book, carried.refunds)
    lines = pl.concat([lines, adjustments.rounded(back, book)])
    more, commitments = commitment.true_ups(
        lines, slices, book, phases=phases, periods=periods, known=carried.commitments
    )
    return Priced(
        pl.concat([lines, more]),
        rated.counted,
        rated.unrated,
        values,
        rated.carried,
        refunds,
        commitments,
        coupons,
    )


def month_slices(
    parts: pl.DataFrame, phases: pl.DataFrame, periods: Sequence[Period], conventions: Conventions
) -> pl.DataFrame:
    """Return the slices of calendar months, which those of the billing periods (`parts`) may be already."""
    are_months = conventions.periods == "calendar" and conventions.proration == "day"
    return parts if are_months else slices(phases, periods)


def spans(
    phases: pl.DataFrame, periods: Sequence[Period] = (), conventions: Conventions = CALENDAR
) -> pl.DataFrame:
    """Return when each phase lasts, as `metering.usage.measure` wants to know it.

    Where billing periods are no calendar months, for each of the periods that are billed in `periods`, in the
    month before or in the month after.
    """
    if conventions.periods == "calendar":
        return phases.select("phase_no", "starts_at", "ends_at", subject="subscription")
    around = [month_of(add_months(periods[0].starts_on, -1)), *periods, month_of(periods[-1].ends_on)]
    return told_apart(slices(phases, around, conventions))


def not_due(
    log: Source, book: PriceBook, carried: Carried, connection: duckdb.DuckDBPyConnection
) -> pl.DataFrame:
    """Return the usage of billing periods that are not over at the end of a log, as `unrated_usage`."""
    last = log.periods[-1]
    if book.conventions.periods == "calendar":
        return empty(polars_schema("unrated_usage"))
    after = [month_of(last.ends_on)]
    phases = carried.subscriptions.frame(since=since_of(after, book.conventions))
    lives = spans(phases, after, book.conventions)
    measured = measure(connection, log, meters=book.meters, spans=lives, periods=after)
    told = measured.with_columns(month=pl.lit(last.starts_on), reason=pl.lit("not_due"))
    keys = ["month", "subject", "meter", "reason"]
    totals = told.filter(pl.col("events") > 0).group_by(keys).agg(pl.col("quantity", "events").sum())
    return as_table(totals.sort(keys), "unrated_usage")


def told_apart(parts: pl.DataFrame) -> pl.DataFrame:
    """Return slices as metering wants to know them (`metering.weighted.SLICE_SCHEMA`)."""
    told = parts.with_columns(subject="subscription", starts_at="from_at", ends_at="until_at")
    return shaped(told, SLICE_SCHEMA)


def slices_of_days(
    phases: pl.DataFrame, periods: Sequence[Period], conventions: Conventions
) -> pl.DataFrame | None:
    """Return the slices that usage by the day has to be told apart by, where a day alone does not say it."""
    if conventions.periods == "calendar" and is_by_day(conventions):
        return None
    if conventions.periods == "anniversary":
        return spans(phases, periods, conventions)
    return told_apart(slices(phases, periods, conventions))


def at_home(measured: pl.DataFrame, phases: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part measured usage into the ledger's `usage`, and what belongs to no phase."""
    known = measured.filter(pl.col("phase_no").is_not_null()).rename({"subject": "subscription"})
    terms = phases.select("subscription", "phase_no", "account", "plan")
    usage = known.join(terms, on=["subscription", "phase_no"], how="left", maintain_order="left")
    return as_table(usage, "usage"), measured.filter(pl.col("phase_no").is_null())


def rated_usage(counted: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Say which line rates which usage: a line of a level its phase's, other lines all phases'."""
    keys = ["month", "subscription", "plan", "price", "grouped"]
    named = lines.filter(pl.col("kind") == "usage").rename(
        {"dimensions": "grouped", "phase_no": "line_phase"}
    )
    named = named.select(*keys, "invoice", "line_no", "line_phase")
    found = counted.join(named, on=keys, maintain_order="left")
    own = found.filter(~pl.col("is_level") | (pl.col("phase_no") == pl.col("line_phase")))
    return as_table(own, "rated_usage")


def unrated_usage(
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
    if not len(rows):
        return empty(polars_schema("unrated_usage"))
    keys = columns[:4]
    totals = rows.group_by(keys).agg(pl.col("quantity", "events").sum()).sort(keys)
    return as_table(totals, "unrated_usage")
