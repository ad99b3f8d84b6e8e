"""Replay: a recorded log billed under other price books, each published as a run of its own.

The log is a run's or an imported one. Its usage is metered once for all books that meter alike, and its files
are shared with the new runs where the file system can link them: blocks of a log never change.
"""

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
import polars as pl

from billing import price_book
from billing.ledger import Ledger, warm
from billing.price_book import PriceBook
from billing.rebilling import Measured, engine, folded, metered, rebill
from billing.rebilling import replay as in_memory
from billing.subscription import Subscriptions
from billing.transition import POLICIES, Policy, Transition
from metering.document import Problem, Problems, did_you_mean, problem
from metering.event import TYPES, AccountSignedUp
from metering.excerpt import accounts_of, excerpt
from metering.log import Log
from simulator import manifest, query
from simulator.counted import Counted, count
from simulator.manifest import LEDGER, LOG, PLAN, PRICES, SCENARIO
from simulator.publication import Publication
from simulator.run import Finished, finish

BEFORE = "before.toml"
"""The price book that held before a change, in the directory of a replay with a policy."""

SHOWN = 10
"""Of accounts that are not there, so many are named."""

AT_A_TIME = 2
"""So many books are billed at a time: each has a ledger's rows in memory."""

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


class Choice(NamedTuple):
    """Which accounts are billed, as the command line says it: names or files of names, and a condition."""

    accounts: Sequence[str] = ()
    where: str = ""

    @property
    def is_asked(self) -> bool:
        """Whether anything is said: then not everybody is billed."""
        return self != Choice()


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
    choice: Choice | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Finished]:
    """Bill a recorded log under price books (each with the place of its run), and publish every one.

    With `change` the run's own book, or its `base`, holds until customers come to the new one. With `choice`
    some accounts are billed as if there were no others, and the new runs have their part of the log. Raises
    Problems for a log that is damaged, for a change that cannot be, and for what a book does not have.
    """
    source = _checked(run)
    loaded = {prices: price_book.load(prices) for prices in books}
    prepared = prepare(run, source, change) if change is not None and change.is_asked else None
    if choice is None or not choice.is_asked:
        return _replayed(run, source, loaded, books, change=prepared, progress=progress)
    progress(f"choosing accounts of {run}")
    chosen = chosen_of(run, source, choice, book=next(iter(loaded.values())))
    told: dict[str, Any] = {"count": len(chosen), "of": len(_accounts(source))}
    told |= {"where": choice.where} if choice.where else {}
    with TemporaryDirectory(prefix="saasim-replay-") as folder:
        part = excerpt(source, chosen, Path(folder) / LOG)
        return _replayed(run, part, loaded, books, change=prepared, progress=progress, told=told)


def _replayed(
    run: Path,
    source: Log,
    loaded: Mapping[Path, PriceBook],
    books: Mapping[Path, Path],
    *,
    change: Prepared | None,
    progress: Callable[[str], None],
    told: Mapping[str, Any] | None = None,
) -> list[Finished]:
    """Bill a log, the run's or a part of it, under each of the books; `told` says what part."""
    for out in books.values():
        if out.resolve() == run.resolve():
            raise problem(f"--out {out}", "is the run that is replayed", "choose another place")
    warm()
    progress(f"metering {run}")
    counted, known = (count(source) if len(books) > 1 else None), None
    waiting = list[Future[Finished]]()
    # Engines let go of the interpreter while they work: one ledger is written while the next is billed.
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for prices, out in books.items():
            fold = folded(source, loaded[prices])
            with engine().cursor() as connection:
                known = metered(source, loaded[prices], connection=connection, known=known, fold=fold)
            publish = partial(_publish, run, source, prices, out, book=loaded[prices], counted=counted)
            waiting.append(pool.submit(publish, known=known, fold=fold, change=change, told=told))
        for number, (prices, one) in enumerate(zip(books, waiting, strict=True), 1):
            which = f" ({number} of {len(books)})" if len(books) > 1 else ""
            progress(f"billing {run} under {prices}{which}")
            one.result()
    return [one.result() for one in waiting]


