"""Quotients: windows, factors, the months they need, and the first reason for a value that is not there."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from analytics.policy import DEFAULT, MetricPolicy
from analytics.quotient import SINCE, WINDOW, Quotient, Reason, Term, grown, over
from billing.money import EXACT


def worked(formula: Quotient, policy: MetricPolicy = DEFAULT, **columns: Sequence[int]) -> list[Any]:
    """Work a quotient out over months of one part."""
    count = len(next(iter(columns.values())))
    frame = pl.DataFrame({"part": [""] * count, "age": list(range(count)), **columns})
    frame = frame.with_columns(pl.col(list(columns)).cast(EXACT))
    return [plain(value) for value in frame.select(value=formula(policy))["value"]]


def why(formula: Quotient, **columns: Sequence[int]) -> list[str]:
    """Return the code of the first reason that holds in each month."""
    count = len(next(iter(columns.values())))
    frame = pl.DataFrame({"part": [""] * count, "age": list(range(count)), **columns})
    found = [""] * count
    for condition, reason in reversed(list(formula.reasons(DEFAULT))):
        holds = frame.select(pl.repeat(True, pl.len()) & condition).to_series()
        found = [reason.code if held else code for held, code in zip(holds, found, strict=True)]
    return found


def plain(value: Decimal | None) -> Any:
    """Return a number without its zeros."""
    return None if value is None else float(value)


@pytest.mark.parametrize(
    ("formula", "values"),
    [
        (over("a", "b", ""), [2, 2, 2, None]),
        (over("a", "b", "", months=2), [2, 2, 2, 8]),
        (over("a", "b", "", months=SINCE), [2, 2, 2, 5]),
        (over("a", "b", "", months=WINDOW), [2, 2, 2, 5.6]),
        (grown("a", 1, ""), [None, 1, 0.5, 2]),
        (grown("a", 2, "", needs=(2,)), [None, None, 2, 3.5]),
        (Quotient((Term("a"), Term("b", times=(-1,)))), [1, 2, 3, 18]),
        (Quotient((Term("a", 1, 1),)), [0, 2, 4, 6]),
        (Quotient((Term("", times=(7,)),), (Term("b"),)), [7, 3.5, 7 / 3, None]),
        (Quotient((Term("a", times=(WINDOW, 2)),)), [12, 24, 36, 108]),
    ],
)
def test_a_quotient_is_its_terms_over_its_terms(formula: Quotient, values: list[Any]) -> None:
    """Of a = 2, 4, 6, 18 and b = 1, 2, 3, 0; months before the first count nothing."""
    assert [None if value is None else pytest.approx(value) for value in values] == worked(
        formula, a=[2, 4, 6, 18], b=[1, 2, 3, 0]
    )


def test_a_span_may_be_a_field_of_the_policy() -> None:
    """The window is what the policy says."""
    formula = over("a", "b", "", months=WINDOW)

    assert worked(formula, MetricPolicy(efficiency_window=1), a=[2, 9], b=[1, 3]) == [2, 3]
    assert worked(formula, MetricPolicy(efficiency_window=2), a=[2, 9], b=[1, 4])[1] == pytest.approx(11 / 5)


def test_the_first_reason_that_holds_is_told() -> None:
    """Too young comes before a numerator that means nothing, and that before a denominator of 0."""
    formula = Quotient((Term("a"),), (Term("b"),), needs=(1,), positive=True, nothing="no b", unless="no a")

    assert worked(formula, a=[5, 0, 5, 5, 5], b=[1, 0, 0, -1, 2]) == [None, None, None, None, 2.5]
    assert why(formula, a=[5, 0, 5, 5, 5], b=[1, 0, 0, -1, 2])[:4] == [
        "history", "numerator", "denominator", "denominator",
    ]  # fmt: skip
    assert formula.null_when == "fewer than 2 months of history, or no a, or no b"
    assert Reason("denominator", "no b") == list(formula.reasons(DEFAULT))[-1][1]


def test_parts_do_not_see_each_others_months() -> None:
    """A window ends where the part does."""
    frame = pl.DataFrame({"part": ["x", "x", "y", "y"], "age": [0, 1, 0, 1], "a": [1, 2, 30, 40]})
    formula = Quotient((Term("a", 2),))

    assert frame.select(value=formula(DEFAULT))["value"].to_list() == [1, 3, 30, 70]
