"""Conventions: how a biller rounds, prorates and orders, declared because billers differ.

Every switch is a field of the price book's `[conventions]`. `preset` names a biller that behaves so; what is
given beside it replaces the preset's choice. The defaults are those of no biller in particular.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self, get_args

from pydantic import Field, model_validator

from billing.money import Remainders, Rounding
from billing.price import Record, Terms
from metering.document import Problem, Problems, did_you_mean, validate

Preset = Literal["lago", "openmeter", "killbill", "flexprice", "meteroid", "stripe", "chargebee"]


class Conventions(Record):
    """The choices of a biller; a book that says nothing has the defaults.

    rounding, rounding_place: the mode, and what is rounded to the minor unit: each prorated `unit` price,
    each `line`, or each `invoice`, whose lines then share what its total is by `remainders`.
    tier_edge: whether a tier ends with `up_to` (inclusive) or just below it. first_flat, minimum_due: whether
    the first tier's flat fee, and a price's minimum, are due when nothing is used in a month. minimum_part:
    whether a part of a month owes all of the minimum of a price of usage, or its part.
    proration: the unit in which parts of a period are counted; `none` charges whole periods. ends: days from
    the first up to the last, or both counted. cancel_day: whether the day of a cancellation is paid for.
    divisor: the real period, 30 days a month, months of thirty days each (30/360), or nominal lengths (30,
    91, 182, 365 days). ratio_places: to how many decimals the ratio is rounded, and ratio_rounding how; not
    rounded when absent.
    quantity_places: to how many decimals a quantity weighted by days is rounded, by quantity_rounding.
    periods: calendar months, or months from the subscription's anchor. recurring: fees at the end of a month
    or at its start. cancellation: whether what was paid in advance is kept, or its unused part credited, when
    a subscription ends. allowance: a part of a month includes its part, or all.
    discounts: in the order listed, or shares before amounts, or amounts before shares. discount_place:
    whether a share off several lines is rounded for each `line` or as a whole for the `invoice`. minimum,
    maximum: whether the least and most of a price of usage, and the most of a plan, hold before or after
    discounts. drawdown: of several grants what expires first, has the lowest `priority`, or was granted
    first.
    """

    preset: Preset | None = None
    rounding: Rounding = "half_up"
    rounding_place: Literal["unit", "line", "invoice"] = "line"
    remainders: Remainders = "largest"
    tier_edge: Literal["inclusive", "exclusive"] = "inclusive"
    first_flat: Literal["above_zero", "at_zero"] = "above_zero"
    minimum_due: Literal["above_zero", "at_zero"] = "above_zero"
    minimum_part: Literal["whole", "part"] = "whole"
    proration: Literal["none", "day", "second", "millisecond", "microsecond"] = "day"
    ends: Literal["half_open", "both"] = "half_open"
    cancel_day: Literal["free", "billed"] = "free"
    divisor: Literal["period", "fixed_30", "thirty_360", "nominal"] = "period"
    ratio_places: int | None = Field(None, ge=0, le=12)
    ratio_rounding: Rounding = "half_up"
    quantity_places: int | None = Field(None, ge=0, le=12)
    quantity_rounding: Rounding = "half_up"
    periods: Literal["calendar", "anniversary"] = "calendar"
    recurring: Literal["arrears", "advance"] = "arrears"
    cancellation: Literal["kept", "credited"] = "kept"
    allowance: Literal["prorated", "full"] = "prorated"
    discounts: Literal["listed", "shares_first", "amounts_first"] = "listed"
    discount_place: Literal["line", "invoice"] = "line"
    minimum: Literal["before_discounts", "after_discounts"] = "before_discounts"
    maximum: Literal["before_discounts", "after_discounts"] = "before_discounts"
    drawdown: Literal["expiry", "priority", "granted"] = "expiry"
    payment_terms_days: int = Field(30, ge=0, le=365)

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        """Begin with the choices of the preset."""
        if isinstance(given, dict) and given.get("preset") in PRESETS:
            return {**PRESETS[given["preset"]], **given}
        return given

    def changed(self, given: str | Mapping[str, Any], place: str) -> Self:
        """Return the conventions with others in their place: a table of them, or text.

        Text is a list of presets, of values (`half_even`, where it is clear which convention has it) and of
        `name=value`. A preset begins anew: what it does not say is as in a book that says nothing, but for
        the payment terms. Raises Problems with everything that is wrong, at `place`.
        """
        chosen = _told(given, place) if isinstance(given, str) else dict(given)
        if chosen.get("preset") is not None:
            base: dict[str, Any] = {"payment_terms_days": self.payment_terms_days}
        else:
            base = self.model_dump(exclude={"preset"}) | {"preset": self.preset}
        return validate(type(self), base | chosen, place)

    def terms(self, *, is_monthly: bool, is_flow: bool) -> Terms:
        """Return how rates are read: what is `is_monthly` is due each month, used or not.

        What is not an `is_flow` of a month (levels, longer windows, single events, fees) has its bounds in
        itself.
        """
        return Terms(
            ends_inclusive=self.tier_edge == "inclusive",
            flat_at_zero=is_monthly and self.first_flat == "at_zero",
            minimum_at_zero=is_monthly and self.minimum_due == "at_zero",
            has_minimum=not is_flow or (self.minimum == "before_discounts" and self.minimum_part == "whole"),
            has_maximum=not is_flow or self.maximum == "before_discounts",
        )


PRESETS: dict[str, dict[str, Any]] = {
    "lago": {
        "cancel_day": "billed",
        "allowance": "full",
        "first_flat": "at_zero",
        "minimum_due": "at_zero",
        "minimum_part": "part",
        "discount_place": "invoice",
        "drawdown": "priority",
        "quantity_places": 5,
        "quantity_rounding": "up",
    },
    "openmeter": {
        "proration": "microsecond",
        "allowance": "full",
        "first_flat": "at_zero",
        "minimum_due": "at_zero",
        "minimum": "after_discounts",
        "maximum": "after_discounts",
        "drawdown": "priority",
        "periods": "anniversary",
    },
    "killbill": {"ratio_places": 9, "periods": "anniversary", "recurring": "advance"},
    "flexprice": {"ends": "both", "discount_place": "invoice", "drawdown": "priority"},
    "meteroid": {"tier_edge": "exclusive", "discounts": "shares_first", "discount_place": "invoice"},
    "stripe": {
        "proration": "second",
        "allowance": "full",
        "first_flat": "at_zero",
        "discount_place": "invoice",
        "periods": "anniversary",
        "recurring": "advance",
    },
    "chargebee": {
        "proration": "millisecond",
        "discounts": "amounts_first",
        "discount_place": "invoice",
        "periods": "anniversary",
        "recurring": "advance",
    },
}
"""What each preset chooses where it differs from the defaults."""


def _told(text: str, place: str) -> dict[str, Any]:
    """Read conventions as they are told on a command line: `lago,ratio_places=9,half_even`."""
    values = _values()
    chosen: dict[str, Any] = {}
    problems = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, has_value, value = word.partition("=")
        names = values.get(word, [])
        if has_value and name in Conventions.model_fields:
            chosen[name] = value
        elif has_value:
            problems.append(
                Problem(place, f"there is no {name!r}", did_you_mean(name, Conventions.model_fields))
            )
        elif len(names) == 1 or "rounding" in names:
            chosen["rounding" if "rounding" in names else names[0]] = word
        elif names:
            ways = " or ".join(f"{one}={word}" for one in names)
            problems.append(Problem(place, f"{word!r} may mean several things", f"write {ways}"))
        else:
            problems.append(Problem(place, f"there is no {word!r}", did_you_mean(word, values)))
    if problems:
        raise Problems(problems)
    return chosen


def _values() -> dict[str, list[str]]:
    """Return every word that a convention may be, with the names of the conventions that may be it."""
    found: dict[str, list[str]] = {}
    for name, field in Conventions.model_fields.items():
        for hint in (field.annotation, *get_args(field.annotation)):
            for word in get_args(hint):
                if isinstance(word, str):
                    found.setdefault(word, []).append(name)
    return found
