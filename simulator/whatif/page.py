"""The page of an experiment: what prices do, what customers make of it, and how sure that is; in one file."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from analytics.effect import Effect
from analytics.standing import Place
from analytics.student import CONFIDENCE, Estimate
from simulator.page.document import document
from simulator.page.markup import Html, element, join, text
from simulator.page.style import style
from simulator.page.table import table
from simulator.whatif.answer import Answer, Swept
from simulator.whatif.display import (
    EFFECTS,
    SPLITS,
    break_even_lines,
    change_writer,
    count_text,
    moves,
    times_text,
    title,
    writer,
)
from simulator.whatif.drawing import Row, curve, intervals

CARDS = ("revenue", "billed", "committed_mrr", "customers")
"""The measures that stand at the top, with what becomes of them in all."""

NAMES = {
    "mechanical": "by the prices alone",
    "reaction": "by what customers do",
    "total": "in all",
}
"""What the effects are called in words, in the order in which they are drawn."""

WORDS = {
    "by the prices alone": (
        "the mechanical effect: what everybody did under their own prices, billed again under the others; "
        "nobody behaves otherwise"
    ),
    "in all": ("the total effect: the company that lives under the other prices, less the one that does not"),
    "by what customers do": (
        "the reaction, the difference of the two: they sign up less, use less, take a smaller plan, leave, "
        "or pay by the year"
    ),
    "variance removed": (
        "how many times larger the variance would be between companies that have nothing in common; here "
        "both meet the same customers"
    ),
}
"""What the words of the page mean."""


class Heading(NamedTuple):
    """What stands above an answer: the scenario, the price book, the months and the currency."""

    title: str
    prices: str
    span: str
    currency: str
    priors: str


def page(found: Answer, heading: Heading) -> str:
    """Return the page of an answer."""
    name = f"{heading.title} under {heading.prices}"
    seeds = f"{found.seeds} seed{'s' * (found.seeds > 1)}"
    totals = [one for one in found.effects if one.place.split == "total" and one.before is not None]
    parts = [
        element("h1", name),
        element("p", f"{heading.span}, {seeds}", kind="dim"),
        _cards(totals, heading.currency),
        element("p", _sureness(found, heading), kind="small dim"),
        element("h2", "Revenue"),
        _drawn(_of(totals, "revenue"), heading.currency),
        element("h2", "Every measure"),
        _effects("measure", totals, heading.currency, name=lambda place: title(place.measure)),
        *_splits(found, heading.currency),
        *_channels(found, heading.currency),
        *_break_even(found),
        *(part for swept in found.swept for part in _sweep(swept, heading.currency)),
        element("h2", "What the words mean"),
        element(
            "p", "Green is clearly more, red clearly less; what may be chance has no colour.", kind="small"
        ),
        element("dl", join(join([element("dt", word), element("dd", said)]) for word, said in WORDS.items())),
    ]
    return document(name, element("main", join(parts)), style=style("page", "whatif"))


def _of(found: Iterable[Effect], measure: str) -> Effect | None:
    return next((one for one in found if one.place.measure == measure), None)


def _sureness(found: Answer, heading: Heading) -> str:
    if found.seeds == 1:
        return "One seed has no interval: chance alone may make such a difference."
    return f"± is the {CONFIDENCE:.0%} interval of {found.seeds} paired seeds; {heading.priors}."


def _cards(totals: Sequence[Effect], currency: str) -> Html:
    cards = []
    for measure in CARDS:
        one = _of(totals, measure)
        if one is None or one.before is None:
            continue
        was = writer(measure, currency)(one.before.mean)
        parts = [
            element("span", title(measure), kind="small dim"),
            element("b", _interval(one.total, measure, currency)),
            element("span", f"from {was} under its own prices", kind="small dim"),
        ]
        cards.append(element("li", join(parts)))
    return element("ul", join(cards), kind="cards")


def _interval(one: Estimate | None, measure: str, currency: str) -> Html:
    """Write an estimate with half of its interval, in colour where it is clear."""
    if one is None:
        return Html("–")
    write = change_writer(measure, currency)
    words = ("+" if one.mean > 0 else "") + write(one.mean)
    words += f" ± {write(one.half_width)}" if one.half_width else ""
    kind = ("more" if one.mean > 0 else "less") if one.is_clear else ""
    return element("span", words, kind=kind)


def _drawn(one: Effect | None, currency: str) -> Html:
    """Draw the three effects on one measure on one scale, with their intervals."""
    if one is None:
        return Html("")
    return intervals([
        Row(text(said), estimate, _interval(estimate, one.place.measure, currency))
        for effect, said in NAMES.items()
        if (estimate := getattr(one, effect)) is not None
    ])  # fmt: skip


def _effects(head: str, found: Iterable[Effect], currency: str, *, name: Callable[[Place], str]) -> Html:
    rows = []
    for one in found:
        measure = one.place.measure
        level = "–" if one.before is None else writer(measure, currency)(one.before.mean)
        cells = [_interval(getattr(one, effect), measure, currency) for effect in EFFECTS]
        removed = text(times_text(one.variance_removed))
        rows.append([element("bdi", name(one.place)), text(level), *cells, removed])
    return table([head, "own prices", *(NAMES[effect] for effect in EFFECTS), "variance removed"], rows)


def _splits(found: Answer, currency: str) -> Iterable[Html]:
    for split in SPLITS:
        parts = [one for one in found.effects if one.place[::2] == (split, "revenue") and moves(one)]
        if len(parts) > 1:
            yield element("h3", f"Revenue by {split}")
            yield _effects(split, parts, currency, name=lambda place: place.part or "–")


def _channels(found: Answer, currency: str) -> Iterable[Html]:
    known = {name: one for name, one in found.channels.items() if one is not None and (one.mean or one.sd)}
    if not known:
        return
    yield element("h2", "What customers do otherwise")
    yield element("p", "The reaction in what was billed, by what they do; the parts add up to it.")
    yield intervals([
        Row(text(name), one, _interval(one, "billed", currency)) for name, one in known.items()
    ])  # fmt: skip
    changed = {name: pair for name, pair in found.counts.items() if pair[0] != pair[1]}
    rows = [
        [text(name.replace("_", " ")), *(text(count_text(one)) for one in (*pair, pair[1] - pair[0]))]
        for name, pair in changed.items()
    ]
    if rows:
        yield table(["a company on average", "own prices", "other prices", "change"], rows)


def _break_even(found: Answer) -> Iterable[Html]:
    if found.break_even is not None:
        yield element("h2", "Break-even churn")
        said = " ".join(break_even_lines(found.break_even, found.swept))
        yield element("p", said[0].upper() + said[1:] + ".")


def _sweep(swept: Swept, currency: str) -> Iterable[Html]:
    yield element("h2", f"If {swept.name} were another")
    turn = "nowhere between these" if swept.turns_at is None else f"at {swept.turns_at:,.3g}"
    yield element("p", f"The effect on revenue in all, value by value; it turns {turn}.")
    drawn = [(float(point.value), point.revenue.total) for point in swept.points]
    yield curve([(value, one) for value, one in drawn if one is not None], label=f"revenue by {swept.name}")
    rows = [
        [
            text(f"{point.value:.4g}".replace("+", "")),
            _interval(point.revenue.total, "revenue", currency),
            _interval(point.revenue.reaction, "revenue", currency),
            _interval(point.customers.total, "customers", currency),
        ]
        for point in swept.points
    ]
    yield table([swept.name, "revenue, in all", "by what customers do", "customers"], rows)
