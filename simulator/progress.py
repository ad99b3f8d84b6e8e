"""Progress: what a run shows while it works, on stderr: live on a terminal, a line a year elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from simulator.run import Month
from simulator.values import duration_text, sparkline, whole_money_text

YEAR = 12
BAR_WIDTH = 36
FIGURE_WIDTH = 10
LINES_MAX = 20
"""How many lines the other histories of a run get in a pipe."""
MONTHS_FELT = 4
"""The time left is reckoned from so many months: later ones, with more customers, take longer."""


class Progress:
    """The progress of a run: `with Progress(...) as progress: progress(month)` after each month."""

    def __init__(
        self,
        screen: Console,
        title: str,
        *,
        months: int,
        currency: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._screen = screen
        self._title = title
        self._count = months
        self._currency = currency
        self._clock = clock
        self._months: list[Month] = []
        self._times = [clock()]
        self._live: Live | None = None
        self._others_began = 0.0

    def __enter__(self) -> Self:
        """Begin to show."""
        self._times = [self._clock()]
        if self._screen.is_terminal:
            self._live = Live(console=self._screen, auto_refresh=False, transient=True)
            self._live.start()
            self._live.update(self.picture(), refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear what was shown: the summary says it better."""
        if self._live is not None:
            self._live.stop()

    def __call__(self, month: Month) -> None:
        """Show that a month has passed."""
        self._months.append(month)
        self._times.append(self._clock())
        done = len(self._months)
        if self._live is not None:
            self._live.update(self.picture(), refresh=True)
        elif done % YEAR == 0 or done == self._count:
            self._screen.print(self.line())

    def histories(self, done: int, count: int) -> None:
        """Show that so many of the other histories of the company have been lived."""
        now = self._clock()
        self._others_began = now if not done else self._others_began
        left = (now - self._others_began) / done * (count - done) if done else 0.0
        told = f", about {duration_text(left)} left" if 0 < done < count else ""
        text = f"{done} of {count} other histories{told}"
        if self._live is not None:
            self._live.update(Group(self.picture(), Text(f"  {text}", style="dim")), refresh=True)
        elif done and (done * LINES_MAX // count) > ((done - 1) * LINES_MAX // count):
            self._screen.print(text)

    def line(self) -> str:
        """Return the state as one line."""
        last, done = self._months[-1], len(self._months)
        return (
            f"{last.period.label}  {done} of {self._count} months, {last.customers:,} customers, "
            f"{whole_money_text(last.committed_mrr, self._currency)} committed MRR, {last.events:,} events, "
            f"{self.events_per_second():,.0f} events/s"
        )

    def picture(self) -> RenderableType:
        """Return the state as a picture: how far, the figures, and MRR drawn month by month."""
        done = len(self._months)
        head = Text.assemble((self._title, "bold"), "  ")
        bar = ProgressBar(total=self._count, completed=done, width=BAR_WIDTH, complete_style="green")
        where = f"{self._months[-1].period.label}  {done}/{self._count}" if done else "setting the stage"
        if done == self._count:
            where = "closing the books, checking every invariant"
        grid = Table.grid(padding=(0, 2))
        grid.add_row(bar, where)
        row = Padding(grid, (0, 2))
        if not done:
            return Group(head, row)
        last = self._months[-1]
        figures = Table.grid(padding=(0, 2))
        for name in _HEADS:
            figures.add_column(min_width=max(FIGURE_WIDTH, len(name)))
        figures.add_row(*(Text(name, style="dim") for name in _HEADS))
        figures.add_row(
            f"{last.customers:,}",
            whole_money_text(last.committed_mrr, self._currency),
            f"{last.events:,}",
            f"{self.events_per_second():,.0f}",
            duration_text(self.seconds_left()),
        )
        curve = sparkline([float(month.committed_mrr) for month in self._months])
        drawn = Text.assemble("  ", (curve, "green"), ("  committed MRR", "dim"))
        return Group(head, row, Padding(figures, (0, 2)), drawn)

    def events_per_second(self) -> float:
        """Return how many events were made, logged and billed a second."""
        elapsed = self._times[-1] - self._times[0]
        return self._months[-1].events / elapsed if elapsed > 0 else 0.0

    def seconds(self) -> float:
        """Return how long it has taken so far."""
        return self._clock() - self._times[0]

    def seconds_left(self) -> float:
        """Return how long the rest will take, if its months take as long as the last ones."""
        felt = min(MONTHS_FELT, len(self._months))
        pace = (self._times[-1] - self._times[-1 - felt]) / felt
        return pace * (self._count - len(self._months))


_HEADS = ("customers", "committed MRR", "events", "events/s", "time left")
