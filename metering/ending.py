"""Ending: how the process will end, which decides what it may leave behind."""

from contextvars import ContextVar

ENDS_AT_ONCE = ContextVar("ends at once", default=False)
"""Whether the process ends without taking Python apart, as the command line does (see `metering.frame`)."""
