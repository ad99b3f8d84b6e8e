"""Refunds: what is given back of fees when a guarantee was missed, and never more than the cap."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from billing.ledger import digests
from billing.rule import Refund
from simulator.refund import Ceiling, ceilings, invariant
from tests.ledgers import book, closed, expected, lines, metered, posted, rows

BOOK = """
    [meters.milestones]
    event = "milestone.delivered"
    quantity = "share"
    dimensions = ["offering", "size", "project"]
    [meters.outcomes]
    event = "outcome.measured"
    dimensions = ["metric", "met", "project"]
    [meters.calls]
    [plans.catalog]
    name = "Catalog"
    stream = "optimisation"
    [plans.catalog.prices.gold]
    meter = "milestones"
    where = { offering = "gold" }
    group_by = ["project"]
    unit_price = 60000
    [plans.catalog.prices.extra]
    meter = "milestones"
    where = { offering = "extra" }
    group_by = ["project"]
    unit_price = 333.33
    stream = "services"
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.base = { per = "subscription", unit_price = 300 }
    prices.calls = { meter = "calls", unit_price = 0.5 }
    [discounts.third]
    share = 0.3
    [refunds.accuracy]
    meter = "outcomes"
    where = { met = "false", metric = "accuracy" }
    prices = ["gold", "extra"]
    share = 0.5
    by = "project"
    cap = 0.5
    [refunds.latency]
    meter = "outcomes"
    where = { met = "false", metric = "latency" }
    prices = ["gold", "extra"]
    share = 0.3
    by = "project"
    cap = 0.5
    [refunds.uptime]
    meter = "outcomes"
    where = { met = "false", metric = ["uptime", "response"] }
    prices = ["base"]
    share = 0.1
    cap = 0.25
"""

SIGNED = """
    2026-01-01  a  account.signed_up  A a@a.example smb web
    2026-01-01  b  account.signed_up  B b@b.example smb web
