"""Delivery: hours, projects, guarantees, requests for support, courses, exams and use, as events tell."""

from analytics.dimension import OF_ACCOUNTS, Dimension
from analytics.policy import MetricPolicy
from analytics.tally import (
    CALLED,
    OF_EVENT,
    Sums,
    Tally,
    beginning,
    event,
    events_of,
    field,
    later,
    month_of,
    number,
    quantiles,
    true,
)

PRESENT = 3
"""A consultant counts for so many months after the last hour of work: an idle month ends nobody."""

YEAR = 12

_PEOPLE = f"{field('participants')}::bigint"
_AGAIN = f"({field('kind')} = 'recertification')::integer"

_COUNTED: dict[str, tuple[str, str]] = {
    "projects_started": ("project.started", "1"),
    "outcomes_measured": ("outcome.measured", "1"),
    "outcomes_met": ("outcome.measured", true("met")),
    "tickets": ("ticket.opened", "1"),
    "tickets_resolved": ("ticket.resolved", "1"),
    "tickets_met": ("ticket.resolved", true("met")),
    "enrolments": ("course.enrolled", _PEOPLE),
    "completions": ("course.completed", _PEOPLE),
    "exams_sat": ("exam.sat", f"1 - {_AGAIN}"),
    "exams_passed": ("exam.sat", f"(1 - {_AGAIN}) * {true('passed')}"),
    "recertifications": ("exam.sat", f"{_AGAIN} * {true('passed')}"),
    "devices": ("devices.shipped", f"{field('devices')}::bigint"),
}
_ADDED: dict[str, tuple[str, str]] = {
    "hours_worked": ("hours.worked", number("hours")),
    "hours_billable": ("hours.worked", f"{number('hours')} * {true('billable')}"),
}
"""The figures that one kind of event gives by itself: the kind, and what one event counts."""

_KINDS = tuple(dict.fromkeys(kind for kind, _ in (*_COUNTED.values(), *_ADDED.values())))


def _told() -> str:
    columns = [
        f"case when e.type = '{kind}' then {what} else 0 end as {name}"
        for name, (kind, what) in (*_COUNTED.items(), *_ADDED.items())
    ]
    kinds = ", ".join(f"'{kind}'" for kind in _KINDS)
    return f"select {OF_EVENT}, {CALLED}, {', '.join(columns)} from events e where e.type in ({kinds})"


_DELIVERED = f"""
with reached as (
    select {OF_EVENT}, {field("project")} as project,
        sum({number("share")}) over (
            partition by e.subject, {field("project")} order by e.occurred_at, e.position
        ) as share
    from events e where e.type = 'milestone.delivered'
),
    delivered as (
        select min(month) as month, account, project from reached where share >= 1 group by account, project
    ),
    sold as (
        select e.subject as account, {field("project")} as project, sum({number("hours_budgeted")}) as hours
        from events e where e.type = 'project.started' group by all
    ),
    worked as (
        select {OF_EVENT}, {field("project")} as project, {number("hours")} as hours
        from events e where e.type = 'hours.worked' and {true("billable")} = 1
    ),
    taken as (
        select w.account, w.project, sum(w.hours) as hours
        from worked w join delivered d
            on d.account = w.account and d.project = w.project and w.month <= d.month
        group by all
    )
select d.month, d.account, d.project as what, 1 as projects_delivered,
    if(s.hours > 0 and t.hours > 0, s.hours, 0) as hours_sold,
    if(s.hours > 0 and t.hours > 0, t.hours, 0) as hours_taken
from delivered d left join sold s on s.account = d.account and s.project = d.project
left join taken t on t.account = d.account and t.project = d.project"""

_CLIENTS = f"""
with numbered as (
    select e.subject, e.occurred_at::date as day,
        row_number() over (partition by e.subject order by e.occurred_at, e.position) as place
    from events e where e.type = 'project.started'
)
select {later(month_of("f.day"), YEAR)} as month, f.subject as account, f.subject as what, 1 as clients_known,
    coalesce(s.day <= f.day + to_months({YEAR}), false)::integer as clients_repeating
from numbered f left join numbered s on s.subject = f.subject and s.place = 2 where f.place = 1"""

_BUYERS = f"""
with bought as (
    select account, min(month) as month from invoice_lines l where l.amount > 0 and {{services}}
    group by account
),
    won as (select account, min(month) as won from mrr_movements where kind = 'new' group by account)
select {later("b.month", YEAR)} as month, b.account, b.account as what, 1 as buyers_known,
    coalesce(w.won <= {later("b.month", YEAR)}, false)::integer as buyers_won
from bought b left join won w on w.account = b.account where w.won is null or w.won > b.month"""

_CERTIFIED = f"""
with enrolled as (
    select e.subject as account, min(e.occurred_at)::date as day from events e
    where e.type = 'course.enrolled' group by all
),
    passed as (
        select e.subject as account, min(e.occurred_at)::date as day from events e
        where e.type = 'exam.sat' and {true("passed")} = 1 and {field("kind")} <> 'recertification'
        group by all
    )
select {month_of("p.day")} as month, p.account, datediff('day', n.day, p.day) as days
from passed p join enrolled n on n.account = p.account and n.day <= p.day"""

_CONSULTANTS = f"""
select {later(month_of("e.occurred_at"), "n.ahead")} as month, '' as part,
    count(distinct {field("consultant")}) as consultants
from events e cross join range({PRESENT}) n(ahead) where e.type = 'hours.worked' group by all"""

_USED = """
select u.month, u.account, u.plan, u.subscription || ', ' || u.meter as what, u.events as usage_events
from usage u where u.plan <> 'catalog'"""

_RESOLVED = events_of("ticket.resolved", f"{field('hours')}::double as hours")


def tallies(policy: MetricPolicy) -> list[Tally]:
    """Return the figures of delivery that count or add up rows."""
    services = beginning("l.stream", policy.services)
    return [
        Tally(_told(), tuple(_COUNTED), tuple(_ADDED), event(*_KINDS)),
        Tally(
            _DELIVERED, ("projects_delivered",), ("hours_sold", "hours_taken"), event("milestone.delivered")
        ),
        Tally(_CLIENTS, ("clients_known", "clients_repeating"), needs=event("project.started")),
        Tally(_BUYERS.format(services=services), ("buyers_known", "buyers_won"), needs=("invoices",)),
        Tally(_USED, ("usage_events",), needs=("usage",), splits=(*OF_ACCOUNTS, "plan")),
    ]


def quantities(by: Dimension) -> list[Sums]:
    """Return the queries of how long support and certificates take, and who consults."""
    hours, days = "resolution_hours", "certification_days"
    found = [
        quantiles(_RESOLVED, by, "hours", f"{hours}_behind", needs=event("ticket.resolved"),
                  resolution_hours="0.5", resolution_hours_p90="0.9"),
        quantiles(_CERTIFIED, by, "days", f"{days}_behind", needs=event("exam.sat"),
                  certification_days="0.5"),
    ]  # fmt: skip
    consultants = Sums(_CONSULTANTS, ("consultants",), needs=event("hours.worked"))
    return [*found, consultants] if by == "whole" else found
