"""Random price books: every model, window, cadence, add-on, discount, commitment and shape of agreement."""

import json
import random
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from metering.period import Period

MODELS = ("flat", "unit", "graduated", "volume", "package", "percentage")
REGIONS = ("eu", "us", "asia")
LIMITED = ("calls", "visits", "storage", "people")
STREAMS = ("core", "extra", "services")
METERS: dict[str, dict[str, Any]] = {
    "calls": {"dimensions": ["region"]},
    "visits": {"aggregation": "count"},
    "people": {"aggregation": "unique_count", "of": "user"},
    "storage": {"aggregation": "max"},
    "cores": {"aggregation": "latest"},
    "devices": {"event": "devices.shipped", "quantity": "devices", "dimensions": ["product"]},
    "revenue": {"event": "partner_revenue.reported", "quantity": "amount"},
    "places": {"event": "course.enrolled", "quantity": "participants", "dimensions": ["course", "format"]},
    "orders": {"event": "order.placed", "quantity": "quantity", "dimensions": ["item"]},
    "exams": {"event": "exam.sat", "dimensions": ["exam", "kind"]},
    "hours": {"event": "hours.worked", "quantity": "hours", "dimensions": ["role"]},
    "milestones": {
        "event": "milestone.delivered",
        "quantity": "share",
        "dimensions": ["offering", "size", "project"],
    },
    "passes": {"event": "exam.sat", "dimensions": ["exam", "passed"]},
    "misses": {"event": "outcome.measured", "dimensions": ["metric", "met", "project"]},
    "sales": {"event": "listing.sold", "quantity": "amount", "dimensions": ["category", "seller"]},
}
OF_SUBSCRIPTIONS = ("calls", "visits", "people", "storage", "cores", "devices", "revenue")
OF_ACCOUNTS = ("places", "orders", "exams", "hours", "milestones")
VALUES = {
    "region": REGIONS,
    "product": ("phone", "car"),
    "course": ("basics", "advanced"),
    "format": ("public", "private"),
    "item": ("kit", "pack"),
    "exam": ("developer",),
    "kind": ("first", "retake"),
    "role": ("junior", "senior"),
    "offering": ("quick-start",),
    "size": ("small", "large"),
    "project": ("p", "q"),
    "category": ("plugin", "model"),
    "seller": ("partner-0", "partner-1"),
    "metric": ("uptime", "accuracy"),
}


def money(rng: random.Random, high: int = 500) -> Decimal:
    """A price: mostly of whole or half units, sometimes with many decimals."""
    number = Decimal(rng.randrange(1, high * 1000)) / 1000
    return rng.choice([number, number.quantize(Decimal("0.01")), number.quantize(Decimal(1)), number / 1000])


def rate(rng: random.Random, *, high: int = 500, size: int = 100) -> dict[str, Any]:
    """The numbers of any price model, now and then with a least or a most amount."""
    bounds: dict[str, Any] = {}
    if rng.random() < 0.1:
        bounds["minimum"] = money(rng, high)
    if rng.random() < 0.1:
        bounds["maximum"] = money(rng, high) + bounds.get("minimum", 0)
    return numbers(rng, high, size) | bounds


def numbers(rng: random.Random, high: int, size: int) -> dict[str, Any]:
    """The numbers of any price model."""
    model = rng.choice(MODELS)
    if model in ("graduated", "volume"):
        edges = sorted(rng.sample(range(1, size * 4), rng.randrange(4)))
        bounds = [Decimal(edge) / rng.choice((1, 2)) for edge in edges]
        bounds = sorted(dict.fromkeys(bounds))
        tiers = [{"up_to": bound, "unit_price": money(rng, high)} for bound in bounds]
        tiers.append({"unit_price": money(rng, high)})
        if rng.random() < 0.4:
            rng.choice(tiers)["flat_fee"] = money(rng)
        if rng.random() < 0.15:
            rng.choice(tiers)["maximum"] = money(rng)
        packs = {}
        if rng.random() < 0.2:
            rng.choice(tiers)["package_size"] = Decimal(rng.randrange(1, size)) / 2
            packs = packages(rng)
        return {"model": model, "tiers": tiers, **packs}
    if model == "flat":
        return {"model": model, "flat_fee": money(rng)}
    package: dict[str, Any] = {}
    if model == "package":
        package = {"package_size": Decimal(rng.randrange(1, size * 2)) / 2, **packages(rng)}
    if rng.random() < 0.1:
        package["flat_fee"] = money(rng)
    return {"model": model, "unit_price": money(rng, high), **package}


