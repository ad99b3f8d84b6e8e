"""A price: what a quantity costs, what is counted, when it falls due, and how it changes with time.

The numbers are data; the six price models that read them are functions in `billing.pricing`. A price is the
cumulative cost of the first `q` units of its window, so a usage overage, a device royalty and a revenue share
are the same thing with another unit (calls, devices, dollars) and another window.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from metering.period import YEAR_MAX, YEAR_MIN, add_months

CATALOG = "catalog"
"""The plan that every account holds from its sign-up: what is sold by the piece, without a subscription."""

Money = Annotated[Decimal, Field(ge=0, le=Decimal(10) ** 12, decimal_places=9)]
Quantity = Annotated[Decimal, Field(ge=0, le=Decimal(10) ** 15, decimal_places=9)]
Size = Annotated[Decimal, Field(gt=0, le=Decimal(10) ** 15, decimal_places=9)]
Day = Annotated[date, Field(ge=date(YEAR_MIN, 1, 1), le=date(YEAR_MAX, 1, 1))]
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Model = Literal["flat", "unit", "graduated", "volume", "package", "percentage"]
Window = Literal["period", "year", "life"]
Packages = Literal["up", "down", "exact"]
Share = Annotated[Decimal, Field(gt=0, le=1, decimal_places=9)]


class Terms(NamedTuple):
    """How a biller reads a rate: what of `billing.convention.Conventions` the price models need to know.

    `ends_inclusive`: a quantity of just `up_to` belongs to its tier, and not to the next one. `flat_at_zero`
    and `minimum_at_zero`: the first tier's flat fee and the minimum are due when nothing is used. Bounds
    that are not `has_minimum` or `has_maximum` hold after discounts (`billing.bound`), not in the price.
    """

    ends_inclusive: bool = True
    flat_at_zero: bool = False
    minimum_at_zero: bool = False
    has_minimum: bool = True
    has_maximum: bool = True


class Record(BaseModel):
    """A part of a price book: unknown keys are refused, values cannot change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tier(Record):
    """A band of quantities above the tier before it, up to and including `up_to` (open when absent).

    With a `package_size` its `unit_price` is that of a package; a tier costs at most `maximum`.
    """

    up_to: Quantity | None = None
    unit_price: Money = Decimal(0)
    flat_fee: Money = Decimal(0)
    package_size: Size | None = None
    maximum: Money | None = None


class Rate(Record):
    """The numbers of one price model: what a quantity costs.

    flat: `flat_fee` whatever the quantity. unit: `unit_price` each. graduated: each unit by the tier it falls
    in. volume: all units by the tier that the total falls in. package: `unit_price` for each started
    `package_size` (or each full one, or a part's part, as `packages` says). percentage: `unit_price`
    (0.25 = 25 %) of an amount. A `flat_fee` beside a price for each is due once, with the first unit: with a
    meter of single events, for each event. Any quantity above none costs at least `minimum` (a least
    engagement) and at most `maximum` (a cap on spend).
    """

    model: Model = "unit"
    unit_price: Money | None = None
    flat_fee: Money | None = None
    package_size: Size | None = None
    packages: Packages | None = None
    tiers: tuple[Tier, ...] = ()
    minimum: Money | None = None
    maximum: Money | None = None
    _terms: Terms = PrivateAttr(default=Terms())

    @property
    def terms(self) -> Terms:
        """How the biller reads the rate; `under` sets it, from the conventions of the whole book."""
        return self._terms

    def under(self, terms: Terms) -> Self:
        """Return the rate as a biller of these terms reads it."""
        rate = self.model_copy()
        rate._terms = terms  # noqa: SLF001 - its own copy
        return rate

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.maximum < self.minimum:
            message = f"maximum {self.maximum} is below minimum {self.minimum}; swap them"
            raise ValueError(message)
        for name in ("unit_price", "flat_fee", "package_size", "tiers"):
            given = getattr(self, name) not in (None, ())
            if name in _NEEDS[self.model] and not given:
                message = f"model {self.model!r} needs {name!r}; add {name}"
                raise ValueError(message)
            if given and name not in (*_NEEDS[self.model], *_MAY.get(self.model, ())):
                message = f"model {self.model!r} does not use {name!r}; remove it or change the model"
                raise ValueError(message)
        if self.packages is not None and self.package_size is None and not _has_packages(self.tiers):
            raise ValueError("'packages' goes with 'package_size'; add one or remove it")
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
_MAY: dict[str, tuple[str, ...]] = dict.fromkeys(("unit", "package", "percentage"), ("flat_fee",))