"""

REFUNDS = {  # what is told; months; the facts; month, subscription, price, stream, quantity, amount
    "half of what a missed project cost is given back": (
        3,
        """
        2026-01-20  a  milestone.delivered  p1 gold large kick-off 0.4
        2026-02-20  a  milestone.delivered  p1 gold large handover 0.6
        2026-03-15  a  outcome.measured     accuracy false p1
        """,
        "2026-03  a  gold  optimisation  1  -30000.00",
    ),
    "a guarantee that was met gives nothing back": (
        2,
        """
        2026-01-20  a  milestone.delivered  p1 gold large all 1
        2026-02-15  a  outcome.measured     accuracy true p1
        """,
        "",
    ),
    "two misses do not give back more than the cap": (  # 50 % first, in the order of the book
        1,
        """
        2026-01-20  a  milestone.delivered  p1 gold large all 1
        2026-01-25  a  outcome.measured     latency false p1
        2026-01-28  a  outcome.measured     accuracy false p1
        """,
        "2026-01  a  gold  optimisation  1  -30000.00",
    ),
    "what was given back before counts against the cap": (  # 18,000 of 30,000
        2,
        """
        2026-01-20  a  milestone.delivered  p1 gold large all 1
        2026-01-25  a  outcome.measured     latency false p1
        2026-02-28  a  outcome.measured     accuracy false p1
        """,
        """
        2026-01  a  gold  optimisation  1  -18000.00
        2026-02  a  gold  optimisation  1  -12000.00
        """,
    ),
    "what is billed later makes the cap larger": (  # 24,000: 12,000 at once; all: 30,000 less 12,000
        2,
        """
        2026-01-20  a  milestone.delivered  p1 gold large kick-off 0.4
        2026-01-25  a  outcome.measured     accuracy false p1
        2026-02-20  a  milestone.delivered  p1 gold large handover 0.6
        2026-02-25  a  outcome.measured     latency false p1
        """,
        """
        2026-01  a  gold  optimisation  1  -12000.00
        2026-02  a  gold  optimisation  1  -18000.00
        """,
    ),
    "a miss counts as often as it is measured": (  # 0.3 x 2 = 60 %: the cap
        1,
        """
        2026-01-20  a  milestone.delivered  p1 gold large all 1
        2026-01-25  a  outcome.measured     latency false p1
        2026-01-26  a  outcome.measured     latency false p1
        """,
        "2026-01  a  gold  optimisation  2  -30000.00",
    ),
    "projects and accounts have fees of their own": (
        1,
        """
        2026-01-20  a  milestone.delivered  p1 gold large all 1
        2026-01-20  a  milestone.delivered  p2 gold large kick-off 0.5
        2026-01-20  b  milestone.delivered  p2 gold large all 1
        2026-01-25  a  outcome.measured     accuracy false p2
        """,
        "2026-01  a  gold  optimisation  1  -15000.00",
    ),
    "all named prices count, and the line names the first that was billed": (  # half of 60,333.33; of 333.33
        1,
        """
        2026-01-20  a  milestone.delivered  p1 extra small all 1
        2026-01-20  a  milestone.delivered  p1 gold large all 1
        2026-01-20  b  milestone.delivered  p2 extra small all 1
        2026-01-25  a  outcome.measured     accuracy false p1
        2026-01-25  b  outcome.measured     accuracy false p2
        """,
        """
        2026-01  a  gold   optimisation  1  -30166.67
        2026-01  b  extra  services      1  -166.67
        """,
    ),
    "a miss before anything was billed gives nothing back, then or later": (
        2,
        """
        2026-01-20  a  outcome.measured     accuracy false p1
        2026-02-20  a  milestone.delivered  p1 gold large all 1
        """,
        "",
    ),
    "without a dimension the fees of the month count, net of discounts": (  # 10 % of 210; of 300
        3,
        """
        2026-01-01  a  subscription.started  s pro discount=third
        2026-01-01  a  subscription.started  t pro
        2026-02-03  a  outcome.measured      uptime false subscription=s
        2026-02-03  a  outcome.measured      uptime false subscription=t
        """,
        """
        2026-02  s  base  subscriptions  1  -21.00
        2026-02  t  base  subscriptions  1  -30.00
        """,
    ),
    "without a dimension the cap is the month's": (  # 75 of 300 a month; two kinds of misses, 3 + 1
        2,
        """
        2026-01-01  a  subscription.started  s pro
        2026-01-03  a  outcome.measured      response false subscription=s
        2026-01-04  a  outcome.measured      uptime false subscription=s
        2026-01-05  a  outcome.measured      uptime false subscription=s
        2026-02-03  a  outcome.measured      uptime false subscription=s
        2026-02-04  a  outcome.measured      uptime false subscription=s
        """,
        """
        2026-01  s  base  subscriptions  3  -75.00
        2026-02  s  base  subscriptions  2  -60.00
        """,
    ),
    "the misses of a month's phases count together": (  # 300 in two lines
        1,
        """
        2026-01-01  a  subscription.started  s pro
        2026-01-11  a  seats.changed         s 2
        2026-01-05  a  outcome.measured      uptime false subscription=s
        2026-01-25  a  outcome.measured      uptime false subscription=s
        """,
        "2026-01  s  base  subscriptions  2  -60.00",
    ),
    "a trial pays no fees that could be given back": (  # in February 300 x 25/28 = 267.86
        2,
        """
        2026-01-05  a  subscription.started  s pro trial_days=30
        2026-01-06  a  outcome.measured      uptime false subscription=s
        2026-02-07  a  outcome.measured      uptime false subscription=s
        """,
        "2026-02  s  base  subscriptions  1  -26.79",
    ),
}


@pytest.mark.parametrize(("months", "told", "due"), REFUNDS.values(), ids=list(REFUNDS))
def test_fees_are_given_back(tmp_path: Path, months: int, told: str, due: str) -> None:
    """Lines worked out by hand: half of a $60,000 project, 50 % and 30 % that the cap keeps at 50 %."""
    bill = metered(tmp_path, BOOK, SIGNED + told, months)

    assert expected(due) == lines(bill, "month subscription price stream quantity amount", kind="refund")


def told() -> str:
    """Tell of every case at once, each of accounts and subscriptions of its own."""
    return "\n".join(
        re.sub(r"\b([abst])(?=  | pro|$)", rf"\g<1>{number}", line)
        for number, (_, text, _) in enumerate(REFUNDS.values())
        for line in (SIGNED + text).splitlines()
    )


def test_months_one_by_one_give_back_the_same(tmp_path: Path) -> None:
    """Whatever the step, every row of every table is the same, for every case together."""
    ledgers = [closed(tmp_path / str(step), BOOK, told(), 3, step=step) for step in (0, 1, 2)]

    assert 10 < len(lines(ledgers[0], "amount", kind="refund"))
    at_once, *others = (digests(posted(tables)) for tables in ledgers)
    assert all(at_once == other for other in others)


def test_what_is_given_back_lowers_the_revenue_of_its_stream(tmp_path: Path) -> None:
    """60,000 are billed and 30,000 given back: the journal says so, and what is owed is less."""
    facts = SIGNED + REFUNDS["two misses do not give back more than the cap"][1]
    tables = closed(tmp_path, BOOK, facts, 1)

    assert expected("""
        receivable  -             30000.00
        revenue     optimisation  30000.00
        revenue     optimisation  -60000.00
    """) == rows(tables["postings"], "ledger_account stream amount")


def test_no_refund_passes_its_cap(tmp_path: Path) -> None:
    """The ledger itself says so, in SQL that knows nothing of misses; and notices one cent too many."""
    query = invariant(book(BOOK)).wrong.replace("{unit}", "0.01")
    con = posted(closed(tmp_path, BOOK, told(), 3))

    assert [] == con.sql(query).fetchall()
    con.execute("update invoice_lines set amount = amount - 0.02 where kind = 'refund'").fetchall()
    assert con.sql(query).fetchall()


def test_refunds_with_some_prices_in_common_have_one_ceiling() -> None:
    """A line does not say whose it is: such refunds are held to the sum of their caps."""
    rule = Refund(meter="outcomes", prices=("gold",), share=Decimal("0.5"), by="project", cap=Decimal("0.5"))
    other = rule.model_copy(update={"prices": ("gold", "extra"), "cap": Decimal("0.3")})
    apart = rule.model_copy(update={"prices": ("base",), "by": "", "cap": Decimal("0.2")})
    rules = {
        "rule": rule,
        "other": other,
        "apart": apart,
        "more": rule.model_copy(update={"cap": Decimal("0.4")}),
    }
    found = ceilings(book(BOOK).model_copy(update={"refunds": rules}))

    assert [
        Ceiling(frozenset({"gold", "extra"}), frozenset({"project"}), Decimal("0.8")),
        Ceiling(frozenset({"base"}), frozenset({""}), Decimal("0.2")),
    ] == found
