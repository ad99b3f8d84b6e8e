"""Pricing: the documents' worked prices, the laws that every price keeps, and number = column."""

import itertools
import random
from collections.abc import Sequence
from decimal import ROUND_UP, Decimal, localcontext
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import EXACT
from billing.price import Model, Rate
from billing.pricing import PRICE_MODELS, Step, amount, charge, explain
from tests.auditor import cost

ROWS = 120_000
SMALLEST = Decimal("1e-12")


def rate(model: str, unit_price: str | None = None, *tiers: Sequence[str | None], **fields: Any) -> Rate:
    """A rate of the price book; tiers are (up to, unit price, flat fee)."""
    names = ("up_to", "unit_price", "flat_fee")
    fields |= {"tiers": [dict(zip(names, tier, strict=False)) for tier in tiers]} if tiers else {}
    return Rate.model_validate({"model": model, "unit_price": unit_price, **fields})


def graduated(*tiers: Sequence[str | None]) -> Rate:
    """Each unit by its tier."""
    return rate("graduated", None, *tiers)


def volume(*tiers: Sequence[str | None]) -> Rate:
    """All units by one tier."""
    return rate("volume", None, *tiers)


REVENUE_SHARE = [("1000000", "0.25"), ("5000000", "0.20"), (None, "0.15")]
HYBRID = [("2000000", "0.20"), ("5000000", "0.15"), (None, "0.10")]
ROYALTY = [("500000", "1.00"), ("3000000", "0.75"), (None, "0.60")]  # the volumes are ours: years 1 and 2
CLASS = [("4", "2499"), (None, "1999")]
RATES = {
    "Professional seats": rate("unit", "99"),
    "Professional seats, a year": rate("unit", "950"),
    "Business seats": rate("unit", "399"),
    "Business seats, a year": rate("unit", "3830"),
    "Professional calls": rate("package", "10", package_size="10000"),
    "Professional calls, linear": rate("unit", "0.001"),
    "premium LLM": rate("unit", "200"),
    "connector": rate("unit", "150"),
    "PAYG Starter": rate("unit", "0.01"),
    "PAYG Growth": rate("unit", "0.007"),
    "PAYG Scale": rate("unit", "0.005"),
    "Managed Professional": rate("flat", flat_fee="799"),
    "Managed storage": rate("unit", "1.50"),
    "Managed compute": rate("unit", "150"),
    "Managed calls": rate("package", "8", package_size="10000"),
    "training partner": rate("percentage", "0.40"),
    "training partner keeps": rate("percentage", "0.60"),
    "revenue share": graduated(*REVENUE_SHARE),
    "revenue share on everything": volume(*REVENUE_SHARE),
    "hybrid": graduated(*HYBRID),
    "hybrid on everything": volume(*HYBRID),
    "OEM Startup": graduated(("100", "0", "150000"), (None, "1000")),
    "Premium seller": rate("percentage", "0.20"),
    "Advanced class": volume(*CLASS),
    "royalty": graduated(*ROYALTY),
    "royalty on everything": volume(*ROYALTY),
    "refund": rate("percentage", "0.50"),
    "custom development": rate("unit", "250", minimum="10000"),
}
DOCUMENTS = [  # what, quantity, included, amount, line of the document
    ("Professional seats", "5", "0", "495", "D:115"),
    ("Professional seats, a year", "1", "0", "950", "D:145"),
    ("Professional calls", "62500", "50000", "20", "D:140"),
    ("Professional calls, linear", "62500", "50000", "12.50", "D:140"),
    ("Professional calls", "50000", "50000", "0", "D:122"),
    ("Professional calls", "50001", "50000", "10", "D:140"),
    ("Professional calls", "60000.000000000001", "50000", "20", "D:140"),
    ("premium LLM", "1", "0", "200", "D:141"),
    ("connector", "2", "0", "300", "D:142"),
    ("Business seats", "12", "0", "4788", "D:149"),
    ("Business seats, a year", "12", "0", "45960", "D:149"),
    ("PAYG Starter", "100000", "0", "1000", "D:244"),
    ("PAYG Growth", "100000", "0", "700", "D:250"),
    ("PAYG Growth", "150000", "0", "1050", "D:250"),
    ("PAYG Scale", "100000", "0", "500", "D:256"),
    ("Managed Professional", "1", "0", "799", "D:293"),
    ("Managed storage", "80", "50", "45", "D:311"),
    ("Managed compute", "10", "8", "300", "D:312"),
    ("Managed calls", "200000", "150000", "40", "D:313"),
    ("Managed storage", "500", "50", "675", "D:311"),
    ("training partner", "20000", "0", "8000", "D:744"),
    ("training partner keeps", "20000", "0", "12000", "D:744"),
    ("revenue share", "1000000", "0", "250000", "D:1143"),
    ("revenue share", "1200000", "0", "290000", "D:1144"),
    ("revenue share", "5000000", "0", "1050000", "D:1144"),
    ("revenue share", "6000000", "0", "1200000", "D:1145"),
    ("revenue share on everything", "1000000", "0", "250000", "D:1143"),
    ("revenue share on everything", "1200000", "0", "240000", "D:1144"),
    ("hybrid", "5000000", "0", "850000", "D:1178"),
    ("hybrid", "6000000", "0", "950000", "D:1179"),
    ("hybrid on everything", "6000000", "0", "600000", "D:1179"),
    ("OEM Startup", "1", "0", "150000", "D:1209"),
    ("OEM Startup", "100", "0", "150000", "D:1210"),
    ("OEM Startup", "130", "0", "180000", "D:1231"),
    ("Premium seller", "1000", "0", "200", "D:1356"),
    ("Advanced class", "4", "0", "9996", "G:411"),
    ("Advanced class", "5", "0", "9995", "G:411"),
    ("royalty", "500000", "0", "500000", "G:1325"),
    ("royalty", "600000", "0", "575000", "G:1325"),
    ("royalty", "10000000", "0", "6575000", "G:1325"),
    ("royalty on everything", "600000", "0", "450000", "G:1325"),
    ("refund", "60000", "0", "30000", "G:832"),
    ("custom development", "0", "0", "0", "D:893"),
    ("custom development", "1", "0", "10000", "D:893"),
    ("custom development", "40", "0", "10000", "D:893"),
    ("custom development", "41", "0", "10250", "D:893"),
]
EVERY_MODEL = {
    "flat": rate("flat", flat_fee="799"),
    "unit": rate("unit", "0.007654321"),
    "graduated": graduated(
        ("0.5", "3"), ("100", "0.01", "2.5"), ("99999.999999999", "0.333333333"), (None, "1e-9")
    ),
    "graduated, one tier": graduated((None, "0.01", "5")),
    "volume": volume(("99", "0.01", "1"), ("100", "0.008"), ("5000.5", "0.333333333", "7"), (None, "0")),
    "package": rate("package", "10", package_size="2.5"),
    "package of thirds": rate("package", "0.000000001", package_size="0.333333333"),
    "percentage": rate("percentage", "0.123456789"),
    "unit, at least": rate("unit", "250", minimum="10000"),
    "unit, at most": rate("unit", "0.01", maximum="1000"),
    "volume, between": rate(
        "volume", None, ("99", "0.01", "1"), (None, "0.008"), minimum="0.5", maximum="77.777777777"
    ),
    "flat, at most less": rate("flat", flat_fee="799", maximum="500"),
}
QUANTITIES = st.decimals(0, 10**7, places=6)


