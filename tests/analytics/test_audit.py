"""Audits of plans that nobody has seen: what is wrong is found with its cause, what is right is not."""

import random
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import pytest

from analytics import plan_file
from analytics.audit import audit
from tests.analytics.plans import YEARS, findings, near, plan, wrong

BAKERY = """
[drivers]
shops = { values = { q1 = 2, q2 = 3, q3 = 3, q4 = 4, y2 = 6, y3 = 9 } }
loaves = { values = { q1 = 1_000, q2 = 1_000, q3 = 1_200, q4 = 1_500, y2 = 1_600, y3 = 2_000 } }
price = { values = { q1 = "$4", q2 = "$4", q3 = "$4", q4 = "$4", y2 = "$4.50", y3 = "$5" } }
classes = { values = { y1 = 12, y2 = 30, y3 = 40 } }
seat = { value = "$80" }

[figures]
bread.formula = "months * shops * loaves * price"
bread.adds_up = true
bread.printed.q1 = "$24,000"
bread.printed.q2 = "$36,000"
bread.printed.q3 = "$43,200"
bread.printed.q4 = "$72,000"
bread.printed.y1 = "$175,200"
bread.printed.y2 = "$518,400"
bread.printed.y3 = "$1.08M"
teaching = { formula = "classes * 10 * seat", printed = { y1 = "$9,600", y2 = "$24K", y3 = "$32K" } }
revenue = { total_of = ["bread", "teaching"], printed = { y1 = "$184,800", y2 = "$542,400", y3 = "$1.1M" } }
growth = { growth_of = "revenue", printed = { y2 = "194%", y3 = "105%" } }
multiple = { multiple_of = "bread", printed = { y2 = "2.96x" } }
cagr = { cagr_of = "revenue", since = "y1", printed = { y3 = "145%" } }
share_bread = { share_of = ["bread", "revenue"], printed = { y1 = "94.8%", y2 = "95.6%" } }
share_teaching = { share_of = ["teaching", "revenue"], printed = { y1 = "5.2%", y2 = "4.4%" } }
cautious = { case_of = "bread", where = { shops = 5 }, printed = { y3 = "$600K" } }
range = { printed = { y3 = "$1M-1.2M" } }
outlook = { formula = "revenue", within = { y3 = "range" }, printed = { y3 = "$1.11M" } }

[claims]
small = { holds = "revenue.y1 < 200_000 <= revenue.y2" }
"""
"""A plan in which all is right: worked out by hand, and printed with more or fewer digits."""


def test_a_right_plan_is_left_alone() -> None:
    """Everything follows; what is printed with few digits is said to be rounded, and nothing is wrong."""
    found = audit(plan(BAKERY))

    assert [] == found.of("wrong")
    assert ["revenue.y3", "growth.y2", "growth.y3", "multiple.y2", "cagr.y3"] == [
        one.at for one in found.of("rounded") if one.check in ("total", "growth", "multiple", "cagr")
    ]
    assert 24 == found.figures
    assert 1 == found.claims


@pytest.mark.parametrize(
    ("printed", "instead", "found"),
    [
        ('q3 = "$43,200"', 'q3 = "$43,300"', ("formula", "bread.q3", 43_200)),
        ('y1 = "$175,200"', 'y1 = "$165,200"', ("periods", "bread.y1", 175_200)),
        ('y3 = "$1.08M"', 'y3 = "$1.18M"', ("formula", "bread.y3", 1_080_000)),
        ('y2 = "$542,400"', 'y2 = "$545,400"', ("total", "revenue.y2", 542_400)),
        ('y2 = "194%"', 'y2 = "200%"', ("growth", "growth.y2", pytest.approx(542_400 / 184_800 - 1))),
        ('y2 = "2.96x"', 'y2 = "3.1x"', ("multiple", "multiple.y2", pytest.approx(518_400 / 175_200))),
        ('y3 = "145%"', 'y3 = "82%"', ("cagr", "cagr.y3", pytest.approx((1_112_000 / 184_800) ** 0.5 - 1))),
        ('y1 = "94.8%"', 'y1 = "95.8%"', ("share", "share_bread.y1", pytest.approx(175_200 / 184_800))),
        ('y3 = "$600K"', 'y3 = "$650K"', ("case", "cautious.y3", 600_000)),
        ('y3 = "$1M-1.2M"', 'y3 = "$0.5M-0.9M"', ("range", "outlook.y3", (500_000, 900_000))),
        ("revenue.y1 < 200_000", "revenue.y1 < 150_000", ("claim", "small", None)),
    ],
)
def test_one_wrong_figure_is_found(printed: str, instead: str, found: tuple[object, ...]) -> None:
    """Whatever is changed, that is what is named; all else is right, or follows from it."""
    assert 1 == BAKERY.count(printed)

    changed = findings(BAKERY.replace(printed, instead))
    own = [one for one in changed if not one.follows and one.check != "shares"]

    assert [found] == [row for row in wrong(BAKERY.replace(printed, instead)) if row[1] == own[0].at]
    assert 1 == len(own)


