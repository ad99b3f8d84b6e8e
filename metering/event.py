"""Events: what happened, as typed, immutable, past-tense facts in the envelope of CloudEvents 1.0.

A fact records behaviour, never an amount that a price book derives: "the invoice for March was paid after 12
days", not "$1,015 was paid". Prices that others set (a partner's own sales, what an advert cost) are facts.
Facts name plans, add-ons, courses and offerings by key; what a key costs is the price book's business.

One event kind is one NamedTuple and one line in `EVENTS`. The envelope's `subject` is the account that a
fact is about (the partner's own account for partners); usage names the subscription that used.
"""

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, get_type_hints

QUANTITY_MAX = Decimal(10) ** 15
"""No quantity or amount is larger: one that is, is a mistake, and sums of such would not fit a column."""


class LeadCreated(NamedTuple):
    """Somebody showed interest; `segment` and `channel` say who and where from."""

    segment: str
    channel: str


class AccountSignedUp(NamedTuple):
    """An account came into being: a customer (`kind = "customer"`) or a partner (`kind = "partner"`)."""

    name: str
    email: str
    segment: str
    channel: str
    country: str = "US"
    kind: str = "customer"


class SubscriptionStarted(NamedTuple):
    """A subscription to `plan` began with `seats`, paid by `billing` month or year; a trial is free."""

    subscription: str
    plan: str
    seats: int = 1
    billing: str = "month"
    trial_days: int = 0
    discount: str = ""


class PlanChanged(NamedTuple):
    """The subscription moved to another plan, billing rhythm or both; seats are those of the new plan."""

    subscription: str
    plan: str
    seats: int
    billing: str = "month"


class SeatsChanged(NamedTuple):
    """The subscription has `seats` seats from that day on."""

    subscription: str
    seats: int


class AddOnBought(NamedTuple):
    """The subscription has `quantity` more of an add-on."""

    subscription: str
    add_on: str
    quantity: int = 1


class AddOnDropped(NamedTuple):
    """The subscription has no more of an add-on."""

    subscription: str
    add_on: str


class SubscriptionCancelled(NamedTuple):
    """The subscription ends before `effective_on`; the reason is `voluntary`, `involuntary` or `paused`."""

    subscription: str
    effective_on: date
    reason: str = "voluntary"


class SubscriptionReactivated(NamedTuple):
    """A cancelled subscription came back."""

    subscription: str
    plan: str
    seats: int = 1
    billing: str = "month"


class UsageRecorded(NamedTuple):
    """A subscription used `quantity` of a meter; the envelope's subject is the subscription."""

    meter: str
    quantity: Decimal
    dimensions: str = ""


class UsageCorrected(NamedTuple):
    """Usage at that time was wrong: the event it `corrects` counts `quantity`, or that is the difference."""

    meter: str
    quantity: Decimal
    reason: str
    corrects: str = ""
    dimensions: str = ""


class OrderPlaced(NamedTuple):
    """Something that is sold by the piece was ordered: an incident pack, a migration kit, a listing."""

    item: str
    quantity: int = 1


class DevicesShipped(NamedTuple):
    """An OEM partner shipped a batch of devices under its subscription."""

    subscription: str
    devices: int
    product: str = ""


class CourseEnrolled(NamedTuple):
    """`participants` people enrolled in a course in a format (`self-paced`, `public-virtual`, ...)."""

    course: str
    format: str
    participants: int = 1


class CourseCompleted(NamedTuple):
    """`participants` people finished a course."""

    course: str
    format: str
    participants: int = 1


class ExamSat(NamedTuple):
    """An exam was sat: `kind` is `first`, `retake` or `recertification`."""

    exam: str
    kind: str = "first"
    passed: bool = True


class ProjectStarted(NamedTuple):
    """A project of an offering (`quick-start`, ...) and size (`small`, `medium`, `large`) began."""

    project: str
    offering: str
    size: str
    hours_budgeted: Decimal


class HoursWorked(NamedTuple):
    """A consultant of `role` worked `hours` on a project that day."""

    project: str
    offering: str
    consultant: str
    role: str
    hours: Decimal
    billable: bool = True


class MilestoneDelivered(NamedTuple):
    """A share (0.4 = 40 %) of a fixed-price project was delivered."""

    project: str
    offering: str
    size: str
    milestone: str
    share: Decimal


class ChangeOrderAgreed(NamedTuple):
    """A project of a fixed price was agreed to take `hours` more of a `role`, billed by the hour."""

    project: str
    offering: str
    role: str
    hours: Decimal


class OutcomeMeasured(NamedTuple):
    """Whether a guarantee of `metric` (`accuracy`, `uptime`) was met, for a project or a subscription."""

    metric: str
    met: bool
    project: str = ""
    offering: str = ""
    subscription: str = ""


class SavingsReported(NamedTuple):
    """What a customer saved through a project, as both sides agreed: the base of a share of savings."""

    project: str
    offering: str
    amount: Decimal


class TicketOpened(NamedTuple):
    """A request for support of a severity (`P1` to `P4`), under a `subscription` if any."""

    severity: str
    subscription: str = ""


class TicketResolved(NamedTuple):
    """A request for support was answered and resolved, within the agreed time (`met`) or later."""

    severity: str
    hours: Decimal
    met: bool = True
    subscription: str = ""


