"""A file of usage as somebody's export has it, and the map that says what its columns mean."""

from pathlib import Path

import duckdb

MAP = """
name = "bench"
format = "csv"
source = "bench"
id = { columns = ["id"] }
account = { column = "account" }
subscription = { plan = "pro" }
time = { column = "time" }
[columns]
id = "text"
time = "time"
account = "text"
meter = "text"
quantity = "decimal"
[[usage]]
quantity = "quantity"
meter = { column = "meter" }
"""


def told(directory: Path, rows: int) -> None:
    """Write the file and the map: events of four meters of a thousand accounts, three seconds apart."""
    directory.mkdir()
    (directory / "map.toml").write_text(MAP, "utf-8")
    duckdb.execute(f"""
        copy (
            select 'evt-' || lpad((number * 7919 % {rows})::varchar, 9, '0') as id,
                strftime(timestamp '2026-01-01' + interval (number * 3) second, '%Y-%m-%dT%H:%M:%SZ') as time,
                'acc-' || lpad((number * 104729 % 1000)::varchar, 5, '0') as account,
                ['api_calls', 'tokens', 'storage', 'seconds'][number % 4 + 1] as meter,
                (number * 31 % 997) / 10.0 as quantity
            from range({rows}) as told(number)
        ) to '{directory / "usage.csv"}' (header)""")
