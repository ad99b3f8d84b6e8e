"""The quarantine: rows that cannot be used, with their file, their number there, and what is wrong."""

from pathlib import Path

import duckdb

from metering.intake import reading
from metering.intake.reading import literal

VALUE_LETTERS = 200
"""How much of a wrong value is kept."""

SAMPLE = 1_000
"""How many rows of each reason are written as text as well."""

PARQUET = (
    "format parquet, compression zstd, compression_level 1, parquet_version v2, "
    "dictionary_size_limit 10000, write_bloom_filter false"
)
"""Without bloom filters, and dictionaries of names that are all different, DuckDB writes twice as fast."""

REASONS = {
    "not_json": "it is no JSON object",
    "unknown_column": "the object has a field that the map does not name",
    "not_cloudevent": "specversion is not 1.0, or a required attribute is missing",
    "no_source": "the source is empty",
    "no_id": "what names the row is empty",
    "long_name": f"a name has more than {reading.TEXT_BYTES_MAX:,} bytes",
    "no_time": "the time is empty",
    "no_zone": "the time has no offset, and the map states no zone",
    "bad_time": "the time cannot be read, or the zone's clock leaves it out",
    "out_of_range": "the time lies outside of the map's since and until",
    "bad_recorded_at": "the time at which it became known cannot be read",
    "no_account": "nothing says whose usage it is",
    "unknown_account": "the file of accounts does not have it",
    "unknown_meter": "no rule of the map is for it",
    "no_usage": "every quantity is empty",
    "no_quantity": "the quantity is empty",
    "bad_quantity": "the quantity is no number, too large, or finer than 12 places",
    "bad_dimensions": "the dimensions are no JSON object",
    "negative_quantity": "the quantity is negative, and the map has no [corrections]",
    "conflict": "another row has the same name and other content",
}
"""Why a row is quarantined, by the word for it."""

BLANK = "blank"
"""The reason of an empty line, which is no row."""

DUPLICATE = "duplicate"
"""The reason of a row that was told before with the same content: counted, and no fault."""

SOUND = "reason is null"
"""SQL for the rows that become events."""

FAULTY = f"reason is not null and reason not in ('{BLANK}', '{DUPLICATE}')"
"""SQL for the rows that are quarantined."""


def write(connection: duckdb.DuckDBPyConnection, directory: Path, *, has_ids: bool) -> None:
    """Write the rows that cannot be used: all of them as Parquet, and a sample as text that opens safely.

    The table `stage` holds the rows, `extents` says which of them came from which file, `gaps` where those
    have blank lines.
    """
    directory.mkdir()
    key = "s.id" if has_ids else "null::varchar"
    blank = "(select count(*) from gaps g where g.number = s.file and g.before <= s.rowid - e.first)"
    rows = f"""
        select e.file, e.sha256, s.rowid - e.first + e.row + {blank} as row, s.reason, s.value, {key} as id
        from stage s join extents e on e.number = s.file where {FAULTY} order by e.sha256, s.rowid"""
    connection.execute(f"copy ({rows}) to {literal(str(directory / 'rows.parquet'))} ({PARQUET})")
    safe = ", ".join(f"{_harmless(name)} as {name}" for name in ("file", "reason", "value", "id"))
    number = "row_number() over (partition by reason order by sha256, row)"
    sample = f"select row, {safe} from (select * from ({rows}) qualify {number} <= {SAMPLE})"
    file = literal(str(directory / "sample.csv"))
    connection.execute(f"copy (select * from ({sample}) order by file, row) to {file} (header true)")


def _harmless(column: str) -> str:
    """Return SQL for text that a spreadsheet does not take for a formula."""
    return f"case when regexp_matches({column}, '^[=+@\\t\\r-]') then '''' || {column} else {column} end"
