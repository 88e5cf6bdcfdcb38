"""Where each key of a TOML file is, and whether there are too many. In: text. Out: line numbers by path, limits.

Keys inside an inline table or an array have the line of the key that holds it. Must not know: what the keys mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgeofcare.errors import Fault

KeyPath = tuple[str | int, ...]
MOST_KEYS, DEEPEST, LONGEST_KEY = 20_000, 40, 200

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_ASSIGNMENT = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
# Each alternative takes every character in one way only, so that no text makes the search slow.
_STRINGS = r'"""(?:\\.|[^\\])*?"{3,5}|\'{3}.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*'
_TOKEN = re.compile(rf"{_STRINGS}|[\[\]{{}}]|\n", re.S)
_PIECE = re.compile(rf"{_STRINGS}|[\[\]{{}}=,.\n]|[^\s\[\]{{}}=,.#\"']+|[\"']", re.S)


@dataclass(frozen=True)
class Source:
    """A file that was read: its name for people, and the line of each key and table."""

    name: str
    lines: dict[KeyPath, int]

    def line(self, path: KeyPath) -> int | None:
        """Return the line of a key, or of the nearest table that holds it."""
        return next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), None)

    def fault(self, path: KeyPath, rule: str, got: str = "", hint: str = "") -> Fault:
        """Return a fault at a key, on the line of the key or of the nearest table that holds it."""
        return Fault(self.name, self.line(path), dotted(path), rule, got, hint)


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


# ---- limits ----------------------------------------------------------------------------------------------------------


@dataclass
class _Size:
    """What has been counted so far of a text: keys, and the depth of what is being read."""

    keys: int = 0
    table: int = 0
    parts: int = 0
    longest: int = 0

    def key_ends(self, depth: int) -> str:
        """Count a dotted key that has been read whole; return the limit that it exceeds, or nothing."""
        self.keys += self.parts
        too_long = self.longest > LONGEST_KEY
        too_deep = depth + self.parts > DEEPEST
        self.longest = 0
        if too_long:
            return f"a key is longer than {LONGEST_KEY} characters"
        if too_deep:
            return f"tables are nested too deeply: more than {DEEPEST} levels"
        return f"holds more than {MOST_KEYS:,} keys" if self.keys > MOST_KEYS else ""


def beyond_limits(text: str) -> tuple[int, str] | None:
    """Return line and rule of the first limit that a text exceeds (keys, depth, length of a key), or None.

    One pass over the text, before it is parsed: time and memory grow with its length alone.
    """
    size, stack, line = _Size(parts=1), list[int](), 1
    starts, in_header, holder = True, False, 0
    for piece in _PIECE.finditer(text):
        token = piece[0]
        rule, kind = "", token[0]
        if kind == "\n":
            line += 1
            if not stack:
                starts, in_header, holder = True, False, 0
                size.parts, size.longest = 1, 0
            continue
        if token == "[" and starts and not stack:
            in_header, size.parts, size.longest = True, 1, 0
            continue
        if token == "]" and in_header:
            rule = size.key_ends(0)
            size.table, in_header = size.parts, False
            starts = False
        elif token in ("[", "{"):
            stack.append(max(holder, 1))
            size.parts, size.longest, holder = 1, 0, 0
            if size.table + sum(stack) > DEEPEST:
                rule = f"lists or tables are nested too deeply: more than {DEEPEST} levels"
        elif token in ("]", "}"):
            stack = stack[:-1]
        elif token == "=":
            rule = size.key_ends(size.table + sum(stack))
            holder, size.parts = size.parts, 1
            starts = False
        elif token == ",":
            size.parts, size.longest, holder = 1, 0, 0
        elif token == ".":
            size.parts += 1
        elif kind != "#":
            size.longest = max(size.longest, len(token))
            starts = False
        if rule:
            return line, rule
        line += token.count("\n")
    return None
