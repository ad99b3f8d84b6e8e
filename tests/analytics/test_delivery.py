"""Delivery and the funnel: what events tell of consultants, projects, support, training, leads and contracts.

Three companies, told as facts; what each metric has to come to is reckoned by hand beside it.
"""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from analytics.metrics import monthly
from analytics.policy import MetricPolicy
from tests.analytics.company import plain
from tests.ledgers import closed, expected, posted

BOOK = """
    meters.hours = { event = "hours.worked", quantity = "hours", dimensions = ["role"] }
    meters.exams = { event = "exam.sat", dimensions = ["exam"] }
    meters.devices = { event = "devices.shipped", quantity = "devices" }
    meters.calls = {}
    [plans.pro]
    name = "Pro"
    stream = "software"
    prices.seats = { per = "seat", unit_price = 100, annual = { unit_price = 1200 } }
    prices.calls = { meter = "calls", unit_price = 1 }
    [plans.oem]
    name = "OEM"
    stream = "oem"
    prices.royalty = { meter = "devices", unit_price = 0.75 }
    [plans.catalog]
    name = "Catalog"
    stream = "services"
    prices.hours = { meter = "hours", unit_price = 150 }
    [plans.catalog.prices.exams]
    meter = "exams"
    unit_price = 90
"""

SERVICES = """
    2026-01-05  acme  account.signed_up   Acme a@example.com smb direct
    2026-01-05  acme  project.started     p1 build small hours_budgeted=90
    2026-01-20  acme  hours.worked        p1 build ann senior hours=60
    2026-01-21  acme  hours.worked        p1 build bea junior hours=20 billable=false
    2026-01-31  acme  milestone.delivered p1 build small design 0.4
    2026-02-10  acme  hours.worked        p1 build ann senior hours=40
    2026-02-12  acme  outcome.measured    accuracy true p1 build
    2026-02-13  acme  outcome.measured    latency false p1 build
    2026-02-14  acme  outcome.measured    uptime true p1 build
    2026-02-28  acme  milestone.delivered p1 build small rest 0.6
    2026-03-02  acme  hours.worked        p1 build ann senior hours=30   # after the delivery
    2026-03-05  bolt  account.signed_up   Bolt b@example.com mid direct
    2026-03-05  bolt  project.started     p2 build small hours_budgeted=10
    2026-03-09  bolt  milestone.delivered p2 build small all 1           # without an hour
    2026-05-01  acme  project.started     p3 build small hours_budgeted=10
    2026-06-10  oem1  account.signed_up   Oem o@example.com oem partner kind=partner
    2026-06-10  oem1  subscription.started oem1-1 oem
    2026-07-31  oem1  devices.shipped     oem1-1 1000
    2026-08-31  oem1  devices.shipped     oem1-1 600
    2026-07-03  acme  ticket.opened       P2
    2026-07-04  acme  ticket.opened       P3
    2026-07-05  bolt  ticket.opened       P3
    2026-07-06  acme  ticket.resolved     P2 hours=4
    2026-07-06  acme  ticket.resolved     P3 hours=10 met=false
    2026-07-08  bolt  ticket.resolved     P3 hours=30
    2026-09-01  acme  subscription.started acme-1 pro seats=2
    2027-03-15  bolt  account.signed_up   Bolt b@example.com mid direct
"""

