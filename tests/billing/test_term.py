"""Terms: contract years, reckoned from the anchor."""

from datetime import date

import pytest

from billing.yearly import term_of


@pytest.mark.parametrize(
    ("anchor", "day", "term"),
    [
        ("2026-01-31", "2026-01-31", "2026-01-31 2027-01-31"),
        ("2026-01-31", "2027-01-30", "2026-01-31 2027-01-31"),
        ("2026-01-31", "2027-01-31", "2027-01-31 2028-01-31"),
        ("2028-02-29", "2029-02-27", "2028-02-29 2029-02-28"),
        ("2028-02-29", "2029-02-28", "2029-02-28 2030-02-28"),
        ("2028-02-29", "2032-02-28", "2031-02-28 2032-02-29"),
        ("2028-02-29", "2032-02-29", "2032-02-29 2033-02-28"),
    ],
)
def test_terms_are_reckoned_from_the_anchor(anchor: str, day: str, term: str) -> None:
    """Contract years begin on the anchor's day, or on the last of February."""
    assert term.split() == list(map(str, term_of(date.fromisoformat(anchor), date.fromisoformat(day))))


def test_terms_have_365_or_366_days() -> None:
    """And no day lies between two of them."""
    for anchor in (date(2026, 1, 31), date(2028, 2, 29), date(2026, 3, 1)):
        day = anchor
        for _ in range(12):
            term = term_of(anchor, day)
            assert term.starts_on == day
            assert term.days in {365, 366}
            day = term.ends_on
