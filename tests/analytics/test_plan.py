"""Plans: what their files say, what formulas come to, and every mistake with its place, value and remedy."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from analytics import plan_file
from analytics.printed import parse
from analytics.recomputation import Recomputation, number
from metering.document import Problems
from tests.analytics.plans import YEARS, plan

SHOP = """
[drivers]
customers = { values = { q1 = 10, q2 = 20, q3 = 30, q4 = 40, y1 = 40, y2 = "1.2K", y3 = 3_000 } }
price = { value = "$99" }
discount = { value = "10%" }
project = { value = "$100K-150K" }
[figures]
revenue.formula = "months * customers * price"
revenue.adds_up = true
revenue.printed = { q1 = 2_970, q2 = 5_940, q3 = 8_910, q4 = 11_880, y1 = 29_700 }
"""


@pytest.mark.parametrize(
    ("text", "low", "high", "step"),
    [
        ("$1.3M", "1300000", "1300000", "100000"),
        ("119,000", "119000", "119000", "1"),
        ("50.7%", "0.507", "0.507", "0.001"),
        ("3.60x", "3.6", "3.6", "0.01"),
        ("6.7:1", "6.7", "6.7", "0.1"),
        ("$3-5M", "3000000", "5000000", "1000000"),
        ("$500K–1M", "500000", "1000000", "1000"),
        ("15-25%", "0.15", "0.25", "0.01"),
        ("$10M+", "10000000", "10000000", "1000000"),
        ("<$25,000", "25000", "25000", "1"),
        ("-50%", "-0.5", "-0.5", "0.01"),
        ("€2 billion", "2000000000", "2000000000", "1000000000"),
        ("$250/hr", "250", "250", "1"),
        ("$3M to $5M", "3000000", "5000000", "1000000"),
        (119_000, "119000", "119000", "1"),
        (Decimal("0.50"), "0.5", "0.5", "0.01"),
    ],
)
def test_a_printed_figure_is_read_with_its_precision(text: object, low: str, high: str, step: str) -> None:
    """The last digit that is printed says what the figure stands for."""
    found = parse(text)

    assert (Fraction(low), Fraction(high), Fraction(step)) == (found.low, found.high, found.low_step)


@pytest.mark.parametrize(
    "text",
    ["", "a lot", "1,2", "12 apples and 3 pears", "5M-3M", "1" * 70, True, 1.5, Decimal("1e999999999")],
)
def test_what_is_no_figure_is_refused(text: object) -> None:
    """A word, a comma in the wrong place, a range the wrong way round: none of them is guessed at."""
    with pytest.raises(ValueError, match=r"figure|range"):
        parse(text)


@pytest.mark.parametrize(
    ("formula", "period", "value"),
    [
        ("12 * customers * price", "y2", "1425600"),
        ("customers * price", "q1", "990"),
        ("customers.y3 - customers.y2", "", "1800"),
        ("customers - customers.before", "y3", "1800"),
        ("customers / customers.before", "q2", "2"),
        ("sum(customers)", "y1", "100"),
        ("sum(customers.q1, customers.q2, 1)", "y1", "31"),
        ("months * price", "q1", "297"),
        ("months.y2 * price", "", "1188"),
        ("max(customers.q1, customers.q4) - min(customers.q1, 5)", "", "35"),
        ("price * (1 - discount)", "", "89.1"),
        ("(1 + discount) ** 3", "", "1.331"),
        ("root(customers.q4 / customers.q1, 2) - 1", "", "1"),
        ("project.low + project.high", "", "250000"),
        ("-customers.q1 + 0.5", "", "-9.5"),
        ("revenue", "y1", "29700"),
        ("revenue", "y2", "1425600"),
        ("7", "", "7"),
        ("2 * 3 - 4 / 5", "", "5.2"),
    ],
)
def test_a_formula_comes_to_its_value(formula: str, period: str, value: str) -> None:
    """Names stand for the period at hand, another one, the one before, the parts of it, or all periods."""
    assert Decimal(value) == number(plan(SHOP), formula, period)


@pytest.mark.parametrize(
    ("formula", "period", "message"),
    [
        ("customers *", "y1", "no formula"),
        ("custmers * price", "y1", "no driver or figure 'custmers'; did you mean 'customers'?"),
        ("customers.y9", "", "no period 'y9'"),
        ("customers", "", "'customers' has no value for all periods"),
        ("customers.before", "y1", "there is no period of the same length before y1"),
        ("sum(customers)", "q1", "sum(customers) needs periods that fill q1"),
        ("price / (customers - customers)", "y1", "divides by zero"),
        ("project", "", "is a range, 100,000 to 150,000; name an end"),
        ("1 / 3", "", "comes to no whole decimal"),
        ("root(0 - price, 2)", "", "takes the root of a negative number"),
        ("__import__('os')", "", "there is no function '__import__'"),
        ("price.y1.y2", "", "names two periods"),
        ("price if 1 else 2", "", "has no meaning here"),
        ("[price]", "", "has no meaning here"),
        ("'price'", "", "has no meaning here"),
        ("price ** price", "", "is no exponent"),
        ("1e3", "", "is no plain number"),
        ("sum()", "", "sum takes values"),
        ("root(price)", "", "root takes a value and a number"),
        ("abs(price)", "", "there is no function 'abs'"),
        ("+".join(["price"] * 400), "", "letters"),
        ("+".join(["1"] * 400), "", "parts within each other"),
        ("-" * 400 + "1", "", "parts within each other"),
        ("price" + ".low" * 200, "", "is no name"),
        ("[" * 150 + "]" * 150, "", "has no meaning here"),
        ("(" * 300 + "1" + ")" * 300, "", "no formula"),
    ],
)
def test_a_formula_that_cannot_be_worked_out_says_why(formula: str, period: str, message: str) -> None:
    """Nothing is run, nothing is guessed: what is wrong is named."""
    with pytest.raises(Problems) as caught:
        number(plan(SHOP), formula, period)

    assert message in str(caught.value)


def test_numbers_beyond_measure_are_problems() -> None:
    """A tower of powers ends with a message, not with the memory."""
    tower = "\n".join(f'f{n} = {{ formula = "f{n - 1} ** 60" }}' for n in range(1, 9))

    with pytest.raises(Problems, match="comes to a number of more than a thousand digits"):
        Recomputation(
            plan(f'[figures]\nf0 = {{ formula = "99" }}\n{tower}\nend = {{ formula = "f8", printed = 1 }}')
        )


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            """
            [figures]
            a = { formula = 'b + 1', printed = 1 }
            b = { formula = 'c' }
            c = { formula = '2 * a' }
            """,
            ["figures.a: depends on itself: a -> b -> c -> a; print one without a formula"],
        ),
        (
            """
            [figures]
            a = { formula = '1 +', printed = 1 }
            b = { formula = 'd', printed = 1 }
            """,
            [
                "figures.a.formula: '1 +' is no formula; write it like 12 * customers * price",
                "figures.b.formula: no driver or figure 'd'; known: a, b",
            ],
        ),
        (
            """
            [drivers]
            a = { value = 1 }
            b = { values = { y7 = 1 } }
            [figures]
            a = { printed = 1 }
            """,
            [
                "figures.a: is a driver and a figure; name one otherwise",
                "drivers.b.values: no period 'y7'; known: q1, q2, q3, q4, y1, y2, y3",
            ],
        ),
        (
            """
            [drivers]
            months = { value = 1 }
            lambda = { value = 1 }
            """,
            [
                "drivers.months: 'months' means something else in formulas; name it otherwise",
                "drivers.lambda: 'lambda' means something else in formulas; name it otherwise",
            ],
        ),
        (
            """
            [drivers]
            a = { }
            b = { value = 'much' }
            [figures]
            c = { formla = '1', printed = 1 }
            """,
            [
                "drivers.a: has no value; give 'value', or 'values' by period",
                "drivers.b.value: is no figure (got 'much'); write it like 119000, '$1.3M', '50.7%'",
                "figures.c.formla: unknown key; did you mean 'formula'?",
            ],
        ),
        (
            """
            [drivers]
            a = { value = 1 }
            [figures]
            b = { formula = '1', growth_of = 'a', printed = 1 }
            c = { cagr_of = 'a', printed = 1 }
            d = { }
            e = { case_of = 'b', printed = 1 }
            """,
            [
                "figures.b: is derived in 2 ways (formula, growth_of); keep one, print the other apart",
                "figures.c: 'cagr_of' and 'since' go together; give both",
                "figures.d: is neither printed nor derived; give 'printed', or one of formula",
                "figures.e: 'case_of' and 'where' go together; give both",
            ],
        ),
        (
            """
            [drivers]
            a = { values = { y1 = 1 } }
            [figures]
            b = { growth_of = 'a', printed = { y1 = 1 } }
            c = { total_of = ['a', 'x'], printed = { y1 = 1 } }
            d = { printed = { y2 = 1 }, within = 'e' }
            """,
            [
                "figures.b.growth_of: there is no period of the same length before y1",
                "figures.c.total_of: no driver or figure 'x'; known: a, b, c, d",
                "figures.d.within: no range 'e'",
            ],
        ),
        (
            """
            [drivers]
            a = { value = 1 }
            [claims]
            b = { holds = 'a + 1' }
            c = { holds = 'a == z' }
            d = { holds = 'a != 1' }
            e = { holds = 'a == 1', periods = ['y8'] }
            """,
            [
                "claims.b.holds: 'a + 1' compares nothing; write it like a == b, a <= b or a in b",
                "claims.c.holds: no driver or figure 'z'; known: a",
                "claims.d.holds: 'a != 1' compares in an unknown way",
                "claims.e.periods: no period 'y8'",
            ],
        ),
        (
            """
            [drivers]
            a = { value = 1 }
            z = { value = 0 }
            [figures]
            b = { formula = 'a / z', printed = 1 }
            c = { formula = 'b + 1', printed = 2 }
            d = { formula = 'a / (a - 1)', printed = { y1 = 1 } }
            """,
            [
                "figures.b: divides by zero; mend the formula or its drivers",
                "figures.d: divides by zero in y1; mend the formula or its drivers",
            ],
        ),
    ],
    ids=["circle", "formulas", "keys", "reserved", "model", "ways", "names", "claims", "zero"],
)
def test_every_mistake_is_told_at_once(text: str, messages: list[str]) -> None:
    """Each with its place and the remedy; what only depends on a mistake is not told again."""
    with pytest.raises(Problems) as caught:
        Recomputation(plan_file.loads(YEARS + text, "plan.toml"), "plan.toml")

    told = [str(problem) for problem in caught.value.problems]
    assert len(messages) == len(told), told
    for message in messages:
        assert any(line.startswith(f"plan.toml: {message}") for line in told), (message, told)


def test_a_period_knows_its_parts_and_the_one_before() -> None:
    """Quarters fill the first year; nothing fills the second."""
    made = plan("")

    assert ["q1", "q2", "q3", "q4"] == made.within("y1")
    assert [] == made.within("y2")
    assert ["y1", None, "q3"] == [made.before(period) for period in ("y2", "y1", "q4")]


CSV = """Figure,Period,Value,Printed,Formula,Source,Total of,Growth of,Claim
Customers,Q1 2026,10,,,sheet 1,,,
Customers,2026,100,,,sheet 1,,,
Customers,FY27,"1.2K",,,sheet 1,,,
Price,,$99,,,,,,
Licence revenue,2026,,"$118,800",12 * customers * price,sheet 2,,,
Licence revenue,FY27,,$1.4M,12 * customers * price,sheet 2,,,
Services,2026,,$10K,,,,,
Total,2026,,"$128,800",,,licence_revenue services,,
Growth,fy27,,"1,100%",,,,licence_revenue,
,2026,,,,,,,total <= 1_000_000
"""


def test_a_table_in_csv_is_a_plan() -> None:
    """Names and periods are as people write them; a plan in CSV is worked out as one in TOML."""
    made = plan_file.from_csv(CSV, "table.csv")

    assert {"q1_2026", "y2026", "fy27"} == set(made.periods)
    assert "y2026" == made.before("fy27")
    assert Decimal(1_425_600) == number(made, "licence_revenue", "fy27")
    assert "sheet 2" == made.figures["licence_revenue"].source_of("y2026")
    assert "table.csv:8" == made.figures["services"].source_of("y2026")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("figure,printd\na,1\n", "table.csv:1: there is no column 'printd'; did you mean 'printed'?"),
        ("printed\n1\n", "table.csv:1: there is no column 'figure'"),
        ("", "table.csv:1: there is no column 'figure'"),
        ("figure,printed,source\n,1,x\n", "table.csv:2: has no figure; name it in the column 'figure'"),
        ("figure,period,printed\na,some day,1\n", "table.csv:2: 'some day' is no period; write it like 2026"),
        ("figure,period,printed\na,2026,1\na,2026,2\n", "table.csv:3: a is given twice in 2026; remove one"),
        ("figure,value\na,1,2\n", "table.csv:2: has 3 cells under 2 heads; quote commas"),
        ("figure,value\na,1\na,2\n", "table.csv:3: a is given twice; remove one"),
        ('figure,printed\na,"1\n', "table.csv: is not valid CSV"),
        ("figure,printed,formula\na,1,b\n", "table.csv: figures.a.formula: no driver or figure 'b'"),
    ],
)
def test_a_table_that_is_no_plan_says_where(text: str, message: str) -> None:
    """Each problem of a table has its line."""
    with pytest.raises(Problems) as caught:
        plan_file.from_csv(text, "table.csv")

    assert str(caught.value).startswith(message)


def test_a_plan_is_read_by_the_name_of_its_file(tmp_path: Path) -> None:
    """What ends in .csv is a table, everything else TOML; what cannot be read is a problem."""
    (tmp_path / "a.csv").write_text("figure,printed\nRevenue,$1M\n", "utf-8")
    (tmp_path / "b.toml").write_text(YEARS + "[figures]\nrevenue = { printed = '$1M' }", "utf-8")

    for name in ("a.csv", "b.toml"):
        assert "$1M" == plan_file.load(tmp_path / name).figures["revenue"].printed[""].text
    with pytest.raises(Problems, match=r"missing\.toml: cannot be read"):
        plan_file.load(tmp_path / "missing.toml")
