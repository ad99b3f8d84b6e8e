"""The price book: every plan, price, allowance, add-on and agreement, as dated data from one TOML file.

The numbers are data; the six price models that read them are functions in `billing.pricing`. A price is the
cumulative cost of the first `q` units of its window, so a usage overage, a device royalty and a revenue share
are the same thing with another unit (calls, devices, dollars) and another window.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from metering.document import Problem, Problems, did_you_mean, parse, read, validate
from metering.meter import Meter
from metering.period import YEAR_MAX, YEAR_MIN

CATALOG = "catalog"
"""The plan that every account holds from its sign-up: what is sold by the piece, without a subscription."""

Money = Annotated[Decimal, Field(ge=0, le=Decimal(10) ** 12, decimal_places=9)]
Quantity = Annotated[Decimal, Field(ge=0, le=Decimal(10) ** 15, decimal_places=9)]
Size = Annotated[Decimal, Field(gt=0, le=Decimal(10) ** 15, decimal_places=9)]
Day = Annotated[date, Field(ge=date(YEAR_MIN, 1, 1), le=date(YEAR_MAX, 1, 1))]
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Model = Literal["flat", "unit", "graduated", "volume", "package", "percentage"]
Window = Literal["period", "year", "life"]


class Record(BaseModel):
    """A part of a price book: unknown keys are refused, values cannot change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tier(Record):
    """A band of quantities above the tier before it, up to and including `up_to` (open when absent)."""

    up_to: Quantity | None = None
    unit_price: Money = Decimal(0)
    flat_fee: Money = Decimal(0)