OF_SERVICES = """
    2026-01  hours_worked          80
    2026-01  hours_billable        60
    2026-01  consultants           2
    2026-01  utilisation           0.1875      # 60 of 2 x 160
    2026-03  consultants           2           # bea counts for two months more
    2026-04  consultants           1
    2026-03  utilisation           0.135417    # 130 of 6 x 160
    2026-08  utilisation           -           # nobody in three months
    2026-01  services_revenue      12000       # 80 x 150: the book bills every hour
    2026-01  effective_rate        150
    2026-12  revenue_per_consultant  33750      # (80 + 40 + 30) x 150 = 22,500; 2+2+2+1+1 = 8 months
    2026-01  projects_started      1
    2026-01  projects_delivered    0
    2026-02  projects_delivered    1
    2026-02  realisation           0.9         # 90 sold, 100 billable hours until then
    2026-03  projects_delivered    1
    2026-03  realisation           0.9         # p2 has no hours
    2026-02  sla_compliance        0.666667
    2026-05  sla_compliance        -
    2027-01  repeat_project_rate   1           # acme began in January and came back in May
    2027-03  repeat_project_rate   0.5         # bolt did not
    2027-01  services_conversion   1           # acme first bought in January, and subscribed in September
    2026-12  services_conversion   -
    2026-07  tickets               3
    2026-07  tickets_in_time       0.666667
    2026-07  resolution_hours      10
    2026-07  resolution_hours_p90  26          # between 10 and 30, at 0.8 of the way
    2026-08  resolution_hours      -
    2026-09  tickets_per_customer  0
    2026-07  devices               1000
    2026-07  royalty               750
    2026-08  royalty_per_device    0.75
    2026-06  partners              1
    2026-05  partners              0
"""

TRAINING = """
    2026-01-10  ada  account.signed_up  Ada a@example.com smb direct
    2026-01-10  ada  course.enrolled    basics online participants=4
    2026-02-10  ada  course.completed   basics online participants=3
    2026-02-20  ada  exam.sat           dev first true       # 41 days after
    2026-02-21  ada  exam.sat           dev first false
    2026-03-01  bob  account.signed_up  Bob b@example.com smb direct
    2026-03-01  bob  course.enrolled    basics online
    2026-04-30  bob  exam.sat           dev first false
    2026-05-20  bob  exam.sat           dev retake true      # 80 days after
    2026-05-21  cyd  account.signed_up  Cyd c@example.com smb direct
    2026-05-21  cyd  exam.sat           dev first true       # never enrolled
    2026-08-19  ada  exam.sat           dev recertification true
    2026-11-02  bob  exam.sat           dev recertification false
    2026-01-31  ours money.spent        rent 10
"""

OF_TRAINING = """
    2026-01  enrolments            4
    2026-02  completions           3
    2026-02  completion_rate       0.75
    2026-03  completion_rate       0.6         # 3 of 5
    2026-01  completion_rate       0
    2026-02  exams_sat             2
    2026-02  exams_passed          1
    2026-02  pass_rate             0.5
    2026-05  pass_rate             0.666667    # of April's and May's 3: 2; March had none
    2026-02  certification_days    41
    2026-05  certification_days    80
    2026-06  certification_days    -
    2026-06  recertification_rate  -
    2026-07  recertification_rate  -           # none was half a year old
    2026-08  recertification_rate  1           # one of one that ended
    2026-11  recertification_rate  0.333333    # one of the three that ended since
    2026-11  exams_sat             0
"""

FUNNEL = """
    2026-01-03  ada  lead.created          smb self_serve
    2026-01-09  bob  lead.created          smb self_serve
    2026-01-10  cyd  lead.created          mid_market direct
    2026-01-11  dan  lead.created          mid_market direct
    2026-01-20  ada  account.signed_up     Ada a@example.com smb self_serve
    2026-02-02  ada  subscription.started  ada-1 pro
    2026-02-03  bob  account.signed_up     Bob b@example.com smb self_serve
    2026-05-01  cyd  account.signed_up     Cyd c@example.com mid_market direct
    2026-05-01  cyd  subscription.started  cyd-1 pro seats=5 billing=year
    2026-02-04  ada-1  usage.recorded      calls 5
    2026-01-31  ours  money.spent          marketing.adverts 900 segment=smb
    2026-02-28  ours  money.spent          marketing.brand 100
    2026-06-01  eve  account.signed_up     Eve e@example.com smb self_serve
    2026-06-01  eve  subscription.started  eve-1 pro trial_days=30
    2026-06-01  fay  account.signed_up     Fay f@example.com smb self_serve
    2026-06-01  fay  subscription.started  fay-1 pro trial_days=30
    2026-06-20  fay  subscription.cancelled fay-1 2026-07-01
    2026-08-15  ada  subscription.cancelled ada-1 2026-08-15 involuntary
    2026-08-16  eve  subscription.cancelled eve-1 2026-08-16
    2027-05-01  cyd  seats.changed         cyd-1 6
    2026-03-12  ada  invoice.paid          2026-02 11
    2026-04-20  ada  payment.failed        2026-03 1
    2026-04-25  ada  invoice.paid          2026-03 24
    2026-05-20  ada  payment.failed        2026-04 1
    2026-06-20  ada  invoice.written_off   2026-04
"""

