"""The plugin of pytest, run in test suites of its own."""

from pathlib import Path

import pytest

from tests.ledgers import record

BOOK = """
name = "Shop"
meters.calls = {}
[plans.team]
name = "Team"
stream = "subscriptions"
prices.seats = { per = "seat", unit_price = 30 }
prices.calls = { meter = "calls", unit_price = 0.01 }
"""
FACTS = """
2026-01-01  acme    account.signed_up     "Acme" hi@acme.example smb web
2026-01-01  acme    subscription.started  acme-1 team seats=3
2026-01-20  acme-1  usage.recorded        calls 900
"""


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    """Give a project with a log, a book in force and a dearer one."""
    record(pytester.path / "shop", FACTS, 1)
    (pytester.path / "prices.toml").write_text(BOOK, "utf-8")
    dearer = 'extends = "prices.toml"\nname = "Dearer"\nplans.team.prices.seats.unit_price = 33\n'
    (pytester.path / "dearer.toml").write_text(dearer, "utf-8")
    pytester.makepyprojecttoml('[tool.pytest]\nsaasim_log = "shop"\nsaasim_prices = "prices.toml"\n')
    return pytester


def outcome(project: pytest.Pytester, text: str, *options: str) -> pytest.RunResult:
    """Run a test file in a project; pytest finds the plugin by its entry point."""
    project.makepyfile(test_shop=text)
    return project.runpytest_inprocess("-p", "no:cacheprovider", *options)


TOTAL = """
def test_total(ledger):
    assert ledger.execute("select sum(amount) from invoice_lines").fetchone()[0] == 99
"""


def test_a_test_without_a_book_runs_under_that_of_the_settings(shop: pytest.Pytester) -> None:
    """3 seats at $30 and 900 calls at $0.01 are $99."""
    outcome(shop, TOTAL).assert_outcomes(passed=1)


def test_a_marked_test_runs_once_under_each_book(shop: pytest.Pytester) -> None:
    """It passes under one and fails under the other, and the books name the two."""
    marked = 'import pytest\npytestmark = pytest.mark.price_books("prices.toml", "dearer.toml")\n' + TOTAL
    found = outcome(shop, marked)

    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines(["*test_total[[]dearer[]]*"])


def test_a_log_may_be_named_by_the_test(shop: pytest.Pytester) -> None:
    """A marker names another log than the settings; one that is not there is said to be missing."""
    record(shop.path / "two", FACTS.replace("calls 900", "calls 1_000"), 1)
    text = 'import pytest\n@pytest.mark.event_log("{}")' + TOTAL.replace("== 99", "== 100")

    outcome(shop, text.format("two")).assert_outcomes(passed=1)
    found = outcome(shop, text.format("three"))
    found.assert_outcomes(errors=1)
    found.stdout.fnmatch_lines(["*holds no log*"])


def test_a_broken_guard_names_customers_and_lines(shop: pytest.Pytester) -> None:
    """The message of the failure says who pays how much more for what."""
    text = """
    def test_bills(compare, guard):
        change = compare("prices.toml", "dearer.toml")
        guard(change, "revenue_change >= 0%", "max_bill_increase <= 10%")
        guard(change, "max_bill_increase <= 5%", "max_bill_increase <= 6%")
    """
    found = outcome(shop, text)

    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*max_bill_increase <= 5%*", "*acme*99.00 -> 108.00*", "*team seats*"])
    found.stdout.fnmatch_lines(["*max_bill_increase <= 6%*"])


def test_a_book_against_itself_changes_nothing(shop: pytest.Pytester) -> None:
    """Every guard of no change holds."""
    text = """
    def test_nothing(compare, guard):
        guard(compare("prices.toml", "prices.toml"), "revenue_delta == 0", "max_bill_increase == 0%")
    """
    outcome(shop, text).assert_outcomes(passed=1)


def test_a_log_is_billed_once_for_all_tests(shop: pytest.Pytester) -> None:
    """Two tests that ask for the same book get the same replay."""
    text = """
    seen = []
    def test_one(replay): seen.append(replay("prices.toml"))
    def test_two(replay, price_book): assert replay(price_book) is seen[0]
    """
    outcome(shop, text).assert_outcomes(passed=2)


