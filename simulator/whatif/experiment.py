"""Experiments: one company under two price books, seed by seed, with common random numbers.

Every draw of an agent is keyed by (seed, agent, purpose, time), so both companies of a seed meet the same
customers, who differ in nothing but what prices make them do. Seeds are independent of one another and may
be tried in any order by any number of processes: the numbers are the same.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from analytics import reaction
from analytics.break_even import BreakEven, break_even
from analytics.effect import Trial
from analytics.standing import standing
from billing import price_book
from billing.price_book import PriceBook
from billing.rebilling import replay
from billing.transition import Policy, Transition
from metering.log import Log
from simulator import scenario
from simulator.prior import drawn
from simulator.processes import attempt_each
from simulator.scenario import Loaded
from simulator.whatif.company import lived
from simulator.whatif.vocabulary import in_words_of
from simulator.world import World


class Question(NamedTuple):
    """What is asked: a scenario (with changed values), the price book that it might have, and from when on.

    `policy` says who comes to the new book when, from the month that begins `from_on` (the first without it).
    """

    scenario: str
    prices: Path
    settings: Mapping[str, str]
    policy: Policy = "now"
    from_on: date | None = None
    phase_months: int = 1

    def transition(self, before: PriceBook) -> Transition | None:
        """Return how customers come from one book to the other; None where it holds from the start."""
        if self.from_on is None and self.policy == "now":
            return None
        return Transition(before, self.policy, self.from_on, self.phase_months)


class Case(NamedTuple):
    """One trial to make: its number, a question, the seed, and what a sweep changes of the scenario.

    `label` is the name and the value of the sweep that it belongs to, None for the question itself.
    """

    number: int
    question: Question
    seed: int
    changes: Mapping[str, str]
    label: tuple[str, Decimal] | None = None


class Outcome(NamedTuple):
    """What a trial came to: how the company stands under both books, and the break-even churn."""

    case: Case
    trial: Trial
    break_even: BreakEven | None


def read(question: Question, changes: Mapping[str, str] | None = None) -> tuple[Loaded, PriceBook]:
    """Read the scenario and the other book, in the words of the scenario.

    Raises Problems where either is wrong, or they do not fit each other.
    """
    loaded = scenario.load(question.scenario, {**question.settings, **(changes or {})})
    book = price_book.load(question.prices)
    in_words_of(loaded, book, str(question.prices))
    return loaded, book


def attempt(case: Case, stopping: Callable[[], bool] = lambda: False) -> Outcome:
    """Let the company of a seed live under both books, and bill what it did under the first by the second.

    Raises Interrupted where `stopping` says so, Problems where something does not fit.
    """
    loaded, book = read(case.question, case.changes)
    company = loaded._replace(scenario=drawn(loaded.scenario, case.seed))
    known = in_words_of(loaded, book, str(case.question.prices))
    with tempfile.TemporaryDirectory(prefix="saasim-whatif-") as folder:
        log = Log.create(Path(folder) / "before")
        now = World(company.scenario, loaded.book, seed=case.seed)
        before = lived(now, company.scenario, loaded.book, log, stopping=stopping)
        change = case.question.transition(loaded.book)
        usual = change or Transition(loaded.book)
        then = World(company.scenario, known, seed=case.seed, transition=usual)
        other = Log.create(Path(folder) / "after")
        after = lived(then, company.scenario, book, other, change=change, stopping=stopping)
        replayed = replay(log, book, transition=change)
        ledgers = (
            before.connection,
            replayed.connection,
            after.connection,
        )  # a replay reads its log until here
    told = [reaction.counts(one) for one in (before.connection, after.connection)]
    found = Trial(
        case.seed,
        before=standing(ledgers[0]),
        replayed=standing(ledgers[1]),
        after=standing(ledgers[2]),
        channels=reaction.by_channel(replayed.connection, after.connection),
        counts={name: (told[0][name], told[1][name]) for name in told[0]},
    )
    even = break_even(before.connection, replayed.connection)
    for one in ledgers:
        one.close()
    return Outcome(case, found, even)


def attempt_all(
    cases: Sequence[Case], *, jobs: int, stopping: Callable[[], bool] = lambda: False
) -> Iterator[Outcome]:
    """Try every case, in `jobs` processes at a time, and yield the outcomes as they come.

    Raises Interrupted where `stopping` says so, once every process has stopped: at the end of a month.
    """
    yield from attempt_each(attempt, cases, jobs=jobs, stopping=stopping)
