"""The command line: `saasim VERB`; the verbs, their options and their help are in `simulator.verbs`.

A verb imports its engine when it is called, and help is shown before anything parses options: typer does that
with pydantic, which takes longer to import than a help text to read.
"""

import contextlib
import gc
import os
import re
import sys
from typing import Any

import typer
from typer.main import get_command

from metering.ending import ENDS_AT_ONCE
from simulator.verbs import app

HELP_COLUMNS = 100


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    gc.disable()  # a verb lives for seconds: looking for garbage takes a tenth of them and finds next to none
    ENDS_AT_ONCE.set(True)
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
