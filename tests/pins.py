"""Pins: the numbers of every question at fixed seeds, written once and held against the code from then on.

`python tests/pins.py` compares every pin with the code that Python imports and prints what differs; names after it
choose some. `python tests/pins.py --write [names...]` writes pins from that code. A pin holds the keys of an answer's
JSON and its numbers, never its words: words may be improved, keys may be added, numbers may not move. Questions are
asked through the command line, so that a pin does not care how the package is arranged.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

import edgeofcare
from edgeofcare.cli import main as command_line

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(__file__).resolve().parent / "pins"

# Name of a pin: the question, with today's names of commands. {small} is a scenario of two boroughs, one year and
# seven uncertain inputs: it turns inside, beyond and nowhere, and questions that move every input are quick on it.
# {folder} is a new one: rows kept from another day must not answer in place of the code.
COMMANDS = {
    "run_pan_london": "run pan_london --replications 1000",
    "run_essex": "run essex --replications 1000",
    "run_pan_london_ten": "run pan_london_ten --replications 1000",
    "run_evidence": "run pan_london_evidence --replications 200 --outer-draws 20",
    "join": "join pan_london haringey --replications 300",
    "join_limits": "join pan_london haringey --limits --replications 100",
    "join_in_sequence": "join pan_london haringey hackney@2019-04-01 --in-sequence --teams plus-fft --cap fixed "
    "--when 2018-10-01 --replications 100",
    "contracts": "contracts pan_london --contracts all --replications 200",
    "contracts_grid": "contracts {small} --contracts own --grid --replications 50",
    "contracts_same_cost": "contracts {small} --contracts own,essex --same-cost --replications 50",
    "contracts_log": "contracts {small} --contracts own --log 3",
    "exposure": "exposure pan_london --budget newham=400000 --replications 200",
    "exposure_contract": "exposure {small} --contract newpin --replications 100",
    "stress": "stress pan_london --stress half_effect,payments_late+lower_cap,borough_leaves,net_widening,pandemic,"
    "start_effect --replications 200",
    "stress_for_borough": "stress pan_london --stress base_45,referrals_30 --for newham --replications 100",
    "breakeven": "breakeven pan_london --replications 100",
    "breakeven_small": "breakeven {small} --contract essex --target-irr 0.05 --chance 0.7 --replications 100",
    "cost_sharing": "cost-sharing pan_london --replications 300",
    "tornado": "tornado {small} --replications 50",
    "tornado_irr": "tornado {small} --output irr --replications 50",
    "switching_values": "switching-values {small} --replications 50",
    "switching_values_boroughs": "switching-values {small} --for boroughs --replications 50",
    "grid": "grid pan_london --n 3 --replications 100",
    "grid_inputs": "grid {small} --x price --y costs.set_up_gbp --n 4 --replications 50",
    "reverse_stress": "reverse-stress {small} --replications 20",
    "value_of_information": "value-of-information {small} --outer-draws 50 --out {folder}",
    "sobol": "sobol {small} --n 8 --out {folder}",
    "calibrate": "calibrate pan_london --replications 100",
    "lint": "lint pan_london",
    "lint_contracts": "lint {small} --contracts own,manchester,newpin,benevolent_society,cuyahoga",
    "backtest": "backtest --replications 50",
    "reforecast": "reforecast pan_london_evidence --observed {actuals} --outer-draws 40 --per-draw 10",
    "tornado_pan_london": "tornado pan_london --replications 10",
    "switching_values_pan_london": "switching-values pan_london --replications 10",
    "reverse_stress_pan_london": "reverse-stress pan_london --replications 10",
}
# Every uncertain input of a shipped scenario meets its targets again: minutes, unless the calibrations are kept.
SLOW = ("tornado_pan_london", "switching_values_pan_london", "reverse_stress_pan_london")
# Commands by the names they had when the pins were written; used only where the code does not know the new name.
OLD_NAMES = {
    "contracts": "payments",
    "cost-sharing": "shares",
    "switching-values": "switch",
    "reverse-stress": "reverse",
    "value-of-information": "voi",
    "reforecast": "update",
}
PLACES = {
    "small": FOLDER / "small.toml",
    "actuals": ROOT / "scenarios" / "reference" / "actuals_pan_london_2018_10.toml",
}
# Name of a pin: the scenario of which every row of a run is pinned, column by column, to the last bit.
ROWS = {f"rows_{name}": name for name in ("pan_london", "essex", "pan_london_ten")}
REPLICATIONS_OF_ROWS, SEED = 1000, 1
NAMES = (*ROWS, *COMMANDS)

# Whole numbers must be equal. Numbers with a point may move in their last digits: means of pounds come from sums of
# floating-point pounds, and are allowed to come from sums of whole pence instead.
TOLERANCE = 1e-12
# What is left of large sums that cancel, such as the spread of a cost that never varies, is of no known digit: at most
# 4e-9 in the pins, where the least number that means something is 5e-7.
ROUNDING = 1e-8
WORDS = "w"  # stands for text in a pin: that it is there is pinned, not what it says
NO_KEYS = "no keys"  # stands for an object with no keys
ANY, LENGTH, OWN = "[*]", "[#]", "="  # any place in a list; how long it is; values of a path that also leads further
MOST_TOLD = 20
KEYS_OF_FORM = 3
WIDTH_OF_LINE, WIDTH_OF_VALUE = 400, 40

Keys = tuple[str, ...]
Values = dict[Keys, list[Any]]


# ---- asking ------------------------------------------------------------------------------------------------------


def ask(*words: str) -> tuple[int, str, str]:
    """Run a command in this process; return its exit code and what it wrote to stdout and stderr."""
    out, errors = io.StringIO(), io.StringIO()
    code: Any = 0
    with (
        mock.patch.object(sys, "argv", ["edgeofcare", *words]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
    ):
        try:
            command_line()
        except SystemExit as end:
            code = end.code
    return (0 if code is None else code), out.getvalue(), errors.getvalue()


@cache
def command_known(name: str) -> bool:
    """Say whether the code at hand has a command."""
    return ask(name, "--help")[0] == 0


def words_of(name: str, folder: str) -> list[str]:
    """Return the words of a pin's question as the code at hand wants them."""
    command, *rest = COMMANDS[name].split()
    if command in OLD_NAMES and not command_known(command):
        command = OLD_NAMES[command]
    return [command, *(word.format(folder=folder, **PLACES) for word in rest), "--json"]


