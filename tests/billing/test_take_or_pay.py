"""Take or pay: what of a least quantity was not taken in a contract year is paid for at its end."""

from pathlib import Path

import pytest

from billing.ledger import digests
from tests.ledgers import closed, expected, lines, metered, posted

BOOK = """
    [meters.devices]
    event = "devices.shipped"
    quantity = "devices"
    dimensions = ["product"]
    [meters.revenue]
    event = "partner_revenue.reported"
    quantity = "amount"
    [meters.calls]
    [plans.flat]
    name = "One price a device, three years"
    stream = "oem"
    prices.royalty = { meter = "devices", unit_price = 2, commitment = [100, 200] }
    [plans.life]
    name = "Bands for life"
    stream = "oem"
    [plans.life.prices.royalty]
    meter = "devices"
    window = "life"
    model = "graduated"
    tiers = [{ up_to = 100, unit_price = 5 }, { up_to = 200, unit_price = 4 }, { unit_price = 3 }]
    commitment = [150, 100]
    stream = "royalties"
    [plans.year]
    name = "Bands of a year"
    stream = "oem"
    [plans.year.prices.royalty]
    meter = "devices"
    window = "year"
    model = "graduated"
    tiers = [{ up_to = 100, unit_price = 5 }, { unit_price = 4 }]
    commitment = [150]
    group_by = ["product"]
    [plans.newer]
    name = "A price that rises"
    stream = "oem"
    [plans.newer.prices.royalty]
    meter = "devices"
    unit_price = 2
    commitment = [100]
    changes = [{ starts_on = 2026-06-01, unit_price = 3 }]
    [plans.both]
    name = "A quantity and an amount"
    stream = "oem"
    commitment = { amount = [1000, 500] }
    prices.royalty = { meter = "devices", unit_price = 2, commitment = [100] }
    prices.calls = { meter = "calls", unit_price = 1 }
    [plans.share]
    name = "A quarter of what a partner sells, of 500,000 a year at least"
    stream = "white_label"
    [plans.share.prices.share]
    meter = "revenue"
    model = "percentage"
    unit_price = 0.25
    window = "year"
    commitment = [500000]
    [plans.small]
    name = "Without"
    stream = "oem"
    prices.royalty = { meter = "devices", unit_price = 2 }
"""

