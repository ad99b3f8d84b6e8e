"""Corrections: facts of kind usage.corrected, put to the usage that they correct while it is read.

A correction names an event, which counts another quantity from then on (0 takes it back; the last one that
was recorded stands), or it is a difference to what was used at its time. Both are told at the time of the
usage, so they belong to its month; when they became known is `recorded_at`.
"""

from collections.abc import Mapping

import duckdb

from metering.document import Problem, Problems
from metering.event import UsageCorrected
from metering.known import Source
from metering.meter import Meter

KIND = "usage.corrected"

ADDING = ("sum", "count")
"""Aggregations that a difference can correct."""

PROBLEMS_MAX = 20
"""How many corrections that cannot be are named; the rest is counted."""

_METER, _CORRECTS = "json_extract_string(data, '$.meter')", "json_extract_string(data, '$.corrects')"
_QUANTITY = "json_extract_string(data, '$.quantity')::decimal(38, 12)"

_NAMED = f"""
    select subject as of_subject, {_METER} as of_meter, occurred_at as of_time, {_CORRECTS} as name,
        arg_max({_QUANTITY}, (recorded_at, position)) as instead
    from facts where type = '{KIND}' and {_CORRECTS} <> '' group by all
"""

_MATCH = """
    c.of_subject = u.subject and c.of_meter = u.meter and c.of_time = u.occurred_at
        and c.name = u.source || '/' || u.id
"""


def corrected(usage: str) -> str:
    """Return SQL for usage whose named events are corrected. The view `facts` has to be there."""
    return f"""(
        select u.* replace (coalesce(c.instead, u.quantity) as quantity)
        from {usage} u left join ({_NAMED}) c on {_MATCH} where c.instead is null or c.instead <> 0
    )"""


def differences() -> str:
    """Return SQL for the differences, in columns like those of usage. The view `facts` has to be there."""
    return f"""(
        select position, source, id, subject, {_METER} as meter, occurred_at, {_QUANTITY} as quantity,
            json_extract_string(data, '$.dimensions') as dimensions, recorded_at
        from facts where type = '{KIND}' and {_CORRECTS} = ''
    )"""


def check(log: Source, meters: Mapping[str, Meter]) -> None:
    """See that every difference is one to something that adds up. Raises Problems."""
    problems = [
        Problem(f"event {position}", f"meter {data.meter!r} is a {meter.aggregation}: nothing is added to it",
                "name the event that it corrects")
        for position, event in log.facts()
        for data in [event.data]
        if type(data) is UsageCorrected and not data.corrects
        for meter in [meters.get(data.meter)]
        if meter is not None and meter.aggregation not in ADDING
    ]  # fmt: skip
    if len(problems) > PROBLEMS_MAX:
        more = Problem("the log", f"has {len(problems) - PROBLEMS_MAX:,} more such corrections")
        problems = [*problems[:PROBLEMS_MAX], more]
    if problems:
        raise Problems(problems)


def idle(connection: duckdb.DuckDBPyConnection, log: Source) -> list[int]:
    """Return the positions of corrections of events that are not there, in order."""
    if not log.has_corrections:
        return []
    connection.register("facts", log.fact_frame())
    query = f"""
        select position from facts f where type = '{KIND}' and {_CORRECTS} <> '' and not exists (
            select 1 from {log.usage_source()} u where u.subject = f.subject
                and u.meter = json_extract_string(f.data, '$.meter') and u.occurred_at = f.occurred_at
                and u.source || '/' || u.id = json_extract_string(f.data, '$.corrects')
        ) order by position
    """
    found = [row[0] for row in connection.execute(query).fetchall()]
    connection.unregister("facts")
    return found
