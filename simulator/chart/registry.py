"""Registry: every chart by its name, in the order in which a report shows them."""

from simulator.chart import (
    cash,
    customers,
    economics,
    efficiency,
    partners,
    recurring,
    retention,
    revenue,
    services,
    targets,
    uncertainty,
)
from simulator.chart.chart import GROUPS, Chart

CHARTS: dict[str, Chart] = {
    chart.name: chart
    for group in GROUPS
    for family in (
        recurring,
        customers,
        retention,
        economics,
        efficiency,
        revenue,
        services,
        partners,
        cash,
        targets,
        uncertainty,
    )
    for chart in family.CHARTS
    if chart.group == group
}
"""Every chart by its name."""
