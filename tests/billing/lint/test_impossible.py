"""A rule that waits for what no event can be is found before anything is billed."""

import pytest

from billing.lint.checks import lint
from billing.lint.impossible import impossible
from tests.ledgers import book

BOOK = """
[meters.exams]
event = "exam.sat"
dimensions = ["exam", "passed"]
[meters.misses]
event = "outcome.measured"
dimensions = ["metric", "met"]
[meters.calls]
dimensions = ["passed"]
[plans.catalog]
name = "Catalog"
stream = "training"
prices.exam = { meter = "exams", where = { passed = "PRICE" }, unit_price = 100 }
[plans.pro]
name = "Pro"
stream = "software"
prices.base = { per = "subscription", unit_price = 10 }
prices.calls = { meter = "calls", where = { passed = "perhaps" }, unit_price = 1 }
limits.exams = { meter = "exams", where = { passed = ["true", "LIMIT"] }, quantity = 1 }
[entitlements.voucher]
given_by = { meter = "exams", where = { passed = "GIVER" } }
covers = { meter = "exams", where = { passed = "COVERS" } }
quantity = 1
[refunds.accuracy]
meter = "misses"
where = { met = "REFUND" }
prices = ["base"]
share = 0.5
"""
WORDS = ("PRICE", "LIMIT", "GIVER", "COVERS", "REFUND")


def with_(**values: str) -> str:
    """Return the book with all values possible but those named."""
    text = BOOK
    for word in WORDS:
        text = text.replace(word, values.get(word, "false"))
    return text


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("PRICE", "plans.catalog.prices.exam.where.passed"),
        ("LIMIT", "plans.pro.limits.exams.where.passed"),
        ("GIVER", "entitlements.voucher.given_by.where.passed"),
        ("COVERS", "entitlements.voucher.covers.where.passed"),
        ("REFUND", "refunds.accuracy.where.met"),
    ],
)
def test_a_value_that_is_neither_true_nor_false_is_found_where_it_stands(word: str, place: str) -> None:
    """A field of an event that is true or false never says yes."""
    (found,) = impossible(book(with_(**{word: "yes"})), None)

    assert (found.place, found.about) == (place, "yes")
    assert "nothing triggers this" in found.message


def test_a_near_miss_gets_the_word_that_was_meant() -> None:
    """Capitals are no value of JSON."""
    (found,) = impossible(book(with_(REFUND="False")), None)

    assert found.remedy == "did you mean 'false'?"


def test_what_can_be_is_no_finding() -> None:
    """True and false are fine, and recorded usage may have any value."""
    assert [] == list(impossible(book(with_()), None))


def test_the_linter_asks() -> None:
    """It is one of the checks of a book."""
    found = [finding for finding in lint(book(with_(PRICE="no"))) if "true or false" in finding.message]

    assert len(found) == 1