@st.composite
def bounded_rates(draw: st.DrawFn, models: Sequence[str] = get_args(Model)) -> Rate:
    """Any rate that a price book may hold, perhaps with a least and a most amount."""
    low, high = sorted(draw(st.tuples(*[st.decimals(0, 10**5, places=9)] * 2)))
    bounds = {"minimum": draw(st.sampled_from([None, low])), "maximum": draw(st.sampled_from([None, high]))}
    return draw(rates(models)).model_copy(update=bounds)


@st.composite
def rates(draw: st.DrawFn, models: Sequence[str] = get_args(Model)) -> Rate:
    """Any rate that a price book may hold."""
    model = draw(st.sampled_from(models))
    money = st.decimals(0, 10**4, places=9).map(str)
    if model in ("graduated", "volume"):
        edges = sorted(draw(st.sets(st.decimals("0.000001", 10**6, places=6), max_size=5)))
        fees = st.sampled_from(["0", "0", "12.34"])
        return rate(model, None, *[(bound, draw(money), draw(fees)) for bound in [*map(str, edges), None]])
    if model == "flat":
        return rate("flat", flat_fee=draw(money))
    size = {"package_size": draw(st.decimals("0.001", 10**5, places=3))} if model == "package" else {}
    return rate(model, draw(money), **size)


