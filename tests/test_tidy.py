"""The style as a test: a rule that no test checks is a wish.

A rule is one function from a file of product code to its problems. Each is run over the whole product, which
must have none, and over small bad files, which must have some. `RULES` is the list to read first.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("metering", "billing", "analytics", "simulator")  # each imports only what stands to its left

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70  # what fits on a screen
COLUMNS_MAX = 110

VAGUE = {"utils", "util", "helpers", "manager", "service", "base", "common"}
EXACT = ("metering", "billing")  # the packages that hold money and quantities
INEXACT_TYPES = {"float", "Float32", "Float64"}
FLOAT_WITH_REASON = re.compile(r"# float: \w+")
STATEFUL = {"Faker", "Random", "SystemRandom", "default_rng", "now", "utcnow", "today", "connect"}
UNSAFE_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
UNSAFE_CALLS = {"eval", "exec", "yaml.load"}
TOUCHING = re.compile(r"(^|\.)(open|mkdir|unlink|touch|write_\w+|sink_\w+)$|^duckdb\.connect$|^shutil\.")
ROOMS = {  # the files that may touch a disk or a connection, and why
    "metering/log.py": "it keeps the log",
    "metering/excerpt.py": "it writes the log of some accounts",
    "metering/told.py": "it measures what is in memory",
    "metering/intake/source.py": "it looks at the files that are imported",
    "metering/intake/page.py": "it writes the rows of pages on lines of their own",
    "metering/intake/stage.py": "it keeps what is imported, on disk where memory is full",
    "metering/intake/quarantine.py": "it keeps what an import cannot use",
    "billing/ledger.py": "it keeps the ledger",
    "billing/published.py": "it opens ledgers to read",
    "billing/rebilling.py": "it opens the log that is replayed",
    "analytics/explanation/__init__.py": "it opens the run that it explains",
    "simulator/testing/golden.py": "it keeps golden ledgers",
    "simulator/run.py": "it builds the directory of a run",
    "simulator/replay.py": "it builds the directories of replays",
    "simulator/imported.py": "it builds the directory of an imported log",
    "simulator/__main__.py": "it is the command line",
    "simulator/manifest.py": "it hashes a run's files",
    "simulator/publication.py": "it puts a run in its place, whole or not at all",
    "simulator/verification.py": "it opens what it verifies",
    "simulator/commands/compare.py": "it writes a comparison's page and tables",
    "simulator/commands/report.py": "it writes a report's page",
    "simulator/commands/export.py": "it writes an export that is one file",
    "simulator/export/tables.py": "it writes tables as files",
    "simulator/export/target.py": "it puts exports in their place, whole or not at all",
    "simulator/export/workbook.py": "it writes the cells of a workbook",
    "simulator/commands/chart.py": "it writes the picture",
    "simulator/query.py": "it opens the ledger for a question, locked down",
    "simulator/seeds/kept.py": "it writes what a run keeps of other histories",
    "simulator/whatif/record.py": "it keeps what an experiment came to",
    "simulator/solve/solution.py": "it writes the price book that was found",
    "simulator/prompt.py": "it keeps the history of what was asked",
}
LOCK_LINE = re.compile(r"#[^/]*|[a-z0-9-]+==[\w.]+( ; [^/]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")


class Source:
    """One file of product code, or a snippet that stands for one."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.lines = text.splitlines()
        self.name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self.layer = path.partition("/")[0]

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the file."""
        return list(ast.walk(self.tree))

    @cached_property
    def calls(self) -> list[tuple[int, str]]:
        """The line and the dotted name of everything the file calls."""
        return [(node.lineno, called(node)) for node in self.nodes if isinstance(node, ast.Call)]

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """The line and the dotted name of everything the file imports, wherever in the file it does."""
        found = []
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                origin = ".".join(filter(None, [self.package(node.level), node.module]))
                found += [(node.lineno, f"{origin}.{alias.name}") for alias in node.names]
        return found

    def package(self, level: int) -> str:
        """Name the package that `level` leading dots mean in this file."""
        is_package = self.path.endswith("/__init__.py")
        parts = self.name.split(".")
        return ".".join(parts[: len(parts) - level + is_package]) if level else ""


def called(call: ast.Call) -> str:
    """Name what is called: `duckdb.connect`, or `.connect` when it hangs on an expression."""
    parts: list[str] = []
    node: ast.AST = call.func
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return ".".join([node.id if isinstance(node, ast.Name) else "", *parts])


def imports_point_left(source: Source) -> Iterator[str]:
    """A layer imports only layers to its left, and never a test."""
    allowed = LAYERS[: LAYERS.index(source.layer) + 1]
    for line, name in source.imports:
        package = name.split(".")[0]
        if package == "tests" or (package in LAYERS and package not in allowed):
            yield f"{source.path}:{line}: {source.layer} imports {name}; it may import {', '.join(allowed)}"


def sizes_are_small(source: Source) -> Iterator[str]:
    """A file, a function and a line each fit the eye."""
    if len(source.lines) > FILE_LINES_MAX:
        yield f"{source.path}: {len(source.lines)} lines; split it at {FILE_LINES_MAX}, one noun a file"
    for number, line in enumerate(source.lines, start=1):
        if len(line) > COLUMNS_MAX:
            yield f"{source.path}:{number}: {len(line)} columns; break the line at {COLUMNS_MAX}"
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                place = f"{source.path}:{node.lineno}"
                yield f"{place}: {node.name} has {length} lines; split it at {FUNCTION_LINES_MAX}"


def public_things_are_explained(source: Source) -> Iterator[str]:
    """Every public module, class, function and method has a docstring."""
    shown: list[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef] = [source.tree]
    for thing in shown:
        if not ast.get_docstring(thing):
            name = source.name if isinstance(thing, ast.Module) else thing.name
            yield f"{source.path}:{getattr(thing, 'lineno', 1)}: {name} has no docstring; say what it is"
        if isinstance(thing, ast.Module | ast.ClassDef):
            shown += [
                node
                for node in thing.body
                if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                and not node.name.startswith("_")
                and "overload" not in {getattr(mark, "id", "") for mark in node.decorator_list}
            ]


def names_say_something(source: Source) -> Iterator[str]:
    """A module is named by the thing it holds."""
    for word in VAGUE.intersection(source.name.split(".")):
        yield f"{source.path}: {word!r} names no thing; name the module by the noun it holds"


def money_is_exact(source: Source) -> Iterator[str]:
    """No float in metering and billing, but on a line that says why: `# float: <reason>`."""
    if source.layer not in EXACT:
        return
    for node in source.nodes:
        if not isinstance(node, ast.expr) or not is_inexact(node):
            continue
        if not FLOAT_WITH_REASON.search(source.lines[node.lineno - 1]):
            yield f"{source.path}:{node.lineno}: {ast.unparse(node)} is inexact; use Decimal or an int"


def is_inexact(node: ast.expr) -> bool:
    """Say whether the expression is a float literal or names a float type."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float)
    return (getattr(node, "id", None) or getattr(node, "attr", None)) in INEXACT_TYPES


