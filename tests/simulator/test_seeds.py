"""Seeds: a company in several histories, what is kept of them, and drivers changed one at a time."""

import json
from pathlib import Path
from statistics import quantiles
from typing import Any

import polars as pl
import pytest

from analytics.metrics import METRICS, monthly
from billing.ledger import connect
from metering.document import Problems
from simulator import query, scenario
from simulator.__main__ import answer
from simulator.processes import Interrupted
from simulator.run import Stopped, simulate
from simulator.seeds import history
from simulator.seeds.driver import CHANGE, DRIVERS, Change, changes
from simulator.seeds.history import Case, priors
from simulator.seeds.mount import DRIVERS as OF_DRIVERS
from simulator.seeds.mount import SEEDS

PRICES = """
name = "Shop"
[meters.calls]
[plans.pro]
name = "Pro"
stream = "subscriptions"
prices.seats = { per = "seat", unit_price = 100 }
prices.calls = { meter = "calls", allowance = 10_000, unit_price = 0.01 }
"""

SCENARIO = """
name = "shop"
title = "Shop"
starts_on = 2026-01-01
months = 2
seed = 5
prices = "prices.toml"
[segments]
web = { name = "Web" }
[agents.customers.web]
churn = 0.4
demand = { leads = [6], at_start = 12 }
channels = { web = { share = 1, is_self_serve = true } }
payment = { by_card = 1, fails = 0 }
conversion = { rate = 0 }
loyalty = { acquisition = { mean = -0.8, spread = 0.3 } }
[agents.customers.web.products.main]
plans = ["pro"]
seats = { low = 1, high = 4 }
uses = { calls = { median = 20_000, sigma = 0.6, growth = 0, days = 7 } }
expects = { pro = 80 }
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a scenario of a small shop."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "prices.toml").write_text(PRICES, "utf-8")
    (folder / "scenario.toml").write_text(SCENARIO, "utf-8")
    return folder / "scenario.toml"


@pytest.fixture(scope="module")
def many(shop: Path) -> Path:
    """Give a run of the shop with three seeds, lived in this process."""
    out = shop.parent / "many"
    assert 0 == answer(["run", str(shop), "--seeds", "3", "--jobs", "1", "--out", str(out), "--json"])
    return out


def asked(run: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask the console of a run."""
    with query.connect(run) as connection:
        return connection.execute(sql).fetchall()


def metrics_of(shop: Path, *words: str) -> pl.DataFrame:
    """Run the shop by itself, and return its monthly metrics."""
    out = shop.parent / "alone"
    assert 0 == answer(["run", str(shop), *words, "--out", str(out), "--json"])
    with connect(out / "ledger.duckdb") as ledger:
        return monthly(ledger)


def same_values(kept: pl.DataFrame, alone: pl.DataFrame) -> None:
    """Hold what was kept of a history against a run of it."""
    assert kept.select(alone.columns).equals(alone)


def test_the_first_history_is_the_run_as_it_would_be_alone(shop: Path, many: Path) -> None:
    """Log, rows and totals; the manifest says what else was lived, and verify holds it all."""
    alone = shop.parent / "first"
    assert 0 == answer(["run", str(shop), "--out", str(alone), "--json"])
    told, usual = (json.loads((run / "manifest.json").read_bytes()) for run in (many, alone))

    assert usual["log"] == told["log"]
    assert usual["totals"] == told["totals"]
    assert usual["rows"] == told["rows"]
    assert {"seeds": [5, 6, 7], "drivers": ["leads", "churn", "usage", "prices"]} == told["histories"]
    assert {SEEDS, OF_DRIVERS} <= told["files"].keys()
    assert "histories" not in usual
    assert 0 == answer(["verify", str(many)])


