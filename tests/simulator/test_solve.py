"""Solving for prices: what a run comes to as wanted, by a formula that can be worked out by hand."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analytics import guard
from analytics.comparison import compare
from analytics.condition import parse, parse_measure
from billing import price_book
from billing.rebilling import replay
from metering.document import Problems
from metering.extension import Layers
from simulator.__main__ import answer
from simulator.solve.number import ANY, Free, changed, free, only
from tests.simulator import toy

SEATS = "plans.team.prices.seats.unit_price"
CALLS = "plans.team.prices.calls.unit_price"

DATA: dict[str, Any] = {
    "name": "Shop",
    "plans": {
        "pro": {"prices": {"calls": {"unit_price": Decimal("0.010"), "allowance": 50_000, "model": "unit"}}},
        "max": {
            "prices": {"calls": {"tiers": [{"up_to": 10, "unit_price": 5}, {"unit_price": Decimal("2.5")}]}}
        },
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory in which the toy has been run, and a book that includes no calls."""
    place = tmp_path_factory.mktemp("solve")
    toy.publish(place / "scenario", place / "runs" / "toy")
    text = 'extends = "scenario/prices.toml"\n[plans.team.prices.calls]\nallowance = 0\n'
    (place / "other.toml").write_text(text, "utf-8")
    return place


@pytest.fixture
def there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work there."""
    monkeypatch.chdir(folder)
    return folder


def solved(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """Solve, and return what is told as JSON."""
    assert answer(["solve", "toy", *words, "--json"]) == code
    told: dict[str, Any] = json.loads(capsys.readouterr().out, parse_float=Decimal)
    return told


def billed(prices: Path | None = None) -> Decimal:
    """Return what the toy is billed, under its own book or another one."""
    return replay("runs/toy", prices).totals["billed"] if prices else replay("runs/toy").totals["billed"]


def test_a_price_that_everything_is_proportional_to_is_found_exactly(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seats are all that changes: +$62 of seats are 62 / (seats' months) more a seat, to the cent."""
    rows = replay("runs/toy").sql("select sum(amount) from invoice_lines where price = 'seats' and "
                                  "subscription = 'acme-1'")  # fmt: skip
    seats = Decimal(rows.item()) / 30
    told = solved(
        capsys, "--free", f"{SEATS}=20:60", "--target", f"billed_delta == {seats * 7}", "--tick", "1"
    )

    assert told["state"] == "solved"
    assert told["numbers"] == {SEATS: 37}


