"""The price book: dated data from one TOML file, refused with every problem at once."""

from pathlib import Path

import pytest

from billing.price import CATALOG
from billing.price_book import PriceBook, load, loads
from metering.document import Problem, Problems

BOOK = """
    name = "Test"
    meters.calls = { dimensions = ["region"] }
    meters.storage = { aggregation = "max" }
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
"""


def problems(text: str) -> list[Problem]:
    """Return the problems of a book."""
    with pytest.raises(Problems) as raised:
        loads(text, "p.toml")
    return raised.value.problems


WHOLE = [  # what is wrong with the book, where, what the message says, the remedy
    (
        'prices.x = { meter = "cals", unit_price = 1 }',
        "plans.pro.prices.x.meter",
        "no meter 'cals'",
        "did you mean 'calls'?",
    ),
    (
        'prices.x = { meter = "calls", unit_price = 1, where = { regoin = "eu" } }',
        "plans.pro.prices.x",
        "meter 'calls' has no dimension 'regoin'",
        "did you mean 'region'?",
    ),
    (
        'prices.x = { meter = "calls", unit_price = 1, group_by = ["user"] }',
        "plans.pro.prices.x",
        "meter 'calls' has no dimension 'user'",
        "known: region",
    ),
    (
        'prices.x = { meter = "storage", unit_price = 1, group_by = ["user"] }',
        "plans.pro.prices.x",
        "meter 'storage' has no dimension 'user'",
        "add it to the meter's dimensions",
    ),
    (
        "seats = { minimum = 5, maximum = 3 }",
        "plans.pro.seats",
        "maximum 3 is below minimum 5",
        "swap them",
    ),
    (
        'prices.x = { per = "add_on", unit_price = 1 }',
        "plans.pro.prices.x.per",
        "'add_on' is for add-ons",
        "use 'seat' or 'subscription'",
    ),
    (
        '[plans.catalog]\nname = "Catalog"\nstream = "services"\nprices.x = { per = "seat", unit_price = 1 }',
        "plans.catalog.prices.x",
        "the catalog sells by the piece only",
        "name a meter",
    ),
    (
        '[add_ons.llm]\nname = "LLM"\nplans = ["prp"]\nprice = { per = "add_on", unit_price = 1 }',
        "add_ons.llm.plans",
        "no plan 'prp'",
        "did you mean 'pro'?",
    ),
    (
        '[add_ons.llm]\nname = "LLM"\nplans = ["pro"]\nprice = { meter = "calls", unit_price = 1 }',
        "add_ons.llm.price.meter",
        "add-ons are recurring",
        "make it a price of the plan",
    ),
    (
        '[agreements.a]\nkind = "referral"\nunit_price = 0.1\nstreams = ["subscription"]',
        "agreements.a.streams",
        "no stream 'subscription'",
        "did you mean 'subscriptions'?",
    ),
]


@pytest.mark.parametrize(("text", "place", "message", "remedy"), WHOLE)
def test_what_does_not_fit_together_is_a_problem(text: str, place: str, message: str, remedy: str) -> None:
    """Names that nothing carries and parts that contradict each other are found across the book."""
    assert [Problem(f"p.toml: {place}", message, remedy)] == problems(f"{BOOK}\n{text}")


def test_a_replacement_must_exist() -> None:
    """What stands for a key of another book is a plan, add-on, discount or agreement of this one."""
    (found,) = problems(f'replaces = {{ team = "prp" }}\n{BOOK}')

    assert ("p.toml: replaces.team", "did you mean 'pro'?") == (found.place, found.remedy)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("plans.pro.name = 1", "name"),
        ('name = "T"\ncurrency = "usd"\nplans = {}', "currency"),
        ('name = "T"\nconventions = { rounding = "nearest" }\nplans = {}', "conventions.rounding"),
        (
            'name = "T"\nconventions = { payment_terms_days = -1 }\nplans = {}',
            "conventions.payment_terms_days",
        ),
        ('name = "T"\nplans.Pro = { name = "Pro", stream = "s" }', "plans.Pro"),
        ('name = "T"\nplans = {}\ndiscounts.d = { share = 0 }', "discounts.d.share"),
        ('name = "T"\nplans = {}\ndiscounts.d = { share = 1.5 }', "discounts.d.share"),
        ('name = "T"\nplans = {}\ndiscounts.d = { share = 0.5, months = 0 }', "discounts.d.months"),
        ('name = "T"\nplans = {}\nagreements.a = { kind = "gift", unit_price = 1 }', "agreements.a.kind"),
        (
            'name = "T"\nplans.a = { name = "A", stream = "s", commitment = { amount = -1 } }',
            "plans.a.commitment.amount",
        ),
        (
            'name = "T"\nplans.a = { name = "A", stream = "s", seats = { minimum = 0 } }',
            "plans.a.seats.minimum",
        ),
        ('name = "T"\nplans = {}\nmeters.m = { aggregation = "mean" }', "meters.m.aggregation"),
    ],
)
def test_the_other_parts_are_checked_too(text: str, place: str) -> None:
    """Currency, conventions, keys, shares, months, kinds, commitments and seats."""
    assert any(found.place.startswith(f"p.toml: {place}") for found in problems(text))


