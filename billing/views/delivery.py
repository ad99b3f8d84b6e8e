"""Delivery in SQL: hours and projects, guarantees, support, courses, exams and use, as events tell them."""

from billing.views.split import Split

_WORKED = """
    select date_trunc('month', occurred_at)::date as month, subject as account,
        data ->> '$.consultant' as consultant, data ->> '$.project' as project,
        (data ->> '$.hours')::decimal(38, 12) as hours, (data ->> '$.billable') = 'true' as is_billable
    from events where type = 'hours.worked'"""

_HOURS = """
    select {of_account} as part, t.month, sum(t.hours) as hours_worked,
        sum(t.hours) filter (t.is_billable) as hours_billable
    from worked t {account} group by all"""

_CONSULTANTS = """
    select (month + to_months(n::integer))::date as month, count(distinct consultant) as consultants
    from worked cross join range(3) ahead(n) group by all"""

_SERVICES = """
    select {of_account} as part, t.month, -sum(t.amount)::decimal(38, 12) as services_revenue
    from postings t {account} where t.ledger_account = 'revenue'
        and (t.stream like 'services%' or t.stream like 'consulting%' or t.stream like 'optimisation%')
    group by all"""

_STARTED = """
    select date_trunc('month', occurred_at)::date as month, occurred_at::date as day, position,
        subject as account, data ->> '$.project' as project,
        (data ->> '$.hours_budgeted')::decimal(38, 12) as hours
    from events where type = 'project.started'"""

_PROJECTS = """
    select {of_account} as part, t.month, count(*) as projects_started
    from started t {account} group by all"""

_DELIVERED = """
    with reached as (
        select date_trunc('month', occurred_at)::date as month, subject as account,
            data ->> '$.project' as project,
            sum((data ->> '$.share')::decimal(38, 12)) over (
                partition by subject, data ->> '$.project' order by occurred_at, position
            ) as share
        from events where type = 'milestone.delivered'
    )
    select account, project, min(month) as month from reached where share >= 1 group by all"""

_PROJECTS_DELIVERED = """
    select {of_account} as part, t.month, count(*) as projects_delivered
    from delivered t {account} group by all"""

_REALISED = """
    with sold as (select account, project, sum(hours) as hours from started group by all),
    t as (
        select d.month, d.account, d.project, any_value(s.hours) as sold, sum(w.hours) as taken
        from delivered d join sold s on s.account = d.account and s.project = d.project
        join worked w on w.account = d.account and w.project = d.project and w.month <= d.month
        where w.is_billable group by all
    )
    select {of_account} as part, t.month, sum(t.sold) as hours_sold, sum(t.taken) as hours_taken
    from t {account} group by all"""

_CLIENTS = """
    with placed as (
        select *, row_number() over of_account as place, lead(day) over of_account as next_day from started
        window of_account as (partition by account order by day, position)
    ), t as (
        select account, (month + interval 12 month)::date as month,
            coalesce(next_day <= day + interval 12 month, false) as is_back
        from placed where place = 1
    )
    select {of_account} as part, t.month, count(*) as clients, count(*) filter (is_back) as back
    from t {account} group by all"""

_BUYERS = """
    with first_line as (
        select account, min(month) as month from invoice_lines
        where amount > 0 and (stream like 'services%' or stream like 'consulting%'
            or stream like 'optimisation%') group by account
    ), t as (
        select f.account, (f.month + interval 12 month)::date as month,
            coalesce(w.won_month <= f.month + interval 12 month, false) as is_won
        from first_line f left join won w on w.account = f.account
        where w.won_month is null or w.won_month > f.month
    )
    select {of_account} as part, t.month, count(*) as buyers, count(*) filter (is_won) as buyers_won
    from t {account} group by all"""

_OUTCOMES = """
    with t as (
        select date_trunc('month', occurred_at)::date as month, subject as account,
            (data ->> '$.met') = 'true' as is_met
        from events where type = 'outcome.measured'
    )
    select {of_account} as part, t.month, count(*) as measured, count(*) filter (is_met) as met
    from t {account} group by all"""

_TICKETS = """
    with t as (
        select date_trunc('month', occurred_at)::date as month, subject as account from events
        where type = 'ticket.opened'
    )
    select {of_account} as part, t.month, count(*) as tickets from t {account} group by all"""

_RESOLVED = """
    with t as (
        select date_trunc('month', occurred_at)::date as month, subject as account,
            (data ->> '$.met') = 'true' as is_met, (data ->> '$.hours')::double as hours
        from events where type = 'ticket.resolved'
    )
    select {of_account} as part, t.month, count(*) as resolved, count(*) filter (is_met) as in_time,
        quantile_cont(t.hours, 0.5) as half, quantile_cont(t.hours, 0.9) as most
    from t {account} group by all"""

_COURSES = """
    with t as (
        select date_trunc('month', occurred_at)::date as month, subject as account, type,
            (data ->> '$.participants')::bigint as people
        from events where type in ('course.enrolled', 'course.completed')
    )
    select {of_account} as part, t.month,
        coalesce(sum(t.people) filter (type = 'course.enrolled'), 0)::bigint as enrolments,
        coalesce(sum(t.people) filter (type = 'course.completed'), 0)::bigint as completions
    from t {account} group by all"""

