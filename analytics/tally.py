"""Tallies: figures that count or add up rows of the ledger, by month and by the part that a row lies in.

A tally is one query of rows, each with its month, its account, what it is called (`what`), and a column for
each figure. The figures are the sums of these columns; an explanation lists the rows themselves. What needs
something that the ledger does not have is not asked: its figures are 0.
"""

from collections.abc import Sequence
from typing import NamedTuple

from analytics.dimension import OF_ACCOUNTS, Dimension, joined_account, of_account, of_row


class Sums(NamedTuple):
    """A query of figures by month and part: `counts` are whole numbers, `amounts` are exact.

    It `needs` one of some things to be there: a table with rows, or `event lead.created`.
    """

    query: str
    counts: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def figures(self) -> tuple[str, ...]:
        """Name the figures."""
        return self.counts + self.amounts


class Tally(NamedTuple):
    """A query of rows and the figures that it adds up.

    Rows that can be split by plan or stream have such a column; `own` rows name their segment and channel
    themselves, since they need not be of an account.
    """

    rows: str
    counts: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    splits: tuple[Dimension, ...] = OF_ACCOUNTS
    own: bool = False

    @property
    def figures(self) -> tuple[str, ...]:
        """Name the figures."""
        return self.counts + self.amounts

    def place(self, by: Dimension) -> tuple[str, str]:
        """Return the SQL for the part of a row `t`, and the join that it needs."""
        if by in OF_ACCOUNTS and not self.own:
            return of_account(by), joined_account(by)
        return of_row(by), ""

    def sums(self, by: Dimension) -> Sums:
        """Return the query of the figures by month and part."""
        part, join = self.place(by)
        columns = [f"sum(t.{name})::bigint as {name}" for name in self.counts]
        columns += [f"sum(t.{name})::decimal(38, 12) as {name}" for name in self.amounts]
        query = (
            f"select t.month, {part} as part, {', '.join(columns)} from ({self.rows}) t {join} group by all"
        )
        return Sums(query, self.counts, self.amounts, self.needs)


def quantiles(
    rows: str, by: Dimension, value: str, behind: str, *, needs: tuple[str, ...], **shares: str
) -> Sums:
    """Return the query of quantiles of a column of rows, by month and part, and of how many rows there are.

    They are interpolated between neighbours; a share is written as in `0.5`.
    """
    part, join = of_account(by), joined_account(by)
    found = [
        f"quantile_cont(t.{value}, {share})::decimal(38, 12) as {name}" for name, share in shares.items()
    ]
    query = (
        f"select t.month, {part} as part, {', '.join(found)}, count(*) as {behind} "
        f"from ({rows}) t {join} group by all"
    )
    return Sums(query, (behind,), tuple(shares), needs)


def event(*kinds: str) -> tuple[str, ...]:
    """Name what is needed where events of one of these kinds have to be there."""
    return tuple(f"event {kind}" for kind in kinds)


def field(name: str) -> str:
    """Return the SQL of a field of an event `e`, as text."""
    return f"json_extract_string(e.data, '$.{name}')"


def number(name: str) -> str:
    """Return the SQL of a field of an event `e` that holds an exact number."""
    return f"{field(name)}::decimal(38, 12)"


def true(name: str) -> str:
    """Return the SQL of a field of an event `e` that is true or false, as 1 or 0."""
    return f"({field(name)} = 'true')::integer"


def month_of(moment: str) -> str:
    """Return the SQL of the month that a day or an instant lies in."""
    return f"date_trunc('month', {moment})::date"


def later(month: str, months: int | str) -> str:
    """Return the SQL of the month so many months later."""
    return f"({month} + to_months(({months})::integer))::date"


def literal(text: str) -> str:
    """Return a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def beginning(column: str, words: Sequence[str]) -> str:
    """Return the SQL condition that a text begins with one of some words."""
    return "(" + (" or ".join(f"starts_with({column}, {literal(word)})" for word in words) or "false") + ")"


OF_EVENT = f"{month_of('e.occurred_at')} as month, e.subject as account"
"""The month and the account of an event `e`."""

CALLED = "e.subject || ', ' || strftime(e.occurred_at, '%Y-%m-%d') as what"
"""What a row of an event `e` is called: whose it is, and the day."""


def events_of(kind: str, columns: str) -> str:
    """Return the rows of a kind of event, with some columns."""
    return f"select {OF_EVENT}, {CALLED}, {columns} from events e where e.type = '{kind}'"


PRESENCE = """
select distinct 'event ' || type as thing from events
union all select 'usage' from (select 1 from usage limit 1)
union all select 'invoices' from (select 1 from invoices where total > 0 limit 1)
union all select 'payments' from (select 1 from payments limit 1)
union all select 'failures' from (select 1 from payments where kind = 'failed' limit 1)
union all select 'customers' from (select 1 from accounts where kind = 'customer' limit 1)
union all select 'partners' from (select 1 from accounts where kind = 'partner' limit 1)
union all select 'trials' from (select 1 from subscription_phases where trial limit 1)
union all select 'long' from (
    select 1 from invoice_lines where ends_on > starts_on + interval 12 month limit 1
)
union all select 'yearly' from (select 1 from subscription_phases where billing = 'year' limit 1)
union all select 'payouts' from (select 1 from payouts where revenue = 'net' limit 1)
union all select 'involuntary' from (select 1 from mrr_movements where cause = 'involuntary' limit 1)
"""
"""The query of what a ledger has, by the names that `needs` gives it."""
