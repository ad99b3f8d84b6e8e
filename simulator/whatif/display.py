"""Displays: an answer on a terminal: effects with their intervals, channels, break-even churn, sweeps."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from rich.console import Console
from rich.text import Text

from analytics.effect import Effect
from analytics.standing import COUNTS, Place
from analytics.student import CONFIDENCE, Estimate
from simulator.agents.habits import REACTIONS
from simulator.prior import Prior
from simulator.scenario import Loaded
from simulator.tables import plain_table
from simulator.values import percent_text, whole_money_text
from simulator.whatif.answer import PRICE, Answer, Even, Swept

SPLITS = ("year", "segment", "plan")
"""What the effect on revenue is split by."""

TITLES = {"committed_mrr": "committed MRR", "nrr": "NRR"}
"""What measures are called where that is not their own name."""

EFFECTS = ("mechanical", "total", "reaction")

_LARGE = 1_000  # from here on a mean of counts needs no decimals
_WIDE = 100  # from here on a variance ratio needs no decimal

Writer = Callable[[float], str]


def show(screen: Console, found: Answer, loaded: Loaded) -> None:
    """Show an answer."""
    currency = loaded.book.currency
    totals = [one for one in found.effects if one.place.split == "total" and one.before is not None]
    screen.print()
    _show_effects(screen, "", totals, currency, name=lambda place: title(place.measure))
    _say_what_it_is(screen, found, loaded)
    for split in SPLITS:
        parts = [one for one in found.effects if one.place[::2] == (split, "revenue") and moves(one)]
        if len(parts) > 1:
            screen.print(f"\nrevenue, by {split}", style="bold")
            _show_effects(screen, split, parts, currency, name=lambda place: place.part or "–")
    _show_channels(screen, found, currency)
    if found.break_even is not None:
        screen.print("\nbreak-even churn", style="bold")
        for line in break_even_lines(found.break_even, found.swept):
            screen.print(f"  {line}")
    for swept in found.swept:
        _show_sweep(screen, swept, currency)


def moves(one: Effect) -> bool:
    """Whether a price change moves this at all."""
    known = (getattr(one, name) for name in EFFECTS)
    return any(part is not None and (part.mean or part.sd) for part in known)


def _show_effects(
    screen: Console, head: str, found: Iterable[Effect], currency: str, name: Callable[[Place], str]
) -> None:
    table = plain_table()
    table.add_column(head)
    for column in ("own prices", *EFFECTS, "variance removed"):
        table.add_column(column, justify="right")
    for one in found:
        measure = one.place.measure
        level = "–" if one.before is None else writer(measure, currency)(one.before.mean)
        write = change_writer(measure, currency)
        cells = [interval_text(getattr(one, effect), write) for effect in EFFECTS]
        table.add_row(name(one.place), level, *cells, times_text(one.variance_removed))
    screen.print(table)


def _say_what_it_is(screen: Console, found: Answer, loaded: Loaded) -> None:
    if found.seeds == 1:
        screen.print("\n  one seed has no interval: chance alone may make such a difference", style="yellow")
        return
    said = f"± is the {CONFIDENCE:.0%} interval of {found.seeds} paired seeds; {priors_text(loaded)}"
    screen.print(f"\n  {said}", style="dim")


def priors_text(loaded: Loaded) -> str:
    """Say whether what is not known of customers is in the intervals."""
    widths = sorted(_priors(loaded))
    if widths:
        return f"what is not known of customers is in it: {', '.join(widths)}"
    return "what is known of customers is taken as certain; give priors a spread in the scenario"


def _priors(loaded: Loaded) -> set[str]:
    segments = (getattr(loaded.scenario.agents, "customers", None) or {}).values()
    values = ((name, getattr(habits.loyalty, name)) for habits in segments for name in REACTIONS)
    return {name for name, value in values if isinstance(value, Prior) and value.spread}


def _show_channels(screen: Console, found: Answer, currency: str) -> None:
    known = {name: one for name, one in found.channels.items() if one is not None and (one.mean or one.sd)}
    if not known:
        return
    screen.print("\nthe reaction, by what customers do otherwise (billed)", style="bold")
    table = plain_table()
    table.add_column("")
    table.add_column("reaction", justify="right")
    for name, one in known.items():
        table.add_row(name, interval_text(one, writer("billed", currency)))
    screen.print(table)
    changed = {name: pair for name, pair in found.counts.items() if pair[0] != pair[1]}
    told = (
        f"{name.replace('_', ' ')} {count_text(one)} → {count_text(other)}"
        for name, (one, other) in changed.items()
    )
    screen.print(f"  {', '.join(told)}", style="dim")


def break_even_lines(even: Even, swept: Iterable[Swept]) -> list[str]:
    """Return what the break-even churn says, by the formula and, where it was swept, by the sweep."""
    count = f"{even.customers.mean:,.0f} customers' bills change, by {_signed_percent(even.rise.mean)} in all"
    if even.monthly is None or even.leavers_a_month is None:
        lines = [f"{count}: to make up for it, {-even.leavers.mean:,.1f} like them have to come"]
    else:
        at_once = f"{_percent(even.share.mean)} of them leave for it at once ({even.leavers.mean:,.1f})"
        monthly = f"{_percent(even.monthly.mean)} a month ({even.leavers_a_month.mean:,.1f} in the first)"
        lines = [f"{count}: it pays while fewer than {at_once},", f"or {monthly}"]
    for one in swept:
        if one.name == PRICE:
            where = f"at {one.turns_at:,.3g}" if one.turns_at is not None else "at none of these values"
            lines.append(f"by the sweep, where everybody reacts in all ways, revenue turns {where}")
    return lines


def _show_sweep(screen: Console, swept: Swept, currency: str) -> None:
    screen.print(f"\nsweep of {swept.name}", style="bold")
    table = plain_table()
    for column in (swept.name, "revenue, total", "reaction", "customers"):
        table.add_column(column, justify="right")
    for point in swept.points:
        revenue, customers = point.revenue, point.customers
        write = writer("revenue", currency)
        table.add_row(
            f"{point.value:.4g}".replace("+", ""),
            interval_text(revenue.total, write),
            interval_text(revenue.reaction, write),
            interval_text(customers.total, writer("customers", currency)),
        )
    screen.print(table)


def title(measure: str) -> str:
    """Return what a measure is called."""
    return TITLES.get(measure, measure.replace("_", " "))


def count_text(number: float) -> str:
    """Write a count that is a mean of companies."""
    return f"{number:,.0f}" if abs(number) >= _LARGE else f"{number:,.4g}"


def change_writer(measure: str, currency: str) -> Writer:
    """Return how changes of a measure are written: those of shares in percentage points."""
    if Place("", "", measure).is_ratio:
        return lambda number: f"{number * 100:z,.1f} pp"
    return writer(measure, currency)


def writer(measure: str, currency: str) -> Writer:
    """Return how numbers of a measure are written: money, counts, or shares."""
    if measure in COUNTS:
        return lambda number: f"{number:,.1f}"
    if Place("", "", measure).is_ratio:
        return _percent
    return lambda number: whole_money_text(Decimal(repr(number)), currency)


def interval_text(one: Estimate | None, write: Writer) -> Text:
    """Write an estimate with half of its interval: green is more, red is less, where that is clear."""
    if one is None:
        return Text("–", style="dim")
    sign = "+" if one.mean > 0 else ""
    text = sign + write(one.mean)
    if one.half_width:
        text += f" ± {write(one.half_width)}"
    style = ("green" if one.mean > 0 else "red") if one.is_clear else ""
    return Text(text, style=style)


def times_text(ratio: float | None) -> str:
    """Write how many times smaller a variance is."""
    if ratio is None:
        return "–"
    return f"{ratio:,.0f}x" if ratio >= _WIDE else f"{ratio:,.1f}x"


def _percent(number: float) -> str:
    return percent_text(Decimal(repr(number)))


def _signed_percent(number: float) -> str:
    return ("+" if number > 0 else "") + _percent(number)
