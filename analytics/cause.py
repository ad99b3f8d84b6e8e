"""Causes: why a printed figure may be what it is, found by trying. One is told where it gives the figure.

A wrong figure is tried with each driver's value of another period, without one part of its sum or with one
twice, over another number of years, in another unit, and with the one value of a driver that would make it
right, if that is a plain number. Beside each other, wrong shares may have one whole in common, and of two
wrong parts of a right total one may hold what the other lacks.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

from analytics import expression
from analytics.derivation import At, Way
from analytics.expression import DEPTH_MAX, Name, Node, Number, Operation
from analytics.finding import Finding
from analytics.interval import Range, add, point, times
from analytics.printed import Printed, shown
from analytics.recomputation import DRIVERS, Recomputation, World

DIGITS_MAX = 3
"""A value with more digits than these was not meant by anybody."""

PRECISION = Fraction(1, 20)
"""A figure that is printed more coarsely than this is met by chance."""

FACTORS = (12, 4, 3, 10, 100, 1_000, 1_000_000)
"""What mistaken units differ by: months, quarters, percent, thousands."""

EXPANSIONS_MAX = 6
"""Through so many figures a formula is followed to its drivers."""

NEEDED_MAX = 2
"""So many drivers are named that could make a figure right."""

NAMES_MAX = 40
"""A formula of more names is not opened further: nobody would read it."""

PAIR = 2

SHARES_MIN = 3
"""Of fewer shares, a whole that they have in common says nothing."""


def working(worked: Recomputation, way: Way, world: World = DRIVERS) -> str:
    """Write the formula of a way with its numbers put in: those of a world."""
    node = _opened(worked, way)
    where = dict(way.where)

    def write(name: Name) -> str:
        value, printed = worked.of_node(name, world, where), _printed(worked, name)
        return printed.like(value) if printed and printed.unit == "%" else expression.range_text(value)

    return expression.text(node, write)


def of(worked: Recomputation, way: Way, printed: Printed) -> str:
    """Say what gives the printed figure, the likeliest first; "" where nothing does."""
    if printed.low != printed.high or printed.sense == "at most":
        return ""
    node, where = _opened(worked, way), dict(way.where)
    for found in (
        _other_period(worked, node, where, printed),
        _other_sum(worked, way, printed),
        _other_years(worked, way, printed),
        _other_unit(worked, way, printed),
        _needed(worked, node, where, printed),
    ):
        text = next(found, "")
        if text:
            return text
    return ""


def together(worked: Recomputation, findings: Sequence[Finding]) -> list[Finding]:
    """Add the causes that show only when findings are seen beside each other."""
    told = dict(_common_wholes(worked, findings)) | dict(_moved(worked, findings))
    return [
        finding._replace(cause=told[finding.at])
        if finding.kind == "wrong" and not finding.cause and finding.at in told
        else finding
        for finding in findings
    ]


def _opened(worked: Recomputation, way: Way) -> Node:
    """Return the formula of a way, through figures that are not printed; a case down to the drivers."""
    node, where = way.node, dict(way.where)
    for _ in range(EXPANSIONS_MAX):
        opened = expression.replaced(node, lambda name: _definition(worked, name, where))
        if sum(1 for _ in expression.names(opened)) > NAMES_MAX or expression.depth(opened) > DEPTH_MAX:
            break
        node = opened
    return node


def _definition(worked: Recomputation, name: Name, where: Mapping[str, Range]) -> Node:
    at = At(name.name, name.period)
    ways = worked.derived.ways.get(at, ())
    printed = at.name in worked.plan.figures and at.period in worked.plan.figures[at.name].printed
    if name.end or name.name in where or not ways or ways[0].where or (printed and not where):
        return name
    return ways[0].node


def _printed(worked: Recomputation, name: Name) -> Printed | None:
    driver = worked.plan.drivers.get(name.name)
    return driver.at(name.period) if driver else worked.plan.figures[name.name].at(name.period)


def _value(worked: Recomputation, name: Name, where: Mapping[str, Range]) -> Range:
    return worked.of_node(name, DRIVERS, where)


def _tried(
    worked: Recomputation, node: Node, where: Mapping[str, Range], changed: Name, to: Range
) -> Range | None:
    """Work a formula out with another value in the place of one name."""
    put = expression.replaced(node, lambda name: Number(to) if name == changed else name)
    try:
        return worked.of_node(put, DRIVERS, where)
    except ArithmeticError:
        return None


def _is_met(printed: Printed, value: Range | None) -> bool:
    """Tell whether a value gives the printed figure, and not by chance."""
    if value is None or printed.sense:
        return False
    fine = printed.low_step <= abs(printed.low) * PRECISION
    return printed.equals(value) or (fine and printed.fits(value))


def _drivers(worked: Recomputation, node: Node, where: Mapping[str, Range]) -> list[Name]:
    names = dict.fromkeys(expression.names(node))
    return [name for name in names if name.name in worked.plan.drivers and name.name not in where]


def _other_period(
    worked: Recomputation, node: Node, where: Mapping[str, Range], printed: Printed
) -> Iterator[str]:
    for name in _drivers(worked, node, where):
        here = _value(worked, name, where)
        for period, other in worked.plan.drivers[name.name].values.items():
            tried = _tried(worked, node, where, name, other.exact)
            if period != name.period and other.exact != here and _is_met(printed, tried):
                yield f"{name.name} of {period}, {other.text}, gives {printed.text}"


def _other_sum(worked: Recomputation, way: Way, printed: Printed) -> Iterator[str]:
    if not isinstance(way.node, Operation) or way.node.kind != "sum":
        return
    for number, part in enumerate(way.node.parts):
        if isinstance(part, Name):
            rest = way.node.parts[:number] + way.node.parts[number + 1 :]
            for parts, text in ((rest, "without"), ((*way.node.parts, part), "with twice")):
                value = worked.of_node(Operation("sum", parts), DRIVERS) if parts else None
                if value is not None and printed.equals(value):
                    yield f"{text} {At(part.name, part.period)} it is {printed.text}"


def _other_years(worked: Recomputation, way: Way, printed: Printed) -> Iterator[str]:
    """Try the growth over a year more or less."""
    if way.kind != "cagr" or not isinstance(way.node, Operation):
        return
    grown = way.node.parts[0]
    if not isinstance(grown, Operation) or grown.kind != "root":
        return
    factor, degree = grown.parts
    assert isinstance(degree, Number), "a growth rate has so many years"
    for years in (degree.value.middle - 1, degree.value.middle + 1):
        node = Operation("root", (factor, Number(point(years)))) if years > 1 else factor
        value = worked.of_node(Operation("-", (node, Number(point(1)))), DRIVERS)
        if _is_met(printed, value):
            yield f"over {shown(years)} years it is {printed.text}"


def _other_unit(worked: Recomputation, way: Way, printed: Printed) -> Iterator[str]:
    """Try the figure as a multiple where it is a growth, of a month where it is of a year, in thousands."""
    value = worked.of_way(way)
    if value is None:
        return
    if way.kind in ("growth", "cagr") and _is_met(printed, add([value, point(1)])):
        yield f"{printed.text} is the multiple, not the growth"
    if way.kind == "multiple" and _is_met(printed, add([value, point(-1)])):
        yield f"{printed.text} is the growth, not the multiple"
    for factor in FACTORS:
        if _is_met(printed, times(value, point(factor))):
            yield f"{factor} times that is {printed.text}"
        if _is_met(printed, times(value, point(Fraction(1, factor)))):
            yield f"that divided by {factor} is {printed.text}"


def _needed(worked: Recomputation, node: Node, where: Mapping[str, Range], printed: Printed) -> Iterator[str]:
    """Find the plain values of single drivers that give the figure, those least far from their own."""
    found = []
    for name in _drivers(worked, node, where):
        now = _value(worked, name, where)

        def tried(to: Range, name: Name = name) -> Range | None:
            return _tried(worked, node, where, name, to)

        value = _solved(tried, now, printed.low)
        whole = all(one.low.denominator == 1 for one in _all_values(worked, name.name))
        if value is not None and value > 0 and _is_plain(value) and (value.denominator == 1 or not whole):
            text = f"{name.name} of {shown(value, 6)}, not {shown(now.middle)},"
            found.append((abs(value / now.middle - 1), text))
    if found:
        nearest = sorted(found, key=operator.itemgetter(0))[:NEEDED_MAX]
        yield " or ".join(text for _, text in nearest) + f" gives {printed.text}"


def _all_values(worked: Recomputation, name: str) -> list[Printed]:
    driver = worked.plan.drivers[name]
    return [*driver.values.values(), *([driver.value] if driver.value else [])]


def _solved(function: Callable[[Range], Range | None], now: Range, wanted: Fraction) -> Fraction | None:
    """Solve a formula that is linear in one driver, exactly; None where it is not linear."""
    if not now.is_point or not now.middle:
        return None
    one, two = function(now), function(point(now.middle * 2))
    if one is None or two is None or not one.is_point or one == two:
        return None
    value = now.middle + (wanted - one.middle) * now.middle / (two.middle - one.middle)
    again = function(point(value))
    return value if again is not None and again.is_point and again.middle == wanted else None


def _is_plain(value: Fraction) -> bool:
    """Tell whether a number has few digits: 0.9, 352, 2,500."""
    scaled = abs(value)
    while scaled >= 10**DIGITS_MAX:
        scaled /= 10
    while 0 < scaled < 10 ** (DIGITS_MAX - 1):
        scaled *= 10
    return scaled.denominator == 1


def _common_wholes(worked: Recomputation, findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """Find a whole of which all printed shares of a table are right."""
    tables: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        share = worked.plan.figures[finding.name].share_of if finding.check == "share" else None
        if share and finding.kind == "wrong" and not finding.follows:
            tables.setdefault((share[1], finding.period), []).append(finding)
    for (whole, period), wrong in tables.items():
        bounds = list(_wholes(worked, whole, period))
        low = max((one[0] for one in bounds), default=Fraction())
        high = min((one[1] for one in bounds), default=Fraction())
        if len(bounds) >= SHARES_MIN and low < high:
            middle = shown(_plainest(low, high))
            is_now = expression.range_text(worked.value(At(whole, period)))
            for finding in wrong:
                yield finding.at, f"every share is right of {whole} = about {middle}, not {is_now}"


def _wholes(worked: Recomputation, whole: str, period: str) -> Iterator[tuple[Fraction, Fraction]]:
    """Yield, for each printed share of a whole, between what the whole would lie."""
    for figure in worked.plan.figures.values():
        if figure.share_of and figure.share_of[1] == whole and period in figure.printed:
            meant = figure.printed[period].meant.low
            way = worked.derived.ways.get(At(figure.share_of[0], period))
            part = worked.value(At(figure.share_of[0], period)) if way is not None else None
            if part is not None and part.is_point and meant.least > 0:
                yield part.middle / meant.most, part.middle / meant.least


def _plainest(low: Fraction, high: Fraction) -> Fraction:
    """Return the number with the fewest digits between two others."""
    step = Fraction(10) ** len(str(int(high)))
    while True:
        number = -(-low // step) * step
        if number <= high:
            return number
        step /= 10


def _moved(worked: Recomputation, findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """Find two parts of one total of which one has too much by what the other has too little."""
    own = {
        At(finding.name, finding.period): finding.difference.middle
        for finding in findings
        if finding.kind == "wrong" and not finding.follows and finding.difference is not None
    }
    for ways in worked.derived.ways.values():
        for way in ways:
            parts = [At(name.name, name.period) for name in expression.names(way.node)]
            wrong = [part for part in parts if part in own]
            if way.kind == "total" and len(wrong) == PAIR and sum(own[one] for one in wrong) == 0:
                for one, other in (wrong, wrong[::-1]):
                    has = "lacks" if own[one] > 0 else "has too much"
                    lacks = "has too much" if own[one] > 0 else "lacks"
                    yield str(one), f"it {has} the {shown(abs(own[one]))} that {other} {lacks}"
