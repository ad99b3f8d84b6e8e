"""Sources: a file that is not what its map says is refused whole, with its place and the remedy."""

import gzip
from decimal import Decimal
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
    [
        EVENT,
        EVENT + "\n",
        EVENT.replace(", ", ",\n", 1),
        f"\n{EVENT}\n\n",
        f"[{EVENT}]",
        f"[\n  {EVENT}\n]",
        EVENT.replace(", ", ",\n  "),
    ],
    ids=[
        "a line",
        "ended",
        "two lines",
        "among blank lines",
        "array",
        "array on lines",
        "an object on lines",
    ],
)
def test_json_comes_as_lines_an_array_or_an_object(tmp_path: Path, content: str) -> None:
    """It is told by its beginning."""
    assert [("1", "acme-1", 5)] == rows(
        imported(tmp_path, {"a.json": content}, JSON), "id", "subject", "quantity"
    )


def test_objects_may_follow_each_other_over_several_lines(tmp_path: Path) -> None:
    """As a program prints them for people; a line that is no object does not make it so."""
    two = EVENT.replace('"1"', '"2"').replace(", ", ",\n")
    first = EVENT.replace(", ", ",\n", 1)
    assert [("1",), ("2",)] == rows(imported(tmp_path / "a", {"a.json": f"{first}\n{two}"}, JSON), "id")

    said = problems(tmp_path / "b", {"a.json": f"{first}\n{two}\n{EVENT[:-1]}, nonsense}}"}, JSON)
    assert "a.json: row 3: is no JSON: unexpected character at byte" in said

    taken = imported(tmp_path / "c", {"a.json": f"{EVENT} x\n{EVENT.replace('1', '2', 1)}"}, JSON)
    assert [(1, "not_json")] == [row[1:3] for row in set_aside(taken)]


def test_a_broken_array_is_refused_and_a_broken_line_is_set_aside(tmp_path: Path) -> None:
    """Lines stand for themselves; an array that breaks off may have lost anything."""
    said = problems(tmp_path / "a", {"a.json": f"[{EVENT}, nonsense]"}, JSON)
    assert "a.json: row 2: is no JSON: invalid literal at byte 1 of it" in said

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


@pytest.mark.parametrize(
    ("fields", "expected"),
    [  # the numbers of the event, and the quantity that is read; "calls" stands in "tax" as well
        ('"calls": "7", "tax": {"calls": 12345678901234567890}', "7"),
        ('"calls": 123456789012345.678, "tax": {"calls": 2}', "123456789012345.678"),
        ('"calls": 5, "tax": {"calls": 123456789012345.678}', "5"),
        ('"calls": 123456789012345.678, "tax": {"calls": 123456789012345.678}', "123456789012345.678"),
        ('"tax": {"calls": 123456789012345.678}', None),
        ('"calls": 123456789012345.67801, "tax": {"calls": 123456789012345.67802}', None),
    ],
)
def test_a_long_number_is_that_of_its_own_field(tmp_path: Path, fields: str, expected: str | None) -> None:
    """A field of the same name elsewhere in the event is another; where two could be meant, none is taken."""
    lines = [EVENT, EVENT.replace('"1"', '"2"').replace('"calls": 5', fields)]
    told = JSON.replace("[columns]", '[columns]\ntax = "ignored"')
    taken = imported(tmp_path, {"a.json": "\n".join(lines)}, told)
    found = {key: number for key, number in rows(taken, "id", "quantity") if key == "2"}

    assert ({"2": Decimal(expected)} if expected else {}) == found
    assert taken.rows == taken.written + sum(taken.quarantined.values())


FIELDS = MAP.replace('calls = "decimal"', '"data.calls" = "decimal"').replace(
    'quantity = "calls"', 'quantity = "data.calls"'
)


