"""Events: typed, immutable, past-tense facts in one registry."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any, get_type_hints

import polars as pl
import pytest

from metering.codec import decode_all, encode_all
from metering.event import (
    EVENTS,
    TYPES,
    DevicesShipped,
    Event,
    InvoicePaid,
    MoneySpent,
    SeatsChanged,
    decode,
    encode,
)
from metering.log import FACT_SCHEMA
from tests.ledgers import facts

NEW_YEAR = datetime(2026, 1, 1)  # noqa: DTZ001

SAMPLES: dict[Any, Any] = {
    str: 'Müller & Söhne "GmbH"',
    int: 7,
    bool: False,
    Decimal: Decimal("0.100"),
    date: date(2028, 2, 29),
}


TRICKY = [
    "",
    " ",
    'a"b\\c/d',
    "\t\n\r\b\f\x00\x1f\x7f",
    "é e\u0301 漢字 🦆 \u2028",
    "{}",
    "null",
    "1",
    "<&>'",
]


def sample(kind: str) -> Any:
    """Make an event's data with a value in every field."""
    hints = get_type_hints(EVENTS[kind])
    return EVENTS[kind](**{name: SAMPLES[hints[name]] for name in EVENTS[kind]._fields})


@pytest.mark.parametrize("kind", EVENTS)
def test_what_is_written_is_read_back(kind: str) -> None:
    """`decode` undoes `encode` for every kind, with the types of every field."""
    data = sample(kind)

    assert data == decode(kind, encode(data))
    assert [type(value) for value in data] == [type(value) for value in decode(kind, encode(data))]


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_is_canonical_json(kind: str) -> None:
    """Keys are sorted, decimals and dates are text, nothing is a float, no space is spent."""
    text = encode(sample(kind))
    fields = json.loads(text, parse_float=lambda number: pytest.fail(f"{number} is a float"))

    assert list(fields) == sorted(EVENTS[kind]._fields)
    assert text == json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_kind_is_explained_and_immutable(kind: str) -> None:
    """Every kind has a docstring of its own, and no field can be set."""
    data = sample(kind)

    assert (EVENTS[kind].__doc__ or "").endswith(".")
    with pytest.raises(AttributeError):
        setattr(data, data._fields[0], "other")


def test_types_and_kinds_are_one_to_one() -> None:
    """Each kind has one CloudEvents type, and `Event.type` says it."""
    assert EVENTS == {name: kind for kind, name in TYPES.items()}
    assert list(EVENTS) == [_event(sample(kind)).type for kind in EVENTS]


def test_the_log_knows_every_kind_that_a_company_needs() -> None:
    """At least the kinds that the project was asked for, by their CloudEvents types."""
    assert set(EVENTS) >= {
        "lead.created",
        "account.signed_up",
        "subscription.started",
        "plan.changed",
        "seats.changed",
        "add_on.bought",
        "add_on.dropped",
        "subscription.cancelled",
        "subscription.reactivated",
        "usage.recorded",
        "devices.shipped",
        "course.enrolled",
        "course.completed",
        "exam.sat",
        "project.started",
        "hours.worked",
        "milestone.delivered",
        "partner.joined",
        "deal.referred",
        "deal.sold",
        "invoice.paid",
        "payment.failed",
        "money.spent",
    }


def test_decimals_keep_their_digits() -> None:
    """0.10 stays 0.10: an amount is text, never a float."""
    assert '"amount":"0.10"' in encode(MoneySpent("adverts", Decimal("0.10")))


def test_letters_of_all_languages_are_written_as_they_are() -> None:
    """UTF-8, no escapes."""
    assert "Ünïcode 漢字" in encode(MoneySpent("Ünïcode 漢字", Decimal(1)))


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_many_facts_are_written_and_read_like_one(kind: str) -> None:
    """The codec of whole blocks writes the JSON of `encode`, and reads what `decode` reads."""
    told = [_event(sample(kind)._replace(**dict.fromkeys(_texts(kind), text))) for text in TRICKY]
    frame = _frame(told)

    assert [encode(event.data) for event in told] == encode_all(told).to_list()
    assert [event.data for event in told] == [event.data for event in decode_all(frame)]


def test_facts_of_many_kinds_keep_their_order() -> None:
    """What is written kind by kind stands in the order of the facts."""
    told = [_event(sample(kind)) for kind in [*EVENTS, *reversed(EVENTS)]]

    assert [encode(event.data) for event in told] == encode_all(told).to_list()
    assert told == decode_all(_frame(told))
    assert [] == encode_all([]).to_list()


def test_an_older_block_gets_the_default_of_a_newer_field() -> None:
    """As `decode` does for one fact, the codec does for a block: a field that is missing has its default."""
    frame = _frame([_event(SeatsChanged("s", 1))]).with_columns(
        type=pl.lit("devices.shipped"), data=pl.lit('{"devices":5,"subscription":"s"}')
    )

    assert [DevicesShipped("s", 5, "")] == [event.data for event in decode_all(frame)]


def _event(data: Any) -> Event:
    return Event("test", "1", "acme", NEW_YEAR, data, NEW_YEAR)


def _texts(kind: str) -> list[str]:
    return [name for name, hint in get_type_hints(EVENTS[kind]).items() if hint is str]


def _frame(told: list[Event]) -> pl.DataFrame:
    columns: dict[str, Any] = {
        name: [getattr(event, name) for event in told]
        for name in FACT_SCHEMA
        if name not in {"position", "data"}
    }
    return (
        pl.DataFrame(columns | {"position": range(len(told)), "data": [encode(event.data) for event in told]})
        .select(FACT_SCHEMA.names())
        .cast(FACT_SCHEMA)
    )


def test_an_unknown_type_is_refused() -> None:
    """A type that is not in the registry is a KeyError."""
    with pytest.raises(KeyError):
        decode("seats.vanished", "{}")


def test_a_missing_field_is_refused() -> None:
    """A field without a default must be there."""
    with pytest.raises(TypeError, match="seats"):
        decode("seats.changed", '{"subscription":"s"}')


def test_an_unknown_field_is_refused() -> None:
    """`decode` says: TypeError for fields that the kind does not have."""
    with pytest.raises(TypeError):
        decode("seats.changed", '{"seats":1,"subscription":"s","until":"2026-02-01"}')


def test_an_older_event_gets_the_default_of_a_newer_field() -> None:
    """A field with a default may be missing: old logs are read."""
    assert EVENTS["devices.shipped"]("s", 5, "") == decode(
        "devices.shipped", '{"devices":5,"subscription":"s"}'
    )


def test_a_table_of_facts_reads_as_events() -> None:
    """The tests' own notation: fields in order or by name, a day means its noon."""
    paid, seats = facts("""
        2026-02-09  acme  invoice.paid   2026-01 days=8     # eight days late
        2026-02-10T23:59:59.999999  acme  seats.changed  acme-1 4
    """)

    assert (InvoicePaid("2026-01", 8), datetime(2026, 2, 9, 12)) == (paid.data, paid.occurred_at)  # noqa: DTZ001
    assert SeatsChanged("acme-1", 4) == seats.data
    assert 999_999 == seats.occurred_at.microsecond
