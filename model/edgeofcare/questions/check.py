"""What is allowed in a scenario and probably not meant, and what it inherits from where.

In: a scenario. Out: `Checked`. Warnings that need no engine come from inputs/checks.py; here are those that need
hazards (W9) or simulated contracts (W10). Must not know: how they are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from edgeofcare.errors import EdgeOfCareError, Fault, InputError, InputWarning
from edgeofcare.inputs.checks import warnings_of
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.written import Place, Written

WITH_ENGINE = ("W9", "W10")
CONTRACTS, SEED = 100, 1
MOST_SHORT_SHARE = 0.01  # of simulated contracts in which bills may stay open


@dataclass(frozen=True)
class Inherited:
    """A value, or a whole table, that a file takes from another one. key: dotted; line: of its first value there."""

    key: str
    file: str
    line: int | None


@dataclass(frozen=True)
class Checked:
    """What a check finds in a scenario without faults.

    inherited: single values; tables: the same in few lines, a table where all that is in it comes from one file.
    not_looked_at: warnings that were left out, by id.
    """

    scenario: str
    title: str
    n_boroughs: int
    n_teams: int
    n_sourced: int
    warnings: tuple[InputWarning, ...]
    inherited: tuple[Inherited, ...]
    tables: tuple[Inherited, ...]
    not_looked_at: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {"faults": []} | asdict(self) | {"n_warnings": len(self.warnings)}


def check(scenario: Scenario, quick: bool = False, strict: bool = False) -> Checked:
    """Return the warnings of a scenario and what it inherits.

    quick: without the warnings that need hazards or simulated contracts. strict: raise InputError for any warning.
    """
    found = warnings_of(scenario)
    if not quick:
        found = sorted([*found, *_with_engine(scenario)], key=lambda warning: int(warning.id[1:]))
    if strict and found:
        raise InputError([as_fault(warning) for warning in found])
    return Checked(
        scenario=scenario.name,
        title=scenario.title,
        n_boroughs=len(scenario.boroughs),
        n_teams=len(scenario.teams),
        n_sourced=len(scenario.origins),
        warnings=tuple(found),
        inherited=tuple(Inherited(key, place.file, place.line) for key, place in scenario.written.inherited().items()),
        tables=tuple(tables_inherited(scenario.written)),
        not_looked_at=WITH_ENGINE if quick else (),
    )


def as_fault(warning: InputWarning) -> Fault:
    """Return a warning as a fault, for `--strict`."""
    return Fault(warning.file, warning.line, warning.key, f"{warning.id} {warning.sentence.removesuffix('.')}")


def faults_as_dict(error: InputError) -> dict[str, Any]:
    """Return the faults of a file for `--json`."""
    rows = [
        {"key": fault.path, "file": fault.file, "line": fault.line, "sentence": f"{fault.rule}. {fault.hint}".strip()}
        for fault in error.faults
    ]
    return {"faults": rows, "warnings": [], "n_warnings": 0}


# ---- warnings that need an engine ------------------------------------------------------------------------------------


def _with_engine(scenario: Scenario) -> Iterator[InputWarning]:
    from edgeofcare.experiment import case_of

    try:
        case = case_of(scenario)
    except EdgeOfCareError as error:  # a target out of reach: a run would say the same
        raise InputError([_unreachable(scenario, error)]) from None
    yield from entries(scenario, case.entry_scale_days)
    yield from short_of_money(scenario)


def _unreachable(scenario: Scenario, error: EdgeOfCareError) -> Fault:
    place = scenario.written.place("effect")
    file, line = (place.file, place.line) if place else (scenario.name, None)
    return Fault(file, line, "effect", str(error).removesuffix("."))


def entries(scenario: Scenario, entry_scale_days: float) -> Iterator[InputWarning]:
    """Give W9: referrals that imply more entries into care than are possible, or likely."""
    from edgeofcare.engine.expected import ever_in_care_prob
    from edgeofcare.engine.plan import make_plan
    from edgeofcare.engine.rates import entries_warning

    prob = ever_in_care_prob(make_plan(scenario, entry_scale_days, 1.0), scenario)
    for slug, told in entries_warning(scenario, prob).items():
        if told:
            key, starts = f"boroughs.{slug}.referrals_per_year", f"boroughs.{slug}.adolescent_care_starts_per_year"
            cause = scenario.written.latest(key, starts) if starts in scenario.written.places else key
            yield scenario.written.warning("W9", key, told, cause)


def short_of_money(scenario: Scenario) -> Iterator[InputWarning]:
    """Give W10: a commitment with which bills stay open in more than 1 of 100 simulated contracts."""
    from edgeofcare.experiment import OWN, case_of, experiment

    capital = scenario.capital
    found = experiment({OWN: case_of(scenario)}, SEED, CONTRACTS, ("owed_at_worst_gbp", "funding_needed_gbp"))
    rows = found[OWN, OWN]
    short = int((rows["owed_at_worst_gbp"] > 0).sum())
    if short <= MOST_SHORT_SHARE * CONTRACTS:
        return
    told = f"bills stay open in {short} of {CONTRACTS} contracts"
    if capital.tranches:
        yield scenario.written.warning("W10", "capital.tranches", f"The tranches are too small: {told}.")
        return
    needed = float(sorted(rows["funding_needed_gbp"])[-2])
    own = f"The commitment of {_million(capital.commitment_gbp or 0.0)} is too small"
    enough = f"{CONTRACTS - 1} of {CONTRACTS} need at most {_million(needed)}"
    yield scenario.written.warning("W10", "capital.commitment_gbp", f"{own}: {told}; {enough}.")


def _million(gbp: float) -> str:
    return f"GBP {gbp / 1e6:.2f}m" if gbp >= 1e5 else f"GBP {gbp:,.0f}"


# ---- what is inherited -----------------------------------------------------------------------------------------------


def tables_inherited(written: Written) -> Iterator[Inherited]:
    """Give what is inherited in as few keys as possible: a table where all in it comes from one file."""
    last = len(written.files) - 1
    tables = {path.rpartition(".")[0] for path in written.places}
    leaves = {path: places[0] for path, places in written.places.items() if path not in tables}
    inside: dict[str, set[int]] = {}
    for path, place in leaves.items():
        parts = path.split(".")
        for n in range(1, len(parts) + 1):
            inside.setdefault(".".join(parts[:n]), set()).add(place.layer)
    given = set[str]()
    for path, place in leaves.items():
        parts = path.split(".")
        heads = (".".join(parts[:n]) for n in range(1, len(parts) + 1))
        whole = next(head for head in heads if len(inside[head]) == 1)
        if place.layer < last and whole not in given:
            given.add(whole)
            yield _first(written, whole, place)


def _first(written: Written, key: str, place: Place) -> Inherited:
    there = next((found for found in written.places.get(key, ()) if found.layer == place.layer), place)
    return Inherited(key, there.file, there.line)
