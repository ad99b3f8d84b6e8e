"""Markets: what the customers of one segment have in common: the world, its prices and their habits."""

from simulator.agents import decision
from simulator.agents.habits import Habits
from simulator.quote import Quotes
from simulator.world import World


class Market:
    """The market of one segment."""

    def __init__(self, world: World, quotes: Quotes, habits: Habits, *, segment: str) -> None:
        self.world = world
        self.quotes = quotes
        self.habits = habits
        self.segment = segment
        self._effects: dict[tuple[str, int], float] = {}

    def price_effect(self, product: str) -> float:
        """Return how many times as many customers today's prices win as those that the market expects."""
        key = (product, self.world.month)
        if key not in self._effects:
            self._effects[key] = self._price_effect(product)
        return self._effects[key]

    def _price_effect(self, key: str) -> float:
        product = self.habits.products[key]
        seats = (product.seats.low + max(product.seats.low, product.seats.high)) // 2
        use = {meter: one.median for meter, one in product.uses.items()}
        effects = []
        for plan, expected in product.expects.items():
            quoted = self.quotes.quote(plan, self.world.date(), seats=seats, use=use).total
            elasticity = self.habits.loyalty.acquisition
            effects.append(decision.price_effect(float(quoted), expected, elasticity))
        return sum(effects) / len(effects) if effects else 1.0
