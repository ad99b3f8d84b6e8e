"""Kinds of sheets: which plain tables are understood, and what each of their columns means.

A sheet is a table that somebody keeps or exports: a CSV file, or JSON. Its kind is told by the file's name,
by its columns, or by `kind=FILE`.
"""

from typing import Literal, NamedTuple

Type = Literal["text", "day", "month", "amount", "rate", "interval", "choice"]

MONTH_OR_DAY = "a day counts for its month"


class Column(NamedTuple):
    """A column of a sheet: what it holds, and what stands for it where it is left out.

    `names` are other heads that are understood; `default` is None where the column has to be there.
    """

    type: Type
    description: str
    default: str | None = ""
    names: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


class Kind(NamedTuple):
    """A kind of sheet: what a row of it is, its columns, and other names that files of it have."""

    description: str
    columns: dict[str, Column]
    names: tuple[str, ...] = ()

    @property
    def needed(self) -> list[str]:
        """The columns that have to be there."""
        return [name for name, column in self.columns.items() if column.default is None]


CUSTOMER = Column("text", "who pays", None, ("customer_id", "account"))
OPTIONAL_CUSTOMER = CUSTOMER._replace(default="", description="who pays, where that is known")
SEGMENT = Column("text", "segment; one for all rows of a customer")
CHANNEL = Column("text", "acquisition channel; one for all rows of a customer")
CURRENCY = Column("text", "ISO 4217 code; several need `rates`")
PLAN = Column("text", "plan", "default", ("plan_id", "product"))
STREAM = Column("text", "revenue stream", "subscriptions")
SUBSCRIPTION = Column(
    "text", "the subscription; the customer's own name where it is left out", "", ("subscription_id",)
)
OF_CUSTOMER = {"segment": SEGMENT, "channel": CHANNEL}
OF_SALE = {"plan": PLAN, "stream": STREAM, **OF_CUSTOMER, "currency": CURRENCY}

