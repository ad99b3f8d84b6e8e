"""Charts of customers: how many pay, who comes and goes, and what one is worth a month."""

import polars as pl

from simulator.chart import stack
from simulator.chart.chart import CUSTOMERS, Chart, Drawn
from simulator.chart.column import COUNT, MONEY, MONTH, RATIO, TEXT
from simulator.chart.line import Overlay, lines, named
from simulator.chart.row import Row, rows
from simulator.chart.sentence import came_and_went, largest, listed, went
from simulator.chart.series import apart, columns, parts, series
from simulator.chart.theme import Style

MOST = 12
"""So many customers are drawn at most; the data has all."""

CAME_AND_WENT = ("new", "reactivated", "churned")

_MOVEMENTS = """
select month, case kind when 'new' then 'new' when 'churn' then 'churned' else 'reactivated' end as kind,
    sum(if(kind = 'churn', -1, 1))::bigint as customers
from (select distinct month, account, kind from mrr_movements where kind in ('new', 'churn', 'reactivation'))
group by all order by month, kind"""

_LARGEST = """
with last as (select max(month) as month from invoice_lines),
    billed as (
        select l.account, sum(l.amount) as billed
        from invoice_lines l, last where l.month > last.month - interval 12 month group by all
    ),
    whole as (select sum(billed) as billed from billed)
select b.account, coalesce(a.name, b.account) as name, coalesce(a.segment, '') as segment, b.billed,
    (b.billed / whole.billed)::decimal(38, 12) as share
from billed b cross join whole left join accounts a on a.account = b.account
where b.billed > 0 order by b.billed desc, b.account"""

_MOVERS = """
with last as (select max(month) as month from mrr_movements),
    moved as (
        select m.account, sum(m.amount) as amount, arg_max(m.cause, abs(m.amount)) as cause
        from mrr_movements m, last where m.month > last.month - interval 3 month
        group by all having sum(m.amount) <> 0
    ),
    ranked as (
        select *, row_number() over (order by amount desc, account) as up,
            row_number() over (order by amount, account) as down
        from moved
    )
select r.account, coalesce(a.name, r.account) as name, coalesce(a.segment, '') as segment, r.cause, r.amount
from ranked r left join accounts a on a.account = r.account
where (r.up <= 8 and r.amount > 0) or (r.down <= 8 and r.amount < 0)
order by r.amount desc, r.account"""

_FUNNEL = """
select month, leads, signups, customers_new as customers from metrics_by_month
where leads > 0 or signups > 0 order by month"""


def _by_segment(frame: pl.DataFrame, style: Style) -> Drawn:
    found = series(frame, "customers", "segment")
    return stack.areas(found, style, COUNT, total="total", hues=parts(found.names, "segment", style))


def _movements(frame: pl.DataFrame, style: Style) -> Drawn:
    moves = style.theme.moves
    hues = {"new": moves["new"], "reactivated": moves["reactivation"], "churned": moves["churn"]}
    net = series(frame.group_by("month").agg(pl.col("customers").sum()), "customers")
    found = series(frame, "customers", "kind", names=CAME_AND_WENT)
    return stack.bars(found, style, COUNT, hues=hues, net=named({"customers": "net change"}, net))


def _arpa(frame: pl.DataFrame, style: Style) -> Drawn:
    found = apart(frame, "arpa", "segment", style)
    return lines(found, style, MONEY, log=True, hues=parts(found.names, "segment", style))


def _largest(frame: pl.DataFrame, style: Style) -> Drawn:
    found = [
        Row(
            name,
            float(billed),
            style.theme.more,
            f"{share * 100:.1f} %",
            (("segment", segment), ("account", account)),
        )
        for account, name, segment, billed, share in frame.head(MOST).iter_rows()
    ]
    return rows(found, style, MONEY)


def _movers(frame: pl.DataFrame, style: Style) -> Drawn:
    found = [
        Row(
            name, float(amount), style.theme.more if amount > 0 else style.theme.less,
            cause.replace("_", " "),
            (("segment", segment), ("account", account)),
        )
        for account, name, segment, cause, amount in frame.iter_rows()
    ]  # fmt: skip
    return rows(found, style, MONEY, head="change of MRR in three months")


