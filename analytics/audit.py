"""Audits: what a plan prints and what its own drivers, totals and claims come to.

A figure is `wrong` where what it comes to does not round to what is printed; `rounded` where it does, but is
not just that. A wrong figure `follows` where it is right for the printed figures it is made of: then the
mistake is theirs. What is only printed is taken to be anything that rounds to it, so a difference that such
rounding can explain is never called wrong.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from analytics import cause, expression
from analytics.derivation import At, BoundClaim, Way
from analytics.expression import Name, Node
from analytics.finding import Finding, Kind
from analytics.interval import Interval, Range, add, negative, point
from analytics.plan import ALL, Plan
from analytics.printed import Printed, parse
from analytics.recomputation import (
    DRIVERS,
    DRIVERS_ROUGHLY,
    PRINTED,
    PRINTED_LEAVES_ROUGHLY,
    PRINTED_ROUGHLY,
    Recomputation,
    World,
)

SUMS = ("total", "periods")
"""The ways to a figure whose printed parts must add up as they are printed."""


class _Came(NamedTuple):
    """What a figure came to: from the drivers, and from the figures beside it as they are printed."""

    kind: Kind
    value: Range
    beside: Range | None
    follows: tuple[str, ...] = ()
    world: World = DRIVERS


class Audit(NamedTuple):
    """The findings, in the order of the plan, and how much was looked at."""

    findings: list[Finding]
    figures: int
    claims: int

    def of(self, kind: str) -> list[Finding]:
        """Return the findings of a kind: wrong or rounded."""
        return [finding for finding in self.findings if finding.kind == kind]


def audit(plan: Plan, place: str = "plan") -> Audit:
    """Hold everything that a plan prints against what it comes to. Raises Problems where it cannot be."""
    worked = Recomputation(plan, place)
    found: dict[At, Finding] = {}
    for at in worked.derived.order:
        finding = _defined(worked, at, found)
        if finding is not None:
            found[at] = finding
    findings = []
    for name, figure in plan.figures.items():
        for period in figure.printed:
            at = At(name, period)
            findings += [found[at]] if at in found else []
            findings += _crossed(worked, at, found)
            findings += _outside(worked, at)
    findings += _shares(worked)
    findings = cause.together(worked, findings)
    findings += [finding for claim in worked.derived.claims for finding in _contradicted(worked, claim)]
    printed = sum(len(figure.printed) for figure in plan.figures.values())
    return Audit(findings, printed, len(worked.derived.claims))


def _defined(worked: Recomputation, at: At, found: dict[At, Finding]) -> Finding | None:
    """Hold a figure against its definition."""
    ways = worked.derived.ways[at]
    printed = worked.plan.figures[at.name].printed.get(at.period)
    if not ways or printed is None:
        return None
    way = ways[0]
    value = worked.of_way(way)
    assert value is not None, f"{at} was worked out before"
    roughly = worked.of_way(way, DRIVERS_ROUGHLY)
    beside = None if way.where else worked.of_way(way, PRINTED)
    fits = printed.fits(value) or (roughly is not None and printed.fits(roughly))
    fits_beside = any(
        found_beside is not None and printed.fits(found_beside)
        for found_beside in (
            [beside, worked.of_way(way, PRINTED_LEAVES_ROUGHLY)] if beside is not None else []
        )
    )
    if fits and not _adds_up(worked, way, printed):
        wrong = _wrong_inputs(worked, way, found)
        return _finding(worked, at, way, _Came("wrong", beside or value, beside, wrong, PRINTED))
    if fits:
        exact = printed.equals(value) and (way.kind not in SUMS or beside is None or printed.equals(beside))
        return None if exact else _finding(worked, at, way, _Came("rounded", value, beside))
    wrong = _wrong_inputs(worked, way, found) if fits_beside else ()
    kind: Kind = "rounded" if fits_beside and not wrong else "wrong"
    return _finding(worked, at, way, _Came(kind, value, beside, wrong))


def _crossed(worked: Recomputation, at: At, found: dict[At, Finding]) -> Iterator[Finding]:
    """Hold a figure against its further ways, as everything is printed."""
    printed = worked.plan.figures[at.name].printed[at.period]
    for way in worked.derived.ways[at][1:]:
        beside = worked.of_way(way, PRINTED)
        if beside is not None and not printed.equals(beside):
            kind: Kind = "rounded" if _adds_up(worked, way, printed) else "wrong"
            wrong = _wrong_inputs(worked, way, found) if kind == "wrong" else ()
            yield _finding(worked, at, way, _Came(kind, beside, beside, wrong, PRINTED))


def _adds_up(worked: Recomputation, way: Way, printed: Printed) -> bool:
    """Tell whether the printed parts of a sum can add up to what is printed, each being rounded."""
    if way.kind not in SUMS:
        return True
    roughly = worked.of_way(way, PRINTED_ROUGHLY)
    return roughly is None or printed.fits(roughly)


def _wrong_inputs(worked: Recomputation, way: Way, found: dict[At, Finding]) -> tuple[str, ...]:
    """Name the wrong printed figures that a way is made of, through those that are not printed."""
    wrong, waiting, seen = [], list(expression.names(way.node)), set()
    while waiting:
        at = At(waiting[0].name, waiting.pop(0).period)
        if at in seen or at.name not in worked.plan.figures:
            continue
        seen.add(at)
        if at.period not in worked.plan.figures[at.name].printed:
            waiting += [name for one in worked.derived.ways[at][:1] for name in expression.names(one.node)]
        elif at in found and found[at].kind == "wrong":
            wrong.append(str(at))
    return tuple(wrong)


def _finding(worked: Recomputation, at: At, way: Way, came: _Came) -> Finding:
    figure = worked.plan.figures[at.name]
    printed = figure.printed[at.period]
    own = came.kind == "wrong" and not came.follows
    return Finding(
        came.kind,
        way.kind,
        at.name,
        at.period,
        printed,
        _flat(came.value),
        None if came.beside is None else _flat(came.beside),
        _difference(came.value, printed),
        cause.working(worked, way, came.world),
        cause.of(worked, way, printed) if own else "",
        came.follows,
        figure.source_of(at.period),
    )


def _flat(value: Range) -> Range:
    """Leave out how roughly the ends are known."""
    return Range(*(Interval(end.middle, end.middle) for end in value))


def _difference(value: Range, printed: Printed) -> Range:
    """Return how far each end of a value is from where it is printed."""
    low, high = value.low.middle - printed.low, value.high.middle - printed.high
    return Range(Interval(low, low), Interval(high, high))


def _outside(worked: Recomputation, at: At) -> Iterator[Finding]:
    """Hold a figure against the range that must hold it."""
    figure = worked.plan.figures[at.name]
    printed = figure.printed[at.period]
    within = figure.within.get(at.period, figure.within.get(ALL, ""))
    if not within:
        return
    around = _bounds(worked, within, at.period)
    if not _holds("in", printed.meant, around):
        working = f"{printed.text} in {printed.like(_flat(around))}"
        other = worked.plan.figures.get(within)
        sources = [figure.source_of(at.period), other.source_of(at.period) if other else ""]
        yield Finding("wrong", "range", at.name, at.period, printed, _flat(around), None,
                      _distance(printed.exact, _flat(around)), working,
                      source=", ".join(dict.fromkeys(filter(None, sources))))  # fmt: skip


def _bounds(worked: Recomputation, within: str, period: str) -> Range:
    """Return the range that a figure must lie in: of that name, or as it is written."""
    plan = worked.plan
    if within in plan.drivers:
        driver = plan.drivers[within].at(period)
        assert driver is not None, f"{within} was found in {period} before"
        return driver.meant
    if within in plan.figures:
        home = period if period in plan.figures[within].printed else ALL
        at = At(within, home if home in plan.figures[within].printed else period)
        return worked.value(at, PRINTED_ROUGHLY)
    return parse(within).meant


def _distance(value: Range, around: Range) -> Range:
    below = around.low.middle - value.low.middle
    above = value.high.middle - around.high.middle
    return point(-below if below > 0 else max(above, Fraction()))


def _shares(worked: Recomputation) -> Iterator[Finding]:
    """Add up the printed shares of each whole, where every part of it has one."""
    plan = worked.plan
    tables: dict[tuple[str, str], dict[str, str]] = {}
    for name, figure in plan.figures.items():
        for period in figure.printed if figure.share_of else ():
            part, whole = figure.share_of or ("", "")
            table = tables.setdefault((whole, period), {})
            table[name] = part
    for (whole, period), table in tables.items():
        parts = sorted(table.values())
        if parts != sorted(_parts(worked, whole, period)) or _has_total(plan, table, period):
            continue
        figures = [plan.figures[name] for name in table]
        printed = [figure.printed[period] for figure in figures]
        total = add(one.exact for one in printed)
        if total != point(1):
            fits = Interval(Fraction(1), Fraction(1)).meets(add(one.meant for one in printed).low)
            working = " + ".join(one.text for one in printed)
            yield Finding("rounded" if fits else "wrong", "shares", whole, period, parse("100%"),
                          total, total, add([total, negative(point(1))]), working,
                          source=figures[0].source_of(period))  # fmt: skip


def _parts(worked: Recomputation, whole: str, period: str) -> Sequence[str]:
    """Name what a whole is the total of, in a period; nothing where it is no total."""
    figure = worked.plan.figures.get(whole)
    ways = worked.derived.ways.get(At(whole, period), ())
    totals = [way for way in ways if way.kind == "total"] if figure is not None else []
    return [name.name for way in totals for name in expression.names(way.node)]


def _has_total(plan: Plan, shares: Iterable[str], period: str) -> bool:
    """Tell whether the plan prints itself what shares add up to."""
    names = set(shares)
    return any(period in one.printed and names == {*one.total_of} for one in plan.figures.values())


def _contradicted(worked: Recomputation, claim: BoundClaim) -> Iterator[Finding]:
    """Yield a finding where a claim does not hold, of the figures as they are printed."""
    try:
        parts = [worked.of_node(part, PRINTED_ROUGHLY) for part in claim.comparison.parts]
    except ArithmeticError:
        return
    pairs = zip(claim.comparison.signs, parts, parts[1:], strict=False)
    broken = [(one, sign, other) for sign, one, other in pairs if not _holds(sign, one, other)]
    if broken:
        stated = worked.plan.claims[claim.key]
        texts = [_with_numbers(worked, part) for part in claim.comparison.parts]
        signed = zip(claim.comparison.signs, texts[1:], strict=True)
        working = " ".join([texts[0], *(f"{sign} {text}" for sign, text in signed)])
        one, sign, other = broken[0]
        difference = (
            _distance(one, other) if sign == "in" else _flat(add([_flat(one), negative(_flat(other))]))
        )
        yield Finding("wrong", "claim", claim.key, claim.period, None, None, None, difference, working,
                      source=stated.source, says=stated.says)  # fmt: skip


def _with_numbers(worked: Recomputation, node: Node) -> str:
    return expression.text(node, lambda name: _as_printed(worked, name))


def _as_printed(worked: Recomputation, name: Name) -> str:
    """Write a name's value as the document prints it, or what it comes to."""
    figures, driver = worked.plan.figures, worked.plan.drivers.get(name.name)
    printed = driver.at(name.period) if driver is not None else figures[name.name].printed.get(name.period)
    value = _flat(worked.of_node(name, PRINTED))
    if printed is None:
        return expression.range_text(value)
    return printed.like(value) if name.end or printed.sense else printed.text


def _holds(sign: str, one: Range, other: Range) -> bool:
    """Compare two values; where their digits leave it open, it holds."""
    if sign == "==":
        return one.low.meets(other.low) and one.high.meets(other.high)
    if sign == "in":
        return one.low.most >= other.low.least and one.high.least <= other.high.most
    if sign in (">=", ">"):
        one, other = other, one
    least, most = one.low.least, other.high.most
    return least <= most if "=" in sign else least < most
