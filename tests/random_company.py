"""Random companies: a valid price book and a log of a few customers, the same for the same seed.

They do what customers do, at month ends, on leap days and twice a day. A `moot` company also does what the
rules of billing do not settle (usage in a trial, coming back with a discount, ...), and billers differ.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from metering import event as facts
from metering.event import Event
from metering.period import Period, month_of
from metering.period import months as calendar_months
from tests.random_book import OF_SUBSCRIPTIONS, REGIONS, VALUES, Book, dump, timing


def company(seed: int, *, moot: bool = False) -> tuple[str, list[Event], list[Period]]:
    """Return a price book as TOML, the events in the order of the log, and the months to bill."""
    rng = random.Random(seed)
    first = rng.choice([date(2023, 11, 1), date(2024, 1, 1), date(2024, 2, 1), date(2025, 6, 1)])
    months = list(calendar_months(first, rng.choice((3, 5, 14, 26))))
    by_year = rng.random() < 0.7
    book = Book(rng, months, by_year, moot).write()
    book["conventions"] |= timing(random.Random(f"time {seed}"), book["conventions"])
    return dump(book), Log(rng, months, book, by_year, moot).write(), months


@dataclass
class Log:
    """The log of a few customers and partners in the making."""

    rng: random.Random
    months: list[Period]
    book: dict[str, Any]
    by_year: bool
    moot: bool
    events: list[tuple[datetime, str, Any]] = field(default_factory=list)

    def write(self) -> list[Event]:
        """The whole log, in the order of time."""
        partners = [f"partner-{number}" for number in range(2)]
        for name in partners:
            self.sign_up(name, self.months[0].starts_on, "partner")
            if self.rng.random() < 0.5:
                self.subscribe(name, f"{name}-own", self.months[0].starts_on)
        for number in range(self.rng.randrange(2, 6)):
            account = f"account-{number}"
            day = self.some_day(self.months[0].starts_on, self.months[len(self.months) // 2].ends_on)
            self.sign_up(account, day, "customer")
            for nth in range(self.rng.choice((1, 1, 2))):
                self.subscribe(account, f"subscription-{number}-{nth}", day + timedelta(nth * 9))
            self.buy(account, day)
            self.deal(account, day, partners)
        self.events.sort(key=lambda event: event[0])
        return [Event("test", str(n), subject, at, data) for n, (at, subject, data) in enumerate(self.events)]

    @property
    def end(self) -> date:
        """The day after the last month."""
        return self.months[-1].ends_on

    def add(self, day: date, hour: int, subject: str, data: Any) -> None:
        """Write an event of that hour, if it happens before the end."""
        if day < self.end:
            moment = time(hour, self.rng.randrange(60), self.rng.randrange(60), self.rng.randrange(10**6))
            self.events.append((datetime.combine(day, moment), subject, data))

    def some_day(self, since: date, until: date) -> date:
        """A day from `since` to the one before `until`, quite often the first or last of a month."""
        day = since + timedelta(self.rng.randrange((until - since).days))
        month = month_of(day)
        day = self.rng.choice([day, day, day, month.starts_on, month.ends_on - timedelta(1)])
        return max(day, since)

    def sign_up(self, account: str, day: date, kind: str) -> None:
        """An account, with some facts around it that nobody bills."""
        self.add(day, 0, account, facts.LeadCreated("smb", "self_serve"))
        self.add(
            day, 0, account, facts.AccountSignedUp(account, "a@example.com", "smb", "self_serve", "US", kind)
        )
        self.add(day + timedelta(40), 9, account, facts.InvoicePaid(f"{day:%Y-%m}", 12))
        self.add(day, 9, account, facts.MoneySpent("marketing", Decimal("120.50")))

    def subscribe(self, account: str, name: str, day: date) -> None:
        """A subscription with everything that happens to it, and its usage."""
        Life(self, account, name, day).go_on()

    def buy(self, account: str, day: date) -> None:
        """Things that are sold by the piece."""
        rng = self.rng
        offers: list[Callable[[], Any]] = [
            lambda: facts.CourseEnrolled(pick("course"), pick("format"), rng.randrange(1, 9)),
            lambda: facts.OrderPlaced(pick("item"), rng.randrange(1, 5)),
            lambda: facts.ExamSat("developer", pick("kind"), passed=rng.random() < 0.7),
            lambda: facts.HoursWorked(
                "p", "quick-start", "c", pick("role"), Decimal(rng.randrange(1, 32)) / 4
            ),
            lambda: facts.MilestoneDelivered(
                pick("project"), "quick-start", pick("size"), "m", Decimal("0.4")
            ),
            lambda: facts.OutcomeMeasured(pick("metric"), rng.random() < 0.5, pick("project"), "quick-start"),
            lambda: facts.ListingSold(
                "x", pick("category"), pick("seller"), Decimal(rng.randrange(9999)) / 100
            ),
        ]

        def pick(dimension: str) -> str:
            return rng.choice(VALUES[dimension])

        for _ in range(rng.randrange(20)):
            self.add(self.some_day(day, self.end), rng.randrange(1, 24), account, rng.choice(offers)())

    def deal(self, account: str, day: date, partners: list[str]) -> None:
        """Deals of the customer with partners, never twice the same."""
        keys = list(self.book["agreements"])
        for key in self.rng.sample(keys, self.rng.randrange(len(keys) + 1)):
            kind = self.rng.choice([facts.DealReferred, facts.SoldThroughPartner])
            self.add(self.some_day(day, self.end), 8, account, kind(self.rng.choice(partners), key))


@dataclass
class Life:
    """The life of one subscription in the making."""

    log: Log
    account: str
    name: str
    day: date
    plan: str = ""
    seats: int = 1
    billing: str = "month"
    add_ons: dict[str, int] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)

    def go_on(self) -> None:
        """Start, then change now and then until the end of the log."""
        log, rng = self.log, self.log.rng
        self.plan, self.seats = rng.choice(self.plans()), rng.randrange(1, 7)
        self.billing = rng.choice(["month", "year"]) if log.by_year or log.moot else "month"
        fees = [price for plan in log.book["plans"].values() for price in plan["prices"].values()]
        trials = log.moot or not any(price.get("cadence") == "once" for price in fees)
        trial = rng.choice((0, 0, 7, 14, 31)) if trials else 0
        early = log.moot or (self.day.day == 1 and not trial)
        discount = self.discount(early=early)
        self.tell(
            4, facts.SubscriptionStarted(self.name, self.plan, self.seats, self.billing, trial, discount)
        )
        started_on, paid_from = self.day, self.day + timedelta(trial)
        self.changed = {"plan", "seats", "add_on"}
        while self.day < log.end:
            self.wait()
            act = rng.choice([self.change_plan, self.change_seats, self.change_add_ons, self.change_seats])
            if rng.random() < 0.12 and self.day < log.end:
                ended_on = self.cancel()
                back = log.moot or not (self.add_ons or discount or self.committed(self.plan))
                if rng.random() < 0.5 or not back or ended_on < paid_from:
                    break
                self.come_back(ended_on)
            else:
                act()
        self.use(started_on, paid_from)

    def discount(self, *, early: bool) -> str:
        """Often no discount, else one or several in some order; for some months only if it is `early`."""
        rng = self.log.rng
        known = [key for key, one in self.log.book["discounts"].items() if early or "months" not in one]
        return ",".join(rng.sample(known, rng.choice((0, 0, 0, 1, 1, 2, 3))))

    def plans(self) -> list[str]:
        """What can be subscribed to."""
        return [key for key in self.log.book["plans"] if key != "catalog"]

    def committed(self, plan: str) -> bool:
        """Whether the plan has a commitment, of money or of a quantity."""
        found = self.log.book["plans"][plan]
        return any("commitment" in one for one in (found, *found["prices"].values()))

    def tell(self, hour: int, data: Any) -> None:
        """Write a fact about the subscription."""
        self.log.add(self.day, hour, self.account, data)

    def wait(self) -> None:
        """Let time go by: often none at all, or until the end or the first of a month."""
        rng, month = self.log.rng, month_of(self.day)
        until = [month.ends_on - timedelta(1), month.ends_on, date(2024, 2, 29)]
        days = [timedelta(gap) for gap in (0, 1, 12, 45, 90)] + [
            max(day - self.day, timedelta(3)) for day in until
        ]
        gap = rng.choice(days)
        self.day += gap
        if gap:
            self.changed = set()

    def may(self, what: str) -> bool:
        """Whether this can change today: twice a day only if it does not matter that it could change back."""
        if what in self.changed and not self.log.moot:
            return False
        self.changed.add(what)
        return True

    def change_plan(self) -> None:
        """Move to another plan, another billing, or both."""
        rng, moot = self.log.rng, self.log.moot
        plan, billing = rng.choice(self.plans()), self.billing
        if moot or (self.log.by_year and not self.committed(self.plan)):
            billing = rng.choice([billing, "month", "year"])
        # What becomes of a commitment when the plan changes is not settled.
        free = moot or plan == self.plan or not (self.committed(plan) or self.committed(self.plan))
        if (plan, billing) != (self.plan, self.billing) and free and self.may("plan"):
            self.plan, self.billing, self.seats = plan, billing, rng.randrange(1, 7)
            self.tell(8, facts.PlanChanged(self.name, plan, self.seats, billing))
            self.changed.add("seats")

    def change_seats(self) -> None:
        """Add or remove seats."""
        if self.may("seats"):
            self.seats = self.log.rng.choice([seats for seats in range(1, 9) if seats != self.seats])
            self.tell(6, facts.SeatsChanged(self.name, self.seats))

    def change_add_ons(self) -> None:
        """Buy or drop an add-on."""
        rng = self.log.rng
        known = list(self.log.book["add_ons"])
        if not known or not self.may("add_on"):
            return
        key, quantity = rng.choice(known), rng.randrange(1, 4)
        if key in self.add_ons and rng.random() < 0.6:
            del self.add_ons[key]
            self.tell(10, facts.AddOnDropped(self.name, key))
        else:
            self.add_ons[key] = self.add_ons.get(key, 0) + quantity
            self.tell(10, facts.AddOnBought(self.name, key, quantity))

    def cancel(self) -> date:
        """Cancel, today, in a while, or for the end of the month; return the first day without it."""
        month = month_of(self.day)
        ends_on = self.log.rng.choice(
            [self.day, self.day + timedelta(1), self.day + timedelta(20), month.ends_on]
        )
        if self.committed(self.plan) and ends_on.day == 1 and not self.log.moot:
            ends_on += timedelta(1)  # whether it ends in the month before is not settled
        self.tell(20, facts.SubscriptionCancelled(self.name, ends_on))
        return ends_on

    def come_back(self, ended_on: date) -> None:
        """Reactivate some days after the end."""
        rng = self.log.rng
        billed = self.log.book["conventions"].get("cancel_day") == "billed"  # the day of the end is one more
        self.day = max(ended_on, self.day) + timedelta(rng.choice((1, 10, 60, 200)) + billed)
        if not self.log.moot:  # which contract year counts in a month of two is not settled
            self.day = max(self.day, month_of(ended_on).ends_on)
        self.plan, self.seats, self.add_ons = rng.choice(self.plans()), rng.randrange(1, 7), {}
        if self.committed(self.plan) and not self.log.moot:
            self.plan = next((key for key in self.plans() if not self.committed(key)), self.plan)
        self.billing = rng.choice(["month", "year"]) if self.log.by_year or self.log.moot else "month"
        self.tell(4, facts.SubscriptionReactivated(self.name, self.plan, self.seats, self.billing))
        self.changed = {"plan", "seats", "add_on"}

    def use(self, started_on: date, paid_from: date) -> None:
        """Usage at any time: before, within and after; a trial's is moot."""
        rng, log = self.log.rng, self.log
        for _ in range(rng.randrange(60)):
            day = log.some_day(min(started_on, log.end - timedelta(1)), log.end)
            if started_on <= day < paid_from and not log.moot:
                continue
            meter = rng.choice((*OF_SUBSCRIPTIONS, "unknown"))
            quantity = Decimal(rng.randrange(1, 2000)) / rng.choice((1, 1, 2, 8, 1000))
            dimensions = {
                "calls": {"region": rng.choice(REGIONS)},
                "people": {"user": f"u{rng.randrange(5)}"},
            }
            data: Any = facts.UsageRecorded(
                meter, quantity, json.dumps(dimensions[meter]) if meter in dimensions else ""
            )
            subject = self.name if rng.random() < 0.97 else "nobody"
            if meter == "people" and rng.random() < 0.3:
                met = rng.random() < 0.5
                data, subject = facts.OutcomeMeasured("uptime", met, subscription=self.name), self.account
            elif meter == "devices":
                data, subject = facts.DevicesShipped(self.name, rng.randrange(1, 900), "phone"), self.account
            elif meter == "revenue":
                data, subject = facts.PartnerRevenueReported(self.name, quantity), self.account
            log.add(day, rng.randrange(24), subject, data)
