"""The notebook, and the run that it is about."""

from pathlib import Path

from simulator.__main__ import answer
from tests.reference.page import DOCS

NOTEBOOK = DOCS / "notebook" / "explore-a-run.ipynb"
COMMAND = "saasim run dbgpt --months 6 --out runs/dbgpt-6"
"""What the notebook says that it was made on."""


def made(directory: Path) -> None:
    """Make the run in a directory, as the notebook says."""
    assert COMMAND in NOTEBOOK.read_text("utf-8"), "the notebook says another command"
    *words, out = COMMAND.split()[1:]
    assert answer([*words, str(directory / out)]) == 0
