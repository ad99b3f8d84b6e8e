"""Fields: SQL for values that stand inside JSON, be it a line of a file or the cell of a table."""

from collections.abc import Sequence

from metering.intake.mapping import steps
from metering.intake.reading import literal

_NUMBER = "-?[0-9][0-9.eE+-]*"
_LONG_NUMBER = r":\s*-?[0-9][0-9.eE+-]{16}"


def texts(line: str, columns: Sequence[Sequence[str]]) -> str:
    """Return SQL for a list: what stands at the keys of each column, as text; NULL for what is no JSON."""
    paths = ", ".join(
        literal("$" + "".join('."' + key.replace('"', '\\"') + '"' for key in keys)) for keys in columns
    )
    return f"try(json_extract_string({line}, [{paths}]))"


def digits(line: str, value: str, column: str) -> str:
    """Read a number with every digit. DuckDB reads it through a float, which has 17.

    Of a line with a longer number the one of this field's name is taken that comes to the same float: a field
    of that name elsewhere in the line is another. Where two could be meant both are shown, and no number.
    """
    pattern = literal(f'"{steps(column)[-1]}"\\s*:\\s*({_NUMBER})')
    told = f"list_distinct(regexp_extract_all({line}, {pattern}, 1))"
    same = f"list_filter({told}, lambda t: try_cast(t as double) = try_cast({value} as double))"
    single = f"case when len({same}) = 0 then {value} else array_to_string(list_sort({same}), ' or ') end"
    return f"case when regexp_matches({line}, '{_LONG_NUMBER}') then {single} else {value} end"


def is_object(line: str, found: str) -> str:
    """Say whether a text, of which `found` are the texts of fields, is an object of JSON."""
    return f"({found} is not null and starts_with(ltrim({line}), '{{'))"