def packages(rng: random.Random) -> dict[str, Any]:
    """How packages are counted, where that is said."""
    return {"packages": rng.choice(("up", "down", "exact"))} if rng.random() < 0.4 else {}


SWITCHES: dict[str, tuple[str, ...]] = {
    "rounding_place": ("line", "line", "unit", "invoice"),
    "remainders": ("largest", "first", "last"),
    "tier_edge": ("inclusive", "exclusive"),
    "first_flat": ("above_zero", "at_zero"),
    "minimum_due": ("above_zero", "at_zero"),
    "minimum_part": ("whole", "part"),
    "discounts": ("listed", "shares_first", "amounts_first"),
    "discount_place": ("line", "invoice"),
    "minimum": ("before_discounts", "after_discounts"),
    "maximum": ("before_discounts", "after_discounts"),
    "drawdown": ("expiry", "priority", "granted"),
}
"""The conventions about money that a biller chooses, with what each may be."""

TIMES: dict[str, list[Any]] = {
    "proration": ["day", "day", "none"],
    "ends": ["half_open", "both"],
    "cancel_day": ["free", "billed"],
    "divisor": ["period", "fixed_30", "thirty_360", "nominal"],
    "ratio_places": [2, 9],
    "ratio_rounding": ["half_up", "half_even", "up", "down"],
    "recurring": ["arrears", "advance"],
    "cancellation": ["kept", "credited"],
}
"""The conventions about time in calendar months and days, with what each may be."""


def timing(rng: random.Random, conventions: dict[str, Any]) -> dict[str, Any]:
    """Some conventions about time; half of the books have the usual ones."""
    if rng.random() < 0.5 or conventions.get("minimum_part", "full") != "full":
        return {}
    return {name: rng.choice(ways) for name, ways in TIMES.items() if rng.random() < 0.5}


COUPONS: dict[str, dict[str, Any]] = {
    "for-good": {"share": Decimal("0.15")},
    "early": {"share": Decimal("0.333"), "months": 3},
    "ten-off": {"amount": Decimal("10.00")},
    "early-seven": {"amount": Decimal("7.777"), "months": 2, "on": ["usage", "recurring"]},
    "usage-tenth": {"share": Decimal("0.1"), "on": ["usage", "once"]},
    "some-usage": {"amount": Decimal(50), "on": "usage", "prices": ["use-0", "use-1"]},
    "voucher": {"amount": Decimal("250.005"), "window": "life", "on": ["recurring", "usage"]},
    "thrice": {"share": Decimal("0.25"), "times": 3, "on": ["usage"]},
}
"""Discounts of every kind."""


