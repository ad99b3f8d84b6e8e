"""Money: one arithmetic for numbers and columns, one rounding, one split."""

import itertools
import random
from collections.abc import Iterator
from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from billing.money import (
    EXACT,
    MINOR_UNITS,
    ROUNDINGS,
    Rounding,
    apportion,
    literal,
    minor_units,
    over,
    round_money,
    split,
    times,
)

ROWS = 100_000
MODES: tuple[Rounding, ...] = ("half_up", "half_even", "up", "down")
HALVES = [  # amount, then half_up, half_even, up, down
    ("0.125", "0.13", "0.12", "0.13", "0.12"),
    ("0.135", "0.14", "0.14", "0.14", "0.13"),
    ("-0.125", "-0.13", "-0.12", "-0.13", "-0.12"),
    ("2.675", "2.68", "2.68", "2.68", "2.67"),
    ("0.005", "0.01", "0.00", "0.01", "0.00"),
    ("-0.005", "-0.01", "0.00", "-0.01", "0.00"),
    ("0.004999999999", "0.00", "0.00", "0.01", "0.00"),
    ("0.005000000001", "0.01", "0.01", "0.01", "0.00"),
    ("-0.000000000001", "0.00", "0.00", "-0.01", "0.00"),
    ("7", "7.00", "7.00", "7.00", "7.00"),
    (
        "99999999999999.985",
        "99999999999999.99",
        "99999999999999.98",
        "99999999999999.99",
        "99999999999999.98",
    ),
]


def column(*numbers: Decimal) -> pl.DataFrame:
    """A frame of one exact column."""
    return pl.DataFrame({"x": numbers}, schema={"x": EXACT})


def numbers(rng: random.Random, count: int = ROWS) -> Iterator[Decimal]:
    """Numbers of every size and sign, many of them halves of something."""
    for _ in range(count):
        digits = rng.choice((1, 3, 6, 12, 18, 22))
        number = rng.randrange(-(10**digits), 10**digits)
        half = rng.random() < 0.3
        yield Decimal(number * 10 + 5).scaleb(-3) if half else Decimal(number).scaleb(-rng.randrange(13))


@pytest.mark.parametrize(("amount", *MODES), HALVES)
def test_halves_go_where_the_mode_says(amount: str, half_up: str, half_even: str, up: str, down: str) -> None:
    """Half up leaves zero, half even seeks the even cent; a number and a column agree to the character."""
    for mode, expected in zip(MODES, (half_up, half_even, up, down), strict=True):
        rounded = round_money(Decimal(amount), "USD", mode)
        of_column = column(Decimal(amount)).select(round_money(pl.col("x"), "USD", mode))

        assert expected == str(rounded)
        assert Decimal(expected) == of_column.item()
        assert [EXACT] == of_column.dtypes


def test_half_up_is_the_default() -> None:
    """Who names no mode gets what most billers do."""
    assert Decimal("0.13") == round_money(Decimal("0.125"), "USD")


@pytest.mark.parametrize(
    ("currency", "expected"),
    [("USD", "1234.57"), ("EUR", "1234.57"), ("JPY", "1235"), ("KWD", "1234.568"), ("CLF", "1234.5678")],
)
def test_each_currency_has_its_own_smallest_unit(currency: str, expected: str) -> None:
    """ISO 4217: yen have none, Kuwaiti dinars three, unidades de fomento four decimals."""
    assert expected == str(round_money(Decimal("1234.5678"), currency))
    assert Decimal(expected) == column(Decimal("1234.5678")).select(round_money(pl.col("x"), currency)).item()


def test_only_three_counts_of_decimals_are_exceptions() -> None:
    """Currencies that are not listed have 2; the posted columns hold 4."""
    assert {0, 3, 4} == set(MINOR_UNITS.values())
    assert [2, 0, 3] == [minor_units(currency) for currency in ("USD", "JPY", "KWD")]
    assert set(MODES) == set(ROUNDINGS)


