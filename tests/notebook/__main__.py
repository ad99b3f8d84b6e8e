"""`python -m tests.notebook`: run the notebook of the documentation, and store what its cells show."""

import tempfile
from pathlib import Path

from tests.notebook.kernel import code_cells, executed, stored
from tests.notebook.run import NOTEBOOK, made

with tempfile.TemporaryDirectory() as place:
    made(Path(place))
    shown = executed(code_cells(NOTEBOOK), Path(place))
NOTEBOOK.write_text(stored(NOTEBOOK, shown), "utf-8")
