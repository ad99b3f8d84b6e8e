"""The command line: `saasim VERB`, its options and its help.

A verb imports its engine when it is called, and help is shown before anything parses options: typer does that
with pydantic, which takes longer to import than a help text to read.
"""

import contextlib
import gc
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

HELP_COLUMNS = 100


def _example(*lines: str) -> str:
    """Return the foot of a help text; the backspace tells its formatter to keep the lines."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


app = typer.Typer(
    name="saasim",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Write data on stdout as JSON.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run: its name (dbgpt) or directory (runs/dbgpt).")]


@app.callback(
    epilog=_example(
        "saasim run dbgpt",
        'saasim sql dbgpt "select * from mrr_by_month order by month"',
    )
)
def top(
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the versions of all that counts.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a crash.")] = False,
) -> None:
    """Simulate a SaaS company, bill its every event, ask its ledger, replay its prices."""


@app.command(epilog=_example("saasim run dbgpt --months 12 --seed 7 --out runs/dbgpt-7"))
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
    epilog=_example(
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


@app.command(epilog=_example("saasim metrics dbgpt --by segment"))
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


@app.command(epilog=_example("saasim targets dbgpt-plan", "saasim targets dbgpt --plan dbgpt-plan --json"))
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
    "import",
    epilog=_example(
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
    epilog=_example(
        "saasim replay dbgpt --prices my-prices.toml --out runs/what-if",
        "saasim replay dbgpt --prices flat.toml --prices tiers.toml --out runs/what-if",
        "saasim replay dbgpt --prices b.toml --policy renewal --from 2026-07 --out runs/renewals",
        "saasim replay dbgpt --prices b.toml --policy phased --from 2026-07 --phase-months 6 --out runs/b",
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
    policy: Annotated[
        str,
        typer.Option(metavar="WHO", help="Who gets the new book when: now, new, renewal, phased, cohort."),
    ] = "",
    from_month: Annotated[
        str, typer.Option("--from", metavar="MONTH", help="The month of the change, if not the log's first.")
    ] = "",
    phase_months: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=120, help="Over how many months it is phased.")
    ] = None,
    cohort: Annotated[
        str, typer.Option(metavar="SQL", help="The accounts of the cohort, asked of the run's ledger.")
    ] = "",
    base: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The book before the change, if not the run's own.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Bill a recorded log under other price books, each a new run. Only prices change: nobody reacts.

    With a policy the book before goes on to hold until each customer comes to the new one.
    """
    from simulator.commands.replay import replay
    from simulator.replay import Change

    change = Change(policy, from_month, phase_months, cohort, base)
    return replay(name, prices=prices, out=out, change=change, as_json=as_json)


