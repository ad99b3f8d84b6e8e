"""Verbs of the price lab: logs under other price books, what changes, and where numbers come from."""

from pathlib import Path
from typing import Annotated

import typer

from simulator.verbs.app import Json, Run, app, example

Policy = Annotated[
    str, typer.Option(metavar="WHO", help="Who gets the new book when: now, new, renewal, phased, cohort.")
]
"""The words in which a change of prices is told, the same wherever one can be."""

FromMonth = Annotated[
    str, typer.Option("--from", metavar="MONTH", help="The month of the change, if not the log's first.")
]
PhaseMonths = Annotated[
    int | None, typer.Option(metavar="N", min=1, max=120, help="Over how many months it is phased.")
]
Cohort = Annotated[
    str, typer.Option(metavar="SQL", help="The accounts of the cohort, asked of the run's ledger.")
]
Base = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The book before the change, if not the run's own.")
]


@app.command(
    "import",
    epilog=example(
        "saasim import usage-2026-*.csv.gz --map my-map.toml --out logs/2026",
        "saasim import trace.csv --map azure-llm --out logs/azure",
        "saasim replay logs/2026 --prices my-prices.toml --out runs/2026",
    ),
)
def import_(
    *,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CSV (also .gz), Parquet, JSON or CloudEvents.")
    ],
    mapped: Annotated[
        str, typer.Option("--map", metavar="MAP", help="What the columns mean: a file, or a built-in map.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the log goes.")],
    accounts: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Accounts and subscriptions, as [accounts] says."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Publish nothing where a row is repeated or cannot be used.")
    ] = False,
    memory: Annotated[
        str, typer.Option(metavar="SIZE", help="What the import may take; the rest is on disk.")
    ] = "1GB",
    as_json: Json = False,
) -> int:
    """Make a log of somebody's usage files, to be billed by replay. What cannot be used is quarantined."""
    from simulator.commands.import_ import import_files

    options = {"accounts": accounts or (), "strict": strict, "memory": memory}
    return import_files(files, mapped, out=out, options=options, as_json=as_json)


@app.command(
    epilog=example(
        "saasim replay dbgpt --prices my-prices.toml --out runs/what-if",
        "saasim replay dbgpt --prices flat.toml --prices tiers.toml --out runs/what-if",
        "saasim replay dbgpt --prices b.toml --policy renewal --from 2026-07 --out runs/renewals",
        "saasim replay dbgpt --prices b.toml --policy phased --from 2026-07 --phase-months 6 --out runs/b",
        """saasim replay dbgpt --prices b.toml --where "segment = 'smb'" --out runs/smb-b""",
        """saasim replay dbgpt --prices b.toml --policy cohort --from 2026-07 --out runs/smb \\
      --cohort "select account from accounts where segment = 'smb'\"""",
    )
)
def replay(
    *,
    name: Annotated[str, typer.Argument(metavar="LOG", help="A run, or a log that was imported.")],
    prices: Annotated[
        list[Path], typer.Option(metavar="FILE", help="A price book to bill with; repeat for several.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the new run goes; of several, DIR-BOOK each.")
    ],
    policy: Policy = "",
    from_month: FromMonth = "",
    phase_months: PhaseMonths = None,
    cohort: Cohort = "",
    base: Base = None,
    accounts: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES|FILE", help="Bill only these: a,b,c, or a file with a name a line."),
    ] = None,
    where: Annotated[
        str, typer.Option(metavar="SQL", help="Bill only the accounts of which this is so.")
    ] = "",
    as_json: Json = False,
) -> int:
    """Bill a recorded log under other price books, each a new run. Only prices change: nobody reacts.

    With a policy the book before goes on to hold until each customer comes to the new one. Of some accounts
    alone the new run has their events and nobody else's.
    """
    from simulator.commands.replay import replay
    from simulator.replay import Change, Choice

    change = Change(policy, from_month, phase_months, cohort, base)
    choice = Choice(tuple(accounts or ()), where)
    return replay(name, prices=prices, out=out, change=change, choice=choice, as_json=as_json)


@app.command(
    epilog=example(
        "saasim compare dbgpt runs/what-if --by segment,month --html what-if.html",
        """saasim compare dbgpt runs/what-if --fail-if 'revenue_change < -2%' --guards guards.toml""",
    )
)
def compare(
    *,
    names: Annotated[
        list[str], typer.Argument(metavar="RUN RUN...", help="A run, and those to compare it with.")
    ],
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="PARTS", help="Split by segment,month or the like; repeat at will."),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help="End with 1 where this is so; repeat at will."),
    ] = None,
    guards: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file of conditions that must hold.")
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page to this file.")] = None,
    parquet: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write every table to this directory.")
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", min=0, help="How many customers to explain.")] = 5,
    as_json: Json = False,
) -> int:
    """Say what differs between runs: for the company, its parts, each customer and each line, and why.

    Ends with 1 where a guard rail does not hold.
    """
    from simulator.commands.compare import compare_runs, request

    if len(names) < 2:  # noqa: PLR2004 - one run cannot be compared
        raise typer.BadParameter("name at least two runs")
    files = {"guards": guards, "html": html, "parquet": parquet}
    asked = request(top=top, by=by or [], fail_if=fail_if or [], **files, as_json=as_json)
    return compare_runs(names, asked)


