"""Figures: the sums and counts that metrics are worked out of, each from its rows of the ledger."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from analytics.dimension import OF_ACCOUNTS, Dimension, joined_account, of_account, of_row
from analytics.explanation import behind
from analytics.explanation.balance import subscriptions_of
from analytics.explanation.node import Node, total
from analytics.explanation.question import Question, Row, listed
from analytics.explanation.words import money, number
from analytics.movements import CROSSINGS, MOVEMENTS, moves
from analytics.revenue import DELIVERY, REFERRAL, SELLING
from billing.money import EXACTLY, ZERO
from billing.price import CATALOG
from metering.period import add_months

YEAR = 12

Explained = Callable[[Question], Node]

_ACCOUNT_MONTH = "t.account || ' ' || strftime(t.month, '%Y-%m')"


def _place(by: Dimension) -> tuple[str, str]:
    """Return the SQL of the part of a row `t` with an account, a plan and a stream, and its join."""
    return (of_account(by), joined_account(by)) if by in OF_ACCOUNTS else (of_row(by), "")


def held(question: Question, ago: int = 0) -> tuple[Node, ...]:
    """Return who pays committed MRR at a month's end, the largest subscriptions first."""
    part, join = _place(question.by)
    month = add_months(question.month, -ago)
    rows = question.rows(
        f"select t.subscription || ', ' || t.plan, t.amount, {_ACCOUNT_MONTH} from mrr_balances t {join} "
        f"where t.month = ? and {part} = ? and t.amount > 0 order by t.subscription",
        *(month, question.part),
    )

    def whole(row: Row) -> Node | None:
        account, subscription = row.thing.rpartition(" ")[0], row.text.rpartition(", ")[0]
        found = subscriptions_of(question.evidence, account, month)
        node = next((node for name, node in found if name == subscription), None)
        return None if node is None else replace(node, text=row.text, thing=row.thing)

    return listed(question, rows, question.currency, "subscriptions", whole)


def opening(question: Question) -> Node:
    """Committed MRR a month before."""
    amount = question.known("mrr_opening")
    return Node(
        "committed MRR a month before", amount, question.currency, held(question, 1) if amount else ()
    )


def movement(kind: str) -> Explained:
    """Return what explains a movement of MRR: the accounts that moved."""

    def explained(question: Question) -> Node:
        rows = question.rows(
            "select account || if(cause = '', '', ': ' || cause), amount, "
            "account || ' ' || strftime(month, '%Y-%m') "
            f"from ({moves(question.by)}) where month = ? and part = ? and kind = ? order by account",
            *(question.month, question.part, kind),
        )
        amount = question.known(f"mrr_{kind}")
        nodes = listed(question, rows, question.currency, "accounts", lambda row: _moved(question, row))
        return Node(f"{kind} MRR", amount, question.currency, nodes)

    return explained


def _moved(question: Question, row: Row) -> Node:
    """Return what an account moved, with its subscriptions before and after."""
    account = row.thing.rpartition(" ")[0]
    nodes = []
    for text, month in (("before", add_months(question.month, -1)), ("after", question.month)):
        found = subscriptions_of(question.evidence.below(), account, month)
        parts = [
            node for _, node in found if question.by in OF_ACCOUNTS or f", {question.part}:" in node.text
        ]
        nodes.append(Node(text, total(parts), question.currency, tuple(parts)))
    return Node(row.text, row.amount, question.currency, reasons=tuple(nodes), thing=row.thing)


def counted(name: str, text: str, query: str, ago: int = 0, unit: str = "customer") -> Explained:
    """Return what explains a number of customers: who they are. The query takes month and part."""

    def explained(question: Question) -> Node:
        part, join = _place(question.by)
        month = add_months(question.month, -ago)
        rows = question.rows(query.format(part=part, join=join), month, question.part)
        return Node(text, question.known(name), unit, listed(question, rows, unit, unit + "s"))

    return explained


_PAYING = (
    "select t.account, 1::decimal(38, 12), any_value(" + _ACCOUNT_MONTH + ") from mrr_balances t {join} "
    "where t.month = ? and {part} = ? and t.amount > 0 group by t.account order by t.account"
)
_HOLDING = (
    "select t.subscription, 1::decimal(38, 12), " + _ACCOUNT_MONTH + " from mrr_balances t {join} "
    "where t.month = ? and {part} = ? and t.amount > 0 order by t.subscription"
)
_BILLED = (
    "select t.account, 1::decimal(38, 12), any_value(t.invoice) from invoice_lines t {join} "
    "where t.month = ? and {part} = ? group by t.account having sum(t.amount) > 0 order by t.account"
)


def _came(kind: str) -> str:
    return (
        "select t.account, 1::decimal(38, 12), " + _ACCOUNT_MONTH + " from mrr_movements t {join} "
        f"where t.month = ? and {{part}} = ? and t.kind = '{kind}' order by t.account"
    )


