"""Guards: conditions read, held against two ledgers worked by hand, and who breaks them.

Small pays $220 in two months and large $1,800 (with 10 % off); at $120 a seat they pay $260 and $2,160.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from analytics import guard
from analytics.comparison import Comparison
from analytics.condition import MEASURED, Measure, parse, parse_measure
from metering.document import Problems
from tests.analytics.test_comparison import BOOK, DEARER, FACTS, compared

D = Decimal


@pytest.fixture(scope="module")
def dearer(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Seats cost $120 instead of $100."""
    return compared(tmp_path_factory.mktemp("dearer"), BOOK, DEARER)


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Nothing changes."""
    return compared(tmp_path_factory.mktemp("same"), BOOK, BOOK)


def worth(found: Comparison, text: str) -> Decimal | None:
    """Return what a measure comes to."""
    return guard.measure(found, parse_measure(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("revenue", D(2420)),
        ("revenue_before", D(2020)),
        ("revenue_delta", D(400)),
        ("revenue_change", D(400) / D(2020)),
        ('billed{segment="smb"}', D(260)),
        ("billed{segment='smb'|'enterprise'}", D(2420)),
        ('billed{month="2026-02"}', D(1200)),  # 1 and 10 seats, these less 10 %; the usage was in January
        ('billed_delta{account="large", month="2026-01"}', D(180)),
        ("payouts_change", D("0.2")),
        ("committed_mrr_delta", D(200)),
        ("nrr", None),
        ("nrr_change", D(0)),
        ("gross_margin", D(1)),
        ("gross_margin_delta", D(0)),
        ('invoice{account="small", month="2026-01"}', D(140)),
        ('invoice_before{account="small", month="2026-01"}', D(120)),
        ("max_bill_increase", D("0.2")),
        ('max_bill_increase{segment="smb"}', D(40) / D(220)),
        ('max_bill_increase{plan="pro", month="2026-02"}', D("0.2")),
        ("p5_bill_increase", D(40) / D(220)),
        ("p95_bill_increase", D("0.2")),
        ("max_invoice_increase", D("0.2")),
        ("bills_up_10", D(2)),
        ("bills_up_20", D(0)),
        ("bills_up_50", D(0)),
    ],
)
def test_a_measure_is_what_a_calculation_by_hand_gives(dearer: Comparison, text: str, value: Decimal) -> None:
    """$440 more for seats, $40 of it off by large's discount; NRR needs a year that is not there."""
    assert value == worth(dearer, text)


@pytest.mark.parametrize("name", [name for name in MEASURED if not name.startswith("invoice")])
def test_every_measure_can_be_measured(dearer: Comparison, same: Comparison, name: str) -> None:
    """No name of the language is empty; of A against A each change is zero."""
    worth(dearer, name)
    if parse_measure(name).suffix in ("_change", "_delta") or "bill" in name.removeprefix("billed"):
        assert worth(same, name) == 0


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("revenue_change >= -2%", True),
        ("revenue_change <= 15%", False),
        ('max_bill_increase{segment="smb"} <= 15%', False),
        ("max_bill_increase <= 20%", True),
        ("max_bill_increase < 20%", False),
        ("bills_up_10 == 2", True),
        ("bills_up_10 != 2", False),
        ("revenue > 2_419.99", True),
        ("nrr >= 100%", False),  # there is nothing to measure, so nothing holds
        ("nrr < 100%", False),
        ('invoice{account="small", month="2026-01"} == 140.00', True),
        ('invoice{account="small", month="2026-01"} == 140.01', False),
    ],
)
def test_a_guard_holds_or_does_not(dearer: Comparison, text: str, holds: bool) -> None:
    """What must hold holds; what to fail on is the same the other way round, unless nothing is measured."""
    verdict = guard.check(dearer, text)

    assert holds is verdict.holds is bool(verdict)
    assert verdict.measured is None or holds is not guard.check(dearer, text, fail_if=True).holds
    assert holds == (not verdict.offenders) or verdict.measured is None


def test_a_verdict_names_the_customers_and_their_lines(dearer: Comparison) -> None:
    """Large's bill rises by 20 %, most by its seats; small's rises by less than 19 %."""
    verdict = guard.check(dearer, "max_bill_increase <= 19%", name="no shock")

    assert (verdict.name, verdict.measured, verdict.bound) == ("no shock", D("0.2"), D("0.19"))
    [offender] = verdict.offenders
    assert offender[:8] == ("large", "Large", "enterprise", "", D(1800), D(2160), D(360), D("0.2"))
    assert [(line.price, line.kind, line.cause, line.change) for line in offender.lines] == [
        ("seats", "recurring", "price", D(400)),
        ("seats", "discount", "discount", D(-40)),
    ]
    assert str(verdict).splitlines() == [
        "failed: no shock: max_bill_increase <= 19% (measured 20 %, bound 19 %)",
        "  large (enterprise): 1,800.00 -> 2,160.00, +360.00 (20 %)",
        "    pro seats (recurring, price): 2,000.00 -> 2,400.00, +400.00",
        "    pro seats (discount, discount): -200.00 -> -240.00, -40.00",
    ]


def test_a_sum_that_rose_too_much_is_due_to_those_who_pay_more(dearer: Comparison) -> None:
    """Of a bound from above those who pay more are to blame, the largest first; of one from below nobody."""
    above = guard.check(dearer, "billed_delta <= 100")
    below = guard.check(dearer, "billed_delta >= 1000")

    assert ["large", "small"] == [one.account for one in above.offenders]
    assert not below.offenders
    assert not below.holds


