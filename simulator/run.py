"""A run: agents live, the month is billed, agents hear their invoices; then all is closed and published.

`live` is the loop; `simulate` puts it, `follow` a plan, and `simulator.replay` a replay, into a directory:

    manifest.json                  what it is, what made it, and the hash of every file
    scenario.toml  prices.toml     the exact inputs; plan.toml is the plan of the company, if it has one
    log/                           the facts and the usage: the only truth
    ledger.duckdb                  everything that follows from them
"""

import gc
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from analytics.policy import DEFAULT
from billing import mrr, price_book
from billing.amendment import bill_as_known
from billing.bill import Billed, Carried
from billing.close import close
from billing.invoice import closing
from billing.ledger import Ledger, warm
from billing.lines import slices
from billing.money import minor_units
from billing.price import CATALOG
from billing.price_book import PriceBook
from billing.rebilling import engine
from billing.rebilling import rebill as bill_again
from billing.settlement import Settlement
from metering.log import Log
from metering.period import Period
from simulator import manifest
from simulator.counted import Counted
from simulator.manifest import LEDGER, LOG, PLAN, PRICES, SCENARIO
from simulator.plan import file as plan_file
from simulator.processes import Interrupted
from simulator.publication import Publication
from simulator.scenario import Loaded, Scenario
from simulator.verification import Evidence, Verdict, rows, totals, verify
from simulator.world import Bill, World


class Month(NamedTuple):
    """What the progress of a run shows of a month: how the company stands at its end."""

    period: Period
    customers: int
    committed_mrr: Decimal
    billed: Decimal
    events: int


class Finished(NamedTuple):
    """A run that was published: where, its manifest, and the verdicts of its checks."""

    out: Path
    manifest: dict[str, Any]
    verdicts: list[Verdict]


class Stopped(Exception):  # noqa: N818 - it is no error: somebody asked for it
    """A run was stopped between two months; `months` are in the log that it leaves in `partial`."""

    def __init__(self, partial: Path, months: list[Period]) -> None:
        """Keep where the log is, and what it holds."""
        self.partial = partial
        self.months = months
        super().__init__(f"{partial} holds {len(months)} months")


def live(
    world: World,
    *,
    scenario: Scenario,
    book: PriceBook,
    log: Log,
    progress: Callable[[Month], None],
    stopping: Callable[[], bool],
) -> Settlement | None:
    """Let the world live month by month, bill each month and tell the agents; at the end close the books.

    Where `stopping` says so, it stops between two months, and nothing is closed. Raises AssertionError where
    the closed books hold other invoices than the agents heard.
    """
    carried, done, connection = Carried(), list[Billed](), engine().cursor()
    for period in scenario.periods():
        if stopping():
            return None
        gc.freeze()  # facts and agents stay; to search them for garbage takes a tenth of the run
        lived = world.live(period)
        block = log.append(period, lived.facts, lived.usage)
        billed = bill_as_known([period], log=log, book=book, carried=carried, connection=connection)
        carried = billed.carried
        world.hear(heard(billed))
        done.append(billed)
        progress(month_of(period, billed, book, events=block.next_position))
    measured = pl.concat([part.measured for part in done])
    tables = close(log, book=book, connection=connection, measured=measured)
    told = pl.concat([part.invoices for part in done])
    assert told.equals(tables["invoices"]), "the closed books hold other invoices than the agents heard"
    return tables


def heard(billed: Billed) -> list[Bill]:
    """Return what the accounts hear of a month: their totals, and the part of it that is usage.

    What they ordered by the piece is no usage that could surprise them, although it is measured like it.
    Bills of parts of the month count as one with the bill that closes it.
    """
    usage = pl.col("amount").filter((pl.col("kind") == "usage") & (pl.col("plan") != CATALOG)).sum()
    sums = billed.lines.group_by("account", "month").agg(usage_total=usage, total=pl.col("amount").sum())
    closed = billed.invoices.filter(pl.col("invoice") == closing()).drop("total")
    bills = closed.join(sums, on=["account", "month"], maintain_order="left")
    label = pl.col("month").dt.strftime("%Y-%m")
    columns = bills.select("account", label, "total", "usage_total", "invoice")
    return [Bill(*row) for row in columns.iter_rows()]


def month_of(period: Period, billed: Billed, book: PriceBook, *, events: int) -> Month:
    """Return how the company stands at the end of a month."""
    phases = billed.carried.subscriptions.frame(since=period.starts_on)
    held = mrr.held_at_month_ends(slices(phases, [period]), billed.values, book)
    return Month(
        period,
        customers=held["account"].n_unique(),
        committed_mrr=Decimal(held["amount"].sum() or 0),
        billed=Decimal(billed.invoices["total"].sum() or 0),
        events=events,
    )