def test_what_is_kept_of_a_seed_is_what_a_run_of_it_comes_to(shop: Path, many: Path) -> None:
    """Every metric of every month, to the last digit; the seed's own draw of the prior is set by hand."""
    kept = pl.read_parquet(many / SEEDS)
    prior = kept.filter(pl.col("seed") == 7)["prior_web_acquisition"][0]

    assert {name for name, metric in METRICS.items() if "whole" in metric.splits} <= set(kept.columns)
    same_values(kept.filter(pl.col("seed") == 5), metrics_of(shop))
    set_by_hand = f"agents.customers.web.loyalty.acquisition={prior!r}"
    same_values(kept.filter(pl.col("seed") == 7), metrics_of(shop, "--seed", "7", "--set", set_by_hand))


def test_what_is_kept_of_a_driver_is_what_a_run_with_it_comes_to(shop: Path, many: Path) -> None:
    """Churn of 0.4 less a fifth, with the seed and the chances of the run."""
    kept = pl.read_parquet(many / OF_DRIVERS).filter(pl.col("driver") == "churn", pl.col("setting") == "low")

    assert [1 - CHANGE] * 2 == kept["factor"].to_list()
    same_values(kept, metrics_of(shop, "--set", f"agents.customers.web.churn={0.4 * (1 - CHANGE)!r}"))


def test_the_files_are_the_same_however_many_processes_there_are(shop: Path, many: Path) -> None:
    """Two processes, the same bytes."""
    out, words = shop.parent / "spread", ["--seeds", "3", "--jobs", "2", "--no-tornado"]
    assert 0 == answer(["run", str(shop), *words, "--out", str(out), "--json"])

    assert (many / SEEDS).read_bytes() == (out / SEEDS).read_bytes()


def test_bands_are_the_percentiles_of_the_seeds(many: Path) -> None:
    """By the interpolation that statistics books call inclusive."""
    rows = asked(many, "select seed, month, committed_mrr::double from seed_metrics order by all")
    for month in sorted({month for _, month, _ in rows}):
        values = [value for _, at, value in rows if at == month]
        cuts = quantiles(values, n=10, method="inclusive")
        found = asked(
            many,
            "select seeds, p10, p50, p90 from seed_bands "
            f"where metric = 'committed_mrr' and month = '{month}'",
        )
        assert [(3, pytest.approx(cuts[0]), pytest.approx(cuts[4]), pytest.approx(cuts[8]))] == found


def test_the_tornado_says_what_each_driver_does_to_the_last_month(many: Path) -> None:
    """The differences to the run itself; what does nothing to a metric is not in its tornado."""
    own = "select committed_mrr::double from seed_metrics where seed = 5 order by month desc limit 1"
    [(base,)] = asked(many, own)
    rows = asked(
        many, "select driver, low_value, base, high_value, low_change, high_change, swing from tornado "
        "where metric = 'committed_mrr' order by swing desc"
    )  # fmt: skip

    assert rows
    for driver, low, at, high, down, up, swing in rows:
        assert at == base
        assert (low - at, high - at, abs(high - low)) == pytest.approx((down, up, swing))
        assert (low, high) != (at, at), driver
    assert "usage" in {
        name for (name,) in asked(many, "select driver from tornado where metric = 'usage_mrr'")
    }


def test_more_usage_is_more_usage_revenue(many: Path) -> None:
    """With the same customers on the same days: the common random numbers leave nothing else to differ."""
    [(low, base, high)] = asked(
        many,
        "select low_value, base, high_value from tornado where driver = 'usage' and metric = 'usage_mrr'",
    )

    assert low < base < high


def test_a_run_without_seeds_has_none_of_the_views(shop: Path) -> None:
    """And nothing else of it is different."""
    metrics_of(shop)
    views = "select count(*) from duckdb_views() where view_name in ('seed_metrics', 'seed_bands', 'tornado')"

    assert [(0,)] == asked(shop.parent / "alone", views)
    assert not (shop.parent / "alone" / SEEDS).exists()


def test_a_changed_seed_file_is_found(shop: Path, many: Path, tmp_path: Path) -> None:
    """Its hash is in the manifest."""
    import shutil

    copy = tmp_path / "many"
    shutil.copytree(many, copy)
    pl.read_parquet(copy / SEEDS).with_columns(customers=pl.col("customers") + 1).write_parquet(copy / SEEDS)

    assert 1 == answer(["verify", str(copy)])


