"""Buyers: accounts that pay their bills, and that nothing else in their bills moves."""

from collections.abc import Callable

from metering.event import AccountSignedUp
from simulator.agents.habits import Payment
from simulator.agents.payer import Payer
from simulator.world import Agent, World


def nothing() -> None:
    """Do nothing: what a bill that is never paid means for who buys by the piece."""


def open_account(
    world: World,
    agent: Agent,
    account: str,
    signed_up: AccountSignedUp,
    *,
    payment: Payment,
    defaults: Callable[[], None] = nothing,
) -> None:
    """Sign an account up, and have its bills paid; `defaults` is called when one is given up."""
    world.record(agent, account, signed_up)
    world.listen(account, Payer(world, agent, account, payment, defaults).settle)