def test_a_cell_may_hold_json(tmp_path: Path) -> None:
    """What a database keeps as JSON comes as text in a table: its fields are named as those of JSON are."""
    cells = ['"{""calls"": 100000000000000.123456}"', '"{""calls"": ""2""}"', "{}", "", "nonsense", '"[5]"']
    text = "id,account,at,data\n" + "".join(f"{n},acme,2026-01-01,{cell}\n" for n, cell in enumerate(cells))
    taken = imported(tmp_path / "csv", {"a.csv": text}, FIELDS)

    assert [("0", Decimal("100000000000000.123456")), ("1", 2)] == rows(taken, "id", "quantity")
    assert [
        (4, "no_quantity", None),
        (5, "no_quantity", None),
        (6, "not_json", "nonsense"),
        (7, "not_json", "[5]"),
    ] == [row[1:] for row in set_aside(taken)]

    (tmp_path / "x.csv").write_text(text, "utf-8")
    select = f"select * from read_csv('{tmp_path / 'x.csv'}', all_varchar = true)"
    same = imported(
        tmp_path / "parquet", {"a.parquet": parquet(tmp_path / "x", select)}, FIELDS.replace("csv", "parquet")
    )
    assert rows(taken, "id", "quantity") == rows(same, "id", "quantity")


@pytest.mark.parametrize("header", ["data.calls", '"data.calls"'])
def test_a_column_may_have_a_point_in_its_name(tmp_path: Path, header: str) -> None:
    """Exports flatten fields of JSON into columns: those are columns as any other."""
    text = f"id,account,at,{header}\n1,acme,2026-01-01,5\n"
    assert [(5,)] == rows(imported(tmp_path / "a", {"a.csv": text}, FIELDS), "quantity")

    select = "select 1 as id, 'acme' as account, date '2026-01-01' as at, 5 as \"data.calls\""
    quoted = FIELDS.replace('"data.calls"', "'\"data.calls\"'")
    for number, told in enumerate((FIELDS, quoted)):
        files = {"a.parquet": parquet(tmp_path / "x", select)}
        taken = imported(tmp_path / str(number), files, told.replace("csv", "parquet"))
        assert [(5,)] == rows(taken, "quantity")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("{'calls': 0.1::double}", "column 'data.calls': is DOUBLE and not decimal; a float is inexact"),
        ("{'call': 1}", "column 'data.calls': is no field of its column"),
    ],
)
def test_fields_of_parquet_have_types_too(tmp_path: Path, data: str, expected: str) -> None:
    """A float within a structure is as inexact as one in a column, and a field that is missing is told."""
    select = f"select 1 as id, 'acme' as account, date '2026-01-01' as at, {data} as data"
    files = {"a.parquet": parquet(tmp_path / "x", select)}

    assert expected in problems(tmp_path, files, FIELDS.replace("csv", "parquet"))


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lines_that_end_in_two_ways_are_told(tmp_path: Path, end: str) -> None:
    """Files of two systems, one behind the other: the line is named where the end changes."""
    text = f"{CSV}{ROW}".replace("\n", end) + ROW.replace("1,", "2,", 1)

    assert "a.csv: line 3: ends otherwise than the lines before it; end all with LF" in problems(
        tmp_path, {"a.csv": text}
    )


def test_lines_of_json_may_end_in_several_ways(tmp_path: Path) -> None:
    """An end of a line means nothing else in JSON; CSV may have others within quotes."""
    two, three = (EVENT.replace('"1"', f'"{n}"') for n in (2, 3))
    taken = imported(tmp_path / "json", {"a.json": f"{EVENT}\n{two}\r\n{three}"}, JSON)
    assert [("1",), ("2",), ("3",)] == rows(taken, "id")

    quoted = ROW.replace("acme", '"a\r\nb"') + ROW.replace("1,", "2,", 1).replace("acme", '"a\rb"')
    assert 2 == imported(tmp_path / "csv", {"a.csv": CSV + quoted}).written


