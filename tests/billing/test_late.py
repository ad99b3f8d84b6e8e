"""Late events: what becomes known after its month becomes adjustments, and comes to the same in total."""

import random
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from billing.amendment import bill_as_known
from billing.bill import Carried
from billing.close import close
from metering.document import Problems
from metering.event import Event, UsageCorrected
from metering.log import Log
from metering.period import Period
from simulator.verification import Evidence, verify
from tests.billing.late import about_months, delayed, told
from tests.ledgers import Tables, book, closed, engine, expected, lines, posted, record, rows, unbridged
from tests.random_company import company

BOOK = """
currency = "USD"
[meters.calls]
unit = "call"
[meters.devices]
aggregation = "max"
[plans.pro]
name = "Pro"
stream = "subscription"
prices.seats = { per = "seat", unit_price = 30 }
prices.calls = { meter = "calls", model = "graduated", allowance = 1000, tiers = [
    { up_to = 1000, unit_price = 0.01 }, { unit_price = 0.005 } ] }
"""

JOINS = """
    2026-01-01  acme  account.signed_up     "Acme" a@acme.example smb web
    2026-01-01  acme  subscription.started  acme-1 pro 3
"""

COLUMNS = "invoice kind price quantity amount starts_on ends_on"


def usage_lines(directory: Path, text: str, more: str, count: int) -> list[tuple[str, ...]]:
    """Bill Acme and return the lines of calls."""
    return lines(closed(directory, text, JOINS + more, count), COLUMNS, price="calls")


def failing(log: Log, text: str, tables: Tables) -> set[str]:
    """Return the checks of `saasim verify` that a ledger does not stand."""
    evidence = Evidence(log.directory, log, book(text), posted(tables))
    return {verdict.check for verdict in verify(evidence) if not verdict.holds}


def test_late_usage_is_rated_with_what_came_before_it(tmp_path: Path) -> None:
    """1,500 calls in time cost 500 x $0.01; with 1,000 more, 1,000 x 0.01 + 500 x 0.005 are due."""
    found = usage_lines(
        tmp_path,
        BOOK,
        """
        2026-01-10  acme-1  usage.recorded  calls 1500
        2026-01-20>2026-02-03  acme-1  usage.recorded  calls 1000
        """,
        2,
    )

    assert found == expected("""
        INV-2026-01-acme  usage       calls  1500  5.00  2026-01-01  2026-02-01
        INV-2026-02-acme  adjustment  calls  1000  7.50  2026-01-01  2026-02-01
    """)


def test_an_adjustment_says_what_it_adjusts(tmp_path: Path) -> None:
    """The month it is about, the kind of its lines, and quantity and amount before and after."""
    tables = closed(
        tmp_path,
        BOOK,
        JOINS
        + """
        2026-01-10  acme-1  usage.recorded  calls 1500
        2026-01-20>2026-02-03  acme-1  usage.recorded  calls 1000
        2026-01-21>2026-03-03  acme-1  usage.recorded  calls 1000
        """,
        3,
    )
    columns = "invoice service_month adjusts quantity_before quantity_after"

    assert rows(tables["adjustments"], columns) == expected("""
        INV-2026-02-acme  2026-01-01  usage  1500  2500
        INV-2026-03-acme  2026-01-01  usage  2500  3500
    """)
    assert [("5.0000", "12.5000"), ("12.5000", "17.5000")] == [
        (str(before), str(after))
        for before, after in tables["adjustments"].select("amount_before", "amount_after").iter_rows()
    ]


def test_a_late_change_of_seats_credits_what_was_billed(tmp_path: Path) -> None:
    """January was billed for three seats; five from the 11th make 10/31 of $90 and 21/31 of $150."""
    tables = closed(tmp_path, BOOK, JOINS + "2026-01-11>2026-02-09  acme  seats.changed  acme-1 5", 2)

    assert lines(tables, COLUMNS, price="seats") == expected("""
        INV-2026-01-acme  recurring   seats  3   90.00   2026-01-01  2026-02-01
        INV-2026-02-acme  recurring   seats  5   150.00  2026-02-01  2026-03-01
        INV-2026-02-acme  adjustment  seats  3   29.03   2026-01-01  2026-01-11
        INV-2026-02-acme  adjustment  seats  -3  -90.00  2026-01-01  2026-02-01
        INV-2026-02-acme  adjustment  seats  5   101.61  2026-01-11  2026-02-01
    """)


