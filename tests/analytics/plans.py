"""The small language of the tests of plans: a plan in a few lines of TOML, and its audit as rows."""

from typing import Any

from analytics import plan_file
from analytics.audit import audit
from analytics.finding import Finding
from analytics.interval import Range
from analytics.plan import Plan

YEARS = """
name = "Test"
[periods]
q1 = { starts_on = 2026-01-01, months = 3 }
q2 = { starts_on = 2026-04-01, months = 3 }
q3 = { starts_on = 2026-07-01, months = 3 }
q4 = { starts_on = 2026-10-01, months = 3 }
y1 = { starts_on = 2026-01-01, months = 12 }
y2 = { starts_on = 2027-01-01, months = 12 }
y3 = { starts_on = 2028-01-01, months = 12 }
"""
"""The head of every plan here: three years, the first by quarter."""


def plan(text: str) -> Plan:
    """Read a plan of three years."""
    return plan_file.loads(YEARS + text, "plan.toml")


def findings(text: str, kind: str = "wrong") -> list[Finding]:
    """Audit a plan of three years, and return the findings of a kind."""
    return audit(plan(text)).of(kind)


def wrong(text: str) -> list[tuple[str, str, Any]]:
    """Return what is wrong in a plan: the check, the figure, and what it comes to."""
    return [(one.check, one.at, numbers(one.recomputed)) for one in findings(text)]


def near(text: str) -> list[str]:
    """Return which figures of a plan are only rounded."""
    return [one.at for one in findings(text, "rounded")]


def numbers(value: Range | None) -> Any:
    """Return a value as a plain number, as the two ends of a range, or as nothing."""
    if value is None:
        return None
    low, high = (float(end.middle) for end in value)
    return low if low == high else (low, high)
