"""Changeover: a whole log billed by one price book up to each subscription's switch, by another after it.

Both books bill once, each its own parts of months; what has to go on counting is handed from the first to the
second. Windows, commitments and refunds go by subscription, so all of the first book's months can come before
those of the second. Grants are drawn day by day by an account, which may have subscriptions on either side:
they are drawn for both books together, each grant as the book that gave it says.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import duckdb
import polars as pl

from billing import commitment, coupon, entitlement, invoice, progressive, rating, recognition, refund
from billing.bill import (
    Billed,
    Carried,
    Priced,
    at_home,
    month_slices,
    price,
    rated_usage,
    slices_of_days,
    spans,
    unrated_usage,
)
from billing.coverage import Covered, covered_by
from billing.cut import Cuts
from billing.day import wanted, with_days
from billing.drawdown import Open, draw
from billing.grant import Grant
from billing.limit import Limited, limited
from billing.lines import slices
from billing.price_book import PriceBook
from billing.rule import Entitlement
from billing.schema import as_table
from billing.subscription import Subscriptions
from billing.transition import Handover, Transition, handover
from billing.valuation import ahead_of
from billing.yearly import dated_charges, yearly_value
from metering.known import Source, known
from metering.period import Period
from metering.usage import measure, measure_days, single_events

_PART = ["subscription", "phase_no", "month"]
_BEFORE = " (before)"
"""What follows the key of an entitlement that the other book defines otherwise."""


class Side(NamedTuple):
    """One of the two books, and what of the log it bills; `since` is the first day of the change."""

    book: PriceBook
    is_after: bool
    subscriptions: Subscriptions
    phases: pl.DataFrame
    slices: pl.DataFrame
    months: pl.DataFrame
    usage: pl.DataFrame
    homeless: pl.DataFrame

    @property
    def on_trial(self) -> pl.DataFrame:
        """The usage of trials."""
        trials = self.phases.filter("trial")
        return self.usage.join(trials, on=["subscription", "phase_no"], how="semi")

    @property
    def paid_for(self) -> pl.DataFrame:
        """The usage outside of trials."""
        return self.usage.join(self.on_trial, on=["subscription", "phase_no"], how="anti")

    @property
    def paid(self) -> pl.DataFrame:
        """The slices that are no trial."""
        return self.slices.filter(~pl.col("trial"))


class Pair(NamedTuple):
    """The phases of a log in the names of two books, and the handover from the one to the other."""

    handed: Handover
    old: Subscriptions
    new: Subscriptions


def paired(log: Source, book: PriceBook, transition: Transition, first: date) -> Pair:
    """Fold a log's facts for both books. Raises Problems for names that one of the books does not have."""
    old, new = Subscriptions(), Subscriptions()
    old.apply(log.facts(), transition.before)
    new.apply(log.facts(), book)
    return Pair(handover(transition, book, old=old.phases, new=new.phases, first=first), old, new)


