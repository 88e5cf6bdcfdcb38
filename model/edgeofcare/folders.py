"""Folders that cannot be altered unnoticed: a manifest that holds the hash of every file beside it, and of itself.

In: a folder and what its manifest says. Out: the manifest written; later, the names of files that differ. Must not
know: what is in the files. The manifest is no signature: who changes a file and makes the manifest anew is caught by
running again (`verify`), not by reading.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgeofcare.errors import RunFolderError

FILES, SEAL = "files", "manifest_sha256"  # keys that `write_manifest` adds
REPORTS = "report"  # documents made later; they can always be made again
LOCK = "writing.lock"


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_in(folder: Path, manifest: str) -> list[str]:
    """Return the names of the files that a manifest answers for, as POSIX paths inside the folder, sorted."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(n for n in names if n != manifest and not n.startswith((f"{REPORTS}/", "chunks/", LOCK)))


def write_manifest(folder: Path, name: str, content: Mapping[str, Any], files: Iterable[str]) -> None:
    """Write a manifest: the content, the hash of each file named, and its own hash; whole or not at all."""
    held = {key: value for key, value in content.items() if key not in (FILES, SEAL)}
    held[FILES] = {file: file_hash(folder / file) for file in files}
    write_whole(folder / name, _text({**held, SEAL: _own_hash(held)}))


def read_manifest_file(folder: Path, name: str, formats: Mapping[str, int]) -> dict[str, Any]:
    """Return what a manifest says.

    formats: `format` must be this number. Raises RunFolderError if the file is missing, damaged, or of another format.
    """
    path = folder / name
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise RunFolderError(f"{folder} is not a run folder: it holds no {name}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RunFolderError(f"{path} is damaged and cannot be read. Run again.") from error
    if not isinstance(found, dict) or any(found.get(key) != number for key, number in formats.items()):
        said = ", ".join(str(number) for number in formats.values())
        raise RunFolderError(f"{path} was written in another format than this version's ({said}). Run again.")
    if not isinstance(found.get(FILES), dict):
        raise RunFolderError(f"{path} is damaged: it does not say {FILES}. Run again.")
    return found


def altered(folder: Path, name: str, manifest: Mapping[str, Any]) -> list[str]:
    """Return the names of files that are not as the manifest says, the manifest itself first; empty if all are."""
    wrong = [] if _is_as_written(folder / name, manifest) else [name]
    return wrong + [file for file, digest in manifest[FILES].items() if _hash_or_none(folder / file) != digest]


def refuse_altered(folder: Path, names: Iterable[str], next_step: str) -> None:
    """Raise RunFolderError with the names of the files that differ, if there are any, and what to do next."""
    if listed := list(names):
        files = ", ".join(str(folder / name) for name in listed)
        raise RunFolderError(f"{files}: not as written when the numbers were made. {next_step}")


def write_whole(path: Path, text: str) -> None:
    """Write a text file under another name and rename it, so that a name that exists stands for a whole file."""
    fresh = path.with_suffix(path.suffix + ".writing")
    fresh.write_text(text, encoding="utf-8", newline="\n")
    fresh.replace(path)


def _is_as_written(path: Path, manifest: Mapping[str, Any]) -> bool:
    held = {key: value for key, value in manifest.items() if key != SEAL}
    if manifest.get(SEAL) != _own_hash(held):
        return False
    try:
        return path.read_bytes() == _text(manifest).encode()
    except OSError:
        return False


def _hash_or_none(path: Path) -> str | None:
    try:
        return file_hash(path)
    except (OSError, ValueError):  # a name with a zero byte is no path
        return None


def _own_hash(held: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1) + "\n"
