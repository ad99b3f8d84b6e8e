"""The intake: every row is accounted for, and the same rows give the same log however they come."""

import gzip
import json
import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from metering.event import UsageCorrected
from metering.intake.intake import Intake
from metering.intake.quarantine import REASONS
from tests.metering.intake.imports import COLUMNS, CSV, HEAD, MAP, RULES, imported, problems, rows, set_aside

Row = tuple[str, str, str, str]

FAULTS: list[
    tuple[str, str, str]
] = [  # a row's id, account, time and calls; why it is set aside; what is shown
    (",acme,2026-01-01,1", "no_id", ""),
    (f"{'x' * 1001},acme,2026-01-01,1", "long_name", "x" * 200),
    ("1,acme,,1", "no_time", ""),
    ("1,acme,soon,1", "bad_time", "soon"),
    ("1,acme,1999-12-31,1", "bad_time", "1999-12-31"),
    ("1,acme,2101-01-01,1", "bad_time", "2101-01-01"),
    ("1,acme,infinity,1", "bad_time", "infinity"),
    ("1,,2026-01-01,1", "no_account", ""),
    ("1,acme,2026-01-01,", "no_quantity", ""),
    ("1,acme,2026-01-01,NaN", "bad_quantity", "NaN"),
    ("1,acme,2026-01-01,inf", "bad_quantity", "inf"),
    ("1,acme,2026-01-01,1e400", "bad_quantity", "1e400"),
    ("1,acme,2026-01-01,1e16", "bad_quantity", "1e16"),
    ("1,acme,2026-01-01,0.0000000000001", "bad_quantity", "0.0000000000001"),
    ("1,acme,2026-01-01,=1+1", "bad_quantity", "=1+1"),
    ("1,acme,2026-01-01,-1", "negative_quantity", "-1"),
]
GOOD = "good,acme,2026-01-15 12:00:00,10"


@pytest.mark.parametrize(("line", "reason", "value"), FAULTS, ids=[f"{c[1]} {c[0][:30]}" for c in FAULTS])
def test_a_row_that_cannot_be_used_is_set_aside_with_its_reason(
    tmp_path: Path, line: str, reason: str, value: str
) -> None:
    """The others are imported; file, row, reason and the value say where to look."""
    taken = imported(tmp_path, {"a.csv": f"{CSV}{GOOD}\n{line}\n"})

    assert (2, 1, {reason: 1}) == (taken.rows, taken.written, taken.quarantined)
    assert [("a.csv", 3, reason)] == [found[:3] for found in set_aside(taken)]
    assert value == (set_aside(taken)[0][3] or "")


def test_every_reason_has_words(tmp_path: Path) -> None:
    """What is counted is explained."""
    taken = imported(tmp_path, {"a.csv": CSV + "\n".join([GOOD, *(case[0] for case in FAULTS)])})

    assert set(taken.quarantined) == {case[1] for case in FAULTS}
    assert set(taken.quarantined) <= set(REASONS)


def test_a_sample_of_what_was_set_aside_opens_safely_in_a_spreadsheet(tmp_path: Path) -> None:
    """What a spreadsheet would run stands behind an apostrophe."""
    taken = imported(
        tmp_path, {"a.csv": f'{CSV}{GOOD}\n=cmd,acme,"=HYPERLINK(1)",1\n@x,acme,2026-01-01,+a\n'}
    )
    text = (taken.log.directory.parent / "quarantine" / "sample.csv").read_text("utf-8")

    assert text.splitlines() == [
        "row,file,reason,value,id",
        "3,a.csv,bad_time,'=HYPERLINK(1),'=cmd",
        "4,a.csv,bad_quantity,'+a,'@x",
    ]


def test_where_nothing_can_be_used_the_first_rows_say_why(tmp_path: Path) -> None:
    """A map that states no zone for times that have none is a mistake of the map, not of every row."""
    said = problems(tmp_path, {"a.csv": f"{CSV}{GOOD}\n"}, MAP.replace(', zone = "UTC"', ""))

    assert "none of 1 rows can be used; mend the map" in said
    assert (
        "a.csv: row 2: the time has no offset, and the map states no zone (got '2026-01-15 12:00:00')" in said
    )


def drawn(seed: int, count: int) -> list[Row]:
    """Draw rows of two months, many of them twice and some in two ways, in an order of chance."""
    chance = random.Random(seed)
    made: list[Row] = []
    for number in range(count):
        day, hour = chance.randint(1, 28), chance.randint(0, 23)
        at = f"2026-0{chance.randint(1, 2)}-{day:02} {hour:02}:00:00"
        made.append((f"e{number}", f"account-{chance.randint(1, 5)}", at, str(chance.randint(0, 900))))
    copies = [row for row in made if chance.random() < 0.3]
    others = [(*row[:3], str(int(row[3]) + 1)) for row in made if chance.random() < 0.1]
    told = [*made, *copies, *others]
    chance.shuffle(told)
    return told


