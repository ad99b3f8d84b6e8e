"""The page of a report in a browser: drawn whole, asking nothing of anybody, of use to everybody."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from pypdf import PdfReader

from simulator import chart
from simulator.page.style import COLOURS
from tests.simulator.report import company
from tests.simulator.report.conftest import Opened
from tests.simulator.report.reader import Reader

WIDTHS = (390, 820, 1440)


@pytest.mark.parametrize("page", ["alone", "beside"])
def test_every_chart_is_drawn(page: str, opened: Opened, request: pytest.FixtureRequest) -> None:
    """Each chart of the file is a picture with marks in it, as wide as its place."""
    path = request.getfixturevalue(page)
    shown = opened(path)
    drawn = shown.evaluate("""() => [...document.querySelectorAll('.plot')].map(place => ({
        id: place.id, theme: place.dataset.drawn, wide: place.clientWidth,
        picture: place.querySelector('svg')?.getBoundingClientRect().width ?? 0,
        marks: [...place.querySelectorAll('.role-mark path, .role-mark text, .role-mark rect')]
            .filter(mark => mark.getBBox().width + mark.getBBox().height > 0).length}))""")
    specs = Reader(path.read_text("utf-8")).data("spec")

    assert len(drawn) == len(specs) > 5
    for one in drawn:
        assert one["theme"] == "light"
        assert one["marks"] > 0, one
        assert one["wide"] * 0.95 <= one["picture"] <= one["wide"] + 1, one


def test_the_rows_behind_a_chart_are_those_of_the_ledger(place: Path, alone: Path, opened: Opened) -> None:
    """Opened, the data of each chart is the table that its question answers, cell by cell."""
    shown = opened(alone)
    with company.subjects(place / "runs" / "toy") as [subject]:
        for figure in shown.locator("figure").all():
            one = chart.CHARTS[figure.get_attribute("data-chart") or ""]
            heads, rows = chart.table(chart.frame(subject.ledger, one), one, subject.currency)
            figure.locator("details.data summary").click()
            figure.locator("details.data table").wait_for()
            cells = figure.locator("details.data table").evaluate(
                "table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))"
            )
            assert cells == [heads, *rows], one.name


def test_colours_follow_the_system_and_the_reader(alone: Path, opened: Opened) -> None:
    """Dark by the system; the button turns page and charts to light, and a reload keeps the choice."""
    shown = opened(alone, scheme="dark")

    def ground() -> str:
        return str(shown.evaluate("getComputedStyle(document.body).backgroundColor"))

    def themes() -> set[str]:
        return set(shown.evaluate("[...document.querySelectorAll('.plot')].map(one => one.dataset.drawn)"))

    dark, light = (rgb(COLOURS["paper"][side]) for side in (1, 0))
    assert (ground(), themes()) == (dark, {"dark"})
    shown.locator("#theme").click()
    shown.wait_for_function("!document.querySelector('.plot[data-drawn=dark]')")
    assert (ground(), themes()) == (light, {"light"})
    assert shown.locator("#theme").get_attribute("aria-label") == "Show in dark colours"
    shown.reload()
    assert ground() == light


def rgb(colour: str) -> str:
    """Write a colour as a browser does."""
    return f"rgb({', '.join(str(int(colour[n : n + 2], 16)) for n in (1, 3, 5))})"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", ["alone", "beside"])
def test_a_page_fits_its_window(
    page: str, width: int, opened: Opened, request: pytest.FixtureRequest
) -> None:
    """On a phone, a tablet and a screen nothing is wider than the window but what scrolls by itself."""
    shown = opened(request.getfixturevalue(page), width=width)
    shown.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    shown.wait_for_timeout(100)

    assert shown.evaluate("document.documentElement.scrollWidth") == width
    beyond = shown.evaluate("""() => [...document.querySelectorAll('main *, header *')].filter(one => {
        const box = one.getBoundingClientRect();
        return box.width && box.right > innerWidth + 1 && !one.closest('.scroll, pre, .plot, .heard');
    }).map(one => one.outerHTML.slice(0, 120))""")
    assert beyond == []
    small = shown.evaluate("""() => [...document.querySelectorAll('.tool, nav a, summary')].filter(one => {
        const box = one.getBoundingClientRect();
        return box.height && box.height < 24;
    }).map(one => one.outerHTML.slice(0, 120))""")
    assert small == [], "too small for a finger"


def test_the_keyboard_reaches_everything(alone: Path, opened: Opened) -> None:
    """The first stop skips to the figures; a figure's button says its meaning, and opens its panel."""
    shown = opened(alone)
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.className") == "skip"
    assert shown.locator(".skip").bounding_box()["y"] >= 0  # type: ignore[index]
    shown.keyboard.press("Enter")
    assert shown.evaluate("document.activeElement.id") == "main"
    shown.keyboard.press("Tab")
    button = shown.locator("button.why").first
    assert button.evaluate("one => one === document.activeElement")
    tip = shown.locator(f"#{button.get_attribute('aria-describedby')}")
    assert tip.is_visible()
    shown.keyboard.press("Enter")
    panel = shown.locator(f"#{button.get_attribute('popovertarget')}")
    assert panel.is_visible()
    assert "saasim sql" in panel.inner_text()
    shown.keyboard.press("Escape")
    assert not panel.is_visible()
    assert button.evaluate("one => one === document.activeElement"), "the focus comes back"


