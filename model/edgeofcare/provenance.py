"""Which program this is: version, commit, the hash of its sources, libraries; and where it may keep what it can remake.

In: nothing. Out: version, hashes, the record of how something was made, the cache folder. Must not know: scenarios,
results.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from edgeofcare.errors import BusyError
from edgeofcare.locks import Lock

PACKAGE = Path(__file__).parent
LIBRARIES = ("numpy", "numba", "pandas", "pyarrow", "pydantic", "scipy", "simpy")
LONGEST_WAIT_SECONDS = 600.0  # for another process that makes the same thing for the cache


def version() -> str:
    """Return the version of the installed package."""
    try:
        return metadata.version("edgeofcare")
    except metadata.PackageNotFoundError:
        return "0+unknown"


def source_hash() -> str:
    """Return the hash (16 hex digits) of all Python sources of the package: the one that results are marked with."""
    return rooms_hash("")


@lru_cache(maxsize=8)
def rooms_hash(*rooms: str) -> str:
    """Return a hash (16 hex digits) of the rooms and files named, as a key for what is kept of them in the cache."""
    paths = sorted(p for room in rooms for p in _python_files(PACKAGE / room))
    digest = hashlib.blake2b(digest_size=8)
    for path in paths:
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0")
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def _python_files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def made_record(**numbers: Any) -> dict[str, Any]:
    """Return how a result is made: program, commit, libraries, platform, time (UTC), and the numbers given."""
    commit, clean = source_commit()
    return {
        "version": version(),
        "source_hash": source_hash(),
        "commit": commit,
        "tree_clean": clean,
        "platform": platform_name(),
        "libraries": library_versions(),
        "made_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        **numbers,
    }


@lru_cache(maxsize=1)
def source_commit() -> tuple[str | None, bool | None]:
    """Return the commit of the sources and whether nothing in them was changed since; None where it is not known.

    From git in a checkout; else from what was written into the package when it was built, or by its installer (PEP
    610), where the tree is clean by construction.
    """
    root = PACKAGE.parents[1]
    if (root / ".git").exists() and (commit := _git(root, "rev-parse", "HEAD")):
        changed = _git(root, "status", "--porcelain", "--", "model", "scenarios", "pyproject.toml")
        return commit, None if changed is None else not changed
    with suppress(OSError, ValueError, TypeError, KeyError):
        built = json.loads((PACKAGE / "commit.json").read_text("utf-8"))
        return str(built["commit"]), bool(built["tree_clean"])
    with suppress(metadata.PackageNotFoundError, ValueError, TypeError, KeyError):
        origin = json.loads(metadata.distribution("edgeofcare").read_text("direct_url.json") or "null")
        return str(origin["vcs_info"]["commit_id"]), True
    return None, None


def _git(root: Path, *words: str) -> str | None:
    """Return what git says, or None if it is not there or will not say."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def cache_base() -> Path:
    """Return the folder of all caches."""
    if chosen := os.environ.get("EDGEOFCARE_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir())) / "edgeofcare" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgeofcare"


def cache_folder(name: str) -> Path:
    """Return a folder that may be deleted at any time, made if needed; a temporary one if the usual cannot be made."""
    folder = cache_base() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return _temporary_folder()


@lru_cache(maxsize=1)
def _temporary_folder() -> Path:
    """One folder for this process, where the usual place cannot be written."""
    return Path(tempfile.mkdtemp(prefix="edgeofcare-"))


def cached_json(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what is kept at a path as JSON, or make it and keep it; what cannot be read or kept is made again.

    While another process makes the same thing, this one waits for it.
    """
    if (kept := _kept(path)) is not None:
        return kept
    with ExitStack() as held:
        with suppress(OSError, BusyError):
            held.enter_context(Lock(path.with_suffix(".lock")).acquire(LONGEST_WAIT_SECONDS))
        if (kept := _kept(path)) is not None:
            return kept
        made = make()
        with suppress(OSError):  # without room or rights it is made again next time
            partial = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.partial")
            partial.write_text(json.dumps(made), "utf-8")
            partial.replace(path)
        return made


def _kept(path: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError, TypeError, RecursionError):
        return dict(json.loads(path.read_text("utf-8")))
    return None


def platform_name() -> str:
    """Return operating system, processor and C library, on which bitwise equality depends."""
    return f"{platform.system()} {platform.machine()} {' '.join(platform.libc_ver())}".strip()


def library_versions() -> dict[str, str]:
    """Return Python's version and those of the libraries that results depend on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
