"""Counted: what the ledgers of a log are held against, counted in its files, not in what was made of them."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from metering.event import UsageCorrected
from metering.log import Log


class Counted(NamedTuple):
    """What is in a log: `usage` by month and meter (events, quantity), and what is wrong with positions."""

    misnumbered: list[str]
    usage: pl.DataFrame


def count(log: Log) -> Counted:
    """Count a log, once for all ledgers that are made of it."""
    return Counted(misnumbered(log), accepted(log))


def misnumbered(log: Log) -> list[str]:
    """Say of each month whose events are not numbered on from where those before it ended what they are."""
    wrong, first = list[str](), 0
    for block in log.blocks:
        paths = [log.directory / name / f"{block.month}.parquet" for name in ("events", "usage")]
        frames = [pl.read_parquet(path, columns=["position"]) for path in paths]
        position = pl.concat(frames).to_series().sort()
        due = pl.int_range(first, block.next_position, dtype=pl.Int64, eager=True)
        if len(position) != len(due) or (position != due).any():
            span = f"{first:,} to {block.next_position - 1:,}"
            wrong.append(f"{block.month} has {len(position):,} positions, not {span}")
        first = block.next_position
    return wrong


def accepted(log: Log) -> pl.DataFrame:
    """Count the log's raw usage by the month in which it occurred and by meter, with what corrects it."""
    schema = pl.Schema(
        {"month": pl.Date(), "meter": pl.String(), "events": pl.Int64(), "quantity": pl.Decimal(38, 12)}
    )
    counted = [
        pl.read_parquet(path, columns=["meter", "quantity", *(["occurred_at"] if block.late else [])])
        .with_columns(
            month=pl.col("occurred_at").dt.truncate("1mo").cast(pl.Date) if block.late else period.starts_on
        )
        .group_by("month", "meter")
        .agg(events=pl.len().cast(pl.Int64), quantity=pl.col("quantity").sum())
        .select(schema.names())
        for period, block, path in zip(log.periods, log.blocks, log.usage_files(), strict=True)
    ]
    whole = pl.concat([pl.DataFrame(schema=schema), *counted, *_corrected(log, schema)])
    return (
        whole.group_by("month", "meter").agg(pl.col("events", "quantity").sum()).filter(pl.col("events") != 0)
    )


def _corrected(log: Log, schema: pl.Schema) -> Iterator[pl.DataFrame]:
    """Count what corrections add and take: a difference is an event, one that is taken back is none."""
    if not log.has_corrections:
        return
    facts = [event for _, event in log.facts() if type(event.data) is UsageCorrected]
    named = {event.data.corrects for event in facts if event.data.corrects}
    usage = pl.concat(pl.read_parquet(path) for path in log.usage_files())
    names = pl.concat_str("source", pl.lit("/"), "id")
    original = {
        (f"{row['source']}/{row['id']}", row["subject"], row["meter"], row["occurred_at"]): row["quantity"]
        for row in usage.filter(names.is_in(sorted(named))).iter_rows(named=True)
    }
    instead: dict[Any, tuple[datetime, Decimal]] = {}
    rows = []
    for event in facts:
        data, month = event.data, event.occurred_at.date().replace(day=1)
        if not data.corrects:
            rows.append((month, data.meter, 1, data.quantity))
            continue
        key = (data.corrects, event.subject, data.meter, event.occurred_at)
        known_at = event.recorded_at or event.occurred_at
        if key in original and (key not in instead or known_at >= instead[key][0]):
            instead[key] = (known_at, data.quantity)
    for key, (_, quantity) in instead.items():
        month = key[3].date().replace(day=1)
        rows.append((month, key[2], -1 if quantity == 0 else 0, quantity - original[key]))
    yield pl.DataFrame(rows, schema=schema, orient="row")