def test_a_reader_of_the_screen_hears_names(alone: Path, opened: Opened) -> None:
    """Every button, link, picture and region that can be focused has a name; there are landmarks."""
    shown = opened(alone)
    for role in ("banner", "main", "navigation", "contentinfo"):
        assert shown.get_by_role(role).count() == 1, role
    nameless = shown.evaluate("""() => {
        const named = one => (one.getAttribute('aria-label') || one.textContent).trim()
            || (one.getAttribute('aria-labelledby') || '').split(' ')
                .map(id => document.getElementById(id)?.textContent ?? '').join('').trim();
        return [...document.querySelectorAll('button, a, summary, [role], [tabindex="0"], main > section')]
            .filter(one => !one.closest('[aria-hidden=true]') && !named(one))
            .map(one => one.outerHTML.slice(0, 100));
    }""")
    assert nameless == []
    pictures = shown.get_by_role("img")
    assert pictures.count() == shown.locator(".plot").count()
    for picture in pictures.all():
        said = picture.get_attribute("aria-describedby")
        assert len(shown.locator(f"#{said}").inner_text()) > 20


def test_pointing_at_a_chart_says_the_value(alone: Path, opened: Opened) -> None:
    """What is under the pointer is said in words, as text; it goes when the pointer goes."""
    shown = opened(alone)
    marks = shown.locator("#chart-mrr_movements .role-mark path")
    sized = [mark for mark in marks.all() if (mark.bounding_box() or {"height": 0})["height"] > 4]
    sized[-1].hover(force=True)
    shown.wait_for_selector("#pointed:not([hidden])")

    assert "$" in shown.locator("#pointed").inner_text()
    shown.mouse.move(2, 2)
    shown.wait_for_selector("#pointed", state="hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paper_gets_all_of_it_in_light(scheme: str, alone: Path, opened: Opened) -> None:
    """Printed, also from a dark screen: every title and chart, in light, without what only a screen needs."""
    shown = opened(alone, scheme=scheme)
    printed = shown.pdf(prefer_css_page_size=True, print_background=True)
    pages = PdfReader(BytesIO(printed)).pages
    words = " ".join(" ".join(page.extract_text() for page in pages).split())
    titles = [text.strip() for text in shown.locator("figcaption h3").evaluate_all(
        "all => all.map(one => one.firstChild.textContent)")]  # fmt: skip

    assert len(pages) >= 2
    assert not [title for title in titles if title not in words]
    assert "Print" not in words
    shown.emulate_media(media="print")
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == rgb(COLOURS["paper"][0])
    assert not shown.locator("nav").is_visible()


def test_before_paper_charts_turn_light_at_once(alone: Path, opened: Opened) -> None:
    """A dark page is light when `beforeprint` returns, and dark again after: a printer does not wait."""
    shown = opened(alone, scheme="dark")

    def themes(event: str) -> Any:
        return shown.evaluate(f"""() => {{
            window.dispatchEvent(new Event('{event}'));
            return [...new Set([...document.querySelectorAll('.plot')].map(one => one.dataset.drawn))];
        }}""")

    assert themes("beforeprint") == ["light"]
    assert themes("afterprint") == ["dark"]


def test_names_that_want_to_be_code_stay_names(alone: Path, opened: Opened) -> None:
    """Nothing that a customer or a company is called is run, drawn or fetched, wherever it is shown."""
    shown = opened(alone)
    shown.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")

    assert shown.evaluate("window.hacked") is None
    assert shown.locator("img").count() == 0
    assert "onerror=window.hacked=1" in shown.locator("h1").inner_text()
    assert "onerror=window.hacked=1" in shown.locator("#table-movers").inner_text()


def test_text_never_becomes_code(browser: Browser, alone: Path) -> None:
    """The policy holds in the browser: neither text as code nor a script or style that comes later is run."""
    shown = browser.new_page()
    shown.goto(alone.as_uri())
    heard: list[str] = []
    shown.on("console", lambda message: heard.append(message.text))
    shown.evaluate("""() => {
        setTimeout('window.ran = 1', 0);
        const script = document.createElement('script');
        script.textContent = 'window.ran = 2';
        const style = document.createElement('style');
        style.textContent = 'body { display: none }';
        document.body.append(script, style);
    }""")
    shown.wait_for_timeout(100)

    assert shown.evaluate("window.ran") is None
    assert shown.locator("h1").is_visible()
    assert len([one for one in heard if "Content Security Policy" in one]) == 3
    shown.close()


def test_without_scripts_figures_and_tables_are_there(browser: Browser, alone: Path) -> None:
    """Where scripts are off the page says so; tiles, words, tables and panels are still there."""
    shown = browser.new_page(java_script_enabled=False)
    shown.goto(alone.as_uri())

    assert shown.locator("noscript p").first.is_visible()
    assert shown.locator(".tile .value").first.inner_text()
    assert shown.locator("#table-movers table").is_visible()
    button = shown.locator("button.why").first
    button.click()
    assert shown.locator(f"#{button.get_attribute('popovertarget')}").is_visible()
    assert not shown.locator("#theme").is_visible()
    shown.close()


def test_the_section_that_is_read_is_marked(alone: Path, opened: Opened) -> None:
    """The contents say where the reader is, and a link of it goes there."""
    shown = opened(alone)
    shown.locator("nav a", has_text="How this was made").click()
    shown.wait_for_selector("nav a[aria-current]:has-text('How this was made')")

    assert shown.locator("nav a[aria-current]").count() == 1
    assert json.loads(shown.evaluate("JSON.stringify(location.hash)")) == "#made-by"
