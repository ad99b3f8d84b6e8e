"""Usage: how much of each meter each phase of a subscription used in each month.

One GROUP BY reads the log and gives one row for each (subject, phase, meter, dimensions, month), so that
prices never see single events, and another price book needs no second reading.
"""

from collections.abc import Mapping, Sequence

import duckdb
import polars as pl

from metering.event import EVENTS
from metering.frame import shaped
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
    files = ", ".join(_text(str(path)) for path in log.usage_files(periods))
    columns = "subject, meter, occurred_at, quantity, dimensions, position"
    sources = [f"select {columns}, {_unique_of(meters)} as item from read_parquet([{files}])"]
    sources += [_facts_query(key, meter) for key, meter in meters.items() if meter.event != USAGE]
    segment, join = "0::bigint", ""
    if has_mixed:
        segment = "coalesce(len(list_filter(m.bound, lambda b: b <= e.occurred_at)), 0)"
        join = "left join mixed m on m.subject = e.subject and m.month = date_trunc('month', e.occurred_at)"
    return f"""
        select e.subject, e.meter, {_dimensions(meters)} as dimensions,
            date_trunc('month', e.occurred_at)::date as month, {segment} as segment,
            ({_aggregate(meters)})::decimal(38, 12) as quantity, count(*) as events
        from ({" union all ".join(sources)}) e {join}
        group by 1, 2, 3, 4, 5
    """


def _facts_query(key: str, meter: Meter) -> str:
    """Read the business facts that a meter counts as if they were usage."""
    subject = "subject"
    if "subscription" in EVENTS[meter.event]._fields:
        subject = "json_extract_string(data, '$.subscription')"
    quantity = f"json_extract_string(data, '$.{meter.quantity}')" if meter.quantity else "1"
    item = f"json_extract_string(data, '$.{meter.of}')" if meter.of else "null"
    columns = f"{subject}, {_text(key)}, occurred_at, {quantity}::decimal(38, 12), data, position, {item}"
    return f"select {columns} from facts where type = {_text(meter.event)}"


def _dimensions(meters: Mapping[str, Meter]) -> str:
    """Return SQL for the canonical JSON of the dimensions that the event's meter keeps apart."""
    cases = []
    for key, meter in meters.items():
        if meter.dimensions:
            parts = ", ".join(
                f"{_text(name)}, coalesce(json_extract_string(nullif(e.dimensions, ''), {_path(name)}), '')"
                for name in sorted(meter.dimensions)
            )
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
