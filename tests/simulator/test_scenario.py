"""Scenarios: read whole, checked whole, and changed from the command line by naming a value."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from metering.document import Problems
from simulator.agents import AGENTS
from simulator.agents.habits import Habits
from simulator.quote import Quotes
from simulator.scenario import Scenario, built_in, load, schema

PRICES = """
name = "Shop"
[meters.calls]
[plans.free]
name = "Free"
stream = "subscriptions"
[plans.pro]
name = "Pro"
stream = "subscriptions"
prices.seats = { per = "seat", unit_price = 10 }
prices.calls = { meter = "calls", allowance = 100, unit_price = 1 }
[add_ons.extra]
name = "Extra"
plans = ["pro"]
price = { per = "add_on", unit_price = 5 }
"""

SCENARIO = """
name = "shop"
title = "A shop"
starts_on = 2026-01-01
months = 2
[segments.small]
name = "Small"
[agents.customers.small]
churn = 0.1
channels.web = { share = 1, is_self_serve = true }
[agents.customers.small.products.main]
plans = ["free", "pro"]
free = "free"
uses.calls = { median = 50 }
add_ons.extra = { at_start = 0.5 }
[[targets]]
customers.small = { printed = 3, source = "D:1" }
revenue.subscriptions = { printed = 1000, recomputed = 1100.50 }
"""


def write(folder: Path, text: str = SCENARIO, prices: str = PRICES) -> Path:
    """Write a scenario and its price book, and return the scenario's path."""
    (folder / "prices.toml").write_text(prices, "utf-8")
    path = folder / "scenario.toml"
    path.write_text(text, "utf-8")
    return path


def customers(scenario: Scenario) -> dict[str, Habits]:
    """Return the habits of every segment."""
    agents: Any = scenario.agents
    return dict(agents.customers)


def problems(name: str | Path, overrides: dict[str, str] | None = None) -> list[str]:
    """Return the problems of a scenario, without its directory."""
    with pytest.raises(Problems) as error:
        load(name, overrides)
    return [str(one).replace(f"{Path(name).parent}/", "") for one in error.value.problems]


def test_a_scenario_is_read_with_its_price_book(tmp_path: Path) -> None:
    """Settings reach the models of their agents; what is not named has its default; decimals stay exact."""
    scenario, book, path, prices, *_ = load(write(tmp_path))

    small = customers(scenario)["small"]
    assert (small.churn, small.demand.at_start, small.products["main"].uses["calls"].sigma) == (0.1, 0, 1.2)
    assert (scenario.seed, [period.label for period in scenario.periods()]) == (1, ["2026-01", "2026-02"])
    assert scenario.targets[0].revenue["subscriptions"].recomputed == Decimal("1100.50")
    assert (book.name, path.name, prices.name) == ("Shop", "scenario.toml", "prices.toml")


@pytest.mark.parametrize("name", built_in())
def test_the_built_in_scenarios_are_sound(name: str) -> None:
    """What comes with the program can be loaded by name, and begins on the first of a month."""
    scenario = load(name).scenario

    assert scenario.name == name
    assert scenario.starts_on.day == 1


def test_three_companies_are_built_in() -> None:
    """DB-GPT and GGML as documents describe them for 36 months, and one that fits on a page.

    What stands beside a company's scenario and extends it has both names.
    """
    months = {name: load(name).scenario.months for name in built_in()}

    assert {name: count for name, count in months.items() if "-" not in name} == {
        "dbgpt": 36,
        "ggml": 36,
        "tiny": 3,
    }
    assert months["dbgpt-market"] == 36


MAIN = "scenario.toml: agents.customers.small.products.main"
MISTAKES: list[tuple[str, str, list[str]]] = [
    ("churn = 0.1", "churm = 0.1", [
        "scenario.toml: agents.customers.small.churn: is missing; add it",
        "scenario.toml: agents.customers.small.churm: unknown key; did you mean 'churn'?",
    ]),
    ("churn = 0.1", "churn = 1.5", [
        "scenario.toml: agents.customers.small.churn: should be less than 1 (got '1.5')",
    ]),
    ("agents.customers", "agents.custommers", [
        "scenario.toml: agents.custommers: unknown key; did you mean 'customers'?",
    ]),
    ('"free", "pro"]', '"free", "proo"]', [
        f"{MAIN}.plans: no plan 'proo'; did you mean 'pro'?",
    ]),
    ("uses.calls", "uses.cals", [
        f"{MAIN}.uses: no meter 'cals'; did you mean 'calls'?",
    ]),
    ("add_ons.extra", "add_ons.xtra", [
        f"{MAIN}.add_ons: no add-on 'xtra'; did you mean 'extra'?",
    ]),
    ('free = "free"', 'free = "fre"', [
        f"{MAIN}: no plan of this product 'fre'; did you mean 'free'?",
    ]),
    ("[segments.small]", "[segments.smalll]", [
        "scenario.toml: agents.customers.small: no segment 'small'; did you mean 'smalll'?",
        "scenario.toml: targets[1].customers: no segment 'small'; did you mean 'smalll'?",
    ]),
    ("revenue.subscriptions", "revenue.subscription", [
        "scenario.toml: targets[1].revenue: no stream 'subscription'; did you mean 'subscriptions'?",
    ]),
    ("months = 2", "months = 900", [
        "scenario.toml: months: should be less than or equal to 240 (got '900')",
    ]),
    ('name = "shop"', 'name = "shop', [
        "scenario.toml: is not valid TOML: Illegal character '\\n' (at line 2, column 13); mend that line",
    ]),
]  # fmt: skip
"""What somebody may mistype, and everything that is said about it."""


