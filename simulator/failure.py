"""Failures: what is said when something is wrong, in a line for each problem, and the exit code for it."""

import os
import sys
import tempfile
import traceback

from metering.document import Problems
from simulator.values import visible

FAILED, MISTAKE, BROKEN, INTERRUPTED = 1, 2, 70, 130
"""A check failed; the user's to mend; a defect of ours (sysexits' EX_SOFTWARE); Ctrl-C, as shells expect."""

RED, DIM, YELLOW = "31", "2", "33"


def explain(error: Exception, *, debug: bool) -> int:
    """Say what is wrong on stderr, in one line a problem, and return the exit code."""
    if hasattr(error, "format_message"):  # typer's own: an option that is wrong
        context = getattr(error, "ctx", None)
        place = context.command_path if context else "saasim"
        say(f"{place}: {error.format_message().rstrip('.')}; see {place} --help")
        return MISTAKE
    if isinstance(error, Problems):
        for problem in error.problems:
            say(str(problem))
        return MISTAKE
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        say(f"{place}{error.strerror or error}; make room for it, or allow it, and try again")
        return MISTAKE
    say(f"{type(error).__name__}: {error}")
    if debug:
        traceback.print_exception(error)
    else:
        say(f"this is a defect of saasim; the traceback is in {_kept(error)}", DIM)
    return BROKEN


def say(text: str, style: str = RED) -> None:
    """Write one line on stderr, in colour where somebody looks who wants it."""
    line = visible(" ".join(text.split()))
    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    sys.stderr.write(f"\x1b[{style}m{line}\x1b[0m\n" if coloured else f"{line}\n")


def _kept(error: Exception) -> str:
    handle, path = tempfile.mkstemp(prefix="saasim-crash-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    return path