KINDS: dict[str, Kind] = {
    "subscriptions": Kind(
        "A span in which a subscription had one price. Rows of the same subscription follow each other.",
        {
            "customer": CUSTOMER,
            "subscription": SUBSCRIPTION,
            "start": Column("day", "first day", None, ("start_date", "starts_on", "started_on")),
            "end": Column(
                "day", "first day after it; empty while it lasts", "", ("end_date", "ends_on", "ended_on")
            ),
            "amount": Column(
                "amount", "price of one unit for one interval, net of recurring discounts", None,
                ("monthly_amount", "price", "unit_amount"),
            ),
            "interval": Column("interval", "day, week, month, quarter, year, or `3 months`", "month"),
            "quantity": Column("amount", "units, such as seats", "1", ("seats",)),
            "reason": Column(
                "choice", "why it ended", "voluntary", ("end_reason",), ("voluntary", "involuntary")
            ),
            **OF_SALE,
        },
        ("subscription", "subscription_periods", "contracts"),
    ),
    "movements": Kind(
        "A change of committed MRR on a day; what is committed is the sum of all changes so far.",
        {
            "customer": CUSTOMER,
            "subscription": SUBSCRIPTION,
            "date": Column("day", "the day from which it holds", None, ("effective_on", "day")),
            "amount": Column("amount", "by how much MRR changes; a loss is below 0", None, ("change",)),
            "kind": Column(
                "choice", "checked against the sign only: what a change is follows from the balances", "", (),
                ("new", "expansion", "contraction", "churn", "reactivation"),
            ),
            "reason": Column("choice", "why it ended", "voluntary", (), ("voluntary", "involuntary")),
            **OF_SALE,
        },
        ("mrr_movements",),
    ),
    "mrr": Kind(
        "What a customer pays a month at the end of a month; no row means nothing.",
        {
            "customer": CUSTOMER,
            "subscription": SUBSCRIPTION,
            "month": Column("month", "the month", None, ("date_month", "date")),
            "amount": Column("amount", "committed MRR at its end, not below 0", None, ("mrr",)),
            **OF_SALE,
        },
        ("customer_months", "customer_month_mrr", "customer_revenue_by_month"),
    ),
    "customers": Kind(
        "A customer, for what the other tables do not say of it.",
        {
            "customer": CUSTOMER,
            "name": Column("text", "its name"),
            "signed_up": Column(
                "day", "day of sign-up; by default the first day on which anything is told of it", "",
                ("signed_up_on", "created"),
            ),
            "country": Column("text", "ISO 3166 country code"),
            "partner": Column("text", "the partner that brought it"),
            **OF_CUSTOMER,
        },
        ("accounts",),
    ),
    "invoices": Kind(
        "A line of an invoice. It is revenue of the month, or of the days that it names, bit by bit.",
        {
            "customer": CUSTOMER,
            "date": Column("day", "the day on which it is billed", None, ("invoice_date", "billed_on")),
            "amount": Column("amount", "what is billed, without tax", None, ("total",)),
            "start": Column("day", "first day of the service; by default that of the month", "",
                            ("start_date",)),
            "end": Column("day", "first day after the service; by default that of the next month", "",
                          ("end_date",)),
            "kind": Column("choice", "what kind of charge it is", "recurring", (),
                           ("recurring", "usage", "once", "refund", "credit")),
            **OF_SALE,
        },
        ("invoice", "invoice_lines", "billings"),
    ),
    "revenue": Kind(
        "Recognised revenue of a month; it counts as billed in it, too.",
        {
            "customer": OPTIONAL_CUSTOMER,
            "month": Column("month", f"the month; {MONTH_OR_DAY}", None, ("date", "date_month")),
            "amount": Column("amount", "net revenue", None, ("revenue",)),
            "kind": Column("choice", "what kind of charge it was", "recurring", (),
                           ("recurring", "usage", "once")),
            **OF_SALE,
        },
    ),
    "usage": Kind(
        "Revenue from metered usage, in its service month.",
        {
            "customer": CUSTOMER,
            "month": Column("month", f"the month; {MONTH_OR_DAY}", None, ("date", "date_month")),
            "amount": Column("amount", "what the usage was rated at", None, ("revenue",)),
            **OF_SALE,
        },
        ("usage_revenue",),
    ),
    "costs": Kind(
        "What the company spent.",
        {
            "month": Column("month", f"the month; {MONTH_OR_DAY}", None, ("date", "date_month")),
            "cost_centre": Column(
                "text", "`cogs…` is cost of revenue, `sales…` and `marketing…` win customers; then "
                "`research…`, and anything else", None, ("cost_center", "category"),
            ),
            "amount": Column("amount", "how much", None, ("cost",)),
            "segment": Column("text", "segment that it was spent on; shared out where it is empty"),
            "channel": Column("text", "channel that it was spent on; shared out where it is empty"),
            "stream": Column("text", "stream that it was spent on; shared out where it is empty"),
            "currency": CURRENCY,
        },
        ("expenses", "cost"),
    ),
    "payouts": Kind(
        "A partner's share of what a customer was billed.",
        {
            "month": Column("month", f"the month; {MONTH_OR_DAY}", None, ("date",)),
            "partner": Column("text", "who gets it", None),
            "customer": CUSTOMER,
            "amount": Column("amount", "how much", None),
            "basis": Column("amount", "what it is a share of", "0"),
            "kind": Column("choice", "a referral buys the customer, anything else lowers net revenue",
                           "referral", (), ("referral", "resale", "revenue_share", "royalty", "commission")),
            "currency": CURRENCY,
        },
    ),
    "payments": Kind(
        "What a customer paid. Without this table every bill is paid in the month in which it is billed.",
        {
            "customer": OPTIONAL_CUSTOMER,
            "date": Column("month", f"the month; {MONTH_OR_DAY}", None, ("month", "paid_on")),
            "amount": Column("amount", "how much", None),
            "currency": CURRENCY,
        },
        ("receipts",),
    ),
    "cash": Kind(
        "By how much cash changed in a month, without what owners and lenders put in. With this table "
        "nothing else moves cash.",
        {
            "month": Column("month", f"the month; {MONTH_OR_DAY}", None, ("date",)),
            "amount": Column("amount", "below 0 for what was burnt", None, ("change",)),
            "currency": CURRENCY,
        },
        ("cash_flow",),
    ),
    "rates": Kind(
        "What one unit of a currency was worth in the currency of the metrics. A month without a row has the "
        "rate of the month before.",
        {
            "month": Column("month", f"the month; {MONTH_OR_DAY}", None, ("date",)),
            "currency": CURRENCY._replace(default=None),
            "rate": Column("rate", "above 0", None),
        },
        ("fx", "fx_rates", "exchange_rates"),
    ),
}  # fmt: skip
"""Every kind of sheet by its name."""

RECURRING = ("subscriptions", "movements", "mrr")
"""The kinds that say what is committed; a company is told in one of them."""
