"""CloudEvents: a run's log as CloudEvents 1.0 in JSON, one event a line, in the order of the log.

`saasim import FILE --map saasim` makes the same log of it. What became known later than it happened says
when in `recordedtime`, the extension that CloudEvents documents for that.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import polars as pl

from metering.log import Log

BATCH_ROWS = 200_000
"""How many events are made text at a time: what memory holds at once, whatever the length of the log."""

_TIME = "%Y-%m-%dT%H:%M:%S%.fZ"


def write_events(log: Log, out: IO[str]) -> int:
    """Write every event of a log to a file of text; return how many there were."""
    count = 0
    for frame in _blocks(log):
        lines = frame.select(_envelope())["line"]
        out.write("\n".join(lines) + "\n" if len(lines) else "")
        count += len(lines)
    return count


def _blocks(log: Log) -> Iterator[pl.DataFrame]:
    """Yield the events in order, with the columns of log/events; usage follows the facts of its block."""
    for period in log.periods:
        yield log.fact_frame([period])
        for file in log.usage_files([period]):
            yield from _usage(file)


def _usage(file: Path) -> Iterator[pl.DataFrame]:
    """Yield the usage of a block as facts of kind usage.recorded, so many at a time."""
    rows = pl.scan_parquet(file)
    total: int = rows.select(pl.len()).collect().item()
    # a quantity has 12 places in the log, and no trailing zeros in an event
    quantity = pl.col("quantity").cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")
    data = pl.struct("dimensions", "meter", quantity.alias("quantity")).struct.json_encode()
    for first in range(0, total, BATCH_ROWS):
        part = rows.slice(first, BATCH_ROWS).with_columns(data=data, type=pl.lit("usage.recorded"))
        yield part.collect()


def _envelope() -> pl.Expr:
    """Return an event as a line of JSON: its attributes, and behind them its data, which is JSON already."""
    time = pl.col("occurred_at").dt.strftime(_TIME)
    known = pl.col("recorded_at").dt.strftime(_TIME)
    names = [pl.lit("1.0").alias("specversion"), *map(pl.col, ("source", "id", "type", "subject"))]
    names.append(time.alias("time"))
    plain, late = pl.struct(*names), pl.struct(*names, known.alias("recordedtime"))
    is_late = pl.col("recorded_at").is_not_null() & (pl.col("recorded_at") != pl.col("occurred_at"))
    head = pl.when(is_late).then(late.struct.json_encode()).otherwise(plain.struct.json_encode())
    kind = pl.lit(',"datacontenttype":"application/json","data":')
    return pl.concat_str(head.str.strip_suffix("}"), kind, "data", pl.lit("}")).alias("line")
