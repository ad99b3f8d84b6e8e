"""The PDF of an invoice, set by Typst from a template: the same bytes each time."""

import json
from datetime import UTC, datetime
from importlib import import_module, resources

from simulator.extra import need
from simulator.invoice.words import Page

TEMPLATE = "invoice.typ"


def pdf(page: Page) -> bytes:
    """Return an invoice as a PDF. Raises Problems where Typst is not installed.

    The fonts are Typst's own, so that it looks alike on every machine; only letters that they lack are taken
    from the machine's.
    """
    need("invoice")
    typst = import_module("typst")
    template = resources.files(__package__).joinpath(TEMPLATE).read_bytes()
    told = json.dumps(_plain(page), ensure_ascii=False)
    made: bytes = typst.compile(
        template,
        sys_inputs={"page": told},
        timestamp=datetime(*page.issued, tzinfo=UTC),
    )
    return made


def _plain(value: object) -> object:
    """Turn named tuples into objects of JSON, other tuples into lists."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: _plain(one) for key, one in value._asdict().items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
