"""`saasim quote` on a shell: cases of one's own biller, without a price book, as checks."""

import io
import json

import pytest

from simulator.__main__ import answer

FLAT = '"price": {"model": "graduated", "tiers": [{"flat_fee": 20}]}, "quantity": 0'


def quoted(
    asked: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[str], str]:
    """Return the exit code, the amounts that were answered, and what was said beside them."""
    monkeypatch.setattr("sys.stdin", io.StringIO(asked))
    code = answer(["quote", "--month", "2026-01", *words.split()], debug=False)
    told = capsys.readouterr()
    return code, [json.loads(line)["amount"] for line in told.out.splitlines()], told.err


def test_a_case_needs_no_price_book(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Conventions for all lines, and a line's own, as text or as a table."""
    asked = "\n".join([
        f"{{{FLAT}}}",
        f'{{{FLAT}, "conventions": "flexprice"}}',
        f'{{{FLAT}, "conventions": {{"first_flat": "above_zero"}}}}',
        f'{{{FLAT}, "conventions": {{"preset": "stripe"}}}}',
    ])  # fmt: skip

    assert (0, ["20", "0", "0", "20"], "") == quoted(asked, "--conventions lago", monkeypatch, capsys)
    assert (0, ["0", "0", "0", "20"], "") == quoted(asked, "", monkeypatch, capsys)


def test_a_case_that_expects_something_is_a_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1 where one differs, with its line; every line is answered all the same."""
    asked = "\n".join([
        f'{{{FLAT}, "expect": 0}}',
        "",
        f'{{{FLAT}, "expect": "20.00", "conventions": "lago"}}',
        f'{{{FLAT}, "expect": 3}}',
    ])  # fmt: skip
    code, amounts, said = quoted(asked, "", monkeypatch, capsys)

    assert (1, ["0", "20", "0"]) == (code, amounts)
    assert "line 4: comes to 0, and not to 3\n" == said


def test_what_is_wrong_with_a_case_is_said_with_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A convention, a meter, a discount or an event that does not exist or fit; the others are answered."""
    wrong = [
        f'{{{FLAT}, "conventions": "stripes"}}',
        f'{{{FLAT}, "discounts": [{{"shares": 0.1}}]}}',
        '{"prices": {"a": {"meter": "calls", "unit_price": 1}}, "events": {"cals": [1, 2]}}',
        '{"plan": {"prices": {"a": {"per": "seat", "unit_price": 1}}, "maximun": 3}}',
        f"{{{FLAT}}}",
    ]
    code, amounts, said = quoted("\n".join(wrong), "", monkeypatch, capsys)

    assert (2, ["0"]) == (code, amounts)
    for message in (
        "line 1: conventions: there is no 'stripes'; did you mean 'stripe'?",
        "line 2: discount-1: shares: unknown key; did you mean 'share'?",
        "line 3: events: the price book has no 'cals'; did you mean 'calls'?",
        "line 4: plan: maximun: unknown key; did you mean 'maximum'?",
    ):
        assert message in said


def test_single_events_are_measured_as_the_meter_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Added up, counted, the most, the last, or one by one."""
    rows = [("sum", False), ("count", False), ("max", False), ("latest", False), ("sum", True)]
    asked = "\n".join(
        json.dumps({
            "price": {"meter": "m", "model": "package", "package_size": 10, "unit_price": 1},
            "meters": {"m": {"aggregation": aggregation, "each": each}},
            "events": {"m": [15, 30, 5]},
        })
        for aggregation, each in rows
    )  # fmt: skip

    assert (0, ["5", "1", "3", "1", "6"], "") == quoted(asked, "", monkeypatch, capsys)
