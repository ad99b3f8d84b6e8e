"""Policies: the choices on which makers of metrics disagree, each with its effect, and their presets."""

from decimal import Decimal
from fractions import Fraction
from itertools import combinations

import duckdb
import pytest

from analytics.dimension import SPLITS
from analytics.figures import figures
from analytics.lens import CHOICES, TABLES, seen, sees_the_ledger
from analytics.metrics import monthly, monthly_by
from analytics.policy import DEFAULT, PRESETS, MetricPolicy, monthly_factor, named
from metering.document import Problems
from tests.analytics.company import at
from tests.ledgers import closed, posted

BOOK = """
    meters.calls = {}
    [discounts.half]
    share = 0.5
    months = 2
    [discounts.loyal]
    share = 0.25
    [plans.plain]
    name = "Plain"
    stream = "software"
    prices.base = { per = "subscription", unit_price = 40, annual = { unit_price = 240 } }
    prices.calls = { meter = "calls", unit_price = 1 }
    [plans.free]
    name = "Free"
    stream = "software"
    [refunds.uptime]
    meter = "misses"
    prices = ["base"]
    share = 0.25
    [meters.misses]
"""

CASES = {  # a choice: what happens, the month, what is asked, the default's figures, those of the choice
    "discounts=lasting": (
        "2026-01-05  a  subscription.started  s plain discount=half",
        ("2026-01", "committed_mrr mrr_new"), (20, 20), (40, 40),
    ),
    "discounts=none": (
        "2026-01-05  a  subscription.started  s plain discount=loyal",
        ("2026-01", "committed_mrr mrr_list mrr_discounts"), (30, 40, 10), (40, 40, 10),
    ),
    "usage=included,usage_window=1": (
        """
        2026-01-05  a    subscription.started  s plain
        2026-01-20  s    usage.recorded        calls 5
        2026-02-20  s    usage.recorded        calls 7
        """,
        ("2026-02", "committed_mrr mrr_expansion total_run_rate"), (40, 0, 46), (47, 2, 47),
    ),
    "churn_recognition=scheduled": (
        """
        2026-01-05  a  subscription.started    s plain
        2026-02-10  a  subscription.cancelled  s 2026-04-01
        """,
        ("2026-02", "committed_mrr mrr_churn customers_churned"), (40, 0, 0), (0, -40, 1),
    ),
    "churn_recognition=term": (
        """
        2026-01-05  a  subscription.started    s plain billing=year
        2026-02-10  a  subscription.cancelled  s 2026-02-10
        """,
        ("2026-02", "committed_mrr mrr_churn"), (0, -20), (20, 0),
    ),
    "past_due_grace=20": (  # due on 3 March, unpaid
        """
        2026-01-05  a  subscription.started  s plain
        2026-01-05  b  subscription.started  t plain
        2026-02-05  b  invoice.paid          2026-01 5
        2026-03-05  b  invoice.paid          2026-02 5
        """,
        ("2026-03", "committed_mrr mrr_churn_involuntary customers"), (80, 0, 2), (40, -40, 1),
    ),
    "paused=dormant": (
        """
        2026-01-05  a  subscription.started    s plain
        2026-02-10  a  subscription.cancelled  s 2026-02-10 paused
        """,
        ("2026-02", "customers mrr_churn mrr_contraction customers_churned"), (0, -40, 0, 1), (1, 0, -40, 0),
    ),
    "paused=counts": (
        """
        2026-01-05  a  subscription.started      s plain
        2026-02-10  a  subscription.cancelled    s 2026-02-10 paused
        2026-04-10  a  subscription.reactivated  s plain
        """,
        ("2026-03", "committed_mrr customers"), (0, 0), (40, 1),
    ),
    "free_downgrade=dormant": (
        """
        2026-01-05  a  subscription.started  s plain
        2026-02-10  a  plan.changed          s free 1
        """,
        ("2026-02", "customers mrr_churn mrr_contraction logo_churn"), (0, -40, 0, 1), (1, 0, -40, 0),
    ),
    "refunds=reduce": (
        """
        2026-01-05  a    subscription.started  s plain
        2026-02-20  s    usage.recorded        misses 1
        """,
        ("2026-02", "committed_mrr mrr_contraction"), (40, 0), (30, -10),
    ),
    "same_month=shown": (
        """
        2026-01-05  b  subscription.started    t plain
        2026-02-05  a  subscription.started    s plain
        2026-02-20  a  subscription.cancelled  s 2026-02-20
        """,
        ("2026-02", "mrr_new mrr_churn customers_new customers_churned logo_churn"),
        (0, 0, 0, 0, 0), (40, -40, 1, 1, 0),
    ),
    "same_month=counted": (
        """
        2026-01-05  b  subscription.started    t plain
        2026-02-05  a  subscription.started    s plain
        2026-02-20  a  subscription.cancelled  s 2026-02-20
        """,
        ("2026-02", "logo_churn"), (0,), (1,),
    ),
    "logo_churn_denominator=opening_and_new": (  # 1 of 2 left, and 2 came: 1 of 4
        """
        2026-01-05  a  subscription.started    s plain
        2026-01-05  b  subscription.started    t plain
        2026-02-05  c  subscription.started    u plain
        2026-02-05  d  subscription.started    v plain
        2026-02-20  a  subscription.cancelled  s 2026-02-20
        """,
        ("2026-02", "logo_churn"), ("0.5",), ("0.25",),
    ),
    "reactivation_window=1": (
        """
        2026-01-05  a  subscription.started      s plain
        2026-02-10  a  subscription.cancelled    s 2026-02-10
        2026-04-10  a  subscription.reactivated  s plain
        """,
        ("2026-04", "mrr_new mrr_reactivation"), (0, 40), (40, 0),
    ),
    "timing=restated": (
        """
        2026-01-05             a  subscription.started  s plain
        2026-01-20>2026-02-03  a  subscription.started  t plain
        """,
        ("2026-01", "committed_mrr"), (40,), (80,),
    ),
    "cogs_scope=cogs+support": (
        """
        2026-01-01  a        subscription.started  s plain
        2026-01-31  company  money.spent           support 10 USD
        """,
        ("2026-01", "gross_profit general_cost"), (40, 10), (30, 0),
    ),
    "logo_churn_denominator=opening": (  # the same words as the default change nothing
        "2026-01-05  a  subscription.started  s plain",
        ("2026-01", "committed_mrr customers"), (40, 1), (40, 1),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, duckdb.DuckDBPyConnection]:
    """Close each story once."""
    stories = {case[0] for case in CASES.values()}
    return {
        story: posted(closed(tmp_path_factory.mktemp("policy"), BOOK, story, 4)) for story in sorted(stories)
    }


@pytest.mark.parametrize("choice", CASES)
def test_a_choice_has_its_effect(choice: str, ledgers: dict[str, duckdb.DuckDBPyConnection]) -> None:
    """The figures of one month by default, and by the choice, worked out by hand."""
    story, (label, names), default, chosen = CASES[choice]
    con, number = ledgers[story], int(label[-2:]) - 1

    assert default == at(monthly(con), number, *names.split())
    assert chosen == at(monthly(con, named(choice)), number, *names.split())


def test_every_choice_of_what_mrr_is_has_a_case() -> None:
    """No switch without an effect: but for rates of currencies, which have a test of their own."""
    tried = {word.partition("=")[0] for choice in CASES for word in choice.split(",")}

    assert set(CHOICES) - {"fx"} <= tried


@pytest.mark.parametrize("preset", PRESETS)
def test_every_bridge_closes_under_every_preset(
    preset: str, ledgers: dict[str, duckdb.DuckDBPyConnection]
) -> None:
    """Opening + movements = closing, whole and by part, or the metrics refuse to be; parts add up."""
    for con in list(ledgers.values())[::8]:
        whole = figures(con, "whole", PRESETS[preset], wanted=())
        for by in SPLITS:
            parts = figures(con, by, PRESETS[preset], wanted=())
            assert whole["committed_mrr"].sum() == parts["committed_mrr"].sum()


def test_the_default_seen_through_the_lens_is_the_ledger(
    ledgers: dict[str, duckdb.DuckDBPyConnection],
) -> None:
    """A policy that differs in nothing that matters here makes the balances and movements of the close."""
    columns = ("month, account, segment, amount", "month, account, segment, kind, amount")
    same = MetricPolicy(past_due_grace=10_000)
    assert not sees_the_ledger(same)
    for con in ledgers.values():
        queries = [
            f"select {names} from {table} order by all" for names, table in zip(columns, TABLES, strict=True)
        ]
        own = [con.sql(query).fetchall() for query in queries]
        with seen(con, same):
            assert own == [con.sql(query).fetchall() for query in queries]
        assert own == [con.sql(query).fetchall() for query in queries]


def test_rates_of_currencies_have_a_line_of_their_own_or_none(
    ledgers: dict[str, duckdb.DuckDBPyConnection],
) -> None:
    """A currency that rises by a tenth: 4 of fx, 4 of expansion, or nothing, by the policy."""
    con = ledgers[CASES["discounts=lasting"][0]].cursor()
    con.execute("create or replace temp table mrr_changes as from main.mrr_changes")
    con.execute("""
        insert into mrr_changes select * replace (
            date '2026-04-01' as month, date '2026-04-30' as booked_on, date '2026-04-30' as effective_on,
            date '2026-04-30' as recorded_on, 'fx' as kind, 'fx' as cause, 4 as list_price, 4 as amount,
            0 as limited_discount, 100 as change_no)
        from mrr_changes where cause = 'subscription'""")
    names = ("committed_mrr", "mrr_fx", "mrr_expansion")
    lens = "past_due_grace=10000"

    assert (44, 4, 0) == at(monthly(con, named(lens)), 3, *names)
    assert (44, 0, 4) == at(monthly(con, named("fx=movements")), 3, *names)
    assert (40, 0, 0) == at(monthly(con, named("fx=excluded")), 3, *names)
    assert (44, 4, 0) == at(monthly_by(con, "plan", named(lens)), 3, *names, part="plain")


def test_a_hash_names_a_policy() -> None:
    """Equal policies have equal hashes however they were written, and no two of the presets the same."""
    assert named("stripe,discounts=all").hash == (PRESETS["stripe"]._replace(discounts="all").hash)
    assert DEFAULT.hash == named("month_length=30.43750").hash
    assert all(one.hash != other.hash for one, other in combinations(PRESETS.values(), 2))
    assert "saasim" == DEFAULT.name
    assert "sales_lag=1" == DEFAULT._replace(sales_lag=1).name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("strype", "did you mean 'stripe'"),
        ("stripe,discount=all", "did you mean 'discounts'"),
        ("discounts=some", "use all, lasting, none"),
        ("usage_window=0", "is no number for it"),
        ("sales_lag=1.5", "is no number for it"),
        ("past_due_grace=-1", "is no number for it"),
        ("sales_lags=smb", "write enterprise:9"),
    ],
)
def test_what_is_no_policy_is_told(text: str, words: str) -> None:
    """The word, and what would do."""
    with pytest.raises(Problems, match=words):
        named(text)


