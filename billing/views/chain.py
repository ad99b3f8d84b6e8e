"""Chains: queries that read each other by name, put together into one statement.

Each query stands by itself and can be read by itself; a view is one of them with those that it needs before
it, `with closed as (...), grid as (...), ...`. So every view is one statement over tables, and what several
of its queries read is worked out once.
"""

import re
from collections import Counter
from collections.abc import Mapping

from billing.views import (
    acquisition,
    collection,
    contract,
    delivery,
    efficiency,
    funnel,
    growth,
    income,
    mix,
    outlook,
    recurring,
    retention,
    trade,
)
from billing.views.split import SPLITS, Split

_CLOSED = """
    select unnest(generate_series(first_month, last_month, interval 1 month))::date as month,
        datediff('month', first_month, month) as age
    from (
        select min(month) as first_month, max(month) as last_month from (
            select month from mrr_balances union all select month from mrr_movements
            union all select month from invoice_lines union all select month from payouts
            union all select month from entries where kind in ('cost', 'recognition')
        )
    ) where first_month is not null"""

_FAMILIES = (
    recurring, outlook, growth, retention, contract, income, mix, trade, funnel, acquisition, efficiency,
    collection, delivery,
)  # fmt: skip

_SOURCES = (
    "held", "moved", "metered", "billed", "recognised", "shared", "spent", "renewals", "signups",
    "signups_due", "trials_ended", "leads", "due", "exams", "hours", "used",
    "listed",
)  # fmt: skip
"""The queries in which a part may appear."""

_GRID = "select part, month, age from ({parts}) cross join closed"

STREAM = "stream_"
"""What stands before the names of queries by stream, in a chain that is split otherwise."""


def queries(split: Split) -> dict[str, str]:
    """Return every query by its name, for the company split so; the streams' are among them."""
    found = _of(split)
    if split.name != "stream":
        streams = _of(SPLITS["stream"])
        own = {name: f"{STREAM}{name}" for name in streams if name != "closed"}
        found |= {own[name]: _renamed(query, own) for name, query in streams.items() if name in own}
    return found


def chained(name: str, known: Mapping[str, str]) -> list[str]:
    """Return the names of the queries that a query needs, each after those that it needs itself; it is last.

    A query that reads itself, through others, raises RecursionError.
    """
    order: dict[str, None] = {}
    for needed in _read_by(known[name], known):
        order |= dict.fromkeys(chained(needed, known))
    return [*order, name]


def statement(last: str, known: Mapping[str, str], select: str) -> str:
    """Return one statement: the queries that `last` needs, and a selection from them."""
    names = chained(last, known)
    read = Counter(needed for name in names for needed in _read_by(known[name], known))
    how = {name: "materialized " if read[name] > 1 else "" for name in names}
    parts = [f"{name} as {how[name]}({known[name]}\n)" for name in names]
    return f"with {', '.join(parts)}\n{select}"


def _of(split: Split) -> dict[str, str]:
    found = {"closed": _CLOSED}
    for family in _FAMILIES:
        found |= family.steps(split)
    parts = " union ".join(f"select part from {name}" for name in _SOURCES if name in found)
    found["grid"] = _GRID.format(parts=parts if split.name else "select '' as part")
    places = {key: value for key, value in split._asdict().items() if key != "name"}
    return {name: query.format(**places) for name, query in found.items()}


def _read_by(query: str, known: Mapping[str, str]) -> list[str]:
    words = re.findall(r'\b(?:from|join) "?([a-z_]+)', query)
    return [word for word in dict.fromkeys(words) if word in known]


def _renamed(query: str, names: Mapping[str, str]) -> str:
    return re.sub(
        r"\b(from|join) ([a-z_]+)\b", lambda found: f"{found[1]} {names.get(found[2], found[2])}", query
    )
