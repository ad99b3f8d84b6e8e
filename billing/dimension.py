"""Dimensions: what the texts of usage and of invoice lines say, read once for each distinct text."""

import json
from collections.abc import Iterable, Mapping

import polars as pl

from billing.rule import Where

_TEXT = "dimensions"


def with_value(rows: pl.DataFrame, dimension: str) -> pl.DataFrame:
    """Add the value of a dimension as the column `value`; rows that do not say it are left out.

    A dimension without a name is said by every row, and its value is "".
    """
    if not dimension:
        return rows.with_columns(value=pl.lit(""))
    said = [(text, values[dimension]) for text, values in _read(rows).items() if dimension in values]
    table = pl.DataFrame(said, schema={_TEXT: pl.String, "value": pl.String}, orient="row")
    return rows.join(table, on=_TEXT, maintain_order="left")


def among(rows: pl.DataFrame, where: Where) -> pl.DataFrame:
    """Keep the rows whose dimensions have one of the values that `where` asks of each."""
    if not where:
        return rows
    return rows.filter(pl.col(_TEXT).is_in(having(rows[_TEXT].unique(), where)))


def having(texts: Iterable[str], where: Where) -> list[str]:
    """Return the texts, in order, that have one of the values that `where` asks of each dimension."""
    if not where:
        return sorted(texts)
    wanted = {name: (one,) if isinstance(one, str) else one for name, one in where.items()}
    return [
        text
        for text in sorted(texts)
        for values in [json.loads(text) if text else {}]
        if all(values.get(name) in ones for name, ones in wanted.items())
    ]


def written(values: Mapping[str, str]) -> str:
    """Write down dimensions as the ledger does: canonical JSON, or nothing."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if values else ""


def _read(rows: pl.DataFrame) -> Mapping[str, Mapping[str, str]]:
    return {text: json.loads(text) if text else {} for text in sorted(rows[_TEXT].unique())}
