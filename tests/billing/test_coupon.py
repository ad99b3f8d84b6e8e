"""Coupons that end by what they take: amounts that are used up, so many times, and those of an account."""

import random
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analytics.explanation import explain
from billing.close import close
from billing.convention import PRESETS
from billing.quote import quote
from billing.transition import Transition
from metering.document import Problems
from simulator.verification import Evidence, verify
from tests.analytics.explanations import evidence, unexplained
from tests.billing.presets import fee, quoted
from tests.ledgers import FIRST, billed, book, closed, engine, expected, lines, posted, record

BOOK = """
    conventions = {{ {conventions} }}
    meters.calls = {{}}
    discounts.voucher = {{ amount = 150, window = "life", on = ["recurring", "usage"] }}
    discounts.twice = {{ share = 0.5, times = 2, on = "usage" }}
    discounts.welcome = {{ amount = 30, times = 2, on = ["recurring", "usage"] }}
    discounts.shared = {{ amount = 12, per = "account" }}
    discounts.purse = {{ amount = 75.5, window = "life", per = "account", on = ["recurring", "usage"] }}
    discounts.tenth = {{ share = 0.1, per = "account", on = ["recurring", "usage"] }}
    [plans.pro]
    name = "Pro"
    stream = "s"
    prices.base = {{ per = "subscription", unit_price = 40 }}
    prices.calls = {{ meter = "calls", unit_price = 1 }}
    [plans.payg]
    name = "Pay as you go"
    stream = "s"
    prices.calls = {{ meter = "calls", unit_price = 1 }}
"""


def of(conventions: str = "") -> str:
    """The book under some conventions."""
    return BOOK.format(conventions=conventions)


def taken(request: dict[str, Any], preset: str) -> list[str]:
    """Return what discounts took in each month of a quote."""
    found: dict[str, Decimal] = {}
    for line in quoted(request, preset)["lines"]:
        less = Decimal(line["amount"]) if line["kind"] == "discount" else Decimal(0)
        found[line["month"]] = found.get(line["month"], Decimal(0)) - less
    return [f"{found[month].normalize():f}" for month in sorted(found)]


FREQUENCIES: list[tuple[str, dict[str, Any], int, list[str]]] = [
    # lago-api, spec/services/credits/applied_coupon_service_spec.rb, in cents: a coupon of 12 is taken
    # once; an invoice of 10 takes 10 of it, and the next one the 2 that remain
    ("lago", {"amount": "0.12", "window": "life"}, 10, ["0.1", "0.02", "0"]),
    ("lago", {"amount": "0.12", "window": "life"}, 123, ["0.12", "0", "0"]),
    # recurring, three times: 12 of each invoice, and no more than the invoice; what is left is lost
    ("lago", {"amount": "0.12", "times": 3}, 123, ["0.12", "0.12", "0.12", "0"]),
    ("lago", {"amount": "0.12", "times": 3}, 10, ["0.1", "0.1", "0.1", "0"]),
    # a percentage once, three times and for good: 20 % of 123 are 25
    ("lago", {"share": "0.2", "times": 1}, 123, ["0.25", "0", "0"]),
    ("lago", {"share": "0.2", "times": 3}, 123, ["0.25", "0.25", "0.25", "0"]),
    ("lago", {"share": "0.2"}, 123, ["0.25", "0.25", "0.25", "0.25"]),
    # docs.stripe.com/billing/subscriptions/coupons, durations: once, repeating for months, forever
    ("stripe", {"amount": 20, "times": 1}, 5_000, ["20", "0", "0"]),
    ("stripe", {"share": "0.5", "months": 2}, 5_000, ["25", "25", "0"]),
    ("stripe", {"amount": 20}, 5_000, ["20", "20", "20"]),
    # chargebee.com/docs/coupons: one time, for a limited period, forever
    ("chargebee", {"amount": 20, "times": 1}, 5_000, ["20", "0", "0"]),
    ("chargebee", {"amount": 20, "months": 2}, 5_000, ["20", "20", "0"]),
]


@pytest.mark.parametrize(("preset", "coupon", "cents", "amounts"), FREQUENCIES)
def test_a_coupon_lasts_as_billers_say(
    preset: str, coupon: dict[str, Any], cents: int, amounts: list[str]
) -> None:
    """Once and until it is used up, so many times, for some months, or for good."""
    request = fee(Decimal(cents) / 100, discounts=[coupon], months=len(amounts))

    assert amounts == taken(request, preset)


