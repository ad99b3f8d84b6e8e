"""Order: runs of rows that follow each other and are alike."""

import random
from datetime import date

import polars as pl
import pytest

from metering.order import runs


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
