"""Usage: how much of each meter each phase of a subscription used in each month.

One GROUP BY reads the log and gives one row for each (subject, phase, meter, dimensions, month), so that
prices never see single events, and another price book needs no second reading.
"""

from collections.abc import Mapping, Sequence

import duckdb
import polars as pl

from metering.event import EVENTS
from metering.frame import empty, shaped
from metering.log import Log
from metering.meter import USAGE, Meter
from metering.period import Period

SPAN_SCHEMA = pl.Schema(
    {
        "subject": pl.String(),
        "phase_no": pl.Int64(),
        "starts_at": pl.Datetime("us"),
        "ends_at": pl.Datetime("us"),
    }
)
"""When each phase of a subject lasts, half-open, without overlap; `ends_at` is null while it lasts."""

MEASURED_SCHEMA = pl.Schema(
    {
        "subject": pl.String(),
        "phase_no": pl.Int64(),
        "meter": pl.String(),
        "dimensions": pl.String(),
        "month": pl.Date(),
        "quantity": pl.Decimal(38, 12),
        "events": pl.Int64(),
    }
)
"""What `measure` returns, in no order; `phase_no` is null where a subject has no phase at the time."""

DAY_SCHEMA = pl.Schema(
    {
        "subject": pl.String(),
        "meter": pl.String(),
        "dimensions": pl.String(),
        "day": pl.Date(),
        "quantity": pl.Decimal(38, 12),
    }
)
"""What `measure_days` returns, in no order: what meters that add up counted on each day."""

EVENT_SCHEMA = pl.Schema({**DAY_SCHEMA, "position": pl.Int64()})
"""What `single_events` returns, in no order: a row for each event that a meter counts."""

EACH = "event"
"""The dimension that tells the events of a meter with `each` apart: `<source>/<id>`."""

_WHERE = ["subject", "month", "segment"]


