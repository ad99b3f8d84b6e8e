"""Readings: numbers and times are read exactly or not at all, as Python's Decimal and zoneinfo read them."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

import duckdb
import pytest

from metering.intake import reading
from metering.intake.mapping import Instant

NUMBERS = [  # as it stands in a file, and what it is (None: no number that a log keeps)
    ("1.5", "1.5"),
    ("-0.25", "-0.25"),
    ("+7", "7"),
    ("00012", "12"),
    ("1e3", "1000"),
    ("1.5E+2", "150"),
    ("1e-7", "0.0000001"),
    ("2.50e-11", "0.000000000025"),
    ("0.000000000001", "0.000000000001"),
    ("1.5000000000000000", "1.5"),
    (".5", "0.5"),
    ("5.", "5"),
    ("999999999999999.123456789012", "999999999999999.123456789012"),
    ("0.0000000000005", None),  # DuckDB's cast says 0.000000000001
    ("1e-13", None),  # DuckDB's cast says 0
    ("1_000", None),  # DuckDB's cast says 1000
    ("0x10", None),
    ("NaN", None),
    ("inf", None),
    ("-Infinity", None),
    ("1e400", None),
    ("1,5", None),
    ("1.5.2", None),
    ("--1", None),
    ("1e", None),
    ("٣", None),
    ("=1+1", None),
    ("12 ", None),
    ("", None),
]

TIMES = [  # as it is written, its form, the stated zone, and the instant in UTC
    ("2026-01-05T09:00:00Z", "iso", "", "2026-01-05T09:00:00"),
    ("2026-01-05T09:00:00.123456789Z", "iso", "", "2026-01-05T09:00:00.123456"),
    ("2026-01-05T09:00:00+02:00", "iso", "", "2026-01-05T07:00:00"),
    ("2026-01-05T09:00:00-0330", "iso", "UTC", "2026-01-05T12:30:00"),
    ("2026-01-05 09:00:00", "iso", "UTC", "2026-01-05T09:00:00"),
    ("2023-11-16 18:15:46.6805900", "iso", "UTC", "2023-11-16T18:15:46.680590"),
    ("2026-01-05", "iso", "UTC", "2026-01-05T00:00:00"),
    ("2026-01-05", "iso", "Asia/Tokyo", "2026-01-04T15:00:00"),
    ("2026-07-05 09:00:00", "iso", "Europe/Berlin", "2026-07-05T07:00:00"),
    ("2026-07-05T09:00:00Z", "iso", "Europe/Berlin", "2026-07-05T09:00:00"),
    ("2026-03-29 02:30:00", "iso", "Europe/Berlin", None),  # clocks skip that hour
    ("2026-10-25 02:30:00", "iso", "Europe/Berlin", "2026-10-25T01:30:00"),  # it is there twice: the later
    ("2026-01-05 09:00:00", "iso", "", None),  # no offset, and no zone is stated
    ("2026-01-05 09:00:00 UTC", "iso", "", "2026-01-05T09:00:00"),
    ("2026-07-05 09:00:00 Europe/Berlin", "iso", "UTC", "2026-07-05T07:00:00"),
    ("2026-07-05 09:00:00 Europe/Belin", "iso", "UTC", None),
    ("2026-01-05 00:00:00 NZ", "iso", "UTC", None),  # DuckDB's plain cast drops the zone
    ("2026-01-05 09:00:00 XYZ", "iso", "", None),  # and takes any word that ends with Z for UTC
    ("2026-07-05 09:00:00 BST", "iso", "", None),  # London's summer, or Bangladesh
    ("2026-01-05T09:00:00+25:00", "iso", "UTC", None),  # no clock is that far off
    ("2026-01-05T09:00:00+14:00", "iso", "UTC", "2026-01-04T19:00:00"),
    (" 2026-01-05", "iso", "Asia/Tokyo", None),  # a day is no offset
    ("2026-02-30 00:00:00", "iso", "UTC", None),
    ("yesterday", "iso", "UTC", None),
    ("1767225600", "epoch_s", "", "2026-01-01T00:00:00"),
    ("1767225600.5", "epoch_s", "", "2026-01-01T00:00:00.500000"),
    ("1767225600123", "epoch_ms", "", "2026-01-01T00:00:00.123000"),
    ("1767225600123456", "epoch_us", "", "2026-01-01T00:00:00.123456"),
    ("2026-01-01", "epoch_s", "", None),
    ("NaN", "epoch_s", "", None),
    ("05/01/2026 09:15", "%d/%m/%Y %H:%M", "UTC", "2026-01-05T09:15:00"),
    ("05/01/2026 09:15", "%d/%m/%Y %H:%M", "America/New_York", "2026-01-05T14:15:00"),
    ("05/01/2026 09:15 +0100", "%d/%m/%Y %H:%M %z", "", "2026-01-05T08:15:00"),
]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection whose clock is UTC, as the stage's is."""
    with duckdb.connect() as made:
        made.execute("set TimeZone = 'UTC'")
        yield made


