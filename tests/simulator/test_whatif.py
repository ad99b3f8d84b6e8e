"""What-if: one company under two price books with common random numbers, seed by seed."""

import io
import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from analytics.effect import Effect, effects
from analytics.standing import MEASURES, RATIOS, Place, difference
from analytics.student import Estimate
from metering.document import Problems
from simulator.__main__ import answer
from simulator.processes import Interrupted
from simulator.whatif import display
from simulator.whatif.answer import answer as answered
from simulator.whatif.drawing import curve
from simulator.whatif.experiment import Case, Outcome, Question, attempt, attempt_all, read
from simulator.whatif.page import Heading, page
from simulator.whatif.record import TRIALS
from simulator.whatif.sweep import sweeps, zero
from simulator.whatif.vocabulary import in_words_of
from tests.simulator.test_compare_command import Read

BOOK = """
name = "Shop"
[meters.calls]
[plans.pro]
name = "Pro"
stream = "subscriptions"
prices.seats = { per = "seat", unit_price = 100, annual = { unit_price = 1_080 } }
prices.calls = { meter = "calls", allowance = 10_000, unit_price = 0.01 }
[plans.max]
name = "Max"
stream = "subscriptions"
prices.seats = { per = "seat", unit_price = 200 }
prices.calls = { meter = "calls", allowance = 500_000, unit_price = 0.001 }
[add_ons.extra]
name = "Extra"
plans = ["pro"]
price = { per = "add_on", unit_price = 30 }
"""
DEARER = 'extends = "prices.toml"\n[plans.pro.prices.seats]\nunit_price = 120\n'
OTHER_WORDS = """
name = "Shop, renamed"
replaces = { pro = "team", extra = "plus" }
[meters.calls]
[plans.team]
name = "Team"
stream = "subscriptions"
prices.seats = { per = "seat", unit_price = 100, annual = { unit_price = 1_080 } }
prices.calls = { meter = "calls", allowance = 10_000, unit_price = 0.01 }
[plans.max]
name = "Max"
stream = "subscriptions"
prices.seats = { per = "seat", unit_price = 200 }
prices.calls = { meter = "calls", allowance = 500_000, unit_price = 0.001 }
[add_ons.plus]
name = "Plus"
plans = ["team"]
price = { per = "add_on", unit_price = 30 }
"""
SCENARIO = """
name = "shop"
title = "Shop"
starts_on = 2026-01-01
months = 2
[segments]
web = { name = "Web" }
[agents.customers.web]
churn = 0.2
demand = { leads = [30], at_start = 20 }
channels.web = { share = 0.7, is_self_serve = true }
channels.sales = { share = 0.3, wins = 0.5, cycle_days = 20 }
payment = { by_card = 1, fails = 0 }
loyalty = { acquisition = { mean = -0.9, spread = 0.3 }, price = 0.2 }
[agents.customers.web.products.main]
plans = ["pro", "max"]
yearly = 0.2
seats = { low = 2, high = 5, joins = 0.05, leaves = 0.02 }
uses = { calls = { median = 20_000, sigma = 0.6, days = 7 } }
add_ons = { extra = { at_start = 0.3, buys = 0.02 } }
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with the shop, and price books that differ from its own."""
    folder = tmp_path_factory.mktemp("whatif")
    texts = {
        "scenario": SCENARIO,
        "prices": BOOK,
        "dearer": DEARER,
        "same": 'extends = "prices.toml"\nname = "Shop, again"\n',
        "renamed": OTHER_WORDS,
    }
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text, "utf-8")
    return folder


def question(shop: Path, prices: str, **more: Any) -> Question:
    """Ask what if the shop had other prices."""
    return Question(str(shop / "scenario.toml"), shop / f"{prices}.toml", {}, **more)