def _difference(frame: pl.DataFrame, style: Style) -> Drawn:
    """Draw who is billed more and who less in the last run than in the first, the largest changes first."""
    runs = frame["run"].unique(maintain_order=True)
    first, last = frame.filter(run=runs[0]), frame.filter(run=runs[-1])
    key = ["account", "name", "segment"]
    both = first.join(last, on=key, how="full", coalesce=True, suffix="_after").with_columns(
        change=pl.col("billed_after").fill_null(0) - pl.col("billed").fill_null(0)
    )
    both = both.filter(pl.col("change") != 0).sort(
        pl.col("change").abs(), "account", descending=[True, False]
    )
    shown, others = both.head(MOST).sort("change", descending=True), both.slice(MOST)
    found = [
        Row(
            name,
            float(change),
            style.theme.more if change > 0 else style.theme.less,
            "",
            (("segment", segment),),
        )
        for name, segment, change in shown.select("name", "segment", "change").iter_rows()
    ]
    if len(others):
        rest = float(others["change"].sum())
        found.append(Row(f"{len(others)} others", rest, style.theme.other, "", (("segment", ""),)))
    return rows(
        found, style, MONEY, head=f"billed in {runs[-1]} less billed in {runs[0]}, the last 12 months"
    )


def _funnel(frame: pl.DataFrame, style: Style) -> Drawn:
    return lines(columns(frame, ["leads", "signups", "customers"]), style, COUNT, log=True)


def _conversion(frame: pl.DataFrame, style: Style) -> Drawn:
    found = columns(frame, ["lead_conversion", "signup_conversion"])
    return lines(named({"lead_conversion": "leads", "signup_conversion": "sign-ups"}, found), style, RATIO)


CHARTS = (
    Chart(
        "customers",
        "Customers",
        "Accounts with committed MRR at the month's end, by segment. Who pays by use only is none.",
        CUSTOMERS,
        "select month, segment, customers from metrics_by_segment_month where customers > 0\n"
        "order by month, segment",
        {"month": MONTH, "segment": TEXT, "customers": COUNT},
        _by_segment,
        largest("customers", "segment", COUNT, "Customers"),
        Overlay("customers", COUNT),
    ),
    Chart(
        "customer_movements",
        "Customers won and lost",
        "Customers who pay for the first time, who came back, and below the line those who stopped paying. "
        "The mark across each bar is the net change.",
        CUSTOMERS,
        _MOVEMENTS.strip(),
        {"month": MONTH, "kind": TEXT, "customers": COUNT},
        _movements,
        came_and_went,
        Overlay("customers", COUNT),
    ),
    Chart(
        "arpa",
        "Revenue per account",
        "Committed MRR per paying customer (ARPA), by segment.",
        CUSTOMERS,
        "select month, segment, arpa from metrics_by_segment_month where arpa > 0 order by month, segment",
        {"month": MONTH, "segment": TEXT, "arpa": MONEY},
        _arpa,
        largest("arpa", "segment", MONEY, "Committed MRR per customer", adds_up=False),
    ),
    Chart(
        "funnel",
        "Leads, sign-ups and customers",
        "How many leads came, accounts signed up and customers first paid in each month.",
        CUSTOMERS,
        _FUNNEL.strip(),
        {"month": MONTH, "leads": COUNT, "signups": COUNT, "customers": COUNT},
        _funnel,
        went({"leads": "Leads a month", "customers": "New customers a month"}, COUNT),
        Overlay("leads", COUNT),
    ),
    Chart(
        "conversion",
        "Conversion",
        "Of the leads (and of the sign-ups) of a month six months ago, the share that has become a paying "
        "customer.",
        CUSTOMERS,
        "select month, lead_conversion, signup_conversion from metrics_by_month\n"
        "where lead_conversion is not null or signup_conversion is not null order by month",
        {"month": MONTH, "lead_conversion": RATIO, "signup_conversion": RATIO},
        _conversion,
        went(
            {"lead_conversion": "Conversion of leads", "signup_conversion": "Conversion of sign-ups"}, RATIO
        ),
        Overlay("lead_conversion", RATIO),
    ),
    Chart(
        "movers",
        "Top movers",
        "The customers whose committed MRR changed most in the last three months, and what changed most of "
        "it.",
        CUSTOMERS,
        _MOVERS.strip(),
        {"account": TEXT, "name": TEXT, "segment": TEXT, "cause": TEXT, "amount": MONEY},
        _movers,
        listed("name", "amount", MONEY, "Largest changes of committed MRR in three months"),
    ),
    Chart(
        "largest_customers",
        "Largest customers",
        "Who was billed most in the last 12 months, and what share of all bills that is.",
        CUSTOMERS,
        _LARGEST.strip(),
        {"account": TEXT, "name": TEXT, "segment": TEXT, "billed": MONEY, "share": RATIO},
        _largest,
        listed("name", "billed", MONEY, "Billed most in the last 12 months"),
        _difference,
    ),
)
