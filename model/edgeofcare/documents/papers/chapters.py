"""What the chapters of a business case share: parts that may be missing, pictures, and small words.

In: parts of a case. Out: blocks and words. Must not know: formats, engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from edgeofcare.documents.document import Block, Callout, Figure
from edgeofcare.documents.papers.assurance_logs import input_units, input_words
from edgeofcare.documents.words import bare, pounds, value_words
from edgeofcare.inputs.published import reference_file
from edgeofcare.questions.breakeven import BOROUGHS, INVESTOR, Breakeven

Case = Mapping[str, Any]
Blocks = Iterator[Block]
Draw = Callable[[Any, Case], Figure]
PART_WORDS = {
    "inputs": "The scenario's inputs",
    "assumptions": "The list of assumptions",
    "summary": "The main run",
    "uncertain": "The main run with its uncertain inputs drawn",
    "series": "The course over the years",
    "mean": "The average case",
    "lives": "The lives of some children",
    "exposure": "What each borough pays and saves, year by year",
    "contracts": "Other contracts for the same children",
    "breakeven": "The prices at which each party breaks even",
    "lint": "The search for faults of the contract",
    "stress": "What would sink the deal",
    "tornado": "Which inputs matter most",
    "backtest": "The comparison with what really happened",
}
# Pictures: the parts of the case that each draws, and how it is drawn. The module of pictures is loaded when needed.
FIGURES: dict[str, tuple[str, Draw]] = {
    "payments": ("series", lambda draw, case: draw.payments_fan(case["series"])),
    "net_saving": ("series", lambda draw, case: draw.net_saving_fan(case["series"])),
    "bridge": ("series", lambda draw, case: draw.bridge(case["series"])),
    "j_curve": ("series", lambda draw, case: draw.j_curve(case["series"])),
    "irr": ("series", lambda draw, case: draw.irr_histogram(case["series"])),
    "exceedance": ("series", lambda draw, case: draw.exceedance(case["series"])),
    "teams": ("series", lambda draw, case: draw.teams(case["series"])),
    "lives": ("lives", lambda draw, case: draw.lives(case["lives"])),
    "contracts": ("contracts", lambda draw, case: draw.contracts(case["contracts"])),
    "boroughs": ("exposure", lambda draw, case: draw.boroughs(case["exposure"])),
    "tornado": ("tornado", lambda draw, case: draw.tornado(case["tornado"], input_words(case))),
}


# ---- parts and pictures --------------------------------------------------------------------------------------------


def with_parts(case: Case, parts: str, tell: Callable[[Case], Blocks]) -> Blocks:
    """Yield what is told of some parts (names with spaces between), or how to make the first that is missing."""
    for part in parts.split():
        if part not in case:
            yield Callout(
                f"{PART_WORDS[part]}: not run for this report. To add it, run edgeofcare case "
                f"{case['case']['scenario']}, and make the report from the folder that it writes.",
                "missing",
            )
            return
    yield from tell(case)


def figures(case: Case, *names: str) -> Blocks:
    """Yield pictures, or how to make the parts that they draw; those under `pictures` of the case were drawn before."""
    for name in names:
        if name in case.get("pictures", {}):
            yield case["pictures"][name]
            continue
        part, draw = FIGURES[name]
        yield from with_parts(case, part, partial(_drawn, draw=draw))


def _drawn(case: Case, draw: Draw) -> Blocks:
    from edgeofcare.documents.pictures import figures as module

    yield draw(module, case)


# ---- words ---------------------------------------------------------------------------------------------------------


def has_effect(case: Case) -> bool:
    """Return whether the case assumes that therapy changes anything."""
    return bool(case["summary"]["calibration"]["hazard_ratio"] != 1)


def payers(case: Case, start: bool = True) -> str:
    """Return who pays, as the subject of a sentence or inside it; a single payer by name."""
    names = [row["name"] for row in case["summary"]["boroughs"].values()]
    return names[0] if len(names) == 1 else f"{'The' if start else 'the'} boroughs together"


def third_person(case: Case) -> str:
    """Return the ending of a verb whose subject is `payers`."""
    return "s" if len(case["summary"]["boroughs"]) == 1 else ""


def study(name: str) -> Case:
    """Return a row of the published evidence, used in its draws or not."""
    held = reference_file("evidence")
    return next(row for row in (*held["trial"], *held["not_used"]) if row["id"] == name)


def inputs_of(case: Case) -> dict[str, Any]:
    """Return the values of a scenario's inputs by path."""
    return {row["id"]: row["value"] for row in case["inputs"]["inputs"]}


def turns(answer: Breakeven, words: Mapping[str, str]) -> str:
    """Return where the investor and the payers break even, without the words in brackets that say what was moved."""
    areas = [party for party in words if party not in (INVESTOR, BOROUGHS)]
    two = (INVESTOR, areas[0] if len(areas) == 1 else BOROUGHS)
    return "; ".join(f"{answer.names[party]} {words[party].partition(' (')[0]}" for party in two)


def drivers(case: Case, most: int) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Yield the inputs that move the investor's gain most: words, value, low, high, gain at low, gain at high."""
    words, units = input_words(case), input_units(case)
    for bar in [bar for bar in case["tornado"]["bars"] if bar["swing"] > 0][:most]:
        unit = units.get(bar["path"], "")
        low, high = bar["low"], bar["high"]
        yield (
            words.get(bar["path"], bar["path"]),
            value_words(bar["value"], unit),
            bare(low["at"], unit),
            bare(high["at"], unit),
            pounds(low["output"]),
            pounds(high["output"]),
        )
