"""A company in a few words: MRR paths, lines, costs and payouts, and the ledger that they make."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import count
from typing import Any

import duckdb
import polars as pl

from analytics.dimension import SPLITS
from billing.schema import polars_schema
from metering.period import add_months

FIRST = date(2026, 1, 1)

READ = (
    "accounts", "entries", "events", "invoice_lines", "invoices", "mrr_balances", "mrr_changes",
    "mrr_movements", "payments", "payouts", "postings", "subscription_phases", "usage",
)  # fmt: skip
"""The tables that metrics are derived from."""

_NUMBERS = count()


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """Start DuckDB once for all companies: that takes longer than a test."""
    return duckdb.connect(config={"threads": 1})


def month(number: int) -> date:
    """Return the first day of a month of the run, counted from 0."""
    return add_months(FIRST, number)


class Company:
    """What happened to a company, month by month from 0; `ledger()` books it."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.months = 0

    def account(self, name: str, segment: str = "smb", channel: str = "direct") -> "Company":
        """Sign an account up."""
        known = {row["account"] for row in self.rows["accounts"]}
        if name not in known:
            self._add("accounts", account=name, kind="customer", segment=segment, channel=channel)
        return self

    def mrr(
        self, name: str, *amounts: Any, plan: str = "pro", stream: str = "subscriptions", start: int = 0
    ) -> "Company":
        """Give an account a subscription that is worth these amounts at the ends of months."""
        self.account(name)
        self.months = max(self.months, start + len(amounts))
        segment = next(row["segment"] for row in self.rows["accounts"] if row["account"] == name)
        for number, amount in enumerate(amounts, start):
            if Decimal(str(amount)) > 0:
                self._add(
                    "mrr_balances",
                    month=month(number),
                    subscription=f"{name}/{plan}",
                    account=name,
                    segment=segment,
                    plan=plan,
                    stream=stream,
                    amount=Decimal(str(amount)),
                )
        return self

    def bill(
        self,
        name: str,
        number: int,
        amount: Any,
        *,
        plan: str = "pro",
        stream: str = "subscriptions",
        kind: str = "recurring",
        months: int = 1,
    ) -> "Company":
        """Bill one line in month `number`; its revenue is spread evenly over `months` months from then on."""
        self.account(name)
        amount, invoice = Decimal(str(amount)), f"INV-{month(number):%Y-%m}-{name}"
        line_no = 1 + sum(row["invoice"] == invoice for row in self.rows["invoice_lines"])
        place = {"invoice": invoice, "line_no": line_no, "account": name, "stream": stream}
        self._add("invoice_lines", month=month(number), plan=plan, kind=kind, amount=amount, **place)
        self._post(number, "receivable", amount, account=name, invoice=invoice)
        if months == 1:
            self._post(number, "revenue", -amount, **place)
            return self
        self._post(number, "deferred_revenue", -amount, **place)
        for later in range(months):
            self._post(number + later, "deferred_revenue", amount / months, **place)
            self._post(number + later, "revenue", -amount / months, **place)
        return self

    def pay(self, name: str, number: int, amount: Any) -> "Company":
        """Receive money from an account."""
        self._post(number, "cash", Decimal(str(amount)), account=name)
        self._post(number, "receivable", -Decimal(str(amount)), account=name)
        return self

    def spend(self, number: int, cost_centre: str, amount: Any, **where: str) -> "Company":
        """Spend money on a cost centre, maybe for a segment, a channel or a stream."""
        self._post(number, "expense", Decimal(str(amount)), cost_centre=cost_centre, **where)
        self._post(number, "cash", -Decimal(str(amount)), cost_centre=cost_centre, **where)
        return self

    def pay_out(self, name: str, number: int, amount: Any, kind: str = "referral") -> "Company":
        """Owe a partner a share of what an account was billed."""
        self._add("payouts", month=month(number), partner="partner", kind=kind, account=name, amount=amount)
        self._post(number, "partner_share", Decimal(str(amount)), account="partner")
        self._post(number, "partner_payable", -Decimal(str(amount)), account="partner")
        return self

    def ledger(self) -> duckdb.DuckDBPyConnection:
        """Book everything in a database of its own, and return a connection to it."""
        self.rows["mrr_movements"] = movements_of(self.rows["mrr_balances"], self.months)
        self.rows["mrr_changes"] = changes_of(self.rows["mrr_balances"], self.months)
        self.rows["entries"] = [
            {"entry": row["entry"], "month": row["month"], "kind": kind}
            for row in self.rows["postings"]
            for ledger_account, kind in (("expense", "cost"), ("cash", "payment"))
            if row["ledger_account"] == ledger_account
        ]
        con = _engine().cursor()
        name = f"company_{next(_NUMBERS)}"
        con.execute(f"attach ':memory:' as {name}; use {name}").fetchall()
        for name in READ:
            con.register("frame", table(name, self.rows[name]))
            con.execute(f"create table {name} as select * from frame").fetchall()
        con.execute("pragma disable_optimizer").fetchall()  # for a dozen rows it takes longer than the query
        return con

    def _post(self, number: int, ledger_account: str, amount: Decimal, **more: Any) -> None:
        entry = f"E{len(self.rows['postings']) // 2}"
        row = {"entry": entry, "month": month(number), "ledger_account": ledger_account, "amount": amount}
        self.rows["postings"].append({**row, "currency": "USD", **more})

    def _add(self, name: str, **row: Any) -> None:
        self.rows[name].append({"currency": "USD", **row} if "currency" in polars_schema(name) else row)


