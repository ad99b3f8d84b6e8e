"""Usage that no line prices is shown with its reason: nothing disappears silently."""

from pathlib import Path

import polars as pl

from tests.billing.metered_book import BOOK
from tests.ledgers import expected, metered, rows

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
