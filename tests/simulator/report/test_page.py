"""The page of a report as text: it needs nothing and lets in nothing; its figures are the ledger's."""

import base64
import hashlib
import json
import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from analytics.metrics import METRICS
from metering.document import Problems
from simulator import chart, query
from simulator.page.style import COLOURS, style
from simulator.report import amount, tile
from simulator.report.explained import asking, dedented
from simulator.report.figure import island
from simulator.report.listing import LISTINGS
from simulator.report.report import report
from tests.simulator.report import company
from tests.simulator.report.reader import Reader

ADDRESSES = {"src", "srcset", "action", "formaction", "data", "poster", "background", "xlink:href", "ping"}
SIZE_MAX = 3_000_000


@pytest.fixture(scope="module")
def read(alone: Path) -> Reader:
    """Give the page of one run, parsed."""
    return Reader(alone.read_text("utf-8"))


@pytest.mark.parametrize("page", ["alone", "beside"])
def test_a_page_needs_nothing_from_anywhere(page: str, request: pytest.FixtureRequest) -> None:
    """One file below 3 MB; no element has an address outside of it, a style or a handler of its own."""
    markup = request.getfixturevalue(page).read_text("utf-8")
    read = Reader(markup)

    assert len(markup.encode()) < SIZE_MAX
    assert not {"link", "iframe", "object", "form", "base", "img", "embed", "video"} & {
        tag for tag, _ in read.tags
    }
    for tag, given in read.tags:
        assert not ADDRESSES & set(given), (tag, given)
        assert (given.get("href") or "#").startswith("#"), (tag, given)
        assert not any(name.startswith("on") or name == "style" for name in given), (tag, given)
    assert not re.search(r"url\s*\(|@import", read.all("style")[0][1])


@pytest.mark.parametrize("page", ["alone", "beside"])
def test_the_policy_names_each_script_and_style_by_its_hash(
    page: str, request: pytest.FixtureRequest
) -> None:
    """What the Content-Security-Policy lets in is exactly what the file holds; no text may become code."""
    read = Reader(request.getfixturevalue(page).read_text("utf-8"))
    policy = next(given["content"] for tag, given in read.tags if given.get("http-equiv")) or ""
    parts = dict(part.split(" ", 1) for part in policy.split("; "))

    def hashes(tag: str) -> list[str]:
        texts = [text for given, text in read.all(tag) if given.get("type") != "application/json"]
        found = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        return [f"'sha256-{one}'" for one in found]

    assert parts.pop("default-src") == "'none'"
    assert parts.pop("script-src").split() == hashes("script")
    assert parts.pop("style-src").split() == hashes("style")
    assert parts == {"base-uri": "'none'", "form-action": "'none'"}
    assert "unsafe" not in policy


def test_hostile_names_stay_text(read: Reader, alone: Path) -> None:
    """A name that ends a script is read letter by letter; no island of data holds a letter that ends it."""
    words = "".join(read.words)

    assert "</script><img src=x onerror=window.hacked=1>" in words
    assert "\u202e" not in alone.read_text("utf-8")
    for given, text in read.all("script"):
        if given.get("type") == "application/json":
            assert not set(text) & set("<>&\u2028\u2029"), given
            json.loads(text)


@pytest.mark.parametrize("value", ["</script>", "<!--<script>", "\u2028&amp;", '"\\'])
def test_an_island_keeps_what_it_holds(value: str) -> None:
    """Data comes out of the page's JSON as it went in, whatever letters it is made of."""
    _, found, text = island({value: [value]}, "x", kind="spec").partition(">")
    told = text.removesuffix("</script>")

    assert found
    assert "<" not in told
    assert json.loads(told) == {value: [value]}


@pytest.fixture(scope="module")
def answers(place: Path, read: Reader) -> dict[str, list[tuple[Any, ...]]]:
    """Give what the locked console, which a reader has, too, answers to each SQL that the page shows.

    A view of all metrics takes a second, so each is asked once, and its rows stand for it.
    """
    asked = [text.strip() for given, text in read.all("pre") if "SQL" in (given.get("aria-label") or "")]
    with query.connect(place / "runs" / "toy") as console:
        for view in sorted({name for text in asked for name in re.findall(r"\bmetrics_by_\w+", text)}):
            console.execute(f"create temp table {view} as from {view}")
        return {text: console.execute(text).fetchall() for text in asked}


def test_every_tile_shows_what_its_question_answers(
    place: Path, read: Reader, answers: dict[str, list[tuple[Any, ...]]]
) -> None:
    """The SQL behind a tile, asked as `saasim sql` asks it, gives the value of the tile in the last month."""
    with company.subjects(place / "runs" / "toy") as [subject]:
        currency, found = subject.currency, {metric: tile.explained(metric, subject) for metric in METRICS}
    tiles = read.all("li", class_="tile")
    for given, text in tiles:
        metric = given["data-metric"] or ""
        last = answers[found[metric].query.strip()][-1][1]
        assert amount.short(metric, last, currency) in text, metric

    assert len(tiles) > 20


def test_every_question_of_the_page_can_be_asked(answers: dict[str, list[tuple[Any, ...]]]) -> None:
    """Each SQL that a page shows is answered, so a reader can ask it, too."""
    assert sum("from metrics_by_month" in text for text in answers) > 20
    assert len(answers) > 50
    assert dedented(LISTINGS["movers"].sql).strip() in answers


