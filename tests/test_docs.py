"""The documentation as a test: what it shows runs, what it names exists, and what exists is named."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analytics.metrics import METRICS
from billing import price_book
from billing.pricing import PRICE_MODELS
from billing.schema import TABLES
from billing.views import VIEWS
from metering.document import validate
from metering.event import EVENTS
from simulator import query
from simulator.agents import AGENTS
from simulator.scenario import Scenario
from tests.reference import REGIONS, meanings
from tests.reference import price_book as price_book_page
from tests.reference.commands import verbs
from tests.reference.page import DOCS, ROOT, Block, blocks, blocks_of, generated, pages, regions_of
from tests.reference.session import Session, commands, matches

REFRESH = "run: python -m tests.reference --write"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CALL = re.compile(r"\b([a-z_]+)\(")
PLACES = re.compile(r"(?<![\w.])/(?:home|root|tmp|work|usr|var)/")
"""Directories of somebody's machine."""

CALLED_SOMEWHERE = {"range", "assert", "print"}

NAMED = {
    "events.md": [f"### `{name}`" for name in EVENTS],
    "price-book.md": [f"| `{name}` |" for name in PRICE_MODELS],
    "ledger.md": [f"### `{name}`" for name in (*TABLES, *VIEWS)],
    "metrics.md": [f"`{name}`" for name in METRICS],
    "cli.md": [f"## saasim {name}" for name in verbs()],
    "scenario.md": [f"`[agents.{name}" for name in AGENTS],
}
"""What each reference page has to name, as it names it."""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Give a directory in which the commands of the pages run."""
    with Session(tmp_path_factory.mktemp("docs")) as session:
        yield session


@pytest.fixture(scope="module")
def tiny(session: Session) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give the ledger of a run of the tiny company, as the console opens it."""
    session.run("saasim run tiny")
    connection = query.connect(session.directory / "runs" / "tiny")
    yield connection
    connection.close()


def by_place(found: Iterable[Block]) -> list[Any]:
    """Name each block's test by the block's place."""
    return [pytest.param(block, id=block.place) for block in found]


def by_name(paths: Iterable[Path]) -> list[Any]:
    """Name each page's test by the page."""
    return [pytest.param(path, id=f"{path.relative_to(ROOT)}") for path in paths]


@pytest.mark.parametrize("page", by_name(page for page in pages() if regions_of(page)))
def test_the_generated_parts_of_a_page_are_those_of_the_code(page: Path) -> None:
    """A change of the code that a page describes changes the page."""
    assert generated(page, REGIONS) == page.read_text("utf-8"), REFRESH


def test_every_generated_part_stands_in_one_place() -> None:
    """No part is made for nobody, or shown twice."""
    assert sorted(REGIONS) == sorted(name for page in pages() for name in regions_of(page))


@pytest.mark.parametrize("page", NAMED)
def test_a_reference_page_names_everything(page: str) -> None:
    """Each event, price model, table, view, metric, verb and agent has its place."""
    text = (DOCS / "reference" / page).read_text("utf-8")

    assert [] == [name for name in NAMED[page] if name not in text]


def test_every_key_of_a_price_book_has_a_meaning() -> None:
    """No key is left to be guessed, and no meaning is left of a key that went away."""
    parts = price_book_page.PARTS.values()
    fields = [f"{own.__name__}.{name}" for own, also in parts for name in price_book_page.names(own, also)]

    assert sorted(fields) == sorted(meanings.PRICE_BOOK)


@pytest.mark.parametrize("column", ["ledger_account", "kind"])
def test_the_ledger_page_explains_every_account_and_kind_of_entry(column: str) -> None:
    """The words in the comments of the journal's columns are those of the table of accounts."""
    model = TABLES["postings" if column == "ledger_account" else "entries"]
    words = re.findall(r"[a-z_]+", (model.model_fields[column].description or "").replace(" or ", " "))
    accounts = (DOCS / "reference" / "ledger.md").read_text("utf-8")
    accounts = accounts[accounts.index("## Ledger accounts") : accounts.index("## Tables")]

    assert [] == [word for word in words if word not in accounts]


