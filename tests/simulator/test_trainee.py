"""Trainees: they enrol, finish or give up, sit exams and sit them again, and stay certified."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from billing.price_book import loads
from metering.event import (
    AccountSignedUp,
    CourseCompleted,
    CourseEnrolled,
    Event,
    ExamSat,
    OrderPlaced,
    SubscriptionStarted,
)
from simulator.agents import trainee
from simulator.agents.trainee import Course, CrossSale, Exam, Offer, Trainees, endures
from simulator.world import Story, World
from tests.simulator.stage import EMPTY, Stage, lived, of, of_year

SELF_PACED = Course(
    formats={"self-paced": Offer(parties=(600.0, 0.0))},
    weeks=6,
    gives_up_early=0.20,
    gives_up_late=0.05,
    exam="professional",
)
SCHOOL = Trainees(courses={"fundamentals": SELF_PACED}, exams={"professional": Exam(sits=0.9)})


def school(settings: Trainees = SCHOOL, *, months: int = 36, seed: int = 1) -> list[Event]:
    """Return the history of trainees alone."""
    return lived(Stage(months, [(trainee.spawn, settings)]), seed=seed)


def customer(plan: str) -> Callable[[World, Any], None]:
    """Return what brings one customer of a plan into the world, a week after its beginning."""

    def spawn(world: World, settings: Any) -> None:
        agent = world.agent("customer", "customer-1")

        def subscribe() -> Story:
            yield world.on(7)
            world.record(agent, "customer-1", SubscriptionStarted("customer-1-main", plan))

        world.start(agent, subscribe())

    return spawn


def test_a_year_brings_as_many_parties_as_planned() -> None:
    """About 600 enrol in the first year and none later, each with an account of its own."""
    facts = school()
    enrolled = [fact for fact in facts if isinstance(fact.data, CourseEnrolled)]

    assert 540 < len(enrolled) < 660
    assert {2026} == {fact.occurred_at.year for fact in enrolled}
    assert len(enrolled) == len(of(AccountSignedUp, facts))


@pytest.mark.parametrize(
    ("weeks", "early", "late", "share"),
    [(6, 0.20, 0.05, 0.52), (1, 0.05, 0.02, 0.95), (2, 0.5, 0.9, 0.25), (12, 0.30, 0.12, 0.136)],
)
def test_who_finishes_has_survived_every_week(weeks: int, early: float, late: float, share: float) -> None:
    """The first two weeks are the hardest; self-paced courses of twelve weeks lose seven of eight people."""
    formats = {"any": Offer(parties=(1.0,))}
    course = Course(formats=formats, weeks=weeks, gives_up_early=early, gives_up_late=late)

    assert pytest.approx(share, abs=0.005) == endures(course)


def test_half_of_a_self_paced_course_finishes_when_its_weeks_are_over() -> None:
    """52 % finish, on the day that six weeks have passed."""
    facts = school()
    began = {fact.subject: fact.occurred_at for fact in facts if isinstance(fact.data, CourseEnrolled)}
    ended = {fact.subject: fact.occurred_at for fact in facts if isinstance(fact.data, CourseCompleted)}

    assert 0.46 < len(ended) / len(began) < 0.58
    assert {timedelta(weeks=6)} == {ended[subject] - began[subject] for subject in ended}


def test_some_hurry_and_are_done_after_fewer_weeks() -> None:
    """Three in ten of those who finish do so after four weeks, the others after six."""
    course = SELF_PACED.model_copy(update={"hurries": 0.3, "hurried_weeks": 4})
    facts = school(SCHOOL.model_copy(update={"courses": {"fundamentals": course}}))
    began = {fact.subject: fact.occurred_at for fact in facts if isinstance(fact.data, CourseEnrolled)}
    took = Counter(
        (fact.occurred_at - began[fact.subject]).days // 7
        for fact in facts
        if isinstance(fact.data, CourseCompleted)
    )

    assert {4, 6} == set(took)
    assert 0.2 < took[4] / took.total() < 0.4
    assert took.total() == len(of(CourseCompleted, school()))


def test_who_renews_early_sits_before_the_certificate_ends() -> None:
    """With thirty days to spare the exam is sat thirty days before two years have passed."""
    exam = SCHOOL.exams["professional"].model_copy(update={"renews_before_days": 30})
    passed: dict[str, datetime] = {}
    renewed = 0
    for fact in school(SCHOOL.model_copy(update={"exams": {"professional": exam}})):
        if isinstance(fact.data, ExamSat) and fact.data.kind == "recertification":
            renewed += 1
            ends_on = passed[fact.subject].replace(year=passed[fact.subject].year + 2)
            assert timedelta(days=30) == ends_on - fact.occurred_at
        if isinstance(fact.data, ExamSat) and fact.data.passed:
            passed[fact.subject] = fact.occurred_at

    assert renewed > 20


def test_nobody_sits_the_exam_of_a_course_before_finishing_it() -> None:
    """Completion is required: every first sitting follows a completion of the same account."""
    finished: dict[str, datetime] = {}
    for fact in school():
        if isinstance(fact.data, CourseCompleted):
            finished[fact.subject] = fact.occurred_at
        if isinstance(fact.data, ExamSat):
            assert finished[fact.subject] < fact.occurred_at


def test_seven_in_ten_pass_and_most_others_try_again_within_a_month() -> None:
    """First sittings pass at 0.7, retakes at 0.6, and a retake follows 14 to 30 days after a failure."""
    facts = [fact for fact in school() if isinstance(fact.data, ExamSat)]
    first = [fact.data.passed for fact in facts if fact.data.kind == "first"]
    assert 0.62 < sum(first) / len(first) < 0.78

    failed: dict[str, Event] = {}
    retakes = 0
    for fact in facts:
        if fact.data.kind == "retake":
            retakes += 1
            assert 14 <= (fact.occurred_at - failed[fact.subject].occurred_at).days <= 30
        if not fact.data.passed:
            failed[fact.subject] = fact
    assert 0.4 < retakes / first.count(False) < 1.2


def test_half_of_the_certificates_are_renewed_two_years_later() -> None:
    """A recertification falls two years after the exam that was passed; nobody else renews."""
    passed: dict[str, datetime] = {}
    renewed = 0
    for fact in school():
        if isinstance(fact.data, ExamSat) and fact.data.kind == "recertification":
            renewed += 1
            assert passed[fact.subject].replace(year=fact.occurred_at.year) == fact.occurred_at
            assert 2028 == fact.occurred_at.year
        elif isinstance(fact.data, ExamSat) and fact.data.passed:
            passed[fact.subject] = fact.occurred_at

    due = sum(at.year == 2026 for at in passed.values())
    assert 0.38 < renewed / due < 0.62


def test_a_company_sends_people_together() -> None:
    """A party of a private class has so many people; those who finish are some of them; each sits alone."""
    course = SELF_PACED.model_copy(
        update={"formats": {"private": Offer(parties=(40.0,), people=(6, 15), segment="mid_market")}}
    )
    facts = school(SCHOOL.model_copy(update={"courses": {"fundamentals": course}}))
    people = {fact.subject: fact.data.participants for fact in facts if isinstance(fact.data, CourseEnrolled)}
    done = {fact.subject: fact.data.participants for fact in facts if isinstance(fact.data, CourseCompleted)}
    first = Counter(f.subject for f in facts if isinstance(f.data, ExamSat) and f.data.kind == "first")

    assert {6, 15} == {min(people.values()), max(people.values())}
    assert all(0 < done[subject] <= people[subject] for subject in done)
    assert all(count <= done[subject] for subject, count in first.items())
    assert {"mid_market"} == {fact.segment for fact in of(AccountSignedUp, facts)}


def test_experienced_people_sit_an_exam_without_a_course_and_prepare_for_it() -> None:
    """Where an exam is open to the experienced, they come for it alone; some order what prepares for it."""
    exam = Exam(experienced=(200.0,), prepares={"practice-exam": 0.6})
    facts = school(Trainees(courses={}, exams={"developer": exam}), months=12)
    sat = [fact for fact in of(ExamSat, facts) if fact.kind == "first"]

    assert not of(CourseEnrolled, facts)
    assert 120 < len(sat) < 230
    assert 0.5 < len(of(OrderPlaced, facts)) / len(of(AccountSignedUp, facts)) < 0.7


def test_one_certificate_leads_to_the_next_after_a_year() -> None:
    """Who is certified long enough may go for the next exam."""
    exams = {
        "developer": Exam(experienced=(100.0, 0.0), passes=1.0, leads_to="architect", leads=1.0),
        "architect": Exam(),
    }
    first: dict[str, datetime] = {}
    for fact in school(Trainees(courses={}, exams=exams), months=24):
        if isinstance(fact.data, ExamSat) and fact.data.kind == "first":
            if fact.data.exam == "architect":
                assert (fact.occurred_at - first[fact.subject]).days > 365
            first[fact.subject] = fact.occurred_at


def test_some_parties_come_through_training_partners() -> None:
    """Year by year a larger share of the accounts names the partners' channel."""
    facts = school(SCHOOL.model_copy(update={"through_partners": (0.5, 0.5)}))
    channels = Counter(fact.channel for fact in of(AccountSignedUp, facts))

    assert {"self_serve", "training_partner"} == set(channels)
    assert 0.4 < channels["training_partner"] / channels.total() < 0.6


