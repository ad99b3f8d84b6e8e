"""`saasim lifetime`: what people and programs are told of customers' lives."""

import json
from pathlib import Path
from typing import Any

import pytest

from analytics import likelihood
from analytics.lifetime import METHODS
from metering.document import problem
from simulator.__main__ import answer
from tests.simulator import toy


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a run of the toy."""
    place = tmp_path_factory.mktemp("lifetime")
    toy.publish(place / "scenario", place / "toy")
    return place / "toy"


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    """Read what a program is told."""
    return json.loads(capsys.readouterr().out)


def test_a_program_is_told_everything(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Curves, fits, values and paybacks, each as a list of rows; what has no value has a reason."""
    pytest.importorskip("scipy")
    assert 0 == answer(["lifetime", str(run), "--json"])
    found = told(capsys)

    names = ["survival", "realised", "values", "paybacks", "renewals", "purchases", "policy"]
    assert names == list(found)
    assert [3, 3, 3, 2] == [row["at_risk"] for row in found["survival"]]
    assert all(row["value"] is not None or row["reason"] for row in found["values"])
    assert {"simple", "kaplan_meier", "renewal"} <= {row["method"] for row in found["values"]} <= set(METHODS)
    assert all(row["reason"] for row in found["renewals"]), "three customers are too few for any fit"


def test_people_are_told_in_five_tables(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With words for heads, and the reason where a number is missing."""
    pytest.importorskip("scipy")
    assert 0 == answer(["lifetime", str(run), "--every", "1"])
    text = capsys.readouterr().out

    for head in (
        "How long customers stay",
        "How contracts are renewed",
        "What a customer is worth",
        "paid back",
    ):
        assert head in text
    assert "too few to fit" in text
    assert "3 customers, 1 has left" in text


def test_who_is_a_customer_is_as_the_policy_says(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Days of a month change nothing for who pays by the month; with usage a customer is worth more.

    Acme uses more than its plan includes: MRR that is not only committed raises its revenue an account.
    """
    found = {}
    for policy in ("saasim", "zuora", "usage=included,usage_window=1"):
        assert 0 == answer(["lifetime", str(run), "--policy", policy, "--json"])
        found[policy] = told(capsys)
    usual, by_days, with_usage = found.values()

    assert {name: rows for name, rows in usual.items() if name != "policy"} == {
        name: rows for name, rows in by_days.items() if name != "policy"
    }
    assert len({one["policy"] for one in found.values()}) == 3
    worth = [
        row["value"]
        for one in (usual, with_usage)
        for row in one["values"]
        if row["method"] == "kaplan_meier"
    ]
    assert worth[1] > worth[0]
    assert 0 == answer(["lifetime", str(run), "--policy", "zuora"])
    assert "policy zuora" in capsys.readouterr().out


def test_segments_are_told_apart(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One curve for each."""
    assert 0 == answer(["lifetime", str(run), "--by", "segment", "--json"])

    assert {"smb"} == {row["part"] for row in told(capsys)["survival"]}


def test_without_scipy_everything_but_the_fits_is_there(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And it says loudly what to install."""

    def missing(room: str) -> Any:
        raise problem("package scipy", "is not installed", "pip install 'saasim[fit]'")

    for room in ("analytics.likelihood", "analytics.renewal", "analytics.repurchase"):
        monkeypatch.setattr(f"{room}.scipy", missing)
    monkeypatch.setattr("analytics.renewal.LEAST", 0)
    assert likelihood.scipy is missing
    assert 0 == answer(["lifetime", str(run)])
    text = capsys.readouterr().out

    assert "pip install 'saasim[fit]'" in text
    assert "How long customers stay" in text
    assert "How contracts are renewed" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--by", "plan"], "customers do not belong to one 'plan'"),
        (["--by", "segmant"], "did you mean 'segment'"),
        (["--every", "0"], "0 months"),
        (["--policy", "chartmogull"], "did you mean 'chartmogul'"),
    ],
    ids=["a-plan", "a-slip", "no-months", "no-policy"],
)
def test_mistakes_are_explained(
    run: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2."""
    assert 2 == answer(["lifetime", str(run), *words])
    assert message in capsys.readouterr().err
