"""Sources: a file that is not what its map says is refused whole, with its place and the remedy."""

import gzip
from pathlib import Path

import duckdb
import pytest

from tests.metering.intake.imports import COLUMNS, CSV, HEAD, MAP, RULES, imported, problems, rows, set_aside

ROW = "1,acme,2026-01-01 00:00:00,5\n"

BROKEN: list[tuple[str, str | bytes, str]] = [  # what is wrong, the file, and what is said about it
    ("empty", "", "a.csv: is empty; leave it out"),
    ("blank", " \n\n", "a.csv: is empty; leave it out"),
    ("no rows", CSV, "a.csv: has no rows"),
    ("another delimiter", "id;account;at;calls\n1;acme;x;5\n", "say in the map: delimiter = ';'"),
    ("a column twice", "id,id,account,at,calls\n" + ROW, "column 'id' is there 2 times"),
    ("a column too many", "id,account,at,calls,note\n" + ROW, "column 'note' is not in the map"),
    ("a column too few", "id,account,at\n1,acme,2026-01-01\n", "column 'calls' is missing"),
    (
        "a typing error",
        "id,acount,at,calls\n" + ROW,
        "column 'acount' is not in the map; did you mean 'account'?",
    ),
    (
        "a short row",
        CSV + ROW + "2,acme\n",
        "a.csv: line 3: expected number of columns: 4 found: 2 (got '2,acme')",
    ),
    ("a long row", CSV + "1,acme,2026-01-01,5,6\n", "a.csv: line 2: expected number of columns: 4 found: 5"),
    ("an open quote", CSV + '1,"acme,2026-01-01,5\n' + ROW * 3, "a.csv: line 2: a quote is not closed"),
    ("text after a quote", CSV + '1,"ac"me,2026-01-01,5\n', "a.csv: line 2: a quote is not closed"),
    ("Latin-1", CSV.encode() + b"1,caf\xe9,2026-01-01,5\n", "a.csv: line 2: is not UTF-8 text"),
    ("a Latin-1 header", b"id,caf\xe9,at,calls\n", "a.csv: line 1: is not UTF-8 text"),
    ("UTF-16", CSV.encode("utf-16"), "a.csv: line 1: is not UTF-8 text"),
    ("no CSV but Parquet", b"PAR1" + b"\0" * 100, "a.csv: is no csv; say in the map which format it has"),
    (
        "a field of 17 MB",
        CSV + f"1,{'z' * 17_000_000},2026-01-01,5\n",
        "a.csv: line 2: has more than 16,000,000",
    ),
    ("a header of nothing but quotes", '"""\n', "a.csv: line 1: "),
]


@pytest.mark.parametrize(
    ("content", "expected"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN]
)
def test_a_broken_file_is_refused_with_its_place(tmp_path: Path, content: str | bytes, expected: str) -> None:
    """Nothing of it is imported; the message says where it is and what to do."""
    assert expected in problems(tmp_path, {"a.csv": content})


def test_every_problem_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    """Two files, three mistakes: one message."""
    said = problems(
        tmp_path, {"a.csv": "id,account,at\n", "b.csv": "id,account,at,calls,x,y\n", "c.csv": CSV + ROW}
    )

    assert ["a.csv", "b.csv", "b.csv"] == [line.partition(":")[0] for line in said.splitlines()]


def test_a_missing_file_is_a_mistake(tmp_path: Path) -> None:
    """The name is shown with what the system says."""
    with pytest.raises(Exception, match="No such file"):
        imported(tmp_path, {"x/a.csv": ""})


def test_columns_may_come_in_another_order_and_with_a_mark_or_other_line_ends(tmp_path: Path) -> None:
    """A byte order mark, CRLF, quotes and the order of columns change nothing."""
    plain = imported(tmp_path / "a", {"a.csv": CSV + ROW})
    other = '\ufeffcalls,at,"account",id\r\n"5",2026-01-01 00:00:00,acme,1\r\n'

    assert plain.log.head == imported(tmp_path / "b", {"b.csv": other}).log.head


def test_a_packed_file_is_read_as_it_is(tmp_path: Path) -> None:
    """.gz is told by its first bytes, whatever the name."""
    plain = imported(tmp_path / "a", {"a.csv": CSV + ROW})

    for name in ("b.csv.gz", "b.csv"):
        packed = imported(tmp_path / name.replace(".", "_"), {name: gzip.compress((CSV + ROW).encode())})
        assert plain.log.head == packed.log.head


def test_an_optional_column_may_be_missing(tmp_path: Path) -> None:
    """Its values are then empty."""
    text = 'optional = ["calls"]\n' + MAP + "optional = true\n" + '[[usage]]\nmeter = "visits"\n'
    taken = imported(tmp_path, {"a.csv": "id,account,at\n1,acme,2026-01-01\n"}, text)

    assert [("visits", 1)] == rows(taken, "meter", "quantity")


PARQUET = HEAD.replace('"csv"', '"parquet"') + COLUMNS + RULES


