"""The command line's page: the help of every verb, as a terminal of 100 columns shows it."""

from typing import Any

from typer.main import get_command

from simulator.verbs import app
from tests.reference.page import fenced

COLUMNS = 100


def verbs() -> list[str]:
    """Return the verbs of the command line, in the order of its help."""
    group: Any = get_command(app)
    return list(group.commands)


def helps() -> str:
    """Show the help of the program and of every verb."""
    group: Any = get_command(app)
    settings = {"terminal_width": COLUMNS, **group.context_settings}
    top = group.context_class(group, info_name="saasim", **settings)
    parts = [f"## saasim\n\n{fenced('text', group.get_help(top))}"]
    for name, verb in group.commands.items():
        context = verb.context_class(verb, info_name=name, parent=top, terminal_width=COLUMNS)
        parts.append(f"## saasim {name}\n\n{fenced('text', verb.get_help(context))}")
    return "\n\n".join(parts)