@dataclass
class Book:
    """A price book in the making.

    Some companies bill `by_year`; others change what they charge by the month, or count usage by its years.
    """

    rng: random.Random
    months: list[Period]
    by_year: bool
    moot: bool
    each: bool = False

    def write(self) -> dict[str, Any]:
        """The whole book."""
        rng = self.rng
        self.each = rng.random() < 0.5
        plans = {f"plan-{number}": self.plan() for number in range(rng.randrange(2, 5))}
        streams = sorted({plan["stream"] for plan in plans.values()})
        book: dict[str, Any] = {
            "name": "random",
            "currency": rng.choice(["USD", "USD", "USD", "JPY", "KWD"]),
            "conventions": {
                "rounding": rng.choice(["half_up", "half_even", "up", "down"]),
                "allowance": rng.choice(["prorated", "prorated", "full"]),
                **{name: rng.choice(ways) for name, ways in SWITCHES.items() if rng.random() < 0.6},
            },
            "meters": METERS | {"places": METERS["places"] | {"each": self.each}},
            "plans": plans,
            "add_ons": {f"add-on-{n}": self.add_on(list(plans)) for n in range(rng.randrange(3))},
            "discounts": self.coupons(plans),
            "agreements": {f"agreement-{n}": self.agreement(streams) for n in range(rng.randrange(1, 4))},
        }
        if rng.random() < 0.8:
            prices = {f"sale-{n}": self.usage(OF_ACCOUNTS) for n in range(rng.randrange(1, 4))}
            plans["catalog"] = {"name": "catalog", "stream": "services", "prices": prices}
            prices |= self.marketplace(book["agreements"])
            book["entitlements"] = {
                f"right-{n}": self.entitlement(list(plans)) for n in range(rng.randrange(4))
            }
            recurring = sorted(
                {key for name, plan in plans.items() if name != "catalog" for key in plan["prices"]}
            )
            book["refunds"] = self.guarantees(recurring)
            prices["work"] = {"meter": "milestones", "group_by": ["project"], "unit_price": money(rng, 5000)}
        for number, (key, plan) in enumerate(plans.items()):
            if key != "catalog" and rng.random() < 0.4:
                later = [one for one in list(plans)[number + 1 :] if one != "catalog"]
                plan["limits"] = {f"limit-{n}": self.limit(later) for n in range(rng.randrange(1, 3))}
        return book

    def coupons(self, plans: dict[str, Any]) -> dict[str, Any]:
        """The discounts of the book: one that is for some prices, where there are such."""
        keys = {key for plan in plans.values() for key in plan["prices"]}
        return {name: one for name, one in COUPONS.items() if keys.issuperset(one.get("prices", []))}

    def limit(self, later: list[str]) -> dict[str, Any]:
        """The most that a plan serves, or that it rates itself before a later plan does."""
        rng = self.rng
        limit: dict[str, Any] = {"meter": rng.choice(LIMITED), "quantity": rng.choice((0, 5, 200, 900))}
        if later and rng.random() < 0.5:
            limit["then"] = rng.choice(later)
        elif limit["meter"] in ("calls", "visits") and rng.random() < 0.5:
            limit["window"] = "day"
        if limit["meter"] == "calls" and rng.random() < 0.3:
            limit["where"] = {"region": "eu"}
        if rng.random() < 0.3:
            limit["per"] = "seat"
        return limit

    def entitlement(self, plans: list[str]) -> dict[str, Any]:
        """A right to units of what is sold by the piece, which is free or cheaper for a while."""
        rng = self.rng
        covers = rng.choice(["exams", "hours", "milestones", "places", "devices"])
        found: dict[str, Any] = {"covers": {"meter": covers}}
        name = rng.choice(METERS[covers]["dimensions"])
        if rng.random() < 0.4 and name in VALUES:
            found["covers"]["where"] = {name: rng.choice(VALUES[name])}
        giver: dict[str, Any] = {"meter": "orders", "where": {"item": "pack"}}
        if rng.random() < 0.3:
            giver = {"meter": "passes", "where": {"passed": "true"}}
            giver["wait"] = rng.choice((0, 0, 1, 40))
            if rng.random() < 0.5:
                giver["after"] = {"meter": "orders", "days": rng.choice((0, 30, 200))}
        elif rng.random() < 0.5:
            some = rng.sample([plan for plan in plans if plan != "catalog"], 1)
            giver = {"plans": some, "per": rng.choice(["subscription", "seat"])}
            giver["renews"] = rng.choice(["month", "year", "never"])
        found["given_by"] = giver
        if rng.random() < 0.8:
            found["quantity"] = Decimal(rng.randrange(1, 12)) / rng.choice((1, 2))
        if rng.random() < 0.7:
            found["months"] = rng.choice((1, 2, 12))
        found["priority"] = rng.randrange(3)
        off = rng.random()
        if off < 0.25:
            found["share"] = Decimal(rng.randrange(1, 100)) / 100
        elif off < 0.5:
            found["amount"] = money(rng, 30)
        elif {"quantity", "months"} <= found.keys() and "meter" in giver and rng.random() < 0.5:
            found["deferred"] = True
        return found

    def marketplace(self, agreements: dict[str, Any]) -> dict[str, Any]:
        """Listings of sellers who are paid a share, by category or by their own plan."""
        rng = self.rng
        share = {"model": "percentage", "unit_price": Decimal(rng.randrange(30, 100)) / 100}
        agreements["sellers"] = {
            **(self.agreement(["services"]) | {"streams": []} if rng.random() < 0.5 else share),
            "kind": "commission",
            "prices": ["listings"],
            "payee": "seller",
            "revenue": rng.choice(["net", "gross"]),
        }
        if rng.random() < 0.5:
            agreements["sellers"]["by_plan"] = {"plan-0": Decimal("0.9")}
        listings = {"meter": "sales", "group_by": ["seller"], "model": "percentage", "unit_price": 1}
        return {"listings": listings}

    def guarantees(self, recurring: list[str]) -> dict[str, Any]:
        """What is given back for projects that missed what was promised, and for months that did."""
        rng = self.rng
        refunds: dict[str, Any] = {
            f"refund-{number}": {
                "meter": "misses",
                "where": {"metric": metric, "met": "false"},
                "prices": ["work"],
                "by": "project",
                "share": Decimal(rng.randrange(1, 100)) / 100,
                "cap": rng.choice([Decimal("0.5"), 1]),
            }
            for number, metric in enumerate(VALUES["metric"])
        }
        if recurring:
            prices = rng.sample(recurring, rng.randrange(1, len(recurring) + 1))
            refunds["month"] = {"meter": "misses", "where": {"met": "false"}, "prices": prices}
            refunds["month"] |= {"share": Decimal("0.3"), "cap": Decimal("0.5")}
        return refunds

    def plan(self) -> dict[str, Any]:
        """A plan with a few prices, and perhaps a commitment."""
        rng = self.rng
        prices = {f"base-{n}": self.recurring() for n in range(rng.randrange(3))}
        prices |= {f"use-{n}": self.usage(OF_SUBSCRIPTIONS) for n in range(rng.randrange(4))}
        plan: dict[str, Any] = {"name": "plan", "stream": rng.choice(STREAMS), "prices": prices}
        if rng.random() < 0.25:
            amounts = [money(rng, 50_000) for _ in range(rng.randrange(1, 4))]
            plan["commitment"] = {"amount": rng.choice([amounts, amounts[0]])}
        if rng.random() < 0.15:
            plan["maximum"] = money(rng, 5000)
        return plan

    def recurring(self, *, per: str = "") -> dict[str, Any]:
        """A price for subscriptions, seats or add-ons."""
        rng = self.rng
        price = {**rate(rng, size=5), "per": per or rng.choice(["subscription", "seat"])}
        if rng.random() < 0.1:
            price["off"] = Decimal(rng.randrange(1, 100)) / 100
        price["cadence"] = "billing" if per else rng.choice(["billing", "billing", "billing", "year", "once"])
        if price["cadence"] == "billing" and rng.random() < 0.3:
            price["annual"] = rate(rng, high=5000, size=5)
        if rng.random() < 0.3 and (self.moot or not per):  # an add-on has a stream, too: which one counts?
            price["stream"] = rng.choice(STREAMS)
        # What `prorate = false` and a new price mean for a year that is paid is not settled, nor which day's
        # price is paid once.
        settled = self.moot or (price["cadence"] == "billing" and not self.by_year)
        if settled and rng.random() < 0.2:
            price["prorate"] = False
        if settled and rng.random() < 0.3:
            price["changes"] = self.changes()
        return price

    def usage(self, meters: tuple[str, ...]) -> dict[str, Any]:
        """A price of a meter."""
        rng = self.rng
        meter = rng.choice(meters)
        level = meter in ("storage", "cores")
        price = {**rate(rng, high=20), "meter": meter}
        if rng.random() < 0.1:
            price["off"] = Decimal(rng.randrange(1, 1000)) / 1000
        windows = ["period", "period", "life"] + (["year"] if self.moot or not self.by_year else [])
        alone = meter == "places" and self.each
        price["window"] = "period" if level or alone else rng.choice(windows)
        if not level and not alone and meter in OF_SUBSCRIPTIONS and rng.random() < 0.15:
            price["commitment"] = [Decimal(rng.randrange(5000)) for _ in range(rng.randrange(1, 3))]
        if rng.random() < 0.6:
            price["allowance"] = Decimal(rng.randrange(300)) / rng.choice((1, 2, 7, 10))
            price["allowance"] = round(price["allowance"], 6)
            if rng.random() < 0.3 and (self.moot or price["window"] == "period"):
                price["allowance_per"] = "seat"
        dimensions = METERS[meter].get("dimensions", [])
        if dimensions and rng.random() < 0.4:
            price["group_by"] = rng.sample(dimensions, rng.randrange(1, len(dimensions) + 1))
        if dimensions and rng.random() < 0.3:
            name = rng.choice(dimensions)
            price["where"] = {name: rng.choice([VALUES[name][0], list(VALUES[name][-2:])])}
        if rng.random() < 0.3:
            price["prorate"] = rng.random() < 0.5
        if rng.random() < 0.3:
            price["changes"] = self.changes(allowance=True)
        return price

    def changes(self, *, allowance: bool = False) -> list[dict[str, Any]]:
        """One or two new versions of a price, in the middle of months or at their start."""
        days = sorted(
            {self.rng.choice(self.months).starts_on + timedelta(self.rng.choice((0, 0, 14))) for _ in "ab"}
        )
        changes = [{"starts_on": day, **rate(self.rng, high=50)} for day in days]
        for change in changes:
            change["applies"] = self.rng.choice(["now", "now", "renewal", "new"])
        if allowance and self.rng.random() < 0.5:
            changes[0]["allowance"] = Decimal(self.rng.randrange(100))
        return changes

    def add_on(self, plans: list[str]) -> dict[str, Any]:
        """An add-on, for all plans unless what it costs on another plan may be moot."""
        some = self.rng.sample(plans, self.rng.randrange(1, len(plans) + 1)) if self.moot else plans
        return {"name": "add-on", "plans": some, "stream": "extra", "price": self.recurring(per="add_on")}

    def agreement(self, streams: list[str]) -> dict[str, Any]:
        """An agreement of any shape; partners earn shares."""
        rng = self.rng
        agreement: dict[str, Any] = {"model": "percentage", "unit_price": Decimal(rng.randrange(1, 40)) / 100}
        if rng.random() < 0.6:
            tiers = [{"up_to": Decimal(edge), "unit_price": Decimal("0.25")} for edge in (500, 2000)]
            tiers = [*tiers, {"unit_price": Decimal("0.1")}]
            agreement = {"model": rng.choice(["graduated", "volume"]), "tiers": tiers}
        agreement["kind"] = rng.choice(["referral", "resale", "revenue_share", "royalty", "commission"])
        agreement["per"] = rng.choice(["partner", "account"])
        agreement["window"] = rng.choice(["life", "year", "period"])
        if agreement["per"] == "account" and agreement["window"] == "year" and not self.moot:
            agreement["window"] = "life"  # whether the year is the customer's or the partner's is not settled
        if rng.random() < 0.4:
            agreement["months"] = rng.randrange(1, 14)
        if rng.random() < 0.4:
            agreement["streams"] = [rng.choice(streams)]
        return agreement


def dump(table: dict[str, Any], path: str = "") -> str:
    """Write TOML: plain values first, then a section for each table."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    text = "".join(f"{key} = {inline(value)}\n" for key, value in plain.items())
    for key, value in table.items():
        if isinstance(value, dict):
            text += f"\n[{path}{key}]\n{dump(value, f'{path}{key}.')}"
    return text


def inline(value: Any) -> str:
    """One TOML value."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, Decimal):
        return f"{value:f}" if "." in f"{value:f}" else f"{value:f}.0"
    return json.dumps(value) if isinstance(value, str | bool) else str(value)
