"""Tables: rows of figures as markup; a table scrolls within its place where it is wider than the page."""

from collections.abc import Sequence

from simulator.page.markup import Html, element, join


def table(
    heads: Sequence[str | Html],
    rows: Sequence[Sequence[Html]],
    texts: int = 1,
    *,
    caption: str = "",
    totals: int = 0,
) -> Html:
    """Write a table whose first `texts` columns are text; its last `totals` rows are sums.

    With a caption the table has a name that is heard, and can be scrolled by the keyboard.
    """
    top = [element("th", head, kind="text" if n < texts else "", scope="col") for n, head in enumerate(heads)]
    body = [_row(row, texts, kind="total" if n >= len(rows) - totals else "") for n, row in enumerate(rows)]
    parts = [element("thead", element("tr", join(top))), element("tbody", join(body))]
    if not caption:
        return element("div", element("table", join(parts)), kind="scroll")
    named = element("table", join([element("caption", caption, kind="heard"), *parts]))
    return element("div", named, kind="scroll", tabindex=0, role="region", aria_label=caption)


def _row(cells: Sequence[Html], texts: int, *, kind: str) -> Html:
    first, *others = cells
    head = element("th", first, kind="text", scope="row")
    parts = [element("td", cell, kind="text" if n < texts else "") for n, cell in enumerate(others, start=1)]
    return element("tr", join([head, *parts]), kind=kind)
