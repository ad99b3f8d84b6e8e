"""The choices on which makers of metrics disagree: change one, and the same company has other figures.

A policy is named by its hash beside what it gave. `PRESETS` are those of known products, after what they say
of themselves (`docs/reference/metrics.md`); where one says nothing, the choice is that of `saasim`.
"""

import hashlib
import json
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from metering.document import Problem, Problems, did_you_mean, problem


class MetricPolicy(NamedTuple):
    """How metrics are taken: each field is one choice."""

    usage_window: int = 3
    """Usage MRR is the mean of so many closed months: one alone swings, and a year lags behind growth."""

    sales_lag: int = 3
    """A customer won now was paid for so many months ago: a quarter, as most boards count it."""

    sales_window: int = 3
    """CAC is taken over so many months together, because in a single one often nobody is won."""

    churn_window: int = 6
    """LTV rests on the churn and the margin of so many months: one alone often has no churn at all."""

    horizon: int = 60
    """The capped LTV counts so many months of a customer and no more: nobody knows year 6."""

    efficiency_window: int = 3
    """Growth, margins and what they cost are taken over so many months: a quarter; in `summary` a year."""

    conversion_window: int = 6
    """A lead or a sign-up counts as converted if it pays within so many months."""

    certificate_months: int = 24
    """A certificate is valid for so many months."""

    available_hours: int = 1920
    """Hours that a consultant can work in a year: 2,080 less 160 of holidays and illness."""

    growth_weight: int = 2
    """The rule of X counts growth so many times; the rule of 40 counts it once."""

    opening_cash: Decimal = Decimal(0)
    """Cash before the first month: the ledger knows only what came in and went out since."""

    services: tuple[str, ...] = ("services", "consulting", "optimisation")
    """Streams whose names begin like this are what consultants earn."""

    sales_lags: tuple[tuple[str, int], ...] = ()
    """Segments whose customers were paid for another number of months ago than `sales_lag`, and which."""

    month_length: Decimal = Decimal("30.4375")
    """Days of a month, by which what is paid by the day or week counts: 365.25 / 12."""

    discounts: Literal["all", "lasting", "none"] = "all"
    """What is taken off MRR: every recurring discount, only those without an end, or none: the list price."""

    usage: Literal["separate", "included"] = "separate"
    """Whether metered revenue, the mean of the usage window, is part of each customer's MRR."""

    churn_recognition: Literal["end", "term", "scheduled"] = "end"
    """When a cancelled subscription stops counting: when it ends, its paid term does, or it is known."""

    past_due_grace: int | None = None
    """Who owes an invoice for so many days beyond its due date has churned until it is paid; None: never."""

    paused: Literal["churn", "dormant", "counts"] = "churn"
    """Who pauses is gone for the time, stays a customer without MRR, or counts as before."""

    free_downgrade: Literal["churn", "dormant"] = "churn"
    """Who goes on without paying is gone, or stays a customer without MRR."""

    refunds: Literal["separate", "reduce"] = "separate"
    """Whether what a guarantee gives back is taken off the MRR of its month."""

    same_month: Literal["ignored", "shown", "counted"] = "ignored"
    """Who comes and leaves within a month is nobody, moves MRR up and down, or counts as churned as well."""

    reactivation_window: int | None = None
    """Who comes back after more than so many months is new; None: never."""

    fx: Literal["line", "movements", "excluded"] = "line"
    """What rates of currencies change is a line of its own, more or less MRR of a customer, or left out."""

    logo_churn_denominator: Literal["opening", "opening_and_new"] = "opening"
    """Of whom the churned are a share: who was there at the opening, or who came as well."""

    cogs_scope: tuple[str, ...] = ("cogs",)
    """Cost centres whose names begin like this are the cost of revenue."""

    discount_rate: Decimal = Decimal("0.10")
    """What a year takes off the value of profit to come, where a metric discounts it."""

    timing: Literal["reported", "restated"] = "reported"
    """Late facts move the month in which they became known, or the one in which they hold."""

    @property
    def hash(self) -> str:
        """The first 16 digits of the sha256 of all choices: equal policies have equal hashes."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def as_dict(self) -> dict[str, Any]:
        """Return the choices by name, as JSON holds them; decimals are text."""
        return {
            name: f"{value.normalize():f}" if isinstance(value, Decimal) else value
            for name, value in self._asdict().items()
        }

    @property
    def name(self) -> str:
        """The preset that it is, or the choices that differ from the default."""
        for name, preset in PRESETS.items():
            if preset == self:
                return name
        default = DEFAULT.as_dict()
        return ",".join(
            f"{name}={_told(one)}" for name, one in self.as_dict().items() if one != default[name]
        )


DEFAULT = MetricPolicy()
"""What is printed unless someone asks otherwise."""

PRESETS: dict[str, MetricPolicy] = {
    "saasim": DEFAULT,
    "stripe": MetricPolicy(
        discounts="lasting", same_month="counted", logo_churn_denominator="opening_and_new"
    ),
    "chartmogul": MetricPolicy(
        usage="included", usage_window=1, paused="counts", free_downgrade="dormant", same_month="shown"
    ),
    "profitwell": MetricPolicy(usage="included", usage_window=1, churn_recognition="term", fx="movements"),
    "zuora": MetricPolicy(month_length=Decimal(30)),
    "strict-committed": MetricPolicy(
        churn_recognition="scheduled", past_due_grace=30, refunds="reduce", horizon=36,
        cogs_scope=("cogs", "support"),
    ),
}  # fmt: skip
"""Known sets of choices, by the name of the product, and one that counts only what is sure."""

INTERVALS = {"year": Fraction(12), "quarter": Fraction(3), "month": Fraction(1)}
"""How many months what is paid at such intervals is for; days and weeks depend on the policy."""


def named(text: str) -> MetricPolicy:
    """Read a policy: a preset, choices as `field=value`, or both, divided by commas.

        stripe
        stripe,discounts=all
        past_due_grace=45,usage=included

    Raises Problems that name each word that is no preset, field or value.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    problems, found = [], DEFAULT
    for number, word in enumerate(words):
        name, is_choice, value = word.partition("=")
        if not is_choice and number == 0 and name in PRESETS:
            found = PRESETS[name]
        elif not is_choice:
            remedy = did_you_mean(name, PRESETS)
            problems.append(Problem("policy", f"there is no policy {name!r}", remedy))
        elif name not in MetricPolicy._fields:
            remedy = did_you_mean(name, MetricPolicy._fields)
            problems.append(Problem("policy", f"there is no choice {name!r}", remedy))
        else:
            try:
                found = found._replace(**{name: _value(name, value)})
            except Problems as one:
                problems += one.problems
    if problems:
        raise Problems(problems)
    return found