def test_what_follows_from_a_wrong_figure_names_it() -> None:
    """The growth of a wrong total is right for what is printed, so the mistake is the total's."""
    text = BAKERY.replace('y2 = "$542,400"', 'y2 = "$642,400"').replace('y2 = "194%"', 'y2 = "248%"')

    assert [("revenue.y2", ()), ("growth.y2", ("revenue.y2",))] == [
        (one.at, one.follows) for one in findings(text) if one.check in ("total", "growth")
    ]


@pytest.mark.parametrize(
    ("printed", "kind"),
    [
        ("$12,345", ""),
        ("$12.3K", "rounded"),
        ("$12K", "rounded"),
        ("$12.4K", "wrong"),
        ("$13K", "wrong"),
        ("$10K", "wrong"),
        ("12,345.0", ""),
        ("12,346", "wrong"),
        ("$0.01M", "rounded"),
        ("$12K+", ""),
        ("$12.4K+", "wrong"),
        ("<$13K", ""),
        ("<$12K", "rounded"),
        ("<$11K", "wrong"),
        ("$12K-13K", "wrong"),
    ],
)
def test_a_figure_stands_for_all_that_rounds_to_it(printed: str, kind: str) -> None:
    """12,345 is printed as $12.3K or $12K, not as $12.4K, nor as $10K with five digits of zeros missing."""
    found = audit(plan(f'[figures]\na = {{ formula = "5 * 2_469", printed = "{printed}" }}')).findings

    assert [kind] * bool(kind) == [one.kind for one in found]


@pytest.mark.parametrize("printed", ["$2M", "$3M"])
def test_at_a_tie_either_neighbour_is_right(printed: str) -> None:
    """Some round 2.5 up, some to the even digit; both are honest."""
    assert [] == wrong(f'[figures]\na = {{ formula = "2_500_000", printed = "{printed}" }}')


def test_parts_that_were_rounded_before_they_were_added_are_no_mistake() -> None:
    """1.4 + 1.4 is printed as 1 + 1 = 3 by who adds first, as 2 by who rounds first; 4 is wrong."""
    text = """
    [drivers]
    x = {{ value = 1.4 }}
    [figures]
    a = {{ formula = "x", printed = 1 }}
    b = {{ formula = "x", printed = 1 }}
    total = {{ total_of = ["a", "b"], printed = {total} }}
    """

    for total in (2, 3):
        assert [] == wrong(text.format(total=total))
        assert ["a", "b", "total"] == near(text.format(total=total))
    assert [("total", "total", 2.8)] == wrong(text.format(total=4))


def test_what_is_only_printed_is_no_better_known_than_its_digits() -> None:
    """From $1M to $4M the growth may be 200 %, but not 700 %."""
    text = """
    [figures]
    sales = {{ printed = {{ y1 = "$1M", y2 = "$4M" }} }}
    growth = {{ growth_of = "sales", printed = {{ y2 = "{growth}" }} }}
    """

    assert [] == wrong(text.format(growth="200%"))
    assert [("growth", "growth.y2", 3.0)] == wrong(text.format(growth="900%"))


def test_ranges_are_worked_out_end_by_end() -> None:
    """30 projects of $100K-150K and ten retainers are $4.8-6.3M, not $3-5M."""
    text = """
    [drivers]
    project = {{ value = "$100K-150K" }}
    [figures]
    target = {{ formula = "30 * project + 10 * 12 * 15_000", printed = "{target}" }}
    """

    assert [("formula", "target", (4_800_000, 6_300_000))] == wrong(text.format(target="$3M-5M"))
    assert [] == wrong(text.format(target="$4.8M-6.3M"))


SHARES = """
[figures]
a = { printed = { y1 = 500 } }
b = { printed = { y1 = 300 } }
c = { printed = { y1 = 200 } }
total = { total_of = ["a", "b", "c"], printed = { y1 = 1_000 } }
of_a = { share_of = ["a", "total"], printed = { y1 = "50%" } }
of_b = { share_of = ["b", "total"], printed = { y1 = "30%" } }
"""


