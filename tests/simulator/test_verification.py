"""Verification: a sound run passes every check, and for every check there is a run that fails it."""

import json
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from billing.rule import Refund
from simulator.__main__ import answer
from simulator.verification import CHECKS, Evidence, evidence_of, verify
from tests.simulator import toy

GRANT = """insert into grants values
    ('pack/1', 'pack', 'acme', 'acme-1', 'calls', '2026-01-10', '2027-01-10',"""
DRAWN = "insert into drawdowns values ('pack/1', '2026-03-01', 'acme-1', 2, 'calls', '',"
"""Toy's book gives nothing: what a check of grants has to notice is brought by hand."""

TAMPERED = {
    "facts": ["update events set data = '{}' where position = 0", "delete from events where position = 3"],
    "usage": [
        "update usage set events = events + 1 where meter = 'calls' and month = '2026-02-01'",
        "update usage set quantity = quantity + 1 where meter = 'calls' and month = '2026-02-01'",
        "delete from unrated_usage where reason = 'no_subscription'",
    ],
    "used": [
        "update usage set quantity = quantity + 1 where meter = 'calls' and subscription = 'acme-1'",
        "delete from rated_usage where meter = 'calls'",
        "delete from unrated_usage where reason = 'trial'",
        f"{GRANT} 5, 2, true, '', 0); {DRAWN} 2)",
    ],
    "rated": [
        "update rated_usage set quantity = quantity - 1",
        "update rated_usage set line_no = line_no + 1",
        "delete from rated_usage where meter = 'devices'",
    ],
    "grants": [
        f"{GRANT} 5, 2, false, '', 0)",
        f"{GRANT} 5, 6, false, '', 0); {DRAWN} 6)",
        f"{GRANT} null, 99999999, false, '', 0); {DRAWN} 99999999)",
        f"{GRANT} 5, 2, false, '', 0); {DRAWN} 2); update grants set expires_on = '2026-02-01'",
        f"{GRANT} 5, 2, false, '', 0); {DRAWN} 2); update grants set granted_on = '2026-04-01'",
    ],
    "packs": [f"{GRANT} 5, 2, false, 'INV-2026-03-acme', 1)"],
    "keys": ["insert into accounts select * from accounts limit 1"],
    "parents": [
        "delete from accounts where account = 'acme'",
        "delete from entries where kind = 'cost'",
        "insert into entries select 'X-1', month, booked_on, kind, account from entries limit 1",
        "update payments set invoice = 'INV-9'",
        "update invoice_lines set phase_no = 99",
        f"{DRAWN} 2)",
        f"{GRANT} 5, 2, false, '', 0); {DRAWN} 2); update drawdowns set phase_no = 9",
    ],
    "phases": [
        "update subscription_phases set starts_on = starts_on - 30 where phase_no = 2",
        "update subscription_phases set ends_on = starts_on where phase_no = 1",
        "update subscription_phases set phase_no = phase_no + 1",
    ],
    "adjusted": [
        """insert into adjustments select invoice, line_no, month, kind, 0, quantity, 0, amount + 1
        from invoice_lines limit 1""",
    ],
    "once": [
        "insert into invoice_lines select * replace (line_no + 50 as line_no) from invoice_lines limit 1"
    ],
    "rounding": [
        "update invoice_lines set amount = amount + 0.01 where line_no = 1",
        "update invoice_lines set amount = amount + 0.001, exact = exact + 0.001",
    ],
    "lines": [
        "update invoices set total = total + 0.01 where account = 'acme'",
        "update invoices set line_count = 9 where account = 'acme'",
        "delete from invoice_lines where invoice = 'INV-2026-03-chip'",
        "delete from invoices where invoice = 'INV-2026-03-chip'",
    ],
    "receivable": [
        "update postings set amount = amount - 1 where ledger_account = 'receivable' and amount > 0",
        "delete from invoices where account = 'chip'",
    ],
    "payments": [
        "update payments set amount = amount - 0.01 where kind = 'paid'",
        "insert into payments select * replace ('written_off' as kind) from payments where kind = 'paid'",
    ],
    "open": ["delete from payments where kind = 'paid' and account = 'acme'"],
    "payouts": [
        "update payouts set amount = amount + 0.01",
        "delete from payouts where month = '2026-02-01'",
    ],
    "refunds": [
        """insert into invoice_lines select * replace ('refund' as kind, -0.26 * amount as amount)
        from invoice_lines where price = 'seats' and invoice = 'INV-2026-03-acme'""",
        "update invoice_lines set kind = 'refund', amount = -amount where price = 'seats'",
    ],
    "shares": [
        "update payouts set revenue = 'net'",
        "update postings set ledger_account = 'revenue' where ledger_account = 'partner_share'",
        "delete from postings where ledger_account = 'partner_share'",
    ],
    "payable": ["delete from postings where entry like 'SETTLED-%'"],
    "revenue": [
        "update postings set amount = amount * 2 where ledger_account = 'revenue'",
        "delete from invoice_lines where account = 'chip'",
    ],
    "deferred": [
        "delete from postings where ledger_account = 'deferred_revenue' and amount > 0",
        "update postings set amount = amount / 2 where ledger_account = 'deferred_revenue'",
    ],
    "entries": ["update postings set amount = amount + 0.01 where ledger_account = 'cash'"],
    "trial balance": [
        "delete from postings where ledger_account = 'cash'",
        "update postings set month = '2026-09-01' where ledger_account = 'cash'",
    ],
    "changes": [
        "delete from mrr_changes where kind = 'new'",
        "update mrr_changes set amount = amount + 0.000000000001, list_price = list_price + 0.000000000001",
        "update mrr_changes set list_price = list_price + 1",
        "update mrr_changes set recorded_on = booked_on + 1",
        "update mrr_changes set scheduled = true where kind = 'new'",
        "update mrr_changes set plan = 'another'",
    ],
    "kinds": [
        "update mrr_changes set kind = 'churn' where kind = 'new'",
        "update mrr_changes set kind = 'reactivation' where kind = 'new'",
    ],
    "mrr": [
        "delete from mrr_movements where kind = 'new'",
        "update mrr_balances set amount = amount + 0.000000000001 where month = '2026-03-01'",
        "update mrr_movements set kind = 'churn' where kind = 'expansion'",
    ],
    "counts": [
        "insert into unrated_usage select * replace ('x' as meter) from unrated_usage",
        "update postings set amount = amount * 2",
    ],
}
"""What is done to a copy of the ledger, by the check that has to notice."""