def cohort(age: int, what: str) -> Explained:
    """Return what explains a figure of the customers of some months ago: `mrr now`, `customers kept`."""
    name = f"{what.partition(' ')[0]}_{age}m_{what.partition(' ')[2]}"
    counts = name.startswith("customers")
    texts = {
        "ago": f"paid {age} months before" if age > 1 else "paid a month before",
        "now": "what they pay now",
        "kept": "of these, who still pay" if counts else "what they pay now, each at most what it paid then",
    }
    amounts = {
        "ago": "1" if counts else "b.amount",
        "now": "coalesce(c.amount, 0)",
        "kept": "if(c.amount is null, 0, 1)" if counts else "least(b.amount, coalesce(c.amount, 0))",
    }

    def explained(question: Question) -> Node:
        part, join = _place(question.by)
        paying = (
            f"select t.month, t.account, {part} as part, sum(t.amount) as amount "
            f"from mrr_balances t {join} where t.amount > 0 group by all"
        )
        which = what.partition(" ")[2]
        rows = question.rows(
            f"with paying as ({paying}) select b.account, ({amounts[which]})::decimal(38, 12), "
            "b.account || ' ' || strftime(?::date, '%Y-%m') "
            "from paying b left join paying c on c.account = b.account and c.month = ? "
            "where b.month = ? and b.part = ? order by b.account",
            *(question.month, question.month, add_months(question.month, -age), question.part),
        )
        unit = "customer" if counts else question.currency
        shown = [row for row in rows if row.amount]
        return Node(texts[which], question.known(name), unit, listed(question, shown, unit, "customers"))

    return explained


def billed(name: str, text: str, where: str = "true") -> Explained:
    """Return what explains what was billed: the invoices."""

    def explained(question: Question) -> Node:
        part, join = _place(question.by)
        rows = question.rows(
            f"select t.account, sum(t.amount)::decimal(38, 12), t.invoice from invoice_lines t {join} "
            f"where t.month = ? and {part} = ? and {where} "
            "group by all having sum(t.amount) <> 0 order by all",
            *(question.month, question.part),
        )
        shown = listed(question, rows, question.currency, "invoices", behind.lines(question, where))
        return Node(text, question.known(name), question.currency, shown)

    return explained


def revenue(question: Question) -> Node:
    """Recognised revenue, by the kinds of entries that booked it."""
    part, join = _place(question.by)
    if question.by == "plan":  # a posting does not name its plan; the invoice line that caused it does
        part, join = "coalesce(l.plan, '')", "left join invoice_lines l using (invoice, line_no)"
    nodes = []
    for kind, text in _REVENUE.items():
        rows = question.rows(
            f"select t.account, -sum(t.amount)::decimal(38, 12), t.entry from postings t {join} "
            "join entries e on e.entry = t.entry where t.ledger_account = 'revenue' and t.month = ? "
            f"and {part} = ? and e.kind = ? group by all having sum(t.amount) <> 0 order by all",
            *(question.month, question.part, kind),
        )
        if rows:
            amount = sum((row.amount for row in rows), ZERO)
            why = behind.entries(question.below(), "revenue", -1)
            shown = listed(question.below(), rows, question.currency, "entries", why)
            nodes.append(Node(text, amount, question.currency, shown))
    return Node("recognised revenue", question.known("revenue"), question.currency, tuple(nodes))


_REVENUE = {
    "invoice": "earned in the month that it was billed for",
    "recognition": "earned of what was billed in advance",
    "breakage": "earned because units expired undrawn",
    "payout": "less what partners get of sales that are net",
}


def paid_out(name: str, text: str, where: str = "true") -> Explained:
    """Return what explains payouts: those of the part's customers, or their share by what was billed."""

    def explained(question: Question) -> Node:
        amount = question.known(name)
        if question.by in OF_ACCOUNTS:
            part, join = _place(question.by)
            rows = question.rows(
                "select t.partner || ' for ' || t.account, t.amount::decimal(38, 12), t.payout "
                f"from payouts t {join} where t.month = ? and {part} = ? and {where} "
                "and t.amount <> 0 order by t.payout",
                *(question.month, question.part),
            )
            shown = listed(question, rows, question.currency, "payouts", behind.payouts(question))
            return Node(text, amount, question.currency, shown)
        said = f"{text}, each shared out over its customer's lines of the month by {question.by}"
        rows = question.rows(
            "select t.partner || ' for ' || t.account, t.amount::decimal(38, 12), t.payout from payouts t "
            "semi join invoice_lines l on l.month = t.month and l.account = t.account "
            f"and l.{question.by} = ? where t.month = ? and {where} and t.amount <> 0 order by t.payout",
            *(question.part, question.month),
        )
        reasons = listed(question, rows, question.currency, "payouts")
        return Node(said, amount, question.currency, reasons=reasons)

    return explained


def spent(name: str, text: str, *patterns: str) -> Explained:
    """Return what explains an expense of some cost centres: its entries."""

    def explained(question: Question) -> Node:
        nodes = _expenses(question, patterns)
        return Node(text, question.known(name), question.currency, nodes)

    return explained


