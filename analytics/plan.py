"""Business plans: the drivers, formulas and printed figures of a document, as data.

`analytics.plan_file.load(path)` reads one from TOML (or from a table in CSV, see there), checks it whole, and
raises Problems with everything that is wrong. `analytics.recomputation.number(plan, formula, period)` works
out any formula over it. `analytics.audit.audit(plan)` finds what does not follow. The file:

    name = "Acme"
    currency = "USD"
    sources = { A = "Acme business plan, 2025" }     # "A:12" is line 12 of it

    [periods]                    # in any order; quarters and months may lie within years
    q1 = { starts_on = 2026-01-01, months = 3 }
    y1 = { starts_on = 2026-01-01, months = 12 }
    y2 = { starts_on = 2027-01-01, months = 12 }

    [drivers]                    # what the plan assumes: taken as exact; a range is meant as one
    customers = { values = { q1 = 10, y1 = 100, y2 = "1.2K" }, unit = "customers", source = "A:12" }
    price = { value = "$99", unit = "$ a month", source = "A:13" }       # for all periods
    project = { value = "$100K-150K" }

    [figures]                    # what the plan prints, or needs on the way (then without `printed`)
    revenue = { formula = "12 * customers * price", printed = { y1 = "$119K", y2 = "$1.4M" }, source = "A:2" }
    services = { formula = { y1 = "3 * project" }, printed = { y1 = "$300-450K" }, source = { y1 = "A:3" } }
    total = { total_of = ["revenue", "services"], printed = { y1 = "$0.5M" }, source = "A:22" }
    revenue_growth = { growth_of = "revenue", printed = { y2 = "1,100%" } }
    revenue_share = { share_of = ["revenue", "total"], printed = { y1 = "24%" } }
    many_more = { case_of = "revenue", where = { customers = 500 }, printed = { y1 = "$594K" } }

    [claims]                     # what the plan says or implies of its figures, as they are printed
    modest = { holds = "revenue.y1 <= 200_000", says = "a modest first year", source = "A:7" }

    [things]                     # how it is sold: for `saasim run`, see simulator.plan.thing; not read here

A figure is defined by one of (else it is only printed, and taken as it stands):

- `formula`: for every printed period, or a table by period;
- `total_of`: the sum of others; with `share_of` it must be 100 %;
- `share_of = [part, whole]`; shares of one whole, where they are all there, add up to 100 %;
- `growth_of`: over the period before, printed like "75%"; `multiple_of`: the same, printed like "3x";
- `cagr_of` with `since`: the yearly growth between the two periods;
- `case_of` with `where`: another figure, worked out with other drivers.

and may be held against the following as well:

- `ledger`: what of a run's ledger it is, for `saasim targets`: see `analytics.measure`;
- `adds_up = true`: the periods within a period add up to it. Where only a plain `formula` is given, that is
  the formula of the parts, and the whole is their sum;
- `within`: the name of a range that must hold it, or a range itself: `within = "$10M-25M"`, in every period
  or by period.

A formula has numbers, names of drivers and figures, `+ - * / ** ( )`, `min`, `max`, `sum` (of several, or of
one name over the periods within this one) and `root(x, n)`; `months` is the length of the period. A name
stands for its value in the same period, or for all of them if it has only one; `x.y2` is that of another
period, `x.before` of the one before, `x.low` and `x.high` are the ends of a range (`x.y2.low`). A claim
compares such with `==`, `<=`, `>=`, `<`, `>`, and `in` for a range; claims are chains (`1 <= x <= 2`).

Numbers are TOML numbers or texts as printed: "$1.3M", "119,000", "50.7%", "3.6x", "6.7:1", "$3-5M", "$10M+".
"""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from analytics.measure import Ledger
from analytics.printed import Figure as Number
from analytics.printed import Printed
from billing.price import Day
from metering.period import add_months

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Text = Annotated[str, Field(max_length=1_000)]

ALL = ""
"""The period of what is the same in all periods, or belongs to none."""


def _by_period(given: Any) -> Any:
    """Put what is given without a period under `ALL`."""
    return given if isinstance(given, dict) else {ALL: given}


Numbers = Annotated[dict[str, Number], BeforeValidator(_by_period)]
"""Figures by period, or one that belongs to none, under `ALL`."""

Texts = Annotated[dict[str, Text], BeforeValidator(_by_period)]
"""Texts by period, or one for all, under `ALL`."""

