"""`saasim lint PRICES --run RUN` tells which rules a run never triggers, and which events no rule prices."""

import json
from pathlib import Path

import pytest

from simulator.__main__ import answer
from tests.simulator import toy


def linted(capsys: pytest.CaptureFixture[str], *words: str) -> list[tuple[str, str, str]]:
    """Return the rule, place and message of what the linter says of events."""
    assert 0 == answer(["lint", *words, "--json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {"warning"} >= {finding["severity"] for finding in findings}
    kinds = ("untriggered", "unpriced")
    told = [(finding["rule"], finding["place"], finding["message"]) for finding in findings]
    return [finding for finding in told if finding[0] in kinds]


def test_a_run_is_held_against_a_book(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The toy uses a meter that is none, and subscriptions that nobody has; one plan is never sold.

    Without a subscription: a ghost for 120 days, acme for 4 before its own and 11 after it, bolt for 19.
    """
    toy.publish(tmp_path / "scenario", tmp_path / "toy")
    prices = tmp_path / "prices.toml"
    prices.write_text(toy.PRICES, encoding="utf-8")

    assert [] == linted(capsys, str(prices))
    assert [
        ("untriggered", "plans.metered",
         "never triggered by subscription.started with plan metered: nobody was on the plan"),
        ("unpriced", "meters.mystery", "no meter 'mystery': 120 events of acme-1"),
        ("unpriced", "plans",
         "usage.recorded of calls without a subscription: 154 events of acme-1 and 2 more"),
    ] == linted(capsys, str(prices), "--run", str(tmp_path / "toy"))  # fmt: skip


def test_a_run_that_is_none_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, as everywhere, with the name and a remedy."""
    prices = tmp_path / "prices.toml"
    prices.write_text(toy.PRICES, encoding="utf-8")

    assert 2 == answer(["lint", str(prices), "--run", "nosuch"])
    assert "nosuch: there is no such run" in capsys.readouterr().err