def answer(name: str) -> Any:
    """Return the JSON object that the code at hand answers to a pin's question."""
    with tempfile.TemporaryDirectory() as folder:
        words = words_of(name, str(Path(folder) / "rows"))
        code, out, errors = ask(*words)
    if code != 0:
        raise RuntimeError(f"edgeofcare {' '.join(words)} ended with exit code {code}: {errors.strip()[-500:]}")
    return json.loads(out)


def found(name: str) -> Found:
    """Return what the code at hand gives for a pin."""
    return rows(ROWS[name]) if name in ROWS else flat(answer(name))


# ---- what is pinned ------------------------------------------------------------------------------------------------


@dataclass
class Found:
    """Values by path, ANY for any place in a list. where: the full path of each value, for people to read."""

    values: Values = field(default_factory=dict)
    where: dict[Keys, list[Keys]] = field(default_factory=dict)

    def add(self, path: Keys, where: Keys, value: Any) -> None:
        """Put a value at the end of its path."""
        self.values.setdefault(path, []).append(value)
        self.where.setdefault(path, []).append(where)


def flat(answer: Any) -> Found:
    """Return every leaf of a JSON object by its path, and the length of every list under LENGTH.

    A list that holds text directly has WORDS for its length: how many sentences there are is a matter of words.
    """
    found = Found()
    for path, where, value in _leaves(answer, (), ()):
        found.add(path, where, value)
    return found


def _leaves(value: Any, path: Keys, where: Keys) -> Iterator[tuple[Keys, Keys, Any]]:
    if isinstance(value, dict):
        if not value:
            yield path, where, NO_KEYS
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key), (*where, key))
    elif isinstance(value, list):
        has_words = any(isinstance(item, str) for item in value)
        yield (*path, LENGTH), (*where, LENGTH), WORDS if has_words else len(value)
        for i, item in enumerate(value):
            yield from _leaves(item, (*path, ANY), (*where, f"[{i}]"))
    else:
        yield path, where, WORDS if isinstance(value, str) else value


