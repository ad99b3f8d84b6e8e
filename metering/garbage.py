"""Garbage: when Python must not look for it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept() -> Iterator[None]:
    """Do not search for cyclic garbage meanwhile.

    Events are made by the hundred thousand, stay alive and hold no cycles. Python would search them again and
    again while more of them are made, which costs more than making them.
    """
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()