def test_every_wrong_word_is_told_at_once() -> None:
    """Two mistakes, two problems."""
    with pytest.raises(Problems) as caught:
        named("discounts=some,usage_windows=3")
    assert 2 == len(caught.value.problems)


def test_choices_are_read_by_their_kind() -> None:
    """Numbers, decimals, words, nothing, lists and segments with months."""
    found = named("past_due_grace=none,opening_cash=12.5,cogs_scope=cogs+support,sales_lags=smb:2+mid:6")

    assert (None, Decimal("12.5")) == (found.past_due_grace, found.opening_cash)
    assert (("cogs", "support"), (("smb", 2), ("mid", 6))) == (found.cogs_scope, found.sales_lags)


WEEKS = {  # how many days a month has: what 10 a week come to, as makers of metrics publish it
    "28": "40.00",
    "30": "42.86",
    "30.45": "43.50",
    "30.4375": "43.48",
}


@pytest.mark.parametrize("days", WEEKS)
def test_a_weekly_price_depends_on_how_long_a_month_is(days: str) -> None:
    """10 a week are 40.00 to 43.50 a month; months, quarters and years are the same for everybody."""
    policy = MetricPolicy(month_length=Decimal(days))

    assert WEEKS[days] == f"{float(10 * monthly_factor('week', 1, policy)):.2f}"
    assert Fraction(1, 12) == monthly_factor("year", 1, policy)
    assert Fraction(1, 36) == monthly_factor("year", 3, policy)
    assert Fraction(1, 3) == monthly_factor("quarter", 1, policy)
    with pytest.raises(Problems, match="did you mean 'month'"):
        monthly_factor("moth")
