"""Windows: usage that is counted over a contract year or a whole life, and prices that change meanwhile."""

from pathlib import Path

from tests.billing.metered_book import BOOK
from tests.ledgers import closed, expected, lines, metered


def test_a_contract_years_window_begins_in_the_month_of_the_anchor(tmp_path: Path) -> None:
    """Anchor 15 November: bands and allowance (100) of a region last to October and begin anew then."""
    bill = metered(
        tmp_path,
        BOOK,
        """
        2025-11-15  a  subscription.started  s oem
        2025-11-20  s  usage.recorded        tokens 150 '{"model":"s","region":"eu"}'  # 50 at 2
        2026-01-20  s  usage.recorded        tokens 100 '{"model":"m","region":"eu"}'  # 50 at 2, 50 at 1
        2026-01-21  s  usage.recorded        tokens 101 '{"model":"m","region":"us"}'  # 1 at 2
        2026-10-31  s  usage.recorded        tokens 10  '{"model":"m","region":"eu"}'  # 10 at 1
        2026-11-01  s  usage.recorded        tokens 120 '{"model":"m","region":"eu"}'  # a new year: 20 at 2
        """,
        13,
        first="2025-11",
    )

    assert expected("""
        2025-11  {"region":"eu"}  150  100  100.00
        2026-01  {"region":"eu"}  100  100  150.00
        2026-01  {"region":"us"}  101  100  2.00
        2026-10  {"region":"eu"}  10   100  10.00
        2026-11  {"region":"eu"}  120  100  40.00
    """) == lines(bill, "month dimensions quantity allowance amount")


def test_a_window_goes_on_over_phases_and_month_by_month(tmp_path: Path) -> None:
    """Seats that change within the year do not cut the window; billing month by month gives the same."""
    table = """
        2026-01-01  a  subscription.started  s oem
        2026-01-20  a  devices.shipped       s 990
        2026-02-10  a  devices.shipped       s 5
        2026-02-15  a  seats.changed         s 2
        2026-02-20  a  devices.shipped       s 15   # 20 in February: 10 at 1.00, 10 at 0.50
    """
    due = [("2026-01", "990", "990.00"), ("2026-02", "20", "15.00")]

    for step in (0, 1):
        tables = closed(tmp_path / str(step), BOOK, table, 2, step=step)
        assert due == lines(tables, "month quantity amount")


def test_the_price_of_usage_is_that_of_the_months_first_day(tmp_path: Path) -> None:
    """A price that changes on 10 February counts from March; earlier units keep their place in the bands."""
    text = """
        meters.devices = { event = "devices.shipped", quantity = "devices" }
        meters.calls = {}
        [plans.oem]
        name = "OEM"
        stream = "s"
        [plans.oem.prices.calls]
        meter = "calls"
        unit_price = 1
        allowance = 10
        changes = [{ starts_on = 2026-02-10, unit_price = 2, allowance = 20 }]
        [plans.oem.prices.royalty]
        meter = "devices"
        model = "graduated"
        window = "life"
        tiers = [{ up_to = 100, unit_price = 1 }, { unit_price = 0.5 }]
        [[plans.oem.prices.royalty.changes]]
        starts_on = 2026-03-01
        model = "graduated"
        tiers = [{ up_to = 150, unit_price = 3 }, { unit_price = 2 }]
    """
    month = """
        2026-0{0}-15  s  usage.recorded   calls 30
        2026-0{0}-15  a  devices.shipped  s 60
    """
    table = "2026-01-01  a  subscription.started  s oem\n" + "\n".join(month.format(n) for n in (1, 2, 3))

    assert expected("""
        2026-01  calls    20.00
        2026-01  royalty  60.00
        2026-02  calls    20.00
        2026-02  royalty  50.00   # 40 at 1, 20 at 0.5
        2026-03  calls    20.00
        2026-03  royalty  150.00  # 120 before: 30 at 3, 30 at 2
    """) == lines(metered(tmp_path, text, table, 3), "month price amount")