DERIVATIONS = (
    "formula", "total_of", "share_of", "growth_of", "multiple_of", "cagr_of", "case_of",
)  # fmt: skip
"""The ways in which a figure can be defined: at most one of them."""


class Record(BaseModel):
    """A part of a plan: unknown keys are refused, values cannot change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Period(Record):
    """A span of whole months: a year, a quarter, a month."""

    starts_on: Day
    months: int = Field(ge=1, le=240)
    name: str = ""

    @property
    def ends_on(self) -> date:
        """The first day after the period."""
        return add_months(self.starts_on, self.months)


class Driver(Record):
    """What the plan assumes: one `value` for all periods, or `values` by period (these first)."""

    value: Number | None = None
    values: dict[Key, Number] = {}
    name: str = ""
    unit: str = ""
    source: str = ""

    def at(self, period: str) -> Printed | None:
        """Return the value in a period, None where there is none."""
        return self.values.get(period, self.value)

    @model_validator(mode="after")
    def _valued(self) -> "Driver":
        if self.value is None and not self.values:
            message = "has no value; give 'value', or 'values' by period"
            raise ValueError(message)
        return self


class Figure(Record):
    """What the plan prints: how it is derived, and what stands there. See the module for every key."""

    formula: Texts = {}
    total_of: tuple[Key, ...] = ()
    share_of: tuple[Key, Key] | None = None
    growth_of: Key | None = None
    multiple_of: Key | None = None
    cagr_of: Key | None = None
    since: Key | None = None
    case_of: Key | None = None
    where: dict[Key, Number] = {}
    adds_up: bool = False
    within: Texts = {}
    printed: Numbers = {}
    name: str = ""
    unit: str = ""
    source: Texts = {}
    ledger: Ledger | None = None

    def at(self, period: str) -> Printed | None:
        """Return what is printed in a period, or for all of them; None where nothing is."""
        return self.printed.get(period, self.printed.get(ALL))

    def source_of(self, period: str) -> str:
        """Return where a period's figure is printed."""
        return self.source.get(period, self.source.get(ALL, ""))

    @model_validator(mode="after")
    def _derived_in_one_way(self) -> "Figure":
        given = [name for name in DERIVATIONS if getattr(self, name)]
        if len(given) > 1:
            message = f"is derived in {len(given)} ways ({', '.join(given)}); keep one, print the other apart"
            raise ValueError(message)
        if (self.cagr_of is None) != (self.since is None):
            message = "'cagr_of' and 'since' go together; give both"
            raise ValueError(message)
        if (self.case_of is None) != (not self.where):
            message = "'case_of' and 'where' go together; give both"
            raise ValueError(message)
        if not given and not self.printed:
            message = "is neither printed nor derived; give 'printed', or one of " + ", ".join(DERIVATIONS)
            raise ValueError(message)
        return self


class Claim(Record):
    """What the plan says or implies: a comparison that holds, in each of `periods` if there are any."""

    holds: Text
    says: str = ""
    periods: tuple[Key, ...] = ()
    source: str = ""


class Plan(Record):
    """A business plan: what it assumes, what it prints, and what it claims."""

    name: str
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    sources: dict[str, str] = {}
    periods: dict[Key, Period] = {}
    drivers: dict[Key, Driver] = {}
    figures: dict[Key, Figure] = {}
    claims: dict[Key, Claim] = {}
    things: dict[str, Any] = {}

    def before(self, period: str) -> str | None:
        """Return the period of the same length that ends where this one begins, None where there is none."""
        this = self.periods[period]
        return next(
            (
                key
                for key, other in self.periods.items()
                if other.ends_on == this.starts_on and other.months == this.months
            ),
            None,
        )

    def within(self, period: str) -> list[str]:
        """Return the longest periods that lie within this one, in order; none where they do not fill it."""
        this = self.periods[period]
        inner = [
            (other.starts_on, other.months, key)
            for key, other in self.periods.items()
            if this.starts_on <= other.starts_on and other.ends_on <= this.ends_on
            if other.months < this.months
        ]
        for months in sorted({length for _, length, _ in inner}, reverse=True):
            parts = sorted(part for part in inner if part[1] == months)
            starts = [add_months(this.starts_on, number) for number in range(0, this.months, months)]
            if this.months % months == 0 and [part[0] for part in parts] == starts:
                return [key for _, _, key in parts]
        return []

    def names(self) -> Iterator[str]:
        """Yield every name that a formula can use."""
        yield from self.drivers
        yield from self.figures
