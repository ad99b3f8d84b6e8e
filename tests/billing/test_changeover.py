"""Changeover: laws of a log under two books, on random companies: nothing is lost, nothing is made."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from billing.close import close
from billing.price import Change, Price, Rate
from billing.price_book import PriceBook, loads
from billing.schema import TABLES
from billing.transition import POLICIES, Policy, Transition
from metering.log import Log
from tests.ledgers import Tables, book, engine, record, unbridged
from tests.random_company import company
from tests.stories import BOOK, FIRST, MONTHS, told

SEEDS = (2, 5)
FACTOR = Decimal("1.1")
TIMINGS = ("anniversary", "periods=anniversary, recurring=advance", "stripe", "rounding_place=invoice")
"""Conventions under which a month holds parts of two periods, or an invoice rounds for two books."""


@pytest.fixture(scope="module", params=SEEDS)
def random_log(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[PriceBook, Log]:
    """Record a random company with a random price book."""
    text, events, months = company(request.param)
    directory = tmp_path_factory.mktemp("transition")
    return loads(text), record(directory, events, len(months), first=months[0].starts_on)


@pytest.fixture(scope="module", params=[1])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[PriceBook, Log]:
    """Record a company with windows, commitments, limits, grants, years in advance and partners."""
    directory = tmp_path_factory.mktemp("story")
    return book(BOOK), record(directory, told(request.param), MONTHS, first=FIRST)


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """Put rows in an order of their own."""
    return frame.sort(frame.columns)


def replayed(log: Log, after: PriceBook, transition: Transition | None = None) -> Tables:
    """Bill and close a log; each ledger of one book alone is made once, for all laws that hold against it."""
    if transition is not None:
        return close(log, book=after, connection=engine(), transition=transition)
    for known_log, book_of_it, tables in _ALONE:
        if known_log is log and book_of_it == after:
            return tables
    tables = close(log, book=after, connection=engine())
    _ALONE.append((log, after, tables))
    return tables


_ALONE: list[tuple[Log, PriceBook, Tables]] = []


def differ(one: Tables, other: Tables) -> list[str]:
    """Return the tables in which two ledgers differ, whatever the order of rows."""
    return [
        name
        for name in TABLES
        if not one[name].sort(one[name].columns).equals(other[name].sort(other[name].columns))
    ]


def mapped(prices: PriceBook, change: Callable[[Price], Price]) -> PriceBook:
    """Return a book with every price of plans and add-ons changed."""
    plans = {
        key: plan.model_copy(update={"prices": {name: change(price) for name, price in plan.prices.items()}})
        for key, plan in prices.plans.items()
    }
    add_ons = {
        key: add_on.model_copy(update={"price": change(add_on.price)})
        for key, add_on in prices.add_ons.items()
    }
    return prices.model_copy(update={"plans": plans, "add_ons": add_ons})


def numbers(price: Rate) -> dict[str, Any]:
    """Return a rate with every amount of money a tenth higher."""
    given = {name: getattr(price, name) for name in ("unit_price", "flat_fee", "minimum", "maximum")}
    tiers = tuple(
        tier.model_copy(update={"unit_price": tier.unit_price * FACTOR, "flat_fee": tier.flat_fee * FACTOR})
        for tier in price.tiers
    )
    raised = {name: value * FACTOR for name, value in given.items() if value is not None}
    kept = {name: getattr(price, name) for name in ("model", "package_size", "packages")}
    return kept | {"tiers": tiers} | raised


def dearer(prices: PriceBook) -> PriceBook:
    """Return the book with every price a tenth higher, and no dated changes."""

    def raise_it(price: Price) -> Price:
        update = numbers(price) | {"changes": ()}
        if price.annual is not None:
            raised = {key: value for key, value in numbers(price.annual).items() if value is not None}
            update["annual"] = price.annual.model_copy(update=raised)
        return price.model_copy(update=update)

    return mapped(prices, raise_it)


def undated(prices: PriceBook) -> PriceBook:
    """Return the book without dated changes."""
    return mapped(prices, lambda price: price.model_copy(update={"changes": ()}))


def stepping(prices: PriceBook, policy: str, day: date) -> PriceBook:
    """Return one book that says by dated changes what `dearer` says by another book."""
    after = dearer(prices)

    def step(price: Price, other: Price) -> Price:
        rate = {name: value for name, value in numbers(price).items() if value is not None}
        change = Change.model_construct(
            **{**_BLANK, **rate, "starts_on": day, "applies": policy, "annual": other.annual}
        )
        return price.model_copy(update={"changes": (change,)})

    plans = {
        key: plan.model_copy(
            update={
                "prices": {
                    name: step(price, after.plans[key].prices[name]) for name, price in plan.prices.items()
                }
            }
        )
        for key, plan in prices.plans.items()
    }
    add_ons = {
        key: add_on.model_copy(update={"price": step(add_on.price, after.add_ons[key].price)})
        for key, add_on in prices.add_ons.items()
    }
    return prices.model_copy(update={"plans": plans, "add_ons": add_ons})


_BLANK = {name: field.default for name, field in Change.model_fields.items()}


def middle(log: Log) -> date:
    """Return the first day of the month in the middle of a log."""
    return log.periods[len(log.periods) // 2].starts_on


def accounts_of(log: Log) -> frozenset[str]:
    """Return every second account of a log."""
    found = sorted({fact.event.subject for fact in log.facts()})
    return frozenset(found[::2])


@pytest.mark.parametrize("policy", POLICIES)
def test_a_book_to_itself_changes_nothing(random_log: tuple[PriceBook, Log], policy: Policy) -> None:
    """Every table of the ledger is the same, row by row, whoever comes when."""
    prices, log = random_log
    how = Transition(prices, policy, middle(log), 3, accounts_of(log))

    assert [] == differ(replayed(log, prices), replayed(log, prices, how))


@pytest.mark.parametrize("policy", POLICIES)
def test_a_book_to_itself_changes_nothing_in_a_story(story: tuple[PriceBook, Log], policy: Policy) -> None:
    """So it is with limits, grants, commitments, years in advance and partners."""
    prices, log = story
    how = Transition(prices, policy, middle(log), 3, accounts_of(log))

    assert [] == differ(replayed(log, prices), replayed(log, prices, how))


@pytest.mark.parametrize("told", TIMINGS)
@pytest.mark.parametrize("policy", ["now", "phased"])
def test_a_book_to_itself_changes_nothing_by_any_convention(
    told: str, policy: Policy, tmp_path: Path
) -> None:
    """Where periods cross the month of the change, years still close, and fees are given back once."""
    text, events, months = company(1)
    prices = loads(text)
    prices = prices.model_copy(update={"conventions": prices.conventions.changed(told, "here")})
    log = record(tmp_path, events, len(months), first=months[0].starts_on)
    how = Transition(prices, policy, middle(log), 3, accounts_of(log))

    assert [] == differ(replayed(log, prices), replayed(log, prices, how))


def test_everybody_from_the_first_month_is_the_other_book(story: tuple[PriceBook, Log]) -> None:
    """Who never had the old book has the ledger of the new one alone."""
    prices, log = story
    after = dearer(prices)

    assert [] == differ(replayed(log, after), replayed(log, after, Transition(prices)))


@pytest.mark.parametrize(
    "how", [("now", date(2050, 1, 1)), ("new", date(2050, 1, 1)), ("cohort", date(2026, 1, 1))]
)
def test_a_switch_that_nobody_reaches_is_the_old_book(
    story: tuple[PriceBook, Log], how: tuple[Policy, date]
) -> None:
    """A day after the log, or a cohort of nobody, leaves the ledger of the old book."""
    prices, log = story
    never = Transition(prices, how[0], how[1])

    assert [] == differ(replayed(log, prices), replayed(log, dearer(prices), never))


@pytest.mark.parametrize("policy", ["now", "new", "renewal"])
def test_two_books_are_one_book_with_dated_changes(random_log: tuple[PriceBook, Log], policy: Policy) -> None:
    """A pair of books bills line by line what one book does whose prices change on that day in that way."""
    prices, log = undated(random_log[0]), random_log[1]
    one = replayed(log, stepping(prices, policy, middle(log)))
    two = replayed(log, dearer(prices), Transition(prices, policy, middle(log)))

    assert [] == differ(one, two)


def test_each_account_of_a_cohort_is_billed_by_its_own_book(random_log: tuple[PriceBook, Log]) -> None:
    """From the first month on, the cohort has the new book's lines, and everybody else the old book's."""
    prices, log = random_log
    cohort = accounts_of(log)
    both = replayed(log, dearer(prices), Transition(prices, "cohort", cohort=cohort))
    old, new = replayed(log, prices), replayed(log, dearer(prices))

    for name in ("invoice_lines", "invoices", "mrr_balances", "mrr_movements"):
        mine = pl.col("account").is_in(sorted(cohort))
        expected = pl.concat([old[name].filter(~mine), new[name].filter(mine)])
        assert ordered(expected).equals(ordered(both[name])), name


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_is_lost_or_made_between_two_books(random_log: tuple[PriceBook, Log], policy: Policy) -> None:
    """All usage is there whichever book bills it, every entry sums to zero, and movements make balances."""
    prices, log = random_log
    tables = replayed(log, dearer(prices), Transition(prices, policy, middle(log), 2, accounts_of(log)))
    alone = replayed(log, prices)

    assert ordered(alone["usage"]).equals(ordered(tables["usage"]))
    assert tables["postings"]["amount"].sum() == 0
    assert tables["invoice_lines"]["amount"].sum() == tables["invoices"]["total"].sum()
    assert [] == unbridged(tables)
