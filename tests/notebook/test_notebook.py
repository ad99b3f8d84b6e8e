"""The notebook of the documentation: every cell runs, and shows what is stored.

`python -m tests.notebook` runs it and stores what its cells show today.
"""

import base64
import json
import re
from pathlib import Path

import pytest

from tests.notebook import kernel
from tests.notebook.kernel import Output, code_cells, executed
from tests.notebook.run import NOTEBOOK, made


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[list[Output]]:
    """Give what every cell shows today, on a run that is made as the notebook says."""
    directory = tmp_path_factory.mktemp("notebook")
    made(directory)
    return executed(code_cells(NOTEBOOK), directory)


def test_every_cell_shows_what_is_stored(shown: list[list[Output]]) -> None:
    """Frames row by row; of charts that they are pictures, since fonts differ between machines."""
    for number, (cell, outputs) in enumerate(zip(code_cells(NOTEBOOK), shown, strict=True), start=1):
        stored = [output.get("data", {}).get("text/plain") for output in cell["outputs"]]
        today = [output.get("data", {}).get("text/plain") for output in outputs]

        assert stored == today, f"cell {number}; run: python -m tests.notebook"
        for output in [*cell["outputs"], *outputs]:
            picture = output.get("data", {}).get("image/png")
            assert picture is None or base64.b64decode(picture).startswith(b"\x89PNG")


def test_the_ledger_adds_up_and_the_log_agrees(shown: list[list[Output]]) -> None:
    """The two cells that check something say that it holds."""
    texts = ["".join(output["data"]["text/plain"]) for outputs in shown for output in outputs]

    assert any("all_months_add_up" in text and "true" in text for text in texts)
    (agreed,) = [text for text in texts if "different" in text]
    assert re.findall(r"\d+", agreed.splitlines()[-2])[-1] == "0"


def test_the_notebook_is_one() -> None:
    """Format 4.5: every cell has a name of its own, and every cell that is run has its number."""
    contents = json.loads(NOTEBOOK.read_text("utf-8"))
    names = [cell["id"] for cell in contents["cells"]]

    assert (4, 5) == (contents["nbformat"], contents["nbformat_minor"])
    assert len(names) == len(set(names))
    assert [cell["execution_count"] for cell in code_cells(NOTEBOOK)] == list(
        range(1, len(code_cells(NOTEBOOK)) + 1)
    )


def test_the_kernel_shows_the_last_expression(tmp_path: Path) -> None:
    """What is printed, and what stands last; names live on from cell to cell; errors are raised."""
    cells = [{"source": ["x = 2\n", "print('a')\n", "x + 1"]}, {"source": ["x * 2"]}, {"source": ["x = 3"]}]
    outputs = executed(cells, tmp_path)

    assert [["a\n"], ["3"], ["4"]] == [
        output.get("text") or output["data"]["text/plain"] for shown in outputs for output in shown
    ]
    assert [] == outputs[2]
    with pytest.raises(ZeroDivisionError):
        executed([{"source": ["1 / 0"]}], tmp_path)
    assert kernel.executed([], tmp_path) == []