MISSING = {  # what is told; months; the facts; month, price, stream, meter, quantity, amount, first day
    "nothing taken is paid for whole": (
        12,
        "2026-01-15  a  subscription.started  s flat",
        "2026-12  royalty  oem  devices  100  200.00  2026-01-01",
    ),
    "what was taken counts, and each year has a least of its own": (
        37,
        """
        2026-01-15  a  subscription.started  s flat
        2026-03-01  s  devices.shipped       s 60 x
        2026-12-31  s  devices.shipped       s 30 y
        2027-05-01  s  devices.shipped       s 250 x
        2028-05-01  s  devices.shipped       s 1 x     # the last number holds for the third year
        """,
        """
        2026-12  royalty  oem  devices  10   20.00   2026-01-01
        2028-12  royalty  oem  devices  199  398.00  2028-01-01
        """,
    ),
    "what is missing comes after all that was ever taken, where bands are for life": (
        24,
        """
        2026-01-15  a  subscription.started  s life
        2026-03-01  s  devices.shipped       s 90 x    # of 150, 60 are missing: 10 x 5 + 50 x 4
        2027-03-01  s  devices.shipped       s 20 x    # 10 x 5 + 10 x 4: what is missing is in no window
        """,
        """
        2026-12  royalty  royalties  devices  60  250.00  2026-01-01
        2027-12  royalty  royalties  devices  80  320.00  2027-01-01   # from 110 on: 80 x 4
        """,
    ),
    "bands of a year begin anew, and products count together": (
        24,
        """
        2026-01-15  a  subscription.started  s year
        2026-03-01  s  devices.shipped       s 45 x
        2026-04-01  s  devices.shipped       s 45 y     # 60 are missing: 10 x 5 + 50 x 4
        """,
        """
        2026-12  royalty  oem  devices  60   250.00  2026-01-01
        2027-12  royalty  oem  devices  150  700.00  2027-01-01
        """,
    ),
    "the price of the month in which the year is over counts": (
        12,
        """
        2026-01-15  a  subscription.started  s newer
        2026-03-01  s  devices.shipped       s 60 x
        """,
        "2026-12  royalty  oem  devices  40  120.00  2026-01-01",
    ),
    "who leaves early owes the whole year": (
        9,
        """
        2026-01-15  a  subscription.started    s flat
        2026-03-01  s  devices.shipped         s 60 x
        2026-05-10  a  subscription.cancelled  s 2026-05-20
        """,
        "2026-05  royalty  oem  devices  40  80.00  2026-01-01",
    ),
    "the plan of the year's last day decides, and only its own lines count": (
        12,
        """
        2026-01-15  a  subscription.started  s small
        2026-02-01  s  devices.shipped       s 60 x
        2026-03-31  a  plan.changed          s flat 1
        2026-04-01  s  devices.shipped       s 30 x
        """,
        "2026-12  royalty  oem  devices  70  140.00  2026-01-01",
    ),
    "on a plan without a least nothing is missing": (
        12,
        """
        2026-01-15  a  subscription.started  s flat
        2026-12-31  a  plan.changed          s small 1
        """,
        "",
    ),
    "what is paid for a quantity counts toward the amount, which changes by year, too": (
        24,
        """
        2026-01-15  a  subscription.started  s both
        2026-02-01  s  devices.shipped       s 10 x      # 20; 90 x 2 = 180: 800 are missing
        2027-02-01  s  usage.recorded        calls 250   # 250; 100 x 2 = 200: 50
        """,
        """
        2026-12  commitment  oem  -        1    800.00  2026-01-01
        2026-12  royalty     oem  devices  90   180.00  2026-01-01
        2027-12  commitment  oem  -        1    50.00   2027-01-01
        2027-12  royalty     oem  devices  100  200.00  2027-01-01
        """,
    ),
    "a minimum guarantee is a share of the sales that are missing": (  # 25 % of 300,000 and of 200,000
        12,
        """
        2026-01-15  a  subscription.started      s share
        2026-05-31  a  partner_revenue.reported  s 300000
        """,
        "2026-12  share  white_label  revenue  200000  50000.00  2026-01-01",
    ),
    "usage of a trial is not taken": (
        13,
        """
        2026-01-05  a  subscription.started  s flat trial_days=30
        2026-01-06  s  devices.shipped       s 99 x
        2026-02-10  s  devices.shipped       s 99 x
        """,
        "2027-01  royalty  oem  devices  1  2.00  2026-02-01",
    ),
}


@pytest.mark.parametrize(("months", "told", "due"), MISSING.values(), ids=list(MISSING))
def test_a_quantity_is_taken_or_paid(tmp_path: Path, months: int, told: str, due: str) -> None:
    """True-ups worked out by hand."""
    columns = "month price stream meter quantity amount starts_on"
    found = lines(metered(tmp_path, BOOK, told, months), columns, kind="true_up")

    assert expected(due) == sorted(found)


def test_a_true_up_says_what_it_is_for(tmp_path: Path) -> None:
    """The service period is the contract year; no dimension is named."""
    bill = metered(tmp_path, BOOK, MISSING["nothing taken is paid for whole"][1], 12)

    assert [("s", "1", "flat", "", "0", "2026-01-01", "2027-01-01")] == lines(
        bill, "subscription phase_no plan dimensions allowance starts_on ends_on", kind="true_up"
    )


def test_months_one_by_one_miss_the_same(tmp_path: Path) -> None:
    """Whatever the step, every line of every case is the same."""
    told = "\n".join(
        line.replace("  a  ", f"  a{number}  ")
        .replace("  s ", f"  s{number} ")
        .replace(" s ", f" s{number} ")
        for number, (_, told, _) in enumerate(MISSING.values())
        for line in told.splitlines()
    )
    ledgers = [closed(tmp_path / str(step), BOOK, told, 37, step=step) for step in (0, 1, 5)]

    assert 15 < len(lines(ledgers[0], "amount", kind="true_up"))
    at_once, *others = (digests(posted(tables)) for tables in ledgers)
    assert all(at_once == other for other in others)