class Rate(Record):
    """The numbers of one price model: what a quantity costs.

    flat: `flat_fee` whatever the quantity. unit: `unit_price` each. graduated: each unit by the tier it falls
    in. volume: all units by the tier that the total falls in. package: `unit_price` for each started
    `package_size`. percentage: `unit_price` (0.25 = 25 %) of an amount.
    """

    model: Model = "unit"
    unit_price: Money | None = None
    flat_fee: Money | None = None
    package_size: Size | None = None
    tiers: tuple[Tier, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name in ("unit_price", "flat_fee", "package_size", "tiers"):
            given = getattr(self, name) not in (None, ())
            if name in _NEEDS[self.model] and not given:
                message = f"model {self.model!r} needs {name!r}; add {name}"
                raise ValueError(message)
            if given and name not in _NEEDS[self.model]:
                message = f"model {self.model!r} does not use {name!r}; remove it or change the model"
                raise ValueError(message)
        _check_tiers(self.tiers)
        return self


_NEEDS: dict[str, tuple[str, ...]] = {
    "flat": ("flat_fee",),
    "unit": ("unit_price",),
    "graduated": ("tiers",),
    "volume": ("tiers",),
    "package": ("unit_price", "package_size"),
    "percentage": ("unit_price",),
}


def _check_tiers(tiers: tuple[Tier, ...]) -> None:
    bounds = [tier.up_to for tier in tiers]
    if None in bounds[:-1]:
        message = f"tier {bounds.index(None) + 1} is open but not the last; give it an up_to"
        raise ValueError(message)
    if bounds and bounds[-1] is not None:
        message = f"the last tier ends at {bounds[-1]}, so larger quantities have no price; remove its up_to"
        raise ValueError(message)
    for number, (before, after) in enumerate(zip([Decimal(0), *bounds], bounds[:-1], strict=False), start=1):
        if before is not None and after is not None and after <= before:
            message = (
                f"tier {number} ends at {after} but must end above {before}; put the tiers in rising order"
            )
            raise ValueError(message)


class Change(Record):
    """A price from `starts_on` on. It names a whole rate, or none: what it does not name stays as before."""

    starts_on: Day
    model: Model | None = None
    unit_price: Money | None = None
    flat_fee: Money | None = None
    package_size: Size | None = None
    tiers: tuple[Tier, ...] = ()
    annual: Rate | None = None
    allowance: Quantity | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        rate = {
            name: getattr(self, name) for name in Rate.model_fields if getattr(self, name) not in (None, ())
        }
        if rate:
            Rate.model_validate(rate)
        return self

    def update(self) -> dict[str, Any]:
        """Return the fields of the price that the change gives another value."""
        rate = Rate.model_fields
        given = {name: getattr(self, name) for name in (*rate, "annual", "allowance")}
        named = {name: value for name, value in given.items() if value not in (None, ())}
        if named.keys() & rate.keys():
            blank: dict[str, Any] = dict.fromkeys(rate) | {"model": "unit", "tiers": ()}
            return blank | named
        return named


class Price(Rate):
    """What is charged for one thing of a plan: a rate, what it counts, when it falls due.

    `per` counts subscriptions (1), seats or add-ons; `meter` counts measured usage, where `where` picks
    values of the meter's dimensions and `group_by` makes one line for each value of a dimension.
    `allowance` units (for each seat with `allowance_per = "seat"`) are free in each window. `cadence`:
    `billing` follows the subscription (monthly in arrears, yearly in advance), `year` is always yearly in
    advance, `once` falls due at the start. `annual` is the rate for a year paid in advance; without it a
    year costs twelve months. `prorate` makes a part of a month cost its part: the default for `per` prices,
    and for meters of `max` and `latest` that measure a level (gigabytes held) and not a flow (calls made).
    """

    name: str = ""
    per: Literal["subscription", "seat", "add_on"] | None = None
    meter: Key | None = None
    where: dict[str, str | tuple[str, ...]] = {}
    group_by: tuple[str, ...] = ()
    cadence: Literal["billing", "year", "once"] = "billing"
    annual: Rate | None = None
    allowance: Quantity = Decimal(0)
    allowance_per: Literal["subscription", "seat"] = "subscription"
    window: Window = "period"
    prorate: bool | None = None
    stream: Key | None = None
    changes: tuple[Change, ...] = ()
    source: str = ""

    @model_validator(mode="after")
    def _counts_one_thing(self) -> Self:
        if (self.per is None) == (self.meter is None):
            message = "needs exactly one of 'per' and 'meter'; say what is counted"
            raise ValueError(message)
        usage_only = {"where": self.where, "group_by": self.group_by, "allowance": self.allowance}
        wrong = [name for name, value in usage_only.items() if value and self.meter is None]
        if wrong or (self.meter is None and self.window != "period"):
            message = f"{(wrong or ['window'])[0]!r} goes with 'meter'; remove it or name a meter"
            raise ValueError(message)
        if self.meter is not None and (self.annual is not None or self.cadence != "billing"):
            message = "usage is billed monthly in arrears; remove 'annual' and 'cadence'"
            raise ValueError(message)
        dates = [change.starts_on for change in self.changes]
        if dates != sorted(set(dates)):
            message = "changes must have rising dates; put them in order"
            raise ValueError(message)
        return self

    def on(self, day: date) -> "Price":
        """Return the price in force on `day`."""
        price = self
        for change in self.changes:
            if change.starts_on <= day:
                price = price.model_copy(update=change.update())
        return price


class Seats(Record):
    """How many seats a plan may have; a change beyond them is a problem of the log, not of the bill."""

    minimum: int = Field(1, ge=1)
    maximum: int | None = Field(None, ge=1)


class Commitment(Record):
    """The least that a subscription pays in each contract year; the rest is trued up when the year ends."""

    amount: Money
    source: str = ""


class Plan(Record):
    """What a subscription is a subscription to."""

    name: str
    stream: Key
    prices: dict[Key, Price] = {}
    seats: Seats = Seats()
    commitment: Commitment | None = None
    source: str = ""


class AddOn(Record):
    """A recurring extra that the subscriptions of some plans may have."""

    name: str
    plans: tuple[Key, ...]
    price: Price
    stream: Key | None = None
    source: str = ""


class Discount(Record):
    """A share (0.15 = 15 %) off every recurring line of a subscription, for good or for some months."""

    name: str = ""
    share: Annotated[Decimal, Field(gt=0, le=1, decimal_places=9)]
    months: int | None = Field(None, ge=1)
    source: str = ""


class Agreement(Rate):
    """What a partner is paid out of its customers' invoices.

    The rate applies to the invoiced amount of `streams` (all when empty) in the first `months` after the deal
    (for good when absent). Bands are marginal with model `graduated` and on everything with `volume`; they
    add up over the `window`, for the partner as a whole or for each `account` alone.
    """

    name: str = ""
    kind: Literal["referral", "resale", "revenue_share", "royalty", "commission"]
    streams: tuple[Key, ...] = ()
    months: int | None = Field(None, ge=1)
    window: Window = "life"
    per: Literal["partner", "account"] = "partner"
    source: str = ""


class Conventions(Record):
    """How this biller rounds and prorates, declared because billers differ."""

    rounding: Literal["half_up", "half_even", "up", "down"] = "half_up"
    allowance: Literal["prorated", "full"] = "prorated"
    payment_terms_days: int = Field(30, ge=0, le=365)


class PriceBook(Record):
    """Everything that billing needs to know apart from the facts.

    `replaces` maps keys that a log names to the plans, add-ons, discounts and agreements that stand for
    them in this book, so that a log can be replayed under a book with other names.
    """

    name: str
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    sources: dict[str, str] = {}
    conventions: Conventions = Conventions()
    meters: dict[Key, Meter] = {}
    plans: dict[Key, Plan]
    add_ons: dict[Key, AddOn] = {}
    discounts: dict[Key, Discount] = {}
    agreements: dict[Key, Agreement] = {}
    replaces: dict[Key, Key] = {}

    def renamed(self, fact: Any) -> Any:
        """Return a fact in this book's keys: `replaces` says what other keys stand for here."""
        if not self.replaces:
            return fact
        named = {name: getattr(fact, name, None) for name in ("plan", "add_on", "discount", "agreement")}
        return fact._replace(
            **{name: self.replaces[key] for name, key in named.items() if key in self.replaces}
        )

    def usage_prices(self) -> Iterator[tuple[str, str, Price]]:
        """Yield (plan, price key, price) for every price that counts usage."""
        for plan_key, plan in self.plans.items():
            for price_key, price in plan.prices.items():
                if price.meter is not None:
                    yield plan_key, price_key, price

    def stream_of(self, plan: str, price: Price) -> str:
        """Return the revenue stream of a price of a plan."""
        return price.stream or self.plans[plan].stream

    def streams(self) -> set[str]:
        """Return every revenue stream that the book names."""
        prices = [price for plan in self.plans.values() for price in plan.prices.values()]
        prices += [add_on.price for add_on in self.add_ons.values()]
        streams = [plan.stream for plan in self.plans.values()]
        streams += [add_on.stream for add_on in self.add_ons.values() if add_on.stream]
        streams += [price.stream for price in prices if price.stream]
        return set(streams)


def load(path: Path) -> PriceBook:
    """Read a price book. Raises Problems with everything that is wrong with it."""
    return _checked(validate(PriceBook, read(path), str(path)), str(path))


def loads(text: str, place: str = "price book") -> PriceBook:
    """Read a price book from TOML text. Raises Problems as `load` does."""
    return _checked(validate(PriceBook, parse(text, place), place), place)


def _checked(book: PriceBook, place: str) -> PriceBook:
    problems = [
        *_plan_problems(book, place),
        *_add_on_problems(book, place),
        *_agreement_problems(book, place),
        *_replacement_problems(book, place),
    ]
    if problems:
        raise Problems(problems)
    return book


def _plan_problems(book: PriceBook, place: str) -> Iterator[Problem]:
    for plan_key, price_key, price in book.usage_prices():
        where = f"{place}: plans.{plan_key}.prices.{price_key}"
        meter = book.meters.get(price.meter or "")
        if meter is None:
            yield Problem(
                f"{where}.meter", f"no meter {price.meter!r}", did_you_mean(price.meter or "", book.meters)
            )
            continue
        for name in (*price.where, *price.group_by):
            if name not in meter.dimensions:
                remedy = did_you_mean(name, meter.dimensions) or "add it to the meter's dimensions"
                yield Problem(where, f"meter {price.meter!r} has no dimension {name!r}", remedy)
    for plan_key, plan in book.plans.items():
        if plan.seats.maximum is not None and plan.seats.maximum < plan.seats.minimum:
            message = f"maximum {plan.seats.maximum} is below minimum {plan.seats.minimum}"
            yield Problem(f"{place}: plans.{plan_key}.seats", message, "swap them")
        for price_key, price in plan.prices.items():
            if price.per == "add_on":
                yield Problem(
                    f"{place}: plans.{plan_key}.prices.{price_key}.per",
                    "'add_on' is for add-ons",
                    "use 'seat' or 'subscription'",
                )
            if plan_key == CATALOG and price.meter is None:
                yield Problem(
                    f"{place}: plans.{plan_key}.prices.{price_key}",
                    "the catalog sells by the piece only",
                    "name a meter",
                )


def _add_on_problems(book: PriceBook, place: str) -> Iterator[Problem]:
    for key, add_on in book.add_ons.items():
        for plan in add_on.plans:
            if plan not in book.plans:
                yield Problem(
                    f"{place}: add_ons.{key}.plans", f"no plan {plan!r}", did_you_mean(plan, book.plans)
                )
        if add_on.price.meter is not None:
            yield Problem(
                f"{place}: add_ons.{key}.price.meter", "add-ons are recurring", "make it a price of the plan"
            )


def _agreement_problems(book: PriceBook, place: str) -> Iterator[Problem]:
    for key, agreement in book.agreements.items():
        for stream in agreement.streams:
            if stream not in book.streams():
                yield Problem(
                    f"{place}: agreements.{key}.streams",
                    f"no stream {stream!r}",
                    did_you_mean(stream, book.streams()),
                )


def _replacement_problems(book: PriceBook, place: str) -> Iterator[Problem]:
    known = {*book.plans, *book.add_ons, *book.discounts, *book.agreements}
    for old, new in book.replaces.items():
        if new not in known:
            message = f"{new!r} is no plan, add-on, discount or agreement"
            yield Problem(f"{place}: replaces.{old}", message, did_you_mean(new, known))
