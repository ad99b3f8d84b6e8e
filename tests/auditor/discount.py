"""The auditor's discounts and bounds: what is taken off a subscription's month, one thing after another."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from billing.price import Price, Rate
from billing.price_book import PriceBook
from billing.rule import Discount
from metering.period import add_months
from tests.auditor.life import Day
from tests.auditor.line import Line, first, in_force
from tests.auditor.price import PLACES, ZERO, Reading, cents, money, part, reading, twelve

KINDS = {"recurring": ("recurring", "credit"), "usage": ("usage",), "once": ("once",)}


@dataclass
class Open:
    """A line with what is left of it."""

    line: Line
    net: Decimal


def discounted(lines: list[Line], days: dict[date, Day], book: PriceBook) -> list[Line]:
    """Every line that takes something off these lines of one subscription, or adds what is missing.

    Our reading: an amount is off a month's lines in proportion to what is left of them, and remainders go to
    the lines in the order of plan, price, kind, start and dimensions.
    """
    made: list[Line] = []
    spent: dict[str, list[Decimal]] = defaultdict(list)
    for month in sorted(dict.fromkeys(line.month for line in lines)):
        found = sorted(
            (line for line in lines if line.month == month and line.kind != "discount"),
            key=lambda one: (
                one.plan,
                one.price,
                one.kind,
                one.starts_on,
                one.dimensions,
                one.meter,
                one.quantity,
            ),
        )
        rows = [Open(line, line.amount + covered(line, lines)) for line in found]
        after = book.conventions.maximum == "after_discounts"
        least_after = book.conventions.minimum == "after_discounts"
        if not least_after:
            made += [one for row in rows for one in least(row, days, book)]
        if not after:
            made += above_plans(rows, book)
        made += own_shares(rows, book)
        for name, discount in held(days, month, book):
            made += taken(rows, discount, book, spent[name])
        made += [one for row in rows for one in most(row, days, book)]
        if least_after:
            made += [one for row in rows for one in least(row, days, book)]
        if after:
            made += above_plans(rows, book)
    return made


def covered(line: Line, lines: list[Line]) -> Decimal:
    """What entitlements took off a usage line."""
    if line.kind != "usage":
        return ZERO
    return sum((o.amount for o in lines if o.kind == "discount" and same(o, line)), ZERO)


def same(one: Line, other: Line) -> bool:
    """Whether two lines are of the same usage."""
    return usage_of(one) == usage_of(other)


def usage_of(line: Line) -> tuple[object, ...]:
    """What lines of the same usage have in common."""
    return (line.month, line.plan, line.price, line.meter, line.dimensions, line.starts_on)


def held(days: dict[date, Day], month: date, book: PriceBook) -> list[tuple[str, Discount]]:
    """The discounts that the subscription has in a month, in the order in which they are taken, by a name."""
    today = next(iter(days.values()))
    keys = [key for key in today.discount.split(",") if key]
    found = [(f"{key} {keys[:place].count(key)}", book.discounts[key]) for place, key in enumerate(keys)]
    begun = first(today.started_on)
    found = [(name, one) for name, one in found if not one.months or month < add_months(begun, one.months)]
    order = book.conventions.discounts
    amounts, shares = (
        [(name, one) for name, one in found if (one.share is None) is flag] for flag in (True, False)
    )
    return {"listed": found, "shares_first": shares + amounts, "amounts_first": amounts + shares}[order]


def worth_of(days: dict[date, Day], month: date, book: PriceBook) -> list[Discount]:
    """The discounts that make a month worth less.

    Our reading: one that is taken some times is off for as many months; one that is used up is worth nothing.
    """
    begun = first(next(iter(days.values())).started_on)
    return [
        one
        for _, one in held(days, month, book)
        if one.window == "period" and not (one.times and month >= add_months(begun, one.times))
    ]


def above_plans(rows: list[Open], book: PriceBook) -> list[Line]:
    """What the lines of a plan come to above its maximum."""
    made: list[Line] = []
    for plan in dict.fromkeys(row.line.plan for row in rows):
        most = book.plans[plan].maximum
        own = [row for row in rows if row.line.plan == plan]
        if most is not None:
            made += spread(own, sum((row.net for row in own), ZERO) - most, book)
    return made


def own_shares(rows: list[Open], book: PriceBook) -> list[Line]:
    """What is off prices for everybody."""
    found = [(row, price.off) for row in rows for price in [price_of(row.line, book)] if price.off]
    return share_off([row for row, _ in found], [off or ZERO for _, off in found], book)


def price_of(line: Line, book: PriceBook) -> Price:
    """The price of a line, of its plan or of an add-on."""
    own = book.plans[line.plan].prices.get(line.price)
    return own if own is not None else book.add_ons[line.price].price


def taken(rows: list[Open], discount: Discount, book: PriceBook, spent: list[Decimal]) -> list[Line]:
    """Take one discount of the subscription; `spent` is what it took in each month before that had it."""
    kinds = [kind for scope in discount.on for kind in KINDS[scope]]
    own = [
        row for row in rows
        if row.line.kind in kinds and (not discount.prices or row.line.price in discount.prices)
    ]  # fmt: skip
    ends = discount.times is not None or discount.window == "life"
    if ends and (sum((row.net for row in own), ZERO) <= 0 or len(spent) == discount.times):
        return []
    if discount.share is not None:
        made = share_off(own, [discount.share for _ in own], book)
    else:
        left = sum(spent, ZERO) if discount.window == "life" else ZERO
        made = spread(own, (discount.amount or ZERO) - left, book)
    if made:
        spent.append(-sum((line.amount for line in made), ZERO))
    return made


def share_off(rows: list[Open], shares: list[Decimal], book: PriceBook) -> list[Line]:
    """A share off each row; rounded for each, or once for all of them."""
    exact = [twelve(row.net * share) for row, share in zip(rows, shares, strict=True)]
    if book.conventions.discount_place == "line":
        amounts = [money(one, book) for one in exact]
    else:
        amounts = split(exact, money(sum(exact, ZERO), book), book)
    return [off(row, amount) for row, amount in zip(rows, amounts, strict=True)]


def spread(rows: list[Open], whole: Decimal, book: PriceBook) -> list[Line]:
    """An amount off all rows together, but no more than they come to."""
    base = sum((row.net for row in rows), ZERO)
    rows = [row for row in rows if row.net]
    whole = money(min(whole, base), book)
    if whole <= 0:
        return []
    exact = [twelve(twelve(row.net * whole) / base) for row in rows]
    exact[0] += whole - sum(exact, ZERO)
    amounts = split(exact, whole, book)
    return [off(row, amount) for row, amount in zip(rows, amounts, strict=True) if amount]


def split(exact: list[Decimal], whole: Decimal, book: PriceBook) -> list[Decimal]:
    """Round the parts of a whole so that they add up to it, by the book's way with remainders."""
    if book.conventions.rounding_place == "invoice" or not exact:
        return exact
    return settle(exact, whole, book)


