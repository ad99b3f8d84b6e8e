"""`saasim report`: one run or several as a page to show."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from analytics.comparison import compare_each
from metering.document import problem
from simulator import tables
from simulator.page.comparison import Compared
from simulator.publication import find
from simulator.report.report import report
from simulator.report.subject import opened
from simulator.values import to_json


def report_on(names: Sequence[str], *, out: Path | None, as_json: bool) -> int:
    """Write the page of the runs, the first beside each of the others."""
    places = [find(name) for name in names]
    labels = _labels(names, places)
    target = out or Path(f"{labels[0]}-report.html" if len(names) == 1 else "report.html")
    if target.is_dir():
        raise problem("--out", f"{target} is a directory", "name a file, such as report.html")
    with tables.terminal(sys.stderr).status(f"reporting on {', '.join(labels)}"), ExitStack() as stack:
        subjects = [
            stack.enter_context(opened(place, name, label))
            for place, name, label in zip(places, names, labels, strict=True)
        ]
        first, *others = places
        found = compare_each(first, others) if others else []
        compared = [
            Compared(f"{labels[0]} → {label}", pair) for label, pair in zip(labels[1:], found, strict=True)
        ]
        markup = report(subjects, compared)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(markup, encoding="utf-8")
    size = len(markup.encode())
    if as_json:
        sys.stdout.write(
            to_json({"report": str(target), "runs": list(map(str, places)), "bytes": size}) + "\n"
        )
    else:
        tables.terminal(sys.stdout).print(f"written to {target} ({size / 1e6:.1f} MB)")
    return 0


def _labels(names: Sequence[str], places: Sequence[Path]) -> list[str]:
    """Return what the runs are called: their directories' names, or what was typed where two are equal."""
    short = [place.resolve().name for place in places]
    return short if len(set(short)) == len(short) else [*names]
