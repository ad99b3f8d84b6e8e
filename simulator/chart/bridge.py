"""Bridges: how one balance became another, a step for each reason."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import altair as alt

from simulator.chart.axis import around, value_y
from simulator.chart.chart import Drawn, layered
from simulator.chart.column import number_label, plain, quoted, tooltip
from simulator.chart.theme import Style

_NARROW = "width < 480"

_STEP = 84
"""Pixels of a step in which its name has room beside the next."""


class Step(NamedTuple):
    """A step of a bridge: what it is, how much, its colour; a balance stands, all else floats."""

    name: str
    amount: float
    colour: str
    is_balance: bool = False


def bridge(steps: Sequence[Step], style: Style, unit: str, *, zero: bool = True) -> Drawn:
    """Draw the steps from left to right, each where the one before it ends.

    Without `zero` the scale begins below the lowest of them, and says so: small changes of large balances.
    """
    rows = _placed(steps)
    ends = around([end for row in rows for end in (row["since"], row["until"])])
    if not zero:
        ends = around([row["until"] for row in rows], zero=False, room=0.25)
        rows = [row | {"since": ends[0]} if row["balance"] else row for row in rows]
    whole = style.of(rows)
    names = [step.name for step in steps]
    axis = alt.Axis(
        labelAngle=0, labelAlign="center", labelBaseline="top", labelLimit=110, title=None,
        labelOverlap=False, labelExpr=_staggered(names),
    )  # fmt: skip
    x = alt.X(
        "step:N", scale=alt.Scale(domain=names, paddingInner=0.28, paddingOuter=0.14), axis=axis, sort=None
    )
    y = value_y("since", unit, ends, head=None if zero else "The scale does not begin at 0.")
    told = [tooltip("step", "text"), tooltip("amount", unit), tooltip("until", unit, "reached")]
    bars = whole.mark_bar(cornerRadius=1).encode(
        x=x, y=y, y2="until:Q", tooltip=told, color=alt.Color("colour:N", scale=None, legend=None)
    )
    # From the end of each step a line leads to the next, so that the eye sees what floats on what.
    joints = whole.transform_filter("isValid(datum.next)").mark_rule(color=style.theme.rule, strokeWidth=1)
    joint = joints.encode(x=alt.X("step:N", bandPosition=1), x2=alt.X2("next:N", bandPosition=0), y="until:Q")
    words = whole.transform_calculate(label=_signed(unit)).mark_text(
        baseline="bottom",
        dy=-4,
        fontWeight=500,
        color=style.theme.ink,
        fontSize=alt.ExprRef(f"{_NARROW} ? 10 : 12"),
    )
    return layered(joint, bars, words.encode(x=x, y="top:Q", text="label:N"))


def _placed(steps: Sequence[Step]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    reached = 0.0
    for at, step in enumerate(steps):
        since = 0.0 if step.is_balance else reached
        reached = since + step.amount
        row = {
            "step": step.name, "amount": step.amount, "since": since, "until": reached,
            "top": max(since, reached), "colour": step.colour, "balance": step.is_balance,
        }  # fmt: skip
        if at + 1 < len(steps):
            row["next"] = steps[at + 1].name
        rows.append({name: plain(value) for name, value in row.items()})
    return rows


def _signed(unit: str) -> str:
    """Return the expression of what a step says; where it is narrow, in as few letters as will do."""
    text = number_label(unit, "datum.amount")
    short = "replace(format(datum.amount, '.2~s'), 'G', 'B')"
    return f"(datum.amount > 0 && !datum.balance ? '+' : '') + ({_NARROW} ? {short} : {text})"


def _staggered(names: Sequence[str]) -> str:
    """Return the expression of the names of steps: where it is narrow, every second one is a line lower.

    The lines above it hold a space that does not break: browsers leave empty lines out.
    """
    lower = ", ".join(quoted(name) for name in names[1::2] if " " not in name)
    below = "['\\u00a0', '\\u00a0', datum.label]"
    is_lower = f"width < {_STEP * len(names)} && indexof([{lower}], datum.label) >= 0"
    return f"{is_lower} ? {below} : split(datum.label, ' ')"
