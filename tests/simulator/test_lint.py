"""`saasim lint`: what it says, to people and to programs, and how it ends."""

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from billing.lint.checks import lint
from billing.price_book import load, loads
from simulator.__main__ import answer
from simulator.commands import lint as command
from tests.billing.lint.clean import CLEAN, edited

CLIFF = edited({'model = "graduated"\ntiers = [{ up_to = 5,': 'model = "volume"\ntiers = [{ up_to = 5,'})
UNUSED = edited({"": "[meters.jobs]"})


def written(folder: Path, text: str) -> str:
    """Write a price book, and return its name."""
    path = folder / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("text", "code"), [(CLEAN, 0), (UNUSED, 0), (CLIFF, 1)], ids=["clean", "warning", "error"]
)
def test_it_ends_with_1_where_it_finds_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: int
) -> None:
    """A warning is no failure."""
    assert code == answer(["lint", written(tmp_path, text)])
    assert "Clean: " in capsys.readouterr().out


@pytest.mark.parametrize("text", ["name = 1", CLEAN.replace('meter = "calls"', 'meter = "cals"', 1)])
def test_a_book_that_cannot_be_read_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """Exit 2, with place and remedy on stderr and nothing on stdout."""
    assert 2 == answer(["lint", written(tmp_path, text)])

    said = capsys.readouterr()
    assert "prices.toml" in said.err
    assert said.out == ""


def test_a_missing_book_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, with its name."""
    assert 2 == answer(["lint", str(tmp_path / "nosuch.toml")])
    assert "nosuch.toml: cannot be read" in capsys.readouterr().err


def test_json_has_every_finding_with_its_requests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many as the linter finds, with exact amounts and with requests."""
    answer(["lint", written(tmp_path, CLIFF), "--json"])
    told = json.loads(capsys.readouterr().out, parse_float=Decimal)

    assert (told["book"], told["currency"], told["errors"]) == ("Clean", "USD", 2)
    assert [finding.message for finding in lint(load(tmp_path / "prices.toml"))] == [
        finding["message"] for finding in told["findings"]
    ]
    assert {"price", "quantity"} == told["findings"][0]["purchases"][0]["request"].keys()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_amounts_stand_below_each_other_and_nothing_is_wider_than_the_terminal(width: int) -> None:
    """The two amounts of a finding end in one column."""
    book = loads(CLIFF)
    stream = io.StringIO()
    screen = Console(file=stream, width=width, highlight=False, markup=False)
    command._show(screen, book, lint(book))
    lines = stream.getvalue().splitlines()
    ends = [len(line) for line in lines if line.endswith(".00")]

    assert max(map(len, lines)) <= width
    assert len(ends) == 4
    assert ends[0] == ends[1]
    assert ends[2] == ends[3]