UPTIME = Refund(meter="calls", prices=("seats",), share=Decimal("0.1"), cap=Decimal("0.25"))
"""A guarantee that the toy's book does not give: the run has no refunds, and none is wrong."""


OF_A_RUN = [name for name, check in CHECKS.items() if check.needs != "import"]
"""The checks of a run; an imported log has one more."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the toy company's run, as it was published."""
    folder = tmp_path_factory.mktemp("verification")
    return toy.publish(folder / "scenario", folder / "runs" / "toy").out


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """Give a copy of the run that may be harmed."""
    return Path(shutil.copytree(run, tmp_path / "toy"))


@pytest.fixture(scope="module")
def writable(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """Give the evidence of a copy, with a ledger that can be written."""
    place = Path(shutil.copytree(run, tmp_path_factory.mktemp("writable") / "toy"))
    found = evidence_of(place)
    assert found.ledger is not None
    assert found.book is not None
    found.ledger.close()
    guaranteed = found.book.model_copy(update={"refunds": {"uptime": UPTIME}})
    with duckdb.connect(str(place / "ledger.duckdb")) as ledger:
        yield found._replace(ledger=ledger, book=guaranteed)


@pytest.fixture
def evidence(writable: Evidence) -> Iterator[Evidence]:
    """Give evidence that may be harmed: it is as before when the test is over."""
    assert writable.ledger is not None
    writable.ledger.begin()
    yield writable
    writable.ledger.rollback()


def test_a_sound_run_passes_every_check(run: Path) -> None:
    """Each with its figure, in the order of the list."""
    verdicts = list(verify(evidence_of(run)))

    assert OF_A_RUN == [one.check for one in verdicts]
    assert [] == [one for one in verdicts if not one.holds]
    assert all(one.figure for one in verdicts)


def test_every_check_of_the_ledger_is_seen_to_fail() -> None:
    """No check is there that cannot fail."""
    elsewhere = {"files", "chain", "positions", "import"}

    assert set(CHECKS) - elsewhere == set(TAMPERED)


@pytest.mark.parametrize(
    ("check", "harm"), [(check, harm) for check, harms in TAMPERED.items() for harm in harms]
)
def test_a_tampered_ledger_fails_the_check(evidence: Evidence, check: str, harm: str) -> None:
    """The check notices, and says what is wrong."""
    assert evidence.ledger is not None
    assert CHECKS[check].function(evidence).holds
    changed = evidence.ledger.execute(harm).fetchall()[0][0]
    assert changed
    found = CHECKS[check].function(evidence)

    assert not found.holds
    assert found.figure


def _edit_fact(run: Path) -> None:
    """Change one fact, and keep everything else as it was."""
    path = run / "log" / "events" / "2026-02.parquet"
    frame = pl.read_parquet(path)
    frame.with_columns(data=pl.col("data").str.replace("5", "4")).write_parquet(path)


def _move_blocks(run: Path) -> None:
    chain = run / "log" / "chain.jsonl"
    first, second, *rest = chain.read_text().splitlines(keepends=True)
    chain.write_text("".join([second, first, *rest]))


def _drop_last_block(run: Path) -> None:
    chain = run / "log" / "chain.jsonl"
    chain.write_text("".join(chain.read_text().splitlines(keepends=True)[:-1]))


def _edit_block(run: Path) -> None:
    chain = run / "log" / "chain.jsonl"
    chain.write_text(chain.read_text().replace('"duplicates": 0', '"duplicates": 1', 1))


def _remove_block_file(run: Path) -> None:
    (run / "log" / "usage" / "2026-03.parquet").unlink()


def _number_twice(run: Path) -> None:
    path = run / "log" / "events" / "2026-02.parquet"
    frame = pl.read_parquet(path)
    frame.with_columns(position=pl.col("position").min()).write_parquet(path)


def _flip_a_bit(run: Path) -> None:
    path = run / "ledger.duckdb"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _ruin_the_ledger(run: Path) -> None:
    (run / "ledger.duckdb").write_bytes(b"no database" * 1000)


def _change_prices(run: Path) -> None:
    path = run / "prices.toml"
    path.write_text(path.read_text().replace("30", "31", 1))


def _break_prices(run: Path) -> None:
    (run / "prices.toml").write_text("[")


def _add_a_file(run: Path) -> None:
    (run / "ledger.duckdb.wal").write_bytes(b"")


def _remove_scenario(run: Path) -> None:
    (run / "scenario.toml").unlink()


@pytest.mark.parametrize(
    ("harm", "checks"),
    [
        (_edit_fact, {"files", "chain", "facts"}),
        (_move_blocks, {"files", "chain"}),
        (_drop_last_block, {"files", "chain"}),
        (_edit_block, {"files", "chain"}),
        (_remove_block_file, {"files", "chain", "positions"}),
        (_number_twice, {"files", "chain", "positions"}),
        (_flip_a_bit, {"files"}),
        (_ruin_the_ledger, {"files"}),
        (_change_prices, {"files"}),
        (_break_prices, {"files"}),
        (_add_a_file, {"files"}),
        (_remove_scenario, {"files"}),
    ],
)
def test_a_tampered_file_fails_the_checks(copy: Path, harm: Callable[[Path], None], checks: set[str]) -> None:
    """Whoever changes a file of a run is found out, and the rest is checked all the same."""
    harm(copy)
    failed = {one.check for one in verify(evidence_of(copy)) if not one.holds}

    assert checks <= failed
    assert 1 == answer(["verify", str(copy)])


def test_the_file_that_was_changed_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On a line of its own check."""
    _change_prices(copy)
    answer(["verify", str(copy)])

    shown = capsys.readouterr().out
    assert "✗ files" in shown
    assert "prices.toml was changed" in shown
    assert f"1 of {len(OF_A_RUN)} checks fail: files" in shown


def test_verdicts_can_be_read_by_programs(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json has each check with its promise and its figure."""
    assert 0 == answer(["verify", str(copy), "--json"])
    told = json.loads(capsys.readouterr().out)

    assert told["holds"]
    assert OF_A_RUN == [check["check"] for check in told["checks"]]


def test_a_run_that_was_not_finished_has_its_log_checked(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything else is not there yet; half a block that a dying writer left does not count."""
    for name in ("manifest.json", "ledger.duckdb"):
        (copy / name).unlink()
    with (copy / "log" / "chain.jsonl").open("a") as chain:
        chain.write('{"month": "2026-05", "first')

    assert 0 == answer(["verify", str(copy)])
    shown = capsys.readouterr().out
    assert "✓ chain" in shown
    assert "all 2 checks hold; the run was not finished, so there is only its log" in shown
    _edit_fact(copy)
    assert 1 == answer(["verify", str(copy)])