@pytest.fixture(scope="module")
def dearer(shop: Path) -> list[Outcome]:
    """Give three companies that lived under their own book and under a dearer one, in two processes."""
    asked = question(shop, "dearer")
    cases = [Case(number, asked, number + 1, {}) for number in range(3)]
    return sorted(attempt_all(cases, jobs=2), key=lambda one: one.case.number)


def totals(outcomes: list[Outcome]) -> Mapping[str, Effect]:
    """Return the effects on the whole company by measure."""
    found = effects([one.trial for one in outcomes])
    return {one.place.measure: one for one in found if one.place.split == "total"}


@pytest.mark.parametrize(
    ("prices", "more"),
    [
        pytest.param("same", {"policy": "phased", "phase_months": 2}, id="phased"),
        pytest.param("renamed", {}, id="renamed"),
    ],
)
def test_the_same_prices_differ_in_nothing(shop: Path, prices: str, more: dict[str, Any]) -> None:
    """Every difference is exactly zero, in every measure and part, however the book is written."""
    found = attempt(Case(0, question(shop, prices, **more), 1, {}))
    parts = {place for place in found.trial.before if place.split != "plan"}

    for other in (found.trial.replayed, found.trial.after):
        changes = difference(other, found.trial.before)
        assert {changes[place] for place in parts} <= {Decimal(0), None}
    assert set(found.trial.channels.values()) == {Decimal(0)}
    assert all(before == after for before, after in found.trial.counts.values())
    assert prices == "renamed" or found.break_even is None


def test_prices_alone_bring_what_the_replay_brings(dearer: list[Outcome]) -> None:
    """No customer is won or lost by the mechanical effect, and every seed gains by it."""
    for one in dearer:
        change = difference(one.trial.replayed, one.trial.before)
        assert change[Place("total", "", "customers")] == 0
        assert (change[Place("total", "", "revenue")] or 0) > 0


def test_the_channels_add_up_to_the_reaction(dearer: list[Outcome]) -> None:
    """Of what was billed, in every seed, to the cent."""
    for one in dearer:
        reaction = difference(one.trial.after, one.trial.replayed)[Place("total", "", "billed")]
        assert sum(one.trial.channels.values()) == reaction


def test_customers_react_against_a_rise(dearer: list[Outcome]) -> None:
    """Fewer customers, so less revenue than prices alone would bring."""
    found = totals(dearer)

    assert found["revenue"].reaction is not None
    assert found["customers"].total is not None
    assert found["revenue"].reaction.mean < 0
    assert found["customers"].total.mean < 0


def test_pairs_vary_less_than_companies_that_have_nothing_in_common(dearer: list[Outcome]) -> None:
    """Common random numbers remove variance from every measure that varies."""
    ratios = {name: one.variance_removed for name, one in totals(dearer).items()}

    assert ratios["revenue"] is not None
    assert ratios["revenue"] > 2
    assert {name for name in MEASURES if name not in RATIOS} <= ratios.keys()


def test_the_totals_are_the_sums_of_their_parts(dearer: list[Outcome]) -> None:
    """Revenue by year, by segment and by plan each adds up to the whole."""
    standing = dearer[0].trial.after
    for split in ("year", "segment", "plan"):
        parts = [value or 0 for place, value in standing.items() if place[::2] == (split, "revenue")]
        assert sum(parts) == standing[Place("total", "", "revenue")]


def test_a_process_comes_to_the_same_numbers(shop: Path, dearer: list[Outcome]) -> None:
    """In this process, alone, as in others, in whatever order they finish."""
    assert attempt(Case(0, question(shop, "dearer"), 1, {})).trial == dearer[0].trial


def test_from_a_month_on_nothing_differs_before(shop: Path, dearer: list[Outcome]) -> None:
    """What a rise in February brings by itself is less than what both months bring."""
    late = attempt(Case(0, question(shop, "dearer", from_on=date(2026, 2, 1)), 1, {})).trial
    billed = Place("total", "", "billed")
    changes = [difference(one.replayed, one.before)[billed] or 0 for one in (dearer[0].trial, late)]

    assert late.before == dearer[0].trial.before
    assert 0 < changes[1] < changes[0]


