"""Billing: price books, rating, invoices, payouts and the double-entry ledger.

    from billing import replay

Names are imported when they are asked for, so that who needs one room of the house does not open all.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from billing.rebilling import Measured, Replay, replay
    from billing.transition import Transition

__all__ = ["Measured", "Replay", "Transition", "replay"]

_ROOMS = {"Transition": "transition"}


def __getattr__(name: str) -> Any:
    """Import a public name from its room."""
    if name not in __all__:
        message = f"module 'billing' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"billing.{_ROOMS.get(name, 'rebilling')}"), name)
