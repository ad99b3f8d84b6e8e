"""Usage that no line prices is shown with its reason: nothing disappears silently."""

from pathlib import Path

import polars as pl

from tests.ledgers import expected, metered, rows

BOOK = """
    meters.calls = {}
    meters.storage = { aggregation = "max" }
    meters.cores = { aggregation = "latest" }
    meters.devices = { event = "devices.shipped", quantity = "devices" }
    meters.courses = { event = "course.enrolled", quantity = "participants", dimensions = ["course"] }
    meters.tokens = { dimensions = ["model", "region"] }
    meters.spare = {}
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    [plans.pro.prices.calls]
    meter = "calls"
    model = "package"
    package_size = 10_000
    unit_price = 10
    allowance = 50_000
    [plans.linear]
    name = "Linear"
    stream = "subscriptions"
    prices.calls = { meter = "calls", unit_price = 0.01, allowance = 31_000 }
    [plans.seats]
    name = "Seats"
    stream = "subscriptions"
    prices.calls = { meter = "calls", unit_price = 1, allowance = 310, allowance_per = "seat" }
    [plans.hosted]
    name = "Hosted"
    stream = "managed"
    prices.storage = { meter = "storage", unit_price = 3, allowance = 10 }
    prices.cores = { meter = "cores", unit_price = 31, prorate = false }
    [plans.oem]
    name = "OEM"
    stream = "oem"
    [plans.oem.prices.royalty]
    meter = "devices"
    model = "graduated"
    window = "life"
    tiers = [{ up_to = 1000, unit_price = 1.00 }, { unit_price = 0.50 }]
    [plans.oem.prices.tokens]
    meter = "tokens"
    model = "graduated"
    window = "year"
    allowance = 100
    group_by = ["region"]
    tiers = [{ up_to = 100, unit_price = 2 }, { unit_price = 1 }]
    [plans.models]
    name = "Models"
    stream = "managed"
    prices.small = { meter = "tokens", unit_price = 1, where = { model = "s" } }
    prices.large = { meter = "tokens", unit_price = 5, where = { model = ["m", "l"] } }
    prices.europe = { meter = "tokens", unit_price = 0.1, where = { region = "eu" }, stream = "support" }
    prices.regions = { meter = "tokens", unit_price = 0.01, group_by = ["region"] }
    [plans.catalog]
    name = "Catalog"
    stream = "training"
    prices.advanced = { meter = "courses", unit_price = 2499, where = { course = "advanced" } }
"""


UNRATED = """
    2026-01-10  a     subscription.started    s pro
    2026-01-20  a     subscription.cancelled  s 2026-01-25
    2026-01-09  s     usage.recorded          calls 1      # before it began
    2026-01-26  s     usage.recorded          calls 2      # after it ended
    2026-01-12  s     usage.recorded          spare 4      # no price of the plan counts it
    2026-01-12  s     usage.recorded          nothing 8    # no such meter
    2026-01-12  x     usage.recorded          calls 16     # no such subscription
    2026-01-12  x     usage.recorded          nothing 32   # neither
    2026-01-12  s     usage.recorded          calls 64     # rated
    2026-01-05  b     account.signed_up       B b@example.com smb web
    2026-01-12  b     course.enrolled         basic public-virtual 128  # in no price's where
    2026-01-12  b     course.enrolled         advanced public-virtual 1 # rated
"""


def test_usage_that_no_line_prices_is_shown_with_its_reason(tmp_path: Path) -> None:
    """Outside of any phase, of an unknown meter, or without a price: nothing disappears silently."""
    bill = metered(tmp_path, BOOK, UNRATED, 1)

    assert expected("""
        b  courses  no_price         128  1
        s  calls    no_subscription  3    2
        s  nothing  no_meter         8    1
        s  spare    no_price         4    1
        x  calls    no_subscription  16   1
        x  nothing  no_meter         32   1
    """) == rows(bill.unrated.sort("subject", "meter"), "subject meter reason quantity events")


def test_usage_is_either_rated_or_shown_as_unrated(tmp_path: Path) -> None:
    """Every event is in `usage` or without a phase; what is in `usage` is rated or unrated."""
    bill = metered(tmp_path, BOOK, UNRATED, 1)
    homeless = bill.unrated.filter((pl.col("subject") == "x") | (pl.col("reason") == "no_subscription"))

    assert 9 == sum([*bill.usage["events"], *homeless["events"]])
    assert [("b", "courses"), ("b", "courses"), ("s", "calls"), ("s", "nothing"), ("s", "spare")] == rows(
        bill.usage.sort("subscription", "meter"), "subscription meter"
    )
