"""Payers: how an account settles its bills: by card or on invoice, late, after retries, or never."""

from collections.abc import Callable

from metering.event import InvoicePaid, InvoiceWrittenOff, PaymentFailed
from simulator.agents.habits import Payment
from simulator.world import Agent, Bill, Story, World


class Payer:
    """The accounts payable of one account. `defaults` is called when a bill is given up."""

    def __init__(
        self, world: World, agent: Agent, account: str, habits: Payment, defaults: Callable[[], None]
    ) -> None:
        self._world = world
        self._agent = agent
        self._account = account
        self._habits = habits
        self._defaults = defaults
        self.by_card = agent.chance.bernoulli("pays by card", p=habits.by_card)

    def settle(self, bill: Bill) -> None:
        """Pay a bill today, or begin to; a credit is settled like a payment, and nothing is owed for zero."""
        if bill.total == 0:
            return
        if not self.by_card:
            self._world.start(self._agent, self._on_invoice(bill))
        elif bill.total > 0 and self._draw("card fails", bill, self._habits.fails):
            self._record(PaymentFailed(bill.month, 1))
            self._world.start(self._agent, self._again(bill))
        else:
            self._record(InvoicePaid(bill.month, 0))

    def _again(self, bill: Bill) -> Story:
        """Try the card again and again; in the end the biller gives up."""
        issued = self._world.today
        for attempt, day in enumerate(self._habits.retries, start=2):
            yield self._world.on(issued + day)
            if self._draw(f"retry {attempt} recovers", bill, self._habits.recovers):
                self._record(InvoicePaid(bill.month, day))
                return
            self._record(PaymentFailed(bill.month, attempt))
        self._give_up(bill)

    def _on_invoice(self, bill: Bill) -> Story:
        """Pay when it suits, or never."""
        issued, number = self._world.today, _number(bill)
        if bill.total > 0 and self._draw("never pays", bill, self._habits.defaults):
            yield self._world.wait(self._habits.patience_days)
            self._give_up(bill)
            return
        draw = self._agent.chance.lognormal(
            "days to pay", number, median=self._habits.days, sigma=self._habits.days_sigma
        )
        days = max(1, min(self._habits.patience_days, round(draw)))
        yield self._world.on(issued + days)
        self._record(InvoicePaid(bill.month, days))

    def _give_up(self, bill: Bill) -> None:
        self._record(InvoiceWrittenOff(bill.month))
        self._defaults()

    def _draw(self, purpose: str, bill: Bill, chance: float) -> bool:
        return self._agent.chance.bernoulli(purpose, _number(bill), p=chance)

    def _record(self, fact: object) -> None:
        self._world.record(self._agent, self._account, fact)


def _number(bill: Bill) -> int:
    """Return the month as a number, for a month's draws are the same under every price book."""
    return int(bill.month.replace("-", ""))
