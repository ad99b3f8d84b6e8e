"""Maps: what is wrong with one is told before a file is opened, with the key, the value and the remedy."""

from pathlib import Path

import pytest

from metering.document import Problems
from metering.intake.mapping import built_in, load, schema, steps
from tests.metering.intake.imports import MAP, read_map

WRONG = [  # what is other in the map, and what is said about it
    (('format = "csv"', 'format = "xml"'), "format: should be 'csv', 'parquet', 'json' or 'cloudevents'"),
    (('source = "test"', ""), "source"),
    (('{ columns = ["id"] }', '{ columns = ["key"] }'), "id.columns: no column 'key'"),
    (('{ columns = ["id"] }', "{}"), 'id: needs either columns, or of = "row"'),
    (('column = "at"', 'column = "att"'), "time: no column 'att'; did you mean 'at'?"),
    (('zone = "UTC"', 'zone = "Europe/Berlim"'), "no zone 'Europe/Berlim'; did you mean 'Europe/Berlin'?"),
    (('zone = "UTC"', 'form = "german"'), "is no form of a time"),
    (
        ('zone = "UTC"', 'form = "%d.%m.%Y"'),
        "time: the form '%d.%m.%Y' has no offset; state the zone, or add %z",
    ),
    (
        ('zone = "UTC"', 'zone = "UTC", form = "%d.%Q.%Y"'),
        "time: '%Q' of the form '%d.%Q.%Y' is no part of a time",
    ),
    (('{ column = "account" }', "{}"), "account: needs one of: one, column, hash"),
    (('{ column = "account" }', '{ hash = ["account"] }'), "a hash needs the number of accounts"),
    (('account = { column = "account" }', ""), "account: nothing says whose the usage is"),
    (('plan = "team"', ""), "subscription.plan: is missing"),
    (('calls = "decimal"', 'calls = "text"'), "usage[1].quantity: column 'calls' is text"),
    (('calls = "decimal"', 'calls = "ignored"'), "usage[1].quantity: column 'calls' is ignored"),
    (
        ('calls = "decimal"', 'calls = "decimal"\nnote = "text"'),
        "columns.note: nothing is made of this column",
    ),
    (('quantity = "calls"', "quantity = -1"), "usage[1].quantity: -1 is negative"),
    (('meter = "calls"', 'metre = "calls"'), "usage[1].metre: unknown key; did you mean 'meter'?"),
    (
        ('format = "csv"', 'format = "csv"\nrecords = "events"'),
        "records: csv has no lists of rows; leave it out",
    ),
    (("[columns]", 'optional = ["x"]\n[columns]'), "optional: no column 'x'"),
]


@pytest.mark.parametrize(("change", "expected"), WRONG, ids=[case[1][:40] for case in WRONG])
def test_a_wrong_map_is_told(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    """The place, the value, the remedy."""
    assert change[0] in MAP
    with pytest.raises(Problems) as caught:
        read_map(tmp_path, MAP.replace(*change, 1))
    assert expected in str(caught.value)


def test_two_rules_that_can_hold_together_need_names(tmp_path: Path) -> None:
    """Otherwise their events would have one name; rules that exclude each other need none."""
    second = '[[usage]]\nmeter = "calls"\nquantity = "calls"\n'
    with pytest.raises(Problems, match="two rules make events of one name"):
        read_map(tmp_path, MAP + second)

    assert 2 == len(read_map(tmp_path, MAP + second + 'name = "again"\n').usage)
    apart = MAP + 'when = { account = "a" }\n' + second + 'when = { account = ["b", "c"] }\n'
    assert read_map(tmp_path, apart).is_exclusive


@pytest.mark.parametrize("name", ["azure-llm", "lago", "openmeter", "orb", "saasim", "stripe"])
def test_a_map_of_ours_is_found_by_its_name(name: str) -> None:
    """It is whole, is called what its file is called, and says what it is about."""
    found, text = load(name)

    assert name == found.name
    assert found.about
    assert text.startswith(b"#:schema import-map\n")
    assert name in built_in()


def test_a_name_of_no_map_is_a_mistake() -> None:
    """The nearest one is named."""
    with pytest.raises(Problems, match="is no built-in map; did you mean 'openmeter'"):
        load("openmetre")


def test_steps_lead_into_json() -> None:
    """Points part the keys; a key with a point stands in quotes."""
    assert ["data", "tokens"] == steps("data.tokens")
    assert ["data", "gen_ai.usage", "tokens"] == steps('data."gen_ai.usage".tokens')


def test_the_schema_names_every_key() -> None:
    """An editor can complete a map."""
    assert {"name", "format", "columns", "id", "time", "usage", "accounts", "recorded"} <= set(
        schema()["properties"]
    )
