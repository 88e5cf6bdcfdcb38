"""What "35% to 65%" means: the same two numbers read as each of the three measures, in hazards, days and pounds.

In: a scenario. Out: `Reading`s. Must not know: how they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgeofcare.engine.calibrate import Calibration
from edgeofcare.errors import CalibrationError, OptionError
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import MEASURES, Scenario
from edgeofcare.results import plain
from edgeofcare.walk import run


@dataclass(frozen=True)
class Reading:
    """One reading of the targets.

    day: the day, from the start of therapy, of the two measures that name one. problem: why the targets cannot be met
    so, with the range that can; otherwise empty. calibration: hazards, and all three measures on the sample. figures:
    means over a run (GBP, shares), with the run's own shares.
    """

    measure: str
    day: int
    own: bool
    problem: str
    calibration: Calibration | None
    figures: dict[str, float | None]


def readings(scenario: Scenario, replications: int = 200, seed: int = 1) -> list[Reading]:
    """Return the scenario's own reading and the two others of the same targets, each lived and priced.

    Raises OptionError for a scenario without targets of its own.
    """
    if scenario.effect.prior == "evidence":
        raise OptionError(
            f"{scenario.name} draws its effect from the evidence, so it has no targets of its own to "
            f"read. Choose a scenario with targets, such as pan_london."
        )
    return [_read(scenario, measure, replications, seed) for measure in MEASURES]


def _read(scenario: Scenario, measure: str, replications: int, seed: int) -> Reading:
    own = measure == scenario.effect.measure
    day = scenario.tracking.days if scenario.effect.day is None else scenario.effect.day
    read = scenario if own else with_values(scenario, {"effect.measure": measure, "effect.day": day})
    try:
        done = run(read, replications, seed)
    except CalibrationError as error:
        return Reading(measure, day, own, str(error), None, {})
    found = plain(done.summary.calibration)
    in_run = found.pop("in_run")
    return Reading(
        measure,
        day,
        own,
        "",
        Calibration(**found),
        {
            **_figures(plain(done.summary)),
            **{f"tracked_days_out_of_care_in_run_{arm}": in_run[arm] for arm in ("usual", "therapy")},
        },
    )


def _figures(summary: dict[str, Any]) -> dict[str, float | None]:
    return {
        "avoided_nominal_gbp": summary["avoided_cost_gbp"]["nominal"]["mean"],
        "avoided_contract_window_gbp": summary["avoided_cost_gbp"]["contract_window"]["mean"],
        "payments_gbp": summary["payments_gbp"]["total"]["mean"],
        "irr_of_expected_flows": summary["investor"]["irr_of_expected_flows"],
    }
