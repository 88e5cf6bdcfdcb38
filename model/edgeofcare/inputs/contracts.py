"""Contracts that can be laid over any scenario's children. In: names or TOML files. Out: scenarios under them.

A contract file holds `title`, `[contract]` and, where the investors' money belongs to the terms, `[capital]`; its
numbers are written as in scenarios. Also contracts made larger, dearer or cheaper. Must not know: engines, money.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgeofcare.errors import Fault, InputError, OptionError
from edgeofcare.inputs.contract import Capital, Contract
from edgeofcare.inputs.files import Layer, is_file, read_file, scenario_folder
from edgeofcare.inputs.load import Part, load, read_part, scenario_hash, shipped, value_at
from edgeofcare.inputs.messages import FILLED, Words, explain
from edgeofcare.inputs.ranges import range_faults
from edgeofcare.inputs.schema import Correlation, Origin, Scenario
from edgeofcare.inputs.sourced import choices
from edgeofcare.inputs.toml_lines import KeyPath, dotted
from edgeofcare.inputs.types import Frozen, Text

ORDER = (
    "pan_london",
    "essex",
    "norfolk",
    "suffolk",
    "dn2",
    "birmingham",
    "manchester",
    "newpin",
    "benevolent_society",
    "cuyahoga",
    "fee_for_service",
    "self_finance",
)
OWN = "own"  # the scenario's own contract, among others
ONLY_IN_SCENARIOS = set(Scenario.model_fields) - {"title", "description", "contract", "capital"} - FILLED | {
    "extends",
    "remove",
}


class ContractFile(Frozen):
    """What a contract file may hold."""

    title: Text
    """Name for people: which contract, of whom."""
    contract: Contract
    """Who pays what for which outcome."""
    capital: Capital | None = None
    """The investors' money, where it belongs to the terms; the scenario's if not given."""


def names_for(scenario: Scenario) -> dict[str, str]:
    """Return the titles of the contracts to compare on a scenario, by name: the shipped ones, its own first if it is
    none of them."""
    named = scenario.name in shipped_contracts()  # the contract of a shipped scenario is shipped under its name
    shipped_own = named and scenario_hash(load(scenario.name)) == scenario_hash(scenario)
    own = {} if shipped_own else {OWN: f"This scenario's own: {scenario.contract.name or scenario.title}"}
    return own | {name: contract_title(name) for name in shipped_contracts()}


def shipped_contracts() -> list[str]:
    """Return the names of the shipped contracts: payments by outcome, then by improvement, then the comparators."""
    names = {path.stem for path in _folder().glob("*.toml")}
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def contract_title(name_or_path: str | Path) -> str:
    """Return the title of a contract file; raise InputError if there is no such contract."""
    return str(read_file(_find(name_or_path)).tree.get("title", ""))


def contracts_over(
    scenario: Scenario, names: str | Sequence[str], service_cost_gbp: float | None = None
) -> dict[str, Scenario]:
    """Return the scenario under each of these contracts, by name; raise InputError with every fault of all of them.

    names: "all" (the shipped ones), "own" (the scenario's), names and files, as a list or with commas between.
    """
    found: dict[str, Scenario] = {}
    files: dict[str, Path] = {}
    faults: list[Fault] = []
    for asked in _asked(names):
        if asked == OWN:
            found[OWN] = scenario
            continue
        try:
            path = _find(asked)
            if files.setdefault(path.stem, path) != path:
                rule = f"two of the contracts asked for are named {path.stem}"
                raise InputError([Fault(asked, None, "", rule, "", "Rename one file.")])
            found[path.stem] = lay(scenario, path, service_cost_gbp)
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults)
    return found


def lay(scenario: Scenario, name_or_path: str | Path, service_cost_gbp: float | None = None) -> Scenario:
    """Return the scenario under another contract, shipped or in a file; raise InputError with every fault.

    Its contract is replaced whole, and its capital where the file has one, with all their origins; correlations that
    name a replaced key go. service_cost_gbp: planned cost of the scenario's service, GBP; a contract that says for
    which cost it was written (`sized_for_gbp`) is then made as much larger or smaller.
    """
    part = _read(read_file(_find(name_or_path)), scenario)
    written, origins = part.said, {dotted(path): origin for path, origin in part.origins.items()}
    contract, capital = written.contract, written.capital
    if service_cost_gbp is not None and contract.sized_for_gbp is not None:
        if not (math.isfinite(service_cost_gbp) and service_cost_gbp > 0):
            raise OptionError(f"the cost of the service must be above 0, not {service_cost_gbp}")
        factor = service_cost_gbp / contract.sized_for_gbp
        contract, capital = scaled(contract, capital, factor)
        because = f"times {factor:.4g}, for a service of GBP {service_cost_gbp:,.0f}"
        larger = written.model_copy(update={"contract": contract, "capital": capital})
        origins = {
            path: _moved(origin, factor, because) if value_at(written, path) != value_at(larger, path) else origin
            for path, origin in origins.items()
        }
    return _laid(scenario, contract, capital, origins).model_copy(update={"written": part.written})


# ---- larger, dearer ----------------------------------------------------------------------------------------------
# Which numbers move, each part of a contract says itself: see scaling.py.


def scaled(contract: Contract, capital: Capital | None, factor: float) -> tuple[Contract, Capital | None]:
    """Return a contract and its capital for a service that costs `factor` times as much: sums change, prices do not.

    Sums are caps, floors, principals, yearly fees, standstill sums, commitments, cash in hand and limits of the
    waterfall; `sized_for_gbp` goes along, so that scaling twice is scaling once by the product.
    """
    _check(factor)
    return contract.times(factor, "size"), capital and capital.times(factor, "size")


def at_price(scenario: Scenario, factor: float) -> Scenario:
    """Return a scenario with all prices of its contract times `factor`, and nothing else: caps and principals stay.

    Prices are those of outcomes, starts and missing starts, rungs of ladders other than on a principal, fixed fees,
    and the fee on cost (1 + margin). Sources of numbers still tell of those before.
    """
    _check(factor)
    return scenario.model_copy(update={"contract": scenario.contract.scaled(factor)})


def priced(scenario: Scenario, factor: float) -> Scenario:
    """Return a scenario whose contract pays `factor` times as much whatever happens: prices, caps, floors, principals.

    Self-finance stays: it is the cost of the service. So does what is due at an early end, a share of that cost.
    """
    _check(factor)
    return scenario.model_copy(update={"contract": scenario.contract.times(factor, "pay")})


def _check(factor: float) -> None:
    if not (math.isfinite(factor) and factor >= 0):
        raise OptionError(f"a contract can be scaled by a number of 0 or more, not by {factor}")


# ---- files -------------------------------------------------------------------------------------------------------


def _folder() -> Path:
    return scenario_folder() / "contracts"


def _asked(names: str | Sequence[str]) -> list[str]:
    listed = [names] if isinstance(names, str) else list(names)
    asked = [part.strip() for text in listed for part in str(text).split(",") if part.strip()]
    if not asked:
        raise OptionError(f"name one contract or more, or all. Shipped contracts: {', '.join(shipped_contracts())}")
    return list(dict.fromkeys(name for part in asked for name in (shipped_contracts() if part == "all" else [part])))


def _find(name_or_path: str | Path) -> Path:
    """Return the file of a shipped contract or of a path."""
    text = str(name_or_path)
    bare = isinstance(name_or_path, str) and re.fullmatch(r"[\w -]*", text)
    path = _folder() / f"{text}.toml" if bare and text in shipped_contracts() else Path(name_or_path)
    if is_file(path):
        return path
    if path.is_dir() and not bare:
        raise InputError([Fault(text, None, "", "is a folder, not a contract file")])
    rule = "there is no contract of this name" if bare else "there is no such file"
    hint = choices(path.stem, shipped_contracts(), "Shipped contracts")
    if bare and text in shipped():
        rule = f"there is no contract of this name; it is a scenario: edgeofcare run {text}"
    raise InputError([Fault(text, None, "", rule, "", hint)])


def _read(layer: Layer, scenario: Scenario) -> Part[ContractFile]:
    """Return what a contract file says, with origins, or raise InputError with all faults by line."""
    _refuse_scenario(layer)

    def further(values: dict[str, Any], _: ContractFile, origins: dict[KeyPath, Origin]) -> list[Words]:
        laid = scenario.model_dump(exclude=FILLED) | {key: values[key] for key in values if key != "title"}
        found = range_faults(laid, origins)
        try:
            Scenario.model_validate(laid)
        except ValidationError as error:
            found += [words for words in explain(error.errors(), laid) if words not in found]
        return found

    return read_part(layer.path, ContractFile, scenario, further, layer)


def _refuse_scenario(layer: Layer) -> None:
    """Raise InputError for a scenario, or a file that extends one: laid as a contract, most of it would be lost."""
    if strange := [key for key in layer.tree if key in ONLY_IN_SCENARIOS]:
        rule = "this file is a scenario, not a contract"
        holds = "A contract file holds title, contract and, if it needs its own, capital"
        hint = f"{holds}. A scenario is run by itself: edgeofcare run {layer.source.name}"
        first = min(strange, key=lambda key: layer.source.lines.get((key,), 0))
        raise InputError([layer.source.fault((first,), rule, "", hint)])


# ---- scenarios ---------------------------------------------------------------------------------------------------


def _laid(scenario: Scenario, contract: Contract, capital: Capital | None, origins: dict[str, Origin]) -> Scenario:
    """Return the scenario with this contract and, if there is one, this capital, and with their origins alone."""
    gone = ("contract.", "capital.") if capital else ("contract.",)

    def stays(pair: Correlation) -> bool:
        return not any(path.startswith(gone) for path in pair.between)

    return scenario.model_copy(
        update={
            "contract": contract,
            "capital": capital or scenario.capital,
            "correlations": tuple(pair for pair in scenario.correlations if stays(pair)),
            "origins": {key: origin for key, origin in scenario.origins.items() if not key.startswith(gone)} | origins,
        }
    )


def _moved(origin: Origin, factor: float, because: str) -> Origin:
    """Return the origin of a number that was multiplied: its range too, and the reason in its source."""
    ends = {key: factor * getattr(origin, key) for key in ("low", "high") if getattr(origin, key) is not None}
    return origin.model_copy(update=ends | {"source": f"{origin.source}; {because}", "quality": "judgement"})