@app.command(
    epilog=_example(
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
    epilog=_example(
        "saasim whatif dbgpt --prices my-prices.toml --months 12 --seeds 10",
        "saasim whatif dbgpt --prices my-prices.toml --seeds 10 --sweep acquisition=-1.5:0:4",
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
    phase_months: Annotated[int, typer.Option(metavar="N", help="How long phased takes.")] = 1,
    sweep: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUES", help="Try values (-1,-0.5 or LOW:HIGH:STEPS); repeat at will."),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes; all cores without it.")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where every number is kept.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the scenario; repeat at will."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Let the same company live under two price books: what prices do, and what customers make of it."""
    from simulator.commands.whatif import Asked, whatif

    named = {"months": months} if months else {}
    asked = Asked(seeds, jobs, sweep or (), since, policy, phase_months, out, as_json)
    return whatif(scenario, prices=prices, settings=settings or (), named=named, asked=asked)


@app.command(
    epilog=_example(
        "saasim solve dbgpt --free plans.professional.prices.seats.unit_price --target 'nrr_delta == 0'",
        "saasim solve dbgpt --free plans.*.prices.calls.unit_price=0.5:2 --maximize revenue_change",
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
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the price book with the numbers goes.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Search for the prices with which a run comes to what you want, as if nobody reacted to them.

    Ends with 1 where they cannot be had.
    """
    from simulator.commands.solve import Asked, solve_prices

    asked = Asked(free, target, maximize, minimize, subject_to or (), guards, tick, out, as_json)
    return solve_prices(name, prices=prices, asked=asked)


@app.command(
    epilog=_example(
        "saasim explain dbgpt INV-2026-03-smb-2512-0005/2",
        "saasim explain dbgpt mrr 2026-05 --by segment=smb",
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
    as_json: Json = False,
) -> int:
    """Walk a number back: formula, entries, lines, their arithmetic, usage, events, and the price."""
    from simulator.commands.explain import explain_thing

    return explain_thing(name, thing, by=by, depth=depth, largest=top, as_json=as_json)


@app.command(
    epilog=_example("""echo '{"plan": "professional", "seats": 5}' | saasim quote --prices prices.toml""")
)
def quote(
    *,
    prices: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The price book to quote from, where a line names its plans."),
    ] = None,
    conventions: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Other conventions than the book's: a biller's (lago, stripe, ...), ratio_places=9, ...",
        ),
    ] = "",
    month: Annotated[
        str, typer.Option(metavar="YYYY-MM", help="What to quote where a line names no period.")
    ] = "",
    as_json: Json = False,
) -> int:
    """Say what plans and prices come to: reads JSON lines on stdin, and writes one for each."""
    from simulator.commands.quote import quote_lines

    return quote_lines(prices, conventions=conventions, month=month)


@app.command(
    epilog=_example(
        "saasim lint fixtures/dbgpt/prices.toml",
        "saasim lint fixtures/dbgpt/prices.toml --run dbgpt",
    )
)
def lint(
    *,
    prices: Annotated[Path, typer.Argument(metavar="PRICES", help="The price book to look through.")],
    run: Annotated[
        str,
        typer.Option(metavar="RUN", help="Also say which rules its events never trigger, and reversed."),
    ] = "",
    as_json: Json = False,
) -> int:
    """Find what is wrong with a price book, with purchases that prove it. Ends with 1 on errors."""
    from simulator.commands.lint import lint_book

    return lint_book(prices, run=run, as_json=as_json)


@app.command(epilog=_example("saasim audit fixtures/dbgpt/plan.toml"))
def audit(
    *,
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A business plan: TOML, or a table in CSV.")],
    as_json: Json = False,
) -> int:
    """Find every printed figure of a business plan that does not follow. Ends with 1 where one is wrong."""
    from simulator.commands.audit import audit_plan

    return audit_plan(plan, as_json=as_json)


@app.command(epilog=_example("saasim verify dbgpt"))
def verify(*, name: Run, as_json: Json = False) -> int:
    """Check every invariant and every file of a run. Ends with 1 where a check fails."""
    from simulator.commands.verify import verify_run

    return verify_run(name, as_json=as_json)


@app.command(epilog=_example("saasim schema price-book > price-book.schema.json"))
def schema(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="price-book, scenario, plan or import-map.")],
    as_json: Json = False,
) -> int:
    """Print the JSON Schema of a price book, a scenario, a plan or a map of an import, for editors."""
    from simulator.commands.schema import schema

    return schema(name)


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    gc.disable()  # a verb lives for seconds: looking for garbage takes a tenth of them and finds next to none
    words = sys.argv[1:]
    code = 0
    with contextlib.suppress(BrokenPipeError):  # our reader may have read enough, as `head` does
        code = answer([word for word in words if word != "--debug"], debug="--debug" in words)
        sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # everything is closed: to take a world of agents apart would cost another half second


def answer(words: list[str], *, debug: bool = False) -> int:
    """Do what the words of a command line say, and return the exit code."""
    if "_SAASIM_COMPLETE" not in os.environ and _shown_at_once(words):
        return 0
    from simulator import failure

    try:
        code: int | None = get_command(app).main(words, prog_name="saasim", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        failure.say("stopped", failure.YELLOW)
        return failure.INTERRUPTED
    except SystemExit:  # typer's, when it has completed a word for a shell, or when our reader is gone
        return 0
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last resort, and it says what it caught
        return failure.explain(error, debug=debug)
    return code or 0


def _shown_at_once(words: list[str]) -> bool:
    """Show help or the versions if that is what is asked for, before options are parsed; tell if it was."""
    if words[:1] == ["--version"]:
        from simulator.manifest import versions

        sys.stdout.write("".join(f"{name} {number}\n" for name, number in versions().items()))
        return True
    options = words[: words.index("--")] if "--" in words else words
    if words and not {"-h", "--help"}.intersection(options):
        return False
    group: Any = get_command(app)
    settings = {**group.context_settings, "terminal_width": _columns()}
    context = group.context_class(group, info_name="saasim", **settings)
    verb = group.get_command(context, words[0]) if words else None
    if verb is not None:
        context = verb.context_class(verb, info_name=verb.name, parent=context, **settings)
    sys.stdout.write(_dressed((verb or group).get_help(context)) + "\n")
    return True


def _columns() -> int:
    with contextlib.suppress(OSError):
        return min(HELP_COLUMNS, os.get_terminal_size().columns)
    return HELP_COLUMNS


def _dressed(text: str) -> str:
    """Set the heads of a help text in bold, on a terminal that wants it."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return re.sub(r"(?m)^( *)([A-Z]\w+:)", "\\1\x1b[1m\\2\x1b[0m", text)


if __name__ == "__main__":
    main()
