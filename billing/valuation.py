"""Valuation: what every part of every subscription's life is worth a month, and what comes ahead.

Month ends are what the bill has valued; here come the parts of months that end before, trials as if they were
paid, and the months after the last one that is billed, as far as facts and the price book say them.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from billing import recurring
from billing.commitment import least
from billing.discount import committed, of_accounts, takes_off
from billing.lines import months_since, slices
from billing.money import EXACT, literal, over
from billing.price import CATALOG
from billing.price_book import PriceBook
from billing.recurring import VALUE_SCHEMA
from billing.subscription import Subscriptions
from billing.transition import Books, Sole
from billing.yearly import Value, dated_charges
from metering.frame import empty, shaped
from metering.period import Period, add_months, month_of

AHEAD = 12
"""So many months after the last closed one are looked at."""

PARTS = ("list_price", "lasting_discount", "limited_discount", "commitment", "amount")
"""What a subscription is worth: before discounts, what they take, what a commitment adds, and in all."""

_OF = ["month", "subscription"]
_TERMS = ["discount", "begun_on", "billing"]
_APART = "\x1f"
"""Between a subscription and what tells its parts of one month from each other; no name has it."""


class Lives(NamedTuple):
    """Subscriptions with what was found out about them: values at month ends, and those of yearly prices."""

    subscriptions: Subscriptions
    values: pl.DataFrame
    yearly: Mapping[str, Sequence[Value]]


def worth(parts: pl.DataFrame, values: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Add to slices, one for each month and subscription, their plan's stream and what they are worth.

    `values` says what each price of each is worth a month: (month, subscription, plan, key, value). A year's
    commitment counts a twelfth where that is more than the prices; a plan's maximum bounds it.
    """
    terms = [*_TERMS, "account"] if of_accounts(book) else _TERMS
    own = values.join(parts.select(*_OF, *terms), on=_OF)
    of_list = own.group_by(_OF).agg(list_price=pl.col("value").sum())
    found = parts.join(of_list, on=_OF, how="left")
    if takes_off(book):
        after = committed(own, book).group_by(_OF).agg(net=pl.col("value").sum())
        found = found.join(after, on=_OF, how="left")
    else:
        found = found.with_columns(net="list_price")
    if not all(discount.is_lasting for discount in book.discounts.values()):
        lasting = committed(own, book, lasting=True).group_by(_OF).agg(lasting=pl.col("value").sum())
        found = found.join(lasting, on=_OF, how="left")
    else:
        found = found.with_columns(lasting="net")
    found = found.with_columns(pl.col("list_price", "net", "lasting").fill_null(0).cast(EXACT))
    found = _bounded(found.with_columns(amount="net"), book)
    streams = {key: plan.stream for key, plan in book.plans.items()}
    return found.with_columns(
        stream=pl.col("plan").replace(streams),
        lasting_discount=pl.col("list_price") - pl.col("lasting"),
        limited_discount=pl.col("lasting") - pl.col("net"),
        commitment=pl.col("amount") - pl.col("net"),
    ).drop("net", "lasting")


