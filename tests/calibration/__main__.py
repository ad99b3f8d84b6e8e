"""`python -m tests.calibration COMPANY [--seeds 20] [--first 101] [--jobs 2] [--only NAME] [--show]`.

Lives the company's scenarios with many seeds and writes what they came to into docs/calibration.md. With
`--show` the page stays as it is, and the table comes on stdout. `--set KEY=VALUE` tries another value.
"""

import argparse
import re
import sys
from pathlib import Path

from simulator.commands.run import parsed
from simulator.scenario import built_in
from tests.calibration.history import Figures, lived
from tests.calibration.spread import spreads
from tests.calibration.table import table

PAGE = Path(__file__).parents[2] / "docs" / "calibration.md"


def main(words: list[str]) -> int:
    """Calibrate a company; return 2 where there is none of that name."""
    reader = argparse.ArgumentParser(prog="python -m tests.calibration", description=__doc__)
    reader.add_argument("company")
    reader.add_argument("--seeds", type=int, default=20)
    reader.add_argument("--first", type=int, default=101)
    reader.add_argument("--jobs", type=int, default=2)
    reader.add_argument("--only", default="")
    reader.add_argument("--show", action="store_true")
    reader.add_argument("--set", action="append", default=[], dest="settings")
    asked = reader.parse_args(words)
    names = [name for name in built_in() if name == asked.company or name.startswith(f"{asked.company}-")]
    names = [name for name in names if asked.only in {"", name}]
    if not names:
        sys.stderr.write(f"{asked.company} is no company; known: {', '.join(built_in())}\n")
        return 2
    seeds = range(asked.first, asked.first + asked.seeds)
    histories: dict[str, dict[int, Figures]] = {name: {} for name in names}
    for name, seed, reached in lived(names, seeds, jobs=asked.jobs, overrides=parsed(asked.settings)):
        histories[name][seed] = reached
        sys.stderr.write(f"{name} with seed {seed} is done\n")
    found = {name: spreads([of[seed] for seed in sorted(of)]) for name, of in histories.items()}
    head = f"{len(seeds)} seeds, {seeds[0]} to {seeds[-1]}."
    text = f"{head}\n\n{table(found)}"
    if asked.show:
        sys.stdout.write(f"{text}\n")
    else:
        PAGE.write_text(replaced(PAGE.read_text("utf-8"), asked.company, text), "utf-8")
    return 0


def replaced(page: str, company: str, text: str) -> str:
    """Return the page with another text between a company's markers. Raises ValueError without them."""
    begin, end = f"<!-- calibration {company} -->", "<!-- end calibration -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no {begin} and {end}")
    return pattern.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", page, count=1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
