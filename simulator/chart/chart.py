"""Chart: the question whose answer is drawn, and how: alone, beside the same of other runs, and in words."""

from collections.abc import Callable
from typing import NamedTuple

import altair as alt
import polars as pl

from simulator.chart.column import Columns
from simulator.chart.theme import HEIGHT, Style

Drawn = alt.LayerChart
Drawing = Callable[[pl.DataFrame, Style], Drawn]
Saying = Callable[[pl.DataFrame, str], str]

RECURRING = "Recurring revenue"
CUSTOMERS = "Customers"
RETENTION = "Retention"
ECONOMICS = "Unit economics"
EFFICIENCY = "Efficiency"
REVENUE = "Revenue and margin"
SERVICES = "Services and training"
PARTNERS = "Partners, devices and marketplace"
CASH = "Billing and cash"
TARGETS = "Targets"
UNCERTAINTY = "Uncertainty"

GROUPS = (
    RECURRING, CUSTOMERS, RETENTION, ECONOMICS, EFFICIENCY, REVENUE, SERVICES, PARTNERS, CASH, TARGETS,
    UNCERTAINTY,
)  # fmt: skip
"""The sections of a report, in the order in which a board reads them."""


def layered(*charts: alt.Chart | alt.LayerChart) -> Drawn:
    """Lay charts over each other, the first at the bottom."""
    drawn = alt.layer(*charts)
    assert isinstance(drawn, alt.LayerChart)
    return drawn


class Chart(NamedTuple):
    """One chart.

    `sql` gives its data from the tables and views of a ledger, ordered, without rows where there is nothing
    to draw. `columns` are the units of what it gives. `draw` makes the chart of one run; `compare` that of
    several, from their rows below each other with a first column `run`; None where they are best seen side
    by side. `say` puts what the chart shows in a sentence; it takes the rows and the currency.
    """

    name: str
    title: str
    meaning: str
    group: str
    sql: str
    columns: Columns
    draw: Drawing
    say: Saying
    compare: Drawing | None = None
    verb: str = "sql"
    height: int = HEIGHT

    @property
    def differs(self) -> bool:
        """Whether it can show month by month what one run has more or less than another."""
        return hasattr(self.compare, "difference")

    def command(self, run: str) -> str:
        """Return what to type to see the data of this chart."""
        if self.verb != "sql":
            return f"saasim {self.verb} {run}"
        quoted = self.sql.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
        return f'saasim sql {run} "{quoted}"'