def bill_both(
    periods: Sequence[Period],
    *,
    log: Source,
    book: PriceBook,
    transition: Transition,
    connection: duckdb.DuckDBPyConnection,
    measured: pl.DataFrame | None = None,
    keep_free: bool = False,
) -> Billed:
    """Bill a log by two books from its first month on, all of `periods` at once.

    `measured` is what was measured for `book`, where known. Who owes nothing in a month gets an invoice only
    with `keep_free`. Raises Problems for names that a book lacks, and for a transition that cannot be.
    """
    log = known(log)
    pair = paired(log, book, transition, periods[0].starts_on)
    handed, before = pair.handed, transition.before
    start = transition.from_on or periods[0].starts_on
    used = _measured(log, book, pair.new, periods, connection) if measured is None else measured
    first = used if before.meters == book.meters else _measured(log, before, pair.old, periods, connection)
    sides = (
        _side(before, pair.old, handed, first, periods, start=start, is_after=False),
        _side(book, pair.new, handed, used, periods, start=start, is_after=True),
    )
    given = [_given(side, handed, log, periods, connection) for side in sides]
    both = _with(book, _together(before, book))
    fresh = (*(_marked(grant, before, book) for grant in given[0]), *given[1])
    days = _days(sides, fresh, log, periods, connection)
    covered = _cover(sides, days, fresh, both)
    lives = pl.concat([pair.old.frame(), pair.new.frame()])
    walk = dated_charges(pair.old, lives, before, periods, {}, handover=handed)
    further = dated_charges(pair.old, lives, before, [*periods, *ahead_of(periods)], {}, handover=handed)
    priced = _price(sides, covered, _by_day(walk.charge_frame(), handed), handed, periods=periods, both=both)
    charged = pl.concat([part.lines for part in priced])
    early = _early(sides, days, covered, periods)
    owed = charged if keep_free else invoice.owed(charged)
    sums, parts = (pl.concat(frames) for frames in zip(*early, strict=True)) if early else (None, None)
    lines = _numbered(owed if sums is None else progressive.parted(owed, sums), handed)
    rated = pl.concat([rated_usage(part.counted, lines) for part in priced])
    rated = rated if parts is None else progressive.rated_in_parts(rated, lines, parts)
    cuts = Cuts.of(handed, pair.old.phases)
    return Billed(
        measured=used,
        usage=cuts.renumbered(pl.concat([side.usage for side in sides])),
        rated=cuts.renumbered(rated),
        unrated=_unrated(sides, covered, priced),
        lines=cuts.renumbered(lines),
        invoices=_invoices(lines, handed),
        values=pl.concat([*(part.values for part in priced), yearly_value(walk, periods)]),
        given=fresh,
        drawdowns=cuts.renumbered(covered[1].drawdowns()),
        sold=recognition.sold(fresh, rated, lines, both),
        carried=Carried(cuts.subscriptions(pair.new.ignored), yearly=further.values),
    )


def combined(book: PriceBook, transition: Transition) -> PriceBook:
    """Return a book with the entitlements of the one before it beside its own."""
    return _with(book, _together(transition.before, book))


def in_plain_names(grants: pl.DataFrame) -> pl.DataFrame:
    """Return the ledger's `grants` with the keys that entitlements have in the books."""
    return grants.with_columns(pl.col("entitlement").str.strip_suffix(_BEFORE))


def _measured(
    log: Source,
    book: PriceBook,
    subscriptions: Subscriptions,
    periods: Sequence[Period],
    connection: duckdb.DuckDBPyConnection,
) -> pl.DataFrame:
    lives = spans(subscriptions.frame(), periods, book.conventions)
    return measure(connection, log, meters=book.meters, spans=lives, periods=periods)


def _side(
    book: PriceBook,
    subscriptions: Subscriptions,
    handed: Handover,
    measured: pl.DataFrame,
    periods: Sequence[Period],
    *,
    start: date,
    is_after: bool,
) -> Side:
    """Take what a book bills: the parts of months that begin before the switch, or from it on."""
    switch = handed.switch_days("month_on")
    known = subscriptions.frame().join(switch, on="subscription", how="left", maintain_order="left")
    # Which book closes a life that ends is said by its last day; of others, the end is none of its business.
    mine = pl.col("ends_on") > pl.col("month_on") if is_after else pl.col("ends_on") <= pl.col("month_on")
    reason = pl.when(mine.fill_null(value=not is_after)).then("end_reason").otherwise(pl.lit("changed"))
    phases = known.with_columns(end_reason=reason).drop("month_on")
    # A contract year from an anchor is closed by who bills its last part, whenever within it the switch is.
    parts = slices(known.drop("month_on"), periods, book.conventions)
    months = month_slices(parts, phases, periods, book.conventions)
    own = handed.by_part(parts)[is_after][1]
    usage, homeless = at_home(measured, phases)
    first = pl.lit(start)
    return Side(
        book,
        is_after,
        subscriptions,
        phases,
        own,
        own if months is parts else handed.by_part(months)[is_after][1],
        usage.join(own, on=_PART, how="semi", maintain_order="left"),
        homeless.filter(pl.col("month") >= first if is_after else pl.col("month") < first),
    )


