"""Analytics: metrics, movements, cohorts, comparisons and guards derived from the ledger.

    from analytics import compare, explain

Names are imported when they are asked for, so that who needs one room does not open all.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analytics.comparison import Comparison, compare, compare_each
    from analytics.explanation import explain

__all__ = ["Comparison", "compare", "compare_each", "explain"]

_ROOMS = {"explain": "analytics.explanation"}
"""The rooms of names that are not the comparison's."""


def __getattr__(name: str) -> Any:
    """Import a public name from its room."""
    if name not in __all__:
        message = f"module 'analytics' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_ROOMS.get(name, "analytics.comparison")), name)
