"""A kernel in few lines: it runs the cells of a notebook in one namespace and keeps what they show.

What a cell shows is its last expression, as in Jupyter: a bundle of forms where the value has one, HTML, and
text. Charts are kept as PNG, which every reader of notebooks shows.
"""

import ast
import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

import polars as pl

Cell = dict[str, Any]
Output = dict[str, Any]


def code_cells(notebook: Path) -> list[Cell]:
    """Return the cells of a notebook that are run."""
    cells: list[Cell] = json.loads(notebook.read_text("utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def executed(cells: list[Cell], directory: Path) -> list[list[Output]]:
    """Run cells one after the other in a directory; return what each shows. Raises what they raise."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    before = Path.cwd()
    os.chdir(directory)
    try:
        with pl.Config():  # what a notebook sets for its tables holds for itself
            return [_run("".join(cell["source"]), namespace, number) for number, cell in enumerate(cells, 1)]
    finally:
        os.chdir(before)


def stored(notebook: Path, outputs: list[list[Output]]) -> str:
    """Return a notebook's text with what its cells show."""
    contents = json.loads(notebook.read_text("utf-8"))
    code = [cell for cell in contents["cells"] if cell["cell_type"] == "code"]
    for number, (cell, shown) in enumerate(zip(code, outputs, strict=True), start=1):
        cell["execution_count"], cell["outputs"] = number, shown
    return json.dumps(contents, indent=1, ensure_ascii=False) + "\n"


def _run(source: str, namespace: dict[str, Any], number: int) -> list[Output]:
    tree = ast.parse(source, f"cell {number}")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(tree, f"cell {number}", "exec"), namespace)  # noqa: S102 - our own notebook
        value = None
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), namespace)  # noqa: S307
    outputs: list[Output] = []
    if said.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": _lines(said.getvalue())})
    if value is not None:
        shown = {"data": _bundle(value), "execution_count": number, "metadata": {}}
        outputs.append({**shown, "output_type": "execute_result"})
    return outputs


def _bundle(value: Any) -> dict[str, Any]:
    """Return the forms in which a value is shown."""
    if type(value).__module__.startswith("altair."):
        return {"image/png": _png(value), "text/plain": ["a chart"]}
    bundle = {"text/plain": _lines(repr(value))}
    if hasattr(value, "_repr_html_"):
        bundle["text/html"] = _lines(value._repr_html_())
    return bundle


def _png(chart: Any) -> str:
    import base64

    file = io.BytesIO()
    chart.save(file, format="png", scale_factor=1)
    return base64.b64encode(file.getvalue()).decode() + "\n"


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