def _has_packages(tiers: tuple[Tier, ...]) -> bool:
    return any(tier.package_size is not None for tier in tiers)


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
    """A price from `starts_on` on. It names a whole rate, or none: what it does not name stays as before.

    `applies` says to whom: `now` to everybody; `renewal` to old customers from their next contract year on;
    `new` only to those who come to the plan from that day on, while the others keep what they had.
    """

    starts_on: Day
    applies: Literal["now", "renewal", "new"] = "now"
    model: Model | None = None
    unit_price: Money | None = None
    flat_fee: Money | None = None
    package_size: Size | None = None
    packages: Packages | None = None
    tiers: tuple[Tier, ...] = ()
    minimum: Money | None = None
    maximum: Money | None = None
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

    def holds(self, day: date, since_on: date | None = None, anchor_on: date | None = None) -> bool:
        """Whether the change is in force on `day` for who has been on the plan since `since_on`.

        Contract years count from `anchor_on`. Without `since_on`: for somebody who comes that day.
        """
        if day < self.starts_on:
            return False
        if self.applies == "now" or since_on is None or since_on >= self.starts_on:
            return True
        return self.applies == "renewal" and renewal(anchor_on or since_on, self.starts_on) <= day

    def update(self) -> dict[str, Any]:
        """Return the fields of the price that the change gives another value."""
        rate = Rate.model_fields
        given = {name: getattr(self, name) for name in (*rate, "annual", "allowance")}
        named = {name: value for name, value in given.items() if value not in (None, ())}
        if named.keys() & rate.keys():
            return {name: field.default for name, field in rate.items()} | named
        return named


class Price(Rate):
    """What is charged for one thing of a plan: a rate, what it counts, when it falls due.

    `per` counts subscriptions (1), seats or add-ons; `meter` counts measured usage, where `where` picks
    values of the meter's dimensions and `group_by` makes one line for each value of a dimension. `allowance`
    units (for each seat with `allowance_per = "seat"`) are free in each window. `cadence`: `billing` follows
    the subscription (monthly in arrears, yearly in advance), `year` is always yearly in advance, `once` falls
    due at the start. `annual` is the rate for a year paid in advance; without it a year costs twelve months.
    `prorate` makes a part of a month cost its part: the default for `per` prices, and for meters of `max` and
    `latest` that measure a level (gigabytes held) and not a flow (calls made). `share_of` makes it a share
    (0.20 = 20 %, in `unit_price` with model `percentage`) of what another price of the plan costs:
    maintenance of a licence. `commitment` is the least quantity that is paid for in each contract year (the
    last number holds for all later years); what is missing is trued up at the year's end. `off` is a share
    off each of its lines, as a discount before those of the subscription. `contains` says how
    much of a meter, or of a thing of another name, one of it holds (`hours = 40`): nothing is billed by it,
    `saasim lint` compares.
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
    share_of: Key | None = None
    commitment: tuple[Quantity, ...] = ()
    off: Share | None = None
    contains: dict[str, Size] = {}
    stream: Key | None = None
    changes: tuple[Change, ...] = ()
    source: str = ""

    @model_validator(mode="after")
    def _counts_one_thing(self) -> Self:
        if (self.per is None) == (self.meter is None):
            message = "needs exactly one of 'per' and 'meter'; say what is counted"
            raise ValueError(message)
        usage_only = {
            "where": self.where,
            "group_by": self.group_by,
            "allowance": self.allowance,
            "commitment": self.commitment,
        }
        wrong = [name for name, value in usage_only.items() if value and self.meter is None]
        if wrong or (self.meter is None and self.window != "period"):
            message = f"{(wrong or ['window'])[0]!r} goes with 'meter'; remove it or name a meter"
            raise ValueError(message)
        if self.meter is not None and (self.annual is not None or self.cadence != "billing"):
            message = "usage is billed monthly in arrears; remove 'annual' and 'cadence'"
            raise ValueError(message)
        if self.share_of is not None and (self.model != "percentage" or self.meter is not None):
            message = "'share_of' goes with model 'percentage' and 'per'; give the share as its unit_price"
            raise ValueError(message)
        dates = [change.starts_on for change in self.changes]
        if dates != sorted(set(dates)):
            message = "changes must have rising dates; put them in order"
            raise ValueError(message)
        return self

    def on(self, day: date, since_on: date | None = None, anchor_on: date | None = None) -> "Price":
        """Return the price in force on `day`, for a customer as `Change.holds` knows it."""
        return self.changed(change.holds(day, since_on, anchor_on) for change in self.changes)

    def read_under(self, terms: Terms) -> "Price":
        """Return the price, its yearly rate and its changes as a biller of these terms reads them."""
        changes = tuple(
            change if change.annual is None
            else change.model_copy(update={"annual": change.annual.under(terms)})
            for change in self.changes
        )  # fmt: skip
        annual = None if self.annual is None else self.annual.under(terms)
        return self.model_copy(update={"annual": annual, "changes": changes}).under(terms)

    def changed(self, holding: Iterable[bool]) -> "Price":
        """Return the price with those of its changes that hold, in their order."""
        price = self
        for change, holds in zip(self.changes, holding, strict=True):
            if holds:
                price = price.model_copy(update=change.update())
        return price


def renewal(anchor_on: date, day: date) -> date:
    """Return the first start of a contract year, counted from `anchor_on`, that is not before `day`."""
    years = max(0, day.year - anchor_on.year)
    start = add_months(anchor_on, 12 * years)
    return start if start >= day else add_months(anchor_on, 12 * (years + 1))
