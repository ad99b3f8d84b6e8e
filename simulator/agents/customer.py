"""Customers: leads that sign up, subscribe, use, pay, change their minds, leave and come back."""

from billing.price import Key
from simulator.agents.account import Account
from simulator.agents.habits import Habits
from simulator.agents.lead import Lead, arrive
from simulator.agents.market import Market
from simulator.agents.offer import Offer
from simulator.agents.review import review
from simulator.world import Story, World

SETTINGS = dict[Key, Habits]


def spawn(world: World, settings: dict[str, Habits]) -> None:
    """Let the customers of every segment come: those of the first day, and leads from then on."""
    offer = Offer(world)
    for segment, habits in settings.items():
        agent = world.agent("demand", segment)
        market = Market(world, offer, habits, segment=segment)
        world.start(agent, arrive(market, agent, live))


def live(lead: Lead) -> Story:
    """Sign up, then go from month to month for as long as anything is held."""
    market, world = lead.market, lead.market.world
    account = Account(market, lead.agent, channel=lead.channel, was_there=lead.was_there)
    account.sign_up()
    account.begin(account.first, free=lead.is_self_serve)
    while account.held:
        for act in review(account):
            if act.day > world.today:
                yield world.on(act.day)
            if not account.is_lost:
                act.does()
        yield world.on(world.month_start(world.month + 1))
        account.drop_what_ended()
        if not account.held and not account.is_lost:
            yield from stay_away(account)


def stay_away(account: Account) -> Story:
    """Be gone for good, or for some months."""
    last, habits, world = account.known[account.first], account.habits.loyalty, account.world
    for _ in range(0 if last.is_free else habits.returns_within):
        if account.agent.chance.bernoulli("returns", world.month, p=habits.returns):
            account.come_back(last)
            return
        yield world.on(world.month_start(world.month + 1))