def _given(
    side: Side,
    handed: Handover,
    log: Source,
    periods: Sequence[Period],
    connection: duckdb.DuckDBPyConnection,
) -> list[Grant]:
    """Return what a book gives: by events and on days before the switch, or from it on."""
    meters = entitlement.giving_meters(side.book)
    events = single_events(connection, log, meters=meters, periods=periods)
    given = entitlement.give(
        events,
        entitlement.nothing(),
        subscriptions=side.subscriptions,
        book=side.book,
        periods=periods,
    )
    days = dict(events.select("position", "day").iter_rows())
    return [
        grant
        for grant in given.fresh
        for day in [days.get(grant.position, grant.granted_on)]
        for switch in [handed.switches.get(grant.subscription)]
        if (switch is not None and day >= switch.month_on) == side.is_after
    ]


def _together(before: PriceBook, after: PriceBook) -> dict[str, Entitlement]:
    """Return the entitlements of both books: what the earlier one defines otherwise has a name of its own."""
    others = {
        f"{key}{_BEFORE}": one
        for key, one in before.entitlements.items()
        if after.entitlements.get(key) != one
    }
    return {**after.entitlements, **others}


def _with(book: PriceBook, entitlements: Mapping[str, Entitlement]) -> PriceBook:
    return book.model_copy(update={"entitlements": dict(entitlements)})


def _marked(grant: Grant, before: PriceBook, after: PriceBook) -> Grant:
    same = after.entitlements.get(grant.entitlement) == before.entitlements[grant.entitlement]
    return grant if same else grant._replace(entitlement=f"{grant.entitlement}{_BEFORE}")


def _days(
    sides: Sequence[Side],
    fresh: Sequence[Grant],
    log: Source,
    periods: Sequence[Period],
    connection: duckdb.DuckDBPyConnection,
) -> list[pl.DataFrame]:
    """Measure by the day what each book has to know by the day."""
    pairs = list(dict.fromkeys((grant.account, grant.meter) for grant in fresh))
    return [
        measure_days(
            connection,
            log,
            meters=side.book.meters,
            wanted=wanted(side.phases, side.book, pairs),
            periods=periods,
            slices=slices_of_days(side.phases, periods, side.book.conventions),
        )
        for side in sides
    ]


def _cover(
    sides: Sequence[Side], days: Sequence[pl.DataFrame], fresh: Sequence[Grant], book: PriceBook
) -> list[Covered]:
    """Hold usage against the limits of each book, and draw what was given by any."""
    held = list[Limited]()
    for side, found in zip(sides, days, strict=True):
        held.append(limited(with_days(side.paid_for, found, side.paid), side.paid, side.book))
    opened = [Open(grant, grant.quantity, grant.events) for grant in fresh]
    drawn, left = draw(pl.concat([one.served for one in held]), opened, book)
    return [covered_by(one, drawn, left, book) for one in held]


def _early(
    sides: Sequence[Side], days: Sequence[pl.DataFrame], covered: Sequence[Covered], periods: Sequence[Period]
) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    """Return what each book bills within months (`billing.progressive.early`)."""
    return [
        progressive.early(side.paid_for, found, cover, slices=side.paid, book=side.book, periods=periods)
        for side, found, cover in zip(sides, days, covered, strict=True)
        if side.book.is_progressive
    ]


def _by_day(charged: pl.DataFrame, handed: Handover) -> list[pl.DataFrame]:
    """Part what is paid in advance by the book that charged it."""
    switch = handed.switch_days("year_on")
    found = charged.join(switch, on="subscription", how="left", maintain_order="left")
    reached = (pl.col("starts_on") >= pl.col("year_on")).fill_null(value=False)
    return [found.filter(mine).drop("year_on") for mine in (~reached, reached)]