def test_one_invoice_is_named_with_its_month(dearer: Comparison) -> None:
    """Of single invoices the month is said, and only its lines."""
    verdict = guard.check(dearer, "max_invoice_increase <= 18%")

    assert [("large", "2026-01"), ("large", "2026-02"), ("small", "2026-02")] == sorted(
        (one.account, one.month) for one in verdict.offenders
    )
    assert D(1000) == verdict.offenders[0].lines[0].before


def test_a_bill_from_nothing_rises_without_end(tmp_path: Path) -> None:
    """Who paid nothing and now pays breaks every bound; who came only later does not."""
    free = BOOK.replace("unit_price = 100", "unit_price = 0")
    late = FACTS + "2026-02-01 late account.signed_up Late l@example.com smb web\n"
    late += "2026-02-01 late subscription.started late-1 pro\n"
    found = compared(tmp_path, free, BOOK, FACTS, later=late)
    verdict = guard.check(found, "max_bill_increase <= 1000%")

    assert not verdict.holds
    assert verdict.measured == D("Infinity")
    assert ["large"] == [one.account for one in verdict.offenders]
    assert "from nothing" in str(verdict)
    assert worth(found, "bills_up_50") == 2  # small paid for calls before; late is new


def test_all_guards_hold_of_the_same_prices(same: Comparison) -> None:
    """A against A: nothing changes, so nothing is broken."""
    texts = ("revenue_change >= 0%", "max_bill_increase <= 0%", "bills_up_10 <= 0", "nrr_delta == 0")

    assert all(guard.check_all(same, [guard.Guard(text, parse(text)) for text in texts]))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "begins with no measure"),
        ("revnue_change < 2%", "did you mean 'revenue_change'"),
        ("revenue", "compares nothing"),
        ("revenue <", "has no number"),
        ("revenue < smb", "has no number"),
        ("revenue < 3 < 4", "goes on with '<'"),
        ("revenue < 3 and nrr > 2", "goes on with 'and'"),
        ("revenue = 3", "compares nothing"),
        ("revenue{} < 3", "cannot filter by"),
        ('revenue{segmnt="smb"} < 3', "did you mean 'segment'"),
        ("revenue{segment=smb} < 3", "in quotes"),
        ("revenue{segment} < 3", "does not say which segment"),
        ('revenue{segment="smb" < 3', "not closed"),
        ('invoice{account="small"} == 3', "of which month"),
        ('nrr{plan="pro"} > 1', "cannot be filtered by plan"),
        ("__import__('os') < 3", "cannot be read at"),
        ("revenue < $3", "cannot be read"),
        ("revenue < 1e9", "goes on with 'e9'"),
        (f"revenue < {'1' * 2000}", "more than 1000 letters"),
    ],
)
def test_what_is_no_condition_is_said_with_its_remedy(text: str, says: str) -> None:
    """A condition that cannot be read is the user's mistake, and never a condition that holds."""
    with pytest.raises(Problems) as wrong:
        parse(text)

    [problem] = wrong.value.problems
    assert says in str(problem)
    assert problem.remedy


def test_a_filter_that_nobody_matches_is_a_mistake(dearer: Comparison) -> None:
    """A guard for a segment with a typing error would always hold."""
    for text in (
        'billed{segment="smbb"} < 1',
        'max_bill_increase{account="smal"} < 1',
        'billed{month="2027-01"} < 1',
    ):
        with pytest.raises(Problems, match="there is no"):
            guard.check(dearer, text)


@pytest.mark.parametrize(
    "text",
    [
        "revenue_change >= -2%",
        'max_bill_increase{segment="smb", plan="pro"} <= 15.5%',
        'billed{segment="smb"|"enterprise"} != 3',
    ],
)
def test_a_measure_is_written_as_it_is_read(text: str) -> None:
    """What a measure is written as is that measure again."""
    measure = parse(text).measure

    assert measure == parse_measure(str(measure))
    assert isinstance(measure, Measure)


def files(directory: Path) -> Iterator[tuple[Path, str]]:
    """Yield bad files of guards with what is said of them."""
    for number, (text, says) in enumerate(
        (
            ("", "has no guards"),
            ("[guards]\n", "has no guards"),
            ("[guard]\na = 'revenue > 1'", "did you mean 'guards'"),
            ("guards = 3", "has no guards"),
            ("[guards]\na = 3", "guards.a: 3: is no text"),
            ("[guards]\na = 'revnue > 1'\nb = 'revenue >'", "guards.b"),
        )
    ):
        path = directory / f"{number}.toml"
        path.write_text(text)
        yield path, says


def test_a_file_of_guards_is_read_whole(tmp_path: Path) -> None:
    """Every guard of a file by its name; all that is wrong with another file at once."""
    good = tmp_path / "guards.toml"
    good.write_text(
        '[guards]\nrevenue = "revenue_change >= -2%"\nsmb = \'bills_up_10{segment="smb"} <= 1\'\n'
    )

    assert ["revenue", "smb"] == [one.name for one in guard.load(good)]
    counts = []
    for path, says in files(tmp_path):
        with pytest.raises(Problems) as wrong:
            guard.load(path)
        assert says in str(wrong.value), path.read_text()
        counts.append(len(wrong.value.problems))
    assert counts == [1, 1, 2, 1, 1, 2]
