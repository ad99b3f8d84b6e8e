"""Revenue and its costs by month: billed, recognised, shared with partners, and what delivering it cost."""

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.dimension import OF_ACCOUNTS, Dimension, joined_account, of_account, of_row
from analytics.formula import allocated
from analytics.policy import DEFAULT, MetricPolicy
from analytics.selection import select
from billing.price import CATALOG

REFERRAL = "referral"
"""The kind of payout that buys a customer: part of acquisition cost, and no deduction from revenue."""

DELIVERY = "cogs%"
"""Cost centres of delivering what is sold, such as cogs-hosting."""

SELLING = ("sales%", "marketing%")
"""Cost centres of winning customers."""

RESEARCH = "research%"
"""Cost centres of making what is sold."""

OTHERS = (*SELLING, RESEARCH)
"""Cost centres with a name of their own beside delivery; all others are general."""

_RECOGNISED = """
select t.month, {part} as part, -sum(t.amount)::decimal(38, 12) as revenue
from postings t {join} where t.ledger_account = 'revenue' group by all"""

_BILLED = """
select t.month, {part} as part, sum(t.amount)::decimal(38, 12) as billed
from invoice_lines t {join} group by all"""

_PAYERS = """
select month, part, count(*) as billed_customers from (
    select t.month, {part} as part, t.account from invoice_lines t {join}
    group by all having sum(t.amount) > 0
) group by all"""

_METERED = f"""
select t.month, {{part}} as part, sum(t.amount)::decimal(38, 12) as usage_revenue
from invoice_lines t {{join}} where t.kind = 'usage' and t.plan <> '{CATALOG}' group by all"""

_COSTS = f"""
select t.month, {{part}} as part,
    sum(t.amount) filter ({{delivers}})::decimal(38, 12) as delivery_cost,
    sum(t.amount) filter (
        not ({{delivers}}) and (t.cost_centre like '{SELLING[0]}' or t.cost_centre like '{SELLING[1]}')
    )::decimal(38, 12) as selling_cost,
    sum(t.amount) filter (not ({{delivers}}) and t.cost_centre like '{SELLING[1]}')::decimal(38, 12)
        as marketing_cost,
    sum(t.amount) filter (not ({{delivers}}) and t.cost_centre like '{RESEARCH}')::decimal(38, 12)
        as research_cost,
    sum(t.amount) filter (
        not ({{delivers}}) and {" and ".join(f"t.cost_centre not like '{one}'" for one in OTHERS)}
    )::decimal(38, 12) as general_cost
from postings t where t.ledger_account = 'expense' group by all"""

_SHARED = f"""
    sum(t.amount)::decimal(38, 12) as payouts,
    coalesce(sum(t.amount) filter (t.revenue <> 'net'), 0)::decimal(38, 12) as partner_share,
    coalesce(sum(t.amount) filter (t.revenue <> 'net' and t.kind = '{REFERRAL}'), 0)
        ::decimal(38, 12) as referral_payouts"""

_PAYOUTS = f"""
select t.month, {{part}} as part, {_SHARED}
from payouts t {{join}} group by all"""

_PAYOUTS_OF_SALES = f"""
with paid as (select t.month, t.account, {_SHARED} from payouts t group by all)
select paid.month, paid.account, '' as part, 0::decimal(38, 12) as weight,
    paid.payouts, paid.partner_share, paid.referral_payouts
from paid
union all by name
select t.month, t.account, {{part}} as part, sum(t.amount)::decimal(38, 12) as weight,
    0::decimal(38, 12) as payouts, 0::decimal(38, 12) as partner_share,
    0::decimal(38, 12) as referral_payouts
from invoice_lines t semi join paid on paid.month = t.month and paid.account = t.account
group by all"""

_CHANGES = """
select month, '' as part,
    sum(amount) filter (ledger_account = 'cash')::decimal(38, 12) as cash,
    sum(amount) filter (ledger_account = 'receivable')::decimal(38, 12) as receivable,
    -sum(amount) filter (ledger_account = 'deferred_revenue')::decimal(38, 12) as deferred_revenue,
    -sum(amount) filter (ledger_account = 'deferred_revenue' and amount < 0)::decimal(38, 12)
        as deferred_added,
    -sum(amount) filter (ledger_account = 'deferred_revenue' and amount > 0)::decimal(38, 12)
        as deferred_released,
    sum(amount) filter (ledger_account = 'bad_debt')::decimal(38, 12) as bad_debt
from postings group by all"""


def incomes(by: Dimension) -> list[str]:
    """Return the queries of what was billed and metered in each month, and who was billed."""
    part, join = _place(by)
    return [query.format(part=part, join=join) for query in (_BILLED, _PAYERS, _METERED)]


def recognised(by: Dimension) -> str:
    """Return the query of the revenue that was recognised in each month."""
    part, join = _place(by)
    if by == "plan":  # a posting does not name its plan; the invoice line that caused it does
        part, join = "coalesce(l.plan, '')", "left join invoice_lines l using (invoice, line_no)"
    return _RECOGNISED.format(part=part, join=join)


def costs(by: Dimension, policy: MetricPolicy = DEFAULT) -> str:
    """Return the query of what delivering and selling cost in each month; part "" is what names none.

    What delivers is what the policy's scope names; every cost counts once.
    """
    part = "''" if by == "plan" else of_row(by)  # nobody spends money on a plan
    names = [name.replace("'", "''") for name in policy.cogs_scope]
    scope = [f"starts_with(t.cost_centre, '{name}')" for name in names]
    return _COSTS.format(part=part, delivers=" or ".join(scope) or "false")


def balances() -> str:
    """Return the query of how much cash, receivables and deferred revenue changed in each month."""
    return _CHANGES


def payouts(con: DuckDBPyConnection, by: Dimension) -> pl.DataFrame:
    """Return payouts by the customer they are paid for, or by what that customer was billed in the month."""
    part, join = _place(by)
    if by in OF_ACCOUNTS:
        return select(con, _PAYOUTS.format(part=part, join=join))
    names = ["payouts", "partner_share", "referral_payouts"]
    lines = select(con, _PAYOUTS_OF_SALES.format(part=part))
    lines = lines.group_by("month", "account", "part").agg(pl.col("weight", *names).sum())
    return (
        lines.sort("month", "account", "part")
        .with_columns(allocated(pl.col(name), pl.col("weight"), over=("month", "account")) for name in names)
        .group_by("month", "part")
        .agg(pl.col(*names).sum())
    )


def margins(figures: pl.DataFrame) -> pl.DataFrame:
    """Add net revenue, the cost of delivering it and gross profit.

    Net is without the partners' shares, but for referrals, which buy customers; what agreements with net
    revenue paid out is off the revenue already. Delivery cost that names no part is shared out by the
    month's recognised revenue.
    """
    net = pl.col("revenue") - pl.col("partner_share") + pl.col("referral_payouts")
    delivery = allocated(pl.col("delivery_cost"), pl.col("revenue"))
    return figures.with_columns(net_revenue=net, cost_of_revenue=delivery).with_columns(
        gross_profit=pl.col("net_revenue") - pl.col("cost_of_revenue")
    )


def _place(by: Dimension) -> tuple[str, str]:
    """Return the SQL for the part of a row `t` that has an account, a plan and a stream, and its join."""
    return (of_account(by), joined_account(by)) if by in OF_ACCOUNTS else (of_row(by), "")
