"""Publication: a run appears under its name whole, or not at all.

    runs/dbgpt           the run that readers see
    runs/dbgpt.partial   the run that is being built, or what an interrupted one left
    runs/dbgpt.lock      held by the process that builds, with its id

A run is built in `.partial`, its files are forced to disk and hashed, `manifest.json` is written last, and
then the directory changes places with the earlier run in one step of the file system. Readers see the old run
or the new one. Where the file system cannot exchange two directories, the earlier run is moved to `.replaced`
first: for an instant there is nothing under the run's name. Readers then find the earlier run where it is,
and if the process died in that instant the next one puts it back.
"""

import ctypes
import errno
import fcntl
import json
import os
import re
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from metering.document import Problems, did_you_mean, problem
from simulator import manifest

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What a run may be called: a name of a directory on every system, that no path can hide in."""

RUNS = Path("runs")
"""Where runs are kept and looked for."""

PARTIAL, LOCK, REPLACED = ".partial", ".lock", ".replaced"
"""What is put behind a run's name for what stands beside it; so no run's name may end with these."""

_LINUX_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2
_MAC_SWAP = 2  # RENAME_SWAP of renamex_np
_HERE = -100  # AT_FDCWD


def check_name(name: str, place: str = "name") -> str:
    """Return the name of a run. Raises Problems where it cannot be one."""
    if not NAME.fullmatch(name):
        remedy = "use up to 64 of a-z 0-9 . _ -, beginning with a letter or digit"
        raise problem(place, f"{name!r} cannot name a run", remedy)
    for ending in (PARTIAL, LOCK, REPLACED):
        if name.endswith(ending):
            raise problem(place, f"{name!r} ends with {ending!r}, which is kept for runs at work", "drop it")
    return name


def find(text: str) -> Path:
    """Return the directory of a run that is named (`dbgpt`) or given as a path (`runs/dbgpt`).

    Raises Problems where there is none, with the nearest name there is.
    """
    path = Path(text)
    for candidate in [RUNS / text, path] if NAME.fullmatch(text) else [path]:
        for place in (candidate, _beside(candidate, REPLACED)):
            if place.is_dir():
                return place
    known = [found.parent.name for found in sorted(RUNS.glob("*/manifest.json"))]
    raise problem(text, "there is no such run", did_you_mean(text, known) or "make one: saasim run dbgpt")


class Publication:
    """A run that is being built: `with Publication(out) as publication: ...; publication.publish(...)`.

    Inside the block `partial` is an empty directory that belongs to this process alone. Leaving the block
    with Problems removes it; leaving it otherwise without having published keeps it, to be looked at.
    """

    def __init__(self, out: Path, kind: str = manifest.KIND) -> None:
        self.out = out
        self.kind = kind
        self.partial = _beside(out, PARTIAL)
        self._lock = -1

    def __enter__(self) -> Self:
        """Take the lock and make room. Raises Problems where the run may not stand there, or is locked."""
        _check_place(self.out, self.kind)
        try:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _take(_beside(self.out, LOCK))
            _restore(self.out)
            shutil.rmtree(self.partial, ignore_errors=True)
            self.partial.mkdir()
        except OSError as error:
            self._release()
            raise problem(
                str(self.out), f"cannot be written ({error.strerror})", "choose another place with --out"
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing half-written behind a mistake, and let the next process in."""
        if isinstance(error, Problems):
            shutil.rmtree(self.partial, ignore_errors=True)
        self._release()

    def write(self, name: str, data: bytes) -> None:
        """Write a file of the run."""
        (self.partial / name).write_bytes(data)

    def publish(self, contents: dict[str, Any]) -> dict[str, Any]:
        """Hash and sync every file, write the manifest with `contents` last, and change places.

        Returns the manifest.
        """
        left = sorted(self.partial.rglob("*.wal"))
        assert not left, f"{left[0]} is still open; close the ledger before it is published"
        contents = contents | {"files": manifest.digests(self.partial)}
        for path in sorted(self.partial.rglob("*")):
            _sync(path)
        self.write(manifest.NAME, (json.dumps(contents, indent=2) + "\n").encode())
        _sync(self.partial / manifest.NAME)
        _sync(self.partial)
        _replace(self.partial, self.out)
        _sync(self.out.parent)
        shutil.rmtree(self.partial, ignore_errors=True)
        return contents

    def _release(self) -> None:
        if self._lock >= 0:
            _beside(self.out, LOCK).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1


def _beside(out: Path, ending: str) -> Path:
    return out.with_name(out.name + ending)


def _check_place(out: Path, kind: str) -> None:
    check_name(out.name, f"--out {out}")
    if out.is_symlink():
        raise problem(str(out), "is a symbolic link", "give the directory that it points to")
    if not out.exists():
        return
    if not out.is_dir():
        raise problem(str(out), "is a file", "choose another place with --out")
    if any(out.iterdir()) and not manifest.is_run(out, kind):
        remedy = "choose another place with --out, or remove it"
        what = "run" if kind == manifest.KIND else "imported log"
        raise problem(str(out), f"is a directory that holds no {what}, and is not overwritten", remedy)


def _take(path: Path) -> int:
    """Lock a file and write this process's id into it. Raises Problems that name who holds it."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode() or "?"
            os.close(lock)
            run = path.with_suffix("")
            raise problem(str(run), f"run is locked by PID {holder}", "wait for it to end") from None
        if path.exists() and os.fstat(lock).st_ino == path.stat().st_ino:
            os.ftruncate(lock, 0)
            os.write(lock, str(os.getpid()).encode())
            return lock
        os.close(lock)  # its holder released and removed it between our two steps


def _restore(out: Path) -> None:
    """Put an earlier run back that a process had moved away before it died."""
    earlier = _beside(out, REPLACED)
    if earlier.is_dir() and not out.exists():
        earlier.rename(out)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace(new: Path, old: Path) -> None:
    """Put `new` in the place of `old`; `old`, if there was one, ends in the place of `new`."""
    if not old.exists() or not any(old.iterdir()):
        new.rename(old)
    elif not _exchange(new, old):
        earlier = _beside(old, REPLACED)
        shutil.rmtree(earlier, ignore_errors=True)
        old.rename(earlier)
        new.rename(old)
        shutil.rmtree(earlier, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two directories in one step; say whether this system and file system could."""
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        failed = library.renameat2(_HERE, names[0], _HERE, names[1], _LINUX_EXCHANGE)
    elif sys.platform == "darwin" and hasattr(library, "renamex_np"):
        failed = library.renamex_np(*names, _MAC_SWAP)
    else:
        return False
    code = ctypes.get_errno()
    if failed and code not in {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}:
        raise OSError(code, os.strerror(code), str(other))
    return not failed
