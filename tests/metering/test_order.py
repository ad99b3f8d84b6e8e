"""Order: whole numbers instead of texts sort, join and count as the texts would."""

import random
from datetime import date

import polars as pl
import pytest

from metering import order
from metering.order import in_order, joined, once_a_run, runs

NAMES = ["month", "account", "plan", "number"]


def table(seed: int, rows: int) -> pl.DataFrame:
    """Draw rows with few different values in each column, and nulls."""
    dice = random.Random(seed)
    texts = ["", "a", "B", "é", "aa", "ß", "z-1", "Z"]
    return pl.DataFrame(
        {
            "month": [date(2026, dice.randint(1, 12), 1) for _ in range(rows)],
            "account": [dice.choice(texts) for _ in range(rows)],
            "plan": [dice.choice([*texts, None]) for _ in range(rows)],
            "number": [dice.choice([None, -3, 0, 7, 2**40]) for _ in range(rows)],
            "row": range(rows),
        },
        schema_overrides={"number": pl.Int64},
    )


@pytest.fixture(autouse=True)
def _every_size_counts_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "_FEW", 0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("word", [2**62, 50, 2])
def test_rows_are_sorted_as_polars_sorts_them(monkeypatch: pytest.MonkeyPatch, seed: int, word: int) -> None:
    """Whatever fits into a number: nulls come first, and what is alike stays as it was."""
    monkeypatch.setattr(order, "_WORD", word)
    rows = table(seed, rows=200)

    assert in_order(rows, NAMES).equals(rows.sort(NAMES, maintain_order=True))
    assert in_order(rows.sort(NAMES), NAMES[::-1]).equals(
        rows.sort(NAMES).sort(NAMES[::-1], maintain_order=True)
    )


@pytest.mark.parametrize("seed", range(4))
def test_ties_are_looked_at_where_rows_are_alike(seed: int) -> None:
    """They are sorted by as well, and by nothing else."""
    rows = table(seed, rows=200).with_columns(amount=pl.col("row").cast(pl.Decimal(18, 4)) * -1)

    assert in_order(rows, NAMES[:2], ["plan", "amount"]).equals(rows.sort([*NAMES[:2], "plan", "amount"]))


@pytest.mark.parametrize("seed", range(8))
def test_frames_are_joined_as_polars_joins_them(seed: int) -> None:
    """Rows without a partner fall out; several partners make several rows; the left order stays."""
    on = ["month", "account"]
    left = table(seed, rows=150).select(*on, "row")
    right = table(seed + 1, rows=60).select(*on, other="row").filter(pl.col("account") != "Z")

    found = joined(left, right, on)

    assert found.equals(left.join(right, on=on, maintain_order="left_right"))
    assert 0 < found["row"].n_unique() < len(left)


@pytest.mark.parametrize("rows", [0, 1, 120])
def test_runs_are_what_follows_each_other_and_is_alike(rows: int) -> None:
    """Positions count from one within a run, and sums are those of its rows: by hand, row by row."""
    told = (
        table(5, rows=rows).select("plan", "row").with_columns(amount=pl.col("row").cast(pl.Decimal(18, 4)))
    )
    found = runs(told, ["plan"])
    places, sums = list[int](), list[int]()
    before: object = object()
    for plan, row, _ in told.iter_rows():
        places.append(places[-1] + 1 if plan == before and places else 1)
        sums = [*sums[:-1], sums[-1] + row] if places[-1] > 1 else [*sums, row]
        before = plan

    assert places == found.position().to_list()
    assert sums == [int(one) for one in found.sums(told["amount"])]


def test_a_column_is_changed_once_a_run() -> None:
    """What comes back is as long as the column, and the change saw no value twice in a row."""
    seen = list[pl.Series]()

    def doubled(column: pl.Series) -> pl.Series:
        seen.append(column)
        return column * 2

    found = once_a_run(pl.Series([3] * 5 + [1] * 4 + [3]), doubled)

    assert [6] * 5 + [2] * 4 + [6] == found.to_list()
    assert [[3, 1, 3]] == [column.to_list() for column in seen]
