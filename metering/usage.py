"""Usage: how much of each meter each phase of a subscription used in each month.

One GROUP BY reads the log and gives one row for each (subject, phase, meter, dimensions, month), so that
prices never see single events, and another price book needs no second reading.
"""

from collections.abc import Mapping, Sequence

import duckdb
import polars as pl

from metering import correction
from metering.frame import empty, shaped
from metering.known import Known, Source, in_order
from metering.meter import USAGE, Meter
from metering.period import Period, add_months
from metering.query import adds_up, aggregate, dimensions, path, sources, text
from metering.weighted import SLICE_SCHEMA, WEIGHED_SCHEMA, weigh, weighted

SPAN_SCHEMA = pl.Schema(
    {
        "subject": pl.String(),
        "phase_no": pl.Int64(),
        "starts_at": pl.Datetime("us"),
        "ends_at": pl.Datetime("us"),
    }
)
"""When each phase of a subject lasts, half-open, without overlap; `ends_at` is null while it lasts.

Or, with the columns of `metering.weighted.SLICE_SCHEMA`, when it lives in billing periods that are no
calendar months, each named by a month: what is used in a period then adds up over it.
"""

MEASURED_SCHEMA = WEIGHED_SCHEMA
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

_WHERE = ["subject", "month", "segment"]
_ROWS = ["subject", "month", "meter", "dimensions", "phase_no"]


