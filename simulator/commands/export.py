"""`saasim export`: a run as Parquet, CSV, a workbook, CloudEvents, or charges of FOCUS."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from billing.price_book import load
from metering.document import problem
from metering.log import Log
from simulator import manifest, tables
from simulator.export import cloudevent, target
from simulator.export.focus import category_of, metadata, of_ledger
from simulator.export.relation import chosen, relations
from simulator.export.tables import write_csv, write_parquet
from simulator.export.target import STDOUT, put, stream
from simulator.export.workbook import workbook
from simulator.publication import find
from simulator.query import connect
from simulator.values import to_json

EXPORTS = Path("exports")
"""Where exports go that are not told where."""

Said = Callable[[str], object]


class Asked(NamedTuple):
    """What is asked of an export: its form, where it goes, which tables, and what only FOCUS needs."""

    form: str
    out: Path | None = None
    only: Sequence[str] = ()
    service_category: str = ""
    as_json: bool = False


class Made(NamedTuple):
    """What was made: where, and each part of it (its name or file, rows, bytes)."""

    out: Path
    parts: list[dict[str, Any]]


def export_run(name: str, asked: Asked) -> int:
    """Write a run for other programs, and say what was written."""
    run = find(name)
    kinds = (manifest.KIND, manifest.LOG_KIND) if asked.form == "cloudevents" else (manifest.KIND,)
    contents = manifest.read(run, kinds)
    if asked.only and asked.form not in {"parquet", "csv"}:
        raise problem("--only", f"--{asked.form} has no tables to choose", "leave it out, or use --parquet")
    out = asked.out or EXPORTS / f"{run.name}{ENDINGS[asked.form]}"
    with tables.terminal(sys.stderr).status(f"exporting {run}") as status:
        made = Made(out, FORMS[asked.form](run, contents, out, asked, status.update))
    if out == STDOUT:
        return 0
    if asked.as_json:
        sys.stdout.write(to_json({"form": asked.form, "out": str(out), "written": made.parts}) + "\n")
    else:
        _show(run.name, asked.form, made)
    return 0


def source_of(contents: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an export says of the run that it was made of: its name, log, prices and versions."""
    kept = ("name", "seed", "months", "price_book", "made_by")
    told = {key: contents[key] for key in kept if key in contents}
    return {"kind": "saasim export", "run": {**told, "log": contents["log"]["head"]}}


def _parquet(
    run: Path, contents: Mapping[str, Any], out: Path, asked: Asked, said: Said
) -> list[dict[str, Any]]:
    with connect(run) as ledger:
        found = chosen(relations(ledger), asked.only)
        return write_parquet(ledger, found, out, source=source_of(contents), said=said)


def _csv(run: Path, contents: Mapping[str, Any], out: Path, asked: Asked, said: Said) -> list[dict[str, Any]]:
    with connect(run) as ledger:
        found = chosen(relations(ledger), asked.only)
        return write_csv(ledger, found, out, source=source_of(contents), said=said)


def _xlsx(
    run: Path, contents: Mapping[str, Any], out: Path, asked: Asked, said: Said
) -> list[dict[str, Any]]:
    with connect(run) as ledger:
        data, sheets = workbook(ledger, contents, said=said)
    put(out, data)
    return [{"name": sheet.name, "rows": sheet.rows} for sheet in sheets]


def _cloudevents(
    run: Path, contents: Mapping[str, Any], out: Path, asked: Asked, said: Said
) -> list[dict[str, Any]]:
    said("writing events")
    with stream(out) as file:
        count = cloudevent.write_events(Log.open(run / manifest.LOG), file)
    return [{"name": "events", "rows": count}]


def _focus(
    run: Path, contents: Mapping[str, Any], out: Path, asked: Asked, said: Said
) -> list[dict[str, Any]]:
    category = category_of(asked.service_category)
    with connect(run) as ledger:
        frame = of_ledger(ledger, load(run / manifest.PRICES), category)
    with stream(out) as file:
        file.write(frame.write_csv(null_value="", quote_style="necessary"))
    if out != STDOUT:
        put(out.with_name(f"{out.name.partition('.')[0]}.schema.json"), metadata(frame, contents, out.name))
    return [{"name": "charges", "rows": len(frame)}]


FORMS: dict[str, Callable[[Path, Mapping[str, Any], Path, Asked, Said], list[dict[str, Any]]]] = {
    "parquet": _parquet,
    "csv": _csv,
    "xlsx": _xlsx,
    "cloudevents": _cloudevents,
    "focus": _focus,
}
"""How each form is written."""

ENDINGS = {
    "parquet": "-parquet",
    "csv": "-csv",
    "xlsx": ".xlsx",
    "cloudevents": ".ndjson",
    "focus": "-focus.csv",
}
"""What is put behind a run's name to name its export."""


def _show(name: str, form: str, made: Made) -> None:
    screen = tables.terminal(sys.stdout)
    rows = sum(part["rows"] for part in made.parts)
    many = (
        f" in {len(made.parts):,} {'sheets' if form == 'xlsx' else 'tables'}" if len(made.parts) > 1 else ""
    )
    screen.print(f"{name}: {rows:,} {NOUNS[form]}{many}, written to {made.out}")
    if form == "csv":
        screen.print(f"\n  types and texts: {made.out / target.CONTENTS}; tables again: load.sql")
    if form == "cloudevents":
        screen.print(f"\n  next: saasim import {made.out} --map saasim --out logs/{name}")


NOUNS = {
    "parquet": "rows",
    "csv": "rows",
    "xlsx": "rows",
    "cloudevents": "events",
    "focus": "charges",
}
