"""Replay: a recorded log billed under other price books, each published as a run of its own.

The log is a run's or an imported one. Its usage is metered once for all books that meter alike, and its files
are shared with the new runs where the file system can link them: blocks of a log never change.
"""

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from billing import price_book
from billing.ledger import Ledger
from billing.price_book import PriceBook
from billing.rebilling import Measured, folded, metered, rebill
from billing.rebilling import replay as in_memory
from billing.subscription import Subscriptions
from billing.transition import POLICIES, Policy, Transition
from metering.document import Problem, Problems, did_you_mean, problem
from metering.log import Log
from simulator import manifest, query
from simulator.manifest import LEDGER, LOG, PLAN, PRICES, SCENARIO
from simulator.publication import Publication
from simulator.run import Finished, finish

BEFORE = "before.toml"
"""The price book that held before a change, in the directory of a replay with a policy."""

MONTH = re.compile(r"20\d{2}-(0[1-9]|1[0-2])")


class Change(NamedTuple):
    """How customers come to the new book, as the command line says it; empty where it says nothing."""

    policy: str = ""
    from_month: str = ""
    phase_months: int | None = None
    cohort: str = ""
    base: Path | None = None

    @property
    def is_asked(self) -> bool:
        """Whether anything is said: then there is a book before."""
        return self != Change()


class Prepared(NamedTuple):
    """A change with its book and its accounts: the transition, and what a manifest says of it."""

    transition: Transition
    prices: Path
    contents: dict[str, Any]