class ListingPublished(NamedTuple):
    """A seller (the subject) put something into the marketplace: a `category` such as `plugin` or `model`."""

    listing: str
    category: str


class ListingSold(NamedTuple):
    """The subject bought a `seller`'s listing for `amount`: the seller's price, so a fact."""

    listing: str
    category: str
    seller: str
    amount: Decimal
    quantity: int = 1


class AdvertClicked(NamedTuple):
    """A seller's (the subject's) advert was clicked; `amount` is what it bid for the clicks together."""

    placement: str
    clicks: int
    amount: Decimal


class PartnerJoined(NamedTuple):
    """A partner (the subject) joined a programme: `certified`, `silver`, `white-label-hybrid`, ..."""

    programme: str


class DealReferred(NamedTuple):
    """The subject, a customer's account, was referred by `partner` under an agreement of the price book."""

    partner: str
    agreement: str


class SoldThroughPartner(NamedTuple):
    """The subject, a customer's account, was sold to by the reseller `partner` under an agreement."""

    partner: str
    agreement: str


class PartnerRevenueReported(NamedTuple):
    """A white-label partner reported what it sold to its own customers: its prices, so a fact."""

    subscription: str
    amount: Decimal
    deployments: int = 0


class InvoicePaid(NamedTuple):
    """The account paid its invoice for the month `period` (`2026-03`) this many days after its issue."""

    period: str
    days: int


class PaymentFailed(NamedTuple):
    """A try to collect the invoice for `period` failed."""

    period: str
    attempt: int
    reason: str = "card_declined"


class InvoiceWrittenOff(NamedTuple):
    """The invoice for `period` was given up after the last reminder."""

    period: str


class MoneySpent(NamedTuple):
    """The company spent money: salaries, advertising, hosting. `amount` is in `currency`'s main unit."""

    cost_centre: str
    amount: Decimal
    currency: str = "USD"
    channel: str = ""
    segment: str = ""
    stream: str = ""


EVENTS: dict[str, type[Any]] = {
    "lead.created": LeadCreated,
    "account.signed_up": AccountSignedUp,
    "subscription.started": SubscriptionStarted,
    "plan.changed": PlanChanged,
    "seats.changed": SeatsChanged,
    "add_on.bought": AddOnBought,
    "add_on.dropped": AddOnDropped,
    "subscription.cancelled": SubscriptionCancelled,
    "subscription.reactivated": SubscriptionReactivated,
    "usage.recorded": UsageRecorded,
    "usage.corrected": UsageCorrected,
    "order.placed": OrderPlaced,
    "devices.shipped": DevicesShipped,
    "course.enrolled": CourseEnrolled,
    "course.completed": CourseCompleted,
    "exam.sat": ExamSat,
    "project.started": ProjectStarted,
    "hours.worked": HoursWorked,
    "milestone.delivered": MilestoneDelivered,
    "change_order.agreed": ChangeOrderAgreed,
    "outcome.measured": OutcomeMeasured,
    "savings.reported": SavingsReported,
    "ticket.opened": TicketOpened,
    "ticket.resolved": TicketResolved,
    "listing.published": ListingPublished,
    "listing.sold": ListingSold,
    "advert.clicked": AdvertClicked,
    "partner.joined": PartnerJoined,
    "deal.referred": DealReferred,
    "deal.sold": SoldThroughPartner,
    "partner_revenue.reported": PartnerRevenueReported,
    "invoice.paid": InvoicePaid,
    "payment.failed": PaymentFailed,
    "invoice.written_off": InvoiceWrittenOff,
    "money.spent": MoneySpent,
}
"""Every event kind by its CloudEvents `type`."""

TYPES: dict[type[Any], str] = {kind: name for name, kind in EVENTS.items()}
"""The CloudEvents `type` of every event kind."""


class Event(NamedTuple):
    """One event in its envelope. (source, id) names it for ever; the log adds its position.

    `occurred_at` is when it happened, `recorded_at` when it became known; both UTC without a zone.
    """

    source: str
    id: str
    subject: str
    occurred_at: datetime
    data: Any
    recorded_at: datetime | None = None

    @property
    def type(self) -> str:
        """The CloudEvents type, from the kind of `data`."""
        return TYPES[type(self.data)]


def encode(data: Any) -> str:
    """Write an event's data as canonical JSON: sorted keys, decimals and dates as text, no spaces."""
    return json.dumps(data._asdict(), sort_keys=True, separators=(",", ":"), default=str, ensure_ascii=False)


def decode(kind: str, text: str) -> Any:
    """Read an event's data back from `encode`'s JSON.

    Raises KeyError for a type that is not in `EVENTS`, TypeError for fields that the kind does not have.
    """
    readers = _readers(kind)
    fields = {
        name: readers[name](value) if name in readers else value for name, value in json.loads(text).items()
    }
    return EVENTS[kind](**fields)


@cache
def _readers(kind: str) -> dict[str, Callable[[Any], Any]]:
    hints = get_type_hints(EVENTS[kind])
    return {name: _READERS[hint] for name, hint in hints.items() if hint in _READERS}


_READERS: dict[Any, Callable[[Any], Any]] = {Decimal: Decimal, date: date.fromisoformat}
