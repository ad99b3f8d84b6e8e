"""Readings: SQL that turns the text of a column into a value, exactly or not at all.

Nothing passes through a binary float. What cannot be read becomes NULL, and `stage` says why.
"""

from collections.abc import Sequence

from metering.event import QUANTITY_MAX
from metering.intake.mapping import Instant
from metering.period import YEAR_MAX, YEAR_MIN

PLACES = 12
"""How many decimal places a log keeps."""

TEXT_BYTES_MAX = 1_000
"""A name of more bytes is no name."""

_PLAIN = f"[+-]?[0-9]{{1,16}}([.][0-9]{{1,{PLACES}}})?"
_WHOLE = "[+-]?[0-9]{1,16}"
_ANY = "[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?"
_OFFSET = "([A-Za-z)]|[+-][0-9]{2}(:?[0-9]{2})?)$"
_SURE = ":[0-9]{2}([.][0-9]+)?( ?(Z|UTC|GMT)|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?| [A-Za-z]+/[A-Za-z0-9_/+-]+)$"
_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}


def literal(value: str) -> str:
    """Return text as a SQL string."""
    return "'" + value.replace("'", "''") + "'"


def listed(values: Sequence[str]) -> str:
    """Return texts as a SQL list of strings, for `in (...)`."""
    return ", ".join(map(literal, values))


def quantity(text: str, kind: str) -> str:
    """Read a number: NULL where it is none, is too large, or has more places than a log keeps.

    DuckDB alone would round the thirteenth place, take `1_000`, and read 1e-13 as 0. A `float` of the file is
    rounded; that is what floats are.
    """
    value = f"try_cast({text} as decimal(38, {PLACES}))"
    exact = f"when regexp_full_match({text}, '{_WHOLE if kind == 'integer' else _PLAIN}') then {value}"
    if kind == "integer":
        read = f"case {exact} end"
    elif kind == "float":
        read = f"case {exact} when regexp_full_match({text}, '{_ANY}') then {value} end"
    else:
        fine = f"regexp_full_match({text}, '{_ANY}') and {_places(text)} <= {PLACES}"
        read = f"case {exact} when {fine} then {value} end"
    return read


def is_too_large(number: str) -> str:
    """Say whether a quantity is beyond what a log takes."""
    return f"{number} not between -{QUANTITY_MAX:f} and {QUANTITY_MAX:f}"


def _places(text: str) -> str:
    """Count the decimal places of a number such as 1.50e-7."""
    mantissa = f"regexp_extract({text}, '[.]([0-9]*?)0*([eE]|$)', 1)"
    exponent = f"coalesce(try_cast(nullif(regexp_extract({text}, '[eE](.*)$', 1), '') as integer), 0)"
    return f"length({mantissa}) - {exponent}"


def instant(text: str, when: Instant) -> str:
    """Read a time as UTC without a zone: NULL where it is none, or has no offset and no zone is stated.

    Digits finer than a microsecond are cut off. An hour that a zone's clock leaves out is no time; of an hour
    that it has twice the later is taken. A zone is an offset of at most 15 hours, UTC, GMT, or a name such as
    Europe/Berlin: other letters mean several zones (BST is London's summer, and Bangladesh).
    """
    if when.form in _EPOCHS:
        micros = f"trunc(try_cast({text} as decimal(38, 9)) * {_EPOCHS[when.form]})"
        number = f"regexp_full_match({text}, '-?[0-9]{{1,18}}([.][0-9]{{1,9}})?')"
        return f"case when {number} then make_timestamp(try_cast({micros} as bigint)) end"
    if when.form != "iso":
        return _patterned(text, when)
    plain, zoned = f"try_cast({text} as timestamp)", f"try_cast({text} as timestamptz)::timestamp"
    zoned = f"case when regexp_matches({text}, '{_SURE}') then {zoned} end"
    naive = _local(plain, when.zone) if when.zone else "null"
    return f"case when {_is_utc(text)} then {plain} when {has_offset(text)} then {zoned} else {naive} end"


def _is_utc(text: str) -> str:
    """Say whether a time ends with a digit and Z, the common case; DuckDB reads `10:00 XYZ` as UTC too."""
    return f"ends_with({text}, 'Z') and {text}[-2] between '0' and '9'"


def has_offset(text: str) -> str:
    """Say whether a time of form `iso` names its offset from UTC, or a zone (`Europe/Berlin`) behind it."""
    return f"(ends_with({text}, 'Z') or (strlen({text}) > 10 and regexp_matches({text}, '{_OFFSET}')))"


def in_range(time: str) -> str:
    """Say whether a time lies in the years that calendars here are made for."""
    return f"{time} >= timestamp '{YEAR_MIN}-01-01' and {time} < timestamp '{YEAR_MAX + 1}-01-01'"


def _patterned(text: str, when: Instant) -> str:
    read = f"try_strptime({text}, {literal(when.form)})"
    if "%z" in when.form or "%Z" in when.form:  # DuckDB then returns a time with a zone
        return f"{read}::timestamp"
    return _local(read, when.zone) if when.zone else "null::timestamp"


def _local(time: str, zone: str) -> str:
    """Bring a wall clock's time to UTC."""
    if zone == "UTC":
        return time
    there = f"timezone({literal(zone)}, {time})"
    back = f"timezone({literal(zone)}, {there})"
    return f"case when {back} = {time} then {there}::timestamp end"


def name(text: str) -> str:
    """Read a name: the one of several ways to write the same letters that the log keeps (NFC)."""
    return f"nfc_normalize({text})"


def joined(texts: Sequence[str]) -> str:
    """Make one name of several, so that different ones never become the same; NULL where one is missing."""
    if len(texts) == 1:
        return texts[0]
    return " || '/' || ".join(f"replace(replace({text}, '%', '%25'), '/', '%2F')" for text in texts)


def spread(texts: Sequence[str], accounts: int, prefix: str) -> str:
    """Name one of so many accounts by the hash of some columns; MD5, which every version computes alike."""
    together = joined([f"coalesce({text}, '')" for text in texts])
    digits = len(str(accounts))
    number = f"(('0x' || right(md5({together}), 15))::bigint % {accounts} + 1)::varchar"
    return f"{literal(prefix)} || lpad({number}, {digits}, '0')"
