"""Where each key of a TOML file stands. In: text. Out: line numbers by path. Must not know: what the keys mean.

Keys inside an inline table or an array have the line of the key that holds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgeofcare.errors import Fault

KeyPath = tuple[str | int, ...]

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_ASSIGNMENT = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
_TOKEN = re.compile(r'"""(?:\\.|.)*?"{3,5}|\'{3}.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]|\n', re.S)


@dataclass(frozen=True)
class Source:
    """A file that was read: its name for people, and the line of each key and table."""

    name: str
    lines: dict[KeyPath, int]

    def fault(self, path: KeyPath, rule: str, got: str = "", hint: str = "") -> Fault:
        """Return a fault at a key, on the line of the key or of the nearest table that holds it."""
        line = next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), None)
        return Fault(self.name, line, dotted(path), rule, got, hint)


def dotted(path: KeyPath) -> str:
    """Return a path as people write it: "contract.terms.0.price_gbp"."""
    return ".".join(str(part) for part in path)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line on which each table header and key of a TOML text stands."""
    lines: dict[KeyPath, int] = {}
    last_index: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for line, start in _statements(text):
        if header := _HEADER.match(text, start):
            table = _table_path(_parts(header[2]), header[1] == "[[", last_index)
            for n in range(1, len(table) + 1):
                lines.setdefault(table[:n], line)
        elif key := _ASSIGNMENT.match(text, start):
            path = table + _parts(key[1])
            for n in range(len(table) + 1, len(path) + 1):
                lines.setdefault(path[:n], line)
    return lines


def _statements(text: str) -> Iterator[tuple[int, int]]:
    """Give the line number and position of each line that does not continue a value."""
    depth, line, counted = 0, 1, 0
    yield 1, 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        elif token[0] == "\n" and depth <= 0:
            line += text.count("\n", counted, token.end())
            counted = token.end()
            yield line, counted


def _parts(key: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in re.findall(_KEY, key))


def _table_path(header: KeyPath, is_array: bool, last_index: dict[KeyPath, int]) -> KeyPath:
    """Return a header's path with the index of each array of tables on the way."""
    path: KeyPath = ()
    for n, part in enumerate(header, 1):
        path += (part,)
        if is_array and n == len(header):
            last_index[path] = last_index.get(path, -1) + 1
        if path in last_index:
            path += (last_index[path],)
    return path
