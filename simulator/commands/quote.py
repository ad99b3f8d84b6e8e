"""`saasim quote`: what plans and prices come to, JSON lines in and JSON lines out."""

import json
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from billing import price_book
from billing.price_book import PriceBook
from billing.quote import quote
from metering.document import Problems, problem
from simulator.values import to_json


def quote_lines(prices: Path | None, *, conventions: str, month: str) -> int:
    """Answer every request on stdin, then report every line that could not be answered; 1 where one differs.

    `month` (`2026-03`) is quoted where a request names none; this month where it is empty. Without a price
    book, requests describe all that they ask about. A request that says what it `expect`s is a check.
    """
    first = _first_of(month) if month else datetime.now(UTC).date().replace(day=1)
    book = PriceBook(name="quote", plans={}) if prices is None else price_book.load(prices)
    if conventions:
        book = book.under(book.conventions.changed(conventions, "--conventions"))
    problems, differs = [], False
    for number, line in enumerate(sys.stdin, start=1):
        if line.strip():
            try:
                answer = quote(book, request(line, f"line {number}"), month=first, place=f"line {number}")
            except Problems as found:
                problems += found.problems
            else:
                sys.stdout.write(to_json(answer) + "\n")
                if not answer.get("is_as_expected", True):
                    differs = True
                    told = f"comes to {answer['amount']}, and not to {answer['expect']}"
                    sys.stderr.write(f"line {number}: {told}\n")
    if problems:
        raise Problems(problems)
    return int(differs)


def _first_of(month: str) -> date:
    try:
        return date.fromisoformat(f"{month}-01")
    except ValueError:
        raise problem("--month", f"{month!r} is not a month", "write it like 2026-03") from None


def request(line: str, place: str) -> dict[str, Any]:
    """Read one request exactly. Raises Problems where it is no JSON object, or repeats a key."""
    try:
        found = json.loads(
            line, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_without_repeats
        )
    except (ValueError, RecursionError) as error:
        raise problem(place, f"is not valid JSON: {error}", "write one JSON object a line") from None
    if not isinstance(found, dict):
        raise problem(place, "is not a JSON object", 'write it like {"plan": "professional", "seats": 5}')
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _without_repeats(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} is given twice")
        found[key] = value
    return found
