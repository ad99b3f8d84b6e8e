"""Columns of the ledger's tables: what each kind of them is made of."""

from typing import Any

from sqlalchemy import Numeric
from sqlmodel import Field


def key(description: str) -> Any:
    """Return a column that is part of what names a row."""
    return Field(primary_key=True, description=description)


def column(description: str) -> Any:
    """Return a column of anything but money and quantities."""
    return Field(description=description)


def exact(description: str) -> Any:
    """Return a column of exact amounts or quantities: DECIMAL(38, 12)."""
    return Field(sa_type=Numeric(38, 12), description=description)


def posted(description: str) -> Any:
    """Return a column of amounts that were rounded and posted: DECIMAL(18, 4)."""
    return Field(sa_type=Numeric(18, 4), description=description)
