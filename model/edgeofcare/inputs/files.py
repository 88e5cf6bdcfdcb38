"""One file as it is on disk. In: a path. Out: its tables and the line of each key, or a sentence on what is wrong.

Size, keys and depth are looked at before the text is parsed. Must not know: what the keys mean.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeofcare.errors import Fault, InputError
from edgeofcare.inputs.old_keys import in_todays_keys
from edgeofcare.inputs.toml_lines import KeyPath, Source, beyond_limits, key_lines

LARGEST_BYTES = 2_000_000
LARGEST_BITS = 63  # of a whole number: what TOML promises to keep
LONGEST_NAME = 100
QUOTES = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb"
BLANKS = {"\u00a0": "non-breaking space", "\u2007": "figure space", "\u202f": "narrow space", "\u200b": "hidden space"}
DASHES = {"\u2013": "an en dash", "\u2014": "a long dash", "\u2212": "a minus sign of a word processor"}


@dataclass(frozen=True)
class Layer:
    """One file as read: its tables, and the lines of its keys."""

    path: Path
    source: Source
    tree: dict[str, Any]


def scenario_folder() -> Path:
    """Return the folder of the shipped scenarios: inside the installed package, or at the root of the repository."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "scenarios"
    return inside if inside.is_dir() else package.parents[1] / "scenarios"


def is_file(path: Path) -> bool:
    """Tell whether there is such a file; raise InputError for a name that no file can have."""
    try:
        return path.is_file()
    except OSError as error:
        name = str(path)
        shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."
        reason = (error.strerror or "no reason given").lower()
        raise InputError([Fault(shown, None, "", f"cannot be read: {reason}")]) from None


def read_file(path: str | Path) -> Layer:
    """Return a file's tables and the lines of its keys.

    Raises InputError if it cannot be read, is no TOML, or is larger than any such file needs to be.
    """
    name = shown_name(Path(path))
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise InputError([Fault(name, None, "", f"cannot be read: {reason}")]) from None
    except ValueError:  # a name with a null character
        raise InputError([Fault(name, None, "", "there is no such file")]) from None
    text = _text(name, data)
    tree = _parsed(name, text)
    lines = key_lines(text)
    tree, source = in_todays_keys(tree, lines), Source(name, lines)
    if faults := [source.fault(at, "is too large a number", shown) for at, shown in _huge_numbers(tree, ())]:
        raise InputError(faults)
    return Layer(Path(path), source, tree)


def shown_name(path: Path) -> str:
    """Return a file's name for people: from the working folder, or from the shipped scenarios."""
    try:
        there = path.resolve()
    except (OSError, ValueError, RuntimeError):
        return str(path)[:LONGEST_NAME]
    for folder in (Path.cwd(), scenario_folder().parent):
        if there.is_relative_to(folder):
            return str(there.relative_to(folder))
    return str(path)


def _text(name: str, data: bytes) -> str:
    if len(data) > LARGEST_BYTES:
        raise InputError([Fault(name, None, "", f"is larger than {LARGEST_BYTES / 1e6:g} MB: no such file needs more")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        hint = "Save it as plain text, encoding UTF-8."
        raise InputError([Fault(name, line, "", "is not a text file in UTF-8", "", hint)]) from None


def _parsed(name: str, text: str) -> dict[str, Any]:
    """Return the tables of a text within the limits."""
    if found := beyond_limits(text.replace("\r\n", "\n")):
        raise InputError([Fault(name, found[0], "", found[1])])
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError([Fault(name, None, "", "lists or tables are nested too deeply")]) from None
    except ValueError as error:
        said, _, place = str(error).partition(" (at ")
        at = re.match(r"line (\d+)", place)
        line = int(at[1]) if at else None
        told, hint = copied_text(text, line)
        rule = f"is not valid TOML: {told or said.rstrip('.')}"
        raise InputError([Fault(name, line, "", rule, "", hint)]) from None


def copied_text(text: str, line: int | None) -> tuple[str, str]:
    """Return what a word processor or a spreadsheet has put on a line that cannot be read, and how to mend it."""
    lines = text.split("\n")
    written = lines[line - 1] if line and line <= len(lines) else next((one for one in reversed(lines) if one), "")
    bare = re.sub(r'"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*', '""', written)
    for letter in bare:
        if letter in QUOTES:
            return f"{letter} is a curly quotation mark, as word processors write it", 'Write straight ones: "text".'
        if letter in BLANKS:
            return f"there is a {BLANKS[letter]} in this line, as word processors write it", "Write an ordinary space."
        if letter in DASHES:
            return f"{letter} is {DASHES[letter]}", "Write - for minus."
    outside = re.sub(r"\[[^\]]*\]", "[]", bare)
    if thousands := re.search(r"(?<![\d.,])[1-9]\d{0,2}(?:[, ]\d{3})+(?:\.\d+)?(?!\d|,\d)", outside):
        plain = re.sub("[, ]", "", thousands[0])
        return f"{thousands[0]} has separators between thousands", f"Write {plain}, or {_underscored(thousands[0])}."
    if decimal := re.search(r"(?<![\d.,])\d+,\d+(?!\d|,\d)", outside):
        return f"{decimal[0]} has a decimal comma", f"Write {decimal[0].replace(',', '.')}."
    if percent := re.search(r"(\d+(?:\.\d+)?) ?%", outside):
        return f"{percent[0]} is a percentage", f"Write {float(percent[1]) / 100:g}."
    if pounds := re.search(r"£ ?([\d.]+)", outside):
        return "£ is no part of a number", f"Write {pounds[1]}."
    return "", ""


def _underscored(number: str) -> str:
    return re.sub("[, ]", "_", number)


def _huge_numbers(node: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Give path and text of each whole number that is too large for TOML."""
    if isinstance(node, dict | list):
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _huge_numbers(child, (*path, key))
    elif type(node) is int and node.bit_length() > LARGEST_BITS:
        digits = "a number of more than 60 digits" if node.bit_length() > 200 else str(node)
        yield path, digits