def test_a_month_that_owes_nothing_does_not_count() -> None:
    """Half of the usage of two months: January has none, so they are February and March.

    As in lago-api, where an invoice of nothing takes no coupon (applied_coupons_service.rb).
    """
    told = [{"at": f"2026-0{month}-10", "quantity": 100} for month in (2, 3, 4)]
    request = {
        "prices": {"calls": {"meter": "calls", "unit_price": 1}},
        "events": {"calls": told},
        "discounts": [{"share": "0.5", "times": 2, "on": "usage"}],
        "months": 4,
    }
    amounts = {
        line["month"]: line["amount"] for line in quoted(request, "")["lines"] if line["amount"][0] == "-"
    }

    assert {"2026-02-01": "-50", "2026-03-01": "-50"} == amounts


ACCOUNT = """
    2026-01-01  a   account.signed_up     "A" a@a.example smb web
    2026-01-01  a   subscription.started  a-1 pro discount={0}
    2026-01-01  a   subscription.started  a-2 pro discount={0}
    2026-01-01  b   account.signed_up     "B" b@b.example smb web
    2026-01-01  b   subscription.started  b-1 pro discount={0}
"""


def test_an_accounts_discount_is_one_for_all_of_its_subscriptions() -> None:
    """12 off 40 + 40 is 6 of each, where a discount of a subscription would be 12 of each."""
    bill = billed(of(), ACCOUNT.format("shared"), 2)

    assert expected("""
        2026-01  a-1  -6.00
        2026-01  a-2  -6.00
        2026-01  b-1  -12.00
        2026-02  a-1  -6.00
        2026-02  a-2  -6.00
        2026-02  b-1  -12.00
    """) == lines(bill, "month subscription amount", kind="discount")


def test_an_accounts_purse_is_used_up_by_all_of_its_subscriptions() -> None:
    """75.50 off two fees of 40 is gone in January, and lasts a single subscription into February."""
    bill = billed(of(), ACCOUNT.format("purse"), 3)

    assert expected("""
        2026-01  a-1  -37.75
        2026-01  a-2  -37.75
        2026-01  b-1  -40.00
        2026-02  b-1  -35.50
    """) == lines(bill, "month subscription amount", kind="discount")


TOLD = """
    2026-01-05  a     account.signed_up     "A" a@a.example smb web
    2026-01-05  a     subscription.started  a-1 pro discount="twice,voucher,welcome,tenth,purse"
    2026-02-11  a     subscription.started  a-2 payg discount="purse,twice,voucher,twice,tenth"
    2026-01-20  a-1   usage.recorded        calls 61.37
    2026-03-03  a-1   usage.recorded        calls 11.05
    2026-03-09  a-2   usage.recorded        calls 90
    2026-04-10  a     plan.changed          a-1 payg 1 month
    2026-04-12  a-2   usage.recorded        calls 0.99
    2026-05-12  a-2   usage.recorded        calls 300.33
    2026-06-01  a-1   usage.recorded        calls 500
"""
TIMINGS = [
    "",
    'preset = "lago"',
    'rounding_place = "invoice"',
    'preset = "stripe"',
    'discounts = "amounts_first"',
]


@pytest.mark.parametrize("conventions", TIMINGS)
def test_months_one_by_one_take_what_all_at_once_do(conventions: str, tmp_path: Path) -> None:
    """What a coupon has left is carried from month to month: every line is the same."""
    tables = [
        closed(tmp_path / str(step), of(conventions), TOLD, 6, step=step)["invoice_lines"]
        for step in (0, 1, 4)
    ]

    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])
    assert len(tables[0].filter(tables[0]["kind"] == "discount")) >= 8


def test_a_used_up_amount_is_taken_to_the_cent_and_no_more(tmp_path: Path) -> None:
    """Whatever else is off, 150 of a voucher are 150, and 75.50 of a purse of an account 75.50."""
    for discount, amount in (("voucher", "150.00"), ("purse", "75.50")):
        told = TOLD.replace('"twice,voucher,welcome,tenth,purse"', f'"{discount}"').replace(
            '"purse,twice,voucher,twice,tenth"', '""'
        )
        bill = closed(tmp_path / discount, of(), told, 6)

        less = [Decimal(one) for (one,) in lines(bill, "amount", kind="discount")]
        assert -Decimal(amount) == sum(less)


