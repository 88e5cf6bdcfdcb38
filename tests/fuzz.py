"""Damaged files of every kind: none may end in a traceback, take long or take much memory.

    python tests/fuzz.py --count 13000 --seed 1 [--kinds scenario,contract,...]

Each mutant is a shipped file of its kind after one to four small accidents: a number retyped, a line lost or doubled, a
character struck wrongly, a table renamed, a value of another kind. It is read as the command line would read it, and
what is read is simulated and settled once, at hazards of its own choosing. Same seed, same mutants.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from edgeofcare.engine.plan import make_plan
from edgeofcare.errors import EdgeOfCareError
from edgeofcare.experiment import available_engine, engine_of, priced, settle
from edgeofcare.inputs import load as loading
from edgeofcare.inputs.boroughs import load_joiner, with_joiner
from edgeofcare.inputs.checks import warnings_of
from edgeofcare.inputs.contracts import lay
from edgeofcare.inputs.describe import assumptions_csv, resolved_text
from edgeofcare.inputs.files import Layer, read_file, scenario_folder
from edgeofcare.inputs.load import load, scenario_hash
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.stresses import read_stress, stressed
from edgeofcare.inputs.write import as_toml
from edgeofcare.questions.check import tables_inherited
from edgeofcare.questions.reforecast import load_actuals

MOST_SECONDS, MOST_KB, MOST_REFERRALS = 5.0, 500_000, 3000
VALUES = [
    "nan", "inf", "-inf", "-1", "0", "0.0", "true", "false", "''", "'x'", "[]", "{}", "[[]]", "[{}]", "[1, 'a', {}]",
    "{value = 1}", "{value = {}}", "{value = []}", "{low = 1}", "{low = 2.0, high = 1.0}", "{reference = 1}",
    "{reference = 'a:b'}", "{reference = ':'}", "{reference = 'price_series:residential.london', times = 1e308}",
    "{reference = 'care_starts:adolescent_excluding_uasc.sutton.central', times = -1, low = 'x'}",
    "{value = 1.0, low = 0.0, high = 2.0, distribution = 'lognormal'}", "{value = 0.5, low = 0.4, high = 0.6}",
    "{value = 0.5, low = 0.5, high = 0.5, distribution = 'beta'}", "{value = 3, price_year = '2030-31'}",
    "{value = 3, price_year = '1999-00'}", "{value = 3, date = '2024-25', quality = 'data', source = 'x'}",
    "1e400", "1e308", "5e-324", "-1e308", "1e-300", "9223372036854775807", "2018-01-01", "1900-01-01", "2099-12-31",
    "2018-01-01T00:00:00Z", "12:30:00", "'2018-19'", "'2018-99'", "'1999-00'", "'evidence'", "'=1+1'", "[0.5, 0.5]",
    "[1, 7, 12, 18, 22, 22, 15, 2]", "'" + "x" * 3000 + "'", "['pan_london']", "'mine'", "0.5", "1.0", "3", "40", "1e6",
    "{value = 1e9, low = 1.0, high = 1e9}", "{sutton = 0.5}", "[13, 26, 52]", "{value = 5, reference = 'a:b'}",
]  # fmt: skip
NO_VALUES = ["0x" + "f" * 300, "9" * 5000, "9,000", "0,5", "65%", "\u201cx\u201d", "\u00a01", "'\\u0000'", '"\\ud800"']
NO_VALUES += ['"' * 3, "'" * 3, "[" * 60, "{a = " * 60, "= =", ""]
HEADERS = ["[boroughs]", "[boroughs.x]", "[teams.x]", "[clock]", "[effect]", "[[contract.terms]]", "[contract]", "[x]"]
HEADERS += ["[[correlations]]", "[capital.tranches.a]", "[[capital.waterfall]]", "[prices.index.residential]", "[set]"]
LINES = [
    "extends = 'essex'",
    "remove = ['boroughs.*']",
    "remove = ['effect', 'teams']",
    "effect = 'evidence'",
    "x.y.z = 1",
]
LETTERS = "=.[]{}\"'#\n,-_ \t0123456789eE\u00a0\u201c\u2212\u0000\ufeff\u202eé東"
Reader = Callable[[Path], object]


@dataclass
class Found:
    """What went wrong with the mutants of one kind: (seed of the mutant, what)."""

    tracebacks: list[tuple[int, str]] = field(default_factory=list)
    slow: list[tuple[int, str]] = field(default_factory=list)
    large: list[tuple[int, str]] = field(default_factory=list)
    accepted: int = 0

    @property
    def n(self) -> int:
        """How many mutants did what none may do."""
        return len(self.tracebacks) + len(self.slow) + len(self.large)


# ---- accidents -------------------------------------------------------------------------------------------------------


def mutant(text: str, luck: random.Random) -> str:
    """Return a text after one to four accidents."""
    for _ in range(luck.choice((1, 1, 1, 2, 3, 4))):
        text = luck.choice(ACCIDENTS)(text, luck)
    return text


def _line(change: Callable[[str, random.Random], str]) -> Callable[[str, random.Random], str]:
    def accident(text: str, luck: random.Random) -> str:
        lines = text.split("\n")
        i = luck.randrange(len(lines))
        return "\n".join([*lines[:i], change(lines[i], luck), *lines[i + 1 :]])

    return accident


def _other_value(line: str, luck: random.Random) -> str:
    key, equals, _ = line.partition("=")
    return f"{key}= {_value(luck)}" if equals else f"{line}\nx = {_value(luck)}"


def _inner_value(line: str, luck: random.Random) -> str:
    """Retype one word or number of a line."""
    words = line.split(" ")
    i = luck.randrange(len(words))
    return " ".join([*words[:i], _value(luck), *words[i + 1 :]])


def _number(line: str, luck: random.Random) -> str:
    """Change one number of a line: another size, another sign, a digit lost."""
    numbers = list(re.finditer(r"\d+(\.\d+)?", line))
    if not numbers:
        return line
    at = luck.choice(numbers)
    new = luck.choice((f"-{at[0]}", f"{at[0]}0", f"{at[0]}e9", f"{at[0]}e-9", at[0][1:] or "0", f"{at[0]}.5", "0", "1"))
    return line[: at.start()] + new + line[at.end() :]


def _value(luck: random.Random) -> str:
    return luck.choice(VALUES) if luck.random() < 0.85 else luck.choice(NO_VALUES)


def _letter(text: str, luck: random.Random) -> str:
    i = luck.randrange(len(text) + 1)
    return text[:i] + luck.choice(LETTERS) + text[i + luck.choice((0, 1)) :]


def _cut(text: str, luck: random.Random) -> str:
    return text[: luck.randrange(len(text) + 1)]


def _swap(text: str, luck: random.Random) -> str:
    lines = text.split("\n")
    i, j = luck.randrange(len(lines)), luck.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    return "\n".join(lines)


ACCIDENTS: tuple[Callable[[str, random.Random], str], ...] = (
    _line(_other_value),
    _line(_other_value),
    _line(_other_value),
    _line(_inner_value),
    _line(_number),
    _line(_number),
    _line(lambda line, _: ""),
    _line(lambda line, _: f"{line}\n{line}"),
    _line(lambda line, luck: f"{luck.choice(HEADERS)}\n{line}"),
    _line(lambda line, luck: luck.choice(HEADERS) if line.startswith("[") else f"{line}\n{luck.choice(LINES)}"),
    _line(lambda line, luck: line.replace(luck.choice("abcdefghij_.019"), luck.choice("abcdefghij_.019"), 1)),
    _letter,
    _cut,
    _swap,
)

# ---- kinds of file ---------------------------------------------------------------------------------------------------


def _simulated(scenario: Scenario) -> object:
    """Simulate and settle one contract, if that takes no time: what passes the check must also run."""
    if sum(borough.referrals_per_year for borough in scenario.boroughs.values()) > MOST_REFERRALS:
        return None
    plan = make_plan(scenario, 500.0, 0.5)
    return settle(priced(engine_of(available_engine(None))(plan, 1, 0, 1), plan, scenario))


def _use_scenario(path: Path) -> object:
    scenario = load(path)
    list(tables_inherited(scenario.written))
    return scenario_hash(scenario), warnings_of(scenario), assumptions_csv(scenario), _simulated(scenario)


def _use_written(path: Path) -> object:
    scenario = load(path)
    return as_toml(scenario), resolved_text(scenario)


@lru_cache(maxsize=1)
def _pan_london() -> Scenario:
    return load("pan_london")


def _use_contract(path: Path) -> object:
    return _simulated(lay(_pan_london(), path, 7e6))


def _use_stress(path: Path) -> object:
    return _simulated(stressed(_pan_london(), read_stress(str(path))).scenario)


def _use_joiner(path: Path) -> object:
    return _simulated(with_joiner(_pan_london(), load_joiner(path, _pan_london()), planned_starts=300.0))


def _use_actuals(path: Path) -> object:
    return load_actuals(path, _pan_london())


EXTENDING = """extends = "pan_london"
title = "Mine"
[clock]
day_0 = 2018-02-06
[effect]
usual = 0.4
therapy = {value = 0.6, low = 0.5, high = 0.7, source = "ours", quality = "judgement"}
[prices]
base_year = "2017-18"
[prices.gbp_per_week]
residential = {value = 3700.0, price_year = "2018-19", source = "ours"}
[boroughs.sutton]
referrals_per_year = 20.0
[teams.fft]
n_therapists = 6
"""


def files_of(kind: str) -> list[str]:
    """Return the texts from which mutants of a kind are made."""
    folder = scenario_folder()
    if kind in ("scenario", "extending"):
        texts = [EXTENDING] if kind == "extending" else [(folder / "essex.toml").read_text("utf-8")]
        return [*texts, *([(folder / "pan_london_ten.toml").read_text("utf-8")] if kind == "extending" else [])]
    if kind == "actuals":
        return [path.read_text("utf-8") for path in sorted((folder / "reference").glob("actuals_*.toml"))]
    return [path.read_text("utf-8") for path in sorted((folder / kind).glob("*.toml"))]


KINDS: dict[str, Reader] = {
    "scenario": _use_scenario,
    "extending": _use_scenario,
    "contracts": _use_contract,
    "stresses": _use_stress,
    "boroughs": _use_joiner,
    "actuals": _use_actuals,
}


def _known_files() -> None:
    """Read each shipped file once: mutants extend them thousands of times."""
    known = lru_cache(maxsize=64)(read_file)

    def reading(path: str | Path) -> Layer:
        if scenario_folder() not in Path(path).parents:
            return read_file(path)
        layer = known(path)
        return replace(layer, tree=dict(layer.tree))

    loading.read_file = reading


def fuzz(kind: str, count: int, seed: int, folder: Path) -> Found:
    """Return what went wrong with so many mutants of a kind."""
    texts, found = files_of(kind), Found()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(count):
        luck = random.Random(f"{kind}/{seed}/{number}")
        text = mutant(luck.choice(texts), luck)
        path = folder / "mutant.toml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        start = time.process_time()
        try:
            KINDS[kind](path)
            found.accepted += 1
        except EdgeOfCareError as error:
            if "Traceback" in str(error) or len(str(error)) > 100_000:
                found.tracebacks.append((number, "a fault that is no sentence"))
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            found.tracebacks.append((number, f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"))
        if time.process_time() - start > MOST_SECONDS:
            found.slow.append((number, f"{time.process_time() - start:.1f} s"))
        now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if now > max(peak, MOST_KB):
            found.large.append((number, f"{now / 1000:.0f} MB"))
        peak = max(peak, now)
    return found


def main() -> int:
    """Make and read the mutants; print what went wrong; return 1 if anything did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(KINDS))
    asked = parser.parse_args()
    _known_files()
    _simulated(_pan_london())  # the engine is compiled once
    warnings.simplefilter("error", RuntimeWarning)  # a number that overflows on the way is as bad as a traceback
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind in asked.kinds.split(","):
            found = fuzz(kind, asked.count, asked.seed, Path(folder))
            bad += found.n
            print(
                f"{kind}: {asked.count} mutants of seed {asked.seed}, {found.accepted} accepted; "
                f"{len(found.tracebacks)} tracebacks, {len(found.slow)} over {MOST_SECONDS:g} s, "
                f"{len(found.large)} over {MOST_KB // 1000} MB",
                flush=True,
            )
            for number, what in [*found.tracebacks, *found.slow, *found.large][:20]:
                print(f"  mutant {number}: {what}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
