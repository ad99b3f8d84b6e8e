"""A log as saasim exports it: facts among the usage, dimensions as JSON, usage that nobody has."""

import json
from pathlib import Path
from typing import Any

import pytest

from metering.document import Problems
from metering.intake.intake import Intake, take
from metering.intake.mapping import load
from tests.metering.intake.imports import read_map


def event(kind: str, key: str, subject: str, **data: Any) -> dict[str, Any]:
    """Return a CloudEvent."""
    return {"specversion": "1.0", "source": "s", "id": key, "type": kind, "subject": subject,
            "time": "2026-01-05T12:00:00Z", "data": data}  # fmt: skip


SIGNED_UP = event("account.signed_up", "1", "acme", name="Acme", email="", segment="smb", channel="web")
STARTED = event("subscription.started", "2", "acme", subscription="acme-1", plan="team")
USED = event("usage.recorded", "3", "acme-1", meter="calls", quantity="5", dimensions="")


def taken(directory: Path, *events: dict[str, Any]) -> Intake:
    """Import events by the map that comes with saasim."""
    file = directory / "log.ndjson"
    file.write_text("".join(json.dumps(one) + "\n" for one in events), "utf-8")
    return take([file], load("saasim")[0], directory=directory / "out")


def test_facts_among_the_usage_are_facts(tmp_path: Path) -> None:
    """They are no rows of usage, and none is quarantined for being no usage."""
    (tmp_path / "out").mkdir()
    found = taken(tmp_path, SIGNED_UP, STARTED, USED)

    assert (1, 1, 2, {}) == (found.rows, found.events, found.facts, found.quarantined)
    assert ["account.signed_up", "subscription.started"] == found.log.fact_frame()["type"].to_list()


def test_a_log_without_usage_is_one(tmp_path: Path) -> None:
    """A company may live by its fees."""
    (tmp_path / "out").mkdir()
    found = taken(tmp_path, SIGNED_UP, STARTED)

    assert (0, 2, 1) == (found.events, found.facts, len(found.log.blocks))


def test_usage_that_nobody_has_is_kept(tmp_path: Path) -> None:
    """The bill says that it has no subscription: an import that dropped it would make another ledger."""
    (tmp_path / "out").mkdir()
    ghost = {**USED, "id": "4", "subject": "ghost"}
    found = taken(tmp_path, SIGNED_UP, STARTED, USED, ghost)

    assert (2, {}) == (found.events, found.quarantined)


@pytest.mark.parametrize(
    ("dimensions", "reasons"),
    [
        ('{"model":"gpt"}', {}),
        ("", {}),
        ("{}", {}),
        ("[1]", {"bad_dimensions": 1}),
        ("model=gpt", {"bad_dimensions": 1}),
        ('"x"', {"bad_dimensions": 1}),
        ("null", {"bad_dimensions": 1}),
    ],
)
def test_dimensions_are_an_object_or_nothing(
    tmp_path: Path, dimensions: str, reasons: dict[str, int]
) -> None:
    """What a price could not group by is quarantined."""
    (tmp_path / "out").mkdir()
    odd = {**USED, "id": "4", "data": {**USED["data"], "dimensions": dimensions}}

    assert reasons == taken(tmp_path, SIGNED_UP, STARTED, USED, odd).quarantined


def test_a_kind_that_there_is_not_is_set_aside(tmp_path: Path) -> None:
    """Neither a fact nor usage."""
    (tmp_path / "out").mkdir()
    found = taken(tmp_path, SIGNED_UP, STARTED, USED, {**USED, "id": "4", "type": "usage.guessed"})

    assert {"unknown_meter": 1} == found.quarantined


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"data": {"subscription": "a", "plan": "team", "seats": "two"}}, "seats is 'two'; write int"),
        ({"recordedtime": "2026-01-06T00:00:00"}, "cannot be read"),
        ({"recordedtime": "soon"}, "cannot be read"),
    ],
)
def test_a_fact_that_is_wrong_stops_the_import(tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    """Facts are few, and decide everything."""
    (tmp_path / "out").mkdir()
    with pytest.raises(Problems, match=expected):
        taken(tmp_path, SIGNED_UP, {**STARTED, **change}, USED)


def test_only_cloudevents_hold_facts_among_usage(tmp_path: Path) -> None:
    """A row of a table does not say what it is."""
    text = (Path(__file__).parents[3] / "fixtures" / "maps" / "saasim.toml").read_text("utf-8")
    rows = 'format = "csv"\naccount = "a"\nplan = "p"\nstarts = { column = "s" }\namong_usage'

    with pytest.raises(Problems, match="remove among_usage"):
        read_map(tmp_path, text.replace('format = "cloudevents"\namong_usage', rows))
