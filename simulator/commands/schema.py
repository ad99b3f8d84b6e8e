"""`saasim schema`: JSON Schema of the files that people write, for their editors."""

import json
import sys
from collections.abc import Callable
from typing import Any

from analytics.plan import Plan
from billing import price_book
from metering.document import did_you_mean, problem
from metering.intake import mapping
from simulator import scenario

SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "import-map": mapping.schema,
    "plan": Plan.model_json_schema,
    "price-book": price_book.schema,
    "scenario": scenario.schema,
}
"""Every file that has a schema."""


def schema(name: str) -> int:
    """Print the JSON Schema of a file."""
    if name not in SCHEMAS:
        raise problem("schema", f"there is no {name!r}", did_you_mean(name, SCHEMAS))
    sys.stdout.write(json.dumps(SCHEMAS[name](), indent=2) + "\n")
    return 0
