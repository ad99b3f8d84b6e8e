"""Verbs about a company: to simulate it, to ask its ledger, to see its metrics."""

from pathlib import Path
from typing import Annotated

import typer

from simulator.verbs.app import Json, Run, app, example


@app.command(
    epilog=example(
        "saasim run dbgpt --months 12 --seed 7 --out runs/dbgpt-7",
        "saasim run dbgpt --months 12 --seeds 8",
    )
)
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
    seeds: Annotated[
        int, typer.Option(metavar="N", help="Live N histories; of the others keep the monthly metrics.")
    ] = 1,
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes for them; all cores without it.")] = 0,
    tornado: Annotated[
        bool, typer.Option(help="With --seeds: change each main rate of the scenario down and up, too.")
    ] = True,
    as_json: Json = False,
) -> int:
    """Simulate a company month by month, bill what happens, and publish the run."""
    from simulator.commands.run import Histories, run

    named = {"months": months, "seed": seed}
    given = {key: value for key, value in named.items() if value}
    wanted = Histories(seeds, jobs, tornado)
    return run(scenario, out=out, settings=settings or [], named=given, histories=wanted, as_json=as_json)


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


@app.command(
    epilog=example(
        "saasim metrics dbgpt --by segment",
        "saasim metrics dbgpt --policy stripe,discounts=all",
        "saasim metrics dbgpt --policies",
        "saasim metrics dbgpt --month 2026-12",
        "saasim metrics --input subscriptions.csv costs.csv --json",
    )
)
def metrics(
    *,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="A run, by name or directory; more tables after --input."),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="FILE", help="No run, but tables: CSV or JSON, FILE or KIND=FILE."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="MONTH", help="The last month of the tables: 2026-06.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="PART", help="Split by segment, plan, stream or channel.")
    ] = None,
    policy: Annotated[
        str, typer.Option(metavar="POLICY", help="How metrics are taken: a preset, choices, or both.")
    ] = "saasim",
    policies: Annotated[
        bool, typer.Option("--policies", help="Compare the last month under every preset.")
    ] = False,
    month: Annotated[
        str | None, typer.Option(metavar="MONTH", help="Every metric of one month: 2026-06, or last.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Show the metrics of every month: MRR and its movements, retention, revenue, CAC, LTV."""
    from simulator.commands.metrics import metrics, under_all
    from simulator.commands.month import month as of_month

    if policies and (by or month or policy != "saasim"):
        raise typer.BadParameter("--policies goes with no --by, --month or --policy; choose one")
    if policies:
        return under_all(names or [], inputs=inputs or [], until=until, as_json=as_json)
    if month:
        if by:
            raise typer.BadParameter("--month does not go with --by; choose one")
        return of_month(
            names or [], inputs=inputs or [], until=until, label=month, policy=policy, as_json=as_json
        )
    return metrics(names or [], inputs=inputs or [], until=until, by=by, policy=policy, as_json=as_json)


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


@app.command(
    epilog=example(
        "saasim lifetime dbgpt",
        "saasim lifetime dbgpt --by segment --every 12 --json",
        "saasim lifetime dbgpt --policy chartmogul",
    )
)
def lifetime(
    *,
    name: Run,
    by: Annotated[str | None, typer.Option(metavar="PART", help="Split by segment or channel.")] = None,
    every: Annotated[int, typer.Option(metavar="N", help="How many months make a cohort.")] = 3,
    policy: Annotated[
        str, typer.Option(metavar="POLICY", help="Who is a customer: a preset, or field=value,...")
    ] = "",
    as_json: Json = False,
) -> int:
    """Show how long customers stay, what they are worth by every method, and when they have paid back."""
    from simulator.commands.lifetime import lifetime

    return lifetime(name, by=by, every=every, policy=policy, as_json=as_json)
