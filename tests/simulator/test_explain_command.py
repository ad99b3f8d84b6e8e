"""How `saasim explain` shows a tree: numbers below each other, words under their guides, nothing cut."""

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from analytics.explanation import Node, evidence_of
from metering.document import Problems
from simulator.commands.explain import _show, explain_thing
from simulator.values import to_json
from tests.analytics.explanations import unexplained
from tests.simulator import toy

TREE = Node(
    "usage: calls of team",
    Decimal("4.5"),
    "USD",
    (
        Node("500 calls up to 500 at $0.005", Decimal("2.5"), "USD", source="prices.toml:12 (page 3)"),
        Node("rounded", Decimal(2), "USD"),
    ),
    (Node("calls counted", Decimal(1700), "call", (Node("an event", Decimal(1700), "call"),)),),
    thing="INV-1/1",
)


def shown(node: Node, width: int) -> list[str]:
    """Show a tree on a terminal of a width."""
    file = io.StringIO()
    _show(Console(file=file, width=width, highlight=False, markup=False, emoji=False), node)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_tree_stands_in_columns() -> None:
    """Points below each other; solid guides before what adds up, dashed ones before what says why."""
    assert shown(TREE, 100) == [
        "    4.50 USD    usage: calls of team  INV-1/1",
        "    2.50 USD    ├── 500 calls up to 500 at $0.005  prices.toml:12 (page 3)",
        "    2.00 USD    ├── rounded",
        "1,700    calls  └╌╌ calls counted",
        "1,700    calls      └── an event",
        "",
        "  ├── adds up to the number above   ├╌╌ says why",
    ]


@pytest.mark.parametrize("width", [60, 72, 80])
def test_a_narrow_terminal_cuts_nothing(width: int) -> None:
    """Words go on below each other, within the width."""
    lines = shown(TREE, width)

    assert max(map(len, lines)) <= width
    assert "prices.toml:12" in " ".join(lines)


def test_data_holds_every_digit() -> None:
    """JSON has the numbers as numbers, and what adds up apart from what says why."""
    told = json.loads(to_json(TREE.to_dict()), parse_float=Decimal)

    assert told["amount"] == Decimal("4.5")
    assert [part["amount"] for part in told["parts"]] == [Decimal("2.5"), 2]
    assert told["reasons"][0]["parts"][0]["text"] == "an event"


def test_a_notebook_shows_a_tree_that_opens() -> None:
    """The root is open, what is below it can be opened; names are escaped."""
    text = Node("<b>", Decimal(1), "USD", (TREE.parts[1], Node("less", Decimal(-1), "USD")))._repr_html_()

    assert "<details open" in text
    assert "&lt;b&gt;" in text


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the run of a toy company."""
    place = tmp_path_factory.mktemp("explain")
    toy.publish(place / "scenario", place / "toy")
    return place / "toy"


def test_a_published_run_is_explained_whole(published: Path) -> None:
    """Every line, payout and entry: with the log, the book's lines and the ledger as they are on disk."""
    assert unexplained(evidence_of(published)) == []


def test_a_thing_may_be_several_words(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A metric and its month; the numbers are those of the ledger."""
    code = explain_thing(str(published), ["mrr", "2026-03"], by="", depth=1, largest=5, as_json=True)
    told = json.loads(capsys.readouterr().out, parse_float=Decimal)

    assert code == 0
    assert told["amount"] == sum(part["amount"] for part in told["parts"])


def test_what_is_not_in_the_run_is_a_problem(published: Path) -> None:
    """It names the nearest thing."""
    with pytest.raises(Problems, match="did you mean 'INV-2026-01-acme'"):
        explain_thing(str(published), ["INV-2026-01-acm"], by="", depth=None, largest=5, as_json=False)