@pytest.mark.parametrize(("what", "quantity", "included", "expected", "line"), DOCUMENTS)
def test_the_documents_prices(what: str, quantity: str, included: str, expected: str, line: str) -> None:
    """Each amount that the two documents give or imply, on the line named."""
    assert Decimal(expected) == charge(RATES[what], Decimal(quantity), allowance=Decimal(included))


@pytest.mark.parametrize(
    ("bill", "expected"),
    [  # a month's bill of several prices, worked by hand from the price lists
        ([("Professional seats", 5, 0), ("Professional calls", 62_500, 50_000), ("premium LLM", 1, 0),
          ("connector", 2, 0)], "1015.00"),
        ([("Professional seats", 5, 0), ("Professional calls, linear", 62_500, 50_000), ("premium LLM", 1, 0),
          ("connector", 2, 0)], "1007.50"),
        ([("Managed Professional", 1, 0), ("Managed storage", 80, 50), ("Managed compute", 10, 8),
          ("Managed calls", 200_000, 150_000)], "1184.00"),
        ([("Managed Professional", 1, 0), ("Managed storage", 500, 50), ("Managed compute", 32, 8)],
         "5074.00"),
    ],
)  # fmt: skip
def test_the_worked_invoices(bill: list[tuple[str, int, int]], expected: str) -> None:
    """Packages or linear overage make $1,015 or $1,007.50; Managed Professional grown up costs $5,074."""
    assert Decimal(expected) == sum(
        charge(RATES[what], Decimal(quantity), allowance=Decimal(included))
        for what, quantity, included in bill
    )


def test_a_month_that_crosses_a_band_pays_each_part_at_its_share() -> None:
    """From 1.9 to 2.2 million the hybrid partner pays 20 % of 100,000 and 15 % of 200,000 (D:1177)."""
    crossing = charge(RATES["hybrid"], Decimal(300_000), before=Decimal(1_900_000))

    assert Decimal(50_000) == crossing


def test_a_volume_price_takes_back_what_the_units_before_had_cost() -> None:
    """The dollar that crosses $1M lowers a share on everything by $50,000 (D:1144)."""
    crossing = charge(RATES["revenue share on everything"], Decimal(1), before=Decimal(1_000_000))

    assert Decimal("-49999.80") == crossing


def test_every_model_of_the_price_book_has_its_function() -> None:
    """The registry and the schema name the same six models."""
    assert list(get_args(Model)) == list(PRICE_MODELS)


@pytest.mark.parametrize("name", EVERY_MODEL)
@pytest.mark.parametrize("quantity", ["0", "-0.000000000001", "-1000000"])
def test_nothing_and_less_than_nothing_cost_nothing(name: str, quantity: str) -> None:
    """Also the flat fee, the first tier's fee and the first package are due with the first unit only."""
    assert 0 == amount(EVERY_MODEL[name], Decimal(quantity))
    assert 0 < amount(EVERY_MODEL[name], Decimal(1))


@pytest.mark.parametrize(
    ("quantity", "fee"),
    [("0.000001", 1), ("98.5", 1), ("99", 1), ("99.000001", 10), ("99.5", 10), ("100", 10), ("100.5", 100)],
)
def test_every_quantity_has_exactly_one_tier(quantity: str, fee: int) -> None:
    """99.5 units fall between tiers up to 99 and up to 100: into the second, as 100 do, and 100.5 do not."""
    fees = volume(("99", "0", "1"), ("100", "0", "10"), (None, "0", "100"))

    assert fee == amount(fees, Decimal(quantity))


@given(rate=rates(["graduated", "volume"]), quantity=QUANTITIES)
def test_any_quantity_has_exactly_one_tier(rate: Rate, quantity: Decimal) -> None:
    """However the tiers are cut: with a price of 1 everywhere, each unit costs 1."""
    ones = tuple(tier.model_copy(update={"unit_price": 1, "flat_fee": Decimal(0)}) for tier in rate.tiers)

    assert quantity == amount(rate.model_copy(update={"tiers": ones}), quantity)


@given(
    rate=bounded_rates(["flat", "unit", "graduated", "package", "percentage"]),
    quantities=st.tuples(QUANTITIES, QUANTITIES),
)
def test_more_never_costs_less(rate: Rate, quantities: tuple[Decimal, Decimal]) -> None:
    """All models but volume rise with the quantity."""
    less, more = sorted(quantities)

    assert amount(rate, less) <= amount(rate, more)