def monthly_factor(interval: str, count: int = 1, policy: MetricPolicy = DEFAULT) -> Fraction:
    """Return the part of a price that a month is worth: 1/12 of a yearly one, 4.348125 times a weekly one.

    `interval` is day, week, month, quarter or year, and the price is paid every `count` of them. Raises
    Problems for another interval, or for a count below 1.
    """
    if count < 1:
        raise problem("interval", f"{count} is no number of intervals", "use 1 or more")
    if interval in INTERVALS:
        return 1 / (INTERVALS[interval] * count)
    days = {"day": 1, "week": 7}
    if interval not in days:
        raise problem("interval", f"there is no {interval!r}", did_you_mean(interval, [*days, *INTERVALS]))
    return Fraction(policy.month_length) / (days[interval] * count)


_FROM_ZERO = {"sales_lag", "past_due_grace", "reactivation_window", "opening_cash", "discount_rate"}
"""Numbers that may be 0."""


def _told(value: Any) -> str:
    return "none" if value is None else "+".join(value) if isinstance(value, list | tuple) else str(value)


def _value(name: str, text: str) -> Any:
    """Read one choice. Raises Problems where it is none."""
    kind = get_type_hints(MetricPolicy)[name]
    default = getattr(DEFAULT, name)
    if get_origin(kind) is Literal:
        if text in get_args(kind):
            return text
        raise problem(f"policy {name}", f"there is no {text!r}", f"use {', '.join(get_args(kind))}")
    if type(None) in get_args(kind) and text == "none":
        return None
    if isinstance(default, tuple):
        if name == "sales_lags":
            return tuple(_lag(one) for one in text.split("+") if one)
        return tuple(one for one in text.split("+") if one)
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    least = 0 if name in _FROM_ZERO else 1
    if not number.is_finite() or number < least or (not isinstance(default, Decimal) and number % 1):
        raise problem(f"policy {name}", f"{text!r} is no number for it", f"the default is {_told(default)}")
    return number if isinstance(default, Decimal) else int(number)


def _lag(text: str) -> tuple[str, int]:
    segment, _, months = text.partition(":")
    if not months.isdigit():
        raise problem("policy sales_lags", f"{text!r} is no segment and months", "write enterprise:9+smb:2")
    return segment, int(months)
