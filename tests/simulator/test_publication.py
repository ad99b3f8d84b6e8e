"""Publication: a run appears under its name whole, or not at all, whatever happens to who builds it."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from metering.document import Problems, problem
from simulator import manifest, publication
from simulator.publication import Publication, check_name, find

DEMO = {"kind": manifest.KIND, "format": manifest.FORMAT}


def publish(out: Path, content: str = "1") -> None:
    """Publish a run of one file."""
    with Publication(out) as made:
        made.write("data", content.encode())
        made.publish(DEMO)


def fail(out: Path, error: Exception) -> None:
    """Begin to build a run, and fail."""
    with Publication(out) as made:
        made.write("data", b"2")
        raise error


def content(out: Path) -> str:
    """Return the one file of a run, which must be whole."""
    named = json.loads((out / manifest.NAME).read_text())["files"]["data"]["sha256"]
    data = (out / "data").read_bytes()
    assert named == hashlib.sha256(data).hexdigest()
    return data.decode()


def beside(out: Path) -> list[str]:
    """Return the names of everything in the run's parent directory."""
    return sorted(path.name for path in out.parent.iterdir())


@pytest.fixture(params=["exchange", "fallback"])
def out(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a place for a run, on a file system that can exchange directories, and on one that cannot."""
    if request.param == "fallback":
        monkeypatch.setattr(publication, "_exchange", lambda one, other: False)
    return tmp_path / "runs" / "demo"


def test_a_run_appears_with_a_manifest_that_names_each_file(out: Path) -> None:
    """Nothing else is left beside it."""
    publish(out)

    assert "1" == content(out)
    assert ["demo"] == beside(out)


def test_a_run_takes_the_place_of_an_earlier_one(out: Path) -> None:
    """The new one is whole, and the earlier one is gone."""
    publish(out, "1")
    (out / "extra").write_text("of the earlier run")
    publish(out, "2")

    assert "2" == content(out)
    assert ["data", "manifest.json"] == sorted(path.name for path in out.iterdir())
    assert ["demo"] == beside(out)


def test_the_earlier_run_is_untouched_until_the_new_one_is_whole(out: Path) -> None:
    """While a run is built, its name still means the earlier one."""
    publish(out, "1")
    with Publication(out) as made:
        made.write("data", b"2")

        assert "1" == content(out)


def test_a_mistake_leaves_nothing_half_written(out: Path) -> None:
    """Problems inside the block remove what was built; the earlier run stays."""
    publish(out, "1")
    with pytest.raises(Problems):
        fail(out, problem("prices", "are wrong"))

    assert "1" == content(out)
    assert ["demo"] == beside(out)


def test_a_crash_leaves_what_was_built_to_be_looked_at(out: Path) -> None:
    """A defect keeps `.partial`; the earlier run stays, and the next run may begin."""
    publish(out, "1")
    with pytest.raises(ZeroDivisionError):
        fail(out, ZeroDivisionError())

    assert "1" == content(out)
    assert ["demo", "demo.partial"] == beside(out)
    publish(out, "3")
    assert "3" == content(out)
    assert ["demo"] == beside(out)


def test_an_open_file_of_the_earlier_run_can_still_be_read(out: Path) -> None:
    """A reader that began before the new run was published reads the old one to its end."""
    publish(out, "1")
    with (out / "data").open() as reader:
        publish(out, "2")

        assert "1" == reader.read()


def test_a_ledger_that_is_still_open_is_not_published(out: Path) -> None:
    """A write-ahead log that got lost would lose rows without a word."""
    with Publication(out) as made:
        made.write("ledger.duckdb.wal", b"")
        with pytest.raises(AssertionError, match="still open"):
            made.publish(DEMO)

    assert not out.exists()


def test_an_empty_directory_may_become_a_run(out: Path) -> None:
    """Nobody loses anything by it."""
    out.mkdir(parents=True)
    publish(out)

    assert "1" == content(out)


def _a_directory(out: Path) -> None:
    out.mkdir(parents=True)
    (out / "thesis.txt").write_text("three years of work")


def _a_foreign_manifest(out: Path) -> None:
    out.mkdir(parents=True)
    (out / manifest.NAME).write_text('{"name": "a browser extension"}')


def _a_file(out: Path) -> None:
    out.parent.mkdir(parents=True)
    out.write_text("something")


def _a_link(out: Path) -> None:
    other = out.with_name("other")
    publish(other)
    out.symlink_to(other)


@pytest.mark.parametrize(
    ("there", "message"),
    [
        (_a_directory, "is a directory that holds no run, and is not overwritten"),
        (_a_foreign_manifest, "is a directory that holds no run, and is not overwritten"),
        (_a_file, "is a file"),
        (_a_link, "is a symbolic link"),
    ],
)
def test_what_is_no_run_is_never_overwritten(
    there: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    """Whatever stands at the place of a run and is none stays as it is."""
    place = tmp_path / "runs" / "demo"
    there(place)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}

    with pytest.raises(Problems, match=message):
        publish(place)
    assert before == {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}


@pytest.mark.parametrize(
    "name",
    ["..", ".", "", "../../x", "/etc/x", ".hidden", "a/b", "a\\b", "a b", "Run", "ü", "a\0", "a\nb", "-x",
     "x" * 65, "demo.partial", "demo.lock", "demo.replaced"],
)  # fmt: skip
def test_a_name_that_could_be_a_path_or_a_trap_is_refused(name: str) -> None:
    """A run's name is a slug: no path hides in it, and it means one thing on every system."""
    with pytest.raises(Problems, match=r"cannot name a run|is kept for"):
        check_name(name)


@pytest.mark.parametrize("name", ["dbgpt", "a", "9", "dbgpt-7.what_if", "x" * 64])
def test_a_slug_is_a_name(name: str) -> None:
    """Letters, digits, and three marks between them."""
    assert name == check_name(name)


HOLD = """
import sys, time
from pathlib import Path
from simulator.publication import Publication
with Publication(Path(sys.argv[1])) as made:
    made.write("data", b"half")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give another process that is building the run."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "runs" / "demo")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "held\n" == process.stdout.readline()
        yield process
        process.kill()


def test_a_run_that_is_being_built_is_locked(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    """A second builder is told which process has it, and touches nothing."""
    place = tmp_path / "runs" / "demo"
    with pytest.raises(Problems, match=f"demo: run is locked by PID {holder.pid}"):
        publish(place)

    assert "half" == (tmp_path / "runs" / "demo.partial" / "data").read_text()


def test_what_a_dead_process_left_is_replaced(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    """A lock dies with its process, even by `kill -9`, and its `.partial` makes room."""
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    place = tmp_path / "runs" / "demo"
    assert ["demo.lock", "demo.partial"] == beside(place)
    publish(place)

    assert "1" == content(place)
    assert ["demo"] == beside(place)


LOOP = """
import sys
from pathlib import Path
from tests.simulator.test_publication import publish
print("ready", flush=True)
for number in range(1_000_000):
    publish(Path(sys.argv[1]), str(number) * 10_000)
"""


@pytest.mark.parametrize("seconds", [0.003, 0.017, 0.031, 0.052, 0.086])
def test_kill_9_leaves_the_old_run_or_the_new_one(tmp_path: Path, seconds: float) -> None:
    """A process that publishes again and again and is killed leaves one whole run under the name."""
    place = tmp_path / "runs" / "demo"
    publish(place, "first")
    command = [sys.executable, "-c", LOOP, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
        time.sleep(seconds)
        process.kill()

    assert content(place)
    publish(place, "after")
    assert "after" == content(place)
    assert ["demo"] == beside(place)


def test_a_run_is_found_by_its_name_and_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name means a run in runs/; a path means itself."""
    monkeypatch.chdir(tmp_path)
    publish(Path("runs/demo"))
    publish(Path("elsewhere"))

    assert Path("runs/demo") == find("demo")
    assert Path("runs/demo") == find("runs/demo")
    assert Path("elsewhere") == find("elsewhere")


def test_a_run_that_was_moved_away_when_its_builder_died_is_found_and_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where directories cannot be exchanged: then there is an instant without a run under its name."""
    monkeypatch.chdir(tmp_path)
    publish(Path("runs/demo"), "1")
    Path("runs/demo").rename("runs/demo.replaced")

    assert "1" == content(find("demo"))
    with Publication(Path("runs/demo")):
        assert "1" == content(Path("runs/demo"))


def test_a_place_that_cannot_be_written_is_found_out_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's directory is made first; where that fails, nobody has waited in vain."""

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(Problems, match=r"cannot be written \(Permission denied\); choose another place"):
        publish(tmp_path / "demo")