def read(connection: duckdb.DuckDBPyConnection, sql: str, text: str) -> object:
    """Return what SQL over a column `v` makes of a text."""
    return connection.execute(f"select {sql} from (select ?::varchar as v)", [text]).fetchall()[0][0]


@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_a_number_is_read_exactly_or_not_at_all(
    connection: duckdb.DuckDBPyConnection, text: str, expected: str | None
) -> None:
    """No digit is dropped or rounded, and nothing that is no decimal number becomes one."""
    found = read(connection, reading.quantity("v", "decimal"), text)

    assert (None if expected is None else Decimal(expected)) == found


def test_numbers_agree_with_decimal_on_random_texts(connection: duckdb.DuckDBPyConnection) -> None:
    """Of 3,000 texts of digits, points, signs and exponents each is what Decimal says, or has 13 places."""
    chance = random.Random(4)
    texts = ["".join(chance.choices("0123456789.e-+", k=chance.randint(1, 9))) for _ in range(3_000)]
    texts += [
        str(Decimal(chance.randint(-(10**15), 10**15)).scaleb(-chance.randint(0, 14))) for _ in range(500)
    ]
    sql = reading.quantity("v", "decimal")
    found = connection.execute(f"select v, {sql} from (select unnest(?) as v)", [texts]).fetchall()

    for text, number in found:
        try:
            exact = Decimal(text)
        except InvalidOperation:
            assert number is None, text
            continue
        keeps = exact.adjusted() < 15 and exact == exact.quantize(Decimal("1e-12"))
        if number is None:
            assert not keeps or len(text.partition("e")[2].lstrip("+-")) > 3, text
        else:
            assert exact == number, text


def test_a_whole_number_is_whole(connection: duckdb.DuckDBPyConnection) -> None:
    """DuckDB's cast reads 1.5 as 2; a column of integers takes it for a mistake."""
    assert [Decimal(12), None, None] == [
        read(connection, reading.quantity("v", "integer"), text) for text in ("12", "1.5", "1e3")
    ]


def test_a_float_of_the_file_is_rounded(connection: duckdb.DuckDBPyConnection) -> None:
    """A file that holds floats says so in its map; their digits beyond the twelfth place mean nothing."""
    assert Decimal("0.3") == read(connection, reading.quantity("v", "float"), "0.30000000000000004")
    assert read(connection, reading.quantity("v", "float"), "nan") is None


@pytest.mark.parametrize(("text", "form", "zone", "expected"), TIMES)
def test_a_time_is_read_in_its_zone_or_not_at_all(
    connection: duckdb.DuckDBPyConnection, text: str, form: str, zone: str, expected: str | None
) -> None:
    """A stated zone or offset counts; without either there is no time."""
    found = read(connection, reading.instant("v", Instant(column="v", form=form, zone=zone)), text)

    assert (None if expected is None else datetime.fromisoformat(expected)) == found


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
def test_zones_agree_with_python(connection: duckdb.DuckDBPyConnection, zone: str) -> None:
    """Every half hour of a year on the clock of a zone comes back to UTC, but for a doubled hour."""
    half_hours = [datetime.fromtimestamp(1_767_225_600 + 1_800 * n, UTC) for n in range(17_520)]
    clocks = [at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in half_hours]
    sql = reading.instant("v", Instant(column="v", zone=zone))
    texts = [str(clock) for clock in clocks]
    found = connection.execute(f"select {sql} from (select unnest(?) as v)", [texts]).fetchall()

    plain = [at.replace(tzinfo=None) for at in half_hours]
    wrong = [text for text, (read_at,), at in zip(texts, found, plain, strict=True) if read_at != at]
    assert all(texts.count(text) == 2 for text in wrong), wrong[:3]
    assert len(wrong) <= 2


def test_names_of_several_columns_never_meet(connection: duckdb.DuckDBPyConnection) -> None:
    """a/b + c and a + b/c are two names."""
    pairs = "(values ('a/b', 'c'), ('a', 'b/c'), ('a%2Fb', 'c')) t(x, y)"
    sql = f"select {reading.joined(['x', 'y'])} from {pairs}"

    assert 3 == len({name for (name,) in connection.execute(sql).fetchall()})
    assert [(None,)] == connection.execute(
        f"select {reading.joined(['x', 'y'])} from (select 'a' x, null y)"
    ).fetchall()


def test_a_hash_spreads_alike_for_ever(connection: duckdb.DuckDBPyConnection) -> None:
    """The account of a row is a function of the row: the MD5 of its columns, not DuckDB's own hash."""
    sql = f"select {reading.spread(['v'], 20, 'tenant-')} from (select unnest(['a', 'b', 'c', 'd']) v)"

    # md5('a') = 0cc175b9c0f1b6a831c399e269772661: its last 15 hexadecimal digits, modulo 20, plus 1
    expected = 0x1C399E269772661 % 20 + 1
    found = [name for (name,) in connection.execute(sql).fetchall()]

    assert f"tenant-{expected:02}" == found[0]
    assert all(name.startswith("tenant-") and 1 <= int(name[7:]) <= 20 for name in found)