def test_a_customer_new_to_a_plan_sends_people_to_a_course() -> None:
    """The customer enrols them itself, some time after it subscribed; other plans send nobody."""
    sale = CrossSale(course="fundamentals", format="self-paced", share=1.0, people=(2, 4))
    nobody = SELF_PACED.model_copy(update={"formats": {"self-paced": Offer(parties=(0.0,))}})
    quiet = SCHOOL.model_copy(update={"courses": {"fundamentals": nobody}, "cross_sales": {"business": sale}})

    def enrolled(plan: str) -> list[Event]:
        facts = lived(Stage(36, [(customer(plan), None), (trainee.spawn, quiet)]))
        return [fact for fact in facts if isinstance(fact.data, CourseEnrolled)]

    [fact] = enrolled("business")
    assert "customer-1" == fact.subject
    assert 2 <= fact.data.participants <= 4
    assert not enrolled("professional")


def test_neither_order_nor_company_changes_a_history() -> None:
    """Another course, spawned before or after, changes nothing for the trainees of this one."""
    other = Trainees(courses={"advanced": SELF_PACED.model_copy(update={"exam": ""})})
    alone = school(months=24)
    before = lived(Stage(24, [(trainee.spawn, other), (trainee.spawn, SCHOOL)]))
    after = lived(Stage(24, [(trainee.spawn, SCHOOL), (trainee.spawn, other)]))

    assert before == after
    assert alone == [fact for fact in before if fact.source.startswith("saasim/trainee/fundamentals")]


