"""Invoices: what is printed is what the ledger holds, its words sum to the cent, and names stay names."""

import io
import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pypdf
import pytest

from analytics.explanation import Evidence, evidence_of
from analytics.explanation.book import Citations
from billing.close import close
from metering.document import Problems
from simulator import extra
from simulator.__main__ import answer
from simulator.commands.invoice import file_name
from simulator.invoice.document import Invoice, Item, Payment, document
from simulator.invoice.pdf import pdf
from simulator.invoice.seller import Seller, load
from simulator.invoice.words import MAY_BREAK, day_text, period_text, worded
from tests.billing.late import delayed, told
from tests.ledgers import book, engine, facts, posted, run_of
from tests.random_company import company
from tests.simulator import toy
from tests.simulator.export.companies import HOSTILE, random_log, spanned

SELLER = Seller(name="Test Ltd")
MONEY = re.compile(r"-?\$-?[\d,]+\.\d\d")


def evidence(directory: Path, text: str, table: str, count: int) -> Evidence:
    """Bill a company told in facts, and return what its invoices are read from."""
    log = told(directory, facts(table), run_of(count))
    tables = close(log, book=book(text), connection=engine())
    return Evidence(posted(tables), book(text), Citations(text), log)


def invoices(found: Evidence) -> list[Invoice]:
    """Return every invoice of a ledger as a document."""
    names = found.connection.execute("select invoice from invoices order by invoice").fetchall()
    return [document(found, name, SELLER, is_synthetic=True) for (name,) in names]


def amount_of(text: str) -> Decimal:
    """Read an amount as a person does: `-$1,015.00`."""
    return Decimal(text.replace("$", "").replace(",", ""))


def words_of(data: bytes) -> list[str]:
    """Return the text of every page of a PDF."""
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]


@pytest.mark.parametrize("seed", [3, 15])
def test_every_invoice_of_a_random_company_adds_up(seed: int, tmp_path: Path) -> None:
    """All its lines are there, each group and the sums below come to the ledger's total, in words as well."""
    log, prices = random_log(tmp_path, seed)
    ledger = posted(close(log, book=prices, connection=engine()))
    found = Evidence(ledger, prices, Citations(""), log)
    totals = dict(ledger.execute("select invoice, total from invoices").fetchall())
    counts = dict(ledger.execute("select invoice, line_count from invoices").fetchall())

    for one in invoices(found):
        items = [item for group in one.groups for item in group.items]
        assert counts[one.invoice] == len(items)
        assert totals[one.invoice] == one.total == sum(item.amount for item in items)
        page = worded(one)
        rows = [row for part in page.parts for row in part.rows]
        assert amount_of(page.total[1]) == sum(amount_of(row.amount) for row in rows)
        assert amount_of(page.total[1]) == sum(amount_of(part.amount) for part in page.parts)
        if page.sums:
            assert amount_of(page.total[1]) == sum(amount_of(amount) for _, amount in page.sums)


def test_a_price_that_is_shown_multiplies_to_the_amount(tmp_path: Path) -> None:
    """Quantity times unit price is the amount, exactly; otherwise the steps say how it comes about."""
    log, prices = random_log(tmp_path, 3)
    found = Evidence(posted(close(log, book=prices, connection=engine())), prices, Citations(""), log)
    items = [item for one in invoices(found) for group in one.groups for item in group.items]
    priced = [item for item in items if item.price is not None]

    assert priced
    assert [] == [item for item in priced if item.price * item.quantity != item.amount]  # type: ignore[operator]
    assert [] == [item for item in items if item.price is None and not item.steps and item.amount > 0]


TEAM = """
currency = "USD"
[meters.calls]
unit = "call"
[plans.team]
name = "Team"
stream = "subscriptions"
prices.seats = { name = "Users", per = "seat", unit_price = 30 }
prices.calls = { meter = "calls", model = "graduated", tiers = [
    { up_to = 1_000, unit_price = 0 }, { up_to = 3_000, unit_price = 0.01 }, { unit_price = 0.005 }] }
[discounts.friend]
name = "Friends"
off = 0.1
"""

FACTS = """
2026-01-01  acme    account.signed_up     "Acme & Söhne" acme@example.com smb web country=DE
2026-01-01  acme    subscription.started  acme-1 team seats=3
2026-01-20  acme-1  usage.recorded        calls 4500
2026-02-09  acme    payment.failed        2026-01 1
2026-02-11  acme    invoice.paid          2026-01 10
"""