@app.command(
    epilog=example(
        "saasim whatif dbgpt --prices my-prices.toml --months 12 --seeds 10",
        "saasim whatif dbgpt --prices my-prices.toml --seeds 10 --sweep acquisition=-1.5:0:4 --html b.html",
    )
)
def whatif(
    *,
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="dbgpt, ggml, or a file.")],
    prices: Annotated[Path, typer.Option(metavar="FILE", help="The other price book.")],
    seeds: Annotated[int, typer.Option(metavar="N", help="How many companies live under both.")] = 10,
    months: Annotated[str, typer.Option(metavar="N", help="How many months to simulate.")] = "",
    since: Annotated[
        str, typer.Option("--from", metavar="YYYY-MM", help="From when on, if not the first month.")
    ] = "",
    policy: Annotated[
        str, typer.Option(metavar="POLICY", help="Who comes to it: now, new, renewal or phased.")
    ] = "now",
    phase_months: PhaseMonths = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUES", help="Try values (-1,-0.5 or LOW:HIGH:STEPS); repeat at will."),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes; all cores without it.")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where every number is kept.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page to this file.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the scenario; repeat at will."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Let the same company live under two price books: what prices do, and what customers make of it."""
    from simulator.commands.whatif import Asked, whatif

    named = {"months": months} if months else {}
    asked = Asked(seeds, jobs, sweep or (), since, policy, phase_months, out, html, as_json)
    return whatif(scenario, prices=prices, settings=settings or (), named=named, asked=asked)


@app.command(
    epilog=example(
        "saasim solve dbgpt --free plans.professional.prices.seats.unit_price --target 'nrr_delta == 0'",
        "saasim solve dbgpt --free plans.*.prices.calls.unit_price=0.5:2 --maximize revenue_change",
        "saasim solve dbgpt --free plans.*.prices.seats.unit_price --target 'billed_change == 5%' \\\n"
        "      --policy renewal --from 2026-07",
    )
)
def solve(
    *,
    name: Run,
    free: Annotated[
        list[str], typer.Option(metavar="PATH[=LOW:HIGH]", help="A number of the book; one or two of them.")
    ],
    prices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The price book to change, if not the run's own.")
    ] = None,
    target: Annotated[str, typer.Option(metavar="CONDITION", help="What must be: revenue_delta == 0.")] = "",
    maximize: Annotated[str, typer.Option(metavar="MEASURE", help="What should be the most.")] = "",
    minimize: Annotated[str, typer.Option(metavar="MEASURE", help="What should be the least.")] = "",
    subject_to: Annotated[
        list[str] | None, typer.Option(metavar="CONDITION", help="What must hold; repeat at will.")
    ] = None,
    guards: Annotated[Path | None, typer.Option(metavar="FILE", help="Guard rails that must hold.")] = None,
    tick: Annotated[
        str, typer.Option(metavar="STEP", help="What numbers are rounded to, if not to cents or finer.")
    ] = "",
    policy: Policy = "",
    from_month: FromMonth = "",
    phase_months: PhaseMonths = None,
    cohort: Cohort = "",
    base: Base = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the price book with the numbers goes.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Search for the prices with which a run comes to what you want, as if nobody reacted to them.

    With a policy the run's own book goes on to hold until each customer comes to the new prices. Ends with 1
    where they cannot be had.
    """
    from simulator.commands.solve import Asked, solve_prices
    from simulator.replay import Change

    change = Change(policy, from_month, phase_months, cohort, base)
    asked = Asked(free, target, maximize, minimize, subject_to or (), guards, tick, out, as_json, change)
    return solve_prices(name, prices=prices, asked=asked)


@app.command(
    epilog=example(
        "saasim explain dbgpt INV-2026-03-smb-2512-0005/2",
        "saasim explain dbgpt mrr 2026-05 --by segment=smb",
        "saasim explain dbgpt nrr 2026-05 --policy chartmogul",
    )
)
def explain(
    *,
    name: Run,
    thing: Annotated[
        list[str],
        typer.Argument(
            metavar="THING",
            help="An invoice, line, payout, entry or posting; a metric or account and a month.",
        ),
    ],
    by: Annotated[
        str, typer.Option(metavar="PART", help="Of a metric, a part: segment=smb, plan=pro, ...")
    ] = "",
    depth: Annotated[int | None, typer.Option(metavar="N", min=0, help="How many levels to show.")] = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, help="Of many parts, show the N largest.")] = 5,
    policy: Annotated[
        str, typer.Option(metavar="POLICY", help="How metrics are taken: a preset, or field=value,...")
    ] = "",
    as_json: Json = False,
) -> int:
    """Walk a number back: formula, entries, lines, their arithmetic, usage, events, and the price."""
    from simulator.commands.explain import explain_thing

    return explain_thing(name, thing, by=by, depth=depth, largest=top, policy=policy, as_json=as_json)