@pytest.mark.parametrize(("right", "wrong", "said"), MISTAKES, ids=[wrong for _, wrong, _ in MISTAKES])
def test_a_mistake_is_named_with_its_place_and_remedy(
    tmp_path: Path, right: str, wrong: str, said: list[str]
) -> None:
    """Where it is, what is wrong with which value, and what was probably meant."""
    assert problems(write(tmp_path, SCENARIO.replace(right, wrong))) == said


def test_all_problems_of_both_files_come_at_once(tmp_path: Path) -> None:
    """A broken scenario does not hide what is wrong with its price book."""
    text = SCENARIO.replace("months = 2", 'months = "two"').replace("churn = 0.1", "churn = -1")
    said = problems(write(tmp_path, text, PRICES.replace("unit_price = 10", "unit_prize = 10")))

    assert [line.partition(": ")[0] for line in said] == ["scenario.toml", "scenario.toml", "prices.toml"]
    assert said[2:] == [
        "prices.toml: plans.pro.prices.seats.unit_prize: unknown key; did you mean 'unit_price'?"
    ]


def test_an_unknown_name_is_told_the_known_ones(tmp_path: Path) -> None:
    """A name that is no built-in scenario, and a file that is not there."""
    assert problems("dbgtp") == [
        "dbgtp: is no built-in scenario; did you mean 'dbgpt'? Or give the path of a scenario file"
    ]
    [missing] = problems(tmp_path / "none.toml")
    assert missing == "none.toml: cannot be read (No such file or directory); check the name and permissions"


def test_a_value_can_be_set_by_its_path(tmp_path: Path) -> None:
    """`--set` takes TOML values, and reaches what the file leaves at its default."""
    scenario = load(
        write(tmp_path),
        {
            "agents.customers.small.churn": "0.02",
            "agents.customers.small.demand.leads": "[1, 2.5]",
            "agents.customers.small.products.main.uses.calls.median": "7",
            "starts_on": "2027-03-01",
            "title": "Another shop",
        },
    ).scenario

    small = customers(scenario)["small"]
    assert (small.churn, small.demand.leads) == (0.02, (1.0, 2.5))
    assert small.products["main"].uses["calls"].median == 7
    assert (scenario.starts_on, scenario.title) == (date(2027, 3, 1), "Another shop")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("agents.customers.smal.churn", "no key 'smal'; did you mean 'small'?"),
        ("agents.customers.small.chrun", "no key 'chrun'; did you mean 'churn'?"),
        ("agents.customers.small.churn.rate", "no key 'rate'"),
        ("month", "no key 'month'; did you mean 'months'?"),
        ("", "no key ''; known: agents, months, name, plan, prices"),
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path, path: str, said: str) -> None:
    """An override never makes a new key by a slip of the finger."""
    [problem] = problems(write(tmp_path), {path: "1"})

    assert problem.startswith(f"--set {path}: {said}")


def test_a_wrong_value_by_path_is_refused_like_one_in_the_file(tmp_path: Path) -> None:
    """The value is checked where it lands."""
    [said] = problems(write(tmp_path), {"agents.customers.small.churn": "often"})

    assert said.startswith("scenario.toml: agents.customers.small.churn: should be a valid number")
    assert said.endswith("(got 'often')")


def test_editors_get_a_schema() -> None:
    """The JSON Schema knows every kind of agent, and goes down to the last habit."""
    text = json.dumps(schema())

    assert set(AGENTS) <= set(schema()["$defs"]["Agents"]["properties"])
    assert all(f'"{word}"' in text for word in ("free_median", "cycle_days", "is_self_serve"))


def test_what_the_market_expects_is_what_the_book_charges() -> None:
    """The fixtures' customers are used to the fixtures' prices: the price book as it is wins just as many."""
    checked = 0
    for name in ("dbgpt", "ggml"):
        scenario, book, *_ = load(name)
        quotes = Quotes(book)
        for segment in customers(scenario).values():
            for product in segment.products.values():
                seats = (product.seats.low + product.seats.high) // 2
                use: dict[str, Any] = {meter: one.median for meter, one in product.uses.items()}
                for plan, expected in product.expects.items():
                    quoted = quotes.quote(plan, scenario.starts_on, seats=seats, use=use).total
                    assert float(quoted) == pytest.approx(expected, abs=0.01), f"{name} {plan}"
                    checked += 1
    assert checked >= 4
