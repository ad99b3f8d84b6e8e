"""Explanations: from any number of a ledger back to its formula, its lines, their arithmetic and the events.

    from analytics import explain
    explain("runs/dbgpt", "INV-2026-03-acme/2")

What a node says adds up to the last digit; the rounding of a line is a step like the others.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from analytics.explanation.book import Citations
from analytics.explanation.evidence import Evidence
from analytics.explanation.node import LARGEST, Node
from analytics.explanation.thing import explained
from analytics.policy import DEFAULT, MetricPolicy
from billing.ledger import connect
from billing.price_book import load
from metering.document import problem, read_text
from metering.log import Log

__all__ = ["Evidence", "Node", "evidence_of", "explain"]

LEDGER, PRICES, BEFORE, LOG = "ledger.duckdb", "prices.toml", "before.toml", "log"
"""What the parts of a run are called; `before.toml` is there after a change from one book to another."""


def explain(
    source: Any,
    thing: str,
    *,
    by: str = "",
    depth: int | None = None,
    largest: int = LARGEST,
    log: Log | None = None,
    policy: MetricPolicy = DEFAULT,
) -> Node:
    """Explain a number of a run: an invoice, line, payout, entry or posting, a metric or account of a month.

    `source` is the directory of a run, or what `evidence_of` takes. `by` asks for a part of a metric
    (`segment=smb`), `depth` for so many levels, `largest` for so many of many parts; metrics and what an
    account pays a month are those of the `policy`. Raises Problems, with the nearest name, for what the
    ledger does not have.
    """
    if isinstance(source, Evidence):
        return explained(source, thing, by=by, depth=depth)
    evidence = replace(evidence_of(source, largest=largest, log=log), policy=policy)
    try:
        return explained(evidence, thing, by=by, depth=depth)
    finally:
        if isinstance(source, str | Path):
            evidence.connection.close()


def evidence_of(source: Any, *, largest: int = LARGEST, log: Log | None = None) -> Evidence:
    """Return what an explanation is read from.

    `source` is the directory of a run, or anything with a `connection` to a ledger and its `book`, as a
    replay in memory has them; with a `log`, its own or the one given, events are shown, and with the book's
    `text` its lines. Raises Problems for a directory that is no run.
    """
    if not isinstance(source, str | Path):
        return _in_memory(source, log or getattr(source, "log", None), largest)
    run = Path(source)
    if not (run / LEDGER).is_file():
        raise problem(str(run), "holds no ledger", "name the directory of a run")
    if log is None and (run / LOG).is_dir():
        log = Log.open(run / LOG)
    connection = connect(run / LEDGER)
    earlier = _under(run / BEFORE, connection, log, largest) if (run / BEFORE).is_file() else None
    return replace(_under(run / PRICES, connection, log, largest), earlier=earlier)


def _under(prices: Path, connection: DuckDBPyConnection, log: Log | None, largest: int) -> Evidence:
    citations = Citations(read_text(prices), prices.name)
    return Evidence(connection, load(prices), citations, log, largest=largest)


def _in_memory(source: Any, log: Log | None, largest: int) -> Evidence:
    text, transition = getattr(source, "text", ""), getattr(source, "transition", None)
    citations = Citations(text, PRICES if text else source.book.name)
    evidence = Evidence(source.connection, source.book, citations, log, largest=largest)
    if transition is None:
        return evidence
    before = transition.before
    return replace(evidence, earlier=Evidence(source.connection, before, Citations("", before.name), log))