def measure(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    *,
    meters: Mapping[str, Meter],
    spans: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Measure the usage of some months in a row. Meters that `meters` does not name are summed up.

    `spans` has the columns of `SPAN_SCHEMA`, the result those of `MEASURED_SCHEMA`.
    """
    log = in_order(log)
    if "month" in spans.columns:
        counted = _measure_periods(connection, log, meters=meters, slices=spans, periods=periods)
    else:
        counted = _measure_months(connection, log, meters=meters, spans=spans, periods=periods)
    if not weighted(meters):
        return counted
    slices = spans if "month" in spans.columns else _month_slices(spans, periods)
    held = _measure_levels(connection, log, meters=weighted(meters), slices=slices, periods=periods)
    return pl.concat([counted, held])


def _measure_months(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    *,
    meters: Mapping[str, Meter],
    spans: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Measure what adds up over calendar months."""
    whole, cut = _pieces(spans, periods)
    _register(connection, log, meters, periods)
    connection.register("mixed", cut.group_by("subject", "month").agg(pl.col("bound").sort()))
    counted: pl.DataFrame = connection.sql(_query(log, meters, periods, has_mixed=len(cut) > 0)).pl()
    connection.unregister("facts")
    connection.unregister("mixed")
    found = counted.join(pl.concat([whole, cut.select(whole.columns)]), on=_WHERE, how="left")
    if found["phase_no"].null_count():
        found = _merged(found)
    return shaped(found, MEASURED_SCHEMA).sort(_ROWS, maintain_order=True)


def _measure_periods(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    *,
    meters: Mapping[str, Meter],
    slices: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Measure what adds up over billing periods: those of the first month began up to a month before."""
    reading = _reading(log, periods)
    _register(connection, log, meters, reading)
    connection.register("cuts", _cuts(slices))
    query = f"""
        select e.subject, e.meter, {dimensions(meters)} as dimensions, c.phase_no,
            coalesce(c.month, date_trunc('month', e.occurred_at)::date) as month,
            ({aggregate(meters, log)})::decimal(38, 12) as quantity, count(*) as events
        from ({sources(log, meters, reading, has_usage=True)}) e {_ASOF}
        where {adds_up(meters)}
        group by 1, 2, 3, 4, 5
    """
    found: pl.DataFrame = connection.sql(query).pl()
    connection.unregister("facts")
    connection.unregister("cuts")
    return shaped(found.filter(_billed_in(periods)), MEASURED_SCHEMA)


def _cuts(slices: pl.DataFrame) -> pl.DataFrame:
    """Return from when on a subject is in which phase and period (none: null): (subject, bound, ...)."""
    none = {"phase_no": pl.lit(None, pl.Int64), "month": pl.lit(None, pl.Date)}
    starts = slices.select("subject", "phase_no", "month", bound="starts_at")
    ends = slices.select("subject", **none, bound="ends_at")
    # Where one slice ends and the next begins, the bound is one: the beginning wins.
    both = pl.concat([starts, ends]).sort("subject", "bound", "phase_no", nulls_last=True)
    return both.unique(["subject", "bound"], keep="first", maintain_order=True)


def _measure_levels(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    *,
    meters: Mapping[str, Meter],
    slices: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Measure levels that last, from all that has happened to them."""
    reading = [one for one in log.periods if one.starts_on < periods[-1].ends_on]
    _register(connection, log, meters, reading)
    operations = {key: meter.operation for key, meter in meters.items() if meter.operation}
    values = " ".join(
        f"when {text(key)} then json_extract_string(nullif(e.dimensions, ''), {path(name)})"
        for key, name in operations.items()
    )
    has_usage = any(meter.event == USAGE for meter in meters.values())
    events = f"""
        select e.subject, e.meter, {dimensions(meters)} as text, e.item, e.occurred_at, e.position,
            e.quantity, {f"case e.meter {values} end" if values else "null::varchar"} as operation
        from ({sources(log, meters, reading, has_usage=has_usage)}) e
    """
    found = weigh(connection, events, meters=meters, slices=slices).filter(_billed_in(periods))
    connection.unregister("facts")
    return shaped(found, MEASURED_SCHEMA)


def _month_slices(spans: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Cut phases at the ends of calendar months (`metering.weighted.SLICE_SCHEMA`)."""
    months = pl.DataFrame(
        [(period.starts_on, period.starts_at, period.ends_at) for period in periods],
        schema={name: SLICE_SCHEMA[name] for name in ("month", "period_starts_at", "period_ends_at")},
        orient="row",
    )
    until = pl.min_horizontal(pl.col("ends_at").fill_null(pl.col("period_ends_at")), "period_ends_at")
    cut = spans.join(months, how="cross").with_columns(
        starts_at=pl.max_horizontal("starts_at", "period_starts_at"), ends_at=until
    )
    return shaped(cut.filter(pl.col("starts_at") < pl.col("ends_at")), SLICE_SCHEMA)


def measure_days(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    *,
    meters: Mapping[str, Meter],
    wanted: pl.DataFrame,
    periods: Sequence[Period],
    slices: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Measure by the day what some subjects used of meters that add up (`sum` and `count`).

    `wanted` names them: (subject, meter). The result has the columns of `DAY_SCHEMA`; with `slices`
    (`metering.weighted.SLICE_SCHEMA`) also `phase_no` and `month`, and it is about their periods.
    """
    if not len(wanted):
        return empty(DAY_SCHEMA)
    own, join, reading = "", "", list(periods)
    if slices is not None:
        own, join = ", c.phase_no, c.month", _ASOF
        reading = _reading(log, periods)
        connection.register("cuts", _cuts(slices))
    query = f"""
        select e.subject, e.meter, {dimensions(meters)} as dimensions, e.occurred_at::date as day{own},
            ({aggregate(meters, log)})::decimal(38, 12) as quantity
        from ({{sources}}) e {join} semi join wanted w on w.subject = e.subject and w.meter = e.meter
        group by 1, 2, 3, 4{", 5, 6" if own else ""}
    """
    found = _of_some(connection, log, query, meters=meters, wanted=wanted, periods=reading)
    if slices is None:
        return shaped(found, DAY_SCHEMA)
    connection.unregister("cuts")
    columns = pl.Schema({**DAY_SCHEMA, "phase_no": pl.Int64(), "month": pl.Date()})
    return shaped(found.filter(_billed_in(periods)), columns)


_ASOF = "asof left join cuts c on c.subject = e.subject and e.occurred_at >= c.bound"


def _reading(log: Source, periods: Sequence[Period]) -> list[Period]:
    """Return the months that hold billing periods of some months: those of the first began a month before."""
    before = add_months(periods[0].starts_on.replace(day=1), -1)
    return [one for one in log.periods if before <= one.starts_on < periods[-1].ends_on]


def _billed_in(periods: Sequence[Period]) -> pl.Expr:
    return pl.col("month").is_between(periods[0].starts_on.replace(day=1), periods[-1].starts_on)


def single_events(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    *,
    meters: Mapping[str, Meter],
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Return each event that these meters count, with what it counts (`EVENT_SCHEMA`)."""
    if not meters:
        return empty(EVENT_SCHEMA)
    counts = [text(key) for key, meter in meters.items() if meter.aggregation == "count"]
    quantity = (
        f"case when e.meter in ({', '.join(counts)}) then e.counted else e.quantity end"
        if counts
        else "e.quantity"
    )
    query = f"""
        select e.subject, e.meter, {dimensions(meters)} as dimensions, e.occurred_at::date as day,
            ({quantity})::decimal(38, 12) as quantity, e.position
        from ({{sources}}) e semi join wanted w on w.meter = e.meter
    """
    wanted = pl.DataFrame({"meter": list(meters)}, schema={"meter": pl.String})
    return shaped(
        _of_some(connection, log, query, meters=meters, wanted=wanted, periods=periods), EVENT_SCHEMA
    )


def _of_some(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    query: str,
    *,
    meters: Mapping[str, Meter],
    wanted: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Ask about some meters alone; files of usage are read only for meters of usage."""
    named = {key: meters[key] for key in wanted["meter"].unique().sort() if key in meters}
    _register(connection, log, named, periods)
    connection.register("wanted", wanted)
    has_usage = any(meter.event == USAGE for meter in named.values())
    told = sources(log, named, periods, has_usage=has_usage)
    found: pl.DataFrame = connection.sql(query.replace("{sources}", told)).pl()
    connection.unregister("facts")
    connection.unregister("wanted")
    return found


def _register(
    connection: duckdb.DuckDBPyConnection, log: Source, meters: Mapping[str, Meter], periods: Sequence[Period]
) -> None:
    """Tell DuckDB what is not in files: business facts that count, and whose usage alone is asked for."""
    if log.has_corrections:
        correction.check(log, meters)
    if log.has_corrections or any(meter.event != USAGE for meter in meters.values()):
        connection.register("facts", log.fact_frame(periods))
    if isinstance(log, Known):
        log.register(connection)


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


def _query(log: Source, meters: Mapping[str, Meter], periods: Sequence[Period], *, has_mixed: bool) -> str:
    segment, join = "0::bigint", ""
    if has_mixed:
        segment = "coalesce(len(list_filter(m.bound, lambda b: b <= e.occurred_at)), 0)"
        join = "left join mixed m on m.subject = e.subject and m.month = date_trunc('month', e.occurred_at)"
    return f"""
        select e.subject, e.meter, {dimensions(meters)} as dimensions,
            date_trunc('month', e.occurred_at)::date as month, {segment} as segment,
            ({aggregate(meters, log)})::decimal(38, 12) as quantity, count(*) as events
        from ({sources(log, meters, periods, has_usage=True)}) e {join}
        where {adds_up(meters)}
        group by 1, 2, 3, 4, 5
    """
