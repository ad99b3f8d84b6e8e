"""`saasim audit`: what it shows, what it tells a program, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.__main__ import answer

HEAD = """
name = "Shop"
[periods]
y1 = { starts_on = 2026-01-01, months = 12 }
y2 = { starts_on = 2027-01-01, months = 12 }
[drivers]
customers = { values = { y1 = 100, y2 = 300 } }
price = { value = "$99" }
[figures]
sales.formula = "months * customers * price"
sales.printed = { y1 = "$118,800", y2 = "$YEAR2" }
sales.source = "S:1"
growth = { growth_of = "sales", printed = { y2 = "GROWTH" }, source = "S:2" }
share = { formula = "price / 299", printed = "33%", source = "S:3" }
[claims]
large = { holds = "sales.y2 >= 300_000", says = "more than 300,000", source = "S:4" }
"""


def written(folder: Path, year_2: str, growth: str) -> str:
    """Write the plan with two of its figures, and return its path."""
    path = folder / "plan.toml"
    path.write_text(HEAD.replace("YEAR2", year_2).replace("GROWTH", growth), "utf-8")
    return str(path)


@pytest.fixture
def wrong(tmp_path: Path) -> str:
    """Give a plan with a wrong figure, one that follows from it, a rounded one, and a broken claim."""
    return written(tmp_path, "256,400", "116%")


def test_a_wrong_plan_ends_with_1_and_says_what_is_wrong(
    wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong by itself comes first, then what follows from it, what is rounded, and the claims."""
    assert 1 == answer(["audit", wrong])

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert [
        "1 of 4 figures do not follow",
        "source figure printed comes to difference how",
        "S:1 sales.y2 $256,400 $356,400 +$100,000 12 × 300 × 99",
        "1 of 4 figures only follow from those",
        "source figure printed comes to difference how",
        "S:2 growth.y2 116% 200% +84% 356,400 / 118,800 − 1; follows sales.y2",
        "1 of 4 figures are rounded",
        "source figure printed comes to difference how",
        "S:3 share 33% 33.11% +0.11% 99 / 299",
        "1 of 1 claims do not hold",
        "source claim figures says",
        "S:4 large $256,400 >= 300,000 more than 300,000",
    ] == [line for line in lines if line and "─" not in line]


def test_a_right_plan_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but that all is right, in one line."""
    path = Path(written(tmp_path, "356,400", "200%"))
    path.write_text(path.read_text("utf-8").replace("price / 299", "0.33"), "utf-8")

    assert 0 == answer(["audit", str(path)])

    assert ["  4 of 4 figures follow, 1 of 1 claims hold"] == capsys.readouterr().out.splitlines()


def test_a_program_is_told_every_number(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers are numbers, with the formula, what a figure follows from, and where it stands."""
    assert 1 == answer(["audit", wrong, "--json"])

    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert ("Shop", 4, 1) == (told["plan"], told["figures"], told["claims"])
    assert [
        ("formula", "sales", "y2", 356_400, 100_000, [], "S:1"),
        ("growth", "growth", "y2", 2, 0.84, ["sales.y2"], "S:2"),
        ("claim", "large", None, None, -43_600, [], "S:4"),
    ] == [
        tuple(
            row[key] for key in ("check", "name", "period", "recomputed", "difference", "follows", "source")
        )
        for row in told["wrong"]
    ]


def test_what_cannot_be_read_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each problem, with its place."""
    path = tmp_path / "plan.toml"
    path.write_text(HEAD.replace("months * customers", "month * custmers") + "\nz = 1", "utf-8")

    assert 2 == answer(["audit", str(path)])
    assert 2 == answer(["audit", str(tmp_path / "none.toml")])
    told = capsys.readouterr().err
    assert "claims.z" in told
    assert "none.toml: cannot be read" in told