def test_an_invoice_says_who_what_when_and_how_much(tmp_path: Path) -> None:
    """By hand: 3 users at $30, and 4,500 calls in three tiers: 0 + 2,000 x $0.01 + 1,500 x $0.005."""
    text = TEAM.partition("[discounts")[0]
    (january, *_) = invoices(evidence(tmp_path, text, FACTS, 2))
    page = worded(january)
    calls, users = page.parts[0].rows
    issued, due, month = page.facts[2:5]

    assert ("Acme & Söhne", "acme@example.com", "DE") == page.customer
    assert ("1 February 2026", "3 March 2026", "January 2026") == (issued[1], due[1], month[1])
    assert ("Users", "January 2026", "3 seats", "$30.00", "$90.00", ()) == users
    assert ("Calls", "4,500 calls", "", "$27.50") == (calls.text, calls.quantity, calls.price, calls.amount)
    assert (
        ("1,000 calls up to 1,000 at $0.00", ""),
        ("2,000 calls above 1,000 up to 3,000 at $0.01", "$20.00"),
        ("1,500 calls above 3,000 at $0.005", "$7.50"),
    ) == calls.steps
    assert (("Total", "$117.50"), ("Amount due", "$0.00")) == (page.total, page.due)
    assert (
        ("Payment failed on 9 February 2026", "–"), ("Paid on 11 February 2026", "-$117.50")
    ) == page.paid  # fmt: skip
    assert ("$117.50", "paid on 11 February 2026") == (page.headline, page.status)


def paid(tmp_path: Path, total: Decimal, *payments: Payment) -> tuple[str, str, str]:
    """Return the title, the headline and the status of an invoice that comes to so much and was paid so."""
    text = TEAM.partition("[discounts")[0]
    one = document(evidence(tmp_path, text, FACTS, 1), "INV-2026-01-acme", SELLER, is_synthetic=True)
    settled = sum(payment.amount for payment in payments if payment.kind != "failed")
    page = worded(one._replace(total=total, payments=payments, due=total - settled))
    return page.title, page.headline, page.status


def test_an_invoice_says_what_became_of_it(tmp_path: Path) -> None:
    """Open, paid after a try that failed, written off on the day of another; and what gives money back."""
    day, later = date(2026, 2, 10), date(2026, 2, 12)
    ten, failed = Decimal(10), Payment("failed", later, Decimal(10))
    due, done = "due on 3 March 2026", "on 12 February 2026"
    for number, (payments, expected) in enumerate([
        ((), due),
        ((failed,), due),
        ((failed, Payment("paid", later, ten)), f"paid {done}"),
        ((failed, Payment("written_off", later, ten)), f"written off {done}"),
    ]):  # fmt: skip
        assert ("Invoice", "$10.00", expected) == paid(tmp_path / str(number), ten, *payments)

    assert ("Invoice", "$0.00", "nothing to pay") == paid(tmp_path / "a", Decimal(0))
    assert ("Credit note", "$10.00", "to be credited") == paid(tmp_path / "b", -ten)
    credited = Payment("paid", day, -ten)
    assert ("Credit note", "$10.00", "credited on 10 February 2026") == paid(tmp_path / "c", -ten, credited)


def test_adjustments_say_what_they_adjust(tmp_path: Path) -> None:
    """What became known late stands on a later invoice with the month that it is about."""
    import random

    text, events, periods = company(14)
    late = delayed(events, periods, random.Random(14), 0.2)
    log = told(tmp_path, late, spanned(late, periods))
    found = Evidence(posted(close(log, book=book(text), connection=engine())), book(text), Citations(""), log)
    asked = "select invoice from adjustments order by invoice limit 1"
    name = found.connection.execute(asked).fetchall()[0][0]
    one = document(found, name, SELLER, is_synthetic=False)
    lines: list[Item] = [item for group in one.groups for item in group.items if item.kind == "adjustment"]

    assert lines
    assert all(re.search(r"of \d{4}-\d\d: [-\d,.]+ instead of [-\d,.]+$", line.detail) for line in lines)
    assert "Adjustments of earlier months" in dict(one.sums)


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "expected"),
    [
        ("2026-02-01", "2026-03-01", "February 2026"),
        ("2026-01-01", "2027-01-01", "January – December 2026"),
        ("2026-11-01", "2027-02-01", "November 2026 – January 2027"),
        ("2026-02-14", "2027-01-22", "14 February 2026 – 21 January 2027"),
        ("2026-10-18", "2026-10-29", "18 – 28 October 2026"),
        ("2026-10-18", "2026-10-19", "18 October 2026"),
    ],
)
def test_a_period_is_said_by_its_first_and_last_day(starts_on: str, ends_on: str, expected: str) -> None:
    """The ledger's spans are half-open; people's are not."""
    assert expected == period_text(date.fromisoformat(starts_on), date.fromisoformat(ends_on))
    assert "1 March 2026" == day_text(date(2026, 3, 1))


