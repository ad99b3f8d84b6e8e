"""`saasim compare`: what it shows, writes and answers, and a page that holds nothing but itself."""

import json
import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analytics import guard
from analytics.comparison import Comparison, compare
from billing.money import EXACT
from simulator.__main__ import answer
from simulator.page.comparison import Compared, bins, page
from simulator.page.markup import Html, element, join, text
from simulator.page.style import STYLE
from tests.analytics.test_comparison import BOOK, DEARER, FACTS, compared
from tests.simulator import toy

ADDRESSES = {"src", "srcset", "href", "action", "formaction", "data", "poster", "background", "xlink:href"}
HOSTILE = "</td><script>alert(1)</script><img src=//evil.example/x onerror=alert(2)>\u202e"


@pytest.fixture(scope="module")
def dearer(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Seats cost $120 instead of $100; large is called what no customer should be called."""
    facts = FACTS.replace("Large l@", f"'{HOSTILE}' l@")
    return compared(tmp_path_factory.mktemp("dearer"), BOOK, DEARER, facts)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with the runs toy, dearer (its log at other prices) and cheaper."""
    place = tmp_path_factory.mktemp("compare")
    toy.publish(place / "scenario", place / "runs" / "toy")
    prices = (place / "runs" / "toy" / "prices.toml").read_text()
    first = re.search(r"unit_price = (\d+)", prices)
    assert first
    for name, factor in (("dearer", 2), ("cheaper", 0)):
        changed = prices.replace(first[0], f"unit_price = {int(first[1]) * factor}", 1)
        (place / f"{name}.toml").write_text(changed)
        words = ["replay", str(place / "runs" / "toy"), "--prices", str(place / f"{name}.toml")]
        assert not answer([*words, "--out", str(place / "runs" / name), "--json"], debug=False)
    return place


@pytest.fixture
def there(shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Work where the runs are."""
    monkeypatch.chdir(shop)
    capsys.readouterr()
    return shop


class Read(HTMLParser):
    """A page as a browser reads it: its elements, their attributes, and its text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element; it is open until it is closed."""
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self.open.pop() == tag, f"{tag} closes nothing"

    def handle_data(self, data: str) -> None:
        """Note what is to be read."""
        if "style" not in self.open:
            self.words.append(data)


def test_a_terminal_says_what_changed_why_and_for_whom(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The measures, the causes that add up, and the customers with their lines."""
    assert answer(["compare", "toy", "dearer", "--by", "segment,month", "--by", "plan"], debug=False) == 0

    said = capsys.readouterr().out
    for words in (
        "revenue",
        "billed, by segment and month",
        "billed, by plan",
        "together",
        "pay more",
        "price",
    ):
        assert words in said
    measures = [line for line in said.splitlines() if re.match(r"(revenue|billed|committed_mrr) ", line)]
    assert len(measures) == 3
    assert len({len(line) for line in measures}) == 1, "the numbers do not end below each other"


def test_the_same_run_twice_differs_in_nothing(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A against A: every guard holds, and nothing is told of causes or customers."""
    words = [
        "compare",
        "toy",
        "toy",
        "--json",
        "--fail-if",
        "revenue_change < 0",
        "--fail-if",
        "bills_up_10 > 0",
    ]
    assert answer(words, debug=False) == 0

    [told] = json.loads(capsys.readouterr().out, parse_float=Decimal)
    assert {0} == {row["change"] for row in told["totals"] if row["change"] is not None}
    assert {0} >= {row["change"] for row in (*told["customers"], *told["parts"]) if row["change"] is not None}
    assert [] == told["causes"] == told["lines"]
    assert all(one["holds"] for one in told["verdicts"])


def test_several_runs_are_told_one_by_one(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A against B and C as data, with the splits that were asked for."""
    assert answer(["compare", "toy", "dearer", "cheaper", "--by", "cohort", "--json"], debug=False) == 0

    told = json.loads(capsys.readouterr().out, parse_float=Decimal)
    changes = [next(row for row in one["totals"] if row["measure"] == "billed")["change"] for one in told]
    assert changes[0] > 0 > changes[1]
    assert all(one["by"]["cohort"] for one in told)
    assert answer(["compare", "toy", "dearer", "cheaper"], debug=False) == 0
    assert "together" in capsys.readouterr().out


def test_a_broken_guard_ends_with_1_and_names_who_breaks_it(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of guards and a condition of the command line: what fails is told with customers and lines."""
    Path("guards.toml").write_text(
        '[guards]\nno-shock = "max_bill_increase <= 1%"\nrevenue = "revenue_change >= 0"\n'
    )
    words = ["compare", "toy", "dearer", "--guards", "guards.toml", "--fail-if", "revenue_change > 1%"]

    assert answer([*words, "--json"], debug=False) == 1
    [told] = json.loads(capsys.readouterr().out, parse_float=Decimal)
    assert [False, True, False] == [one["holds"] for one in told["verdicts"]]
    assert told["verdicts"][0]["offenders"][0]["lines"]
    assert answer(words, debug=False) == 1
    said = capsys.readouterr().out
    assert "fails  no-shock: max_bill_increase <= 1%" in said
    assert told["verdicts"][0]["offenders"][0]["account"] in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--fail-if", "revnue < 1"], "did you mean 'revenue'"),
        (["--by", "segmnt"], "did you mean 'segment'"),
        (["--guards", "nowhere.toml"], "cannot be read"),
        (["--fail-if", 'billed{segment="nobody"} < 1'], "there is no segment 'nobody'"),
    ],
)
def test_a_mistake_ends_with_2_and_its_remedy(
    there: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be asked is said in a line, and never taken for an answer."""
    assert answer(["compare", "toy", "dearer", *words], debug=False) == 2
    assert says in capsys.readouterr().err


def test_tables_are_written_as_parquet(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every frame is a file; of several comparisons each has a directory of its own."""
    assert answer(["compare", "toy", "dearer", "--parquet", "tables"], debug=False) == 0
    assert answer(["compare", "toy", "dearer", "cheaper", "--parquet", "both"], debug=False) == 0

    capsys.readouterr()
    found = compare("runs/toy", "runs/dearer")
    for name, frame in found.frames().items():
        assert pl.read_parquet(f"tables/{name}.parquet").equals(frame)
        assert pl.read_parquet(f"both/dearer/{name}.parquet").equals(frame)


def test_a_page_needs_nothing_from_anywhere(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One file below a megabyte, without scripts or addresses, that lets in its own style only."""
    for others in (["dearer"], ["dearer", "cheaper"]):
        words = ["compare", "toy", *others, "--html", "page.html", "--fail-if", "revenue_change > 1%"]
        assert answer(words, debug=False) == 1
        capsys.readouterr()
        markup = Path("page.html").read_text("utf-8")
        read = Read(markup)

        assert len(markup) < 1_000_000
        assert not read.open
        assert "://" not in markup
        assert not re.search(r"url\s*\(|@import", markup)
        addresses = [given[name] or "" for _, given in read.tags for name in given if name in ADDRESSES]
        assert all(address.startswith("#") for address in addresses)
        tags = {tag for tag, _ in read.tags}
        assert not tags & {"script", "link", "img", "iframe", "object", "form", "base"}
        assert not any(name.startswith("on") or name == "style" for _, given in read.tags for name in given)
        policy = next(given["content"] for tag, given in read.tags if given.get("http-equiv"))
        assert policy is not None
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert "prefers-color-scheme: dark" in STYLE
        assert "@media print" in STYLE


def test_a_hostile_name_stays_text(dearer: Comparison) -> None:
    """A customer's name is shown letter by letter; what turns the line around is shown as its code."""
    verdict = guard.check(dearer, "max_bill_increase <= 1%")
    read = Read(page([Compared(HOSTILE, dearer, [verdict])], top=5))

    assert "script" not in {tag for tag, _ in read.tags}
    assert "img" not in {tag for tag, _ in read.tags}
    shown = "".join(read.words)
    assert "<script>alert(1)</script>" in shown
    assert "\u202e" not in shown
    assert "\\u202e" in shown


def test_what_a_page_shows_is_what_was_compared(dearer: Comparison) -> None:
    """The measures, every cause, the customers and their lines stand in the text of the page."""
    shown = "".join(Read(page([Compared("A → B", dearer, (), [("segment", "month")])], top=5)).words)

    for words in (
        "$2,420",
        "+$400",
        "+19.8 %",
        "+$440.00",
        "-$36.00",
        "together",
        "pro seats",
        "By segment and month",
    ):
        assert words in shown
    assert "2 pay more, 0 less" in shown


def test_every_changed_bill_is_in_one_bar() -> None:
    """Each change from -100 % to +100 %, and one from nothing, is counted once, also at the bounds."""
    shares = [Decimal(number) / 20 for number in range(-20, 21) if number]
    rows: list[Any] = [(Decimal(100), 100 * (1 + share), 100 * share, share) for share in shares]
    rows += [(Decimal(0), Decimal(5), Decimal(5), None), (Decimal(7), Decimal(7), Decimal(0), Decimal(0))]
    frame = pl.DataFrame(
        rows, schema=dict.fromkeys(("before", "after", "change", "relative"), EXACT), orient="row"
    )
    counts = {label: count for label, count, _ in bins(frame)}

    assert sum(counts.values()) == len(shares) + 1
    assert counts["up from nothing"] == 1
    assert counts["up 0% to 10%"] == 2  # 5 % and 10 %
    assert counts["down 50% or more"] == 11  # -100 %, -95 %, ..., -50 %


def test_markup_escapes_all_but_markup() -> None:
    """Text and attributes are escaped, what is markup already is not; adding to markup makes text of it."""
    assert element("p", "<b>", title='"') == '<p title="&quot;">&lt;b&gt;</p>'
    assert element("p", join([element("b", "x"), text("&")])) == "<p><b>x</b>&amp;</p>"
    assert element("p", Html("<b>x</b>") + "<i>") == "<p>&lt;b&gt;x&lt;/b&gt;&lt;i&gt;</p>"
