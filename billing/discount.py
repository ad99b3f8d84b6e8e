"""Discounts: what is taken off the lines of a subscription's month, one after the other, never below zero."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from billing.coupon import Named, is_kept, kept, nothing, still_due
from billing.lines import CHARGE_SCHEMA, months_since, periods_since
from billing.money import EXACT, EXACTLY, ZERO, allocate, literal, over, round_money, times
from billing.price import Price
from billing.price_book import PriceBook
from billing.rule import Discount, listed

SCOPES: dict[str, tuple[str, ...]] = {
    "recurring": ("recurring", "credit"),
    "usage": ("usage",),
    "once": ("once",),
}
"""Which kinds of lines each scope of a discount means: what is credited of a fee goes with the fee."""

MONTH = ["month", "account", "subscription"]
"""What an amount is off at once: the lines of a subscription's month."""

SAME = ["month", "subscription", "phase_no", "plan", "price", "meter", "dimensions"]
"""What a usage line and what entitlements take off it have in common."""

ROUNDED_SCHEMA = pl.Schema({**CHARGE_SCHEMA, "amount": EXACT})
"""A charge with its amount: rounded, or exact where invoices are rounded as a whole."""


def provisional(exact: pl.Expr, book: PriceBook) -> pl.Expr:
    """Round an amount by the book's conventions, or leave it until its invoice is rounded as a whole."""
    if book.conventions.rounding_place == "invoice":
        return exact.cast(EXACT)
    return round_money(exact, book.currency, book.conventions.rounding).cast(EXACT)


@dataclass
class Taking:
    """The lines that discounts may be off, with their `net` so far, and what was taken off them or added.

    `rows` has a `row` number for each line, with `names` the keys of its subscription's discounts, and with
    `off` what is off its price for everybody. `cause` says what takes now: the key of a discount, `price` for
    what is off a price, `bounds` for the least and the most of a price or plan; what is `made` keeps it.
    `before` is what discounts took earlier that end by what they take (`billing.coupon`), `taken` now.
    """

    book: PriceBook
    rows: pl.DataFrame
    made: list[pl.DataFrame] = field(default_factory=list)
    cause: str = "bounds"
    before: pl.DataFrame = field(default_factory=nothing)
    taken: list[pl.DataFrame] = field(default_factory=list)

    def take(self, part: pl.DataFrame, kind: str = "discount") -> None:
        """Take `less` (exact in `exact`) off each row of a part of the rows; negative adds to it."""
        self.made.append(
            part.with_columns(
                kind=pl.lit(kind),
                allowance=pl.lit(0, EXACT),
                exact=(-pl.col("exact")).cast(EXACT),
                amount=(-pl.col("less")).cast(EXACT),
                cause=pl.lit(self.cause),
            )
        )
        less = part.group_by("row").agg(pl.col("less").sum())
        after = pl.col("net") - pl.col("less").fill_null(literal(ZERO))
        self.rows = (
            self.rows.join(less, on="row", how="left", maintain_order="left")
            .with_columns(net=after.cast(EXACT))
            .drop("less")
        )

    def spread(self, part: pl.DataFrame, group: Sequence[str]) -> None:
        """Take `whole` (the same in all rows of a group) off a group's rows in proportion to their net."""
        part = part.with_columns(base=pl.col("net").sum().over(group).cast(EXACT))
        part = part.filter(pl.col("whole") > 0, pl.col("base") > 0, pl.col("net") != 0)
        if not len(part):
            return
        whole = pl.min_horizontal("whole", "base").cast(EXACT)
        part = part.with_columns(whole=provisional(whole, self.book)).with_columns(
            exact=over(times(pl.col("net"), pl.col("whole")), pl.col("base"))
        )
        part = part.with_columns(exact=_whole_again(group))
        self.take(part.with_columns(less=self._allocated(part, group)).filter(pl.col("less") != 0))

    def _allocated(self, part: pl.DataFrame, group: Sequence[str]) -> pl.Series:
        """Round the `exact` parts of `whole` so that they add up to it."""
        conventions = self.book.conventions
        if conventions.rounding_place == "invoice":
            return part["exact"]
        return allocate(
            part,
            exact="exact",
            total="whole",
            over=group,
            currency=self.book.currency,
            mode=conventions.rounding,
            remainders=conventions.remainders,
        )

    def share(self, part: pl.DataFrame, share: pl.Expr, group: Sequence[str] = MONTH) -> None:
        """Take a share off each of these rows; where it is rounded as a whole, a group's rows split that."""
        part = part.with_columns(exact=times(pl.col("net"), share))
        if self.book.conventions.discount_place == "line":
            self.take(part.with_columns(less=provisional(pl.col("exact"), self.book)))
            return
        whole = provisional(pl.col("exact").sum().over(group), self.book)
        part = part.with_columns(whole=whole)
        self.take(part.with_columns(less=self._allocated(part, group)))