def test_a_late_cancellation_gives_back_what_was_billed_since(tmp_path: Path) -> None:
    """Who left on 1 February, and is known to in March, gets February back; revenue moves in March."""
    tables = closed(
        tmp_path, BOOK, JOINS + "2026-02-01>2026-03-05  acme  subscription.cancelled  acme-1 2026-02-01", 3
    )

    assert lines(tables, COLUMNS, kind="adjustment") == expected("""
        INV-2026-03-acme  adjustment  seats  -3  -90.00  2026-02-01  2026-03-01
    """)
    assert rows(tables["mrr_balances"], "month amount") == [("2026-01", "90.00"), ("2026-02", "90.00")]
    assert rows(tables["mrr_movements"], "month kind cause amount") == [
        ("2026-01", "new", "subscription", "90.00"),
        ("2026-03", "churn", "voluntary", "-90.00"),
    ]
    assert [] == unbridged(tables)


def test_a_closed_month_keeps_its_ledger(tmp_path: Path) -> None:
    """Nothing that becomes known in March changes an invoice, a payout or an entry of January or February."""
    early = JOINS + "2026-01-10  acme-1  usage.recorded  calls 1500\n"
    late = "2026-01-20>2026-03-03  acme-1  usage.recorded  calls 900\n"
    before, after = (
        closed(tmp_path / name, BOOK, text, 3) for name, text in (("a", early), ("b", early + late))
    )
    closed_months = pl.col("month") < pl.date(2026, 3, 1)

    for name in ("invoices", "invoice_lines", "payouts", "entries", "postings", "mrr_balances"):
        assert before[name].filter(closed_months).equals(after[name].filter(closed_months)), name


def test_a_year_that_becomes_known_late_is_earned_from_its_first_day(tmp_path: Path) -> None:
    """$1,200 from 1 January known in March: by the end of March 90 of 365 days are earned, at once."""
    text = BOOK.replace("unit_price = 30 }", "unit_price = 30, annual = { unit_price = 1200 } }")
    tables = closed(
        tmp_path,
        text,
        """
        2026-01-01  acme  account.signed_up     "Acme" a@acme.example smb web
        2026-01-01>2026-03-02  acme  subscription.started  acme-1 pro 1 year
        """,
        4,
    )
    revenue = tables["postings"].filter(pl.col("ledger_account") == "revenue")
    earned = revenue.group_by("month", maintain_order=True).agg(amount=-pl.col("amount").sum())

    assert lines(tables, COLUMNS) == expected("""
        INV-2026-03-acme  adjustment  seats  1  1200.00  2026-01-01  2027-01-01
    """)
    assert rows(earned.sort("month"), "month amount") == [("2026-03", "295.89"), ("2026-04", "98.63")]


def test_a_correction_takes_usage_back(tmp_path: Path) -> None:
    """A difference takes 600 of 1,500 calls back: they are within the allowance now, and $5 are returned."""
    found = usage_lines(
        tmp_path,
        BOOK,
        """
        2026-01-10  acme-1  usage.recorded  calls 1500
        2026-01-10>2026-02-03  acme-1  usage.corrected  calls -600 "a test of ours"
        """,
        2,
    )

    assert found == expected("""
        INV-2026-01-acme  usage       calls  1500  5.00   2026-01-01  2026-02-01
        INV-2026-02-acme  adjustment  calls  -600  -5.00  2026-01-01  2026-02-01
    """)


def test_a_correction_replaces_the_event_that_it_names(tmp_path: Path) -> None:
    """The event counts what the last correction says; another event of that time is untouched."""
    found = usage_lines(
        tmp_path,
        BOOK,
        """
        2026-01-10  acme-1  usage.recorded  calls 1500
        2026-01-10  acme-1  usage.recorded  calls 400
        2026-01-10>2026-01-12  acme-1  usage.corrected  calls 1700 "counted again" test/4
        2026-01-10>2026-02-03  acme-1  usage.corrected  calls 1800 "and again" test/4
        """,
        2,
    )

    assert found == expected("""
        INV-2026-01-acme  usage       calls  2100  10.50  2026-01-01  2026-02-01
        INV-2026-02-acme  adjustment  calls  100   0.50   2026-01-01  2026-02-01
    """)


