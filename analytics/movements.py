"""Movements: how committed MRR and the paying customers got from the opening of a month to its close.

By segment and channel the movements are the ledger's own. By plan and stream they are derived from the
balances: what a customer brings from another plan enters at its full value, and leaves there at its full
value, so that a plan's bridge closes without the other plans.
"""

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.dimension import OF_ACCOUNTS, Dimension, joined_account, of_account, of_row
from analytics.lens import paying
from analytics.policy import DEFAULT, MetricPolicy

MOVEMENTS = ("new", "expansion", "contraction", "churn", "reactivation", "fx")
"""The kinds of the ledger. What falls is negative."""

CROSSINGS = ("entering", "leaving")
"""What moves between the plans or streams of a customer who was there before and stays."""

_PAYING = """
paying as (
    select t.month, t.account, {part} as part, sum(t.amount) as amount, count(*) as subscriptions
    from mrr_balances t {join} where {paying} group by all
)"""

_OF_ACCOUNTS = """
select t.month, {part} as part,
    {sums},
    count(distinct t.account) filter (t.kind = 'new') as customers_new,
    count(distinct t.account) filter (t.kind = 'reactivation') as customers_reactivated,
    count(distinct t.account) filter (t.kind = 'churn') as customers_churned
from mrr_movements t {join} group by all"""

_OF_SALES = """
with {paying},
    total as (select month, account, sum(amount) as amount from paying group by all),
    won as (select distinct month, account from mrr_movements where kind = 'new'),
    pair as (
        select coalesce(c.month, (p.month + interval 1 month)::date) as month,
            coalesce(c.account, p.account) as account, coalesce(c.part, p.part) as part,
            coalesce(p.amount, 0) as opening, coalesce(c.amount, 0) as closing
        from paying c full join paying p
            on p.account = c.account and p.part = c.part and c.month = p.month + interval 1 month
    ),
    rated as ({rated}),
    movement as (
        select month, account, part, 'fx' as kind, amount from rated
        union all by name
        select pair.month, pair.account, pair.part,
            pair.closing - pair.opening - coalesce(rated.amount, 0) as amount,
            case
                when pair.opening > 0 and pair.closing > 0
                    then if(pair.closing - coalesce(rated.amount, 0) > pair.opening,
                        'expansion', 'contraction')
                when pair.opening > 0 then if(after.amount is null, 'churn', 'leaving')
                when before.amount is not null then 'entering'
                when won.account is not null then 'new'
                else 'reactivation'
            end as kind
        from pair
        left join rated using (month, account, part)
        left join total before
            on before.account = pair.account and pair.month = before.month + interval 1 month
        left join total after on after.account = pair.account and after.month = pair.month
        left join won on won.account = pair.account and won.month = pair.month
    )
"""

_UNRATED = "select null::date as month, '' as account, '' as part, 0 as amount where false"

_RATED = """
select t.month, t.account, {part} as part, sum(t.amount) as amount from mrr_changes t
where t.cause = 'fx' and not t.scheduled group by all"""

_HELD = """
select t.month, {part} as part, sum(t.amount) as committed_mrr from mrr_balances t group by all"""

_CLOSING = """
with {paying}
select month, part, sum(amount) as committed_mrr, count(distinct account) as customers,
    sum(subscriptions)::bigint as subscriptions
from paying group by all"""


def held(by: Dimension) -> str:
    """Return the query of committed MRR alone at the last instant of each month, by plan or stream."""
    return _HELD.format(part=of_row(by))


def closing(by: Dimension, policy: MetricPolicy = DEFAULT) -> str:
    """Return the query of committed MRR, customers and subscriptions at the last instant of each month."""
    return _CLOSING.format(paying=_paying(by, policy))


def has_rates(con: DuckDBPyConnection, policy: MetricPolicy) -> bool:
    """Tell whether rates of currencies moved any MRR that a policy shows on a line of its own."""
    found = con.sql("select count(*) from mrr_movements where kind = 'fx'").fetchall()
    return policy.fx == "line" and found[0][0] > 0


def movements(by: Dimension, policy: MetricPolicy = DEFAULT, *, rated: bool = False) -> str:
    """Return the query of what changed MRR in each month and, for parts of accounts, who came and went.

    With `rated`, what rates of currencies changed (`has_rates`) is told apart.
    """
    if by in OF_ACCOUNTS:
        return _OF_ACCOUNTS.format(part=of_account(by), join=joined_account(by), sums=_sums(MOVEMENTS))
    sums = _sums(MOVEMENTS + CROSSINGS)
    return f"{_moved(by, policy, rated=rated)} select month, part, {sums} from movement t group by all"


def moves(by: Dimension) -> str:
    """Return the query of each account's movements: (month, account, part, kind, amount, cause).

    The cause is the ledger's, and empty for parts of sales, whose movements the balances make.
    """
    if by in OF_ACCOUNTS:
        part, join = of_account(by), joined_account(by)
        columns = f"t.month, t.account, {part} as part, t.kind, t.amount, t.cause"
        return f"select {columns} from mrr_movements t {join}"
    columns = "month, account, part, kind, amount, '' as cause"
    return f"{_moved(by, DEFAULT)} select {columns} from movement where amount <> 0"


def opened(figures: pl.DataFrame, by: Dimension) -> pl.DataFrame:
    """Add the opening balances, which are the closing ones of the month before, and check every bridge."""
    names = ["committed_mrr", "customers"]
    openings = [pl.col(name).shift(1, fill_value=0).over("part") for name in names]
    figures = figures.with_columns(
        openings[0].alias("mrr_opening"),
        openings[1].alias("customers_opening"),
    )
    kinds = MOVEMENTS if by in OF_ACCOUNTS else MOVEMENTS + CROSSINGS
    reached = sum((pl.col(f"mrr_{kind}") for kind in kinds), start=pl.col("mrr_opening"))
    _assert_closes(figures, reached, "committed_mrr")
    if by in OF_ACCOUNTS:
        stayed = pl.col("customers_opening") - pl.col("customers_churned")
        came = pl.col("customers_new") + pl.col("customers_reactivated")
        _assert_closes(figures, stayed + came, "customers")
    return figures


def _assert_closes(figures: pl.DataFrame, reached: pl.Expr, closing: str) -> None:
    broken = figures.filter(reached != pl.col(closing)).select(
        "month", "part", reached=reached, closing=closing
    )
    assert broken.is_empty(), (
        f"opening + movements of {closing} do not reach its closing balance: {broken.row(0, named=True)}"
    )


def _moved(by: Dimension, policy: MetricPolicy, *, rated: bool = False) -> str:
    rates = _RATED.format(part=of_row(by)) if rated else _UNRATED
    return _OF_SALES.format(paying=_paying(by, policy), rated=rates)


def _paying(by: Dimension, policy: MetricPolicy) -> str:
    if by in OF_ACCOUNTS:
        return _PAYING.format(part=of_account(by), join=joined_account(by), paying=paying(policy))
    return _PAYING.format(part=of_row(by), join="", paying=paying(policy))


def _sums(kinds: tuple[str, ...]) -> str:
    return ", ".join(f"sum(t.amount) filter (t.kind = '{kind}') as mrr_{kind}" for kind in kinds)