def only_rooms_touch_the_world(source: Source) -> Iterator[str]:
    """Only the files in `ROOMS` open, write or connect."""
    if source.path not in ROOMS:
        for line, name in source.calls:
            if TOUCHING.search(name):
                yield f"{source.path}:{line}: {name}() touches the world; leave that to {', '.join(ROOMS)}"


def importing_starts_nothing(source: Source) -> Iterator[str]:
    """No generator, clock or connection is made by an import: they are arguments."""
    for node in run_by_import(source.tree):
        if isinstance(node, ast.Call) and called(node).split(".")[-1] in STATEFUL:
            yield f"{source.path}:{node.lineno}: {called(node)}() runs on import; take it as an argument"


def run_by_import(node: ast.AST) -> Iterator[ast.AST]:
    """Walk everything but the bodies of functions."""
    for child in ast.iter_child_nodes(node):
        yield child
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from run_by_import(child.args)
        else:
            yield from run_by_import(child)


def nothing_unsafe_is_loaded(source: Source) -> Iterator[str]:
    """No data is ever run as code."""
    for line, name in source.imports:
        if name.split(".")[0] in UNSAFE_MODULES:
            yield f"{source.path}:{line}: {name} can run what it reads; use TOML, JSON or Parquet"
    for line, name in source.calls:
        if name in UNSAFE_CALLS:
            yield f"{source.path}:{line}: {name}() runs what it reads; parse it instead"