def hostile_document(tmp_path: Path) -> Invoice:
    """Return an invoice in which everything that has a name has a hostile one."""
    text = TEAM.partition("[discounts")[0].replace('"Users"', "'#panic() *x* $y$ <z> \\'")
    found = evidence(tmp_path, text, FACTS, 2)
    one = document(found, "INV-2026-01-acme", SELLER, is_synthetic=True)
    name = " ".join(name for name in HOSTILE if name) + " " + "W" * 200
    customer = one.customer._replace(name=name, account="#let x = 1", email="x" * 120)
    return one._replace(customer=customer, seller=Seller(name=name, address=HOSTILE, note='#image("x")'))


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """Nothing of a name is read as markup or code, and the letters that turn others round are shown."""
    words = " ".join(words_of(pdf(worded(hostile_document(tmp_path)))))
    plain = re.sub(r"\s|\u200b", "", words)

    for name in (
        "#panic()*x*$y$<z>\\",
        "</script><imgsrc=xonerror=alert(1)>",
        "#eval(1)$x$*b*@cite\\",
        '#image("x")',
    ):
        assert name.replace("'", "’") in plain.replace("“", '"').replace("”", '"'), name
    assert "\u202e" not in words
    assert "\\u202e" in plain
    assert "W" * 200 in plain


def test_a_pdf_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    """No clock, no chance; its date is the day of issue."""
    page = worded(hostile_document(tmp_path))
    one, two = pdf(page), pdf(page)

    assert one == two
    assert one.startswith(b"%PDF-")
    assert "2026-02-01" == str(pypdf.PdfReader(io.BytesIO(one)).metadata.creation_date)[:10]  # type: ignore[union-attr]


def test_a_long_invoice_goes_on_over_pages(tmp_path: Path) -> None:
    """Each page has its number and the head of the table; the amounts of all pages sum to the total."""
    text = TEAM.partition("[discounts")[0]
    one = document(evidence(tmp_path, text, FACTS, 2), "INV-2026-01-acme", SELLER, is_synthetic=True)
    many = 60
    longer = one._replace(
        groups=one.groups * many, total=one.total * many, sums=(), payments=(), due=one.total * many
    )
    pages = words_of(pdf(worded(longer)))

    assert len(pages) > 5
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
    rows = [page for page in pages if "Users" in page]
    assert all("Unit price" in page for page in rows)
    amounts = [found for page in pages for found in MONEY.findall(page)]
    assert amounts.count("$90.00") == amounts.count("$27.50") == many
    assert f"${one.total * many:,.2f}" in amounts
    assert sum(1 for page in pages if "Test Ltd" in page) == len(pages)


def test_the_words_of_a_pdf_sum_to_the_cent(tmp_path: Path) -> None:
    """Read back from the PDF as it is laid out: the last amounts of the lines come to the total's."""
    text = TEAM.partition("[discounts")[0]
    one = document(evidence(tmp_path, text, FACTS, 2), "INV-2026-01-acme", SELLER, is_synthetic=True)
    reader = pypdf.PdfReader(io.BytesIO(pdf(worded(one))))
    laid_out = reader.pages[0].extract_text(extraction_mode="layout").splitlines()
    last = {line.split()[0]: MONEY.findall(line)[-1] for line in laid_out if MONEY.findall(line)}

    assert ("$90.00", "$27.50", "$117.50") == (last["Users"], last["Calls"], last["Total"])
    assert amount_of(last["Users"]) + amount_of(last["Calls"]) == amount_of(last["Total"]) == one.total