def _whole_again(group: Sequence[str]) -> pl.Expr:
    """Put what the 12th decimal has lost of the whole into the group's first row."""
    lost = pl.col("whole") - pl.col("exact").sum().over(group)
    is_first = pl.int_range(pl.len()).over(group) == 0
    return (pl.col("exact") + pl.when(is_first).then(lost).otherwise(literal(ZERO))).cast(EXACT)


def taking(
    lines: pl.DataFrame, phases: pl.DataFrame, book: PriceBook, before: pl.DataFrame | None = None
) -> Taking:
    """Begin with the lines that discounts or bounds may be about; what entitlements took is off already.

    `before` is what discounts took of earlier months (`billing.coupon.TAKEN_SCHEMA`), nothing when absent.
    """
    kinds = [kind for scope in SCOPES.values() for kind in scope]
    named = phases.select("subscription", "phase_no", "begun_on", names="discount")
    concerned, keys = _concerned(book), ["subscription", "phase_no"]
    if concerned.is_empty():  # as most books: only what some subscriptions have is looked at
        named = named.filter(pl.col("names") != "")
        if named.is_empty():
            return Taking(book, lines.clear(), before=nothing() if before is None else before)
        lines = lines.join(named, on=keys, how="semi", maintain_order="left")
    rows = (
        lines.filter(pl.col("kind").is_in(kinds))
        .join(named, on=keys, how="left", maintain_order="left")
        .with_columns(pl.col("names").fill_null(""))
        .join(concerned, on=["plan", "price"], how="left", maintain_order="left")
        .filter((pl.col("names") != "") | pl.col("concerned"))
        .sort(*_ORDER, maintain_order=True)
        .with_row_index("row")
    )
    off = lines.filter(pl.col("kind") == "discount").group_by(SAME).agg(covered=pl.col("amount").sum())
    rows = rows.join(off, on=SAME, how="left", maintain_order="left")
    covered = pl.when(pl.col("kind") == "usage").then("covered").fill_null(literal(ZERO))
    rows = rows.with_columns(net=(pl.col("amount") + covered).cast(EXACT)).drop("covered")
    return Taking(book, rows, before=nothing() if before is None else before)


def _concerned(book: PriceBook) -> pl.DataFrame:
    """Name the prices with something off (`off`), with a bound of their own or of their plan."""
    rows = [
        (key, name, price.off)
        for key, plan in book.plans.items()
        for name, price in _prices(key, book)
        if plan.maximum is not None
        or price.off is not None
        or not (price.terms.has_minimum and price.terms.has_maximum)
    ]
    schema: dict[str, Any] = {"plan": pl.String, "price": pl.String, "off": EXACT}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(concerned=pl.lit(value=True))


def _prices(plan: str, book: PriceBook) -> Iterator[tuple[str, Price]]:
    """Yield the prices of a plan, and those of its add-ons; a line says a key, so the plan's comes first."""
    own = book.plans[plan].prices
    yield from own.items()
    for key, add_on in book.add_ons.items():
        if plan in add_on.plans and key not in own:
            yield key, add_on.price


_ORDER = [*MONTH, "plan", "price", "kind", "starts_on", "dimensions", "meter", "quantity", "exact"]


def take_discounts(bill: Taking) -> None:
    """Take the discounts of prices off their lines, then those that subscriptions name, in their order."""
    part, bill.cause = bill.rows.filter(pl.col("off").is_not_null()), "price"
    if len(part):
        bill.share(part, pl.col("off"))
    every = [str(names) for names in bill.rows["names"].unique().sort()]
    for names in every:
        for one in named_in(names, bill.book):
            if one.rule.per == "subscription":
                _take_named(bill, one, [names])
    for one in of_accounts(bill.book):
        _take_named(bill, one, [names for names in every if one.key in listed(names)])
    bill.cause = "bounds"


def _take_named(bill: Taking, one: Named, names: list[str]) -> None:
    """Take a discount off the lines of all who name it so."""
    bill.cause = one.key
    part = bill.rows.filter(pl.col("names").is_in(names), _is_on(one.rule, bill.book)) if names else None
    if part is not None and is_kept(one.rule):
        part = still_due(part, one, bill.before)
    if part is None or not len(part):
        return
    done = len(bill.made)
    _take(bill, part, one)
    if is_kept(one.rule):
        bill.taken.append(kept(part, bill.made[done:], one))


def of_accounts(book: PriceBook) -> list[Named]:
    """Return the discounts that an account has as a whole, in the order in which they are taken."""
    found = [key for key, rule in book.discounts.items() if rule.per == "account"]
    return named_in(",".join(found), book)


def named_in(names: str, book: PriceBook) -> list[Named]:
    """Return the discounts of a subscription in the order in which the book's conventions take them."""
    keys = listed(names)
    found = [Named(key, keys[:place].count(key), book.discounts[key]) for place, key in enumerate(keys)]
    order = book.conventions.discounts
    if order == "listed":
        return found
    return sorted(found, key=lambda one: (one.rule.share is None) == (order == "shares_first"))


