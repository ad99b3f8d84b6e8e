"""`saasim run PLAN` and `saasim targets`: a plan from the command line, what it says, and how it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulator import manifest
from simulator.__main__ import answer
from tests.simulator import toy

PLAN = """
name = "Acme"
[periods]
y1 = { starts_on = 2026-01-01, months = 12 }
y2 = { starts_on = 2027-01-01, months = 12 }
[drivers]
pros = { values = { y1 = 4, y2 = 5 } }
price = { value = 10 }
[figures.revenue]
formula = "months * pros * price"
printed = { y1 = "$480", y2 = "$500" }
ledger = { measure = "revenue", stream = "s" }
[figures.polled]
printed = "4.5"
[things.pro]
cadence = "month"
count = "pros"
price = "price"
stream = "s"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a directory with a plan, to work in."""
    monkeypatch.chdir(tmp_path)
    Path("acme.toml").write_text(PLAN, "utf-8")
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what a command that is done writes on stdout."""
    assert 0 == answer(list(words))
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what a command that is refused writes on stderr."""
    assert 2 == answer(list(words))
    return capsys.readouterr().err


def rows(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    """Return what `saasim targets --json` says."""
    found: list[dict[str, Any]] = json.loads(said(capsys, "targets", *words, "--json"))
    return found


def test_a_plan_runs_like_a_scenario(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is published under its name, with the plan in it; every check holds, and SQL is answered."""
    shown = said(capsys, "run", "acme.toml")

    assert "Acme, as planned: 24 months from 2026-01" in shown
    assert "saasim targets acme-plan" in shown
    assert PLAN == (folder / "runs" / "acme-plan" / manifest.PLAN).read_text("utf-8")
    assert "checks hold" in said(capsys, "verify", "acme-plan")
    assert "1,080" in said(capsys, "sql", "acme-plan", "select sum(total) from invoices")


@pytest.mark.usefixtures("folder")
def test_the_same_plan_gives_the_same_log(capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs have one head: nothing is left to chance."""
    heads = []
    for name in ("one", "other"):
        said(capsys, "run", "acme.toml", "--out", f"runs/{name}")
        heads.append(manifest.read(Path("runs") / name)["log"]["head"])

    assert heads[0] == heads[1]


@pytest.mark.usefixtures("folder")
def test_targets_show_what_is_printed_beside_the_ledger(capsys: pytest.CaptureFixture[str]) -> None:
    """Year 2 is printed as $500, its drivers come to $600, and so does the ledger."""
    said(capsys, "run", "acme.toml")
    told = {(row["figure"], row["period"]): row for row in rows(capsys, "acme-plan")}
    shown = said(capsys, "targets", "acme-plan")

    wanted = ("printed", "goal", "ledger", "difference", "state")
    assert ["$480", 480, 480, 0, "reached"] == [told["revenue", "y1"][name] for name in wanted]
    assert ["$500", 600, 600, 0, "reached"] == [told["revenue", "y2"][name] for name in wanted]
    assert ["4.5", 4.5, None, None, "not simulated"] == [told["polled", ""][name] for name in wanted]
    assert told["revenue", "y2"]["why"]
    assert "not simulated: polled 4.5" in shown
    assert "3 figures: 2 reached, 1 not simulated" in shown


@pytest.mark.usefixtures("folder")
def test_other_numbers_and_fewer_months(capsys: pytest.CaptureFixture[str]) -> None:
    """A driver that is typed goes into the run and its plan; a year that is left out is not over."""
    said(
        capsys, "run", "acme.toml", "--set", "drivers.price.value=11", "--months", "12", "--out", "runs/dear"
    )
    states = {row["period"]: (row["goal"], row["ledger"], row["state"]) for row in rows(capsys, "dear")}

    assert (528, 528, "reached") == states["y1"]
    assert (660, None, "not over") == states["y2"]
    assert {"drivers.price.value": "11", "months": "12"} == manifest.read(Path("runs/dear"))["set"]


@pytest.mark.usefixtures("folder")
def test_a_replay_keeps_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    """At twice the price the ledger is twice as far, and the plan says by how much it misses."""
    said(capsys, "run", "acme.toml")
    prices = (
        Path("runs/acme-plan/prices.toml").read_text("utf-8").replace("unit_price = 10", "unit_price = 20")
    )
    Path("dear.toml").write_text(prices, "utf-8")
    said(capsys, "replay", "acme-plan", "--prices", "dear.toml", "--out", "runs/dear")

    assert [(960, 480, "missed"), (1200, 600, "missed"), (None, None, "not simulated")] == [
        (row["ledger"], row["difference"], row["state"]) for row in rows(capsys, "dear")
    ]


@pytest.mark.usefixtures("folder")
def test_a_run_of_agents_is_held_against_a_plan_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a plan of its own a run needs --plan; its first month is the plan's first month."""
    toy.publish(Path("scenario"), Path("runs/toy"))
    message = refused(capsys, "targets", "toy")

    assert "was made without a plan" in message
    assert "--plan FILE" in message
    assert {"not over", "not simulated"} == {
        row["state"] for row in rows(capsys, "toy", "--plan", "acme.toml")
    }


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "acme.toml", "--seed", "7"], "a plan leaves nothing to chance"),
        (["run", "acme.toml", "--months", "0"], "'0' is no number of months"),
        (["run", "acme.toml", "--set", "drivers.prise.value=1"], "did you mean 'price'?"),
        (["run", "acme.toml", "--set", "drivers.price.value=x"], "is no figure"),
        (["run", "dbgpt-plann"], "did you mean 'dbgpt-plan'?"),
        (["targets", "nowhere"], "there is no such run"),
    ],
)
def test_what_cannot_be_done_is_said(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is a problem with its remedy, and the exit code is 2."""
    assert message in refused(capsys, *words)


@pytest.mark.usefixtures("folder")
def test_a_plan_that_is_only_audited_is_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Without things there is nothing to bill."""
    Path("bare.toml").write_text(PLAN.partition("[things")[0], "utf-8")

    assert "has no [things]" in refused(capsys, "run", "bare.toml")


@pytest.mark.usefixtures("folder")
def test_a_plan_with_an_extra_file_name_keeps_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """plan.toml in a folder is called after the folder."""
    Path("bakery").mkdir()
    Path("bakery/plan.toml").write_text(PLAN, "utf-8")

    assert "published as runs/bakery-plan" in said(capsys, "run", "bakery/plan.toml")