@pytest.mark.parametrize(
    ("of_c", "found"),
    [
        ("20%", []),
        ("30%", [("share", "of_c.y1", 0.2), ("shares", "total.y1", 1.1)]),
    ],
)
def test_shares_of_one_whole_add_up(of_c: str, found: list[object]) -> None:
    """Where every part of a total has a share, the shares are checked together, without being told."""
    assert found == wrong(SHARES + f'of_c = {{ share_of = ["c", "total"], printed = {{ y1 = "{of_c}" }} }}')


def test_shares_of_a_part_of_the_whole_need_not_add_up() -> None:
    """Two of three shares are 80 %: that is no mistake."""
    assert [] == wrong(SHARES)


def test_the_wrong_whole_of_a_table_of_shares_is_worked_out() -> None:
    """Shares of 800 instead of 1,000: each is wrong, and all are right of about 800."""
    shares = {"a": "62.5%", "b": "37.5%", "c": "25.0%"}
    head, _, _ = SHARES.partition("of_a")
    text = head + "\n".join(
        f'of_{part} = {{ share_of = ["{part}", "total"], printed = {{ y1 = "{share}" }} }}'
        for part, share in shares.items()
    )

    found = [one for one in findings(text) if one.check == "share"]
    assert ["every share is right of total = about 800, not 1,000"] * 3 == [one.cause for one in found]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            """
            [drivers]
            n = { values = { y1 = 10, y2 = 20 } }
            p = { values = { y1 = 7, y2 = 9 } }
            [figures]
            a = { formula = 'n * p', printed = { y1 = 70, y2 = 140 } }
            """,
            "p of y1, 7, gives 140",
        ),
        (
            """
            [figures]
            a = { printed = 10 }
            b = { printed = 25 }
            c = { printed = 31 }
            t = { total_of = ['a', 'b', 'c'], printed = 41 }
            """,
            "without b it is 41",
        ),
        (
            """
            [figures]
            a = { printed = 10 }
            b = { printed = 25 }
            c = { printed = 31 }
            t = { total_of = ['a', 'b', 'c'], printed = 76 }
            """,
            "with twice a it is 76",
        ),
        (
            """
            [figures]
            a = { printed = { y1 = 100, y2 = 300, y3 = 800 } }
            g = { cagr_of = 'a', since = 'y1', printed = { y3 = '100%' } }
            """,
            "over 3 years it is 100%",
        ),
        (
            """
            [drivers]
            devices = { value = '25M' }
            royalty = { value = 0.60 }
            [figures]
            a = { formula = '7_500_000 + devices * royalty', printed = '$30M' }
            """,
            "devices of 37,500,000, not 25,000,000, or royalty of 0.9, not 0.6, gives $30M",
        ),
        (
            """
            [drivers]
            x = { value = 17 }
            y = { value = 19 }
            [figures]
            a = { formula = 'x * y', printed = 331 }
            """,
            "",
        ),
        (
            """
            [figures]
            a = { printed = { y1 = 100, y2 = 250 } }
            g = { growth_of = 'a', printed = { y2 = '250%' } }
            """,
            "250% is the multiple, not the growth",
        ),
        (
            """
            [figures]
            a = { formula = '7 * 1_300', printed = '$109,200' }
            """,
            "12 times that is $109,200",
        ),
        (
            """
            [figures]
            a = { formula = '7_100 * 1_300', printed = '$9.23K' }
            """,
            "that divided by 1000 is $9.23K",
        ),
    ],
    ids=["period", "without", "twice", "years", "needed", "none", "multiple", "months", "thousands"],
)
def test_the_cause_is_looked_for_by_trying(text: str, cause: str) -> None:
    """A price of last year, a row left out or counted twice, a year too many, the driver that would do."""
    assert [cause] == [one.cause for one in findings(text)]


