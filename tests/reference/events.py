"""The events' page: every kind of event with its fields and one example, as CloudEvents."""

import json
from datetime import date
from decimal import Decimal
from typing import Any, get_type_hints

from metering.event import EVENTS, Event, encode
from tests.ledgers import facts
from tests.reference.page import code, fenced

EXAMPLES = """
    2026-01-05  acme    lead.created              smb self_serve
    2026-01-08  acme    account.signed_up         "Acme Ltd" billing@acme.example smb self_serve
    2026-01-10  acme    subscription.started      acme-1 team seats=3
    2026-02-15  acme    seats.changed             acme-1 5
    2026-03-01  acme    plan.changed              acme-1 metered seats=1 billing=year
    2026-03-02  acme    add_on.bought             acme-1 premium-llm
    2026-06-30  acme    add_on.dropped            acme-1 premium-llm
    2026-09-12  acme    subscription.cancelled    acme-1 2026-10-01
    2026-11-20  acme    subscription.reactivated  acme-1 team seats=2
    2026-01-20  acme-1  usage.recorded            calls 1200
    2026-01-20  acme-1  usage.corrected           calls -200 "a test of ours"
    2026-02-03  acme    order.placed              migration-kit
    2026-01-31  edge    devices.shipped           edge-1 800 product=camera
    2026-04-07  acme    course.enrolled           fundamentals public-virtual participants=4
    2026-04-09  acme    course.completed          fundamentals public-virtual participants=3
    2026-04-20  acme    exam.sat                  developer passed=false
    2026-05-04  acme    project.started           acme-p1 quick-start small 80
    2026-05-05  acme    hours.worked              acme-p1 quick-start consultant-3 senior 7.5
    2026-05-29  acme    milestone.delivered       acme-p1 quick-start small design 0.4
    2026-05-12  acme    change_order.agreed       acme-p1 quick-start senior 16
    2026-06-30  acme    outcome.measured          latency met=false project=acme-p1 offering=quick-start
    2026-12-31  acme    savings.reported          acme-p1 quick-start 80000.00
    2026-03-05  acme    ticket.opened             P2 subscription=acme-1
    2026-03-06  acme    ticket.resolved           P2 11.5 subscription=acme-1
    2026-04-01  sue     listing.published         sue-charts plugin
    2026-04-11  acme    listing.sold              sue-charts plugin sue 149.00
    2026-04-30  sue     advert.clicked            search 12 60.00
    2026-01-02  north   partner.joined            silver
    2026-01-10  acme    deal.referred             north referral
    2026-01-10  bolt    deal.sold                 north silver-resale
    2026-06-30  label   partner_revenue.reported  label-1 125000.00 deployments=3
    2026-02-13  acme    invoice.paid              2026-01 days=12
    2026-03-01  acme    payment.failed            2026-02 attempt=1
    2026-06-29  acme    invoice.written_off       2026-02
    2026-01-31  ours    money.spent               marketing-ads 12500.00 channel=self_serve segment=smb
"""
"""One example of each kind, in the order of `EVENTS`."""

_WORDS: dict[Any, str] = {str: "text", int: "integer", bool: "boolean", Decimal: "decimal", date: "date"}


def kinds() -> str:
    """Describe every kind of event."""
    examples = {event.type: event for event in facts(EXAMPLES, source="example")}
    return "\n\n".join(_kind(name, examples[name]) for name in EVENTS)


def cloud_event(event: Event) -> dict[str, Any]:
    """Return an event in the JSON format of CloudEvents 1.0."""
    return {
        "specversion": "1.0",
        "source": event.source,
        "id": event.id,
        "type": event.type,
        "subject": event.subject,
        "time": f"{event.occurred_at.isoformat()}Z",
        "data": json.loads(encode(event.data)),
    }


def shown(event: Event) -> str:
    """Write an event as JSON in two lines: its envelope, and its data."""
    head, _, data = json.dumps(cloud_event(event)).partition(' "data": ')
    return f'{head}\n "data": {data}'


def _kind(name: str, example: Event) -> str:
    kind = EVENTS[name]
    hints = get_type_hints(kind)
    fields = ", ".join(
        f"{code(field)} {_WORDS[hints[field]]}{_default(kind, field)}" for field in kind._fields
    )
    about = " ".join((kind.__doc__ or "").split())
    return f"### `{name}`\n\n{about}\n\n{fields}.\n\n{fenced('json', shown(example))}"


def _default(kind: Any, field: str) -> str:
    if field not in kind._field_defaults:
        return ""
    return f" = {code(json.dumps(kind._field_defaults[field]))}"
