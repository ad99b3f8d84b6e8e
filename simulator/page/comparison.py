"""The page of a comparison: what changed, why, when and for whom, from the whole down to the lines."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import polars as pl

from analytics.comparison import CAUSES, SPLITS, Comparison
from analytics.comparison.bills import up_by
from analytics.guard import Offender, Verdict, amount_text
from simulator.page import chart, figures
from simulator.page.document import document
from simulator.page.markup import Html, element, join, text
from simulator.page.style import STYLE
from simulator.page.table import table
from simulator.values import money_texts, percent_text, whole_money_text

ROWS = 40
"""How many rows a table of parts has at most; those with the largest changes."""

LINES = 6
"""How many lines explain a customer at most."""

BINS = (
    Decimal("-0.5"),
    Decimal("-0.2"),
    Decimal("-0.1"),
    Decimal(0),
    Decimal("0.1"),
    Decimal("0.2"),
    Decimal("0.5"),
)
"""The bounds of the bars that show how bills change."""


class Compared(NamedTuple):
    """A comparison with its name and the verdicts on it."""

    title: str
    found: Comparison
    verdicts: Sequence[Verdict] = ()
    splits: Sequence[Sequence[str]] = ()


def page(pairs: Sequence[Compared], *, top: int) -> str:
    """Return the page of one comparison or several with the same ledger, with `top` customers of each."""
    heading = pairs[0].title if len(pairs) == 1 else f"{len(pairs)} comparisons"
    parts = [element("h1", heading)]
    if len(pairs) > 1:
        parts += [_overview(pairs)]
    for number, pair in enumerate(pairs):
        if len(pairs) > 1:
            parts.append(element("h1", pair.title, id=f"c{number}"))
        parts.append(sections(pair, top))
    parts.append(element("p", _FOOT, kind="small dim"))
    return document(heading, element("main", join(parts)), style=STYLE)


_FOOT = (
    "Green is more, red is less than before. Changes of parts, customers, lines and causes each add up to "
    "the change of the whole. Committed MRR and NRR are those at the end of the last month."
)


def _overview(pairs: Sequence[Compared]) -> Html:
    """Set several comparisons beside each other, a column each."""
    first = pairs[0].found.totals
    heads = [
        "measure",
        text("before"),
        *(element("a", pair.title, href=f"#c{n}") for n, pair in enumerate(pairs)),
    ]
    rows = []
    for number, measure in enumerate(first["measure"]):
        before = figures.amount(measure, first["before"][number], pairs[0].found.currency)
        changes = [
            figures.change(measure, pair.found.totals["change"][number], pair.found.currency)
            for pair in pairs
        ]
        rows.append([text(figures.title(measure)), before, *changes])
    return table(heads, rows)


def sections(pair: Compared, top: int) -> Html:
    """Return what is to be said of one comparison, from the whole down to `top` customers of each side."""
    found = pair.found
    span = f"{found.months[0]} to {found.months[-1]}" if found.months else "no months"
    said = f"{span}, {len(found.months)} months, {len(found.customers):,} customers, {found.currency}"
    if found.part is not None:
        said += f"; of {found.part}"
    if not found.is_of_one_log:
        said += "; of two logs: what customers did differs, not only what it cost"
    parts = [element("p", said, kind="dim"), _cards(found)]
    if pair.verdicts:
        parts += [element("h2", "Guard rails"), _guards(pair.verdicts, found.currency)]
    parts += [element("h2", "Why"), _why(found), element("h2", "By month"), _months(found)]
    parts += [element("h2", "Customers"), _spread(found), _customers(found, top)]
    parts += [element("h2", "Parts"), *(_part(found, [split]) for split in SPLITS if split != "month")]
    parts += [_part(found, split) for split in pair.splits]
    return join(parts)


def _cards(found: Comparison) -> Html:
    cards = []
    for measure, before, after, change, relative in found.totals.iter_rows():
        parts = [
            element("span", figures.title(measure), kind="small dim"),
            element("b", figures.amount(measure, after, found.currency)),
        ]
        if change is not None:
            by = [figures.change(measure, change, found.currency)]
            if measure not in figures.RATIOS:
                by.append(figures.percent(relative))
            was = join([text("from "), figures.amount(measure, before, found.currency)])
            parts += [
                element("span", was, kind="small dim"),
                *(element("span", one, kind="small") for one in by),
            ]
        cards.append(element("li", join(parts)))
    return element("ul", join(cards), kind="cards")


def _guards(verdicts: Sequence[Verdict], currency: str) -> Html:
    items = []
    for verdict in verdicts:
        state = "holds" if verdict.holds else "fails"
        measured = amount_text(verdict.measured, verdict.unit)
        named = "" if verdict.name == verdict.condition else f"{verdict.name}: "
        parts = [
            element("b", state, kind="more" if verdict.holds else "less"),
            text(f" {named}"),
            element("code", verdict.condition),
            element("span", f" measured {measured}", kind="dim"),
            *(_offender(one, currency) for one in verdict.offenders),
        ]
        if (more := verdict.offender_count - len(verdict.offenders)) > 0:
            parts.append(element("p", f"and {more:,} more customers", kind="dim"))
        items.append(element("li", join(parts), kind="" if verdict.holds else "failed"))
    return element("ul", join(items), kind="guards")


def _offender(one: Offender, currency: str) -> Html:
    who = element("bdi", f"{one.account} {one.name}")
    share = text("from nothing") if one.relative is None else figures.percent(one.relative)
    by = [text(f" {one.month} "), figures.cents(one.change, currency), text(" "), share]
    lines = [
        _line(line.plan, line.price, line.kind, line.cause, figures.cents(line.change, currency))
        for line in one.lines
    ]
    return join([element("div", join([who, *by])), element("ul", join(lines), kind="lines small")])


def _line(plan: str, price: str, kind: str, cause: str, change: Html) -> Html:
    return element(
        "li", join([element("bdi", f"{plan} {price}"), text(f" ({kind}, {cause or '–'}) "), change])
    )


def _why(found: Comparison) -> Html:
    """Show the way from what was kept before to what is kept after, a bar for each cause."""
    causes = found.causes
    if not len(causes):
        return element("p", "Nothing changed.")
    totals = {row["measure"]: row for row in found.totals.iter_rows(named=True)}
    start, end = (
        Decimal(totals["billed"][side] or 0) - Decimal(totals["payouts"][side] or 0)
        for side in ("before", "after")
    )
    zero, reached, rows = Decimal(0), Decimal(0), []
    for cause, change in causes.iter_rows():
        label = element("span", cause, title=CAUSES.get(cause, ""))
        kind = "more" if change > 0 else "less"
        rows.append(chart.Bar(label, reached, reached + change, kind, figures.cents(change, found.currency)))
        reached += change
    rows.append(
        chart.Bar(element("b", "together"), zero, reached, "plain", figures.cents(reached, found.currency))
    )
    said = (
        f"Billed less payouts to partners: {whole_money_text(start, found.currency)} before, "
        f"{whole_money_text(end, found.currency)} after. Each bar begins where the one above it ends."
    )
    meanings = [
        [text(cause), text(CAUSES.get(cause, "")), figures.cents(change, found.currency)]
        for cause, change in causes.iter_rows()
    ]
    told = table(["cause", "what it is", "change"], meanings, 2)
    shown = element("details", join([element("summary", "What the causes mean"), told]))
    return join([element("p", said), chart.bars(rows), shown])


def _months(found: Comparison) -> Html:
    billed = found.by("month", measures=["billed"]).sort("month")
    currency = found.currency
    before, after = ([Decimal(value) for value in billed[name]] for name in ("before", "after"))
    names = billed["month"].to_list()
    texts = [
        f"{name}: {whole_money_text(old, currency)} → {whole_money_text(new, currency)}"
        for name, old, new in zip(names, before, after, strict=True)
    ]
    key = join([
        element("span", "billed before", kind="key small"), text("  "),
        element("span", "after", kind="key new small"),
    ])  # fmt: skip
    rows = [_row([row["month"]], row, currency) for row in billed.iter_rows(named=True)]
    told = table(["month", "before", "after", "change", "relative"], rows)
    shown = element("details", join([element("summary", "Every month"), told]))
    return join([element("p", key), chart.months(names, before, after, texts), shown])


def _spread(found: Comparison) -> Html:
    """Show how many bills change by how much."""
    customers = found.customers
    more = len(customers.filter(pl.col("change") > 0))
    less = len(customers.filter(pl.col("change") < 0))
    ups = ", ".join(f"{count:,} by more than {share:.0%}" for share, count in found.rises().items())
    quantiles = ", ".join(f"{name} {percent_text(value)}" for name, value in found.spread().items())
    rows = [
        chart.Bar(text(label), Decimal(0), Decimal(count), kind, text(f"{count:,}"))
        for label, count, kind in bins(customers)
    ]
    said = f"{more:,} pay more, {less:,} less, {len(customers) - more - less:,} the same. Up: {ups}."
    return join([
        element("p", said), element("p", f"Change of a customer's bills: {quantiles}.", kind="small dim"),
        chart.bars(rows),
    ])  # fmt: skip


def bins(customers: pl.DataFrame) -> list[tuple[str, int, str]]:
    """Count the customers whose bills change, by how much."""
    changed = customers.filter(pl.col("change") != 0)
    share = pl.col("relative")

    def count(inside: pl.Expr) -> int:
        return len(changed.filter(inside))

    falls = [(f"down {-BINS[0]:.0%} or more", count(share <= BINS[0]), "less")]
    ups = []
    for low, high in pairwise(BINS):
        if high <= 0:
            inside = (share > low) & (share < 0 if high == 0 else share <= high)
            falls.append((f"down {-high:.0%} to {-low:.0%}", count(inside), "less"))
        else:
            ups.append((f"up {low:.0%} to {high:.0%}", count((share > low) & (share <= high)), "more"))
    ups.append((f"up more than {BINS[-1]:.0%}", count(share > BINS[-1]), "more"))
    ups.append(("up from nothing", len(up_by(changed.filter(share.is_null()), Decimal(0))), "more"))
    return [*falls, *ups]


def _customers(found: Comparison, top: int) -> Html:
    parts = []
    for heading, rows in (("Pay more", found.losers(top)), ("Pay less", found.winners(top))):
        if len(rows):
            parts.append(element("h3", heading))
            told = [_customer(found, row) for row in rows.iter_rows(named=True)]
            parts.append(table(["customer", "before", "after", "change", "relative"], told))
    return join(parts)


def _customer(found: Comparison, row: dict[str, object]) -> list[Html]:
    lines = found.lines_of(str(row["account"]), LINES)
    items = [
        _line(
            line["plan"],
            line["price"],
            line["kind"],
            line["cause"],
            figures.cents(line["change"], found.currency),
        )
        for line in lines.iter_rows(named=True)
    ]
    who = join([element("bdi", row["account"]), text(" "), element("bdi", row["name"] or "", kind="dim")])
    shown = element(
        "details",
        join([element("summary", who), element("span", row["segment"], kind="small dim"),
              element("ul", join(items), kind="lines small")]),
    )  # fmt: skip
    return [shown, *_row([], row, found.currency)]


def _part(found: Comparison, split: Sequence[str]) -> Html:
    """Show what was billed by one dimension or several, and how its committed MRR changed."""
    wide = found.by(*split, measures=["billed", "committed_mrr"])
    billed = wide.filter(pl.col("measure") == "billed", pl.col("change") != 0)
    heading = element("h3", f"By {' and '.join(split)}")
    if not len(billed):
        return join([heading, element("p", "No part changed.", kind="dim")])
    order = pl.col("change").abs()
    shown = billed.sort(order, *split, descending=[True, *[False] * len(split)]).head(ROWS)
    mrr = wide.filter(pl.col("measure") == "committed_mrr").select(*split, mrr="change")
    rows = [
        [*_row([row[name] for name in split], row, found.currency),
         figures.change("committed_mrr", row["mrr"], found.currency)]
        for row in shown.join(mrr, on=list(split), how="left", maintain_order="left").iter_rows(named=True)
    ]  # fmt: skip
    left = len(billed) - len(shown)
    more = element("p", f"and {left:,} more with smaller changes", kind="small dim") if left else Html("")
    heads = [*split, "before", "after", "change", "relative", "committed MRR"]
    return join([heading, table(heads, rows, len(split)), more])


def _row(names: Sequence[object], row: dict[str, object], currency: str) -> list[Html]:
    amounts = [Decimal(str(row[name])) for name in ("before", "after", "change")]
    before, after, change = money_texts(amounts, currency)
    relative = None if row["relative"] is None else Decimal(str(row["relative"]))
    told = [text(before), text(after), figures.signed(amounts[2], change), figures.percent(relative)]
    return [*(element("bdi", name or "–") for name in names), *told]
