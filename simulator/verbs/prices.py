"""Verbs about prices and other files that people write, and about what a run's files hold."""

from pathlib import Path
from typing import Annotated

import typer

from simulator.verbs.app import Json, Run, app, example


@app.command(
    epilog=example("""echo '{"plan": "professional", "seats": 5}' | saasim quote --prices prices.toml""")
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
    epilog=example(
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


@app.command(epilog=example("saasim audit fixtures/dbgpt/plan.toml"))
def audit(
    *,
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A business plan: TOML, or a table in CSV.")],
    as_json: Json = False,
) -> int:
    """Find every printed figure of a business plan that does not follow. Ends with 1 where one is wrong."""
    from simulator.commands.audit import audit_plan

    return audit_plan(plan, as_json=as_json)


@app.command(epilog=example("saasim verify dbgpt"))
def verify(*, name: Run, as_json: Json = False) -> int:
    """Check every invariant and every file of a run. Ends with 1 where a check fails."""
    from simulator.commands.verify import verify_run

    return verify_run(name, as_json=as_json)


@app.command(epilog=example("saasim schema price-book > price-book.schema.json"))
def schema(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="price-book, scenario, plan or import-map.")],
    as_json: Json = False,
) -> int:
    """Print the JSON Schema of a price book, a scenario, a plan or a map of an import, for editors."""
    from simulator.commands.schema import schema

    return schema(name)
