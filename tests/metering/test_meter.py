"""Meters: what is counted, and every way to declare one wrong."""

import pytest

from metering.document import Problems, validate
from metering.meter import Meter

WRONG = [  # what a meter says, what the message says
    ({"event": "seats.sold"}, "no event type 'seats.sold'"),
    ({"aggregation": "unique_count"}, "'of' goes with unique_count"),
    ({"of": "user"}, "'of' goes with unique_count"),
    ({"event": "exam.sat", "quantity": "score"}, "exam.sat has no field 'score'"),
    ({"event": "exam.sat", "dimensions": ("exam", "city")}, "exam.sat has no field 'city'"),
    (
        {"event": "exam.sat", "aggregation": "unique_count", "of": "person"},
        "exam.sat has no field 'person'",
    ),
    ({"quantity": "gigabytes"}, "recorded usage carries its own quantity"),
    ({"aggregation": "average"}, "should be 'sum', 'count', 'max', 'latest', 'unique_count'"),
    ({"colour": "red"}, "unknown key"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG)
def test_a_wrong_meter_is_a_problem_that_says_why(fields: dict[str, object], message: str) -> None:
    """Every message that a meter can give is provoked once."""
    with pytest.raises(Problems, match="book: ") as raised:
        validate(Meter, fields, "book")

    assert message in str(raised.value)


def test_a_wrong_event_names_the_events_that_there_are() -> None:
    """The remedy is in the message: the known types."""
    with pytest.raises(Problems, match=r"known: account\.signed_up, add_on\.bought"):
        validate(Meter, {"event": "seats.sold"}, "book")


def test_a_wrong_field_names_the_fields_that_there_are() -> None:
    """The remedy is in the message: the fields of that event."""
    with pytest.raises(Problems, match="its fields: exam, kind, passed"):
        validate(Meter, {"event": "exam.sat", "quantity": "score"}, "book")


@pytest.mark.parametrize(
    ("aggregation", "level"),
    [("sum", False), ("count", False), ("unique_count", False), ("max", True), ("latest", True)],
)
def test_only_max_and_latest_are_levels(aggregation: str, level: bool) -> None:
    """A level lasts (gigabytes held), a flow adds up (calls made)."""
    of = "user" if aggregation == "unique_count" else ""

    assert level is Meter.model_validate({"aggregation": aggregation, "of": of}).is_level


@pytest.mark.parametrize("field", ["course", "format"])
def test_a_meter_cannot_add_up_text(field: str) -> None:
    """What names a field that holds no number is a problem of the book, not a crash of the bill."""
    with pytest.raises(Problems):
        validate(Meter, {"event": "course.enrolled", "quantity": field}, "book")