def test_an_event_that_is_taken_back_is_not_counted(tmp_path: Path) -> None:
    """Two requests are one once the other is taken back, also for a meter that counts and for a level."""
    text = (
        BOOK.replace('unit = "call"', 'aggregation = "count"')
        + """
    [plans.pro.prices.devices]
    meter = "devices"
    unit_price = 2
    """
    )
    tables = closed(
        tmp_path,
        text.replace("allowance = 1000, ", ""),
        JOINS
        + """
        2026-01-10  acme-1  usage.recorded  calls 1
        2026-01-11  acme-1  usage.recorded  calls 1
        2026-01-12  acme-1  usage.recorded  devices 7
        2026-01-13  acme-1  usage.recorded  devices 4
        2026-01-11>2026-02-03  acme-1  usage.corrected  calls 0 "a retry" test/5
        2026-01-12>2026-02-03  acme-1  usage.corrected  devices 0 "a wrong probe" test/6
        """,
        2,
    )

    used = rows(tables["usage"].sort("meter"), "meter quantity events")
    assert used == [("calls", "1", "1"), ("devices", "4", "1")]
    assert lines(tables, "price quantity amount", kind="adjustment") == [
        ("calls", "-1", "-0.01"),
        ("devices", "-3", "-6.00"),
    ]


def test_a_month_that_is_taken_back_below_zero_costs_nothing(tmp_path: Path) -> None:
    """What is taken back beyond what was used is shown, and gives nothing."""
    found = usage_lines(
        tmp_path,
        BOOK,
        """
        2026-01-10  acme-1  usage.recorded  calls 1500
        2026-01-11  acme-1  usage.corrected  calls -2000 "twice too much"
        """,
        1,
    )

    assert found == expected("INV-2026-01-acme  usage  calls  -500  0.00  2026-01-01  2026-02-01")


def test_nothing_is_added_to_a_level(tmp_path: Path) -> None:
    """A difference corrects what adds up; of a level the event has to be named."""
    more = '2026-01-11  acme-1  usage.corrected  devices 5 "more"'

    with pytest.raises(Problems, match="meter 'devices' is a max: nothing is added to it; name the event"):
        closed(tmp_path / "one", BOOK, JOINS + more, 1)

    with pytest.raises(Problems, match="the log: has 5 more such corrections"):
        closed(tmp_path / "many", BOOK, JOINS + "\n".join([more] * 25), 1)


def test_a_correction_of_nothing_is_told(tmp_path: Path) -> None:
    """A correction that names no usage event of its subject, meter and time is listed as ignored."""
    told_so = """
        2026-01-10  acme-1  usage.recorded   calls 1500
        2026-01-11  acme-1  usage.corrected  calls 100 "another time" test/4
    """
    tables = closed(tmp_path, BOOK, JOINS + told_so, 1)

    assert rows(tables["ignored_events"], "position reason") == [
        ("2", "corrects no usage event of this subject, meter and time")
    ]


def test_what_was_paid_or_spent_is_booked_once_it_is_known(tmp_path: Path) -> None:
    """January's books are closed: a cost of January that becomes known in February is a cost of February."""
    told_so = JOINS + "2026-01-30>2026-02-04  us  money.spent  hosting 500"
    tables = closed(tmp_path, BOOK, told_so, 2)

    assert rows(tables["entries"], "month booked_on kind", kind="cost") == [("2026-02", "2026-02-04", "cost")]


Company = tuple[str, list[Event], list[Event], list[Period]]