def test_a_policy_leaves_the_months_before_it_as_they_were(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From March on acme's seats alone make up for what is wanted: the same sum needs a larger step."""
    rows = replay("runs/toy").sql("select sum(amount) from invoice_lines where price = 'seats' and "
                                  "subscription = 'acme-1' and month >= date '2026-03-01'")  # fmt: skip
    seats = Decimal(rows.item()) / 30
    wanted = ("--free", f"{SEATS}=20:60", "--target", f"billed_delta == {seats * 7}", "--tick", "1")
    out = there / "march.toml"
    told = solved(capsys, *wanted, "--policy", "now", "--from", "2026-03", "--out", str(out))
    replayed = ["replay", "toy", "--prices", str(out), "--policy", "now", "--from", "2026-03"]
    assert answer([*replayed, "--out", str(there / "runs" / "march"), "--json"]) == 0

    assert told["numbers"] == {SEATS: 37}
    assert {"policy": "now", "from": "2026-03"} == told["transition"]
    assert "# from 2026-03 on: everybody" in out.read_text("utf-8")
    found = compare("runs/toy", "runs/march").by("month", measures=["billed"])
    assert [0, 0] == found["change"].to_list()[:2]
    assert told["value"] == found["change"].sum()


def test_who_is_not_in_the_cohort_pays_as_before(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prices of others than the cohort move nothing, so nothing can be reached with them."""
    cohort = ("--policy", "cohort", "--cohort", "select account from accounts where account <> 'acme'")
    told = solved(
        capsys, "--free", f"{SEATS}=20:60", "--target", "billed_delta == 5", "--tick", "5", *cohort, code=1
    )

    assert told["state"] == "out of reach"
    assert {trial["value"] for trial in told["tried"]} == {0}
    words = ["solve", "toy", "--free", f"{SEATS}=20:40", "--target", "billed_delta == 5", "--tick", "10"]
    assert answer([*words, *cohort]) == 1
    assert "no number of 20 to 40 moves billed_delta: nobody is billed by it" in capsys.readouterr().out


def test_a_policy_that_cannot_be_is_said_before_the_search(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told in the same words as by replay."""
    words = ["solve", "toy", "--free", SEATS, "--target", "billed_delta == 0", "--policy", "phased"]

    assert answer(words) == 2
    assert "--policy phased: needs --phase-months" in capsys.readouterr().err


def test_the_run_as_it_is_needs_no_other_price(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its own book, what keeps revenue is today's price."""
    told = solved(capsys, "--free", f"{SEATS}=10:50", "--target", "revenue_delta == 0", "--tick", "5")

    assert told["numbers"] == {SEATS: 30}
    assert told["value"] == 0


def test_a_price_makes_up_for_a_smaller_allowance(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is found bills as much as before, and the book that is written is the one that was found."""
    out = there / "solved.toml"
    told = solved(
        capsys, "--prices", "other.toml", "--free", CALLS, "--target", "billed_delta == 0", "--out", str(out)
    )

    number = told["numbers"][CALLS]
    assert 0 < number < 5
    assert tomllib.loads(out.read_text("utf-8"))["extends"] == "other.toml"
    assert replay("runs/toy", out).totals["billed"] - billed() == told["value"]
    assert price_book.load(out).plans["team"].prices["calls"].unit_price == number
    assert price_book.load(out).plans["team"].prices["calls"].allowance == 0


def test_no_other_number_comes_nearer(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of all prices in steps of a quarter, by brute force."""
    told = solved(
        capsys,
        *("--prices", "other.toml", "--free", f"{CALLS}=4:6", "--tick", "0.25"),
        *("--target", "revenue_delta == 0"),
    )
    data = Layers(there / "other.toml").merged()
    number = free(f"{CALLS}=4:6", data, currency="USD", tick=Decimal("0.25"))
    measure = parse_measure("revenue_delta")

    def delta(ticks: int) -> Decimal:
        book = price_book.PriceBook.model_validate(changed(data, number.numbers(ticks)))
        found = guard.measure(compare("runs/toy", replay("runs/toy", book)), measure)
        assert found is not None
        return found

    off = {ticks: abs(delta(ticks)) for ticks in range(number.span.low, number.span.high + 1)}
    assert abs(told["value"]) == min(off.values())


def test_a_constraint_holds_in_what_is_found(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The most revenue without anybody's bill up by more than 10 % is at the edge of the constraint."""
    condition = "max_bill_increase <= 10%"
    told = solved(
        capsys,
        "--free",
        f"{SEATS}=20:60",
        "--tick",
        "0.5",
        "--maximize",
        "revenue",
        "--subject-to",
        condition,
    )

    found = told["numbers"][SEATS]
    assert (told["state"], told["constraints"][0]["holds"]) == ("solved", True)
    beyond = {Decimal(one["numbers"][0]) for one in told["tried"] if not one["holds"]}
    assert found + Decimal("0.5") in beyond


def test_what_cannot_be_had_is_said_with_the_nearest(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tenth more revenue, and nobody's bill up by a tenth: it ends with 1."""
    words = ["solve", "toy", "--free", f"{SEATS}=20:80", "--tick", "1", "--target", "revenue_change == 10%"]

    assert answer([*words, "--subject-to", "max_bill_increase <= 10%"]) == 1
    said = capsys.readouterr().out
    assert "infeasible" in said
    assert "alone, " in said
    assert "this is the nearest that holds" in said


def test_what_is_out_of_reach_is_said(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A million is not earned with seats for $40."""
    told = solved(
        capsys, "--free", f"{SEATS}=20:40", "--tick", "5", "--target", "revenue == 1_000_000", code=1
    )

    assert (told["state"], told["numbers"]) == ("out of reach", {SEATS: 40})


def test_a_factor_moves_several_prices_together(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every price of seats and access times one number; each is rounded to its own cents."""
    told = solved(
        capsys,
        *("--free", "plans.*.prices.*.unit_price=1:1.6", "--tick", "0.1"),
        *("--target", "revenue_change == 17.7%"),
    )

    assert told["free"][0]["is_factor"]
    assert told["numbers"][SEATS] == Decimal(30) * told["free"][0]["found"]
    assert len(told["numbers"]) > 2


def test_a_terminal_gets_the_curve(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was found, the curve, and what was tried."""
    words = ["solve", "toy", "--free", f"{SEATS}=20:60", "--tick", "10", "--target", "revenue_delta == 0"]

    assert answer(words) == 0
    said = capsys.readouterr().out
    for part in ("solved", "(30 today)", "◆ found", "●", "unit_price", "└──"):
        assert part in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "revenue_delta == 0"], "did you mean 'unit_price'"),
        (["--free", SEATS], "wants nothing"),
        (["--free", SEATS, "--target", "revenue_delta >= 0"], "compares with >="),
        (["--free", SEATS, "--target", "revnue_delta == 0"], "did you mean 'revenue_delta'"),
        (["--free", SEATS, "--free", CALLS, "--free", SEATS, "--maximize", "revenue"], "3 free numbers"),
        (["--free", f"{SEATS}=60:20", "--maximize", "revenue"], "is no range"),
        (["--free", f"{SEATS}=a:b", "--maximize", "revenue"], "is no range"),
        (["--free", "plans.team.name", "--maximize", "revenue"], "names no number"),
        (["--free", SEATS, "--maximize", "revenue", "--tick", "0"], "is no step"),
        (["--free", f"{SEATS}=-5:20", "--maximize", "revenue", "--tick", "5"], "greater than or equal to 0"),
        (["--free", SEATS, "--maximize", "revenue", "--minimize", "payouts"], "--maximize and --minimize"),
    ],
)
def test_mistakes_are_problems(
    there: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """Exit code 2, with what is wrong and what to do."""
    given = words if "--free" in words else ["--free", "plans.team.prices.seats.unit_prise", *words]

    assert answer(["solve", "toy", *given]) == 2
    assert message in capsys.readouterr().err


def test_a_number_is_a_path_of_the_file() -> None:
    """Of a table, of a tier (counted from 1), or of everything that a star stands for."""

    def of(text: str) -> Free:
        return free(text, DATA, currency="USD")

    call = of("plans.pro.prices.calls.unit_price=0:0.1")
    assert (call.today, call.tick, call.span) == (Decimal("0.010"), Decimal("0.0001"), (0, 1000, 100))
    tier = of("plans.max.prices.calls.tiers.2.unit_price")
    assert (tier.today, tier.tick) == (Decimal("2.5"), Decimal("0.01"))
    assert (tier.low, tier.high) == (Decimal(0), Decimal(5))
    assert of("plans.pro.prices.calls.allowance").tick == 1
    every = of(f"plans.{ANY}.prices.calls.tiers.{ANY}.unit_price=0.5:2")
    assert [place.text.rpartition("tiers.")[2] for place in every.places] == ["1.unit_price", "2.unit_price"]
    assert every.numbers(1_100) == {
        every.places[0].path: Decimal("5.50"),
        every.places[1].path: Decimal("2.75"),
    }


def test_a_tier_that_is_solved_brings_its_whole_list() -> None:
    """A list is replaced as a whole by what extends a file."""
    path = ("plans", "max", "prices", "calls", "tiers", "2", "unit_price")

    assert only(DATA, {path: Decimal("1.75")}) == {
        "plans": {
            "max": {
                "prices": {
                    "calls": {"tiers": [{"up_to": 10, "unit_price": 5}, {"unit_price": Decimal("1.75")}]}
                }
            }
        }
    }
    assert DATA["plans"]["max"]["prices"]["calls"]["tiers"][1]["unit_price"] == Decimal("2.5")


def test_a_path_that_leads_nowhere_names_what_is_there() -> None:
    """At the step at which it goes wrong."""
    with pytest.raises(Problems, match="did you mean 'pro'"):
        free("plans.por.prices.calls.unit_price", DATA, currency="USD")
    assert parse("revenue_delta == 0").bound == 0
