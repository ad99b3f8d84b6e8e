"""Verbs about a company: to simulate it, to ask its ledger, to see its metrics."""

from pathlib import Path
from typing import Annotated

import typer

from simulator.verbs.app import Json, Run, app, example


@app.command(epilog=example("saasim run dbgpt --months 12 --seed 7 --out runs/dbgpt-7"))
def run(
    *,
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="dbgpt, ggml, dbgpt-plan, or a file.")],
    months: Annotated[str, typer.Option(metavar="N", help="How many months to simulate.")] = "",
    seed: Annotated[str, typer.Option(metavar="N", help="Another seed, another history.")] = "",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where it goes, if not runs/NAME.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the file; repeat at will."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Simulate a company month by month, bill what happens, and publish the run."""
    from simulator.commands.run import run

    named = {"months": months, "seed": seed}
    given = {key: value for key, value in named.items() if value}
    return run(scenario, out=out, settings=settings or [], named=given, as_json=as_json)


@app.command(
    epilog=example(
        'saasim sql dbgpt "select stream, sum(revenue) from revenue_by_stream_month group by stream"',
        "saasim sql dbgpt",
    )
)
def sql(
    *,
    name: Run,
    query: Annotated[
        str | None, typer.Argument(metavar="QUERY", help="SQL; without it a prompt, or SQL from a pipe.")
    ] = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV that is safe in a spreadsheet.")] = False,
    limit: Annotated[int | None, typer.Option(metavar="N", min=0, help="Show N rows; 0 shows all.")] = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="Stop what takes longer.")] = 60,
) -> int:
    """Ask a run's ledger in SQL. The console reads this one run and can do nothing else."""
    from simulator.commands.sql import sql

    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other; choose one")
    form = "json" if as_json else "csv" if as_csv else "table"
    return sql(name, query, form=form, limit=limit, timeout_s=timeout)


@app.command(epilog=example("saasim metrics dbgpt --by segment"))
def metrics(
    *,
    name: Run,
    by: Annotated[
        str | None, typer.Option(metavar="PART", help="Split by segment, plan, stream or channel.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Show the metrics of every month: MRR and its movements, retention, revenue, CAC, LTV."""
    from simulator.commands.metrics import metrics

    return metrics(name, by=by, as_json=as_json)


@app.command(epilog=example("saasim targets dbgpt-plan", "saasim targets dbgpt --plan dbgpt-plan --json"))
def targets(
    *,
    name: Run,
    plan: Annotated[
        str | None, typer.Option(metavar="FILE", help="A plan, if not the one that the run was made with.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Hold every figure that a plan prints against what the ledger of a run came to."""
    from simulator.commands.targets import targets

    return targets(name, plan=plan, as_json=as_json)
