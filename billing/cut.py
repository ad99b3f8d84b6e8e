"""Cuts: phases that go by other names in another price book are parted where a subscription comes to it.

A book may call a plan, an add-on or a discount otherwise (`replaces`). A phase that lasts over the switch
then ends in the old names and goes on in the new ones, and the phases after it have numbers one higher.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import NamedTuple

import polars as pl

from billing.subscription import Ignored, Phase, Subscriptions
from billing.transition import Handover

_SCHEMA = pl.Schema({"subscription": pl.String(), "cut_no": pl.Int64(), "cut_on": pl.Date()})


class Cuts(NamedTuple):
    """The phases of every subscription in the names that they had, and where phases were parted."""

    lives: dict[str, list[Phase]]
    places: pl.DataFrame

    @classmethod
    def of(cls, handed: Handover, old: Mapping[str, Sequence[Phase]]) -> "Cuts":
        """Part the phases in the names of the book before, `old`, where a switch gives them other names."""
        lives, places = dict[str, list[Phase]](), list[tuple[str, int, date]]()
        for subscription, life in old.items():
            switch = handed.switches.get(subscription)
            on = date.max if switch is None else switch.month_on
            lives[subscription] = []
            for phase, renamed in zip(life, handed.lives[subscription], strict=True):
                is_over = phase.ends_at is not None and phase.ends_at <= datetime.combine(on, time())
                if phase.starts_on >= on and switch is not None:
                    lives[subscription].append(renamed)
                elif is_over or switch is None or phase == renamed:
                    lives[subscription].append(phase)
                else:
                    places.append((subscription, phase.phase_no, on))
                    at = datetime.combine(on, time())
                    lives[subscription] += [
                        phase._replace(ends_at=at, end_reason="changed"),
                        renamed._replace(starts_at=at),
                    ]
            lives[subscription] = [
                phase._replace(phase_no=number) for number, phase in enumerate(lives[subscription], 1)
            ]
        return cls(lives, pl.DataFrame(places, schema=_SCHEMA, orient="row"))

    def subscriptions(self, ignored: Sequence[Ignored]) -> Subscriptions:
        """Return the phases as a fold of facts would, with the facts that it ignored."""
        return Subscriptions(self.lives, list(ignored), _touched=dict.fromkeys(self.lives))

    def renumbered(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows of subscriptions, phases and months with the numbers that the phases have now."""
        if not len(self.places):
            return rows
        number = pl.col("phase_no")
        later = (number > pl.col("cut_no")) | (
            (number == pl.col("cut_no")) & (pl.col("month") >= pl.col("cut_on"))
        )
        return (
            rows.join(self.places, on="subscription", how="left", maintain_order="left")
            .with_columns(phase_no=number + later.fill_null(value=False).cast(pl.Int64))
            .select(rows.columns)
        )
