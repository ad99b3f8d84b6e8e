"""Markets: what the customers of one segment have in common: the world, its prices and their habits."""

from simulator.agents import decision
from simulator.agents.habits import Habits
from simulator.agents.offer import Offer
from simulator.quote import Quotes
from simulator.world import World


class Market:
    """The market of one segment: `offer` says what it is asked to pay, and what it is used to."""

    def __init__(self, world: World, offer: Offer, habits: Habits, *, segment: str) -> None:
        self.world = world
        self.offer = offer
        self.usual = offer.usual
        self.habits = habits
        self.segment = segment
        self._effects: dict[tuple[str, int], float] = {}

    @property
    def quotes(self) -> Quotes:
        """What newcomers are offered today."""
        return self.offer.on(self.world.date())

    def price_effect(self, product: str, month: int | None = None) -> float:
        """Return how many times as many customers a month's prices win as those that the market expects."""
        key = (product, self.world.month if month is None else month)
        if key not in self._effects:
            expected = self._expected_effect(*key)
            self._effects[key] = min(decision.PRICED_IN_MOST, expected * self._changed_effect(*key))
        return self._effects[key]

    def add_on_effect(self, key: str, quotes: Quotes) -> float:
        """Return how many times as many customers take an add-on as at the price that they are used to."""
        if quotes is self.usual:
            return 1.0
        day = self.world.date()
        now, before = (float(one.add_on(key, day)) for one in (quotes, self.usual))
        return decision.price_effect(now, before, self.habits.loyalty.acquisition)

    def yearly_share(self, product: str, plan: str, seats: int, quotes: Quotes) -> float:
        """Return the share of a product's customers that pays by the year, as the discount is for some."""
        share = self.habits.products[product].yearly
        if quotes is self.usual:
            return share
        now, before = (
            one.annual_discount(plan, self.world.date(), seats=seats) for one in (quotes, self.usual)
        )
        return decision.yearly(share, self.habits.loyalty.annual, discount=now, before=before)

    def _expected_effect(self, key: str, month: int) -> float:
        """Return the effect of the prices that the market is used to, next to those that it expects."""
        product, day = self.habits.products[key], self.world.date(max(0, self.world.month_start(month)))
        seats, use = self._median(key)
        effects = []
        for plan, expected in product.expects.items():
            quoted = self.usual.quote(plan, day, seats=seats, use=use).total
            elasticity = self.habits.loyalty.acquisition
            effects.append(decision.price_effect(float(quoted), expected, elasticity))
        return sum(effects) / len(effects) if effects else 1.0

    def _changed_effect(self, key: str, month: int) -> float:
        """Return the effect of today's prices next to those that the market is used to."""
        product, day = self.habits.products[key], self.world.date(max(0, self.world.month_start(month)))
        offered = self.offer.on(day)
        if offered is self.usual:
            return 1.0
        seats, use = self._median(key)
        starts = product.starts or dict.fromkeys(product.paid[:1], 1.0)

        def bill(quotes: Quotes, plan: str) -> float:
            monthly, yearly = (
                float(quotes.quote(plan, day, seats=seats, use=use, billing=billing).total)
                for billing in ("month", "year")
            )
            return monthly + product.yearly * (yearly - monthly)

        effects = [
            weight
            * decision.price_effect(
                bill(offered, plan), bill(self.usual, plan), self.habits.loyalty.acquisition
            )
            for plan, weight in starts.items()
        ]
        total = sum(starts.values())
        return sum(effects) / total if total > 0 else 1.0

    def _median(self, key: str) -> tuple[int, dict[str, float]]:
        product = self.habits.products[key]
        seats = (product.seats.low + max(product.seats.low, product.seats.high)) // 2
        return seats, {meter: one.median for meter, one in product.uses.items()}
