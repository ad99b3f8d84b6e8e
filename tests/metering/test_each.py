"""Single events: a meter with `each` keeps them apart, and facts without a subscription are the account's."""

from pathlib import Path

import pytest

from tests.ledgers import expected, lines, metered, rows

BOOK = """
    meters.seats.event = "course.enrolled"
    meters.seats.quantity = "participants"
    meters.seats.dimensions = ["course"]
    meters.seats.each = true
    meters.calls = { each = true }
    meters.incidents = { event = "ticket.opened", dimensions = ["severity"] }
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.calls = { meter = "calls", model = "package", package_size = 100, unit_price = 10 }
    prices.incidents = { meter = "incidents", unit_price = 50 }
    [plans.catalog]
    name = "Catalog"
    stream = "training"
    prices.incidents = { meter = "incidents", unit_price = 300 }
    [plans.catalog.prices.class]
    meter = "seats"
    where = { course = "basics" }
    model = "graduated"
    tiers = [{ up_to = 5, unit_price = 250 }, { unit_price = 200 }]
    minimum = 500
    allowance = 1
    group_by = ["course"]
"""
SIGNED = """
    2026-01-01  acme  account.signed_up  Acme acme@example.com smb web
    2026-01-01  acme  subscription.started  acme-1 pro
"""


def test_each_event_pays_the_price_of_its_own(tmp_path: Path) -> None:
    """A party of six is six and one of two is two: tiers, minimum and allowance begin anew with each event.

    6 - 1 free = 5 x 250; 7 - 1 = 5 x 250 + 1 x 200; 2 - 1 = 1 x 250, but at least 500. Pooled, 15 - 1 = 14
    would be 5 x 250 + 9 x 200.
    """
    bill = metered(
        tmp_path,
        BOOK,
        f"""{SIGNED}
    2026-01-05  acme  course.enrolled  basics onsite 6
    2026-01-05  acme  course.enrolled  basics onsite 2
    2026-01-20  acme  course.enrolled  basics onsite 7
    """,
        1,
    )

    assert sorted(lines(bill, "dimensions quantity allowance amount", price="class")) == expected(
        """
        {"course":"basics","event":"test/4"}  6  1  1250.00
        {"course":"basics","event":"test/5"}  2  1  500.00
        {"course":"basics","event":"test/6"}  7  1  1450.00
        """
    )


def test_usage_can_be_kept_apart_by_the_event_as_well(tmp_path: Path) -> None:
    """Two jobs of 150 calls are two started packages each, and not three together."""
    told = f"""{SIGNED}
    2026-01-05  acme-1  usage.recorded  calls 150
    2026-01-06  acme-1  usage.recorded  calls 150
    """
    bill = metered(tmp_path, BOOK, told, 1)

    assert sorted(lines(bill, "dimensions quantity amount", price="calls")) == expected(
        """
        {"event":"test/4"}  150  20.00
        {"event":"test/5"}  150  20.00
        """
    )
    assert sorted(rows(bill.usage, "dimensions quantity events")) == expected(
        """
        {"event":"test/4"}  150  1
        {"event":"test/5"}  150  1
        """
    )


@pytest.mark.parametrize(
    ("subscription", "subject", "amount"), [("acme-1", "acme-1", "50.00"), ("''", "acme", "300.00")]
)
def test_a_fact_without_a_subscription_is_the_accounts(
    subscription: str, subject: str, amount: str, tmp_path: Path
) -> None:
    """A ticket under a subscription costs what its plan says, another what the catalog says."""
    told = f"{SIGNED}\n 2026-01-05  acme  ticket.opened  P1 subscription={subscription}"
    bill = metered(tmp_path, BOOK, told, 1)

    assert [(subject, amount)] == lines(bill, "subscription amount", price="incidents")


def test_months_do_not_mix_single_events(tmp_path: Path) -> None:
    """Events of two months are lines of two months, however many months are billed at once."""
    told = f"""{SIGNED}
    2026-01-31T23:59:59  acme  course.enrolled  basics onsite 6
    2026-02-01T00:00:00  acme  course.enrolled  basics onsite 6
    """
    bill = metered(tmp_path, BOOK, told, 2)

    assert [("2026-01", "1250.00"), ("2026-02", "1250.00")] == lines(bill, "month amount", price="class")
