"""Conventions: how a biller rounds, prorates and orders, declared because billers differ.

Every switch is a field of the price book's `[conventions]`. `preset` names a biller that behaves so; what is
given beside it replaces the preset's choice. The defaults are those of no biller in particular.
"""

from typing import Any, Literal

from pydantic import Field, model_validator

from billing.money import Rounding
from billing.price import Record

Preset = Literal["lago", "openmeter", "killbill", "flexprice", "meteroid", "stripe", "chargebee"]


class Conventions(Record):
    """The choices of a biller; a book that says nothing has the defaults.

    rounding, rounding_place: the mode, and what is rounded to the minor unit: each prorated `unit` price,
    each `line`, or each `invoice`, whose lines then share what its total is by `remainders`.
    tier_edge: whether a tier ends with `up_to` (inclusive) or just below it. first_flat: whether the first
    tier's flat fee is due at a quantity of zero.
    proration: the unit in which parts of a period are counted; `none` charges whole periods. ends: days from
    the first up to the last, or both counted. cancel_day: whether the day of a cancellation is paid for.
    divisor: the real period, 30 days, or nominal lengths (30, 91, 182, 365 days). ratio_places: to how many
    decimals the ratio is rounded, and ratio_rounding how; all 12 when absent.
    quantity_places: to how many decimals a quantity weighted by time is rounded, by quantity_rounding.
    periods: calendar months, or months from the subscription's anchor. recurring: fees at the end of a month
    or at its start. allowance: a part of a month includes its part, or all.
    discounts: in the order listed, or shares before amounts, or amounts before shares. minimum, maximum:
    whether a price's least and most hold before or after discounts. drawdown: of several grants, the order.
    """

    preset: Preset | None = None
    rounding: Rounding = "half_up"
    rounding_place: Literal["unit", "line", "invoice"] = "line"
    remainders: Literal["largest", "first", "last"] = "largest"
    tier_edge: Literal["inclusive", "exclusive"] = "inclusive"
    first_flat: Literal["above_zero", "at_zero"] = "above_zero"
    proration: Literal["none", "day", "second", "millisecond", "microsecond"] = "day"
    ends: Literal["half_open", "both"] = "half_open"
    cancel_day: Literal["free", "billed"] = "free"
    divisor: Literal["period", "fixed_30", "nominal"] = "period"
    ratio_places: int | None = Field(None, ge=0, le=12)
    ratio_rounding: Rounding = "half_up"
    quantity_places: int | None = Field(None, ge=0, le=12)
    quantity_rounding: Rounding = "half_up"
    periods: Literal["calendar", "anniversary"] = "calendar"
    recurring: Literal["arrears", "advance"] = "arrears"
    allowance: Literal["prorated", "full"] = "prorated"
    discounts: Literal["listed", "shares_first", "amounts_first"] = "listed"
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


PRESETS: dict[str, dict[str, Any]] = {
    "lago": {
        "cancel_day": "billed",
        "first_flat": "at_zero",
        "quantity_places": 5,
        "quantity_rounding": "up",
    },
    "openmeter": {"proration": "microsecond", "first_flat": "at_zero", "periods": "anniversary"},
    "killbill": {"ratio_places": 9, "periods": "anniversary", "recurring": "advance"},
    "flexprice": {"ends": "both"},
    "meteroid": {"discounts": "shares_first"},
    "stripe": {"proration": "second", "periods": "anniversary", "recurring": "advance"},
    "chargebee": {"proration": "millisecond", "periods": "anniversary", "recurring": "advance"},
}
"""What each preset chooses where it differs from the defaults."""
