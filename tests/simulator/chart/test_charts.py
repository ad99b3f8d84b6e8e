"""Charts: each is drawn from its own query, in light and dark, alone and compared, and says what it shows."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import polars as pl
import pytest

pytest.importorskip("altair", reason="charts take the extra `report`")

from simulator.chart import (
    CHARTS,
    DARK,
    GROUPS,
    LIGHT,
    Chart,
    currency_of,
    frame,
    mount,
    ranks,
    spec,
    summary,
    swap,
    table,
)  # fmt: skip
from simulator.chart.column import TEXT
from simulator.chart.picture import png, svg
from tests.simulator.chart.company import SEEDS, random

EACH = pytest.mark.parametrize("name", CHARTS)


@cache
def known_of(name: str) -> list[tuple[Chart, pl.DataFrame, int]]:
    """Return the data of a chart for the first random company that has some."""
    for seed in SEEDS:
        con = random(seed)
        mount(con)
        found = frame(con, CHARTS[name])
        if len(found):
            return [(CHARTS[name], found, seed)]
    return []


def drawn_of(name: str) -> Iterator[tuple[Chart, pl.DataFrame, int]]:
    """Yield the data of a chart, if any company has some."""
    yield from known_of(name)


def texts(value: Any) -> Iterator[str]:
    """Yield every text within a specification but those of its data."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "datasets":
                yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


@EACH
def test_a_chart_is_told_whole(name: str) -> None:
    """It has a title, a section, a meaning that is a sentence, and a command that gives its data."""
    chart = CHARTS[name]

    assert chart.name == name
    assert chart.group in GROUPS
    assert re.fullmatch(r"[A-Z].{40,}[.]", chart.meaning), chart.meaning
    assert chart.command("dbgpt").startswith("saasim ")
    assert not re.search(r"[A-Z]{4,}", chart.title.replace("CMRR", "")), "no shouting"


@EACH
def test_its_query_gives_the_columns_that_it_declares(name: str) -> None:
    """The same names in the same order, whatever the company; and a text is no number."""
    for chart, found, _ in drawn_of(name):
        assert found.columns == list(chart.columns)
        for column, unit in chart.columns.items():
            assert (found[column].dtype == pl.String) == (unit == TEXT), column


@EACH
def test_dark_is_light_with_other_colours(name: str) -> None:
    """One replacement of text turns a light drawing into the dark one, so a page needs to hold only one."""
    for chart, found, seed in drawn_of(name):
        of = ranks(random(seed))
        light, dark = (
            json.dumps(spec({"a": found}, chart, theme=theme, ranks=of)) for theme in (LIGHT, DARK)
        )
        swapped = re.sub("#[0-9a-f]{6}", lambda match: swap()[match[0]], light)

        assert light != dark
        assert swapped == dark


@EACH
def test_a_drawing_needs_nothing_else(name: str) -> None:
    """It is one view or layers of it, as wide as its place, with its data inside and no address."""
    for chart, found, _ in drawn_of(name):
        drawn = spec({"a": found}, chart)

        assert drawn["width"] == "container"
        assert drawn["height"] > 50
        assert not {"hconcat", "vconcat", "concat", "facet", "repeat"} & set(drawn)
        assert "NaN" not in json.dumps(drawn)
        assert "Infinity" not in json.dumps(drawn)
        assert not re.search(r'"(url|href|src)": ', json.dumps(drawn))
        named = set(re.findall(r'"name": "(d\d+)"', json.dumps(drawn)))
        assert named == set(drawn["datasets"])


@EACH
def test_it_is_said_in_a_sentence(name: str) -> None:
    """Without a dash for a missing value, a number without an end, or a word of the program."""
    for chart, found, seed in drawn_of(name):
        said = summary(found, chart, currency_of(random(seed)))

        assert re.search(r"[.]$", said)
        assert not re.search(r"None|nan|Decimal|\bNULL\b", said), said


@EACH
def test_two_runs_are_compared(name: str) -> None:
    """By a chart that names both; one that differs has bars of what the second has more."""
    for chart, found, _ in drawn_of(name):
        if chart.compare is None:
            with pytest.raises(AssertionError, match="is not compared"):
                spec({"a": found, "b": found}, chart)
            continue
        drawn = spec({"first run": found, "second run": found}, chart)
        assert "first run" in json.dumps(drawn)
        if chart.differs:
            bars = spec({"first run": found, "second run": found}, chart, difference=True)
            changes = [row["s02"] for row in bars["datasets"]["d0"] if "s02" in row]
            assert changes
            assert set(changes) == {0}, "a run does not differ from itself"


@EACH
def test_the_data_behind_it_is_a_table_of_texts(name: str) -> None:
    """A head for each column, a row for each row, and no more than are wanted."""
    for chart, found, _ in drawn_of(name):
        heads, rows = table(found, chart, most=3)

        assert len(heads) == len(chart.columns)
        assert len(rows) == min(3, len(found))
        assert all(len(row) == len(heads) and "None" not in row for row in rows)


def test_most_charts_have_been_seen() -> None:
    """The companies of these tests have something for all but those that need years, a plan or seeds."""
    without = {name for name in CHARTS if not list(drawn_of(name))}

    assert without <= {
        "targets", "tornado", *(name for name in CHARTS if name.startswith("seeds_")),
        "utilisation", "hours", "revenue_per_consultant", "resolution", "marketplace", "take_rate",
        "training", "conversion", "funnel", "payback_curves", "cac", "cac_payback", "ltv_to_cac",
        "magic_number",
        "burn_multiple", "rule_of_40", "gross_margin", "cmrr_forecast", "survival", "customer_value", "rpo",
    }  # fmt: skip


def test_names_that_would_do_harm_are_data_only() -> None:
    """A customer's name is never part of an expression, and a picture is drawn of it all the same."""
    chart, found, _ = next(drawn_of("largest_customers"))
    drawn = spec({"a": found}, chart, width=600)
    harm = [name for name in found["name"] if set(name) & set('"\\#=@')]

    assert harm
    assert not [text for text in texts(drawn) if "datum" in text and any(name in text for name in harm)]
    assert png(drawn, LIGHT, scale=1).startswith(b"\x89PNG")


PICTURES = ("mrr_movements", "mrr_by_plan", "mrr_bridge", "cohort_net", "dunning")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_has_the_words_of_its_chart(name: str) -> None:
    """The same program that draws in a browser draws it here, on the theme's paper."""
    chart, found, _ = next(drawn_of(name))
    drawn = svg(spec({"a": found}, chart, theme=DARK, width=700), DARK)

    assert DARK.paper in drawn
    assert ">0<" in drawn or ">0 %<" in drawn or "all cohorts" in drawn


def test_a_company_of_one_month_is_drawn() -> None:
    """Where there is but one point, it is one."""
    con = random(SEEDS[0])
    mount(con)
    for name in ("mrr", "mrr_movements", "customers", "revenue", "revenue_mix", "cash"):
        found = frame(con, CHARTS[name])
        one = found.filter(pl.col("month") == found["month"].max())
        assert spec({"a": one}, CHARTS[name])["datasets"]
        assert summary(one, CHARTS[name])


def test_an_older_ledger_lacks_charts_and_nothing_else() -> None:
    """A chart whose table is missing has no data; a mistake in a query is not hidden so."""
    con = random(SEEDS[0]).cursor()
    chart = CHARTS["mrr"]

    assert frame(con, chart._replace(sql="select * from a_table_of_tomorrow")).is_empty()
    with pytest.raises(Exception, match="syntax"):
        frame(con, chart._replace(sql="selec 1"))