@given(rate=bounded_rates(), chunks=st.lists(QUANTITIES, max_size=6), allowance=QUANTITIES)
def test_splitting_a_window_conserves_its_amount(
    rate: Rate, chunks: list[Decimal], allowance: Decimal
) -> None:
    """The charges of the parts, however they are cut, add up to the amount of the whole, exactly."""
    before = [Decimal(0), *itertools.accumulate(chunks)]
    parts = [charge(rate, q, before=b, allowance=allowance) for q, b in zip(chunks, before, strict=False)]

    assert amount(rate, before[-1] - allowance) == sum(parts)
    assert amount(rate, before[-1] - allowance) == charge(rate, before[-1], allowance=allowance)


@given(rate=rates(["graduated"]))
def test_a_graduated_price_has_no_cliffs(rate: Rate) -> None:
    """At each edge the next millionth of a unit costs no more than its own price, and its tier's flat fee."""
    step = Decimal("0.000001")
    for tier, after in itertools.pairwise(rate.tiers):
        assert tier.up_to is not None
        jump = charge(rate, step, before=tier.up_to)

        assert jump == (step * after.unit_price).quantize(SMALLEST) + after.flat_fee


@given(rate=bounded_rates(), quantity=QUANTITIES)
def test_the_auditor_agrees(rate: Rate, quantity: Decimal) -> None:
    """An independent price, counted in small steps through the tiers, is the same to the last digit."""
    assert cost(rate, quantity) == amount(rate, quantity)


@pytest.mark.parametrize("name", RATES)
def test_the_auditor_agrees_unit_by_unit(name: str) -> None:
    """Brute force over the documents' prices: each of the first units alone."""
    total = Decimal(0)
    for quantity in range(1, 60):
        total += charge(RATES[name], Decimal(1), before=Decimal(quantity - 1))

        assert cost(RATES[name], Decimal(quantity)) == total == amount(RATES[name], Decimal(quantity))


