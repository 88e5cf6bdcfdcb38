"""Which program this is: its version, the hash of its sources, and where it may keep what it can make again.

In: nothing. Out: version, hashes, the cache folder. Must not know: scenarios, results.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent
LIBRARIES = ("numpy", "numba", "pandas", "pyarrow", "pydantic", "pyxirr", "scipy", "simpy")


def version() -> str:
    """Return the version of the installed package."""
    try:
        return metadata.version("edgeofcare")
    except metadata.PackageNotFoundError:
        return "0+unknown"


@lru_cache(maxsize=8)
def source_hash(*rooms: str) -> str:
    """Return a hash (16 hex digits) of the package's Python sources, or of the rooms and files named."""
    paths = sorted(p for room in rooms or ("",) for p in _python_files(PACKAGE / room))
    digest = hashlib.blake2b(digest_size=8)
    for path in paths:
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0")
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def _python_files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def cache_folder(name: str) -> Path:
    """Return a folder that may be deleted at any time, made if needed; a temporary one if the usual cannot be made."""
    if chosen := os.environ.get("EDGEOFCARE_CACHE"):
        base = Path(chosen)
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir())) / "edgeofcare" / "cache"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgeofcare"
    folder = base / name
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
    """Return what is kept at a path as JSON, or make it and keep it; what cannot be read or kept is made again."""
    with suppress(OSError, ValueError, TypeError):
        return dict(json.loads(path.read_text("utf-8")))
    made = make()
    with suppress(OSError):
        partial = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.partial")
        partial.write_text(json.dumps(made), "utf-8")
        partial.replace(path)
    return made


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