def table(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return rows as a frame of the ledger's schema; texts that are not given are empty."""
    schema = polars_schema(name)
    full = [
        {column: row.get(column, "" if schema[column] == pl.String else None) for column in schema}
        for row in rows
    ]
    return pl.DataFrame(full, schema=schema)


def movements_of(balances: list[dict[str, Any]], months: int) -> list[dict[str, Any]]:
    """Class the change of each account's MRR between month ends, as the ledger does."""
    total: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    segments = {}
    for row in balances:
        total[row["account"]][row["month"]] += row["amount"]
        segments[row["account"]] = row["segment"]
    rows = []
    for account, amounts in total.items():
        before, paid = Decimal(0), False
        for number in range(months):
            now = amounts.get(month(number), Decimal(0))
            kind = kind_of(before, now, paid=paid)
            if kind:
                row = {"month": month(number), "account": account, "kind": kind, "amount": now - before}
                rows.append({**row, "segment": segments[account]})
            before, paid = now, paid or now > 0
    return rows


def changes_of(balances: list[dict[str, Any]], months: int) -> list[dict[str, Any]]:
    """Tell how each subscription's MRR changed on the first day of each month, at full price."""
    total: dict[tuple[str, ...], dict[date, Decimal]] = defaultdict(dict)
    names = ("account", "segment", "subscription", "plan", "stream")
    for row in balances:
        total[tuple(row[name] for name in names)][row["month"]] = row["amount"]
    rows = []
    for key, amounts in total.items():
        before = Decimal(0)
        for number in range(months):
            now = amounts.get(month(number), Decimal(0))
            if now != before:
                days = ("month", "booked_on", "effective_on", "recorded_on", "paid_until_on")
                nothing = ("lasting_discount", "limited_discount", "commitment", "trial")
                row = dict(zip(names, key, strict=True)) | dict.fromkeys(days, month(number))
                cause = "seats" if now and before else "subscription" if now else "voluntary"
                row |= dict.fromkeys(nothing, Decimal(0)) | {"scheduled": False, "cause": cause}
                rows.append(row | {"list_price": now - before, "amount": now - before})
            before = now
    return rows


def kind_of(before: Decimal, now: Decimal, *, paid: bool) -> str:
    """Name what a change of MRR is, or nothing."""
    if before == now:
        return ""
    if before == 0:
        return "reactivation" if paid else "new"
    if now == 0:
        return "churn"
    return "expansion" if now > before else "contraction"


def at(frame: pl.DataFrame, number: int, *names: str, part: str = "") -> tuple[Any, ...]:
    """Return metrics of month `number` as plain numbers; of one part, where the frame is split."""
    rows = frame.filter(pl.col("month") == month(number))
    if part:
        rows = rows.filter(pl.any_horizontal(pl.col(name) == part for name in SPLITS if name in rows.columns))
    assert len(rows) == 1, rows
    return tuple(plain(rows[name][0]) for name in names)


def plain(value: Any) -> Any:
    """Return a Decimal without trailing zeros as an int or a text, for tables of expected values."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else f"{value.normalize():f}"