def test_without_the_tornado_only_seeds_are_lived(shop: Path) -> None:
    """Two seeds are one history beside the run's own."""
    out = shop.parent / "plain"
    assert 0 == answer(["run", str(shop), "--seeds", "2", "--no-tornado", "--out", str(out), "--json"])

    assert not (out / OF_DRIVERS).exists()
    assert {"seeds": [5, 6]} == json.loads((out / "manifest.json").read_bytes())["histories"]


def of_built_in() -> list[Change]:
    """Return the changes of every scenario that comes with the program."""
    return [change for name in scenario.built_in() for change in changes(scenario.load(name).scenario)]


def test_every_driver_is_a_number_of_some_scenario() -> None:
    """A path that leads nowhere would be a driver that nobody ever sees."""
    assert {driver.name for driver in DRIVERS} == {change.driver for change in of_built_in()}


def test_a_driver_moves_by_a_fifth_within_its_bounds_and_a_prior_by_its_spread() -> None:
    """Shares stay shares, lists move number by number."""
    found = {
        (change.driver, change.setting): change.settings
        for change in changes(scenario.load("dbgpt").scenario)
    }

    leads = json.loads(found["leads", "high"]["agents.customers.smb.demand.leads"])
    assert pytest.approx([1.2 * number for number in (122, 116, 244, 424)]) == leads
    assert 0.072 == pytest.approx(float(found["churn", "low"]["agents.customers.smb.churn"]))
    prices = found["prices", "low"]
    assert -1.3 == pytest.approx(float(prices["agents.customers.smb.loyalty.acquisition"]))
    wins = found["wins", "high"]
    assert all(float(text) <= 1 for text in wins.values())


def test_priors_are_drawn_for_every_seed_but_the_run_s_own(shop: Path) -> None:
    """The run takes the mean, as it does alone."""
    drawn = priors(scenario.load(shop).scenario, [5, 6, 7])

    assert -0.8 == drawn["prior_web_acquisition"][0]
    assert 3 == drawn["prior_web_acquisition"].n_unique()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "tiny", "--seeds", "0"], "0 seeds"),
        (["run", "tiny", "--seeds", "2", "--jobs", "-1"], "-1 processes"),
        (["run", "dbgpt-plan", "--seeds", "2"], "a plan leaves nothing to chance"),
    ],
    ids=["no-seeds", "no-processes", "a-plan"],
)
def test_mistakes_are_said_before_anything_is_lived(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the option that is wrong, and exit code 2."""
    assert 2 == answer(words)
    assert message in capsys.readouterr().err


def test_who_stops_while_others_are_lived_publishes_nothing(shop: Path) -> None:
    """The run's own months are in the log that is left, as when it is stopped before."""
    loaded, out = scenario.load(shop), shop.parent / "stopped"

    def interrupt(*_: object) -> dict[str, Any]:
        raise Interrupted

    with pytest.raises(Stopped) as stopped:
        simulate(
            loaded, out, overrides={}, progress=lambda month: None, stopping=lambda: False, beside=interrupt
        )

    assert 2 == len(stopped.value.months)
    assert not out.exists()
    assert 0 == answer(["verify", str(stopped.value.partial)])


def test_a_history_stops_where_it_is_told_to(shop: Path) -> None:
    """At the end of a month at the latest."""
    with pytest.raises(Interrupted):
        history.live(Case(1, str(shop), {}, 6), lambda: True)


def test_a_change_that_the_scenario_cannot_take_is_said_at_once(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a year of computing, not after."""
    wrong = Change("churn", "churn", "high", 1.2, {"agents.customers.web.churn": "1.2"})
    monkeypatch.setattr(history, "changes", lambda company: [wrong])

    with pytest.raises(Problems, match="churn"):
        history.cases(str(shop), {}, scenario.load(shop), seeds=2, with_drivers=True)