def cost_of_revenue(question: Question) -> Node:
    """What delivering costs: what names the part, and its share of what names none."""
    amount, text = question.known("cost_of_revenue"), "cost of revenue"
    nodes = _expenses(question, (DELIVERY,))
    own = total(nodes)
    if own == amount:
        return Node(text, amount, question.currency, nodes)
    rest = EXACTLY.subtract(amount, own)
    unnamed = Question(question.evidence, question.by, "", question.month).value("delivery_cost") or ZERO
    said = (
        f"{money(unnamed, question.currency)} names no {question.by}: it is shared out by recognised revenue"
    )
    own_node = [Node(f"names the {question.by}", own, question.currency, nodes)] if nodes else []
    weight = Node("recognised revenue of the part", question.known("revenue"), question.currency)
    shared = Node(said, rest, question.currency, reasons=(weight,))
    return Node(text, amount, question.currency, (*own_node, shared))


def _expenses(question: Question, patterns: Sequence[str]) -> tuple[Node, ...]:
    part = "''" if question.by == "plan" else of_row(question.by)  # nobody spends money on a plan
    likes = " or ".join("t.cost_centre like ?" for _ in patterns)
    rows = question.rows(
        "select concat_ws(', ', t.cost_centre, nullif(t.segment, ''), nullif(t.channel, '')), "
        "t.amount::decimal(38, 12), t.entry from postings t where t.ledger_account = 'expense' "
        f"and t.month = ? and {part} = ? and ({likes}) order by t.entry",
        *(question.month, question.part, *patterns),
    )
    return listed(question, rows, question.currency, "expenses", behind.entries(question, "expense", 1))


def balance(name: str, text: str) -> Explained:
    """Return what explains a balance: that of the month before, and the month's entries by their kinds."""
    sign = "-" if name == "deferred_revenue" else ""

    def explained(question: Question) -> Node:
        nodes = [Node("at the end of the month before", question.known(name, 1), question.currency)]
        kinds = question.evidence.rows(
            "select distinct e.kind from postings t join entries e using (entry) "
            "where t.ledger_account = ? and t.month = ? order by all",
            *(name, question.month),
        )
        for (kind,) in kinds:
            rows = question.rows(
                f"select t.account, ({sign}sum(t.amount))::decimal(38, 12), t.entry from postings t "
                "join entries e on e.entry = t.entry where t.ledger_account = ? and t.month = ? "
                "and e.kind = ? group by all having sum(t.amount) <> 0 order by all",
                *(name, question.month, kind),
            )
            amount = sum((row.amount for row in rows), ZERO)
            why = behind.entries(question.below(), name, -1 if sign else 1)
            shown = listed(question.below(), rows, question.currency, "entries", why)
            nodes.append(Node(kind.replace("_", " "), amount, question.currency, shown))
        return Node(text, question.known(name), question.currency, tuple(nodes))

    return explained


def by_month(name: str, text: str, months: int, lag: int = 0) -> Explained:
    """Return what explains a sum over some months: the figure of each."""

    def explained(question: Question) -> Node:
        nodes = [
            Node(
                f"{name.replace('_', ' ')} of {question.said(ago)}",
                question.known(name, ago),
                question.currency,
            )
            for ago in range(lag, lag + months)
            if question.known(name, ago)
        ]
        said = f"{text}: {number(months)} months" + (f", up to {number(lag)} months before" if lag else "")
        return Node(said, total(nodes), question.currency, tuple(nodes))

    return explained


FIGURES: dict[str, Explained] = {
    "mrr_opening": opening,
    **{f"mrr_{kind}": movement(kind) for kind in MOVEMENTS + CROSSINGS},
    "customers_opening": counted("customers_opening", "paying customers a month before", _PAYING, 1),
    "customers_new": counted("customers_new", "pay for the first time", _came("new")),
    "customers_reactivated": counted("customers_reactivated", "came back", _came("reactivation")),
    "customers_churned": counted("customers_churned", "stopped paying", _came("churn")),
    "customers": counted("customers", "paying customers", _PAYING),
    "subscriptions": counted(
        "subscriptions", "subscriptions with committed MRR", _HOLDING, 0, "subscription"
    ),
    "billed_customers": counted("billed_customers", "billed more than 0", _BILLED),
    **{
        f"{what.replace(' ', f'_{age}m_')}": cohort(age, what)
        for age in (1, YEAR)
        for what in ("customers ago", "customers kept", "mrr ago", "mrr now", "mrr kept")
    },
    "billed": billed("billed", "billed"),
    "usage_revenue": billed(
        "usage_revenue", "metered revenue", f"t.kind = 'usage' and t.plan <> '{CATALOG}'"
    ),
    "revenue": revenue,
    "payouts": paid_out("payouts", "what partners earned"),
    "partner_share": paid_out("partner_share", "payouts that are an expense", "t.revenue <> 'net'"),
    "referral_payouts": paid_out(
        "referral_payouts", "referrals", f"t.revenue <> 'net' and t.kind = '{REFERRAL}'"
    ),
    "cost_of_revenue": cost_of_revenue,
    "selling_cost": spent("selling_cost", "spent on sales and marketing", *SELLING),
    "deferred_revenue": balance("deferred_revenue", "billed and not yet recognised"),
    "receivable": balance("receivable", "billed and not yet paid"),
    "cash": balance("cash", "cash since the first month"),
}
"""What explains each figure."""