def parquet(path: Path, select: str) -> bytes:
    """Return a Parquet file with what a query selects."""
    with duckdb.connect() as connection:
        connection.execute(f"copy ({select}) to '{path}' (format parquet)")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (
            "5::double",
            "column 'calls': is DOUBLE and not decimal; a float is inexact: say \"float\" in the map",
        ),
        ("true", "column 'calls': is BOOLEAN and not decimal"),
        ("[5]", "column 'calls': is INTEGER[] and not decimal"),
    ],
)
def test_a_column_of_another_type_is_refused(tmp_path: Path, calls: str, expected: str) -> None:
    """A quantity that is stored as a float needs the word of the map that this is meant."""
    select = f"select 1 as id, 'acme' as account, timestamp '2026-01-01' as at, {calls} as calls"

    assert expected in problems(tmp_path, {"a.parquet": parquet(tmp_path / "x", select)}, PARQUET)


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    """Times with and without a zone, decimals and whole numbers are what they are."""
    select = """
        select 7 as id, 'acme' as account, timestamptz '2026-01-01 01:00:00+01' as at,
            1.25::decimal(9, 2) as calls
        union all select 8, 'acme', timestamptz '2026-01-01 00:00:00.5+00', 3"""
    taken = imported(tmp_path, {"a.parquet": parquet(tmp_path / "x", select)}, PARQUET)

    assert [("7", "1.250000000000"), ("8", "3.000000000000")] == [
        (key, str(number)) for key, number in rows(taken, "id", "quantity")
    ]
    assert ["2026-01-01 00:00:00", "2026-01-01 00:00:00.500000"] == [
        str(at) for (at,) in rows(taken, "occurred_at")
    ]


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    """It is a file of Parquet by its first bytes, and no more."""
    assert "a.parquet: cannot be read" in problems(tmp_path, {"a.parquet": b"PAR1" + b"x" * 500}, PARQUET)


JSON = HEAD.replace('"csv"', '"json"') + COLUMNS + RULES
EVENT = '{"id": "1", "account": "acme", "at": "2026-01-01T00:00:00Z", "calls": 5}'


@pytest.mark.parametrize(
    "content",
    [EVENT, EVENT + "\n", f"\n{EVENT}\n\n", f"[{EVENT}]", f"[\n  {EVENT}\n]", EVENT.replace(", ", ",\n  ")],
    ids=["a line", "ended", "among blank lines", "array", "array on lines", "an object on lines"],
)
def test_json_comes_as_lines_an_array_or_an_object(tmp_path: Path, content: str) -> None:
    """It is told by its beginning."""
    assert [("1", "acme-1", 5)] == rows(
        imported(tmp_path, {"a.json": content}, JSON), "id", "subject", "quantity"
    )


def test_a_broken_array_is_refused_and_a_broken_line_is_set_aside(tmp_path: Path) -> None:
    """Lines stand for themselves; an array that breaks off may have lost anything."""
    assert "a.json: cannot be read" in problems(tmp_path / "a", {"a.json": f"[{EVENT}, nonsense]"}, JSON)

    taken = imported(tmp_path / "b", {"b.json": f"{EVENT}\n\n{EVENT[:-9]}\nnonsense\n[1]\n"}, JSON)
    assert [(3, "not_json"), (4, "not_json"), (5, "not_json")] == [row[1:3] for row in set_aside(taken)]
    assert 4 == taken.rows


def test_a_field_that_the_map_does_not_name_is_set_aside(tmp_path: Path) -> None:
    """Strict: what a new version of an exporter adds is looked at before it is ignored."""
    more = EVENT.replace('"id": "1"', '"id": "2", "tax": 3')

    assert [(2, "unknown_column")] == [
        row[1:3] for row in set_aside(imported(tmp_path, {"a.json": f"{EVENT}\n{more}"}, JSON))
    ]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("100000000000000.123456", "100000000000000.123456000000"),
        ("0.100000000001", "0.100000000001"),
        ("123456789012345.678901", "123456789012345.678901000000"),
        ("1e-7", "0.000000100000"),
        ('"12.50"', "12.500000000000"),
    ],
)
def test_a_number_of_json_keeps_every_digit(tmp_path: Path, number: str, expected: str) -> None:
    """DuckDB reads 100000000000000.123456 as ...0.12, through a float; the log has what the file says."""
    taken = imported(tmp_path, {"a.json": EVENT.replace("5}", f"{number}}}")}, JSON)

    assert [expected] == [f"{quantity:f}" for (quantity,) in rows(taken, "quantity")]


@pytest.mark.parametrize(
    "number", ["0.1000000000000000055511151231257827", "NaN", "Infinity", "1e400", "true", "[5]", "null"]
)
def test_what_is_no_exact_number_of_json_is_set_aside(tmp_path: Path, number: str) -> None:
    """A float that was printed in full has too many digits to be meant."""
    content = f"{EVENT}\n" + EVENT.replace('"1"', '"2"').replace("5}", f"{number}}}")
    (found,) = set_aside(imported(tmp_path, {"a.json": content}, JSON))

    assert found[1:3] in {(2, "bad_quantity"), (2, "no_quantity")}


def test_a_file_is_one_file_whatever_it_is_called(tmp_path: Path) -> None:
    """Letters that mean many files elsewhere, and quotes, mean themselves."""
    (tmp_path / "a1.csv").write_text(CSV + ROW.replace("1,", "2,", 1), "utf-8")
    taken = imported(tmp_path, {"a[1]*'?.csv": CSV + ROW})

    assert [("1",)] == rows(taken, "id")


def test_too_little_memory_is_a_mistake(tmp_path: Path) -> None:
    """It is said what to do."""
    assert "--memory: 'lots' is no size" in problems(tmp_path, {"a.csv": CSV + ROW}, memory="lots")
