"""Questions that several pages ask of a scenario: what therapy does, how often to simulate. Out: fields, scenarios.

Must not know: browsers, results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edgeofcare.documents.words import percent
from edgeofcare.engine.calibrate import TRACKED_SHARE, calibrate, with_odds_ratio
from edgeofcare.errors import CalibrationError, OptionError
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.pages.fields import Number, RefusedError, plain
from edgeofcare.questions.counterfactuals import trial_odds_ratio

UNIT = "% of tracked days"
LOW, HIGH = 1, 99  # of it
LABELS = {"usual": "Days out of care without therapy", "therapy": "Days out of care with therapy"}


def effect_fields(scenario: Scenario, texts: Mapping[str, str]) -> tuple[Number, Number]:
    """Return the two numbers that say what therapy does: the share of tracked days out of care without it and with it.

    Those of the scenario's own claim, or what its own measure comes to. Beside another share without therapy, the claim
    keeps its odds ratio of being in care. Raises OptionError for a scenario that claims nothing of its own.
    """
    usual, therapy = _claimed(scenario)
    first = Number(
        "usual",
        LABELS["usual"],
        usual,
        LOW,
        HIGH,
        1,
        UNIT,
        "Of the days tracked after the start. English trials of such services found more than contracts claim.",
        percent=True,
    )
    try:
        now = first.read(texts.get("usual", first.text))
    except OptionError:
        now = usual
    claimed = therapy if now == usual else 1 - with_odds_ratio(1 - now, _odds_ratio(usual, therapy))
    trial = 1 - with_odds_ratio(1 - now, trial_odds_ratio("start"))
    shortcuts = (
        ("as claimed", _shown(claimed)),
        ("half of that", _shown((now + claimed) / 2)),
        ("none", texts.get("usual", first.text)),
        ("as the English trial found", _shown(trial)),
    )
    second = Number(
        "therapy",
        LABELS["therapy"],
        therapy,
        LOW,
        HIGH,
        1,
        UNIT,
        "The same number as without therapy means that therapy changes nothing.",
        percent=True,
        shortcuts=shortcuts,
    )
    return first, second


def with_effect(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """Return the scenario with the effect that `effect_fields` asked for; itself if that is its own.

    Raises RefusedError for an effect that no rates of entering care can bring about in the scenario.
    """
    usual, therapy = values["usual"], values["therapy"]
    if (usual, therapy) == _claimed(scenario):
        return scenario
    changed = with_values(scenario, {"effect.measure": TRACKED_SHARE, "effect.usual": usual, "effect.therapy": therapy})
    try:
        calibrate(changed)
    except CalibrationError as error:
        raise RefusedError(
            error.arm,
            f"{LABELS[error.arm]}: {percent(error.target, 1)} cannot be reached in this scenario. With its stays in "
            f"care, ages and waits, {percent(error.low, 1)} to {percent(error.high, 1)} can.",
        ) from None
    return changed


def effect_words(values: Mapping[str, Any]) -> str:
    """Return what is assumed of therapy, in words."""
    usual, therapy = percent(values["usual"]), percent(values["therapy"])
    if usual == therapy:
        return f"If therapy changes nothing ({usual} of days out of care with it and without)"
    return f"If therapy moves days out of care from {usual} to {therapy}"


def size_fields(replications: int, most: int) -> tuple[Number, Number]:
    """Return how many contracts to simulate, and the number of the luck."""
    return (
        Number(
            "replications",
            "Simulated contracts",
            replications,
            100,
            most,
            100,
            hint="More take longer and make averages steadier.",
            whole=True,
        ),
        Number(
            "seed", "Seed", 1, 0, 999_999, 1, hint="The number of the luck: the same gives the same answer.", whole=True
        ),
    )


def _shown(share: float) -> str:
    """Return a share as the box shows it, within its limits."""
    return plain(round(min(max(100 * share, LOW), HIGH), 1))


def step_field(key: str, label: str, value: int, low: int, high: int, texts: Mapping[str, str], hint: str) -> Number:
    """Return a whole number with buttons for the one before and the one after."""
    asked = Number(key, label, value, low, high, 1, hint=hint, whole=True)
    try:
        now = int(asked.read(texts.get(key, asked.text)))
    except OptionError:
        now = value
    return replace(asked, shortcuts=(("before", str(max(now - 1, low))), ("next", str(min(now + 1, high)))))


def _claimed(scenario: Scenario) -> tuple[float, float]:
    """Return the share of tracked days out of care without and with therapy that the scenario claims."""
    effect = scenario.effect
    if effect.prior == "evidence":
        raise OptionError(
            f"{scenario.name} draws its effect from the evidence and claims none of its own. Choose a "
            f"scenario with a claim, such as pan_london."
        )
    if effect.measure == TRACKED_SHARE and effect.usual is not None and effect.therapy is not None:
        return effect.usual, effect.therapy
    found = calibrate(scenario)
    return found.measures["usual"][TRACKED_SHARE], found.measures["therapy"][TRACKED_SHARE]


def _odds_ratio(usual: float, therapy: float) -> float:
    """Return the odds ratio of being in care of two shares out of care."""
    return (1 - therapy) / therapy * usual / (1 - usual)