def readable(path: Keys) -> str:
    """Return a path as one would write it."""
    return "".join(part if part.startswith("[") else f".{part}" for part in path).removeprefix(".")


def rows(scenario: str) -> Found:
    """Return the hash of each column of the rows of a run, and the sum of those with a point.

    The sum says how far a column moved; the hash says that it did.
    """
    run = edgeofcare.run(edgeofcare.load(scenario), replications=REPLICATIONS_OF_ROWS, seed=SEED)
    found = Found()
    for name, table in run.tables.by_name().items():
        for column in table.columns:
            path = (name, str(column))
            found.add((*path, "sha256"), (*path, "sha256"), column_hash(str(column), table[column]))
            if table[column].dtype.kind == "f":
                found.add((*path, "sum"), (*path, "sum"), float(table[column].sum()))
    return found


def column_hash(name: str, column: pd.Series[Any]) -> str:
    """Return the SHA-256 of a column's name and values; as in the manifest of a run, but of one column."""
    digest = hashlib.sha256(f"{name}:{len(column)}:".encode())
    if isinstance(column.dtype, pd.CategoricalDtype):
        digest.update("|".join(map(str, column.cat.categories)).encode())
        column = column.cat.codes
    values = column.to_numpy()
    if values.dtype.kind in "OUT":
        digest.update("|".join(map(str, values)).encode())
    else:
        digest.update(values.astype("f8" if values.dtype.kind == "f" else "i8").tobytes())
    return digest.hexdigest()


# ---- files ---------------------------------------------------------------------------------------------------------


def place(name: str) -> Path:
    """Return the file of a pin."""
    return FOLDER / f"{name}.json"


def write(name: str, found: Found) -> None:
    """Write a pin: nested objects, and the keys of alike objects once."""
    answer = tree(found.values)
    often = Counter(keys for keys in _forms(answer) if len(keys) >= KEYS_OF_FORM)
    forms = [keys for keys, times in often.items() if times > 1]
    kept = {"forms": forms, "answer": _formed(answer, {keys: i for i, keys in enumerate(forms)})}
    place(name).write_text(_text(kept) + "\n", encoding="utf-8", newline="\n")


def read(name: str) -> Values:
    """Return the values of a pin by path."""
    kept = json.loads(place(name).read_text("utf-8"))
    return dict(_values(_unformed(kept["answer"], kept["forms"]), ()))


def _forms(node: Any) -> Iterator[Keys]:
    """Yield the keys of each object that holds no object."""
    if isinstance(node, dict):
        inner = [value for value in node.values() if isinstance(value, dict)]
        for value in inner:
            yield from _forms(value)
        if not inner:
            yield tuple(node)


def _formed(node: Any, forms: dict[Keys, int]) -> Any:
    """Return the tree with each object of a form as a list: first a list of one, the number of its form."""
    if not isinstance(node, dict):
        return node
    if tuple(node) in forms and not any(isinstance(value, dict) for value in node.values()):
        return [[forms[tuple(node)]], *node.values()]
    return {key: _formed(value, forms) for key, value in node.items()}


def _unformed(node: Any, forms: list[list[str]]) -> Any:
    if isinstance(node, list) and node and isinstance(node[0], list):
        return dict(zip(forms[node[0][0]], node[1:], strict=True))
    return {key: _unformed(value, forms) for key, value in node.items()} if isinstance(node, dict) else node


def tree(values: Values) -> dict[str, Any]:
    """Return values by path as nested objects: each key is then written once."""
    root: dict[str, Any] = {}
    above = {path[:i] for path in values for i in range(len(path))}
    for path, column in values.items():
        *parts, last = (*path, OWN) if path in above else path
        node = root
        for part in parts:
            node = node.setdefault(part, {})
        one = column[:1] if all(value == WORDS for value in column) else column
        node[last] = one if len(one) > 1 else one[0]
    return root


def _values(node: Any, path: Keys) -> Iterator[tuple[Keys, list[Any]]]:
    if isinstance(node, dict):
        for key, inner in node.items():
            yield from _values(inner, path if key == OWN else (*path, key))
    else:
        yield path, node if isinstance(node, list) else [node]


