"""What every test run says about itself; it sets nothing that a test could come to depend on."""

import platform
from importlib.metadata import version

pytest_plugins = ["pytester"]  # the plugin of pytest is tried in test suites of its own

SHOWN = ("duckdb", "polars", "pyarrow", "sqlmodel", "simpy", "faker", "hypothesis")


def pytest_report_header() -> str:
    """Name the versions that decide a result."""
    return f"saasim on Python {platform.python_version()}: " + ", ".join(
        f"{name} {version(name)}" for name in SHOWN
    )
