"""Plans and add-ons: what a subscription is a subscription to, and what it may have besides."""

from typing import Annotated

from pydantic import Field

from billing.price import Key, Money, Price, Record
from billing.rule import Commitment, Limit


class Seats(Record):
    """How many seats a plan may have; a change beyond them is a problem of the log, not of the bill."""

    minimum: int = Field(1, ge=1)
    maximum: int | None = Field(None, ge=1)


class Plan(Record):
    """What a subscription is a subscription to.

    `progressive` lists amounts of a month's usage at which it is billed at once, and not with the month.
    `limits` are what it serves at most, `maximum` what the lines of a month come to at most: what is above it
    is taken off them. `includes` names plans whose service comes with it: nothing is billed
    for them, and `saasim lint` compares what they cost by themselves. `unlimited` names what it promises
    without an end, `seats` or meters: the linter tells where the book charges for more of it, or ends it.
    """

    name: str
    stream: Key
    prices: dict[Key, Price] = {}
    seats: Seats = Seats()
    commitment: Commitment | None = None
    maximum: Money | None = None
    progressive: tuple[Annotated[Money, Field(gt=0)], ...] = ()
    limits: dict[Key, Limit] = {}
    includes: tuple[Key, ...] = ()
    unlimited: tuple[Key, ...] = ()
    source: str = ""


class AddOn(Record):
    """A recurring extra that the subscriptions of some plans may have."""

    name: str
    plans: tuple[Key, ...]
    price: Price
    stream: Key | None = None
    source: str = ""