def simulate(
    loaded: Loaded,
    out: Path,
    *,
    overrides: Mapping[str, str],
    progress: Callable[[Month], None],
    stopping: Callable[[], bool],
    beside: Callable[[Path, Ledger], dict[str, Any]] | None = None,
) -> Finished:
    """Simulate a scenario and publish the run as `out`.

    `beside` may write more files into the directory that is being built, and returns what the manifest says
    of them. Raises Problems where it cannot stand there, Stopped where `stopping` or `beside` ended it.
    """
    scenario, book = loaded.scenario, loaded.book
    with Publication(out) as publication:
        made = publication.partial
        publication.write(SCENARIO, loaded.text)
        publication.write(PRICES, price_book.text(loaded.prices_path))
        if loaded.plan_path is not None:
            publication.write(PLAN, loaded.plan_path.read_bytes())
        log, world = Log.create(made / LOG), World(scenario, book, seed=scenario.seed)
        warm()
        try:
            tables = live(world, scenario=scenario, book=book, log=log, progress=progress, stopping=stopping)
        except KeyboardInterrupt:
            raise Stopped(made, log.periods) from None
        finally:
            gc.unfreeze()
        if tables is None:
            raise Stopped(made, log.periods)
        ledger = Ledger.create(made / LEDGER)
        ledger.post(tables)
        contents = {
            "scenario": {
                "name": scenario.name,
                "title": scenario.title,
                "sha256": manifest.digest(made / SCENARIO),
            },
            "seed": scenario.seed,
            "set": dict(overrides),
        }
        if beside is not None:
            try:
                contents |= beside(made, ledger)
            except Interrupted:
                ledger.connection.close()
                (made / LEDGER).unlink()
                raise Stopped(made, log.periods) from None
        return finish(publication, contents, book=book, log=log, ledger=ledger)


def follow(loaded: plan_file.Loaded, out: Path, *, overrides: Mapping[str, str]) -> Finished:
    """Let the company of a plan live, bill it, and publish the run as `out`.

    Nobody in it reacts to a bill, so all months are billed at once. Raises Problems where it cannot stand
    there.
    """
    plan, company = loaded.plan, loaded.company
    with Publication(out) as publication:
        made = publication.partial
        publication.write(PLAN, loaded.text)
        publication.write(PRICES, company.prices.encode())
        log = Log.create(made / LOG)
        warm()
        for period, happened in company.live():
            log.append(period, happened.facts, happened.usage)
        ledger = Ledger.create(made / LEDGER)
        bill_again(log, ledger, book=company.book)
        contents = {
            "plan": {"name": plan.name, "sha256": manifest.digest(made / PLAN)},
            "set": dict(overrides),
        }
        return finish(publication, contents, book=company.book, log=log, ledger=ledger)


def finish(
    publication: Publication,
    contents: dict[str, Any],
    *,
    book: PriceBook,
    log: Log,
    ledger: Ledger,
    counted: Counted | None = None,
) -> Finished:
    """Check everything, write the manifest, and publish. Raises AssertionError where a check fails.

    What `contents` says of the run goes before what is true of most. `counted` is what was counted in the log
    for another ledger of it.
    """
    made = publication.partial
    verdicts = list(verify(Evidence(made, log, book, ledger.connection, counted=counted)))
    for verdict in verdicts:
        assert verdict.holds, f"{verdict.check} ({verdict.promise}): {verdict.figure}"
    described = {
        "kind": manifest.KIND,
        "format": manifest.FORMAT,
        "name": publication.out.name,
        "synthetic": True,
        "made_by": manifest.versions(),
        **contents,
        "months": {
            "count": len(log.blocks),
            "first": log.blocks[0].month,
            "last": log.blocks[-1].month,
        },
        "price_book": {
            "name": book.name,
            "currency": book.currency,
            "places": minor_units(book.currency),
            "sha256": manifest.digest(made / PRICES),
        },
        "metric_policy": {"name": DEFAULT.name, "hash": DEFAULT.hash},
        "log": {
            "facts": sum(block.facts for block in log.blocks),
            "usage": sum(block.usage for block in log.blocks),
            "duplicates": sum(block.duplicates for block in log.blocks),
            "conflicts": sum(block.conflicts for block in log.blocks),
            "head": log.head,
        },
        "rows": rows(ledger.connection),
        "totals": totals(ledger.connection),
        "checks": {verdict.check: verdict.figure for verdict in verdicts},
    }
    ledger.close()
    return Finished(publication.out, publication.publish(described), verdicts)
