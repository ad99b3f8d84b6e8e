"""The ledger's tables of committed monthly recurring revenue: what changed it, what it is, why it moved."""

from datetime import date
from decimal import Decimal

from sqlmodel import SQLModel

from billing.column import column, exact, key


class MrrChangeRow(SQLModel, table=True):
    """Every change of what a subscription is worth a month: when it holds, and when it became known."""

    __tablename__ = "mrr_changes"
    change_no: int = key("number of the change, in the order in which changes are booked, from 1")
    month: date = column("the month in which it is booked")
    booked_on: date = column("the later of effective_on and recorded_on")
    effective_on: date = column("the day from which it holds")
    recorded_on: date = column("the day on which the last fact that it rests on became known")
    account: str = column("the account that holds the subscription")
    segment: str = column("segment of the account")
    subscription: str = column("the subscription; one that changes plan has a row for either plan")
    plan: str = column("plan whose MRR changes")
    stream: str = column("revenue stream of the plan")
    kind: str = column(
        "what the account's changes of that day come to: new, expansion, contraction, churn, reactivation, "
        "transfer (nothing), fx, or none where nothing was paid or is"
    )
    cause: str = column(
        "what changed: subscription, trial, plan, seats, add_on, price, discount, commitment, voluntary, "
        "involuntary, pause, resume, restated or fx"
    )
    event: int | None = column("position of the fact that caused it; NULL where the price book did")
    list_price: Decimal = exact("change of the recurring charges of a month before discounts")
    lasting_discount: Decimal = exact("change of what discounts without an end take off")
    limited_discount: Decimal = exact("change of what discounts for some months take off")
    commitment: Decimal = exact("change of what a commitment adds, or a maximum of the plan takes off")
    amount: Decimal = exact("change of committed MRR: the list price less both discounts, and the commitment")
    trial: Decimal = exact("change of what trials would be worth; no part of the amount")
    paid_until_on: date = column("where a subscription ends: the first day not paid for; else effective_on")
    scheduled: bool = column("whether it lies after the last closed month: known, but not happened yet")


class MrrBalanceRow(SQLModel, table=True):
    """Committed monthly recurring revenue of each subscription at the last instant of each month."""

    __tablename__ = "mrr_balances"
    month: date = key("the month")
    subscription: str = key("the subscription")
    account: str = column("the account that holds it")
    segment: str = column("segment of the account")
    plan: str = column("plan at that instant")
    stream: str = column("revenue stream of the plan")
    amount: Decimal = exact(
        "recurring charges of a month (a year's divided by 12), net of discounts, without usage"
    )


class MrrMovementRow(SQLModel, table=True):
    """Why committed MRR changed: one row for each account, month and kind; balances are sums of movements."""

    __tablename__ = "mrr_movements"
    month: date = key("the month")
    account: str = key("the account")
    kind: str = key("new, expansion, contraction, churn or reactivation; fx where rates of currencies moved")
    segment: str = column("segment of the account")
    cause: str = column(
        "what changed: plan, seats, add_on, price, discount, commitment, subscription, voluntary, "
        "involuntary, pause, resume or fx"
    )
    effective_on: date = column("the day of the change that caused it")
    amount: Decimal = exact("change of committed MRR; negative for contraction and churn")


MODELS: tuple[type[SQLModel], ...] = (MrrChangeRow, MrrBalanceRow, MrrMovementRow)
"""The tables, from what is told to what follows."""