def _text(node: Any, depth: int = 0) -> str:
    """Return JSON in which an object that fits has one line."""
    line = json.dumps(node, separators=(",", ":"))
    if not isinstance(node, dict) or len(line) <= WIDTH_OF_LINE:
        return line
    inner = ",\n".join(f"{' ' * (depth + 1)}{json.dumps(key)}:{_text(node[key], depth + 1)}" for key in node)
    return f"{{\n{inner}\n{' ' * depth}}}"


# ---- comparing -----------------------------------------------------------------------------------------------------


@dataclass
class Difference:
    """What differs from a pin, in lines to read. Keys that were added are no fault."""

    missing: list[str]
    moved: list[str]
    added: list[str]

    @property
    def fault(self) -> bool:
        """Whether the code breaks the pin."""
        return bool(self.missing or self.moved)

    def text(self, name: str) -> str:
        """Return the difference to read: keys that are missing, numbers that moved, keys that are new."""
        question = COMMANDS.get(name, f"rows of run {ROWS.get(name, '')}, {REPLICATIONS_OF_ROWS} replications")
        counts = f"{len(self.missing)} keys missing, {len(self.moved)} values moved, {len(self.added)} keys new"
        lines = [*(f"missing: {path}" for path in self.missing), *(f"moved: {line}" for line in self.moved)]
        lines += [f"new: {path}" for path in self.added]
        more = [f"... and {len(lines) - MOST_TOLD} more"] if len(lines) > MOST_TOLD else []
        return "\n  ".join([f"{name} ({question}): {counts}", *lines[:MOST_TOLD], *more])


def compare(pinned: Values, found: Found) -> Difference:
    """Return what differs between a pin and what was found."""
    missing, moved = [], []
    for path, values in pinned.items():
        if path not in found.values:
            filled = values == [NO_KEYS] and any(other[: len(path)] == path for other in found.values)
            missing += [] if filled else [readable(path)]
        elif values != [WORDS]:
            moved += _moved(path, values, found)
    return Difference(missing, moved, [readable(path) for path in found.values if path not in pinned])


def _moved(path: Keys, values: list[Any], found: Found) -> list[str]:
    now, where = found.values[path], [readable(one) for one in found.where[path]]
    if len(now) != len(values):
        return [f"{readable(path)} has {len(now)} values, pinned {len(values)}"]
    triples = zip(where, values, now, strict=True)
    return [f"{at} is {_told(b)}, pinned {_told(a)}{_relative(a, b)}" for at, a, b in triples if not same(a, b)]


def same(pinned: Any, now: Any) -> bool:
    """Say whether a value is the one pinned; only numbers with a point have a tolerance."""
    if isinstance(pinned, float) and _is_number(now):
        both_none = math.isnan(pinned) and math.isnan(now)
        return both_none or math.isclose(pinned, now, rel_tol=TOLERANCE, abs_tol=ROUNDING)
    return bool(pinned == now) and isinstance(pinned, bool) == isinstance(now, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _told(value: Any) -> str:
    text = "words" if value == WORDS else repr(value)
    return text if len(text) <= WIDTH_OF_VALUE else f"{text[:16]}..."


def _relative(pinned: Any, now: Any) -> str:
    if not (_is_number(pinned) and _is_number(now)) or pinned == 0:
        return ""
    return f" (by {(now - pinned) / abs(pinned):+.1e} of it)"


# ---- the script ----------------------------------------------------------------------------------------------------


def main() -> int:
    """Write pins, or compare them; return 1 if one is broken."""
    parser = argparse.ArgumentParser(description="Pin today's numbers, or compare the code with the pins.")
    parser.add_argument("names", nargs="*", metavar="name", help="pins; all if none is named")
    parser.add_argument("--write", action="store_true", help="write pins from the code that Python imports")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in NAMES]:
        parser.error(f"there is no pin {', '.join(unknown)}. There are {', '.join(NAMES)}.")
    broken = 0
    for name in asked.names or NAMES:
        now = found(name)
        if asked.write:
            write(name, now)
            print(f"{name}: {place(name).stat().st_size:,} bytes", flush=True)
            continue
        difference = compare(read(name), now)
        broken += difference.fault
        told = difference.fault or difference.added
        print(difference.text(name) if told else f"{name}: nothing moved", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