def _bounded(found: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Bring `amount` to at least a twelfth of the year's commitment, and to at most the plan's maximum."""
    for key, plan in book.plans.items():
        on_plan = pl.col("plan") == key
        if plan.commitment:
            year_no = months_since(pl.col("anchor_on"), pl.col("month")) // 12
            floor = least([over(amount, 12) for amount in plan.commitment.amount], year_no)
            most = pl.max_horizontal("amount", floor)
            found = found.with_columns(amount=pl.when(on_plan).then(most).otherwise("amount"))
        if plan.maximum is not None:
            most = pl.min_horizontal("amount", literal(plan.maximum))
            found = found.with_columns(amount=pl.when(on_plan).then(most).otherwise("amount"))
    return found.with_columns(pl.col("amount").cast(EXACT))


def ahead_of(periods: Sequence[Period]) -> list[Period]:
    """Return the months after the last one."""
    return [month_of(add_months(periods[-1].starts_on, number)) for number in range(1, AHEAD + 1)]


def valued(lives: Lives, books: Books, periods: Sequence[Period]) -> pl.DataFrame:
    """Return every part of every month in which a subscription lives, with what it is worth (`PARTS`).

    A trial is worth nothing, and has what it would be worth in `trial_value`. The months after `periods` are
    among them; catalog sales are not, since nothing of them recurs.
    """
    whole = [*periods, *ahead_of(periods)]
    phases = lives.subscriptions.frame().filter(pl.col("plan") != CATALOG)
    yearly = _yearly(lives, phases, books, whole)
    is_known = (
        (pl.col("until_on") == pl.col("month_ends_on"))
        & (pl.col("month") <= periods[-1].starts_on)
        & ~pl.col("trial")
    )
    found = []
    for book, parts in books.by_part(slices(phases, whole)):
        rest = parts.filter(~is_known).with_columns(
            subscription=pl.concat_str("subscription", "phase_no", separator=_APART), name="subscription"
        )
        as_paid = rest.with_columns(month_ends_on="until_on", trial=pl.lit(value=False))
        values = [recurring.values(as_paid, book), _held(rest, yearly), _tried(rest, lives, book, whole)]
        others = worth(rest, pl.concat(values), book).with_columns(subscription="name").drop("name")
        found += [worth(parts.filter(is_known), lives.values, book), others]
    together = pl.concat(found, how="diagonal_relaxed")
    nothing = [pl.when("trial").then(0).otherwise(pl.col(name)).cast(EXACT).alias(name) for name in PARTS]
    tried = pl.when("trial").then("amount").otherwise(0).cast(EXACT)
    return together.with_columns(tried.alias("trial_value"), *nothing).sort(
        "subscription", "from_at", "phase_no"
    )


def _yearly(
    lives: Lives, phases: pl.DataFrame, books: Books, whole: Sequence[Period]
) -> Mapping[str, Sequence[Value]]:
    """Return what yearly prices are worth when, in the months ahead too, which two books have looked at."""
    if not isinstance(books, Sole):
        return lives.yearly
    return dated_charges(lives.subscriptions, phases, books.after, whole, {}).values


def _held(parts: pl.DataFrame, yearly: Mapping[str, Sequence[Value]]) -> pl.DataFrame:
    """Value the yearly prices that are in force at the end of parts of months (`VALUE_SCHEMA`)."""
    paying = parts.filter(~pl.col("trial"))
    rows = [value for name in paying["name"].unique().sort() for value in yearly.get(name, ())]
    if not rows:
        return empty(VALUE_SCHEMA)
    values = pl.DataFrame(rows, schema=_YEARLY_SCHEMA, orient="row")
    day = pl.max_horizontal("from_on", pl.col("until_on").dt.offset_by("-1d"))
    places = paying.select("month", "subscription", "name", day=day)
    found = places.join(values, on="name").filter(
        pl.col("day") >= pl.col("begins_on"),
        pl.col("ends_on").is_null() | (pl.col("day") < pl.col("ends_on")),
    )
    return shaped(found.with_columns(value=over(pl.col("yearly"), literal(TWELVE))), VALUE_SCHEMA)


def _tried(parts: pl.DataFrame, lives: Lives, book: PriceBook, whole: Sequence[Period]) -> pl.DataFrame:
    """Value what trials would pay by the year (`VALUE_SCHEMA`): each is walked through as if it were paid."""
    if not parts["trial"].any():
        return empty(VALUE_SCHEMA)
    trials = parts.filter("trial").select("subscription", "name", "phase_no").unique().sort("subscription")
    phases = {
        name: [phase._replace(subscription=name, phase_no=1, trial=False)]
        for name, subscription, phase_no in trials.iter_rows()
        for phase in [lives.subscriptions.phases[subscription][phase_no - 1]]
    }
    paid = Subscriptions(phases, _touched=dict.fromkeys(phases))
    walk = dated_charges(paid, paid.frame(), book, whole, {})
    tried = parts.filter("trial").with_columns(name="subscription", trial=pl.lit(value=False))
    return _held(tried, walk.values)


TWELVE = Decimal(12)

_YEARLY_SCHEMA = pl.Schema(
    {
        "name": pl.String(),
        "plan": pl.String(),
        "key": pl.String(),
        "stream": pl.String(),
        "yearly": EXACT,
        "begins_on": pl.Date(),
        "ends_on": pl.Date(),
    }
)
"""`billing.yearly.Value` as rows."""
