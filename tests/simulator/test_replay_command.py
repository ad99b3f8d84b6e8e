"""`saasim replay`: several books, policies of a change, logs that are no runs, and what the files share."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from analytics.comparison import compare
from billing import replay
from billing.ledger import connect, digests
from metering.document import Problems
from simulator import failure
from simulator.__main__ import answer
from tests.simulator import toy

CHEAP, DEAR = "unit_price = 30,", "unit_price = 36,"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with a run of the toy, two other price books, and its log alone."""
    place = tmp_path_factory.mktemp("replay")
    toy.publish(place / "scenario", place / "runs" / "toy")
    (place / "dear.toml").write_text(toy.PRICES.replace(CHEAP, DEAR, 1))
    (place / "dearer.toml").write_text(toy.PRICES.replace(CHEAP, "unit_price = 60,", 1))
    shutil.copytree(place / "runs" / "toy" / "log", place / "logs" / "bare" / "log")
    return place


@pytest.fixture
def there(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work there."""
    monkeypatch.chdir(place)
    return place


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what a command line prints that succeeds."""
    code = answer(list(words))
    shown = capsys.readouterr()
    assert code == 0, shown.err
    return shown.out


def tables(run: Path) -> dict[str, str]:
    """Return the digest of every table of a run."""
    with connect(run / "ledger.duckdb") as ledger:
        return digests(ledger)


def seats(run: Path) -> dict[str, str]:
    """Return what the five seats of acme cost in each month of a run."""
    with connect(run / "ledger.duckdb") as ledger:
        rows = ledger.execute("""
            select strftime(month, '%Y-%m'), sum(amount)::varchar from invoice_lines
            where account = 'acme' and price = 'seats' group by 1 order by 1
        """).fetchall()
    return dict(rows)


def test_each_of_several_books_is_a_run_and_all_stand_side_by_side(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runs are named after the books, are what each book alone gives, and share the log's blocks."""
    out = tmp_path / "what-if"
    books = ("--prices", "dear.toml", "--prices", "dearer.toml")
    shown = said(capsys, "replay", "toy", *books, "--out", str(out))
    said(capsys, "replay", "toy", "--prices", "dearer.toml", "--out", str(tmp_path / "alone"))

    assert "what-if-dear" in shown
    assert "what-if-dearer" in shown
    assert "committed MRR" in shown
    heads = next(line.split() for line in shown.splitlines() if "what-if-dear" in line)
    assert ["toy", "what-if-dear", "what-if-dearer"] == heads, "the run as it is comes first"
    assert f"saasim compare runs/toy {out}-dear {out}-dearer" in shown
    assert tables(tmp_path / "alone") == tables(tmp_path / "what-if-dearer")
    assert "180.0000" == seats(tmp_path / "what-if-dear")["2026-03"]
    assert "300.0000" == seats(tmp_path / "what-if-dearer")["2026-03"]
    block = Path("log") / "usage" / "2026-01.parquet"
    assert (there / "runs" / "toy" / block).samefile(tmp_path / "what-if-dear" / block)
    assert 0 == answer(["verify", str(tmp_path / "what-if-dearer")])


def test_a_log_that_grows_grows_alone(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only blocks, which never change, are shared: the chain is a file of its own."""
    said(capsys, "replay", "toy", "--prices", "dear.toml", "--out", str(tmp_path / "dear"))

    assert not (there / "runs/toy/log/chain.jsonl").samefile(tmp_path / "dear" / "log" / "chain.jsonl")


def test_a_change_holds_from_its_month_on_and_the_book_before_is_kept(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Acme has 5 seats in March: 150 before the change, 180 after; the run says what was before."""
    out = tmp_path / "march"
    words = ("--prices", "dear.toml", "--policy", "now", "--from", "2026-03", "--out", str(out))
    told = json.loads(said(capsys, "replay", "toy", *words, "--json"))

    assert {"policy": "now", "from": "2026-03"}.items() <= told["manifest"]["transition"].items()
    assert CHEAP in (out / "before.toml").read_text()
    assert DEAR in (out / "prices.toml").read_text()
    was, now = seats(there / "runs" / "toy"), seats(out)
    assert was["2026-02"] == now["2026-02"]
    assert ("150.0000", "180.0000") == (was["2026-03"], now["2026-03"])


def test_a_cohort_is_asked_of_the_ledger(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the accounts that the question gives come to the new book; a log alone has a ledger as well."""
    question = "select account from accounts where account = 'acme'"
    how = ("--policy", "cohort", "--cohort", question, "--from", "2026-02")
    told = json.loads(
        said(capsys, "replay", "toy", "--prices", "dear.toml", *how, "--out", str(tmp_path / "a"), "--json")
    )
    base = ("--base", "scenario/prices.toml")
    said(capsys, "replay", "logs/bare", "--prices", "dear.toml", *how, *base, "--out", str(tmp_path / "b"))

    assert 1 == told["manifest"]["transition"]["accounts"]
    assert tables(tmp_path / "a") == tables(tmp_path / "b")
    assert "180.0000" == seats(tmp_path / "a")["2026-03"]


def test_a_log_alone_is_billed_like_the_run_it_comes_from(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A directory with a log and nothing else is enough."""
    out = tmp_path / "bare"
    said(capsys, "replay", "logs/bare", "--prices", "scenario/prices.toml", "--out", str(out))

    assert tables(there / "runs" / "toy") == tables(out)


def test_the_library_bills_what_the_command_bills(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`from billing import replay` gives the ledger that the verb publishes."""
    said(capsys, "replay", "toy", "--prices", "dear.toml", "--out", str(tmp_path / "dear"))

    assert tables(tmp_path / "dear") == digests(replay("runs/toy", "dear.toml").connection)


@pytest.mark.parametrize(
    "words",
    [
        ("--accounts", "chip, chip", "--accounts", "acme"),
        ("--accounts", "chosen.txt"),
        ("--accounts", "acme,bolt,chip", "--where", "account <> 'bolt'"),
    ],
)
def test_some_accounts_are_billed_alone(
    words: Sequence[str], there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """However they are named: the run has their lines and events, says so, and holds every invariant."""
    (there / "chosen.txt").write_text("# those who buy\nacme\n\nchip  # devices\n", "utf-8")
    out = tmp_path / "some"
    told = json.loads(
        said(capsys, "replay", "toy", "--prices", "dear.toml", *words, "--out", str(out), "--json")
    )
    alone, library = (
        connect(out / "ledger.duckdb"),
        replay("runs/toy", "dear.toml", accounts=["acme", "chip"]),
    )

    assert {"count": 2, "of": 4}.items() <= told["manifest"]["accounts"].items()
    assert ["acme", "chip"] == (out / "log" / "accounts.txt").read_text().split()
    for name in ("invoice_lines", "invoices", "payouts", "mrr_balances", "postings"):
        rows = f'from "{name}" order by all'
        assert alone.sql(rows).fetchall() == library.connection.sql(rows).fetchall(), name
    alone.close()
    assert 0 == answer(["verify", str(out)])
    assert not (out / "scenario.toml").exists(), "its targets are those of the whole company"


def test_a_part_is_compared_with_the_same_part_of_the_whole(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Against its own book all is zero; against another the change is what these accounts have of it."""
    for name, prices in (("same", "scenario/prices.toml"), ("dear", "dear.toml")):
        said(capsys, "replay", "toy", "--prices", prices, "--accounts", "acme", "--out", str(tmp_path / name))
    said(capsys, "replay", "toy", "--prices", "dear.toml", "--out", str(tmp_path / "all"))
    same, dear, whole = (compare("runs/toy", tmp_path / name) for name in ("same", "dear", "all"))

    assert {0, None} == set(same.totals["change"])
    assert 0 == len(same.causes)
    assert same.is_of_one_log
    assert dear.customers.equals(whole.customers.filter(pl.col("account") == "acme"))
    assert (
        dear.causes_by("account")
        .filter(pl.col("account") == "acme")
        .equals(whole.causes_by("account").filter(pl.col("account") == "acme"))
    )
    assert {"gross_margin"} <= set(dear.totals.filter(pl.col("after").is_null())["measure"])
    assert ["acme"] == dear.to_dict()["accounts"]
    assert "of 1 account, as if there were no others" in said(
        capsys, "compare", "toy", str(tmp_path / "dear")
    )


def test_parts_of_other_accounts_are_compared_where_they_meet(there: Path, tmp_path: Path) -> None:
    """What both have is compared; nothing in common, or a ledger without its log, cannot be."""
    for name, accounts in (("ab", "acme,bolt"), ("bc", "bolt,chip"), ("c", "chip")):
        words = ["--prices", "dear.toml", "--accounts", accounts, "--out", str(tmp_path / name)]
        assert 0 == answer(["replay", "toy", *words])

    assert {"bolt"} == set(compare(tmp_path / "ab", tmp_path / "bc").customers["account"])
    with pytest.raises(Problems, match="no account in common"):
        compare(tmp_path / "ab", tmp_path / "c")
    with pytest.raises(Problems, match="is of other accounts than what it is compared with"):
        compare(replay("runs/toy"), tmp_path / "c")


def test_a_part_stays_one(there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A replay of some accounts that is replayed is of these accounts still, from the shell and in Python."""
    said(capsys, "replay", "toy", "--prices", "dear.toml", "--accounts", "acme", "--out", str(tmp_path / "a"))
    again = ("replay", str(tmp_path / "a"), "--prices", "dearer.toml", "--out", str(tmp_path / "b"), "--json")
    told = json.loads(said(capsys, *again))

    assert {"count": 1, "of": 4} == told["manifest"]["accounts"]
    assert compare(tmp_path / "a", tmp_path / "b").before.part == frozenset({"acme"})
    assert replay(tmp_path / "a").accounts == frozenset({"acme"})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--accounts", "acne,bolt"], "--accounts acne: runs/toy has no such account; did you mean 'acme'?"),
        (["--accounts", ","], "--accounts: leaves no account"),
        (["--where", "segment = 'none'"], "--where: leaves no account"),
        (["--where", "nothing = 1"], "--where"),
        (["--where", "true; drop table accounts"], "--where"),
        (["--where", "account in (select content from read_text('dear.toml'))"], "--where"),
        (["--accounts", "acme", "--where", "account = 'bolt'"], "leaves no account"),
        (["--policy", "later"], "there is no policy 'later'"),
        (["--policy", "now", "--from", "July"], "'July' is no month; write it like 2026-07"),
        (["--policy", "now", "--from", "2027-01"], "the log ends with 2026-04"),
        (["--policy", "phased"], "needs --phase-months"),
        (["--policy", "now", "--phase-months", "3"], "goes with --policy phased"),
        (["--policy", "cohort"], "needs --cohort"),
        (["--policy", "cohort", "--cohort", "select 1"], "'1' is no account"),
        (["--policy", "cohort", "--cohort", "select nothing"], "--cohort"),
        (["--policy", "cohort", "--cohort", "drop table accounts"], "give one select statement"),
        (["--policy", "cohort", "--cohort", "select account, kind from accounts"], "gives 2 columns"),
        (["--policy", "cohort", "--cohort", "select account from accounts where false"], "gives no account"),
        (["--policy", "cohort", "--cohort", "from read_text('scenario/prices.toml')"], "--cohort"),
        (["--prices", "scenario/../dear.toml"], "two books are called dear"),
    ],
)
def test_a_change_that_cannot_be_is_the_users_mistake(
    words: Sequence[str], message: str, there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 2 and says what to do; nothing is published, and the question reads no files."""
    code = answer(["replay", "toy", "--prices", "dear.toml", "--out", str(tmp_path / "x"), *words])

    assert failure.MISTAKE == code
    assert message in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def test_a_log_alone_needs_the_book_before(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An imported log has no prices of its own, so a policy has to name them."""
    words = ["replay", "logs/bare", "--prices", "dear.toml", "--policy", "new", "--out", str(tmp_path / "x")]

    assert failure.MISTAKE == answer(words)
    assert "name them: --base FILE" in capsys.readouterr().err
