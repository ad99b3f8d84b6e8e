"""Extensions: a scenario file that names only what differs from another."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from metering.document import parse
from metering.extension import Layers, extends
from metering.toml import to_toml
from simulator.scenario import load
from tests.simulator.test_scenario import customers, problems, write

MARKET = """
extends = "scenario.toml"
name = "shop-market"
[agents.customers.small]
churn = 0.3
[agents.customers.small.products.main]
uses.calls = { sigma = 0.5 }
"""


def extending(folder: Path, text: str = MARKET, name: str = "market.toml") -> Path:
    """Write the shop's scenario and one that extends it; return the path of the latter."""
    write(folder)
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_tables_are_merged_and_the_rest_replaced(tmp_path: Path) -> None:
    """What the upper file names counts, key by key; what it leaves out is as in the lower one."""
    scenario, book, *_ = load(extending(tmp_path))

    small = customers(scenario)["small"]
    calls = small.products["main"].uses["calls"]
    assert (scenario.name, scenario.title, book.name) == ("shop-market", "A shop", "Shop")
    assert (small.churn, calls.median, calls.sigma) == (0.3, 50, 0.5)
    assert scenario.targets == load(tmp_path / "scenario.toml").scenario.targets


def test_a_list_is_replaced_whole(tmp_path: Path) -> None:
    """Years of targets are a list: who names them names them all."""
    path = extending(tmp_path, 'extends = "scenario.toml"\ntargets = []')

    assert load(path).scenario.targets == ()


def test_a_third_file_may_extend_the_second(tmp_path: Path) -> None:
    """Each file has the last word over those below it, and the price book is where the lowest names it."""
    extending(tmp_path)
    (tmp_path / "far").mkdir()
    path = tmp_path / "far" / "worse.toml"
    path.write_text('extends = "../market.toml"\n[agents.customers.small]\nchurn = 0.5', "utf-8")

    scenario, _, _, prices, *_ = load(path)
    assert (scenario.name, customers(scenario)["small"].churn) == ("shop-market", 0.5)
    assert prices.resolve() == tmp_path / "prices.toml"


def test_overrides_count_above_all_files(tmp_path: Path) -> None:
    """`--set` changes the merged scenario."""
    path = extending(tmp_path)

    assert customers(load(path, {"agents.customers.small.churn": "0.4"}).scenario)["small"].churn == 0.4


MISTAKES: list[tuple[str, str, list[str]]] = [
    ("churn = 0.3", "churm = 0.3", [
        "market.toml: agents.customers.small.churm: unknown key; did you mean 'churn'?",
    ]),
    ("churn = 0.3", "churn = 3", [
        "market.toml: agents.customers.small.churn: should be less than 1 (got '3')",
    ]),
    ("uses.calls", "uses.cals", [
        "market.toml: agents.customers.small.products.main.uses.cals.median: is missing; add it",
    ]),
    ('"shop-market"', '"Shop Market"', [
        "market.toml: name: String should match pattern '^[a-z0-9][a-z0-9_-]{0,63}$' (got 'Shop Market')",
    ]),
    ('"scenario.toml"', '"other.toml"', [
        "market.toml: extends: there is no file other.toml; name one relative to this file",
    ]),
    ('"scenario.toml"', '"market.toml"', [
        "market.toml: extends: market.toml comes back to itself, or extends too many; extend another file",
    ]),
    ('"scenario.toml"', "3", [
        "market.toml: extends: should be the name of a file (got 3)",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "said"), MISTAKES)
def test_a_mistake_is_told_at_its_file(tmp_path: Path, right: str, wrong: str, said: list[str]) -> None:
    """A value of the upper file is a problem of the upper file."""
    assert problems(extending(tmp_path, MARKET.replace(right, wrong))) == said


def test_a_mistake_of_the_lower_file_is_told_there(tmp_path: Path) -> None:
    """Both files' problems come together, each at the file that it is in."""
    path = extending(tmp_path, MARKET.replace("churn = 0.3", "churn = 3"))
    base = tmp_path / "scenario.toml"
    base.write_text(base.read_text("utf-8").replace("share = 1", "share = -1"), "utf-8")

    lower, upper = problems(path)
    assert lower.startswith("scenario.toml: agents.customers.small.channels.web.share: should be greater")
    assert upper == "market.toml: agents.customers.small.churn: should be less than 1 (got '3')"


def test_a_run_keeps_both_files_in_one(tmp_path: Path) -> None:
    """What is published with a run says the same by itself as the files said together."""
    path = extending(tmp_path)
    text = load(path).text.decode()
    (tmp_path / "alone.toml").write_text(text, "utf-8")

    assert text.startswith("# market.toml and scenario.toml in one\n")
    assert parse(text, "it") == Layers(path).merged()
    assert load(tmp_path / "alone.toml").scenario == load(path).scenario


def test_a_file_alone_is_kept_as_it_is(tmp_path: Path) -> None:
    """Comments and all."""
    path = write(tmp_path)

    assert load(path).text == path.read_bytes()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"a": 1, "b": Decimal("0.10"), "c": True, "d": date(2026, 1, 31), "e": 'say "\\n"\n\t\x7f é'},
        {"a": {"b": {"c": [1, 2], "d": {}}}, "e": {"f": {}}, "z": []},
        {"direct_sales/enterprise": Decimal(1), "t": {"a b": {"é": "x"}}},
        {"costs": [{"people": [1, 2], "shares": {"/": Decimal("0.5"), "x/": 1}}, {}]},
    ],
)
def test_what_is_written_is_read_back(data: dict[str, Any]) -> None:
    """Writing TOML and reading it gives the same data."""
    assert parse(to_toml(data, keeps_empty=True), "it") == data


def test_what_toml_does_not_have_is_refused() -> None:
    """Nothing is written that could not be read."""
    with pytest.raises(TypeError, match="None has no place in TOML"):
        to_toml({"a": None}, keeps_empty=True)


def test_what_extends_another_file_says_so_before_its_tables(tmp_path: Path) -> None:
    """Price books and plans that stand in the same folder extend nothing, whatever their tables hold."""
    path = tmp_path / "one.toml"
    for text, is_extension in (
        ('extends = "a"', True),
        ('# why\n\n  extends="a"', True),
        ('name = "a"\n[x]\nextends = "a"', False),
        ('extended = "a"', False),
    ):
        path.write_text(text, "utf-8")
        assert extends(path) == is_extension
