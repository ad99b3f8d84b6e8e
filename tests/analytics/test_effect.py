"""Effects: mechanical, total and reaction of a price change, from paired companies."""

from decimal import Decimal

import pytest

from analytics.effect import Effect, Trial, effects, variance_removed
from analytics.standing import Place, Standing

REVENUE, NRR = Place("total", "", "revenue"), Place("total", "", "nrr")
PRO = Place("plan", "pro", "revenue")


def trial(seed: int, *numbers: tuple[str | int | None, ...], places: tuple[Place, ...]) -> Trial:
    """Return a trial with (before, replayed, after) for each place; None is no number."""
    books = [
        {
            place: None if one[which] is None else Decimal(str(one[which]))
            for place, one in zip(places, numbers, strict=True)
        }
        for which in range(3)
    ]
    standings: list[Standing] = [{**book} for book in books]
    return Trial(seed, *standings, channels={}, counts={})  # type: ignore[arg-type, misc]


def of(found: list[Effect], place: Place) -> Effect:
    """Return the effect at a place."""
    return next(one for one in found if one.place == place)


def test_the_reaction_is_the_total_less_the_mechanical_effect() -> None:
    """Two companies: +10 and +20 by prices alone, +4 and +6 in all, so -6 and -14 by reaction."""
    found = effects([
        trial(1, (100, 110, 104), places=(REVENUE,)),
        trial(2, (200, 220, 206), places=(REVENUE,)),
    ])  # fmt: skip
    one = of(found, REVENUE)

    assert one.before is not None
    assert one.before.mean == 150
    assert [part.mean for part in (one.mechanical, one.total, one.reaction) if part] == [15, 5, -10]
    assert one.total is not None
    assert one.total.low == pytest.approx(5 - 12.7062, abs=1e-4)  # t x 1.414 / root of 2


def test_pairing_removes_what_both_companies_have_in_common() -> None:
    """Companies of 100, 200, 300 with effects 9, 10, 11: (10,000 + 10,201) / 1."""
    pairs = [(Decimal(100), Decimal(109)), (Decimal(200), Decimal(210)), (Decimal(300), Decimal(311))]

    assert variance_removed([*pairs]) == pytest.approx(10_000 + 101**2)


def test_nothing_is_removed_from_what_does_not_vary() -> None:
    """Where every difference is the same, or there is one, the ratio says nothing."""
    same = [(Decimal(1), Decimal(1)), (Decimal(5), Decimal(5))]

    assert variance_removed([*same]) is None
    assert variance_removed([(Decimal(1), Decimal(2))]) is None


def test_a_plan_that_only_one_book_sells_counts_as_nothing_in_the_other() -> None:
    """Revenue of 50 with a new plan is an effect of 50."""
    before, replayed, after = {REVENUE: Decimal(1)}, {REVENUE: Decimal(1)}, {PRO: Decimal(50)}
    found = effects([Trial(1, before, replayed, after, {}, {})])  # type: ignore[arg-type]

    total = of(found, PRO).total
    assert total is not None
    assert total.mean == 50


def test_a_ratio_without_a_year_is_no_number() -> None:
    """NRR of a company younger than a year has no effect; seeds that have it are those counted."""
    young = effects([trial(1, (None, None, None), places=(NRR,))])
    mixed = effects(
        [trial(1, (None, None, None), places=(NRR,)), trial(2, ("1.1", "1.2", "1.15"), places=(NRR,))]
    )

    assert of(young, NRR).total is None
    total = of(mixed, NRR).total
    assert total is not None
    assert total.mean == pytest.approx(0.05)
    assert total.size == 1
