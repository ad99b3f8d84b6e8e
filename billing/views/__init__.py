"""Views: the questions that people ask a ledger first, as SQL that stays in the database.

Every view has a comment in the database and a place in docs/reference/ledger.md. Those of `books` add up
what was booked; those of `metrics` are the metrics of each month, once more and by themselves: the formulas
of `analytics.metrics` and these are held equal by a test, and neither is made from the other.
"""

from billing.views.books import BOOKS
from billing.views.lifetime import LIFETIMES
from billing.views.metrics import METRIC_VIEWS
from billing.views.view import View

VIEWS: dict[str, View] = {**BOOKS, **METRIC_VIEWS, **LIFETIMES}
"""Every view by its name."""

__all__ = ["VIEWS", "View"]