def table(told: Sequence[Row]) -> str:
    """Write rows as CSV."""
    return CSV + "".join(f"{','.join(row)}\n" for row in told)


def in_the_log(told: Sequence[Row]) -> tuple[dict[str, Row], int, int]:
    """Decide in plain Python which row of each name stands, and count duplicates and conflicts."""
    kept: dict[str, Row] = {}
    for row in sorted(told, key=lambda row: (row[2], f"{row[1]}-1", Decimal(row[3]))):
        kept.setdefault(row[0], row)
    repeated = [row for row in told if row == kept[row[0]]]
    duplicates = len(repeated) - len(kept)
    return kept, duplicates, len(told) - len(repeated)


@pytest.mark.parametrize("seed", range(4))
def test_rows_that_are_told_twice_count_once(tmp_path: Path, seed: int) -> None:
    """Brute force: of each name one row stands; the others are duplicates or conflicts, and are counted."""
    told = drawn(seed, 60)
    kept, duplicates, conflicts = in_the_log(told)
    taken = imported(tmp_path, {"a.csv": table(told)})

    assert (len(told), len(kept), duplicates) == (taken.rows, taken.written, taken.duplicates)
    assert conflicts == taken.quarantined.get("conflict", 0)
    assert sorted(kept) == sorted(key for (key,) in rows(taken, "id"))
    same = {(key, subject): number for key, subject, number in rows(taken, "id", "subject", "quantity")}
    names = {key for key, row in kept.items() if len({other for other in told if other[0] == key}) == 1}
    assert all(Decimal(kept[key][3]) == same[key, f"{kept[key][1]}-1"] for key in names)


