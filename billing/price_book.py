"""The price book: every plan, price, allowance, add-on, rule and agreement, as data from one TOML file."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field

from billing.consistency import problems
from billing.convention import Conventions
from billing.plan import AddOn, Plan
from billing.price import CATALOG, Change, Key, Price, Rate, Record
from billing.rule import Agreement, Discount, Entitlement, Refund, listed
from metering import extension
from metering.document import Problems, parse, validate
from metering.extension import Layers
from metering.meter import Meter


class PriceBook(Record):
    """Everything that billing needs to know apart from the facts.

    `replaces` maps keys that a log names to the plans, add-ons, discounts and agreements that stand for
    them in this book, so that a log can be replayed under a book with other names. A file that `extends`
    another (relative to itself) names only what differs, and `removes` what it drops (dotted paths).
    """

    name: str
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    sources: dict[str, str] = {}
    conventions: Conventions = Conventions()
    meters: dict[Key, Meter] = {}
    plans: dict[Key, Plan]
    add_ons: dict[Key, AddOn] = {}
    discounts: dict[Key, Discount] = {}
    entitlements: dict[Key, Entitlement] = {}
    refunds: dict[Key, Refund] = {}
    agreements: dict[Key, Agreement] = {}
    replaces: dict[Key, Key] = {}

    def under(self, conventions: Conventions) -> Self:
        """Return the book of a biller with these conventions: every rate of it is read as they say."""
        plans = {
            key: plan.model_copy(update={"prices": self._read(key, plan, conventions)})
            for key, plan in self.plans.items()
        }
        terms = conventions.terms(is_monthly=True, is_flow=False)
        add_ons = {
            key: add_on.model_copy(update={"price": add_on.price.read_under(terms)})
            for key, add_on in self.add_ons.items()
        }
        shares = conventions.terms(is_monthly=False, is_flow=False)
        agreements = {key: agreement.under(shares) for key, agreement in self.agreements.items()}
        update = {"conventions": conventions, "plans": plans, "add_ons": add_ons, "agreements": agreements}
        return self.model_copy(update=update)

    def _read(self, key: str, plan: Plan, conventions: Conventions) -> dict[str, Price]:
        """Return the prices of a plan as they are read; what is sold by the piece is due for pieces only."""
        prices = {}
        for name, price in plan.prices.items():
            meter = self.meters.get(price.meter or "", Meter())
            is_monthly = key != CATALOG and price.window == "period" and not meter.each
            is_flow = price.meter is not None and price.window == "period"
            is_flow = is_flow and not (meter.is_level or meter.each)
            prices[name] = price.read_under(conventions.terms(is_monthly=is_monthly, is_flow=is_flow))
        return prices

    def renamed(self, fact: Any) -> Any:
        """Return a fact in this book's keys: `replaces` says what other keys stand for here."""
        if not self.replaces:
            return fact
        named = {name: getattr(fact, name, None) for name in ("plan", "add_on", "agreement")}
        found = {name: self.replaces[key] for name, key in named.items() if key in self.replaces}
        if keys := listed(getattr(fact, "discount", "")):
            found["discount"] = ",".join(self.replaces.get(key, key) for key in keys)
        return fact._replace(**found)

    def usage_prices(self) -> Iterator[tuple[str, str, Price]]:
        """Yield (plan, price key, price) for every price that counts usage."""
        for plan_key, plan in self.plans.items():
            for price_key, price in plan.prices.items():
                if price.meter is not None:
                    yield plan_key, price_key, price

    @property
    def is_progressive(self) -> bool:
        """Whether a plan bills parts of a month."""
        return any(plan.progressive for plan in self.plans.values())

    def signals(self) -> list[str]:
        """Return the meters that rules go by and that need no price: missed guarantees, passed exams.

        A meter that has prices as well (orders) is none, for there a price that is missing is a mistake.
        """
        givers = [one.given_by for one in self.entitlements.values()]
        asked = {giver.meter for giver in givers} | {giver.after.meter for giver in givers if giver.after}
        asked |= {refund.meter for refund in self.refunds.values()}
        priced = {price.meter for _, _, price in self.usage_prices()}
        return sorted(meter for meter in asked - priced if meter)

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
    """Read a price book, with what it `extends`. Raises Problems with everything that is wrong with it."""
    layers = Layers(path)
    try:
        return checked(validate(PriceBook, layers.merged(), str(path)), str(path))
    except Problems as found:
        if layers.is_extended:
            raise Problems(map(layers.place, found.problems)) from None
        raise


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a price book's file, for editors."""
    return extension.schema(PriceBook.model_json_schema())


def text(path: Path) -> bytes:
    """Return a price book's file in one with what it extends: what a run keeps. Raises Problems as `read`."""
    return Layers(path).text()


def loads(text: str, place: str = "price book") -> PriceBook:
    """Read a price book from TOML text. Raises Problems as `load` does."""
    return checked(validate(PriceBook, parse(text, place), place), place)


def checked(book: PriceBook, place: str) -> PriceBook:
    """Return a book whose parts fit together, with what follows from its own words worked out.

    Raises Problems with everything that does not fit.
    """
    if found := list(problems(book, place)):
        raise Problems(found)
    plans = {
        key: plan.model_copy(update={"prices": _shared(plan.prices)}) for key, plan in book.plans.items()
    }
    return book.model_copy(update={"plans": plans}).under(book.conventions)


def _shared(prices: dict[str, Price]) -> dict[str, Price]:
    """Work out the prices that are a share of another: the other's numbers, each times the share."""
    return {
        key: price
        if price.share_of is None
        else price.model_copy(update=_part_of(prices[price.share_of], price))
        for key, price in prices.items()
    }


def _part_of(whole: Price, price: Price) -> dict[str, Any]:
    share = price.unit_price or Decimal(0)
    changes = tuple(
        change.model_copy(update=_times(change, share) | {"annual": None, "allowance": None})
        for change in whole.changes
    )
    return {name: getattr(whole, name) for name in Rate.model_fields} | _times(whole, share) | {
        "per": whole.per, "changes": changes,
    }  # fmt: skip


def _times(rate: Rate | Change, share: Decimal) -> dict[str, Any]:
    """Return every price of a rate times a share."""
    prices = {name: getattr(rate, name) for name in ("unit_price", "flat_fee", "minimum", "maximum")}
    tiers = tuple(
        tier.model_copy(
            update={
                "unit_price": tier.unit_price * share,
                "flat_fee": tier.flat_fee * share,
                "maximum": None if tier.maximum is None else tier.maximum * share,
            }
        )
        for tier in rate.tiers
    )
    return {name: price * share for name, price in prices.items() if price is not None} | {"tiers": tiers}