def _price(
    sides: Sequence[Side],
    covered: Sequence[Covered],
    dated: Sequence[pl.DataFrame],
    handed: Handover,
    *,
    periods: Sequence[Period],
    both: PriceBook,
) -> list[Priced]:
    """Price the months of the first book, and those of the second with what it has to know of them."""
    priced = list[Priced]()
    for side, cover, due, usage in zip(sides, covered, dated, _missed(sides, handed), strict=True):
        carried = _handed_on(sides, covered[0], priced[0]) if priced else Carried()
        found = price(
            _with(side.book, both.entitlements),
            cover,
            due,
            usage=usage,
            slices=side.slices,
            months=side.months,
            phases=side.phases,
            periods=periods,
            carried=carried,
        )
        priced.append(found)
    return [priced[0], priced[1]._replace(lines=_without_new_commitments(priced[1].lines, sides))]


def _missed(sides: Sequence[Side], handed: Handover) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the usage in which each book looks for missed guarantees.

    Fees and misses of one month may lie on both sides, where a period ends or a plan changes in that month:
    what is given back in it is then said by the book after, which knows the fees of both.
    """
    before, after = (side.usage for side in sides)
    switch = handed.switch_days("month_on")
    found = before.join(switch, on="subscription", how="left", maintain_order="left")
    shared = (pl.col("month") >= pl.col("month_on").dt.truncate("1mo")).fill_null(value=False)
    mine, handed_on = (found.filter(part).drop("month_on") for part in (~shared, shared))
    return mine, pl.concat([after, handed_on])


def _handed_on(sides: Sequence[Side], cover: Covered, priced: Priced) -> Carried:
    """Return what the second book has to know of the months before the switch, in its own names."""
    book = sides[1].book
    names = {plan: book.replaces.get(plan, plan) for plan in sides[0].book.plans}
    renamed = pl.col("plan").replace(names)
    lasting = {price.meter for _, _, price in book.usage_prices() if price.window != "period"}
    counts = pl.col("meter").is_in(sorted(filter(None, lasting)))
    usage = cover.payable.with_columns(plan=renamed).filter(counts)
    parts = cover.slices.with_columns(plan=renamed)
    lines = priced.lines.with_columns(plan=renamed)
    return Carried(
        windows=rating.rate(usage, parts, book, Carried().windows).carried,
        refunds=refund.known_of(lines, book, priced.refunds),
        commitments=commitment.known_of(lines, book),
        coupons=coupon.known_of(priced.coupons, book),
    )


def _without_new_commitments(lines: pl.DataFrame, sides: Sequence[Side]) -> pl.DataFrame:
    """Leave out what a commitment that is new asks of contract years that began before the switch."""
    before, after = (side.book for side in sides)
    bound = {(after.replaces.get(plan, plan), price) for plan, price in commitment.bound_prices(before)}
    fresh = [both for both in commitment.bound_prices(after) if both not in bound]
    keys = pl.DataFrame(fresh, schema={"plan": pl.String, "price": pl.String}, orient="row")
    asked = lines.filter(pl.col("kind") == "true_up").join(keys, on=["plan", "price"], how="semi")
    first = sides[1].slices.group_by("subscription").agg(first_on=pl.col("month").min())
    early = asked.join(first, on="subscription").filter(pl.col("starts_on") < pl.col("first_on"))
    return lines.join(early, on=[*_PART, "plan", "price", "kind", "starts_on"], how="anti")


def _numbered(charged: pl.DataFrame, handed: Handover) -> pl.DataFrame:
    """Put the lines of both books on invoices, each invoice by the book that holds for its account."""
    parts = (invoice.number_lines(lines, book) for book, lines in handed.by_account(charged))
    return pl.concat(parts).sort("month", "account", "line_no")


def _invoices(lines: pl.DataFrame, handed: Handover) -> pl.DataFrame:
    parts = [invoice.invoices(own, book) for book, own in handed.by_account(lines)]
    return pl.concat(parts).sort("month", "account")


def _unrated(sides: Sequence[Side], covered: Sequence[Covered], priced: Sequence[Priced]) -> pl.DataFrame:
    frames = [
        unrated_usage(side.homeless, side.on_trial, cover.refused, part.unrated, side.book)
        for side, cover, part in zip(sides, covered, priced, strict=True)
    ]
    keys = ["month", "subject", "meter", "reason"]
    return as_table(
        pl.concat(frames).group_by(keys).agg(pl.col("quantity", "events").sum()).sort(keys), "unrated_usage"
    )