def test_a_sweep_shows_how_the_answer_depends_on_a_number(shop: Path, dearer: list[Outcome]) -> None:
    """The more elastic, the less revenue; where it turns is read between the values.

    Under its own book the company is the same for each value, and as it is where the value was drawn.
    """
    asked = question(shop, "dearer")
    loaded, _ = read(asked)
    swept = sweeps(["acquisition=0,-4"])
    cases = [
        Case(number, asked, 1, swept[0].changes(value, loaded.scenario), ("acquisition", value))
        for number, value in enumerate(swept[0].values, start=3)
    ]

    outcomes = list(attempt_all(cases, jobs=1))
    found = answered([dearer[0], *outcomes], swept)

    inelastic, elastic = (point.revenue.total for point in found.swept[0].points)
    assert inelastic is not None
    assert elastic is not None
    assert inelastic.mean > 0 > elastic.mean
    assert found.swept[0].turns_at is not None
    assert -4 < found.swept[0].turns_at < 0
    assert all(one.trial.before == dearer[0].trial.before for one in outcomes)


def test_who_wants_to_stop_waits_for_no_more_than_a_month(shop: Path) -> None:
    """A company that is asked to stop does so before its next month."""
    with pytest.raises(Interrupted):
        attempt(Case(0, question(shop, "dearer"), 1, {}), lambda: True)


@pytest.mark.parametrize(
    ("text", "values"),
    [("price=0,0.5", ["0", "0.5"]), ("usage=-0.9:0:4", ["-0.9", "-0.6", "-0.3", "0.0"])],
)
def test_sweeps_are_lists_or_ranges(text: str, values: list[str]) -> None:
    """Values by hand, or so many from end to end."""
    assert [str(value) for value in sweeps([text])[0].values] == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prise=1,2", "did you mean 'price'"),
        ("price=a", "is no number"),
        ("price=0:1:1", "steps"),
        ("price", "is no number"),
    ],
)
def test_what_is_no_sweep_is_refused(text: str, message: str) -> None:
    """With the name that was meant, or how to write it."""
    with pytest.raises(Problems, match=message):
        sweeps([text])


def test_an_effect_turns_where_its_line_crosses_zero() -> None:
    """Between -1 at 0 and +3 at 2 that is a half; nowhere between two gains."""
    assert zero([2, 0], [3, -1]) == 0.5
    assert zero([0, 1], [1, 2]) is None
    assert zero([0, 1], [1, 0]) == 1


def test_a_book_without_a_plan_says_what_would_stand_for_it(shop: Path) -> None:
    """Every plan and add-on that the scenario names has to be there, or be replaced."""
    loaded, _ = read(question(shop, "prices"))
    lacking = loaded.book.model_copy(update={"plans": {"max": loaded.book.plans["max"]}, "add_ons": {}})

    with pytest.raises(Problems) as found:
        in_words_of(loaded, lacking, "other.toml")

    assert ["no plan 'pro'", "no add-on 'extra'"] == [one.message for one in found.value.problems]
    assert all("replaces" in one.remedy for one in found.value.problems)


def test_people_are_told_effects_channels_and_break_even(shop: Path, dearer: list[Outcome]) -> None:
    """With the seeds that the intervals are of, and what is in them."""
    said = shown(shop, dearer)

    for part in ("mechanical", "variance removed", "3 paired seeds", "acquisition", "break-even churn"):
        assert part in said


def test_one_seed_has_no_interval(shop: Path, dearer: list[Outcome]) -> None:
    """It says so, and shows none."""
    said = shown(shop, dearer[:1])

    assert "one seed has no interval" in said
    assert "±" not in said


