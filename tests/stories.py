"""Stories: random companies, told as tables of facts; some of what happens makes no sense."""

import random
from collections.abc import Iterator
from datetime import date, timedelta

from metering.event import Event
from tests.ledgers import facts

BOOK = """
    meters.calls = {}
    meters.storage = { aggregation = "max" }
    meters.tokens = { dimensions = ["model"] }
    meters.devices = { event = "devices.shipped", quantity = "devices" }
    meters.exams = { event = "exam.sat", dimensions = ["exam"] }
    meters.orders = { event = "order.placed", quantity = "quantity", dimensions = ["item"] }
    [discounts.early]
    share = 0.15
    months = 4
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.seat = { per = "seat", unit_price = 99, annual = { unit_price = 950 } }
    prices.fee = { per = "subscription", unit_price = 70, cadence = "once" }
    limits.calls = { meter = "calls", quantity = 60, window = "day", per = "seat" }
    [plans.pro.prices.calls]
    meter = "calls"
    model = "package"
    package_size = 100
    unit_price = 3
    allowance = 50
    allowance_per = "seat"
    changes = [{ starts_on = 2026-05-10, model = "package", package_size = 100, unit_price = 4 }]
    [plans.team]
    name = "Team"
    stream = "managed"
    commitment = { amount = 4000 }
    limits.calls = { meter = "calls", quantity = 350, then = "pro" }
    prices.base = { per = "subscription", unit_price = 211.33 }
    prices.storage = { meter = "storage", unit_price = 1.07, allowance = 5 }
    [plans.team.prices.calls]
    meter = "calls"
    model = "volume"
    tiers = [{ up_to = 300, unit_price = 0.1 }, { unit_price = 0.07 }]
    [plans.oem]
    name = "OEM"
    stream = "oem"
    prices.license = { per = "subscription", unit_price = 1000, cadence = "year" }
    [plans.oem.prices.royalty]
    meter = "devices"
    model = "graduated"
    window = "life"
    tiers = [
        { up_to = 100, unit_price = 1 },
        { up_to = 500, unit_price = 0.333 },
        { unit_price = 0.1, flat_fee = 9 },
    ]
    [plans.oem.prices.tokens]
    meter = "tokens"
    model = "graduated"
    window = "year"
    group_by = ["model"]
    tiers = [{ up_to = 200, unit_price = 0.5 }, { unit_price = 0.25 }]
    [plans.catalog]
    name = "Catalog"
    stream = "training"
    prices.arch = { meter = "exams", unit_price = 495, where = { exam = "arch" } }
    prices.packs = { meter = "orders", unit_price = 333.33 }
    [add_ons.llm]
    name = "LLM"
    plans = ["pro", "team"]
    price = { per = "add_on", unit_price = 20 }
    [add_ons.audit]
    name = "Audit"
    plans = ["pro", "oem"]
    price = { per = "add_on", unit_price = 120, cadence = "year" }
    [entitlements.pack]
    given_by = { meter = "orders", where = { item = "pack" } }
    covers = { meter = "calls" }
    quantity = 140
    months = 4
    deferred = true
    [entitlements.included]
    given_by = { plans = ["team", "pro"], renews = "month", per = "seat" }
    covers = { meter = "calls" }
    quantity = 3
    [entitlements.certificate]
    given_by = { meter = "exams", where = { exam = "arch" }, after = { meter = "exams", days = 90 } }
    covers = { meter = "exams", where = { exam = "arch" } }
    months = 6
    share = 0.15
    [entitlements.coupon]
    given_by = { meter = "orders", where = { item = "coupon" } }
    covers = { meter = "calls" }
    amount = 0.05
    [agreements.bands]
    kind = "revenue_share"
    model = "graduated"
    tiers = [{ up_to = 2000, unit_price = 0.2 }, { unit_price = 0.1 }]
    [agreements.ref]
    kind = "referral"
    model = "percentage"
    unit_price = 0.1
    months = 5
    streams = ["subscriptions"]
"""


FIRST = date(2025, 11, 1)


MONTHS = 14


def story(rng: random.Random, account: str) -> Iterator[str]:
    """Tell the life of an account: its sign-up, two subscriptions, what they used, what it paid."""
    joined = FIRST + timedelta(days=rng.randrange(200))
    yield f"{joined}T01:00:00  {account}  account.signed_up  {account} {account}@example.com smb web"
    if rng.random() < 0.6:
        agreement = rng.choice(("bands", "ref"))
        yield f"{joined}T02:00:00  {account}  deal.referred  p{rng.randrange(2)} {agreement}"
    for number in range(2):
        yield from life(rng, account, f"{account}-{number}", joined)
    for day in days(rng, joined, 4):
        yield f"{day}T11:00:00  {account}  exam.sat  {rng.choice(('arch', 'dev'))}"
        kind = rng.choice(("invoice.paid {} 9", "payment.failed {} 1", "invoice.written_off {}"))
        yield f"{day}T12:00:00  {account}  {kind.format(f'{joined:%Y-%m}')}"
        yield f"{day}T12:00:00  {account}  money.spent  adverts {rng.randrange(9999)}.{rng.randrange(100):02}"

    orders = random.Random(joined.toordinal())  # of their own: more orders change nothing else
    for day in days(orders, joined, 3):
        yield f"{day}T13:00:00  {account}  order.placed  {orders.choice(('pack', 'pack', 'coupon'))} 2"


def life(rng: random.Random, account: str, subscription: str, joined: date) -> Iterator[str]:
    """Tell what happens to a subscription; some of it makes no sense, and is to be ignored."""
    plan, rhythm = rng.choice(("pro", "team", "oem")), rng.choice(("month", "year"))
    more = rng.choice(("", " trial_days=20", " discount=early"))
    terms = f"{plan} {rng.randrange(1, 9)} {rhythm}{more}"
    yield f"{joined}T03:00:00  {account}  subscription.started  {subscription} {terms}"
    for day in days(rng, joined, 5):
        what = rng.choice(
            (
                "seats.changed            {0} {1}",
                "seats.changed            {0} {1}",
                "plan.changed             {0} {2} {1} {3}",
                "add_on.bought            {0} llm",
                "add_on.bought            {0} audit {1}",
                "add_on.dropped           {0} llm",
                "subscription.cancelled   {0} {4}",
                "subscription.reactivated {0} {2} {1} {3}",
            )
        )
        end = day + timedelta(days=rng.choice((0, 10, 45)))
        words = (
            subscription,
            rng.randrange(9),
            rng.choice(("pro", "team", "oem")),
            rng.choice(("month", "year")),
            end,
        )
        yield f"{day}T04:00:00  {account}  {what.format(*words)}"
    for day in days(rng, joined, 12):
        meter = rng.choice(("calls", "storage", "tokens", "unknown"))
        dimensions = f'\'{{"model":"{rng.choice("sl")}"}}\''
        yield f"{day}T05:00:00  {subscription}  usage.recorded  {meter} {rng.randrange(400)} {dimensions}"
        yield f"{day}T06:00:00  {account}  devices.shipped  {subscription} {rng.randrange(90)}"


def days(rng: random.Random, joined: date, count: int) -> list[date]:
    """Draw some days from an account's sign-up to the end of the log."""
    span = (date(2026, 12, 31) - joined).days
    return sorted(joined + timedelta(days=rng.randrange(span)) for _ in range(count))


def told(seed: int, accounts: int = 8, names: str = "a") -> list[Event]:
    """Tell a whole company."""
    rng = random.Random(seed)
    return facts("\n".join(line for n in range(accounts) for line in story(rng, f"{names}{n}")))