def test_what_was_moved_between_two_rows_is_seen() -> None:
    """Both rows are wrong by the same amount, and their total is right."""
    found = findings("""
    [figures]
    fees = { formula = "60 + 50", printed = 140 }
    ads = { formula = "70", printed = 40 }
    total = { total_of = ["fees", "ads"], printed = 180 }
    """)

    assert [
        ("fees", "it has too much the 30 that ads lacks"),
        ("ads", "it lacks the 30 that fees has too much"),
    ] == [(one.at, one.cause) for one in found]


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        ("one == other", True),  # $1M and $1.4M may both be 1.4 million
        ("one == 2_000_000", False),
        ("one <= 400_000", False),
        ("one < other <= 1_500_000", True),
        ("other in span", True),
        ("outside in span", False),
        ("span == other_span", False),
        ("span == span", True),
        ("span.low >= 1_000_000", True),
        ("span.high > 2_100_000", False),
        ("rate == 0.5", True),
        ("rate * 2 in span / 1_000_000", True),
    ],
)
def test_a_claim_is_held_against_what_is_printed(claim: str, holds: bool) -> None:
    """Where the digits leave it open, a claim holds; where they do not, it is a contradiction."""
    found = wrong(f"""
    [figures]
    one = {{ printed = "$1M" }}
    other = {{ printed = "$1.4M" }}
    outside = {{ printed = "$2.4M" }}
    span = {{ printed = "$1.0M-2.0M" }}
    other_span = {{ printed = "$1.0M-3.0M" }}
    rate = {{ printed = "50%" }}
    [claims]
    said = {{ holds = "{claim}" }}
    """)

    assert [("claim", "said", None)] * (not holds) == found


def test_a_contradiction_shows_its_figures() -> None:
    """What is said, with the numbers as they are printed, and where."""
    found = findings("""
    [figures]
    here = { printed = { y1 = "$4,100,000" } }
    there = { printed = { y1 = "$2.7M" } }
    [claims]
    same = { holds = "here == there", periods = ["y1"], says = "one revenue", source = "A:1, A:2" }
    """)

    assert [("same.y1", "$4,100,000 == $2.7M", "one revenue", "A:1, A:2")] == [
        (one.at, one.working, one.says, one.source) for one in found
    ]


def test_the_formula_is_shown_with_its_numbers() -> None:
    """Through figures that are not printed, in the document's own manner for shares."""
    found = findings("""
    [drivers]
    people = { value = 25 }
    hours = { value = "2,000" }
    busy = { value = "75%" }
    [figures]
    worked = { formula = "hours * busy" }
    fees = { formula = "people * worked * (100 + 20)", printed = "$6M", source = "A:9" }
    """)

    assert [("fees", "25 × 2,000 × 75% × (100 + 20)", "A:9")] == [
        (one.at, one.working, one.source) for one in found
    ]


def test_a_table_in_csv_is_audited_as_any_plan() -> None:
    """The line of a wrong figure is that of the table, if it names no other."""
    text = "figure,period,value,printed,formula\nn,Y1,10,,\nn,Y2,20,,\nprice,,5,,\n"
    text += "sales,Y1,,50,n * price\nsales,Y2,,110,n * price\n"

    found = audit(plan_file.from_csv(text, "table.csv")).of("wrong")

    assert [("sales.y2", "table.csv:6")] == [(one.at, one.source) for one in found]


@pytest.mark.parametrize("seed", range(25))
def test_random_plans_printed_honestly_are_never_wrong(seed: int) -> None:
    """Figures are worked out here in plain Decimals and printed with few digits; a wrong digit is found."""
    chance = random.Random(seed)
    drivers = {f"d{n}": Decimal(chance.randint(1, 5_000)) for n in range(6)}
    values, formulas = dict(drivers), {}
    for n in range(12):
        one, two, three = (chance.choice(sorted(values)) for _ in range(3))
        sign, operation = chance.choice([("+", Decimal.__add__), ("*", Decimal.__mul__)])
        formulas[f"f{n}"] = f"{one} {sign} {two} + {three}"
        values[f"f{n}"] = operation(values[one], values[two]) + values[three]
    rounding = chance.choice([ROUND_HALF_UP, ROUND_HALF_EVEN])
    head = "[drivers]\n" + "".join(f"{name} = {{ value = {value} }}\n" for name, value in drivers.items())
    printed = {name: short(values[name], chance.randint(0, 2), rounding) for name in formulas}
    lie = chance.choice(sorted(formulas))

    def told(name: str, text: str) -> str:
        return f'{name} = {{ formula = "{formulas[name]}", printed = "{text}" }}\n'

    rows = "[figures]\n" + "".join(told(name, text) for name, text in printed.items())
    doubled = rows.replace(told(lie, printed[lie]), told(lie, short(values[lie] * 2, 2, rounding)))

    assert [] == audit(plan_file.loads(YEARS + head + rows)).of("wrong")
    assert [lie] == [one.at for one in audit(plan_file.loads(YEARS + head + doubled)).of("wrong")]


def short(value: Decimal, places: int, rounding: str) -> str:
    """Print a number with the letter that goes with its size, and so many places."""
    for letter, size in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if value >= size:
            return f"${(value / size).quantize(Decimal(1).scaleb(-places), rounding)}{letter}"
    return f"{value:f}"