def places(prices: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Return where the replay under each book goes: to `out`, or of several to `out` with the book's name.

    Raises Problems for two books of one name.
    """
    if len(prices) == 1:
        return {prices[0]: out}
    names = [re.sub(r"[^a-z0-9._-]", "-", path.stem.lower()) for path in prices]
    for name in names:
        if names.count(name) > 1:
            raise problem("--prices", f"two books are called {name}", "rename one of the files")
    return {path: out.with_name(f"{out.name}-{name}") for path, name in zip(prices, names, strict=True)}


def replay(
    run: Path,
    books: Mapping[Path, Path],
    *,
    change: Change | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Finished]:
    """Bill a recorded log under price books (each with the place of its run), and publish every one.

    With `change` the run's own book, or its `base`, holds until customers come to the new one. Raises
    Problems for a log that is damaged, for a change that cannot be, and for what a book does not have.
    """
    source = _checked(run)
    loaded = {prices: price_book.load(prices) for prices in books}
    prepared = prepare(run, source, change) if change is not None and change.is_asked else None
    done, known = list[Finished](), None
    for number, (prices, out) in enumerate(books.items(), 1):
        if out.resolve() == run.resolve():
            raise problem(f"--out {out}", "is the run that is replayed", "choose another place")
        which = f" ({number} of {len(books)})" if len(books) > 1 else ""
        if known is None:
            progress(f"metering {run}")
        fold = folded(source, loaded[prices])
        with duckdb.connect() as connection:
            known = metered(source, loaded[prices], connection=connection, known=known, fold=fold)
        progress(f"billing {run} under {prices}{which}")
        billed = partial(_publish, run, source, prices, out, book=loaded[prices])
        done.append(billed(known=known, fold=fold, change=prepared))
    return done


def prepare(run: Path, log: Log, change: Change) -> Prepared:
    """Read the book before a change, and say who comes to the new one when. Raises Problems."""
    flaws = list(_flaws(change, log))
    if flaws:
        raise Problems(flaws)
    base = change.base or run / PRICES
    if not base.exists():
        raise problem("--policy", f"{run} says no prices that held before", "name them: --base FILE")
    before = price_book.load(base)
    start = date.fromisoformat(f"{change.from_month}-01") if change.from_month else None
    cohort = _cohort(run, log, before, change.cohort) if change.cohort else frozenset[str]()
    policy: Policy = next((one for one in POLICIES if one == change.policy), "now")
    transition = Transition(before, policy, start, change.phase_months or 1, cohort)
    contents: dict[str, Any] = {"policy": policy, "from": change.from_month or log.blocks[0].month}
    if change.phase_months:
        contents["phase_months"] = change.phase_months
    if change.cohort:
        contents |= {"cohort": change.cohort, "accounts": len(cohort)}
    return Prepared(transition, base, contents)


def _flaws(change: Change, log: Log) -> list[Problem]:
    """Return everything that is wrong with a change."""
    found, last = list[Problem](), log.blocks[-1].month
    if change.policy and change.policy not in POLICIES:
        remedy = did_you_mean(change.policy, POLICIES) or f"use {', '.join(POLICIES)}"
        found.append(Problem("--policy", f"there is no policy {change.policy!r}", remedy))
    if change.from_month and not MONTH.fullmatch(change.from_month):
        found.append(Problem("--from", f"{change.from_month!r} is no month", "write it like 2026-07"))
    elif change.from_month > last:
        found.append(Problem("--from", f"the log ends with {last}", "name a month of the log"))
    for option, value, policy in (
        ("--phase-months", change.phase_months, "phased"),
        ("--cohort", change.cohort, "cohort"),
    ):
        if value and change.policy != policy:
            found.append(Problem(option, f"goes with --policy {policy}", "add that, or leave it out"))
        if change.policy == policy and not value:
            found.append(Problem(f"--policy {policy}", f"needs {option}", "add it"))
    return found


def _cohort(run: Path, log: Log, before: PriceBook, text: str) -> frozenset[str]:
    """Ask the ledger before the change, locked down, for accounts. Raises Problems for what gives none."""
    has_ledger = (run / LEDGER).exists()
    connection = query.connect(run) if has_ledger else query.locked(in_memory(log, before).connection)
    with connection:
        try:
            columns, rows = query.table(connection, text)
        except (duckdb.Error, ValueError) as error:
            first = next(iter(str(error).splitlines()), "")
            raise problem("--cohort", first, 'write it like "select account from accounts"') from None
        known = {row[0] for row in connection.execute("select account from accounts").fetchall()}
    if len(columns) != 1:
        raise problem("--cohort", f"gives {len(columns)} columns", "select the account alone")
    found = frozenset(str(row[0]) for row in rows)
    if not found:
        raise problem("--cohort", "gives no account", "ask it with saasim sql first")
    if strangers := sorted(found - known):
        raise problem("--cohort", f"{strangers[0]!r} is no account", "select the column account")
    return found


def _checked(run: Path) -> Log:
    """Open a log that may be billed. Raises Problems where it is damaged or empty."""
    source = Log.open(run / LOG)
    if flaws := source.flaws():
        raise Problems(
            Problem(f"{run}/{LOG}", f"{month}: {message}", "run it again") for month, message in flaws
        )
    if not source.blocks:
        raise problem(f"{run}/{LOG}", "is empty", "run it again")
    return source


def _publish(
    run: Path,
    source: Log,
    prices: Path,
    out: Path,
    *,
    book: PriceBook,
    known: Measured,
    fold: Subscriptions,
    change: Prepared | None,
) -> Finished:
    """Bill the log under one book, and publish it."""
    with Publication(out) as publication:
        made = publication.partial
        publication.write(PRICES, price_book.text(prices))
        contents = _contents(run, source, publication)
        if change is not None:
            publication.write(BEFORE, price_book.text(change.prices))
            contents["transition"] = change.contents | {
                "before": {
                    "name": change.transition.before.name,
                    "sha256": manifest.digest(made / BEFORE),
                }
            }
        _share(source.directory, made / LOG)
        log, ledger = source.copied(made / LOG), Ledger.create(made / LEDGER)
        transition = None if change is None else change.transition
        rebill(log, ledger, book=book, measured=known.usage, folded=fold, transition=transition)
        return finish(publication, contents, book=book, log=log, ledger=ledger)


def _contents(run: Path, source: Log, publication: Publication) -> dict[str, Any]:
    """Keep what the source says of itself: its scenario or plan, or what was imported."""
    contents: dict[str, Any] = {"replay_of": source.head}
    for name in (SCENARIO, PLAN):
        if (run / name).exists():
            publication.write(name, (run / name).read_bytes())
    if (run / manifest.NAME).exists():
        before = manifest.read(run, (manifest.KIND, manifest.LOG_KIND))
        kept = ("synthetic", "scenario", "plan", "seed", "set", "map")
        contents |= {name: before[name] for name in kept if name in before}
    return contents


def _share(log: Path, to: Path) -> None:
    """Give a run a log of its own: blocks are linked where that is possible, for they never change."""
    for path in sorted(log.rglob("*")):
        place = to / path.relative_to(log)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            try:
                os.link(path, place)
            except OSError:  # another file system, or one without links
                pass
            else:
                continue
        shutil.copyfile(path, place)
