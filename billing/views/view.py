"""A view of the ledger: what it says, and the SQL that says it."""

from typing import NamedTuple


class View(NamedTuple):
    """A view: what it says, and its query."""

    comment: str
    query: str