def test_what_is_set_aside_is_shown(tmp_path: Path) -> None:
    """The fields that nobody expects, the line that is no JSON, the number with its blanks."""
    lines = [EVENT, EVENT.replace('"calls"', '"tax": 1, "call"'), "nonsense"]
    taken = imported(tmp_path / "a", {"a.json": "\n".join(lines)}, JSON)
    assert ["tax, call", "nonsense"] == [row[3] for row in set_aside(taken)]

    taken = imported(tmp_path / "b", {"b.csv": f"{CSV}{ROW}2,acme,2026-01-01, 5\n"})
    assert [(3, "bad_quantity", " 5")] == [row[1:] for row in set_aside(taken)]

    rules = COLUMNS + 'tags = "text"\n' + RULES + 'dimensions = "tags"\n'
    text = f"{CSV.strip()},tags\n{ROW.strip()},\n2,{'a' * 1_001},2026-01-01,5,\n3,acme,2026-01-01,5,eu\n"
    taken = imported(tmp_path / "c", {"c.csv": text}, HEAD + rules)
    assert [("long_name", "a" * 200), ("bad_dimensions", "eu")] == [row[2:] for row in set_aside(taken)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_rows_are_numbered_as_an_editor_shows_them(tmp_path: Path, end: str, delimiter: str) -> None:
    """Blank lines are no rows, and count; those within a quoted cell are part of it."""
    lines = [
        *CSV.split(),
        "",
        "1,'a\n\nb',2026-01-01,5",
        "",
        "",
        "2,a,2026-01-01,x",
        "3,a,2026-01-01,y",
        "",
        "",
    ]
    lines.append("4,a,2026-01-01,z")
    text = "\n".join(lines).replace(",", delimiter).replace("'", '"').replace("\n", end)
    told = MAP.replace('format = "csv"', f'format = "csv"\ndelimiter = "{delimiter}"')
    taken = imported(tmp_path, {"a.csv": text}, told)

    assert [(6, "x"), (7, "y"), (10, "z")] == [(row, value) for _, row, _, value in set_aside(taken)]
    assert [("1",)] == rows(taken, "id")


PAGES = JSON.replace('format = "json"', 'format = "json"\nrecords = "events"')


def test_pages_of_an_interface_are_read_as_they_are_saved(tmp_path: Path) -> None:
    """A list under a key: over several lines, several pages in a file, in files, packed, and an empty one."""
    two, three = (EVENT.replace('"1"', f'"{n}"').replace("5}", f"{n}00000000000000.123456}}") for n in (2, 3))
    strange = EVENT.replace('"1"', '"4"').replace("acme", "a\u2028b")
    spread = two.replace(", ", ",\n")
    files: dict[str, str | bytes] = {
        "a.json": f'{{"meta": {{"pages": [1.5]}},\n "events": [{EVENT},\n\n {spread} ]}}',
        "b.json": f'{{"events": [{three}], "events_before": []}}\n{{"events": [5, {strange}]}}',
        "c.json": gzip.compress(b'{"events": []}'),
    }
    taken = imported(tmp_path, files, PAGES)

    assert [
        ("1", "acme-1", 5),
        ("2", "acme-1", Decimal("200000000000000.123456")),
        ("3", "acme-1", Decimal("300000000000000.123456")),
        ("4", "a\u2028b-1", 5),
    ] == rows(taken, "id", "subject", "quantity")
    assert [("b.json", 2, "not_json", "5")] == set_aside(taken)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            '{"event": []}',
            "a.json: page 1: is no page (it has no list 'events'); mend it, or the map's records",
        ),
        ('{"events": []}{"events": {}}', "a.json: page 2: is no page (there is '{}}' instead of '[')"),
        (f"[{EVENT}]", 'a.json: page 1: is no page (there is \'[{"id"'),
        (f'{{"events": [{EVENT}', "a.json: page 1: is no page"),
        (f'{{"events": [{EVENT}]', "a.json: page 1: is no page"),
        ('{"events": []}', "none of 0 rows can be used"),
    ],
)
def test_what_is_no_page_is_refused(tmp_path: Path, content: str, expected: str) -> None:
    """With its file, its number there, and what stands where something else has to."""
    assert expected in problems(tmp_path, {"a.json": content}, PAGES)


def test_a_file_is_one_file_whatever_it_is_called(tmp_path: Path) -> None:
    """Letters that mean many files elsewhere, and quotes, mean themselves."""
    (tmp_path / "a1.csv").write_text(CSV + ROW.replace("1,", "2,", 1), "utf-8")
    taken = imported(tmp_path, {"a[1]*'?.csv": CSV + ROW})

    assert [("1",)] == rows(taken, "id")


def test_too_little_memory_is_a_mistake(tmp_path: Path) -> None:
    """It is said what to do."""
    assert "--memory: 'lots' is no size" in problems(tmp_path, {"a.csv": CSV + ROW}, memory="lots")
