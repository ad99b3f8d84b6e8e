"""Analytics: metrics, movements, cohorts, comparisons and guards derived from the ledger.

    from analytics import compare

Names are imported when they are asked for, so that who needs one room does not open all.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analytics.comparison import Comparison, compare, compare_each

__all__ = ["Comparison", "compare", "compare_each"]


def __getattr__(name: str) -> Any:
    """Import a public name from its room."""
    if name not in __all__:
        message = f"module 'analytics' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module("analytics.comparison"), name)
