"""Themes: colours that everybody can tell apart, in light and in dark."""

import re
from itertools import combinations, pairwise

import pytest

pytest.importorskip("altair", reason="charts take the extra `report`")

from simulator.chart.theme import DARK, LIGHT, Theme, colours, swap

THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)

# How people see who lack one kind of cone: the matrices of Machado and others (2009), severity 1.
VISION = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)
    ),
    "no green": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)
    ),
    "no blue": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)
    ),
}  # fmt: skip
APART = {"usual": 12.0, "no red": 9.0, "no green": 9.0, "no blue": 5.0}
"""How far apart two series must be in Oklab × 100; 2 can just be told apart side by side."""

TO_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)  # fmt: skip
TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)  # fmt: skip

Triple = tuple[float, ...]


def linear(colour: str) -> Triple:
    """Return the light of a colour, channel by channel."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def times(matrix: tuple[Triple, ...], values: Triple) -> Triple:
    """Multiply a matrix with a column."""
    return tuple(sum(a * b for a, b in zip(row, values, strict=True)) for row in matrix)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG 2 defines it."""
    light = sorted(times(((0.2126, 0.7152, 0.0722),), linear(colour))[0] for colour in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def seen(colour: str, vision: str) -> Triple:
    """Return where a colour lies for somebody's eyes."""
    light = tuple(min(max(part, 0.0), 1.0) for part in times(VISION[vision], linear(colour)))
    return times(TO_LAB, tuple(part ** (1 / 3) for part in times(TO_CONES, light)))


def distance(one: str, other: str, vision: str) -> float:
    """Return how far apart two colours are for somebody's eyes."""
    pairs = zip(seen(one, vision), seen(other, vision), strict=True)
    apart: float = sum((a - b) ** 2 for a, b in pairs) ** 0.5
    return 100 * apart


def test_black_on_white_has_the_contrast_that_is_known() -> None:
    """21 : 1, by the definition; and nobody tells a colour from itself."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert distance("#c58400", "#c58400", "no red") == 0


@THEMES
@pytest.mark.parametrize("vision", VISION)
def test_any_two_series_can_be_told_apart(theme: Theme, vision: str) -> None:
    """Whoever looks: the colours of two series never come close."""
    near = [
        (one, other, distance(one, other, vision))
        for one, other in combinations(theme.series, 2)
        if distance(one, other, vision) < APART[vision]
    ]

    assert not near


@THEMES
def test_marks_stand_out_from_the_paper_and_words_can_be_read(theme: Theme) -> None:
    """3 : 1 for what is drawn, 4.5 : 1 for what is written: WCAG's AA."""
    assert not [colour for colour in (*theme.series, theme.other) if contrast(colour, theme.paper) < 3]
    written = (*theme.words, theme.ink, theme.dim)
    assert not [colour for colour in written if contrast(colour, theme.paper) < 4.5]
    assert not [theme.word_of(colour) for colour in theme.series if theme.word_of(colour) not in theme.words]


@THEMES
def test_more_is_more_contrast(theme: Theme) -> None:
    """Along the ramp each step stands out more from the paper; the diverging scale does so to both sides."""
    ramp = [contrast(colour, theme.paper) for colour in theme.ramp]
    assert all(a < b for a, b in pairwise(ramp))
    low, lower, middle, higher, high = (contrast(colour, theme.paper) for colour in theme.diverging)
    assert low > lower > middle < higher < high
    assert contrast(theme.unripe, theme.paper) < 1.3, "what has not happened yet recedes"


def test_each_light_colour_becomes_one_dark_colour() -> None:
    """Lower-case hex, each of one name only, so that swapping is a matter of text."""
    light = colours(LIGHT)

    assert len(light) == len(set(light)) == len(swap())
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in light + colours(DARK))
    assert [swap()[colour] for colour in light] == colours(DARK)
