"""What every test run says about itself, and the order of tests; no test could come to depend on either."""

import platform
from importlib.metadata import version

import pytest

pytest_plugins = ["pytester"]  # the plugin of pytest is tried in test suites of its own

SHOWN = ("duckdb", "polars", "pyarrow", "sqlmodel", "simpy", "faker", "hypothesis")
FIRST = ("test_docs.py", "report")
"""Files and directories whose tests share what takes long to make: the runs of the pages, a report."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what is shared by many tests: workers steal from the end, so it is made by one of them."""
    last = len(FIRST)
    order = {name: number for number, name in enumerate(FIRST)}
    items.sort(
        key=lambda item: min(order.get(name, last) for name in (item.path.name, item.path.parent.name))
    )


def pytest_report_header() -> str:
    """Name the versions that decide a result."""
    return f"saasim on Python {platform.python_version()}: " + ", ".join(
        f"{name} {version(name)}" for name in SHOWN
    )
