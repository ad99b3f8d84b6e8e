"""Dimensions: the ways to split a metric into parts that add up to the whole.

An account belongs to one segment and one channel for ever, so every metric can be split by them. A plan and
a stream belong to what is sold: an account may hold several, and moves between them.
"""

from typing import Literal

Dimension = Literal["whole", "segment", "channel", "plan", "stream"]

OF_ACCOUNTS: tuple[Dimension, ...] = ("whole", "segment", "channel")
"""Each account lies in exactly one part."""

OF_SALES: tuple[Dimension, ...] = ("plan", "stream")
"""An account may lie in several parts, and enters and leaves them."""

SPLITS: tuple[Dimension, ...] = ("segment", "plan", "stream", "channel")
"""What `monthly_by` can split by."""


def of_account(by: Dimension) -> str:
    """Return the SQL for the part that a row's account lies in; the row is `t`, its account row `a`."""
    return "''" if by == "whole" else f"coalesce(a.{by}, '')"


def joined_account(by: Dimension) -> str:
    """Return the SQL join that finds the account of a row `t`, or nothing where it is not needed."""
    return "" if by == "whole" else "left join accounts a on a.account = t.account"


def of_row(by: Dimension) -> str:
    """Return the SQL for the part of a row `t` that names its plan, stream, segment or channel itself."""
    return "''" if by == "whole" else f"t.{by}"