def test_every_problem_of_a_book_is_reported_at_once() -> None:
    """Five mistakes in five places are five problems."""
    text = f"""{BOOK}
    prices.a = {{ per = "seat" }}
    prices.b = {{ per = "seat", unit_price = "x" }}
    prices.c = {{ unit_price = 1 }}
    prices.d = {{ per = "seat", unit_price = 1, colour = 3 }}
    [discounts.d]
    """

    assert [
        "p.toml: plans.pro.prices.a",
        "p.toml: plans.pro.prices.b.unit_price",
        "p.toml: plans.pro.prices.c",
        "p.toml: plans.pro.prices.d.colour",
        "p.toml: discounts.d",
    ] == [found.place for found in problems(text)]


def test_problems_across_the_book_are_reported_together() -> None:
    """What does not fit together is found everywhere at once as well."""
    text = f"""{BOOK}
    prices.a = {{ meter = "a", unit_price = 1 }}
    prices.b = {{ meter = "b", unit_price = 1 }}
    [add_ons.c]
    name = "C"
    plans = ["d"]
    price = {{ per = "add_on", unit_price = 1 }}
    [agreements.e]
    kind = "referral"
    unit_price = 1
    streams = ["f"]
    """

    assert ["no meter 'a'", "no meter 'b'", "no plan 'd'", "no stream 'f'"] == [
        found.message for found in problems(text)
    ]


def test_a_book_is_read_from_its_file(tmp_path: Path) -> None:
    """The file's name is the place of its problems."""
    path = tmp_path / "prices.toml"
    path.write_text(BOOK, encoding="utf-8")
    assert loads(BOOK) == load(path)

    path.write_text(f"{BOOK}\nprices.x = {{ unit_price = 1 }}", encoding="utf-8")
    with pytest.raises(Problems, match=r"prices\.toml: plans\.pro\.prices\.x: needs exactly one"):
        load(path)


def test_a_book_cannot_be_changed_after_reading() -> None:
    """A price book is a fact of its own."""
    book = loads(BOOK)

    with pytest.raises(ValueError, match="frozen"):
        book.__setattr__("name", "Other")


def test_a_price_has_the_stream_of_its_plan_unless_it_names_one() -> None:
    """Streams are the plan's by default; a book knows all of them."""
    book: PriceBook = loads(f"""{BOOK}
        prices.x = {{ per = "seat", unit_price = 1 }}
        prices.y = {{ per = "seat", unit_price = 1, stream = "services" }}
        [add_ons.z]
        name = "Z"
        plans = ["pro"]
        stream = "support"
        price = {{ per = "add_on", unit_price = 1 }}
    """)
    prices = book.plans["pro"].prices

    assert ("subscriptions", "services") == tuple(book.stream_of("pro", prices[key]) for key in ("x", "y"))
    assert {"subscriptions", "services", "support"} == book.streams()


def test_usage_prices_are_those_with_a_meter() -> None:
    """A book lists what counts usage, in its own order."""
    book = loads(f"""{BOOK}
        prices.x = {{ per = "seat", unit_price = 1 }}
        prices.b = {{ meter = "calls", unit_price = 1 }}
        prices.a = {{ meter = "storage", unit_price = 1 }}
        [plans.{CATALOG}]
        name = "Catalog"
        stream = "s"
        prices.c = {{ meter = "calls", unit_price = 1 }}
    """)

    assert [("pro", "b"), ("pro", "a"), (CATALOG, "c")] == [
        (plan, key) for plan, key, _ in book.usage_prices()
    ]


def test_an_agreement_may_name_the_stream_of_an_add_ons_price() -> None:
    """Every stream that a line can have is one that an agreement can share."""
    text = """
        name = "T"
        plans.pro = { name = "Pro", stream = "core" }
        [add_ons.care]
        name = "Care"
        plans = ["pro"]
        price = { per = "add_on", unit_price = 1, stream = "extra" }
        [agreements.share]
        kind = "referral"
        model = "percentage"
        unit_price = 0.1
        streams = ["extra"]
    """

    assert {"core", "extra"} == loads(text).streams()
