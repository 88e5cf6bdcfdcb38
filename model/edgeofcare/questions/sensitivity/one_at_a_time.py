"""What every question of sensitivity shares: a scenario at other values of its inputs, with the same random draws.

In: a scenario and values. Out: cases, rows of what everyone gains at each, figures by the names of parties and outputs.
Must not know: which question is asked, how answers are shown, files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.errors import CalibrationError, InputError, OptionError
from edgeofcare.experiment import OWN, Case, Progress, all_of, experiment
from edgeofcare.inputs.load import uncertain, with_values
from edgeofcare.inputs.schema import Origin, Scenario
from edgeofcare.inputs.sourced import choices
from edgeofcare.outcomes import Change, Rows, against, rate_against
from edgeofcare.questions.counterfactuals import claimed_case

Floats = npt.NDArray[np.float64]
INVESTOR, BOROUGHS, IRR = "investor", "boroughs", "irr"
# Column of each output and of what each party gains; any other name is a borough's slug, its net saving.
OUTPUTS = {
    "profit": "profit_gbp",
    "net_saving": "net_saving_gbp",
    "avoided": "avoided_gbp",
    "payments": "all_payments_gbp",
    IRR: "flows",
}
GAINS = {INVESTOR: "npv_gbp", BOROUGHS: "net_saving_gbp"}
COLUMNS = (*OUTPUTS.values(), "npv_gbp")
Tell = Callable[[], None]


# ---- what may be asked ---------------------------------------------------------------------------------------------


def inputs_of(scenario: Scenario) -> dict[str, tuple[Any, Origin]]:
    """Return value and origin of the inputs that have a range, by path; raise OptionError if none has."""
    found = uncertain(scenario)
    if not found:
        raise OptionError(f"no input of {scenario.name} has a range. Give some `low` and `high` in the scenario file.")
    return found


def check_input(scenario: Scenario, path: str) -> tuple[Any, Origin]:
    """Return value and origin of an input; raise OptionError, with those that have a range, if it has none."""
    found = inputs_of(scenario)
    if path not in found:
        near = choices(path, found, "Inputs with a range")
        raise OptionError(f"{path} has no range, so there is nothing to move it between. {near}")
    return found[path]


def parties_of(scenario: Scenario) -> dict[str, str]:
    """Return the name of each party by what it is called in an option."""
    names = {INVESTOR: "the investor", BOROUGHS: "the boroughs together"}
    return names | {slug: borough.name for slug, borough in scenario.boroughs.items()}


def check_party(scenario: Scenario, party: str) -> str:
    """Return a party's name; raise OptionError for one that is not in the scenario."""
    names = parties_of(scenario)
    if party not in names:
        raise OptionError(f"there is no party {party} in {scenario.name}. It has {', '.join(names)}.")
    return names[party]


def check_output(scenario: Scenario, output: str) -> str:
    """Return the name of the figure for an output, or a borough's slug; raise OptionError if it is unknown."""
    known = (*OUTPUTS, *scenario.boroughs)
    if output not in known:
        raise OptionError(f"there is no output {output}. Choose one of {', '.join(known)}.")
    return output


def check_replications(replications: int) -> int:
    """Return the number of replications; raise OptionError below 2, for an error needs two."""
    if isinstance(replications, bool) or not isinstance(replications, int) or replications < 2:
        raise OptionError(f"replications must be a whole number from 2 (got {replications!r}).")
    return replications


class Steps:
    """Steps done of all, for whoever shows progress."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def __call__(self) -> None:
        """Count one step."""
        self._to(self.done + 1)

    def next(self, steps: int) -> Progress:
        """Return the progress of something that counts for so many steps."""
        before = self.done
        return lambda done, total: self._to(before + steps * done // max(total, 1))

    def _to(self, done: int) -> None:
        self.done = min(done, self.total)
        if self.progress:
            self.progress(self.done, self.total)


# ---- cases ---------------------------------------------------------------------------------------------------------


def moved(scenario: Scenario, values: Mapping[str, Any]) -> Case | str:
    """Return the case at other values, its targets met again; or why there is none."""
    try:
        return claimed_case(with_values(scenario, whole(scenario, values)) if values else scenario)
    except CalibrationError as error:
        return str(error)
    except InputError as error:
        return "; ".join(f"{fault.path} {fault.rule}" for fault in error.faults)


def whole(scenario: Scenario, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with those of whole numbers rounded."""
    ranged = uncertain(scenario)
    return {path: round(x) if path in ranged and isinstance(ranged[path][0], int) else x for path, x in values.items()}


def all_moved(scenario: Scenario, changes: Sequence[Mapping[str, Any]], tell: Tell) -> list[Case | str]:
    """Return the case of each change, several at a time."""

    def one(values: Mapping[str, Any]) -> Case | str:
        found = moved(scenario, values)
        tell()
        return found

    return all_of(one, changes)


def rows_at(
    cases: Sequence[Case | str], seed: int, replications: int, progress: Progress | None = None
) -> list[Rows | str]:
    """Return the rows of each case, all with the same random draws; what is no case stays as it is."""
    sound = {str(i): case for i, case in enumerate(cases) if isinstance(case, Case)}
    found = experiment(sound, seed, replications, COLUMNS, progress=progress)
    return [case if isinstance(case, str) else found[str(i), OWN] for i, case in enumerate(cases)]


# ---- figures -------------------------------------------------------------------------------------------------------


def figure(rows: Rows, name: str) -> Floats:
    """Return an output or what a party gains by replication, GBP; another name is a borough's slug."""
    column = {**OUTPUTS, **GAINS}.get(name)
    return np.asarray(rows.at(column) if column else rows.at("net_saving_gbp", borough=name))


def mean(rows: Rows, name: str) -> float | None:
    """Return the mean of a figure, or the rate of the expected flows (`irr`), None if there is not one."""
    return rows.rate() if name == IRR else float(figure(rows, name).mean())


def gain(rows: Rows, party: str) -> float:
    """Return what a party is expected to gain, GBP: the investor its net present value at its target rate."""
    return float(figure(rows, party).mean())


def change(rows: Rows, base: Rows, name: str) -> Change:
    """Return the mean change of a figure from that of the base, with its error on the same random draws."""
    found = rate_against(rows, base) if name == IRR else against(figure(rows, name), figure(base, name), rows.clusters)
    return Change(found.change, found.se)
