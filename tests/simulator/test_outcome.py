"""Outcomes: guarantees of projects are met or missed in their time, and savings are reported after a year."""

from collections import Counter
from decimal import Decimal
from statistics import median

from metering.event import Event, MilestoneDelivered, OutcomeMeasured, SavingsReported
from simulator.agents import consultant
from simulator.agents.practice import Guarantee, Offering, Practice, Savings
from tests.simulator.stage import Stage, lived, of

GOLD = Offering(
    hours={"medium": 40},
    team={"engineer": 1},
    clients=(150.0, 150.0, 0.0),
    guarantees={"accuracy": Guarantee(met=0.9), "contract": Guarantee(met=0.5, after_days=(30, 365))},
    savings=Savings(median=100_000, sigma=0.8),
)
PRACTICE = Practice(
    people={"engineer": (30.0,)},
    sizes={"medium": (1.0,)},
    milestones={"delivery": Decimal(1)},
    offerings={"gold": GOLD},
    attrition=0.0,
)


def history(practice: Practice = PRACTICE, *, seed: int = 1) -> list[Event]:
    """Return three years of a practice, the last of them without new clients."""
    return lived(Stage(36, [(consultant.spawn, practice)]), seed=seed)


def test_every_guarantee_of_a_delivered_project_is_measured_once_and_in_time() -> None:
    """Accuracy after 7 to 30 days, the contract's metrics within the year."""
    facts = history()
    delivered = {f.data.project: f for f in facts if isinstance(f.data, MilestoneDelivered)}
    measured = [fact for fact in facts if isinstance(fact.data, OutcomeMeasured)]
    days = {
        (fact.data.metric, fact.data.project): (
            fact.occurred_at - delivered[fact.data.project].occurred_at
        ).days
        for fact in measured
    }

    assert 250 < len(delivered)
    assert len(measured) == len(days)
    early = [name for name, fact in delivered.items() if fact.occurred_at.year < 2028]
    assert all(("accuracy", name) in days and ("contract", name) in days for name in early)
    assert all(7 <= after <= 30 for (metric, _), after in days.items() if metric == "accuracy")
    assert all(30 <= after <= 365 for (metric, _), after in days.items() if metric == "contract")
    assert all(
        fact.subject == delivered[fact.data.project].subject and fact.data.offering == "gold"
        for fact in measured
    )


def test_guarantees_are_met_as_often_as_promised() -> None:
    """Nine in ten for accuracy, one in two for the contract, each by its own luck."""
    met = Counter((one.metric, one.met) for one in of(OutcomeMeasured, history()))

    assert 0.85 < met["accuracy", True] / (met["accuracy", True] + met["accuracy", False]) < 0.95
    assert 0.4 < met["contract", True] / (met["contract", True] + met["contract", False]) < 0.6


def test_savings_are_reported_when_their_months_are_over() -> None:
    """A year after the delivery, lognormal around the median, in whole cents."""
    facts = history()
    delivered = {f.data.project: f.occurred_at for f in facts if isinstance(f.data, MilestoneDelivered)}
    reports = [fact for fact in facts if isinstance(fact.data, SavingsReported)]

    assert len(reports) > 200
    assert {365, 366} >= {(fact.occurred_at - delivered[fact.data.project]).days for fact in reports}
    assert 85_000 < median(fact.data.amount for fact in reports) < 115_000
    assert all(fact.data.amount.as_tuple().exponent == -2 for fact in reports)


def test_promises_change_nothing_else() -> None:
    """Without guarantees the same projects are delivered on the same days."""
    silent = GOLD.model_copy(update={"guarantees": {}, "savings": None})
    without = history(PRACTICE.model_copy(update={"offerings": {"gold": silent}}))
    told = [fact for fact in history() if not isinstance(fact.data, OutcomeMeasured | SavingsReported)]

    def plain(facts: list[Event]) -> list[tuple[object, ...]]:
        return [(fact.source, fact.subject, fact.occurred_at, fact.data) for fact in facts]

    assert plain(without) == plain(told)