def test_the_same_seed_gives_the_same_history() -> None:
    """Twice the same, and with another seed another."""
    assert school(months=12) == school(months=12)
    assert school(months=12) != school(months=12, seed=2)


def test_more_of_one_year_move_nobody_of_another() -> None:
    """The trainees of the first year live the same whatever the second brings."""
    course = SELF_PACED.model_copy(update={"formats": {"self-paced": Offer(parties=(600.0, 0.0, 900.0))}})
    more = school(SCHOOL.model_copy(update={"courses": {"fundamentals": course}}))

    assert of_year(school(), 2026) == of_year(more, 2026)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"courses": {"a": {"formats": {"x": {"parties": [1]}}, "exam": "b"}}}, "a: no exam 'b'"),
        ({"courses": {}, "exams": {"a": {"leads_to": "b"}}}, "a: no exam 'b'; did you mean|known: a"),
        (
            {"courses": {}, "cross_sales": {"p": {"course": "c", "format": "f", "share": 1}}},
            "p: no course 'c'",
        ),
    ],
)
def test_what_settings_name_must_be_there(settings: dict[str, Any], message: str) -> None:
    """A course, exam or format that nothing defines is refused."""
    with pytest.raises(ValidationError, match=message):
        Trainees.model_validate(settings)


def test_the_price_book_must_sell_what_trainees_buy() -> None:
    """Each course, exam and item that no price counts is a problem; what a price counts is none."""
    book = loads(
        """
        name = "School"
        [meters.course_seats]
        event = "course.enrolled"
        quantity = "participants"
        dimensions = ["course", "format"]
        [plans.catalog]
        name = "Catalog"
        stream = "training"
        [plans.catalog.prices.fundamentals]
        meter = "course_seats"
        where = { course = "fundamentals", format = ["self-paced", "cohort"] }
        unit_price = 499
        """
    )
    problems = list(SCHOOL.keys(book))
    assert ["exams.professional"] * 3 == [problem.place for problem in problems]

    mistaken = SCHOOL.model_copy(update={"exams": {}, "courses": {"fundamental": SELF_PACED}})
    [problem] = mistaken.keys(book)
    assert "did you mean 'fundamentals'?" == problem.remedy
    assert 4 == len(list(SCHOOL.keys(EMPTY)))


def test_some_of_the_certified_take_the_course_for_them() -> None:
    """Half of those who pass enrol in the advanced course, after their certificate and alone."""
    exam = Exam(
        experienced=(200.0, 0.0),
        retakes=0.0,
        renews=0.0,
        attends=CrossSale(course="advanced", format="virtual", share=0.5, days=60),
    )
    advanced = Course(formats={"virtual": Offer(parties=(0.0,))})
    facts = school(Trainees(courses={"advanced": advanced}, exams={"developer": exam}), months=24)
    passed = {f.subject: f.occurred_at for f in facts if isinstance(f.data, ExamSat) and f.data.passed}
    enrolled = {f.subject: f.occurred_at for f in facts if isinstance(f.data, CourseEnrolled)}

    assert len(enrolled) / len(passed) == pytest.approx(0.5, abs=0.12)
    assert all(passed[account] < at for account, at in enrolled.items())
    with pytest.raises(ValidationError, match="developer: no course 'advanced'"):
        Trainees(courses={}, exams={"developer": exam})