_SAT = """
    select date_trunc('month', occurred_at)::date as month, occurred_at::date as day, subject as account,
        (data ->> '$.kind') = 'recertification' as is_renewal, (data ->> '$.passed') = 'true' as is_passed
    from events where type = 'exam.sat'"""

_EXAMS = """
    select {of_account} as part, t.month, count(*) filter (not is_renewal) as exams_sat,
        count(*) filter (not is_renewal and is_passed) as exams_passed,
        count(*) filter (is_renewal and is_passed) as renewed
    from sat t {account} group by all"""

_CERTIFIED = """
    with enrolled as (
        select subject as account, min(occurred_at)::date as day from events
        where type = 'course.enrolled' group by all
    ), t as (
        select account, min(day) as day, min(month) as month from sat
        where is_passed and not is_renewal group by account
    )
    select {of_account} as part, t.month,
        quantile_cont(datediff('day', n.day, t.day), 0.5) as certification_days
    from t join enrolled n on n.account = t.account and n.day <= t.day {account} group by all"""

_DELIVERY = """
    select g.part, g.month,
        coalesce(hours_worked, 0) as hours_worked, coalesce(hours_billable, 0) as hours_billable,
        coalesce(services_revenue, 0) as services_revenue,
        coalesce(projects_started, 0) as projects_started,
        coalesce(projects_delivered, 0) as projects_delivered,
        sum(hours_sold) over year / nullif(sum(hours_taken) over year, 0) as realisation,
        sum(back) over so_far / nullif(sum(clients) over so_far, 0) as repeat_project_rate,
        sum(buyers_won) over so_far / nullif(sum(buyers) over so_far, 0) as services_conversion,
        sum(met) over quarter / nullif(sum(measured) over quarter, 0) as sla_compliance,
        coalesce(tickets, 0) as tickets, coalesce(tickets, 0) / nullif(customers, 0) as tickets_per_customer,
        in_time / resolved as tickets_in_time, half as resolution_hours, most as resolution_hours_p90,
        coalesce(enrolments, 0) as enrolments, coalesce(completions, 0) as completions,
        sum(completions) over year / nullif(sum(enrolments) over year, 0) as completion_rate,
        coalesce(exams_sat, 0) as exams_sat, coalesce(exams_passed, 0) as exams_passed,
        sum(exams_passed) over quarter / nullif(sum(exams_sat) over quarter, 0) as pass_rate,
        certification_days,
        if(g.age >= 24, coalesce(sum(renewed) over year, 0)
            / nullif(sum(exams_passed + renewed) over certificates, 0), null) as recertification_rate{more}
    from grid g join recurring using (part, month)
    left join hours using (part, month) left join services using (part, month)
    left join projects using (part, month) left join projects_delivered using (part, month)
    left join realised using (part, month) left join clients using (part, month)
    left join buyers using (part, month) left join outcomes using (part, month)
    left join tickets using (part, month) left join resolved using (part, month)
    left join courses using (part, month) left join exams using (part, month)
    left join certified using (part, month) {join}
    window quarter as (partition by g.part order by g.month rows 2 preceding),
        year as (partition by g.part order by g.month rows 11 preceding),
        so_far as (partition by g.part order by g.month),
        certificates as (partition by g.part order by g.month rows between 35 preceding and 24 preceding)"""

_OF_COMPANY = """,
        coalesce(consultants, 0) as consultants,
        12 * coalesce(sum(hours_billable) over quarter, 0)
            / nullif(1920 * sum(consultants) over quarter, 0) as utilisation,
        (coalesce(sum(services_revenue) over quarter, 0) / nullif(sum(hours_worked) over quarter, 0))
            ::decimal(38, 12) as effective_rate,
        if(g.age >= 11, coalesce(sum(services_revenue) over year, 0) * 12
            / nullif(sum(consultants) over year, 0), null)::decimal(38, 12) as revenue_per_consultant"""

_USED = """
    select {of_sale} as part, t.month, sum(t.events)::bigint as usage_events
    from usage t {sale} where t.plan <> 'catalog' group by all"""

_USE = """
    select g.part, g.month, coalesce(usage_events, 0) as usage_events,
        coalesce(usage_events, 0) / nullif(lag(usage_events) over of_part, 0) - 1 as usage_growth
    from grid g left join used using (part, month)
    window of_part as (partition by g.part order by g.month)"""


def steps(split: Split) -> dict[str, str]:
    """Return the queries of delivery by name; use has parts by plan too, and none by stream."""
    use = {} if split.name == "stream" else {"used": _USED, "use": _USE}
    if not split.by_account:
        return use
    more, join = ("", "") if split.name else (_OF_COMPANY, "left join consultants using (month)")
    return use | {
        "worked": _WORKED,
        "hours": _HOURS,
        "consultants": _CONSULTANTS,
        "services": _SERVICES,
        "started": _STARTED,
        "projects": _PROJECTS,
        "delivered": _DELIVERED,
        "projects_delivered": _PROJECTS_DELIVERED,
        "realised": _REALISED,
        "clients": _CLIENTS,
        "buyers": _BUYERS,
        "outcomes": _OUTCOMES,
        "tickets": _TICKETS,
        "resolved": _RESOLVED,
        "courses": _COURSES,
        "sat": _SAT,
        "exams": _EXAMS,
        "certified": _CERTIFIED,
        "delivery": _DELIVERY.replace("{more}", more).replace("{join}", join),
    }
