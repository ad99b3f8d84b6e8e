"""Records: what an experiment leaves in a directory: the answer as JSON, and every number of every seed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from analytics.standing import Standing
from metering.document import problem
from simulator.values import to_json
from simulator.whatif.experiment import Outcome

ANSWER, TRIALS = "whatif.json", "trials.parquet"
"""The answer, and the numbers behind it: one row for each seed, place and value of a sweep."""


def check(out: Path) -> None:
    """See that something can be written there. Raises Problems where it cannot."""
    if out.exists() and not out.is_dir():
        raise problem(f"--out {out}", "is a file", "name a directory")
    if out.is_dir() and any(out.iterdir()) and not (out / ANSWER).exists():
        remedy = "choose another place, or remove it"
        raise problem(f"--out {out}", "is a directory that holds something else", remedy)


def check_page(file: Path) -> None:
    """See that a page can be written there: a run of hours is not to end in vain. Raises Problems."""
    if file.is_dir():
        raise problem(f"--html {file}", "is a directory", "name a file that ends with .html")
    if not file.parent.is_dir():
        raise problem(f"--html {file}", f"there is no directory {file.parent}", "make it, or name another")


def keep_page(file: Path, text: str) -> None:
    """Write the page of an experiment."""
    file.write_text(text, "utf-8")


def write(out: Path, told: Mapping[str, Any], outcomes: Sequence[Outcome]) -> None:
    """Write the record of an experiment."""
    out.mkdir(parents=True, exist_ok=True)
    (out / ANSWER).write_text(to_json(told) + "\n", "utf-8")
    trials(outcomes).write_parquet(out / TRIALS)


def trials(outcomes: Sequence[Outcome]) -> pl.DataFrame:
    """Return how the company of every trial stands under each book, replayed and in all."""
    rows = [row for one in outcomes for row in _rows(one)]
    names = ["seed", "sweep", "value", "split", "part", "measure"]
    schema: dict[str, Any] = dict.fromkeys(names, pl.String) | {"seed": pl.Int64}
    schema |= dict.fromkeys(("before", "replayed", "after"), pl.Decimal(38, 12))
    return pl.DataFrame(rows, schema=schema, orient="row")


def _rows(one: Outcome) -> list[tuple[Any, ...]]:
    name, value = one.case.label or ("", "")
    books: tuple[Standing, ...] = (one.trial.before, one.trial.replayed, one.trial.after)
    places = dict.fromkeys(place for book in books for place in book)
    return [
        (one.case.seed, name, str(value), *place, *(book.get(place) for book in books)) for place in places
    ]
