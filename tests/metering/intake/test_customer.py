"""Customers: accounts and subscriptions by a rule of the map, or from a file of their own."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from metering.event import AccountSignedUp, SubscriptionCancelled, SubscriptionStarted
from metering.intake.intake import Intake
from tests.metering.intake.imports import CSV, MAP, imported, problems, rows, set_aside

USAGE = CSV + "1,acme,2026-01-20,5\n2,bolt,2026-02-03,7\n3,acme,2026-02-04,1\n"


def contracts(taken: Intake) -> list[tuple[Any, ...]]:
    """Return what accounts subscribed to: account, subscription, plan, seats, billing and the day."""
    return [
        (event.subject, event.data.subscription, event.data.plan, event.data.seats, event.data.billing,
         f"{event.occurred_at:%m-%d}")
        for _, event in taken.log.facts()
        if isinstance(event.data, SubscriptionStarted)
    ]  # fmt: skip


def accounts(taken: Intake) -> list[tuple[str, str]]:
    """Return who signed up, and when."""
    events = [event for _, event in taken.log.facts() if isinstance(event.data, AccountSignedUp)]
    return [(event.subject, f"{event.occurred_at:%m-%d}") for event in events]


@pytest.mark.parametrize(
    ("starts", "acme", "bolt"),
    [
        ('"first_month"', "01-01", "02-01"),
        ('"first_day"', "01-20", "02-03"),
        ('"log"', "01-01", "01-01"),
        ("2026-01-15", "01-15", "01-15"),
    ],
)
def test_a_column_names_the_accounts(tmp_path: Path, starts: str, acme: str, bolt: str) -> None:
    """Each begins by the rule, with the plan, the seats and the billing of the map."""
    rule = f'subscription = {{ plan = "pro", seats = 3, billing = "year", starts = {starts} }}'
    text = MAP.replace('subscription = { plan = "team" }', rule)
    taken = imported(tmp_path, {"a.csv": USAGE}, text)

    assert contracts(taken) == [
        ("acme", "acme-1", "pro", 3, "year", acme),
        ("bolt", "bolt-1", "pro", 3, "year", bolt),
    ]
    assert accounts(taken) == [("acme", acme), ("bolt", bolt)]


def test_one_account_may_have_all(tmp_path: Path) -> None:
    """Where a log names nobody."""
    text = MAP.replace('account = { column = "account" }', 'account = { one = "us" }')
    taken = imported(tmp_path, {"a.csv": USAGE}, text.replace('account = "text"', 'account = "ignored"'))

    assert [("us", "us-1", "team", 1, "month", "01-01")] == contracts(taken)
    assert {"us-1"} == {subject for (subject,) in rows(taken, "subject")}


def test_a_hash_spreads_the_rows_over_accounts(tmp_path: Path) -> None:
    """Rows with equal columns go to one account; a thousand rows reach each of ten, and none has most."""
    text = MAP.replace('{ column = "account" }', '{ hash = ["account"], accounts = 10, prefix = "t" }')
    lines = "".join(f"{n},user-{n % 500},2026-01-01,1\n" for n in range(1000))
    taken = imported(tmp_path, {"a.csv": CSV + lines}, text)
    by_id = dict(rows(taken, "id", "subject"))
    counts = Counter(by_id.values())
    assert all(by_id[str(n)] == by_id[str(n + 500)] for n in range(500))
    assert sorted(counts) == sorted(f"t{n:02}-1" for n in range(1, 11))
    assert max(counts.values()) < 200


def test_a_subscription_has_one_account(tmp_path: Path) -> None:
    """Where rows say otherwise the map means other columns."""
    text = MAP.replace('plan = "team" }', 'plan = "team", column = "sub" }').replace(
        "[columns]", '[columns]\nsub = "text"'
    )
    head = "id,account,at,calls,sub\n"
    taken = imported(
        tmp_path / "a", {"a.csv": f"{head}1,acme,2026-01-01,1,s-1\n2,acme,2026-01-02,1,s-2\n"}, text
    )

    assert [("acme", "s-1"), ("acme", "s-2")] == [contract[:2] for contract in contracts(taken)]
    assert [("acme", "01-01")] == accounts(taken)
    said = problems(
        tmp_path / "b", {"a.csv": f"{head}1,acme,2026-01-01,1,s-1\n2,bolt,2026-01-02,1,s-1\n"}, text
    )
    assert "subscription 's-1': has 2 accounts" in said


FILE = """
[accounts]
account = "account"
subscription = "key"
name = { column = "name" }
plan = { column = "plan" }
seats = { column = "seats" }
segment = "smb"
starts = { column = "from", zone = "UTC" }
ends = { column = "to", zone = "UTC" }
[accounts.columns]
account = "text"
key = "text"
name = "text"
plan = "text"
seats = "integer"
from = "time"
to = "time"
"""
MAPPED = MAP.replace('subscription = { plan = "team" }\n', "") + FILE
HEAD = "account,key,name,plan,seats,from,to\n"
CONTRACTS = HEAD + "acme,a-1,Acme,pro,3,2026-01-10,\nbolt,b-1,Bolt,team,1,2025-12-01,2026-02-15\n"


def test_a_second_file_tells_of_accounts(tmp_path: Path) -> None:
    """A row is a subscription; usage of an account that the file does not have is set aside."""
    taken = imported(
        tmp_path, {"a.csv": USAGE + "4,carl,2026-02-05,1\n"}, MAPPED, accounts={"c.csv": CONTRACTS}
    )
    ended = [event for _, event in taken.log.facts() if isinstance(event.data, SubscriptionCancelled)]

    assert contracts(taken) == [
        ("bolt", "b-1", "team", 1, "month", "12-01"),
        ("acme", "a-1", "pro", 3, "month", "01-10"),
    ]
    assert [("b-1", "2026-02-15")] == [(e.data.subscription, str(e.data.effective_on)) for e in ended]
    assert [("a-1", 5), ("b-1", 7), ("a-1", 1)] == rows(taken, "subject", "quantity")
    assert [("a.csv", 5, "unknown_account", "carl")] == set_aside(taken)
    assert ["2025-12", "2026-01", "2026-02"] == [block.month for block in taken.log.blocks]


WRONG = [
    (",k,N,pro,1,2026-01-01,", "row 2: names no account"),
    ("acme,k,N,,1,2026-01-01,", "row 2: names no plan"),
    ("acme,k,N,pro,many,2026-01-01,", "row 2: seats are 'many'; use a whole number"),
    ("acme,k,N,pro,-1,2026-01-01,", "row 2: seats are '-1'"),
    ("acme,k,N,pro,1,soon,", "row 2: starts is 'soon', which is no time"),
    ("acme,k,N,pro,1,2026-01-01,later", "row 2: ends is 'later', which is no time"),
    ("acme,k,N,pro,10000001,2026-01-01,", "row 2: seats are '10000001'; use a whole number up to 10,000,000"),
    ("acme,k,N,pro,1,,", "row 2: names no start; fill it in"),
    ("acme,k,N,pro,1,2026-02-01,2026-01-01", "row 2: ends (2026-01-01) before it starts (2026-02-01)"),
    ("", "c.csv: has no rows"),
    ("acme,k,N", "line 2: expected number of columns: 7 found: 3"),
    ('acme,"k,N,pro,1,2026-01-01,', "line 2: a quote is not closed"),
    ("acme,k,N,pro,1,2026-01-01,\nbolt,k,N,pro,1,2026-01-01,", "'k' is told twice, in two ways"),
    ("acme,k,N,pro,1,2026-01-01,\nacme,l,N,pro,1,2026-01-01,", "account 'acme': has 2 subscriptions"),
]


@pytest.mark.parametrize(("lines", "expected"), WRONG)
def test_a_file_of_accounts_must_be_right(tmp_path: Path, lines: str, expected: str) -> None:
    """It is small and decides everything: what is wrong in it stops the import, with its row."""
    assert expected in problems(tmp_path, {"a.csv": USAGE}, MAPPED, accounts={"c.csv": f"{HEAD}{lines}\n"})


def test_the_map_and_the_command_agree_on_a_file_of_accounts(tmp_path: Path) -> None:
    """One is not there without the other."""
    assert "--accounts: map 'test' has [accounts]; name the file" in problems(
        tmp_path / "a", {"a.csv": USAGE}, MAPPED
    )
    said = problems(tmp_path / "b", {"a.csv": USAGE}, MAP, accounts={"c.csv": CONTRACTS})
    assert "--accounts: map 'test' has no [accounts]" in said


EVENTS = MAP.replace('subscription = { plan = "team" }\n', "") + '[accounts]\nformat = "cloudevents"\n'


def cloud(kind: str, key: str, **data: Any) -> dict[str, Any]:
    """Return a business fact as a CloudEvent."""
    return {"specversion": "1.0", "source": "crm", "id": key, "type": kind, "subject": "acme",
            "time": "2026-01-05T00:00:00+01:00", "data": data}  # fmt: skip


SIGNED_UP = cloud("account.signed_up", "1", name="Acme", email="", segment="smb", channel="web")
STARTED = cloud("subscription.started", "2", subscription="a-1", plan="team", seats=2)


@pytest.mark.parametrize(
    "text", [json.dumps([SIGNED_UP, STARTED], indent=1), "\n".join(map(json.dumps, (STARTED, SIGNED_UP)))]
)
def test_business_facts_may_come_as_cloudevents(tmp_path: Path, text: str) -> None:
    """Every kind of fact that saasim knows, in a batch or one a line."""
    usage = CSV + "1,acme,2026-01-20,5\n"
    taken = imported(tmp_path, {"a.csv": usage}, EVENTS, accounts={"c.json": text})

    assert [("acme", "a-1", "team", 2, "month", "01-04")] == contracts(taken)  # midnight in Berlin
    assert [("a-1", 5)] == rows(taken, "subject", "quantity")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"type": "account.signed_out"}, "no business fact 'account.signed_out'; did you mean"),
        ({"type": "usage.recorded"}, "no business fact 'usage.recorded'"),
        ({"specversion": "0.3"}, "is no CloudEvent 1.0"),
        ({"time": "2026-01-05T00:00:00"}, "cannot be read"),
        ({"data": {"subscription": "a-1", "plan": "team", "seats": "two"}}, "seats is 'two'; write int"),
        (
            {"data": {"subscription": "a-1", "plan": "team", "seat": 2}},
            "subscription.started has no field 'seat'",
        ),
        ({"data": {"subscription": "a-1"}}, "cannot be read"),
    ],
)
def test_a_business_fact_must_be_right(tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    """Its kind, its fields and their types are checked."""
    text = json.dumps([SIGNED_UP, {**STARTED, **change}])

    assert f"c.json: row 2: {expected}" in problems(
        tmp_path, {"a.csv": USAGE}, EVENTS, accounts={"c.json": text}
    )
