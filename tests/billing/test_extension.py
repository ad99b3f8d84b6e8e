"""A price book that names only what differs from another."""

from decimal import Decimal
from pathlib import Path

import pytest

from billing.price_book import load, loads, text
from metering.document import Problems

BASE = """
name = "Base"
[meters.calls]
[plans.team]
name = "Team"
stream = "subscriptions"
[plans.team.prices.seats]
per = "seat"
unit_price = 30
[plans.team.prices.calls]
meter = "calls"
model = "package"
package_size = 1000
unit_price = 5
"""


def book(folder: Path, upper: str) -> Path:
    """Write the base and a book that extends it."""
    (folder / "base.toml").write_text(BASE, "utf-8")
    path = folder / "reform.toml"
    path.write_text('extends = "base.toml"\n' + upper, "utf-8")
    return path


def test_a_book_says_only_what_differs(tmp_path: Path) -> None:
    """Other numbers replace the base's; the rest stays."""
    found = load(book(tmp_path, 'name = "Dearer"\nplans.team.prices.seats.unit_price = 31.5'))

    prices = found.plans["team"].prices
    assert (found.name, prices["seats"].unit_price) == ("Dearer", Decimal("31.5"))
    assert prices["calls"] == load(tmp_path / "base.toml").plans["team"].prices["calls"]


def test_what_is_removed_makes_room_for_another_model(tmp_path: Path) -> None:
    """A package becomes a price a unit: its size has to go, or the model refuses it."""
    upper = '[plans.team.prices.calls]\nmeter = "calls"\nunit_price = 0.005\nmodel = "unit"\n'
    with pytest.raises(Problems, match="package_size"):
        load(book(tmp_path, upper))

    path = book(tmp_path, 'removes = ["plans.team.prices.calls"]\n' + upper)
    assert load(path).plans["team"].prices["calls"].package_size is None
    assert load(tmp_path / "base.toml").plans["team"].prices["calls"].package_size == 1000


def test_the_text_of_a_book_is_all_files_in_one(tmp_path: Path) -> None:
    """A run keeps it, and it reads back as the same book; a book by itself keeps its own bytes."""
    path = book(tmp_path, 'name = "Less"\nremoves = ["plans.team.prices.calls", "meters.calls"]')

    assert loads(text(path).decode()) == load(path)
    assert load(path).meters == {}
    assert text(tmp_path / "base.toml") == BASE.encode()


@pytest.mark.parametrize(
    ("upper", "message"),
    [
        ('removes = ["plans.team.prices.cals"]', "did you mean 'calls'?"),
        ('removes = ["plans.steam.prices"]', "no 'plans.steam.prices'"),
        ('removes = "plans.team"', "list dotted paths"),
        ("removes = [3]", "list dotted paths"),
        ("plans.team.prices.seats.unit_prize = 3", "reform.toml: plans.team.prices.seats.unit_prize"),
        ('plans.team.stream = ""', "reform.toml: plans.team.stream"),
    ],
)
def test_what_is_wrong_is_said_with_its_file(tmp_path: Path, upper: str, message: str) -> None:
    """A problem names the file that the value comes from."""
    with pytest.raises(Problems) as raised:
        load(book(tmp_path, upper))

    assert message in str(raised.value)


def test_a_book_below_nothing_removes_nothing(tmp_path: Path) -> None:
    """`removes` without `extends` is an unknown key."""
    path = tmp_path / "alone.toml"
    path.write_text('removes = ["meters"]\n' + BASE, "utf-8")

    with pytest.raises(Problems, match="removes"):
        load(path)
