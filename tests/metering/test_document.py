"""Documents: every problem of a file at once, each with its place, its value and the remedy."""

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from metering.document import (
    FILE_BYTES_MAX,
    Problem,
    Problems,
    did_you_mean,
    parse,
    problem,
    read,
    validate,
)


class Wheel(BaseModel):
    """A part of a part."""

    model_config = ConfigDict(extra="forbid")

    spokes: int = Field(ge=3)


class Car(BaseModel):
    """A part."""

    model_config = ConfigDict(extra="forbid")

    price: Decimal
    wheels: tuple[Wheel, ...] = ()
    spare: Wheel | None = None
    by_name: dict[str, Wheel] = {}

    @model_validator(mode="after")
    def _has_wheels(self) -> "Car":
        if len(self.wheels) == 1:
            raise ValueError("one wheel does not make a car; add another")
        return self


class Garage(BaseModel):
    """A whole document."""

    model_config = ConfigDict(extra="forbid")

    name: str
    cars: dict[str, Car] = {}


def problems(text: str) -> list[Problem]:
    """Return the problems of a garage."""
    with pytest.raises(Problems) as raised:
        validate(Garage, parse(text, "garage.toml"), "garage.toml")
    return raised.value.problems


ONE = [  # what is wrong, where, what the message says, the remedy
    ("", "garage.toml: name", "is missing", "add it"),
    ('name = "G"\nnmae = 1', "garage.toml: nmae", "unknown key", "did you mean 'name'?"),
    ('name = "G"\nxyz = 1', "garage.toml: xyz", "unknown key", "known: cars, name"),
    ("name = 5", "garage.toml: name", "should be a valid string (got '5')", ""),
    (
        'name = "G"\ncars.beetle = {price = "dear"}',
        "garage.toml: cars.beetle.price",
        "should be a valid decimal (got 'dear')",
        "",
    ),
    (
        'name = "G"\ncars.beetle = {price = 1, wheels = [{spokes = 3}]}',
        "garage.toml: cars.beetle",
        "one wheel does not make a car",
        "add another",
    ),
    (
        'name = "G"\ncars.beetle = {price = 1, wheels = [{spokes = 3}, {spokes = 2}]}',
        "garage.toml: cars.beetle.wheels[2].spokes",
        "should be greater than or equal to 3 (got '2')",
        "",
    ),
    (
        'name = "G"\ncars.beetle = {price = 1, wheels = [{spokes = 3}, {spoke = 2, spokes = 4}]}',
        "garage.toml: cars.beetle.wheels[2].spoke",
        "unknown key",
        "did you mean 'spokes'?",
    ),
    (
        'name = "G"\ncars.beetle = {price = 1, spare = {spokes = 4, spokez = 2}}',
        "garage.toml: cars.beetle.spare.spokez",
        "unknown key",
        "did you mean 'spokes'?",
    ),
    (
        'name = "G"\ncars.beetle = {price = 1, by_name = {left = {spokes = 4, spokez = 2}}}',
        "garage.toml: cars.beetle.by_name.left.spokez",
        "unknown key",
        "did you mean 'spokes'?",
    ),
]


@pytest.mark.parametrize(("text", "place", "message", "remedy"), ONE)
def test_a_problem_has_its_place_its_value_and_its_remedy(
    text: str, place: str, message: str, remedy: str
) -> None:
    """Deep in lists and tables too, where lists count from 1."""
    assert [Problem(place, message, remedy)] == problems(text)


def test_every_problem_is_reported_at_once() -> None:
    """Three mistakes, three lines: file, key, what, remedy."""
    with pytest.raises(Problems) as raised:
        validate(Garage, {"cars": {"a": {"price": "x"}}, "crs": {}}, "garage.toml")

    assert [
        "garage.toml: name: is missing; add it",
        "garage.toml: cars.a.price: should be a valid decimal (got 'x')",
        "garage.toml: crs: unknown key; did you mean 'cars'?",
    ] == str(raised.value).splitlines()