OF_FUNNEL = """
    2026-01  leads                   4
    2026-01  signups                 1
    2026-02  cost_per_lead           250       # 1,000 for 4 leads
    2026-07  lead_conversion         0.5       # of January's, ada and cyd
    2026-06  lead_conversion         -         # not yet over
    2026-08  lead_conversion         -         # nobody came in February
    2026-07  signup_conversion       1         # January's ada
    2026-08  signup_conversion       0         # February's bob
    2026-02  sales_cycle_days        30        # 3 January to 2 February
    2026-05  sales_cycle_days        111       # 10 January to 1 May; ada is out of the window
    2026-02  activation_rate         1         # ada used it in the month after signing up
    2026-03  activation_rate         0
    2026-06  trials                  2
    2026-07  trials_ended            2
    2026-07  trials_converted        1
    2026-07  trial_conversion        0.5
    2026-08  customers_churned       2
    2026-08  customers_churned_involuntary  1
    2026-08  logo_churn_involuntary  0.333333
    2026-08  logo_churn_voluntary    0.333333
    2026-08  mrr_churn_involuntary   -100
    2027-04  renewals_due            0
    2027-05  renewals_due            1
    2027-05  renewals_won            1
    2027-05  renewal_rate            1
    2026-03  days_to_pay             11
    2026-04  days_to_pay             24
    2026-04  payment_failure_rate    1         # one invoice, a failed try, then paid
    2026-05  payment_failure_rate    1
    2026-06  dunning_recovery_rate   0.5       # paid in April, given up in June
    2026-06  bad_debt                100
    2026-03  overdue                 0         # February's was paid, March's is due on 1 May
    2026-05  overdue                 100       # April's, due on the 31st; March's was paid
    2026-06  overdue                 0         # April's is gone; cyd's year is due on 1 July
    2026-07  overdue                 6200      # cyd's, ada's of May, and ada's of June, due on the 31st
    2026-05  usage_events            0
    2026-02  usage_events            1
"""


HALF_A_YEAR = MetricPolicy(certificate_months=6)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], duckdb.DuckDBPyConnection]:
    """Return what bills and closes a company once, and gives its ledger."""
    known: dict[str, duckdb.DuckDBPyConnection] = {}

    def ledger(told: str, months: int) -> duckdb.DuckDBPyConnection:
        if told not in known:
            directory: Path = tmp_path_factory.mktemp("company")
            known[told] = posted(closed(directory, BOOK, told, months))
        return known[told]

    return ledger


@pytest.mark.parametrize(
    ("told", "months", "table"),
    [(SERVICES, 15, OF_SERVICES), (TRAINING, 11, OF_TRAINING), (FUNNEL, 17, OF_FUNNEL)],
    ids=["services", "training", "funnel"],
)
def test_the_metrics_of_what_happened_are_those_reckoned_by_hand(
    made: Callable[[str, int], duckdb.DuckDBPyConnection], told: str, months: int, table: str
) -> None:
    """Every line of the tables above."""
    frame = monthly(made(told, months), HALF_A_YEAR)
    rows = {f"{row['month']:%Y-%m}": row for row in frame.iter_rows(named=True)}
    wanted = expected(table)

    seen = []
    for month, name, _ in wanted:
        value = plain(rows[month][name])
        seen.append((month, name, "" if value is None else str(value)))
    assert seen == wanted
