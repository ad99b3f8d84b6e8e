"""The rules of a price book beside its prices: commitments, limits, entitlements, discounts, refunds, shares.

Each is data about meters, plans and prices; the stages of `billing` that apply them know no company.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from billing.price import Key, Money, Quantity, Rate, Record, Share, Size, Window

Where = dict[str, str | tuple[str, ...]]


class Commitment(Record):
    """The least that a subscription pays in each contract year; the rest is trued up when the year ends.

    `amount` is one amount for every contract year, or a list: the last one holds for all later years.
    """

    amount: tuple[Money, ...]
    source: str = ""

    @field_validator("amount", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else (value,)

    def in_year(self, number: int) -> Decimal:
        """Return the least of a contract year, the first being number 0."""
        return self.amount[min(number, len(self.amount) - 1)]


class Limit(Record):
    """The most of a meter that a plan serves in a day or a month, by the calendar.

    What is above it was refused by the service: a log that holds it all the same has it in `unrated_usage`,
    reason `over_limit`. With `then` the subscription steps to the next plan instead, and what is above the
    limit is billed as usage of that plan (which may have limits of its own).
    """

    meter: Key
    where: Where = {}
    quantity: Quantity
    window: Literal["day", "month"] = "month"
    per: Literal["subscription", "seat"] = "subscription"
    then: Key | None = None
    source: str = ""


class Scope(Record):
    """Some units of a meter: those whose dimensions have the values in `where`."""

    meter: Key
    where: Where = {}


class After(Scope):
    """That something happened not more than `days` days before, to the same account."""

    days: int = Field(ge=0, le=3660)
    same: tuple[str, ...] = ()


class Giver(Record):
    """What gives an entitlement: units of a meter that are counted (orders, passed exams), or a plan.

    A unit of `meter` gives on the day of its event, or from `wait` days later on (a certificate does not pay
    for the exam that earns it), and its months count from the event; `after` asks for something else before
    it, with the same values of the dimensions in `same`. A subscription to one of `plans` gives on its first
    paid day and then each month or contract year (`renews`), or never again; `per = "seat"` for each seat it
    has on that day.
    """

    meter: Key | None = None
    where: Where = {}
    after: After | None = None
    wait: int = Field(0, ge=0, le=3660)
    plans: tuple[Key, ...] = ()
    per: Literal["subscription", "seat"] = "subscription"
    renews: Literal["month", "year", "never"] = "year"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.meter is None) == (not self.plans):
            message = "needs exactly one of 'meter' and 'plans'; say what gives the entitlement"
            raise ValueError(message)
        if self.meter is None and (self.where or self.after is not None or self.wait):
            message = "'where', 'after' and 'wait' go with 'meter'; remove them or name a meter"
            raise ValueError(message)
        return self


class Entitlement(Record):
    """A right to units of a meter, free or cheaper, that comes with a purchase or an event, and that ends.

    Prepaid packs, vouchers, included services, coupons and certificates are all of this kind. `quantity`
    units are covered for each unit given (all units when absent), and units of so many `events` at most where
    a meter tells its events apart, for `months` months from the day it is given; one that renews ends when it
    renews. Of several, what expires first is drawn first, unless the
    book's conventions go by `priority` (the lowest number first) or by the day it was granted. Covered units
    are free; with `share` (0.10 = 10 %) or `amount` off each they are rated, and a discount line takes it
    off. `deferred`: the lines that sell it are earned as units are drawn, and what is left when it expires is
    breakage.
    """

    name: str = ""
    given_by: Giver
    covers: Scope
    quantity: Size | None = None
    events: int | None = Field(None, ge=1)
    months: int | None = Field(None, ge=1, le=1200)
    share: Share | None = None
    amount: Money | None = None
    priority: int = Field(50, ge=0, le=1000)
    deferred: bool = False
    source: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.share is not None and self.amount is not None:
            message = "'share' and 'amount' exclude each other; remove one"
            raise ValueError(message)
        if self.deferred and (self.quantity is None or self.months is None or self.given_by.meter is None):
            message = "'deferred' needs a 'quantity', 'months' and a meter that gives it; add them"
            raise ValueError(message)
        return self

    @property
    def is_free(self) -> bool:
        """Whether covered units cost nothing."""
        return self.share is None and self.amount is None


class Refund(Record):
    """What is given back of fees when a guarantee was missed.

    Each unit of `meter` (a miss) gives back `share` of what `prices` billed. `by` names the dimension that
    ties the miss to the lines (`project`): all that was billed for it so far counts. Without it, the lines of
    the same subscription and month count. All refunds of the same prices together never exceed `cap` of the
    fees.
    """

    name: str = ""
    meter: Key
    where: Where = {}
    prices: tuple[Key, ...] = Field(min_length=1)
    share: Share
    by: str = ""
    cap: Share = Decimal(1)
    source: str = ""


class Discount(Record):
    """Something off a subscription's lines, for good or for some months: a `share` or an `amount`.

    A share (0.15 = 15 %) is off each line; an amount once a month off all lines together, in proportion, and
    never more than they come to. `on` says which lines: recurring fees (with what is credited of them),
    usage, fees that are due once; `prices` leaves only those of some prices. A subscription may have several
    discounts (`"ten-off,twenty-percent"`): each takes from what the one before has left.

    It lasts for good, for `months` from the first, for so many `times` (months in which it took something),
    or, an amount with the `window` of a life, until it is used up: what one month leaves of it is for the
    next. `per = "account"` makes it one for all subscriptions of an account that name it; such discounts come
    after those of single subscriptions, in the order of the book.
    """

    name: str = ""
    share: Share | None = None
    amount: Annotated[Money, Field(gt=0)] | None = None
    on: tuple[Literal["recurring", "usage", "once"], ...] = ("recurring",)
    prices: tuple[Key, ...] = ()
    months: int | None = Field(None, ge=1)
    times: int | None = Field(None, ge=1)
    window: Literal["period", "life"] = "period"
    per: Literal["subscription", "account"] = "subscription"
    source: str = ""

    @field_validator("on", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else (value,)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.share is None) == (self.amount is None):
            message = "needs exactly one of 'share' and 'amount'; say how much is off"
            raise ValueError(message)
        if self.share is not None and self.window == "life":
            message = "a share is never used up; remove 'window', or name 'times' or 'months'"
            raise ValueError(message)
        return self

    @property
    def is_lasting(self) -> bool:
        """Whether it is off for good."""
        return self.months is None and self.times is None and self.window == "period"


def listed(discounts: str) -> list[str]:
    """Return the keys of a subscription's discounts, in their order: facts list them with commas."""
    return [key.strip() for key in discounts.split(",") if key.strip()]


class Agreement(Rate):
    """What a partner is paid out of its customers' invoices.

    The rate applies to the invoiced amount of `streams` (all when empty) in the first `months` after the deal
    (for good when absent). Bands are marginal with model `graduated` and on everything with `volume`; they
    add up over the `window`, for the partner as a whole or for each `account` alone.

    `payee` pays whom a line names instead of the partner of a deal: the account in this dimension of the line
    (the seller of a listing), with `prices` as the lines that it is on. `by_plan` gives other shares to
    payees whose own subscription is to one of these plans. `revenue = "net"`: the company is an agent, its
    revenue is what remains (ASC 606-10-55-36); `gross`: it is the principal, and the share is an expense.
    """

    name: str = ""
    kind: Literal["referral", "resale", "revenue_share", "royalty", "commission"]
    streams: tuple[Key, ...] = ()
    months: int | None = Field(None, ge=1)
    window: Window = "life"
    per: Literal["partner", "account"] = "partner"
    prices: tuple[Key, ...] = ()
    payee: str = ""
    by_plan: dict[Key, Share] = {}
    revenue: Literal["gross", "net"] = "gross"
    source: str = ""