def shown(shop: Path, outcomes: list[Outcome]) -> str:
    """Return what a terminal shows of some outcomes."""
    screen = Console(file=io.StringIO(), width=200)
    loaded, _ = read(question(shop, "dearer"))
    display.show(screen, answered(outcomes, []), loaded)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_the_page_says_what_the_terminal_says(shop: Path, dearer: list[Outcome]) -> None:
    """Every interval of the one stands in the other; it is one file that runs and loads nothing."""
    hostile = "</title><script>alert(1)</script>"
    made = page(
        answered(dearer, []), Heading(hostile, "dearer.toml", "2 months from 2026-01", "USD", "as said")
    )
    read = Read(made)
    said, words = shown(shop, dearer), " ".join(read.words)
    intervals = re.findall(r"[+-]?\$[\d,.]+ ± \$[\d,.]+", said)

    assert len(intervals) > 10
    assert {interval for interval in intervals if interval not in words} == set()
    assert hostile in words
    assert {"script", "link", "img", "iframe"}.isdisjoint(tag for tag, _ in read.tags)
    assert any((given.get("content") or "").startswith("default-src 'none'") for _, given in read.tags)


def test_a_sweep_is_drawn_where_its_numbers_are(shop: Path, dearer: list[Outcome]) -> None:
    """The line goes from the left end to the right, higher where there is more, within its band."""
    low, high = (Estimate(mean, mean - 5, mean + 5, 1.0, 3) for mean in (-10.0, 30.0))
    drawn = Read(curve([(1.0, high), (0.0, low)], label="x"))
    places = {
        attributes["class"]: [tuple(map(float, at.split(","))) for at in (attributes["points"] or "").split()]
        for tag, attributes in drawn.tags
        if tag in ("polygon", "polyline")
    }
    (left, below), (right, above) = places["mean"]
    zero = places["zero"][0][1]

    assert (left, right) == (0, 1000)
    assert above < zero < below  # an SVG counts from the top
    assert (below - zero) / (zero - above) == pytest.approx(10 / 30, rel=0.01)
    assert min(y for _, y in places["band"]) < above < below < max(y for _, y in places["band"])
    assert curve([(1.0, high)], label="x") == ""


def test_the_command_leaves_every_number_of_every_seed(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As data on stdout, and as a table in a directory; progress goes to stderr."""
    words = ["whatif", str(shop / "scenario.toml"), "--prices", str(shop / "dearer.toml"), "--jobs", "1"]

    places = ("--out", str(tmp_path / "out"), "--html", str(tmp_path / "page.html"))
    code = answer([*words, "--seeds", "1", "--months", "1", "--json", *places])
    said = capsys.readouterr()
    told = json.loads(said.out)

    assert (code, said.err.count("have lived")) == (0, 1)
    assert told["effects"][0]["total"]["low"] is None
    assert "One seed has no interval" in (tmp_path / "page.html").read_text("utf-8")
    rows = pl.read_parquet(tmp_path / "out" / TRIALS)
    revenue = rows.filter((pl.col("split") == "total") & (pl.col("measure") == "revenue"))
    assert float(revenue["after"][0] - revenue["before"][0]) == told["effects"][0]["total"]["mean"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seeds", "0"], "--seeds: 0 seeds"),
        (["--policy", "nwo"], "did you mean 'now'"),
        (["--from", "March"], "is no month"),
        (["--from", "2026-03"], "--from 2026-03: the company is followed to 2026-02"),
        (["--phase-months", "3"], "--phase-months: goes with --policy phased"),
        (["--policy", "phased"], "--policy phased: needs --phase-months"),
        (["--html", "nowhere/page.html"], "there is no directory nowhere"),
        (["--sweep", "price=-1,0"], "greater than or equal to 0"),
        (["--set", "agents.customers.web.chrun=1"], "chrun"),
    ],
)
def test_mistakes_are_said_before_anything_is_simulated(
    shop: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """Exit code 2, with the option and the remedy."""
    given = ["whatif", str(shop / "scenario.toml"), "--prices", str(shop / "dearer.toml"), *words]

    assert answer(given) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert "have lived" not in said.err
