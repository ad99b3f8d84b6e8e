"""The reference pages: what of them is made from the code, so that they cannot say otherwise.

`python -m tests.reference` says which pages are not up to date, and with `--write` brings them up to date:
the generated parts, and the output in the console blocks.
"""

from tests.reference import (
    commands,
    events,
    example,
    import_map,
    ledger,
    metrics,
    preset,
    price_book,
    recipe,
    scenario,
    sheet,
)
from tests.reference.page import Region

REGIONS: dict[str, Region] = {
    "ledger.tables": ledger.tables,
    "ledger.views": ledger.views,
    "events.kinds": events.kinds,
    "price_book.keys": price_book.keys,
    "price_book.models": price_book.models,
    "price_book.quotes": price_book.quotes,
    "scenario.keys": scenario.keys,
    "import_map.keys": import_map.keys,
    "import_map.reasons": import_map.reasons,
    "metrics.sql": metrics.sql,
    "metrics_input.kinds": sheet.kinds,
    "cli.helps": commands.helps,
    "example.facts": example.told,
    "example.phases": example.phases,
    "example.usage": example.usage,
    "example.lines": example.lines,
    "example.postings": example.postings,
    "example.payouts": example.payouts,
    "example.replay": example.replayed,
    **preset.regions(),
    **recipe.regions(),
}
"""Every generated part by its name in the pages."""