def measure(
    connection: duckdb.DuckDBPyConnection,
    log: Log,
    *,
    meters: Mapping[str, Meter],
    spans: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Measure the usage of some months in a row. Meters that `meters` does not name are summed up.

    `spans` has the columns of `SPAN_SCHEMA`, the result those of `MEASURED_SCHEMA`.
    """
    whole, cut = _pieces(spans, periods)
    if any(meter.event != USAGE for meter in meters.values()):
        connection.register("facts", log.fact_frame(periods))
    connection.register("mixed", cut.group_by("subject", "month").agg(pl.col("bound").sort()))
    counted: pl.DataFrame = connection.sql(_query(log, meters, periods, has_mixed=len(cut) > 0)).pl()
    connection.unregister("facts")
    connection.unregister("mixed")
    found = counted.join(pl.concat([whole, cut.select(whole.columns)]), on=_WHERE, how="left")
    if found["phase_no"].null_count():
        found = _merged(found)
    return shaped(found, MEASURED_SCHEMA)


def measure_days(
    connection: duckdb.DuckDBPyConnection,
    log: Log,
    *,
    meters: Mapping[str, Meter],
    wanted: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Measure by the day what some subjects used of meters that add up (`sum` and `count`).

    `wanted` names them: (subject, meter). The result has the columns of `DAY_SCHEMA`.
    """
    if not len(wanted):
        return empty(DAY_SCHEMA)
    query = f"""
        select e.subject, e.meter, {_dimensions(meters)} as dimensions, e.occurred_at::date as day,
            ({_aggregate(meters)})::decimal(38, 12) as quantity
        from ({{sources}}) e semi join wanted w on w.subject = e.subject and w.meter = e.meter
        group by 1, 2, 3, 4
    """
    return shaped(_of_some(connection, log, query, meters=meters, wanted=wanted, periods=periods), DAY_SCHEMA)


def single_events(
    connection: duckdb.DuckDBPyConnection, log: Log, *, meters: Mapping[str, Meter], periods: Sequence[Period]
) -> pl.DataFrame:
    """Return each event that these meters count, with what it counts (`EVENT_SCHEMA`)."""
    if not meters:
        return empty(EVENT_SCHEMA)
    counts = [_text(key) for key, meter in meters.items() if meter.aggregation == "count"]
    quantity = (
        f"case when e.meter in ({', '.join(counts)}) then 1 else e.quantity end" if counts else "e.quantity"
    )
    query = f"""
        select e.subject, e.meter, {_dimensions(meters)} as dimensions, e.occurred_at::date as day,
            ({quantity})::decimal(38, 12) as quantity, e.position
        from ({{sources}}) e semi join wanted w on w.meter = e.meter
    """
    wanted = pl.DataFrame({"meter": list(meters)}, schema={"meter": pl.String})
    return shaped(
        _of_some(connection, log, query, meters=meters, wanted=wanted, periods=periods), EVENT_SCHEMA
    )


def _of_some(
    connection: duckdb.DuckDBPyConnection,
    log: Log,
    query: str,
    *,
    meters: Mapping[str, Meter],
    wanted: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Ask about some meters alone; files of usage are read only for meters of usage."""
    named = {key: meters[key] for key in wanted["meter"].unique().sort() if key in meters}
    if any(meter.event != USAGE for meter in named.values()):
        connection.register("facts", log.fact_frame(periods))
    connection.register("wanted", wanted)
    sources = _sources(log, named, periods, has_usage=any(meter.event == USAGE for meter in named.values()))
    found: pl.DataFrame = connection.sql(query.replace("{sources}", sources)).pl()
    connection.unregister("facts")
    connection.unregister("wanted")
    return found


def _pieces(spans: pl.DataFrame, periods: Sequence[Period]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cut each subject's months at the bounds of its phases: (subject, month, segment, phase_no[, bound]).

    The first frame holds the months that one phase covers whole: they have one segment, number 0. In the
    second, segment 0 runs from the start of the month to the first bound inside it, segment n from the nth
    bound on.
    """
    months = pl.DataFrame(
        [(period.starts_on, period.starts_at, period.ends_at) for period in periods],
        schema={"month": pl.Date, "month_starts_at": pl.Datetime("us"), "month_ends_at": pl.Datetime("us")},
        orient="row",
    )
    far = pl.col("ends_at").fill_null(pl.col("month_ends_at"))
    inside = spans.join(months, how="cross").filter(
        pl.col("starts_at") < pl.col("month_ends_at"), far > pl.col("month_starts_at")
    )
    covers = (pl.col("starts_at") <= pl.col("month_starts_at")) & (far >= pl.col("month_ends_at"))
    whole = inside.filter(covers).select("subject", "month", "phase_no", segment=pl.lit(0, pl.Int64))
    partial = inside.filter(~covers).select(
        "subject",
        "month",
        "month_starts_at",
        "month_ends_at",
        "phase_no",
        bound=pl.max_horizontal("starts_at", "month_starts_at"),
        until=pl.min_horizontal(far, "month_ends_at"),
    )
    return whole, _segments(partial)


def _segments(partial: pl.DataFrame) -> pl.DataFrame:
    ends = partial.filter(pl.col("until") < pl.col("month_ends_at")).with_columns(
        bound="until", phase_no=pl.lit(None, pl.Int64)
    )
    # Where one phase ends and the next begins, the bound is one: the beginning wins.
    bounds = (
        pl.concat([partial, ends])
        .sort("subject", "month", "bound", "phase_no", nulls_last=True)
        .unique(["subject", "month", "bound"], keep="first", maintain_order=True)
    )
    starts_late = pl.col("bound").first().over("subject", "month") > pl.col("month_starts_at")
    return bounds.select(
        "subject",
        "month",
        "phase_no",
        segment=pl.int_range(pl.len()).over("subject", "month") + starts_late.cast(pl.Int64),
        bound=pl.when(pl.col("bound") > pl.col("month_starts_at")).then("bound"),
    )


def _merged(found: pl.DataFrame) -> pl.DataFrame:
    """Put segments without a phase (before the first, after the last) into one row a subject and month."""
    keys = ["subject", "meter", "dimensions", "month", "phase_no"]
    homeless = (
        found.filter(pl.col("phase_no").is_null()).group_by(keys).agg(pl.col("quantity", "events").sum())
    )
    return pl.concat([found.filter(pl.col("phase_no").is_not_null()).select(homeless.columns), homeless])


def _query(log: Log, meters: Mapping[str, Meter], periods: Sequence[Period], *, has_mixed: bool) -> str:
    segment, join = "0::bigint", ""
    if has_mixed:
        segment = "coalesce(len(list_filter(m.bound, lambda b: b <= e.occurred_at)), 0)"
        join = "left join mixed m on m.subject = e.subject and m.month = date_trunc('month', e.occurred_at)"
    return f"""
        select e.subject, e.meter, {_dimensions(meters)} as dimensions,
            date_trunc('month', e.occurred_at)::date as month, {segment} as segment,
            ({_aggregate(meters)})::decimal(38, 12) as quantity, count(*) as events
        from ({_sources(log, meters, periods, has_usage=True)}) e {join}
        group by 1, 2, 3, 4, 5
    """


def _sources(log: Log, meters: Mapping[str, Meter], periods: Sequence[Period], *, has_usage: bool) -> str:
    """Return SQL for every event that could count, from usage and from business facts."""
    sources = [_facts_query(key, meter) for key, meter in meters.items() if meter.event != USAGE]
    if has_usage:
        files = ", ".join(_text(str(path)) for path in log.usage_files(periods))
        # A name is read only where it is asked for: names are most of the bytes of a log.
        is_named = any(meter.each and meter.event == USAGE for meter in meters.values())
        columns = "subject, meter, occurred_at, quantity, dimensions, position"
        own = f"{_unique_of(meters)} as item, {_NAME if is_named else 'null'} as event"
        sources.insert(0, f"select {columns}, {own} from read_parquet([{files}])")
    return " union all ".join(sources)


def _facts_query(key: str, meter: Meter) -> str:
    """Read the business facts that a meter counts as if they were usage."""
    subject = "subject"
    if "subscription" in EVENTS[meter.event]._fields:
        subject = "coalesce(nullif(json_extract_string(data, '$.subscription'), ''), subject)"
    quantity = f"json_extract_string(data, '$.{meter.quantity}')" if meter.quantity else "1"
    item = f"json_extract_string(data, '$.{meter.of}')" if meter.of else "null"
    name = _NAME if meter.each else "null"
    return f"""
        select {subject} as subject, {_text(key)} as meter, occurred_at,
            {quantity}::decimal(38, 12) as quantity, data as dimensions, position, {item} as item,
            {name} as event
        from facts where type = {_text(meter.event)}
    """


def _dimensions(meters: Mapping[str, Meter]) -> str:
    """Return SQL for the canonical JSON of the dimensions that the event's meter keeps apart."""
    cases = []
    for key, meter in meters.items():
        values = {
            name: f"coalesce(json_extract_string(nullif(e.dimensions, ''), {_path(name)}), '')"
            for name in meter.dimensions
        }
        if meter.each:
            values[EACH] = "e.event"
        if values:
            parts = ", ".join(f"{_text(name)}, {values[name]}" for name in sorted(values))
            cases.append(f"when {_text(key)} then json_object({parts})::varchar")
    return f"case e.meter {' '.join(cases)} else '' end" if cases else "''"


def _aggregate(meters: Mapping[str, Meter]) -> str:
    aggregates = {
        "count": "count(*)",
        "max": "max(e.quantity)",
        "latest": "arg_max(e.quantity, (e.occurred_at, e.position))",
        "unique_count": "count(distinct e.item)",
    }
    cases = []
    for aggregation, text in aggregates.items():
        keys = ", ".join(_text(key) for key, meter in meters.items() if meter.aggregation == aggregation)
        if keys:
            cases.append(f"when e.meter in ({keys}) then {text}")
    return f"case {' '.join(cases)} else sum(e.quantity) end" if cases else "sum(e.quantity)"


_NAME = "source || '/' || id"


def _unique_of(meters: Mapping[str, Meter]) -> str:
    cases = " ".join(
        f"when {_text(key)} then json_extract_string(nullif(dimensions, ''), {_path(meter.of)})"
        for key, meter in meters.items()
        if meter.of and meter.event == USAGE
    )
    return f"case meter {cases} end" if cases else "null"


def _path(name: str) -> str:
    """Quote the JSON path of a key, whatever letters it has."""
    key = name.replace('"', '\\"')
    return _text(f'$."{key}"')


def _text(value: str) -> str:
    """Quote a SQL string literal."""
    return "'" + value.replace("'", "''") + "'"
