"""Metrics of delivery: consultants, projects, guarantees, support, training and use."""

from analytics.dimension import OF_ACCOUNTS, Dimension
from analytics.metrics.metric import COUNT, DAYS, HOURS, LEDGER, MONEY, RATIO, WHOLE, Metric, quotient
from analytics.quantile import quantile
from analytics.quotient import SINCE, WINDOW, Quotient, Term, grown, over
from analytics.recurring import MONTHS_OF_YEAR, figure

SPI = "Service Performance Insight's maturity benchmark"
OF_USE: tuple[Dimension, ...] = (*OF_ACCOUNTS, "plan")

METRICS: dict[str, Metric] = {
    # services
    "hours_worked": Metric(figure("hours_worked"), HOURS, "by consultants on projects", SPI, OF_ACCOUNTS),
    "hours_billable": Metric(figure("hours_billable"), HOURS, "of these, billable ones", SPI, OF_ACCOUNTS),
    "consultants": Metric(figure("consultants"), COUNT, "who worked on a project in 3 months", SPI, WHOLE),
    "utilisation": quotient(
        Quotient(
            (Term("hours_billable", WINDOW, times=(12,)),),
            (Term("consultants", WINDOW, times=("available_hours",)),),
            nothing="no consultant in the efficiency window",
        ),
        RATIO, "billable hours / the consultants' available hours, over the efficiency window", SPI, WHOLE,
    ),
    "services_revenue": Metric(
        figure("services_revenue"), MONEY, "revenue of the streams that consultants earn", LEDGER, OF_ACCOUNTS
    ),
    "effective_rate": quotient(
        over("services_revenue", "hours_worked", "no hour was worked", months=WINDOW),
        MONEY, "services revenue / hours worked, over the efficiency window", SPI, WHOLE,
    ),
    "revenue_per_consultant": quotient(
        Quotient(
            (Term("services_revenue", MONTHS_OF_YEAR, times=(12,)),), (Term("consultants", MONTHS_OF_YEAR),),
            needs=(MONTHS_OF_YEAR, -1), nothing="no consultant in 12 months",
        ),
        MONEY, "services revenue of 12 months / mean consultants", SPI, WHOLE,
    ),
    "projects_started": Metric(figure("projects_started"), COUNT, "projects that began", LEDGER, OF_ACCOUNTS),
    "projects_delivered": Metric(
        figure("projects_delivered"),
        COUNT, "projects whose milestones are all delivered", LEDGER, OF_ACCOUNTS,
    ),
    "realisation": quotient(
        over(
            "hours_sold", "hours_taken", "no project with hours was delivered in 12 months",
            months=MONTHS_OF_YEAR,
        ),
        RATIO, "hours budgeted / billable hours worked, of the projects delivered in 12 months", SPI,
    ),
    "repeat_project_rate": quotient(
        over("clients_repeating", "clients_known", "no client of 12 months", months=SINCE),
        RATIO, "share of the clients of 12 months or more with a second project within 12 months", LEDGER,
    ),
    "services_conversion": quotient(
        over("buyers_won", "buyers_known", "no buyer of services of 12 months", months=SINCE),
        RATIO, "share of the first buyers of services who became customers within 12 months", LEDGER,
    ),
    # guarantees and support
    "sla_compliance": quotient(
        over("outcomes_met", "outcomes_measured", "no guarantee was measured", months=WINDOW),
        RATIO, "guarantees met / measured, over the efficiency window", LEDGER,
    ),
    "tickets": Metric(figure("tickets"), COUNT, "requests for support", LEDGER, OF_ACCOUNTS),
    "tickets_per_customer": quotient(
        over("tickets", "customers", "no customer"), RATIO, "tickets / customers", LEDGER
    ),
    "tickets_in_time": quotient(
        over("tickets_met", "tickets_resolved", "no ticket was resolved"),
        RATIO, "share of the tickets resolved that were answered as agreed", LEDGER,
    ),
    "resolution_hours": Metric(
        quantile("resolution_hours"),
        HOURS, "median hours until a ticket is resolved", LEDGER, OF_ACCOUNTS, "no ticket was resolved",
    ),
    "resolution_hours_p90": Metric(
        quantile("resolution_hours_p90", "resolution_hours"),
        HOURS, "hours within which 9 of 10 tickets are resolved", LEDGER, OF_ACCOUNTS,
        "no ticket was resolved",
    ),
    # training
    "enrolments": Metric(figure("enrolments"), COUNT, "people who enrolled in a course", LEDGER, OF_ACCOUNTS),
    "completions": Metric(figure("completions"), COUNT, "people who finished a course", LEDGER, OF_ACCOUNTS),
    "completion_rate": quotient(
        over("completions", "enrolments", "nobody enrolled in 12 months", months=MONTHS_OF_YEAR),
        RATIO, "completions / enrolments, of 12 months", LEDGER,
    ),
    "exams_sat": Metric(figure("exams_sat"), COUNT, "first tries and retakes", LEDGER, OF_ACCOUNTS),
    "exams_passed": Metric(figure("exams_passed"), COUNT, "of these, passed", LEDGER, OF_ACCOUNTS),
    "pass_rate": quotient(
        over("exams_passed", "exams_sat", "no exam was sat", months=WINDOW),
        RATIO, "exams passed / sat, over the efficiency window", LEDGER,
    ),
    "certification_days": Metric(
        quantile("certification_days"),
        DAYS, "median days from an account's first enrolment to its first passed exam, of those of the month",
        LEDGER, OF_ACCOUNTS, "nobody passed for the first time who had enrolled",
    ),
    "recertification_rate": quotient(
        Quotient(
            (Term("recertifications", MONTHS_OF_YEAR),),
            (
                Term("exams_passed", MONTHS_OF_YEAR, "certificate_months"),
                Term("recertifications", MONTHS_OF_YEAR, "certificate_months"),
            ),
            needs=("certificate_months",), nothing="no certificate ended in 12 months",
        ),
        RATIO, "recertifications of 12 months / certificates that ended in them", LEDGER,
    ),
    # use
    "usage_events": Metric(
        figure("usage_events"), COUNT, "events that were metered, without catalog sales", LEDGER, OF_USE
    ),
    "usage_growth": quotient(
        grown("usage_events", 1, "no use a month before"),
        RATIO, "usage events / those of a month before − 1", LEDGER, OF_USE,
    ),
}  # fmt: skip
"""Metrics of what is delivered, by name."""