def _is_on(discount: Discount, book: PriceBook) -> pl.Expr:
    applies = pl.col("kind").is_in([kind for scope in discount.on for kind in SCOPES[scope]])
    if discount.prices:
        applies &= pl.col("price").is_in(discount.prices)
    if discount.months is not None:
        applies &= periods_since(pl.col("begun_on"), book.conventions) < discount.months
    return applies


def _take(bill: Taking, part: pl.DataFrame, one: Named) -> None:
    rule = one.rule
    if rule.share is not None:
        bill.share(part, literal(rule.share), one.pool)
    elif rule.amount is not None:
        most = pl.col("most") if is_kept(rule) else literal(rule.amount)
        bill.spread(part.with_columns(whole=most), one.pool)


def coupons(bill: Taking) -> pl.DataFrame:
    """Return what is known of discounts that end by what they take: before, and now."""
    return pl.concat([bill.before, *bill.taken]) if bill.taken else bill.before


def lines_made(bill: Taking) -> pl.DataFrame:
    """Return the charges that were made, with their amounts."""
    names = ROUNDED_SCHEMA.names()
    frames = [frame.select(names) for frame in bill.made if len(frame)]
    if not frames:
        return pl.DataFrame(schema=ROUNDED_SCHEMA)
    return pl.concat(frames, how="vertical_relaxed").cast(ROUNDED_SCHEMA)


def takes_off(book: PriceBook) -> bool:
    """Whether anything of a book may make a month worth less than its prices."""
    return bool(book.discounts) or _has_own(book)


def _has_own(book: PriceBook) -> bool:
    """Whether any price has something off by itself."""
    return any(price.off is not None for plan in book.plans for _, price in _prices(plan, book))


def committed(values: pl.DataFrame, book: PriceBook, *, lasting: bool = False) -> pl.DataFrame:
    """Take what is off recurring fees for good, or still is, off what prices are worth a month.

    `values` are (month, subscription, plan, key, value) with the `discount`, `begun_on` and `billing` of the
    subscription, and its `account` where the book has discounts of accounts. An amount off what is billed by
    the year is off a month by its twelfth; one that is used up is worth nothing a month. With `lasting` only
    what is off for good is taken.
    """
    shared = of_accounts(book)
    if _has_own(book):
        own = _concerned(book).select("plan", "off", key="price")
        values = values.join(own, on=["plan", "key"], how="left")
        less = times(pl.col("value"), pl.col("off").fill_null(literal(ZERO)))
        values = values.with_columns(value=pl.col("value") - less)
    if not any(discount.prices for discount in book.discounts.values()):
        terms = ["month", "subscription", "discount", "begun_on", "billing", *(["account"] if shared else [])]
        values = values.group_by(terms).agg(pl.col("value").sum()).with_columns(key=pl.lit(""))
    every = [str(names) for names in values["discount"].unique().sort()]
    for names in every:
        for one in named_in(names, book):
            if one.rule.per == "subscription" and _is_worth(one.rule, lasting=lasting):
                values = values.with_columns(value=_worth(pl.col("discount") == names, one))
    for one in shared:
        if _is_worth(one.rule, lasting=lasting):
            theirs = pl.col("discount").is_in([names for names in every if one.key in listed(names)])
            values = values.with_columns(value=_worth(theirs, one))
    return values


def _is_worth(rule: Discount, *, lasting: bool) -> bool:
    """Tell whether a discount makes a month worth less."""
    return "recurring" in rule.on and rule.window == "period" and (rule.is_lasting or not lasting)


def _worth(applies: pl.Expr, one: Named) -> pl.Expr:
    """Return what is left of the `value` of a month under one discount."""
    rule = one.rule
    if rule.prices:
        applies &= pl.col("key").is_in(rule.prices)
    lasts = [number for number in (rule.months, rule.times) if number is not None]
    if lasts:
        applies &= months_since(pl.col("begun_on"), pl.col("month")) < min(lasts)
    value = pl.col("value")
    if rule.share is not None:
        return pl.when(applies).then(value - times(value, rule.share)).otherwise(value)
    amount = rule.amount or ZERO
    base = pl.when(applies).then(value).otherwise(literal(ZERO)).sum().over("month", rule.per)
    yearly = pl.col("billing") == "year"
    whole = pl.when(yearly).then(literal(EXACTLY.divide(amount, 12))).otherwise(literal(amount))
    less = pl.min_horizontal(whole, base)
    part = over(times(value, less), pl.when(base > 0).then(base))
    left = value - pl.when(less == base).then(value).when(value == base).then(less).otherwise(part)
    return pl.when(applies & (base > 0)).then(left).otherwise(value)