def corrected(events: list[Event], rng: random.Random) -> list[Event]:
    """Correct some usage: a new quantity for an event, or none."""
    used = [event for event in events if event.type == "usage.recorded"]
    found = list(events)
    for number, event in enumerate(rng.sample(used, len(used) // 5)):
        meter, quantity, dimensions = event.data
        less = quantity * rng.randrange(3) / 2
        data = UsageCorrected(meter, less, "counted again", f"{event.source}/{event.id}", dimensions)
        at = event.occurred_at
        found.append(Event("desk", str(number), event.subject, at, data, at + timedelta(seconds=number)))
    return found


def some(seed: int, kinds: set[str], *, share: float) -> Company:
    """Return a random company: its book, its events in time, the same with some of them late, its months."""
    text, events, periods = company(seed)
    rng = random.Random(seed)
    events = corrected(events, rng)
    late = [event for event in events if not kinds or event.type in kinds]
    rest = [event for event in events if kinds and event.type not in kinds]
    return text, events, rest + delayed(late, periods, rng, share), periods


@pytest.mark.parametrize(
    ("seed", "kinds", "periods"),
    [
        (19, {"usage.recorded"}, "calendar"),
        (2, set(), "calendar"),
        (15, set(), "calendar"),
        (502, set(), "anniversary"),
    ],
)
def test_late_comes_to_the_same_as_in_time(tmp_path: Path, seed: int, kinds: set[str], periods: str) -> None:
    """Whatever the book charges by: the lines about each month add up to its bill had all come in time."""
    text, in_time, late, months = some(seed, kinds, share=0.3)
    text = text.replace("[conventions]", f'[conventions]\nperiods = "{periods}"')
    assert f'periods = "{periods}"' in text
    whole = close(told(tmp_path / "in time", in_time, months), book=book(text), connection=engine())
    log = told(tmp_path / "late", late, months)
    tables = close(log, book=book(text), connection=engine())

    assert log.has_late
    assert about_months(whole).equals(about_months(tables))
    plain = Log.open(tmp_path / "in time")
    assert failing(log, text, tables) <= failing(plain, text, whole)


@pytest.mark.parametrize("seed", [2, 15])
def test_months_that_are_billed_one_by_one_have_the_same_invoices(tmp_path: Path, seed: int) -> None:
    """An invoice is made of what is known at its month's end: nothing that comes later changes it."""
    text, _, late, periods = some(seed, set(), share=0.3)
    log = told(tmp_path / "log", late, periods)
    tables = close(log, book=book(text), connection=engine())
    carried, one_by_one = Carried(), []
    for period in periods[:6]:
        part = bill_as_known([period], log=log, book=book(text), carried=carried, connection=engine())
        carried = part.carried
        one_by_one.append(part.lines)
    months = [period.starts_on for period in periods[:6]]

    whole = tables["invoice_lines"].filter(pl.col("month").is_in(months))
    assert whole.equals(pl.concat(one_by_one).sort("month", "account", "line_no"))
    assert len(tables["adjustments"])


@pytest.mark.parametrize("seed", [15])
def test_a_step_of_months_makes_no_difference(tmp_path: Path, seed: int) -> None:
    """Closed two months at a time or all at once: every table has the same rows."""
    text, _, late, periods = some(seed, set(), share=0.3)
    log = told(tmp_path / "log", late, periods)
    at_once = close(log, book=book(text), connection=engine())
    in_steps = close(log, book=book(text), connection=engine(), step=2)

    for name, table in at_once.items():
        assert table.sort(table.columns).equals(in_steps[name].sort(table.columns)), name


@pytest.mark.parametrize("seed", [19])
def test_order_repetition_and_splitting_change_no_invoice(tmp_path: Path, seed: int) -> None:
    """The same events in any order, some told again later, one list or many: the same lines to the cent."""
    text, _, late, periods = some(seed, set(), share=0.3)
    rng = random.Random(seed)
    told_again = delayed(rng.sample(late, len(late) // 4), periods, rng, 1.0)
    # What is told again comes after the first telling; which of two is the first is not for chance to say.
    known_at = {(one.source, one.id): one.recorded_at or one.occurred_at for one in late}
    told_again = [
        one for one in told_again if (one.recorded_at or one.occurred_at) > known_at[one.source, one.id]
    ]
    shuffled = rng.sample([*late, *told_again], len(late) + len(told_again))
    plain = close(told(tmp_path / "a", late, periods), book=book(text), connection=engine())
    log = told(tmp_path / "b", shuffled, periods)

    assert sum(block.duplicates for block in log.blocks) == len(told_again) > 0
    assert plain["invoice_lines"].equals(close(log, book=book(text), connection=engine())["invoice_lines"])


def test_a_log_in_time_has_no_adjustments(tmp_path: Path) -> None:
    """Without late events there is nothing to restate, and the chain says nothing about it."""
    log = record(tmp_path, JOINS + "2026-01-10  acme-1  usage.recorded  calls 1500", 2)
    tables = close(log, book=book(BOOK), connection=engine())

    assert not log.has_late
    assert 0 == len(tables["adjustments"])
    assert "late" not in (log.directory / "chain.jsonl").read_text()


def test_the_latest_of_one_instant_does_not_depend_on_which_was_known_first(tmp_path: Path) -> None:
    """Of two levels told for one instant the one with the later name holds, in time or late."""
    text = (
        BOOK.replace('aggregation = "max"', 'aggregation = "latest"')
        + """
    [plans.pro.prices.devices]
    meter = "devices"
    unit_price = 2
    """
    )
    found = []
    for name, known_at in (("in time", ""), ("late", ">2026-02-02")):
        told_so = f"""
            2026-01-10{known_at}  acme-1  usage.recorded  devices 7
            2026-01-10  acme-1  usage.recorded  devices 4
        """
        tables = closed(tmp_path / name, text, JOINS + told_so, 2)
        found.append(rows(tables["usage"], "quantity", meter="devices"))

    assert [[("4",)], [("4",)]] == found