@pytest.mark.parametrize("block", by_place(block for block in blocks("toml") if not block.file))
def test_toml_in_a_page_loads(block: Block) -> None:
    """A block says in its first line what it is: a whole file, or what is added to a price book."""
    head = block.text.partition("\n")[0]
    added = re.fullmatch(r"# added to (fixtures/\w+/prices\.toml)", head)

    if added:
        whole = tomllib.loads((ROOT / added[1]).read_text("utf-8"), parse_float=Decimal)
        validate(
            price_book.PriceBook, merged(whole, tomllib.loads(block.text, parse_float=Decimal)), block.place
        )
    elif head == "# scenario.toml":
        validate(Scenario, tomllib.loads(block.text, parse_float=Decimal), block.place)
    else:
        assert head == "# prices.toml", "say in the first line what the block is"
        price_book.loads(block.text, block.place)


def merged(whole: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Put tables into tables."""
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(whole.get(key), dict)
        whole[key] = merged(whole[key], value) if both else value
    return whole


@pytest.mark.parametrize("block", by_place(blocks("sql")))
def test_sql_in_a_page_runs(block: Block, tiny: duckdb.DuckDBPyConnection) -> None:
    """Every query is answered by the console on the run of the tiny company."""
    for answer in query.answers(tiny, block.text, None):
        assert answer


@pytest.mark.parametrize("page", by_name(page for page in pages() if "```console" in page.read_text("utf-8")))
def test_what_a_page_shows_of_the_command_line_is_what_it_says(page: Path, session: Session) -> None:
    """Every command of a page runs, in its order, and says what the page shows."""
    session.provide(blocks_of(page))
    for block in blocks_of(page):
        for shown in commands(block) if block.language == "console" else ():
            said = session.run(shown.command)

            assert matches(shown.output, said), f"{block.place}: {shown.command}\n{said}\n{REFRESH}"


@pytest.mark.parametrize("block", by_place(block for block in blocks("python") if not block.file))
def test_python_in_a_page_calls_what_exists(block: Block) -> None:
    """A sketch of the code names functions of the code."""
    sources = [path.read_text("utf-8") for layer in ("metering", "billing", "analytics", "simulator")
               for path in (ROOT / layer).rglob("*.py")]  # fmt: skip
    known = {name for text in sources for name in re.findall(r"^\s*(?:def|class) (\w+)", text, re.MULTILINE)}

    assert set() == set(CALL.findall(block.text)) - known - CALLED_SOMEWHERE


def test_pages_name_verbs_of_the_makefile() -> None:
    """Every `make verb` that a page shows is one of the Makefile's."""
    shown = {
        verb for page in pages() for verb in re.findall(r"(?m)(?:`|^)make (\w+)", page.read_text("utf-8"))
    }
    known = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert {"run", "test"} <= shown
    assert set() == shown - {*known}


@pytest.mark.parametrize("page", by_name(pages()))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file there is, and a heading that is in it."""
    broken = []
    for link in LINK.findall(page.read_text("utf-8")):
        if "://" not in link:
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append(link)

    assert [] == broken


def anchors(page: Path) -> list[str]:
    """Return the anchors of a page's headings."""
    heads = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads]


@pytest.mark.parametrize("page", by_name(pages()))
def test_a_page_is_about_no_machine_of_ours(page: Path) -> None:
    """No directory of somebody's machine stands in a page."""
    assert [] == PLACES.findall(page.read_text("utf-8"))


def test_every_page_of_the_documentation_can_be_found() -> None:
    """From the README every page can be reached by links."""
    waiting, seen = [ROOT / "README.md"], set()
    while waiting:
        page = waiting.pop()
        if page.suffix == ".md" and page.exists() and page not in seen:
            seen.add(page)
            links = (link.partition("#")[0] for link in LINK.findall(page.read_text("utf-8")))
            waiting += [(page.parent / link).resolve() for link in links if link and "://" not in link]

    assert [] == sorted(set(DOCS.rglob("*.md")) - seen)