@pytest.mark.parametrize("currency", ["USD", "JPY", "KWD", "CLF"])
@pytest.mark.parametrize("mode", MODES)
def test_a_column_rounds_as_a_number(mode: Rounding, currency: str) -> None:
    """Many numbers, halves among them, in each mode: not one differs."""
    amounts = list(numbers(random.Random(4217), ROWS // 4))
    rounded = column(*amounts).select(round_money(pl.col("x"), currency, mode))["x"].to_list()

    assert [round_money(amount, currency, mode) for amount in amounts] == rounded


def test_half_up_and_half_even_differ_on_ties_only() -> None:
    """The two common modes differ in the last cent, and just where the amount lies between two cents."""
    for amount in numbers(random.Random(50), 20_000):
        up, even = round_money(amount, "USD", "half_up"), round_money(amount, "USD", "half_even")
        tie = Fraction(amount) * 200 % 2 == 1

        assert up == even or tie
        assert abs(up - even) == (Decimal("0.01") if tie and up % Decimal("0.02") else 0)


def test_products_and_quotients_of_columns_and_numbers_agree() -> None:
    """A product and a quotient are the exact ones, rounded half to even at 12 decimals: in both worlds."""
    rng = random.Random(1)
    pairs = [
        (a, b if abs(b) > Decimal("1e-3") else Decimal(3)) for a, b in zip(*[numbers(rng)] * 2, strict=True)
    ]
    pairs = [(a, b) for a, b in pairs if abs(a * b) < 10**25 and abs(a / b) < 10**25]
    pairs += [(Decimal(n).scaleb(-12), Decimal("0.5")) for n in range(-50_000, 50_000)]
    frame = pl.DataFrame(pairs, schema={"a": EXACT, "b": EXACT}, orient="row")
    frame = frame.with_columns(product=times(pl.col("a"), pl.col("b")), ratio=over(pl.col("a"), pl.col("b")))

    assert {EXACT} == set(frame.dtypes)
    assert frame.height >= ROWS
    for a, b, product, ratio in frame.iter_rows():
        assert (product, ratio) == (times(a, b), over(a, b)), (a, b)
    for a, b, product, ratio in frame.gather_every(9).iter_rows():
        assert Fraction(product) == Fraction(round(Fraction(a) * Fraction(b) * 10**12), 10**12), (a, b)
        assert Fraction(ratio) == Fraction(round(Fraction(a) / Fraction(b) * 10**12), 10**12), (a, b)


@pytest.mark.parametrize(
    "factor", [Decimal(10_000), Decimal("1E+3"), Decimal("0.1"), Decimal("0.123456789012"), 7]
)
def test_the_digits_of_a_factor_do_not_change_the_type(factor: Decimal | int) -> None:
    """Left alone, Polars takes the scale of a constant from its digits; ours is always 12."""
    frame = column(Decimal("2.5")).select(x=times(pl.col("x"), factor), y=over(pl.col("x"), factor))

    assert [EXACT, EXACT] == frame.dtypes
    assert (times(Decimal("2.5"), factor), over(Decimal("2.5"), factor)) == frame.row(0)
    assert [EXACT] == pl.select(literal(Decimal("0.001"))).dtypes


@pytest.mark.parametrize("name", ["times", "over"])
def test_what_does_not_fit_is_refused_and_never_cut(name: str) -> None:
    """10^26 and more has no place in 38 digits with 12 decimals: number and column both raise."""
    operate = {"times": times, "over": over}[name]
    factor = Decimal(10_000) if name == "times" else Decimal("0.0001")

    with pytest.raises(ArithmeticError):
        operate(Decimal(10) ** 22, factor)
    with pytest.raises(pl.exceptions.ComputeError, match="overflow"):
        column(Decimal(10) ** 22).select(operate(pl.col("x"), factor))
    assert Decimal(10) ** 25 == operate(Decimal(10) ** 21, factor)


def test_the_callers_decimal_context_changes_nothing() -> None:
    """Somebody who works with 3 digits and rounds up gets the same bill."""
    args = (Decimal("123456789.123456789"), Decimal("0.333333333333"))
    expected = (
        times(*args),
        over(*args),
        round_money(args[0], "USD"),
        split(Decimal("100.00"), [1, 1, 1], "USD"),
    )

    with localcontext(prec=3, rounding=ROUND_UP):
        assert expected == (
            times(*args),
            over(*args),
            round_money(args[0], "USD"),
            split(Decimal("100.00"), [1, 1, 1], "USD"),
        )


@pytest.mark.parametrize(
    ("total", "weights", "currency", "expected"),
    [
        ("100.00", [1, 1, 1], "USD", "33.34 33.33 33.33"),  # equal remainders: the first comes first
        ("-100.00", [1, 1, 1], "USD", "-33.34 -33.33 -33.33"),
        ("0.05", [1, 1], "USD", "0.03 0.02"),
        ("0.01", [1, 2], "USD", "0.00 0.01"),
        ("0.02", [1, 0, 3], "USD", "0.01 0.00 0.01"),
        ("20000.00", [60, 40], "USD", "12000.00 8000.00"),  # D:744: 60 % partner, 40 % DB-GPT
        ("1000.00", [80, 20], "USD", "800.00 200.00"),  # D:1356: 80/20 for Premium sellers
        ("100", [1, 1, 1], "JPY", "34 33 33"),
        ("0.010", [1, 1, 1], "KWD", "0.004 0.003 0.003"),
        ("10.00", [3, -1], "USD", "15.00 -5.00"),  # a month of credits counts against the others
        ("0.00", [5, 7], "USD", "0.00 0.00"),
        ("0.00", [5, -5], "USD", "0.00 0.00"),
    ],
)
def test_a_split_gives_the_cents_that_are_left_to_the_largest_remainders(
    total: str, weights: list[int], currency: str, expected: str
) -> None:
    """Parts in the order of their weights, ties by position."""
    assert expected == " ".join(str(part) for part in split(Decimal(total), weights, currency))


@pytest.mark.parametrize(
    ("total", "weights", "message"),
    [
        ("10.00", [0, 0], "add up to nothing"),
        ("0.00", [0, 0], "add up to nothing"),
        ("10.00", [], "add up to nothing"),
        ("10.00", [5, -5], "add up to nothing"),
        ("10.005", [1, 1], "not in whole minor units"),
    ],
)
def test_what_cannot_be_split_is_refused(total: str, weights: list[int], message: str) -> None:
    """Weights that share nothing, and totals that have parts of a cent, are errors of the caller."""
    with pytest.raises(ValueError, match=message):
        split(Decimal(total), weights, "USD")


CENTS = st.integers(-(10**12), 10**12).map(lambda cents: Decimal(cents).scaleb(-2))
WEIGHTS = st.lists(st.decimals(0, 10**9, places=6), min_size=1, max_size=20)


@given(total=CENTS, weights=WEIGHTS)
def test_a_split_loses_nothing_and_is_fair(total: Decimal, weights: list[Decimal]) -> None:
    """Parts sum to the whole, each within a cent of its exact share; and -x splits as x."""
    assume(any(weights))
    parts = split(total, weights, "USD")

    assert total == sum(parts)
    assert [-part for part in parts] == split(-total, weights, "USD")
    for part, weight in zip(parts, weights, strict=True):
        share = Fraction(total) * Fraction(weight) / Fraction(sum(map(Fraction, weights)))
        assert abs(Fraction(part) - share) < Fraction(1, 100)
        assert weight or not part


@given(total=CENTS, weights=WEIGHTS)
def test_a_larger_weight_never_gets_less(total: Decimal, weights: list[Decimal]) -> None:
    """Sorting by weight sorts the sizes of the parts, and equal weights differ by a cent at most."""
    assume(any(weights))
    parts = split(abs(total), sorted(weights), "USD")

    assert all(after - before >= Decimal("-0.01") for before, after in itertools.pairwise(parts))
    ranked = split(abs(total), sorted(weights, reverse=True), "USD")
    assert ranked == sorted(ranked, reverse=True)


@pytest.mark.parametrize("currency", ["USD", "JPY", "KWD"])
def test_columns_are_split_as_numbers_are(currency: str) -> None:
    """A thousand groups of all signs at once, each as `split` does it, with ties, zeros and large amounts."""
    dice, rows, parts = random.Random(currency), [], []
    for group in range(1000):
        high = dice.choice([3, 100, 10**13])
        weights = [
            Decimal(dice.randint(-high // 4, high)) / dice.choice([1, 100, 10000])
            for _ in range(dice.randint(1, 6))
        ]
        units = dice.randint(-high, high) if sum(weights) else 0
        total = Decimal(units).scaleb(-minor_units(currency))
        rows += [(group, total, weight) for weight in weights]
        parts += split(total, weights, currency) if any(weights) else [Decimal(0)] * len(weights)
    columns = pl.Schema({"group": pl.Int64(), "total": EXACT, "weight": pl.Decimal(18, 4)})
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    found = apportion(frame, total="total", weight="weight", over=["group"], currency=currency)

    assert parts == found.to_list()


def test_columns_that_cannot_be_split_are_a_broken_invariant() -> None:
    """Weights that add up to nothing share nothing out: no amount gets lost in silence."""
    columns = pl.Schema({"group": pl.Int64(), "total": EXACT, "weight": pl.Decimal(18, 4)})
    frame = pl.DataFrame([(7, Decimal(1), Decimal(2)), (7, Decimal(1), Decimal(-2))], columns, orient="row")

    with pytest.raises(AssertionError, match=r"parts that do not add up to their total: \(7,\)"):
        apportion(frame, total="total", weight="weight", over=["group"], currency="USD")
