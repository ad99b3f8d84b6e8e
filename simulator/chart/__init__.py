"""Charts: the figures of runs as pictures, each with the query that gives its data.

It takes the extra `report`; `simulator.extra.need` says so where that is missing, before this is imported.
"""

from simulator.chart.chart import GROUPS, Chart
from simulator.chart.drawing import spec, summary, table
from simulator.chart.registry import CHARTS
from simulator.chart.source import connect, currency_of, frame, mount, ranks
from simulator.chart.theme import DARK, LIGHT, Theme, swap

__all__ = [
    "CHARTS", "DARK", "GROUPS", "LIGHT", "Chart", "Theme", "connect", "currency_of", "frame", "mount",
    "ranks", "spec",     "summary", "swap", "table",
]  # fmt: skip
