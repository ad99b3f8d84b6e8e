"""Names: made up, on domains that nobody owns, and a label only."""

import re

from simulator.chance import Chance
from simulator.names import DOMAINS, Names


def test_mail_goes_to_example_domains_only() -> None:
    """Whoever is named gets an address under example.com, .org or .net (RFC 2606)."""
    names = Names(Chance(1))
    addresses = [names.company(f"c{n}")[1] for n in range(200)] + [
        names.person(f"p{n}")[1] for n in range(200)
    ]

    assert all(
        re.fullmatch(r"[a-z]+\.[a-z]+@([a-z]+-[a-z]+\.)?example\.(com|org|net)", one) for one in addresses
    )
    assert {one.split("example.")[1] for one in addresses} == {domain.split(".")[1] for domain in DOMAINS}


def test_a_name_belongs_to_its_account() -> None:
    """The same seed and account have the same name, whoever was named before; another seed has others."""
    first, second = Names(Chance(1)), Names(Chance(1))
    for number in range(50):
        first.company(f"other-{number}")

    assert first.company("acme") == second.company("acme")
    assert first.company("acme") != Names(Chance(2)).company("acme")


def test_names_are_many() -> None:
    """Of 500 companies most have a name of their own; accounts tell the others apart."""
    names = Names(Chance(1))

    assert len({names.company(str(number))[0] for number in range(500)}) > 480