def awkward(rate: Rate, count: int) -> list[Decimal]:
    """Quantities of every size, and those on and next to each edge of the rate."""
    edges = [tier.up_to for tier in rate.tiers if tier.up_to] + [rate.package_size or Decimal(1)]
    near = [edge * n + k * SMALLEST for edge in edges for n in (1, 2, 7) for k in range(-3, 4)]
    rng = random.Random(str(rate))
    sizes = [10 ** rng.randrange(1, 20) for _ in range(count - len(near))]
    return near + [Decimal(rng.randrange(-size // 9, size)).scaleb(-rng.randrange(13)) for size in sizes]


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_a_column_costs_what_its_numbers_cost(name: str) -> None:
    """More than 100,000 rows over the models, edges included: equal to the last of 12 digits, as (38, 12)."""
    rate = EVERY_MODEL[name]
    quantities = awkward(rate, ROWS // len(EVERY_MODEL))
    frame = pl.DataFrame({"quantity": quantities}, schema={"quantity": EXACT})
    column = frame.select(amount(rate, pl.col("quantity")))

    assert [EXACT] == column.dtypes
    assert [str(amount(rate, quantity)) for quantity in quantities] == [str(x) for x in column.to_series()]


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_a_column_is_charged_as_its_numbers_are(name: str) -> None:
    """The same for slices, where each row has its own quantity before and its own allowance."""
    rate = EVERY_MODEL[name]
    rng = random.Random(name)
    rows = [
        (q, *rng.choices((Decimal(0), Decimal(50), abs(q), Decimal("99.5")), k=2))
        for q in awkward(rate, 5_000)
    ]
    frame = pl.DataFrame(rows, schema=dict.fromkeys("qba", EXACT), orient="row")
    column = frame.select(charge(rate, pl.col("q"), before=pl.col("b"), allowance=pl.col("a")))

    assert [EXACT] == column.dtypes
    assert [charge(rate, q, before=b, allowance=a) for q, b, a in rows] == column.to_series().to_list()


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_the_type_of_a_column_never_changes(name: str) -> None:
    """Whole numbers, posted amounts and constants all become exact amounts."""
    frame = pl.DataFrame(
        {"whole": [3], "posted": [Decimal("2.5")]}, schema={"whole": pl.Int64, "posted": pl.Decimal(18, 4)}
    )
    rate = EVERY_MODEL[name]
    columns = frame.select(
        a=amount(rate, pl.col("whole")),
        b=amount(rate, pl.col("posted")),
        c=charge(rate, pl.col("whole"), allowance=Decimal("0.5")),
        d=charge(rate, pl.col("posted"), before=pl.lit(Decimal("0.001"))),
    )

    assert [EXACT] * 4 == columns.dtypes
    assert (
        amount(rate, Decimal(3)),
        amount(rate, Decimal("2.5")),
        amount(rate, Decimal("2.5")),
    ) == columns.row(0)[:3]


def test_an_amount_that_does_not_fit_is_refused() -> None:
    """10^15 units at 10^12 are more than 38 digits hold: no wrong amount, in neither world."""
    dear = rate("unit", "1000000000000")

    with pytest.raises(ArithmeticError):
        amount(dear, Decimal(10) ** 15)
    with pytest.raises(pl.exceptions.ComputeError, match="overflow"):
        pl.DataFrame({"q": [Decimal(10) ** 15]}, schema={"q": EXACT}).select(amount(dear, pl.col("q")))


def test_a_float_is_no_quantity() -> None:
    """Money is never computed from a binary fraction."""
    with pytest.raises((TypeError, AttributeError)):
        amount(RATES["PAYG Starter"], 0.1)  # type: ignore[type-var]


@given(rate=rates(), quantity=QUANTITIES, before=QUANTITIES, allowance=QUANTITIES)
def test_the_callers_decimal_context_changes_nothing(
    rate: Rate, quantity: Decimal, before: Decimal, allowance: Decimal
) -> None:
    """Somebody who works with 3 digits and rounds up is charged the same."""
    expected = charge(rate, quantity, before=before, allowance=allowance)

    with localcontext(prec=3, rounding=ROUND_UP):
        assert expected == charge(rate, quantity, before=before, allowance=allowance)


@given(rate=rates(), quantity=QUANTITIES, before=QUANTITIES, allowance=QUANTITIES)
def test_the_steps_of_an_explanation_add_up(
    rate: Rate, quantity: Decimal, before: Decimal, allowance: Decimal
) -> None:
    """Amounts add up to the charge exactly; units, with those included, to the quantity."""
    steps = explain(rate, quantity, before=before, allowance=allowance)

    assert charge(rate, quantity, before=before, allowance=allowance) == sum(step.amount for step in steps)
    assert all(abs(step.quantity * step.unit_price - step.amount) <= SMALLEST for step in steps)
    if rate.model in ("unit", "percentage", "graduated", "volume"):
        assert quantity == sum(step.quantity for step in steps if "flat fee" not in step.text)


@pytest.mark.parametrize(
    ("what", "quantity", "before", "allowance", "expected"),
    [
        ("Professional calls", "62500", "0", "50000",
         ["included: 50000", "started packages of 10,000: 2 x 10 = 20"]),
        ("Managed Professional", "1", "0", "0", ["flat fee: 1 x 799 = 799"]),
        ("training partner", "20000", "0", "0", ["share of the amount: 20000 x 0.4 = 8000"]),
        ("hybrid", "300000", "1900000", "0",
         ["units up to 2,000,000: 100000 x 0.2 = 20000",
          "units above 2,000,000 up to 5,000,000: 200000 x 0.15 = 30000"]),
        ("hybrid", "300000", "5000000", "0", ["units above 5,000,000: 300000 x 0.1 = 30000"]),
        ("OEM Startup", "130", "0", "0",
         ["units up to 100: 100 x 0 = 0", "flat fee for units up to 100: 1 x 150000 = 150000",
          "units above 100: 30 x 1000 = 30000"]),
        ("Advanced class", "2", "3", "0",
         ["less units up to 4: -3 x 2499 = -7497", "units above 4: 5 x 1999 = 9995"]),
        ("Advanced class", "0", "3", "0", []),
    ],
)  # fmt: skip
def test_an_explanation_reads_like_the_price_list(
    what: str, quantity: str, before: str, allowance: str, expected: list[str]
) -> None:
    """One step for each tier that counts, in the order of the price list."""
    steps = explain(RATES[what], Decimal(quantity), before=Decimal(before), allowance=Decimal(allowance))

    assert expected == [shown(step) for step in steps]


def shown(step: Step) -> str:
    """A step as one line."""
    quantity, unit_price, cost = (f"{number.normalize():f}" for number in step[1:])
    return f"{step.text}: {quantity}" + ("" if step.text == "included" else f" x {unit_price} = {cost}")
