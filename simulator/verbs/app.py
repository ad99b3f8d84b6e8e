"""The command line itself, without its verbs, and the words that verbs share."""

from typing import Annotated

import typer


def example(*lines: str) -> str:
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
    epilog=example(
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
