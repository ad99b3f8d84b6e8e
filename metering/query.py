"""Queries: SQL for the events of a log that meters count, and for what they count of them."""

from collections.abc import Mapping, Sequence

from metering import correction
from metering.event import EVENTS
from metering.known import Source
from metering.meter import USAGE, Meter
from metering.period import Period
from metering.weighted import weighted

EACH = "event"
"""The dimension that tells the events of a meter with `each` apart: `<source>/<id>`."""


def adds_up(meters: Mapping[str, Meter]) -> str:
    """Return SQL for whether the event's meter adds up, and is not weighted by time."""
    keys = ", ".join(map(text, weighted(meters)))
    return f"e.meter not in ({keys})" if keys else "true"


def sources(log: Source, meters: Mapping[str, Meter], periods: Sequence[Period], *, has_usage: bool) -> str:
    """Return SQL for every event that could count, from usage and from business facts."""
    found = [_facts_query(key, meter) for key, meter in meters.items() if meter.event != USAGE]
    if has_usage:
        # A name is read only where it is asked for: names are most of the bytes of a log.
        is_named = any(meter.each and meter.event == USAGE for meter in meters.values())
        columns = "subject, meter, occurred_at, quantity, dimensions, position"
        own = f"{_unique_of(meters)} as item, {_NAME if is_named else 'null'} as event"
        usage = log.usage_source(periods)
        if log.has_corrections:
            found.insert(0, f"select {columns}, {own}, quantity as counted from {correction.differences()}")
            usage = correction.corrected(usage)
        found.insert(0, f"select {columns}, {own}, 1 as counted from {usage}")
    return " union all ".join(found)


def _facts_query(key: str, meter: Meter) -> str:
    """Read the business facts that a meter counts as if they were usage."""
    subject = "subject"
    if "subscription" in EVENTS[meter.event]._fields:
        subject = "coalesce(nullif(json_extract_string(data, '$.subscription'), ''), subject)"
    quantity = f"json_extract_string(data, '$.{meter.quantity}')" if meter.quantity else "1"
    item = f"json_extract_string(data, '$.{meter.of}')" if meter.of else "null"
    name = _NAME if meter.each else "null"
    return f"""
        select {subject} as subject, {text(key)} as meter, occurred_at,
            {quantity}::decimal(38, 12) as quantity, data as dimensions, position, {item} as item,
            {name} as event, 1 as counted
        from facts where type = {text(meter.event)}
    """


def dimensions(meters: Mapping[str, Meter]) -> str:
    """Return SQL for the canonical JSON of the dimensions that the event's meter keeps apart."""
    cases = []
    for key, meter in meters.items():
        values = {
            name: f"coalesce(json_extract_string(nullif(e.dimensions, ''), {path(name)}), '')"
            for name in meter.dimensions
        }
        if meter.each:
            values[EACH] = "e.event"
        if values:
            parts = ", ".join(f"{text(name)}, {values[name]}" for name in sorted(values))
            cases.append(f"when {text(key)} then json_object({parts})::varchar")
    return f"case e.meter {' '.join(cases)} else '' end" if cases else "''"


def aggregate(meters: Mapping[str, Meter], log: Source) -> str:
    """Return SQL for what the meter of a group of events makes of them."""
    aggregates = {
        "count": "sum(e.counted)" if log.has_corrections else "count(*)",
        "max": "max(e.quantity)",
        "latest": "arg_max(e.quantity, (e.occurred_at, e.position))",
        "unique_count": "count(distinct e.item)",
    }
    cases = []
    for aggregation, counted in aggregates.items():
        keys = ", ".join(text(key) for key, meter in meters.items() if meter.aggregation == aggregation)
        if keys:
            cases.append(f"when e.meter in ({keys}) then {counted}")
    return f"case {' '.join(cases)} else sum(e.quantity) end" if cases else "sum(e.quantity)"


_NAME = "source || '/' || id"


def _unique_of(meters: Mapping[str, Meter]) -> str:
    cases = " ".join(
        f"when {text(key)} then json_extract_string(nullif(dimensions, ''), {path(meter.of)})"
        for key, meter in meters.items()
        if meter.of and meter.event == USAGE
    )
    return f"case meter {cases} end" if cases else "null"


def path(name: str) -> str:
    """Quote the JSON path of a key, whatever letters it has."""
    key = name.replace('"', '\\"')
    return text(f'$."{key}"')


def text(value: str) -> str:
    """Quote a SQL string literal."""
    return "'" + value.replace("'", "''") + "'"