def test_nobody_is_asked_to_pay_a_simulated_invoice(tmp_path: Path) -> None:
    """It says that it is made up; one of real usage does not."""
    text = TEAM.partition("[discounts")[0]
    found = evidence(tmp_path, text, FACTS, 1)
    notes = [
        worded(document(found, "INV-2026-01-acme", SELLER, is_synthetic=is_synthetic)).notes
        for is_synthetic in (True, False)
    ]

    assert [True, False] == [any("made up" in note for note in some) for some in notes]


def test_no_name_of_a_customer_leads_out_of_the_directory() -> None:
    """The file is named by the invoice, of which only harmless letters are taken."""
    assert "INV-2026-01-acme.pdf" == file_name("INV-2026-01-acme")
    assert "INV-2026-01-_.._etc_passwd.pdf" == file_name("INV-2026-01-/../etc/passwd")
    assert "invoice.pdf" == file_name("..")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory in which the toy has been run."""
    place = tmp_path_factory.mktemp("invoices")
    toy.publish(place / "scenario", place / "runs" / "toy")
    return place


@pytest.fixture
def there(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where the toy has been run."""
    monkeypatch.chdir(place)
    return place


def test_the_command_lists_shows_and_writes(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The invoices there are; one of them as text, data and PDF; and the nearest where there is none."""
    assert answer(["invoice", "toy"]) == 0
    assert "INV-2026-03-acme" in capsys.readouterr().out
    assert answer(["invoice", "toy", "INV-2026-03-acme"]) == 0
    text = capsys.readouterr().out
    assert answer(["invoice", "toy", "INV-2026-03-acme", "--json"]) == 0
    data: dict[str, Any] = json.loads(capsys.readouterr().out, parse_float=Decimal)
    Path("seller.toml").write_text('name = "Toy Ltd"\naddress = ["1 Main St"]\n')
    words = ["invoice", "toy", "INV-2026-03-acme", "--pdf", "--seller", "seller.toml", "--out", "i.pdf"]
    assert answer(words) == 0
    printed = words_of(Path("i.pdf").read_bytes())[0]

    items = [item for group in data["groups"] for item in group["items"]]
    assert data["total"] == sum(item["amount"] for item in items)
    assert "Toy Ltd" in printed
    assert "1 Main St" in printed
    assert f"${data['total']:,.2f}" in text
    assert f"${data['total']:,.2f}" in printed
    assert answer(["invoice", "toy", "INV-2026-03-acne"]) == 2
    assert "did you mean 'INV-2026-03-acme'" in capsys.readouterr().err
    assert answer(["invoice", "toy", "--pdf"]) == 2
    assert "needs an invoice" in capsys.readouterr().err


def test_a_sellers_file_must_be_right(tmp_path: Path) -> None:
    """Unknown keys and a missing name are named."""
    path = tmp_path / "seller.toml"
    path.write_text('adress = ["x"]\n')

    with pytest.raises(Problems) as error:
        load(path)
    assert {"adress", "name"} <= set(re.findall(r"adress|name", str(error.value)))


def test_without_typst_it_says_what_to_install(
    there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text of an invoice needs nothing."""
    monkeypatch.setattr(extra, "find_spec", lambda name: None)

    assert answer(["invoice", "toy", "INV-2026-03-acme"]) == 0
    assert answer(["invoice", "toy", "INV-2026-03-acme", "--pdf"]) == 2
    assert "pip install 'saasim[invoice]'" in capsys.readouterr().err


def test_the_customer_stands_by_name(there: Path) -> None:
    """A name that turns letters round is shown with its escape, and never as a formula of anything."""
    found = evidence_of("runs/toy")
    page = worded(document(found, "INV-2026-02-bolt", SELLER, is_synthetic=True))
    found.connection.close()

    assert "=Bolt\\u202e" == page.customer[0].replace(MAY_BREAK, "")


def test_what_became_of_it_stands_last(tmp_path: Path) -> None:
    """The last try and the giving up on one day: first the one, then the other, by the ledger itself."""
    gone = "2026-02-12  acme  payment.failed  2026-01 2\n2026-02-12  acme  invoice.written_off  2026-01\n"
    text, table = TEAM.partition("[discounts")[0], FACTS.rpartition("2026-02-11")[0] + gone
    one = document(evidence(tmp_path, text, table, 2), "INV-2026-01-acme", SELLER, is_synthetic=True)

    assert ["failed", "failed", "written_off"] == [payment.kind for payment in one.payments]
    assert (Decimal(0), "written off on 12 February 2026") == (one.due, worded(one).status)
