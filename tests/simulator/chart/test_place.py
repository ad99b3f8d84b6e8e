"""Places: scales that hold what they must, labels that do not collide, months that can be read."""

from datetime import date
from itertools import pairwise
from math import isclose
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("altair", reason="charts take the extra `report`")

from simulator.chart.axis import around, around_log, months_between, round_between, time_x
from simulator.chart.column import month_label, quarter_label
from simulator.chart.label import short, spread

numbers = st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: round(value, 4))


@given(st.lists(numbers, min_size=1, max_size=20))
def test_a_scale_holds_every_value_and_zero_and_ends_on_round_numbers(values: list[float]) -> None:
    """Its ends are multiples of 1, 2 or 5 times a power of ten, and it is at most 1.4 times what it holds."""
    low, high = around(values)
    span = max([*values, 0.0]) - min([*values, 0.0])

    assert low <= min([*values, 0.0]) <= max([*values, 0.0]) <= high
    assert low < high
    if span > 1e-6:
        assert high - low <= 1.4 * span
        digits = {f"{abs(end):.3e}".partition("e")[0].rstrip("0").rstrip(".") for end in (low, high)}
        assert all(len(digit.replace(".", "")) <= 3 for digit in digits), (low, high)


@given(st.lists(st.floats(1e-3, 1e9).map(lambda value: float(f"{value:.5g}")), min_size=1, max_size=9))
def test_a_scale_of_powers_holds_every_value_and_names_some_numbers(values: list[float]) -> None:
    """Its ends are 1, 2 or 5 times a power of ten."""
    low, high = around_log(values)

    assert low <= min(values) * (1 + 1e-9)
    assert max(values) <= high * (1 + 1e-9)
    assert all(f"{end:.4e}"[0] in "125" and set(f"{end:.4e}"[2:6]) == {"0"} for end in (low, high))
    assert all(low <= number <= high for number in round_between(low, high))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12), st.floats(0.5, 8))
def test_labels_keep_their_order_and_a_line_between_them(wanted: list[float], gap: float) -> None:
    """They stay on the chart while there is room, and where nothing collides nothing moves."""
    placed = spread(wanted, gap, (0.0, 100.0))
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    below, above = zip(*pairwise(placed[at] for at in order), strict=True) if len(order) > 1 else ((), ())

    assert all(b - a > gap - 1e-6 for a, b in zip(below, above, strict=True))
    assert max(placed) <= 100 + 1e-6
    if gap * (len(wanted) - 1) <= 100:
        assert min(placed) >= -1e-6
    if all(b - a >= gap for a, b in pairwise(sorted(wanted))):
        assert all(isclose(a, b, abs_tol=1e-6) for a, b in zip(placed, wanted, strict=True))


@pytest.mark.parametrize(
    ("count", "named"),
    [(1, 1), (6, 6), (12, 12), (14, 7), (25, 13), (36, 12), (60, 10), (240, 10)],
)
def test_so_many_months_are_named(count: int, named: int) -> None:
    """Never more than 13, and every January is among them where not even those are too many."""
    first = date(2026, 1, 1)
    months = months_between(first, date(2026 + (count - 1) // 12, (count - 1) % 12 + 1, 1))
    x: Any = time_x([month_label(month) for month in months]).to_dict()

    assert len(months) == count
    assert len(x["axis"]["values"]) == named
    assert x["axis"]["values"][0] == "Jan 2026"


def test_quarters_go_in_steps_of_three_months() -> None:
    """They are called by their number in the year."""
    quarters = months_between(date(2026, 10, 1), date(2027, 7, 1), 3)

    assert [quarter_label(one) for one in quarters] == ["Q4 2026", "Q1 2027", "Q2 2027", "Q3 2027"]


def test_a_name_that_is_too_long_is_cut() -> None:
    """With a mark, and never beyond its room."""
    assert short("enterprise") == "enterprise"
    assert short("a name that nobody would give to a plan") == "a name that nobody would…"