def settle(exact: list[Decimal], whole: Decimal, book: PriceBook) -> list[Decimal]:
    """Round amounts so that they add up to a rounded whole."""
    smallest = Decimal(1).scaleb(-PLACES[book.currency])
    way = book.conventions.remainders
    if way != "largest":
        parts = [cents(one, book) for one in exact]
        parts[0 if way == "first" else -1] += whole - sum(parts, ZERO)
        return parts
    parts = [(Fraction(one) / Fraction(smallest)).__floor__() * smallest for one in exact]
    order = sorted(range(len(exact)), key=lambda number: parts[number] - exact[number])
    for number in order[: int((whole - sum(parts, ZERO)) / smallest)]:
        parts[number] += smallest
    return parts


def most(row: Open, days: dict[date, Day], book: PriceBook) -> Iterator[Line]:
    """What a usage line comes to above its most, where that is not in its price."""
    how, rate, _ = bounds(row.line, days, book)
    if not how.maximum and rate is not None and rate.maximum is not None and row.net > rate.maximum:
        yield off(row, money(row.net - rate.maximum, book))


def least(row: Open, days: dict[date, Day], book: PriceBook) -> Iterator[Line]:
    """What a usage line lacks of its least, where that is not in its price; of a part of a month its part."""
    how, rate, lived = bounds(row.line, days, book)
    if how.minimum or rate is None or rate.minimum is None:
        return
    due = rate.minimum
    if book.conventions.minimum_part == "part":
        length = (add_months(row.line.month, 1) - row.line.month).days
        due = sum((part(due, days_of, length) for days_of in lived), ZERO)
    if (row.line.quantity > 0 or how.minimum_at_zero) and row.net < due:
        yield off(row, -money(due - row.net, book), kind="true_up")