def logged(taken: Intake) -> dict[str, bytes]:
    """Return every file of a log."""
    return {path.name: path.read_bytes() for path in sorted(taken.log.directory.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("seed", range(3))
def test_order_names_and_pieces_of_the_files_change_no_byte(tmp_path: Path, seed: int) -> None:
    """The same rows in one file, in three, packed, shuffled, and with whole files told twice."""
    told = drawn(seed, 80)
    whole = imported(tmp_path / "whole", {"a.csv": table(told)})
    mixed = random.Random(seed).sample(told, len(told))
    pieces: dict[str, str | bytes] = {f"p{n}.csv": table(mixed[n::3]) for n in range(3)}
    packed: dict[str, str | bytes] = {
        "z.csv.gz": gzip.compress(table(mixed[::-1]).encode()),
        "a.csv": table(told[:5]),
    }

    once = [
        imported(tmp_path / "pieces", pieces),
        imported(tmp_path / "memory", {"m.csv": table(mixed)}, memory="200MB"),
    ]
    again = [
        imported(tmp_path / "packed", packed),
        imported(tmp_path / "twice", {**pieces, "x.csv": table(mixed[::3])}),
    ]

    assert all(logged(whole) == logged(taken) for taken in once)
    for taken in again:  # the chain also counts the duplicates, which are more
        assert {name: data for name, data in logged(taken).items() if name.endswith("parquet")} == {
            name: data for name, data in logged(whole).items() if name.endswith("parquet")
        }
        assert taken.rows == taken.written + taken.duplicates + sum(taken.quarantined.values())


def test_the_same_rows_in_any_format_give_the_same_log(tmp_path: Path) -> None:
    """CSV, CSV with cells of JSON, Parquet, JSON lines, a JSON array, pages and CloudEvents say the same."""
    told = [row for row in drawn(7, 50) if row[3] != "0"]
    data = [dict(zip(("id", "account", "at", "calls"), row, strict=True)) for row in told]
    (tmp_path / "x").mkdir()
    table_file = tmp_path / "x" / "t.csv"
    table_file.write_text(table(told), "utf-8")
    made = tmp_path / "x" / "t.parquet"
    with duckdb.connect() as connection:
        typed = f'select id, account, "at"::timestamp as "at", calls from "{table_file}"'
        connection.execute(f"copy ({typed}) to '{made}'")
    clouds = [
        {"specversion": "1.0", "type": "call", "source": "s", "id": row[0], "subject": row[1],
         "time": f"{row[2].replace(' ', 'T')}Z", "data": {"calls": int(row[3])}}
        for row in told
    ]  # fmt: skip
    cloud_map = (
        HEAD.replace('"csv"', '"cloudevents"').replace('column = "account"', 'column = "subject"')
        .replace('column = "at", zone = "UTC"', 'column = "time"')
        + '[columns]\n"data.calls" = "integer"\n'
        + RULES.replace('quantity = "calls"', 'quantity = "data.calls"\nwhen = { type = "call" }')
    )  # fmt: skip
    lines = "".join(f"{json.dumps(row)}\n" for row in data)
    json_map, parquet_map = (MAP.replace('"csv"', f'"{form}"') for form in ("json", "parquet"))
    pages_map = MAP.replace('"csv"', '"json"\nrecords = "events"')
    pages = "\n".join(json.dumps({"next": n, "events": data[n : n + 9]}) for n in range(0, len(data) + 9, 9))
    cells_map = MAP.replace('calls = "decimal"', '"data.calls" = "decimal"').replace(
        'quantity = "calls"', 'quantity = "data.calls"'
    )
    cells = "id,account,at,data\n" + "".join(
        f'{row[0]},{row[1]},{row[2]},"{{""calls"": {row[3]}}}"\n' for row in told
    )

    logs = [
        imported(tmp_path / "csv", {"a.csv": table(told)}),
        imported(tmp_path / "cells", {"a.csv": cells}, cells_map),
        imported(tmp_path / "pages", {"a.json": pages}, pages_map),
        imported(tmp_path / "lines", {"a.ndjson": lines}, json_map),
        imported(tmp_path / "array", {"a.json": json.dumps(data)}, json_map),
        imported(tmp_path / "parquet", {"a.parquet": made.read_bytes()}, parquet_map),
        imported(tmp_path / "batch", {"a.json": json.dumps(clouds, indent=1)}, cloud_map),
        imported(tmp_path / "clouds", {"a.json": "\n".join(map(json.dumps, clouds))}, cloud_map),
    ]

    assert 1 == len({taken.log.head for taken in logs})


def test_a_file_that_is_given_twice_counts_once_where_its_rows_have_no_names(tmp_path: Path) -> None:
    """The hash of the file and the number of the row name them; equal rows of one file are two events."""
    text = MAP.replace('columns = ["id"]', 'of = "row"').replace('id = "text"', 'id = "ignored"')
    line = "x,acme,2026-01-01,5\n"
    once = imported(tmp_path / "a", {"a.csv": CSV + line + line}, text)
    twice = imported(tmp_path / "b", {"b.csv": CSV + line + line, "c.csv": CSV + line + line}, text)

    assert (2, 2, 0) == (once.rows, once.written, once.duplicates)
    assert (4, 2, 2) == (twice.rows, twice.written, twice.duplicates)
    assert rows(once, "id", "quantity") == rows(twice, "id", "quantity")
    assert [key.rpartition("-")[2] for (key,) in rows(once, "id")] == ["0000000002", "0000000003"]


WIDE = HEAD + (
    '[columns]\nid = "text"\naccount = "text"\nat = "time"\nmodel = "text"\n'
    'read = "integer"\nwritten = "integer"\n'
    '[[usage]]\nmeter = "input"\nquantity = "read"\ndimensions = { model = "model" }\n'
    '[[usage]]\nmeter = "output"\nquantity = "written"\noptional = true\n'
    '[[usage]]\nmeter = "requests"\nwhen = { model = ["large", "small"] }\n'
)


def test_one_row_may_make_several_events(tmp_path: Path) -> None:
    """Each has a name of its own; what is optional may be missing, and a rule may hold for some rows only."""
    content = "id,account,at,read,written,model\n1,a,2026-01-01,10,20,large\n2,a,2026-01-02,30,,tiny\n"
    taken = imported(tmp_path, {"a.csv": content}, WIDE)

    assert (2, 4) == (taken.written, taken.events)
    assert rows(taken, "id", "meter", "quantity", "dimensions") == [
        ("1:input", "input", 10, '{"model":"large"}'),
        ("1:output", "output", 20, ""),
        ("1:requests", "requests", 1, ""),
        ("2:input", "input", 30, '{"model":"tiny"}'),
    ]


def test_meters_may_stand_in_a_column_under_other_names(tmp_path: Path) -> None:
    """With a list of names those that are not in it are set aside."""
    text = HEAD + COLUMNS + 'kind = "text"\n[[usage]]\nquantity = "calls"\n'
    head, lines = "id,account,at,calls,kind\n", "1,a,2026-01-01,1,GPT\n2,a,2026-01-01,2,img\n"
    named = imported(tmp_path / "a", {"a.csv": head + lines}, text + 'meter = { column = "kind" }\n')
    listed = text + 'meter = { column = "kind", names = { GPT = "tokens" } }\n'
    chosen = imported(tmp_path / "b", {"a.csv": head + lines}, listed)

    assert [("GPT",), ("img",)] == rows(named, "meter")
    assert [("tokens",)] == rows(chosen, "meter")
    assert [("a.csv", 3, "unknown_meter", "img")] == set_aside(chosen)


LATE = HEAD.replace("time =", 'recorded = { column = "known", zone = "UTC", grace_days = 2 }\ntime =')
LATE += COLUMNS + 'known = "time"\n' + RULES


def test_what_became_known_after_its_month_is_late(tmp_path: Path) -> None:
    """Within the days of grace it is in time; after them it stands in the block in which it became known."""
    content = "id,account,at,calls,known\n" + "".join(
        f"{key},a,{at},1,{known}\n"
        for key, at, known in (
            ("same", "2026-01-10", "2026-01-11"),
            ("graced", "2026-01-31", "2026-02-02 23:59:59"),
            ("late", "2026-01-31", "2026-02-03"),
            ("later", "2026-01-31", "2026-04-01"),
            ("early", "2026-02-10", "2026-02-09"),
            ("unknown", "2026-02-11", ""),
        )
    )
    taken = imported(tmp_path, {"a.csv": content}, LATE)
    blocks = [(block.month, block.usage, block.late) for block in taken.log.blocks]

    assert [("2026-01", 2, 0), ("2026-02", 3, 1), ("2026-03", 0, 0), ("2026-04", 1, 1)] == blocks
    assert {"graced": "2026-01-31", "late": "2026-02-03", "early": "2026-02-10"}.items() <= {
        key: f"{known:%Y-%m-%d}" for key, known in rows(taken, "id", "recorded_at")
    }.items()
    assert [] == taken.log.flaws()


def test_a_late_copy_is_a_duplicate(tmp_path: Path) -> None:
    """When it became known is no content; the first telling stands."""
    line = "1,a,2026-01-10,1"
    taken = imported(
        tmp_path, {"a.csv": f"id,account,at,calls,known\n{line},2026-03-01\n{line},2026-01-12\n"}, LATE
    )

    assert (1, 1) == (taken.written, taken.duplicates)
    assert ["2026-01"] == [block.month for block in taken.log.blocks]


def test_a_negative_quantity_is_a_correction_where_the_map_says_so(tmp_path: Path) -> None:
    """It becomes a fact with its reason; the usage itself is never negative."""
    text = MAP.replace("[columns]", '[corrections]\nreason = { column = "why" }\n[columns]\nwhy = "text"')
    content = "id,account,at,calls,why\n1,a,2026-01-10,5,\n2,a,2026-01-11,-2,measured twice\n"
    taken = imported(tmp_path, {"a.csv": content}, text)
    (found,) = [event for _, event in taken.log.facts() if isinstance(event.data, UsageCorrected)]

    assert (2, 1, 1) == (taken.written, taken.events, taken.corrections)
    assert ("a-1", "2", Decimal(-2), "measured twice") == (
        found.subject, found.id, found.data.quantity, found.data.reason,
    )  # fmt: skip


def test_times_outside_of_the_map_are_set_aside(tmp_path: Path) -> None:
    """The day `since` is in, the day `until` is out."""
    text = MAP.replace('zone = "UTC"', 'zone = "UTC", since = 2026-01-10, until = 2026-01-20')
    lines = [f"{day},a,2026-01-{day},1" for day in ("09", "10", "19", "20")]
    taken = imported(tmp_path, {"a.csv": CSV + "\n".join(lines)}, text)

    assert [("10",), ("19",)] == rows(taken, "id")
    assert {"out_of_range": 2} == taken.quarantined


def test_a_wrong_century_does_not_make_a_thousand_blocks(tmp_path: Path) -> None:
    """A log of more than fifty years is a mistake that is told."""
    said = problems(tmp_path, {"a.csv": f"{CSV}{GOOD}\n2,acme,2099-01-01,1\n"})

    assert "the times run from 2026-01-01 to 2099-01-01, 877 months; mend the times" in said


def test_names_are_kept_in_one_spelling(tmp_path: Path) -> None:
    """An é of one letter and of two are one account."""
    content = f"{CSV}1,caf\u00e9,2026-01-01,1\n2,cafe\u0301,2026-01-02,1\n"

    assert [("caf\u00e9-1",), ("caf\u00e9-1",)] == rows(imported(tmp_path, {"a.csv": content}), "subject")