def test_numbers_with_a_point_are_decimals() -> None:
    """0.1 is a tenth and not the nearest float."""
    assert {"x": Decimal("0.1"), "y": [Decimal("1e-9")]} == parse("x = 0.1\ny = [1e-9]", "x.toml")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_what_is_not_a_number_is_no_price(number: str) -> None:
    """NaN and infinity are refused, with the key."""
    (found,) = problems(f'name = "G"\ncars.beetle = {{price = {number}}}')

    assert "garage.toml: cars.beetle.price" == found.place


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    """The message names the file and says what to check."""
    with pytest.raises(Problems, match=r"prices\.toml: cannot be read \(No such file.*\); check the name"):
        read(tmp_path / "prices.toml")


def test_a_directory_is_no_document(tmp_path: Path) -> None:
    """A directory cannot be read as a file."""
    with pytest.raises(Problems, match=r"cannot be read \(Is a directory\)"):
        read(tmp_path)


def test_a_file_that_is_too_large_is_a_problem(tmp_path: Path) -> None:
    """One byte more than the limit is refused unread, the limit itself is not."""
    path = tmp_path / "prices.toml"
    path.write_bytes(b"#" * FILE_BYTES_MAX)
    assert {} == read(path)

    path.write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    with pytest.raises(Problems, match=f"prices.toml: has more than {FILE_BYTES_MAX} bytes; split it"):
        read(path)


def test_a_file_that_is_not_utf_8_is_a_problem(tmp_path: Path) -> None:
    """Latin-1 is not guessed at."""
    path = tmp_path / "prices.toml"
    path.write_bytes("name = 'Müller'".encode("latin-1"))

    with pytest.raises(Problems, match=r"prices\.toml: is not UTF-8 text \(.*\); save it as UTF-8"):
        read(path)


@pytest.mark.parametrize(
    "text",
    ["name = ", "a = 1\na = 2", "a = {b = 1}\n[a]\nc = 2", "x = 2026-02-30", "[" * 100_000],
    ids=["half a line", "a key twice", "a table twice", "no such day", "nested without end"],
)
def test_what_is_not_toml_is_a_problem(text: str) -> None:
    """Whatever the parser stumbles over is a problem of the file, never a crash."""
    with pytest.raises(Problems, match=r"^x\.toml: is not valid TOML: .*; mend that line"):
        parse(text, "x.toml")


def test_a_toml_mistake_names_its_line() -> None:
    """The parser's own place is passed on."""
    with pytest.raises(Problems, match="at line 3"):
        parse("a = 1\nb = 2\nc = = 3\n", "x.toml")


def test_a_document_is_read_from_its_file(tmp_path: Path) -> None:
    """No error, no problem."""
    path = tmp_path / "g.toml"
    path.write_text('name = "Größe"', encoding="utf-8")

    assert Garage(name="Größe") == validate(Garage, read(path), str(path))


@pytest.mark.parametrize(
    ("word", "known", "remedy"),
    [
        ("profesional", ["business", "professional"], "did you mean 'professional'?"),
        ("zzz", ["b", "a"], "known: a, b"),
        ("zzz", [], ""),
        (
            "zzz",
            [f"plan-{n:02}" for n in range(13)],
            "known: " + ", ".join(f"plan-{n:02}" for n in range(12)) + ", ...",
        ),
    ],
)
def test_a_remedy_names_the_nearest_word_or_some_that_are_known(
    word: str, known: list[str], remedy: str
) -> None:
    """A near word is proposed; else up to twelve known ones are listed."""
    assert remedy == did_you_mean(word, known)


def test_a_single_problem_reads_as_one_line() -> None:
    """Place, message, remedy; without a remedy no semicolon."""
    assert "a: b; c" == str(problem("a", "b", "c"))
    assert "a: b" == str(problem("a", "b"))
