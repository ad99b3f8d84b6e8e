"""`saasim chart`: a list of what can be drawn, a picture, or the data behind it."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("altair", reason="charts take the extra `report`")

from metering.document import Problems
from simulator import extra
from simulator.__main__ import answer
from simulator.chart import CHARTS
from tests.simulator import toy


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a run of the toy."""
    place = tmp_path_factory.mktemp("chart")
    toy.publish(place / "scenario", place / "toy")
    return place / "toy"


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    """Read what a program is told."""
    return json.loads(capsys.readouterr().out)


def test_charts_are_listed_with_what_they_show(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those with data by section, the others below; a program is told of all, with the command for each."""
    assert 0 == answer(["chart", str(run)])
    text = capsys.readouterr().out
    listed, _, without = text.partition("nothing to show: ")
    assert "Recurring revenue" in listed
    assert "mrr_movements" in listed
    assert "resolution" in without

    assert 0 == answer(["chart", str(run), "--json"])
    rows = told(capsys)
    assert [row["name"] for row in rows] == list(CHARTS)
    assert all(row["command"].startswith("saasim ") for row in rows)


def test_a_picture_is_written(
    run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the form that is asked for, or that its name says; the sentence about it is printed."""
    monkeypatch.chdir(tmp_path)
    assert 0 == answer(["chart", str(run), "mrr", "--png"])
    assert Path("toy-mrr.png").read_bytes().startswith(b"\x89PNG")
    assert "Committed MRR" in capsys.readouterr().out

    assert 0 == answer(["chart", str(run), "mrr", "--out", "here.svg", "--dark", "--with", str(run)])
    assert Path("here.svg").read_text("utf-8").startswith("<svg")


def test_the_data_behind_a_chart_is_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rows that its query gives, exactly."""
    assert 0 == answer(["chart", str(run), "mrr_bridge", "--json"])

    steps = {row["step"]: row["amount"] for row in told(capsys)}
    assert steps.pop("MRR now") == pytest.approx(sum(steps.values()))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mrr_bridges"], "mrr_bridge"),
        (["resolution"], "has nothing that resolution could show"),
        (["mrr", "--out", "no/such/place.png"], "cannot be written"),
        (["targets", "--with", "{run}"], "has nothing that targets could show"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    run: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """With exit code 2, and what to do."""
    words = [word.format(run=run) for word in words]

    assert 2 == answer(["chart", str(run), *words])
    assert said in capsys.readouterr().err


def test_without_the_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported before that is known."""
    monkeypatch.setattr(extra, "find_spec", lambda name: None)

    with pytest.raises(Problems, match=r"pip install 'saasim\[report\]'"):
        extra.need("report")