def test_what_is_pressed_opens_something_that_is_there(read: Reader) -> None:
    """Every button opens a panel of the page, every panel has a button, and no two elements share a name."""
    names = [str(given["id"]) for _, given in read.tags if given.get("id")]
    targets = {given["popovertarget"] for tag, given in read.tags if given.get("popovertarget")}
    panels = {given["id"] for tag, given in read.tags if "popover" in given}
    opened = {given["popovertarget"] for given, _ in read.all("button", class_="why")}
    described = {
        one for _, given in read.tags for key in ("aria-describedby", "aria-labelledby")
        for one in (given.get(key) or "").split()
    }  # fmt: skip

    assert sorted(set(names)) == sorted(names)
    assert targets == panels == opened
    assert described <= set(names)
    assert {given["href"] for tag, given in read.tags if tag == "a"} <= {f"#{name}" for name in names}


def test_headings_leave_no_level_out(read: Reader) -> None:
    """One h1; each heading is at most one level below the one before it."""
    levels = [int(tag[1]) for tag, given in read.tags if re.fullmatch(r"h\d", tag)]

    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_chart_without_data_is_left_out(place: Path, read: Reader) -> None:
    """What has rows is a figure, what has none is not, and each figure says its rows in words."""
    with company.subjects(place / "runs" / "toy") as [subject]:
        rows = {name: len(chart.frame(subject.ledger, one)) for name, one in chart.CHARTS.items()}
    figures = [str(given["data-chart"]) for given, _ in read.all("figure")]

    assert sorted(figures) == sorted(name for name, count in rows.items() if count)
    assert 0 in rows.values()
    assert [len(one["rows"]) for one in read.data("rows")] == [rows[name] for name in figures]


def test_the_same_run_gives_the_same_page(place: Path, alone: Path) -> None:
    """Nothing of a page depends on when it is made."""
    with company.subjects(place / "runs" / "toy") as subjects:
        named = [subject._replace(label="toy") for subject in subjects]
        again = report(named)

    assert again == alone.read_text("utf-8")


def test_runs_in_several_currencies_are_refused(place: Path) -> None:
    """Dollars are not set beside euros."""
    with company.subjects(place / "runs" / "toy", place / "runs" / "dearer") as [one, other]:
        told = other.manifest | {"price_book": other.manifest["price_book"] | {"currency": "EUR"}}
        with pytest.raises(Problems, match="toy USD, dearer EUR"):
            report([one, other._replace(manifest=told)])


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_can_be_shown(metric: str) -> None:
    """Each metric of the registry has a title, and its values are written whatever they are."""
    assert re.match(r"[A-Z]", amount.title(metric))
    assert "_" not in amount.title(metric)
    assert amount.short(metric, None, "USD") == "–"
    for value in (0, 1, Decimal("-0.5"), Decimal(1_234_567)):
        shown = amount.short(metric, value, "USD")
        assert " " not in shown, "a figure stays in one line"
        assert "-" not in shown, "a minus is no hyphen"
        assert amount.exact(metric, value, "USD")


@pytest.mark.parametrize(
    ("metric", "before", "after", "said", "kind"),
    [
        ("arr", 100, 150, "▲ +50.0\u202f%", "more"),
        ("arr", 100, 75, "▼ −25.0\u202f%", "less"),
        ("logo_churn", Decimal("0.02"), Decimal("0.03"), "▲ +1.0\u202fpp", "less"),
        ("cac", 200, 100, "▼ −50.0\u202f%", "more"),
        ("ltv_to_cac", 3, 6, "▲ +100.0\u202f%", "more"),
        ("nrr", Decimal("1.1"), Decimal("1.1"), "■ +0.0\u202fpp", "dim"),
        ("deferred_revenue", 10, 20, "▲ +100.0\u202f%", "dim"),
    ],
)
def test_a_change_says_whether_it_is_good(metric: str, before: Any, after: Any, said: str, kind: str) -> None:
    """A rise of churn is bad, a fall of CAC is good, and the arrow says so without the colour."""
    shown = amount.change(metric, before, after)

    assert re.sub("<[^>]*>", "", shown) == said
    assert f'class="{kind}"' in shown


def test_a_command_is_safe_in_a_shell() -> None:
    """Whatever SQL holds, the shell hands it over as it is."""
    assert asking("a b", 'select "$x`\\"') == 'saasim sql \'a b\' "select \\"\\$x\\`\\\\\\""'


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG defines it."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    lit = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * lit[0] + 0.7152 * lit[1] + 0.0722 * lit[2]


def contrast(one: str, other: str) -> float:
    """Return how much two colours stand apart, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "soft"])
@pytest.mark.parametrize(
    ("colour", "least"),
    [("ink", 7), ("dim", 4.5), ("accent", 4.5), ("more", 4.5), ("less", 4.5), ("line", 2.7), ("plain", 3)],
)
def test_words_stand_out(side: int, ground: str, colour: str, least: float) -> None:
    """Words by 4.5 to 1, as WCAG AA asks; the rings of buttons stand out, too."""
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast(COLOURS[colour][side], COLOURS[ground][side]) >= least


def test_a_theme_is_whole() -> None:
    """Light, dark by the system, and dark by choice name the same colours; paper is always light."""
    sheet = style("page", "report")

    for name in COLOURS:
        assert sheet.count(f"--{name}:") == 3, name
    assert "@media screen and (prefers-color-scheme: dark)" in sheet
    used = set(re.findall(r"var\(--([a-z]+)\)", sheet))
    assert used <= set(COLOURS)
