"""Definitions: the last month by the choices of others, as the command line says it, and why it differs."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analytics.policy import DEFAULT, PRESETS, MetricPolicy
from simulator import summary
from simulator.__main__ import answer
from simulator.report import amount, definition
from tests.simulator.report.reader import Reader


def cells(markup: str) -> list[Decimal | None]:
    """Return the exact figures of a piece of a page, in order."""
    values = [given.get("value") for given, _ in Reader(f"<table>{markup}</table>").all("data")]
    return [Decimal(value) if value else None for value in values]


def shown(page: Path) -> str:
    """Return the section of definitions of a page."""
    found = re.search(
        r'<section class="listing definitions".*?</section>', page.read_text("utf-8"), re.DOTALL
    )
    assert found
    return found[0]


def told(place: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    """Ask the command line for the metrics of the toy."""
    assert not answer(["metrics", str(place / "runs" / "toy"), *words, "--json"], debug=False)
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out, parse_float=Decimal)
    return rows


def test_each_column_is_what_the_command_says(
    place: Path, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Metric by metric and preset by preset the figures of `saasim metrics --policies`."""
    own = {row["preset"]: row for row in told(place, capsys, "--policies")}
    known = [metric for metric in summary.COMPARED if any(row[metric] for row in own.values())]
    expected = [own[preset][metric] for metric in known for preset in PRESETS]

    assert len(known) > 10
    assert cells(shown(alone))[: len(expected)] == [
        None if one is None else Decimal(str(one)) for one in expected
    ]


def test_what_a_choice_moves_is_what_it_moves_alone(
    place: Path, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The change of ARR beside a choice is that of `saasim metrics --policy` with this choice alone."""
    usage = "usage=included,usage_window=1"
    before, after = (told(place, capsys, *words)[-1]["arr"] for words in ([], ["--policy", usage]))
    row = re.search(r"<tr><th[^>]*>Metered revenue is part(.*?)</tr>", shown(alone))

    assert row
    assert cells(row[0])[0] == Decimal(str(after)) - Decimal(str(before)) > 0


def test_choices_make_up_the_presets() -> None:
    """All choices that a preset takes, put into the default, are the preset; none is taken by nobody."""
    for name, preset in PRESETS.items():
        made = DEFAULT
        for choice in definition.choices():
            if name in choice.takers:
                made = made._replace(**dict(choice.fields))
        assert made == preset, name
    assert all(choice.takers for choice in definition.choices())


def test_every_choice_of_a_preset_is_said_in_words() -> None:
    """None is shown as it is typed; and one that nobody takes yet can be said all the same."""
    for choice in definition.choices():
        assert re.fullmatch(r"[A-Z][^=_{}]+", choice.words), choice
    assert definition.words("sales_lag", 6) == "sales_lag = 6"
    assert set(definition.SAID) <= {
        known
        for field in MetricPolicy._fields
        for known in (field, *(one for one in definition.SAID if one.startswith(f"{field}=")))
    }


def test_of_several_runs_each_has_its_table(place: Path, beside: Path) -> None:
    """With its name above it, and what differs from the report's own choices in bold."""
    read = Reader(beside.read_text("utf-8"))
    [(_, text)] = read.all("section", class_="definitions")

    captions = [text for _, text in read.all("caption") if "other definitions" in text]
    names = [str(given["id"]) for _, given in read.tags if given.get("id")]
    assert [caption.rpartition(", ")[2] for caption in captions] == ["toy", "dearer"]
    assert sorted(set(names)) == sorted(names), "no two buttons of the tables share a name"
    assert "What each choice moves" not in text
    assert read.all("data", class_="differs")


@pytest.mark.parametrize(
    ("metric", "own", "value", "said"),
    [
        ("arr", Decimal(100), Decimal(150), "+$50"),
        ("arr", Decimal(150), Decimal(100), "−$50"),
        ("customers", 10, 12, "+2"),
        ("nrr", Decimal("1.10"), Decimal("1.05"), "−5.0\u202fpp"),
        ("quick_ratio", Decimal(4), Decimal("2.5"), "−1.5×"),
        ("nrr", None, Decimal(1), "no value"),
        ("arr", Decimal(7), Decimal(7), "same"),
    ],
)
def test_an_effect_has_a_sign_and_its_unit(metric: str, own: Any, value: Any, said: str) -> None:
    """Shares in points, money short, and nothing is called good or bad."""
    markup = definition._effect(metric, own, value, "USD")

    assert re.sub("<[^>]*>", "", markup) == said
    assert not re.search(r'"(more|less)"', markup)
    assert amount.title(metric)