def chosen_of(run: Path, log: Log, choice: Choice, *, book: PriceBook) -> list[str]:
    """Return the accounts that a choice names, in order; both of a list and a condition have to hold.

    A condition is asked of the run's table `accounts`; of a log without a ledger, of that under `book`.
    Raises Problems for accounts that are not there, and for a choice of none.
    """
    known, found = _accounts(log), list[str]()
    for text in choice.accounts:
        is_file = Path(text).is_file()
        rows = Path(text).read_text("utf-8").splitlines() if is_file else text.split(",")
        found += [name for row in rows if (name := row.partition("#")[0].strip() if is_file else row.strip())]
    strangers = [name for name in dict.fromkeys(found) if name not in known]
    if strangers:
        raise Problems(
            Problem(f"--accounts {name}", f"{run} has no such account", did_you_mean(name, known))
            for name in strangers[:SHOWN]
        )
    chosen = sorted(known & frozenset(found) if choice.accounts else known)
    if choice.where:
        question = f"select account from accounts where {choice.where}"
        held = _asked(run, log, book, question, option="--where", example="segment = 'smb'")
        chosen = [name for name in chosen if name in held]
    if not chosen:
        raise problem("--accounts" if choice.accounts else "--where", "leaves no account", "choose others")
    return chosen


def _accounts(log: Log) -> frozenset[str]:
    """Return every account of a log: who signed up."""
    facts = log.fact_frame()
    return frozenset(facts.filter(pl.col("type") == TYPES[AccountSignedUp])["subject"])


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


def arrival(contents: Mapping[str, Any]) -> str:
    """Say in words who comes to the new book from when on; `contents` are those of `Prepared`."""
    phased = f"everybody, in equal shares over {contents.get('phase_months')} months"
    whom = {
        "now": "everybody",
        "new": "who comes to a plan",
        "renewal": "everybody, old customers as their years renew",
        "phased": phased,
        "cohort": f"{contents.get('accounts')} accounts",
    }[contents["policy"]]
    return f"from {contents['from']} on: {whom}"


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
    """Ask the ledger before the change for the accounts of a cohort. Raises Problems for what gives none."""
    example = "select account from accounts"
    found = _asked(run, log, before, text, option="--cohort", example=example)
    if not found:
        raise problem("--cohort", "gives no account", "ask it with saasim sql first")
    return found


def _asked(run: Path, log: Log, book: PriceBook, text: str, *, option: str, example: str) -> frozenset[str]:
    """Ask a run's ledger, or that of its log under a book, locked down, for accounts.

    Raises Problems for what is no question for accounts.
    """
    has_ledger = (run / LEDGER).exists()
    connection = query.connect(run) if has_ledger else query.locked(in_memory(log, book).connection)
    with connection:
        try:
            columns, rows = query.table(connection, text)
        except (duckdb.Error, ValueError) as error:
            first = next(iter(str(error).splitlines()), "")
            raise problem(option, first, f'write it like "{example}"') from None
        known = {row[0] for row in connection.execute("select account from accounts").fetchall()}
    if len(columns) != 1:
        raise problem(option, f"gives {len(columns)} columns", "select the account alone")
    found = frozenset(str(row[0]) for row in rows)
    if strangers := sorted(found - known):
        raise problem(option, f"{strangers[0]!r} is no account", "select the column account")
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
    counted: Counted | None,
    change: Prepared | None,
    told: Mapping[str, Any] | None,
) -> Finished:
    """Bill the log under one book, and publish it."""
    with Publication(out) as publication:
        made = publication.partial
        publication.write(PRICES, price_book.text(prices))
        contents = _contents(run, publication, is_part=accounts_of(source.directory) is not None)
        if told is not None:
            contents["accounts"] = dict(told)
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
        return finish(publication, contents, book=book, log=log, ledger=ledger, counted=counted)


def _contents(run: Path, publication: Publication, *, is_part: bool) -> dict[str, Any]:
    """Keep what the source says of itself: its scenario or plan, or what was imported.

    Of a part the scenario or plan says nothing: its targets are those of the whole company.
    """
    contents: dict[str, Any] = {"replay_of": Log.open(run / LOG).head}
    kept = ["synthetic", "seed", "map", "accounts"]
    if not is_part:
        kept += ["scenario", "plan", "set"]
        for name in (SCENARIO, PLAN):
            if (run / name).exists():
                publication.write(name, (run / name).read_bytes())
    if (run / manifest.NAME).exists():
        before = manifest.read(run, (manifest.KIND, manifest.LOG_KIND))
        contents |= {name: value for name, value in before.items() if name in kept}
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