def test_a_coupon_goes_on_under_another_book(tmp_path: Path) -> None:
    """A change of books in March makes no second coupon: what is left of 150 is taken, and no more."""
    told = TOLD.replace('"twice,voucher,welcome,tenth,purse"', '"voucher"').replace(
        '"purse,twice,voucher,twice,tenth"', '"voucher"'
    )
    before, after = book(of()), book(of().replace("unit_price = 40", "unit_price = 44"))
    log = record(tmp_path, told, 6)
    change = Transition(before, from_on=date(2026, 3, 1))
    tables = close(log, book=after, connection=engine(), transition=change)
    found = lines(dict(tables), "subscription amount", kind="discount")
    rows = [(name, Decimal(amount)) for name, amount in found]

    assert {"a-1": -150, "a-2": -150} == {
        name: sum(amount for one, amount in rows if one == name) for name in ("a-1", "a-2")
    }


WORTH = [("voucher", ["40.00"] * 3), ("welcome", ["10.00", "10.00", "40.00"]), ("shared", ["28.00"] * 3)]


@pytest.mark.parametrize(("discount", "worth"), WORTH)
def test_what_is_used_up_is_no_part_of_committed_revenue(
    discount: str, worth: list[str], tmp_path: Path
) -> None:
    """A voucher is money given once; what is taken some times is off while it lasts, as for some months."""
    tables = closed(tmp_path, of(), ACCOUNT.format(discount), 3)
    of_b = tables["mrr_balances"].filter(tables["mrr_balances"]["subscription"] == "b-1").sort("month")

    assert worth == [f"{amount:.2f}" for amount in of_b["amount"]]


def test_committed_revenue_has_an_accounts_discount_once(tmp_path: Path) -> None:
    """Two fees of 40 less 12 are 68 a month, 34 of each subscription."""
    tables = closed(tmp_path, of(), ACCOUNT.format("shared"), 1)
    amounts = tables["mrr_balances"].sort("subscription")["amount"].to_list()

    assert [Decimal(34), Decimal(34), Decimal(28)] == amounts


LATE = """
    2026-01-21>2026-03-02  a-1  usage.recorded  calls 30
    2026-02-20>2026-05-02  a-2  usage.recorded  calls 20.5
"""


@pytest.mark.parametrize("late", ["", LATE])
def test_every_coupon_line_can_be_explained(late: str, tmp_path: Path) -> None:
    """Also one that takes what earlier months have left, as it was known then; what is said adds up."""
    asked = evidence(tmp_path, of(), TOLD + late, 6)

    assert [] == unexplained(asked)
    line = asked.lines("kind = 'discount' and month = ? and subscription = 'a-1'", FIRST)[-1]
    assert "used up" in str(explain(asked, line.thing))


def test_a_share_is_never_used_up() -> None:
    """A window of a life goes with an amount."""
    with pytest.raises(Problems, match="a share is never used up; remove 'window'"):
        book(f"{of()}\n[discounts.wrong]\nshare = 0.1\nwindow = 'life'")


def accounts(seed: int) -> str:
    """Some accounts whose one to three subscriptions share discounts, and have usage in some months."""
    rng = random.Random(seed)
    told: list[tuple[date, str]] = []
    for account in ("a", "b", "c"):
        told.append((FIRST, f'{account} account.signed_up "{account}" {account}@x.example smb web'))
        shared = rng.choice([["shared"], ["purse"], ["shared", "purse"], ["purse", "shared"]])
        for number in range(rng.randrange(1, 4)):
            names = ",".join([*shared, *rng.choice(([], ["voucher"]))])
            plan, name = rng.choice(["pro", "payg"]), f"{account}-{number}"
            told.append((FIRST, f"{account} subscription.started {name} {plan} discount={names}"))
            for month in rng.sample(range(1, 7), 3):
                quantity = Decimal(rng.randrange(1, 9_000)) / 100
                told.append((date(2026, month, 9), f"{name} usage.recorded calls {quantity}"))
    return "\n".join(f"{day} {text}" for day, text in sorted(told, key=lambda one: one[0]))