def test_a_golden_ledger_is_made_kept_and_renewed(shop: pytest.Pytester) -> None:
    """Without one the test fails; it is made by the option, holds, tells what differs, and is renewed."""
    text = 'def test_golden(replay, golden): golden(replay("{}"), "january")'

    found = outcome(shop, text.format("prices.toml"))
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*no golden ledger 'january'*--update-golden*"])

    outcome(shop, text.format("prices.toml"), "--update-golden").assert_outcomes(passed=1)
    outcome(shop, text.format("prices.toml")).assert_outcomes(passed=1)
    assert sorted(path.name for path in (shop.path / "golden" / "january").iterdir()) == [
        "invoice_lines.csv",
        "payouts.csv",
    ]

    found = outcome(shop, text.format("dearer.toml"))
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*1 changed, +9 in all*", "*team seats*amount 90 → 99*"])

    outcome(shop, text.format("dearer.toml"), "--update-golden").assert_outcomes(passed=1)
    outcome(shop, text.format("dearer.toml")).assert_outcomes(passed=1)


MISTAKES = [  # a test, the option, and what is said about it; every one is said without a trace
    (
        '@pytest.mark.price_books("no.toml")\ndef test_it(ledger): pass',
        "*no.toml: cannot be read (No such file*",
    ),
    ('def test_it(replay): replay("wrong.toml")', "*unit_prise: unknown key; did you mean 'unit_price'?"),
    ("@pytest.mark.price_books()\ndef test_it(ledger): pass", "*test_it: price_books() names no path*"),
    ('@pytest.mark.price_books(["dearer.toml"])\ndef test_it(ledger): pass', "*names no path*"),
    ("@pytest.mark.event_log()\ndef test_it(ledger): pass", "*test_it: event_log() names no path*"),
    (
        '@pytest.mark.price_books("dearer.toml")\ndef test_it(replay): pass',
        "*test_it: is marked with price_books, but asks for neither price_book nor ledger*",
    ),
    (
        'def test_it(compare, guard): guard(compare("prices.toml", "dearer.toml"), "revenu_change > 0")',
        "*there is no measure 'revenu_change'; did you mean 'revenue_change'?",
    ),
    ('def test_it(compare, guard): guard(compare("prices.toml", "dearer.toml"))', "*was given no condition*"),
    (
        'def test_it(ledger, golden): golden(ledger, "x", tables=["invoice"])',
        "*a ledger has no table 'invoice'; did you mean 'invoices'?",
    ),
    ('def test_it(ledger, golden): golden(ledger, "../x")', "*'../x' is no name*"),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES)
def test_a_mistake_in_a_test_is_told_in_a_line(shop: pytest.Pytester, text: str, expected: str) -> None:
    """What would do nothing fails, and no failure shows how saasim works inside."""
    wrong = 'extends = "prices.toml"\nname = "Wrong"\nplans.team.prices.seats.unit_prise = 33\n'
    (shop.path / "wrong.toml").write_text(wrong, "utf-8")
    found = outcome(shop, f"import pytest\n{text}")

    assert pytest.ExitCode.OK != found.ret
    found.stdout.fnmatch_lines([expected])
    assert "Traceback" not in str(found.stdout)
    assert "plugin.py" not in str(found.stdout)


def test_a_marker_of_a_file_leaves_tests_without_a_book_alone(shop: pytest.Pytester) -> None:
    """A file may hold tests of prices, and others."""
    text = 'import pytest\npytestmark = pytest.mark.price_books("prices.toml")\n'
    outcome(shop, f"{text}def test_one(price_book): pass\ndef test_two(): pass").assert_outcomes(passed=2)


def test_a_golden_ledger_is_not_kept_twice(shop: pytest.Pytester) -> None:
    """Two books under one name would renew each other's ledger for ever; the second is told so."""
    text = 'import pytest\n@pytest.mark.price_books("prices.toml", "dearer.toml")\n'
    text += 'def test_golden(ledger, golden): golden(ledger, "january")'
    found = outcome(shop, text, "--update-golden")

    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines(["*golden ledger 'january': is kept twice, with other invoice_lines*"])


@pytest.mark.parametrize(("name", "asks"), [("saasim_prices", "price_book"), ("saasim_log", "event_log")])
def test_what_is_not_set_is_asked_for(pytester: pytest.Pytester, name: str, asks: str) -> None:
    """A fixture without a book or a log says how to name one."""
    found = outcome(pytester, f"def test_it({asks}): pass")

    found.assert_outcomes(errors=1)
    found.stdout.fnmatch_lines([f"*or set {name}*"])


def test_the_plugin_imports_no_engine_by_itself() -> None:
    """Test suites that do not use it pay nothing for it."""
    text = (Path(__file__).parents[2] / "simulator" / "testing" / "plugin.py").read_text("utf-8")
    head = text[: text.index("if TYPE_CHECKING")]

    assert "polars" not in head
    assert "duckdb" not in head