Rule = Callable[[Source], Iterator[str]]
RULES: dict[Rule, list[tuple[str, str]]] = {  # each rule, and small files that break it
    imports_point_left: [
        ("metering/log.py", "import billing.money"),
        ("billing/close.py", "from analytics import metrics"),
        ("billing/close.py", "def late():\n    from simulator.agents import customer"),
        ("simulator/run.py", "from tests import auditor"),
    ],
    sizes_are_small: [
        ("billing/close.py", "x = 1\n" * (FILE_LINES_MAX + 1)),
        ("billing/close.py", "def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX),
        ("billing/close.py", "#" * (COLUMNS_MAX + 1)),
    ],
    public_things_are_explained: [
        ("billing/close.py", "x = 1"),
        ("billing/close.py", '"""Doc."""\ndef close(): ...'),
        ("billing/close.py", '"""Doc."""\nclass Close:\n    """Doc."""\n    def post(self): ...'),
    ],
    names_say_something: [("billing/utils.py", ""), ("simulator/common/clock.py", "")],
    money_is_exact: [
        ("billing/money.py", "rate = 0.5"),
        ("billing/money.py", "float('1')"),
        ("metering/usage.py", "quantity: float"),
        ("metering/usage.py", "pl.Float64"),
        ("metering/usage.py", "x = 0.5  # float:"),
    ],
    only_rooms_touch_the_world: [
        ("billing/close.py", "open('x')"),
        ("metering/usage.py", "duckdb.connect()"),
        ("analytics/metrics.py", "Path('x').write_text('y')"),
        ("analytics/metrics.py", "frame.lazy().sink_parquet('x')"),
    ],
    importing_starts_nothing: [
        ("simulator/world.py", "fake = Faker()"),
        ("simulator/world.py", "class World:\n    rng = random.Random(1)"),
        ("simulator/world.py", "def live(at=datetime.now(UTC)): ..."),
    ],
    nothing_unsafe_is_loaded: [
        ("metering/log.py", "import pickle"),
        ("metering/log.py", "from pickle import loads"),
        ("billing/price_book.py", "eval('1')"),
        ("billing/price_book.py", "yaml.load(text)"),
    ],
}
GOOD = '''"""Doc."""
from metering import log
x = 0.5  # float: a share of time
def _f():
    return Faker(), model.eval(), frame.replace(1, 2)
'''


@cache
def product() -> list[Source]:
    """Every file of product code, as it is now; read and parsed once for all rules."""
    paths = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in paths]


def cycle(sources: Iterable[Source]) -> list[str]:
    """Name the modules of one import cycle; none when there is none."""
    known = {source.name: source for source in sources}
    graph = {
        name: {target if target in known else target.rpartition(".")[0] for _, target in source.imports}
        for name, source in known.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_product_keeps_the_rule(rule: Rule) -> None:
    """No file of the product breaks the rule."""
    problems = [problem for source in product() for problem in rule(source)]

    assert not problems, "\n".join(["", *problems])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_can_fail(rule: Rule) -> None:
    """Each bad file breaks the rule, and a good one does not."""
    assert [] == [(path, text) for path, text in RULES[rule] if not list(rule(Source(path, text)))]
    assert [] == list(rule(Source("billing/close.py", GOOD)))


def test_no_import_goes_in_a_circle() -> None:
    """No module imports itself through others; two that import each other are found."""
    a, b = (
        Source("billing/a.py", "from billing.b import x"),
        Source("billing/b.py", "def f():\n    from . import a"),
    )

    assert {"billing.a", "billing.b"} == set(cycle([a, b]))
    assert [] == cycle([a, Source("billing/b.py", "")])
    assert [] == cycle(product())


def test_the_lock_holds_names_versions_and_hashes_only() -> None:
    """The lock names no registry and no path: anyone's registry will do."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()

    for bad in ("--index-url https://example.com", "# from https://example.com", "x @ file:///x", "x==1.0"):
        assert not LOCK_LINE.fullmatch(bad), bad
    assert [] == [line for line in lines if not LOCK_LINE.fullmatch(line) or "://" in line]


@pytest.mark.parametrize("name", ["duckdb", "polars", "pyarrow", "sqlmodel"])
def test_what_is_installed_is_what_is_locked(name: str) -> None:
    """No other package has talked the installer into an older engine."""
    locked = re.search(rf"^{name}==(\S+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE)

    assert locked
    assert locked[1] == version(name)