def taken_by_hand(
    sums: dict[tuple[str, str, str], Decimal], named: dict[str, list[str]]
) -> dict[tuple[str, str], Decimal]:
    """Take what discounts take in plain numbers, of `sums` by (account, month, subscription) in order."""
    spent: dict[tuple[str, str], Decimal] = {}
    taken: dict[tuple[str, str], Decimal] = {}

    def take(holder: str, key: str, most: Decimal, net: Decimal) -> Decimal:
        part = min(most, net)
        spent[holder, key] = spent.get((holder, key), Decimal(0)) + part
        return part

    for account, month in sorted({key[:2] for key in sums}):
        net, whole = Decimal(0), Decimal(0)
        names = [name for one, then, name in sums if (one, then) == (account, month)]
        for name in names:
            own = sums[account, month, name]
            whole, left = whole + own, Decimal(150) - spent.get((name, "voucher"), Decimal(0))
            net += own - (take(name, "voucher", left, own) if "voucher" in named[name] else 0)
        if "shared" in named[names[0]]:
            net -= take(account, "shared", Decimal(12), net)
        if "purse" in named[names[0]]:
            net -= take(account, "purse", Decimal("75.5") - spent.get((account, "purse"), Decimal(0)), net)
        taken[account, month] = whole - net
    return {key: amount for key, amount in taken.items() if amount}


@pytest.mark.parametrize("seed", range(6))
def test_accounts_of_many_subscriptions_are_taken_off_as_by_hand(seed: int, tmp_path: Path) -> None:
    """Vouchers of each subscription first, then 12 a month off all that share it, then what a purse has."""
    told = accounts(seed)
    both = 'amount = 12, per = "account", on = ["recurring", "usage"]'
    bill = closed(tmp_path, of().replace('amount = 12, per = "account"', both), told, 6)
    named = {name: keys.split(",") for name, keys in re.findall(r"started (\S+) \w+ discount=(\S*)", told)}

    sums: dict[tuple[str, str, str], Decimal] = {}
    less: dict[tuple[str, str], Decimal] = {}
    for account, month, name, kind, amount in lines(bill, "account month subscription kind amount"):
        if kind == "discount":
            less[account, month] = less.get((account, month), Decimal(0)) - Decimal(amount)
        else:
            place = account, month, name
            sums[place] = sums.get(place, Decimal(0)) + Decimal(amount)
    assert taken_by_hand(sums, named) == less


@pytest.mark.parametrize("told", [TOLD, TOLD + LATE], ids=["in time", "late"])
def test_a_ledger_with_coupons_stands_every_check(told: str, tmp_path: Path) -> None:
    """Two discounts may take as much off a line, half of 90 and the other half: it is not billed twice."""
    log = record(tmp_path, told, 6)
    tables = close(log, book=book(of()), connection=engine())
    known = Evidence(log.directory, log, book(of()), posted(dict(tables)))

    assert [] == [verdict for verdict in verify(known) if not verdict.holds]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_quote_with_coupons_is_what_is_billed(preset: str, tmp_path: Path) -> None:
    """Vouchers, so many times and an account's purse, by the conventions of each biller: line by line."""
    rng = random.Random(preset)
    text, names = of(f'preset = "{preset}"'), "purse,twice,voucher,welcome"
    days = [f"2026-0{month}-{rng.randrange(11, 28)}" for month in (1, 1, 2, 3, 3, 4)]
    used = [(day, Decimal(rng.randrange(1, 9_000)) / 100) for day in days]
    request = {
        "plan": "pro", "discount": names, "starts_on": "2026-01-10", "months": 4,
        "events": {"calls": [{"at": day, "quantity": quantity} for day, quantity in used]},
        "changes": [{"at": "2026-03-09", "plan": "payg"}],
    }  # fmt: skip
    told = f"""
        2026-01-10T00:00:00  a  account.signed_up     "A" a@a.example smb web
        2026-01-10T00:00:00  a  subscription.started  s pro discount={names}
        2026-03-09T00:00:00  a  plan.changed          s payg 1 month
    """ + "\n".join(f"{day}T00:00:00  s  usage.recorded  calls {quantity}" for day, quantity in used)
    columns = ["month", "kind", "price", "starts_on", "ends_on"]
    asked = [line for line in quote(book(text), request, month=FIRST)["lines"] if line["amount"] != "0"]
    last = max(date.fromisoformat(line["starts_on"]) for line in asked)
    ledger = closed(tmp_path, text, told, 6)["invoice_lines"]
    ledger = ledger.filter(pl.col("amount") != 0, pl.col("starts_on") <= last)

    assert len(asked) >= 8
    assert sorted((*(line[name] for name in columns), Decimal(line["amount"])) for line in asked) == sorted(
        (*map(str, row[:-1]), row[-1]) for row in ledger.select(*columns, "amount").iter_rows()
    )