def led_to(plan: str, book: PriceBook) -> list[str]:
    """The plans to which limits lead from a plan."""
    found = [plan]
    for one in found:
        found += [
            limit.then for limit in book.plans[one].limits.values() if limit.then and limit.then not in found
        ]
    return found


def bounds(line: Line, days: dict[date, Day], book: PriceBook) -> tuple[Reading, Rate | None, list[int]]:
    """How a usage line's price is read, its version, and how long each phase of its plan is in the month.

    Our reading: where a limit led to the plan, the phases are those of the plans that it may lead from.
    """
    if line.kind != "usage":
        return Reading(), None, []
    price = book.plans[line.plan].prices[line.price]
    here = [day for day, today in days.items() if first(day) == line.month and not today.trial]
    ours = [day for day in here if days[day].plan == line.plan]
    ours = ours or [day for day in here if line.plan in led_to(days[day].plan, book)]
    how = reading(book, line.plan, price)
    if not ours:
        return how, None, []
    lived = Counter(days[day].phase for day in ours)
    return how, in_force(price, line.month, days, max(ours))[0], list(lived.values())


def off(row: Open, amount: Decimal, *, kind: str = "discount") -> Line:
    """Take an amount off a row, as a line."""
    row.net -= amount
    return row.line._replace(kind=kind, amount=-amount)


def settled(lines: list[Line], book: PriceBook) -> list[Line]:
    """The lines of an invoice that is rounded as a whole share its total."""
    if book.conventions.rounding_place != "invoice":
        return lines
    bills: dict[tuple[date, str], list[Line]] = defaultdict(list)
    for line in lines:
        bills[line.month, line.account].append(line)
    found: list[Line] = []
    for own in bills.values():
        own.sort(key=place)
        exact = [line.amount for line in own]
        amounts = settle(exact, cents(sum(exact, ZERO), book), book)
        found += [line._replace(amount=amount) for line, amount in zip(own, amounts, strict=True)]
    return found


def place(line: Line) -> tuple[object, ...]:
    """The order of an invoice's lines."""
    return (
        line.subscription, line.plan, line.price, line.kind, line.starts_on, line.dimensions, line.meter,
        line.quantity, line.amount,
    )  # fmt: skip


def worth_less(
    worth: list[tuple[Price, str, Decimal]], today: Day, book: PriceBook, discounts: list[Discount]
) -> Decimal:
    """What is left of what prices are worth a month when what is off recurring fees is off.

    Our reading: an amount off what is billed by the year is off a month by its twelfth.
    """
    values = [(key, value - twelve(value * (price.off or ZERO))) for price, key, value in worth]
    if not any(one.prices for one in book.discounts.values()):
        values = [("", sum((value for _, value in values), ZERO))]
    for discount in discounts:
        if "recurring" in discount.on:
            values = less(values, discount, by_year=today.billing == "year")
    return sum((value for _, value in values), ZERO)


def less(
    values: list[tuple[str, Decimal]], discount: Discount, *, by_year: bool
) -> list[tuple[str, Decimal]]:
    """Take one discount off what prices are worth."""
    ours: Callable[[str], bool] = lambda key: not discount.prices or key in discount.prices  # noqa: E731
    if discount.share is not None:
        share = discount.share
        return [(key, value - twelve(value * share) if ours(key) else value) for key, value in values]
    base = sum((value for key, value in values if ours(key)), ZERO)
    whole = min(twelve((discount.amount or ZERO) / (12 if by_year else 1)), base)
    if base <= 0:
        return values
    left = []
    for key, value in values:
        part_of = value if whole == base else whole if value == base else twelve(twelve(value * whole) / base)
        left.append((key, value - part_of if ours(key) else value))
    return left
