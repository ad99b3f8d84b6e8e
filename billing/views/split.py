"""Splits: the company as a whole, or its parts by segment, channel, plan or stream, as SQL sees them.

A query of this package names the row it reads `t`. Its part is written as `{of_account}` with the join
`{account}` where the row has an account, as `{of_sale}` with `{sale}` where it also has a plan and a stream,
and as `{of_cost}` where it is an expense. The whole company is one part without a name.
"""

from typing import NamedTuple

ACCOUNT = "left join accounts a on a.account = t.account"


class Split(NamedTuple):
    """A way to split a company, and the SQL for the part that a row lies in."""

    name: str
    of_account: str
    account: str
    of_sale: str
    sale: str
    of_revenue: str
    revenue: str
    of_cost: str

    @property
    def by_account(self) -> bool:
        """Whether each account lies in one part for ever; else it may hold several, and cross over."""
        return self.name in ("", "segment", "channel")


def _of_accounts(name: str) -> Split:
    part = f"coalesce(a.{name}, '')"
    return Split(name, part, ACCOUNT, part, ACCOUNT, part, ACCOUNT, f"t.{name}")


WHOLE = Split("", "''", "", "''", "", "''", "", "''")

SPLITS: dict[str, Split] = {
    "": WHOLE,
    "segment": _of_accounts("segment"),
    "channel": _of_accounts("channel"),
    "stream": Split("stream", "''", "", "t.stream", "", "t.stream", "", "t.stream"),
    # A posting does not name its plan: the invoice line that caused it does. Nobody spends money on a plan.
    "plan": Split(
        "plan", "''", "", "t.plan", "", "coalesce(l.plan, '')",
        "left join invoice_lines l using (invoice, line_no)", "''",
    ),
}  # fmt: skip
"""Every way to split a company by its name; "" is the whole."""
