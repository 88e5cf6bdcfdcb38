"""Keys of the effect that exclude one another, in files laid over one another.

In: tables as written. Out: tables for the schema. Must not know: engines, money.
"""

from __future__ import annotations

from typing import Any

from edgeofcare.errors import Fault, InputWarning
from edgeofcare.inputs.schema import MEASURES
from edgeofcare.inputs.sourced import Figure, is_number
from edgeofcare.inputs.toml_lines import Source

# Of each group one key is given; a file that extends another replaces the base's choice by naming another key.
RIVALS = (("usual", "entry_scale_days"), ("therapy", "hazard_ratio", "odds_ratio", "risk_ratio"))


def effect_as_table(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a file's tables with `effect = "evidence"` written out as a table."""
    effect = tree.get("effect")
    return tree | {"effect": {"prior": effect}} if isinstance(effect, str) else tree


def without_rivals(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return the tables below without the keys of the effect that the file above replaces by another of its group."""
    below = _without_one_investor(below, above)
    old, new = below.get("effect"), above.get("effect")
    if not isinstance(old, dict) or not isinstance(new, dict):
        return below
    replaced = {key for group in RIVALS if any(key in new for key in group) for key in group if key not in new}
    return below | {"effect": {key: value for key, value in old.items() if key not in replaced}}


def _without_one_investor(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return the tables below without the one investor's commitment if the file above has tranches instead."""
    old, new = below.get("capital"), above.get("capital")
    if isinstance(old, dict) and isinstance(new, dict) and "tranches" in new and "commitment_gbp" not in new:
        return below | {"capital": {key: value for key, value in old.items() if key != "commitment_gbp"}}
    return below


def inherited_levels_fault(below: dict[str, Any], above: dict[str, Any], source: Source, base: str) -> Fault | None:
    """Return a fault if a file sets another measure or day and inherits a level that was meant for the one before."""
    old, new = without_rivals(below, above).get("effect"), above.get("effect")
    if not isinstance(old, dict) or not isinstance(new, dict):
        return None
    before = {"measure": _plain(old.get("measure", MEASURES[0])), "day": _plain(old.get("day"))}
    moved = [key for key in before if key in new and _plain(new[key]) != before[key]]
    levels = [key for key in ("usual", "therapy") if key in old and key not in new]
    if not moved or not levels:
        return None
    are = "are" if len(levels) > 1 else "is"
    rule = f"is set here, but {' and '.join(levels)} {are} inherited from {base} for another {moved[0]}"
    return source.fault(("effect", moved[0]), rule, "", "Give both usual and therapy.")


def with_kept_odds(
    below: dict[str, Any], above: dict[str, Any], source: Source, base: str
) -> tuple[dict[str, Any], InputWarning | None]:
    """Return a file's tables with the odds ratio of its base if it sets `usual` and leaves the level of therapy.

    The odds ratio is that of being in care, q = (1 - t) / t x u / (1 - u), for u and t out of care without and with
    therapy in the base; its range follows from that of t. The level t itself belongs to another baseline.
    """
    old, new = below.get("effect"), above.get("effect")
    if not isinstance(old, dict) or not isinstance(new, dict) or any(key in new for key in RIVALS[1]):
        return above, None
    usual, was, therapy = (_level(table.get(key)) for table, key in ((new, "usual"), (old, "usual"), (old, "therapy")))
    if usual is None or was is None or therapy is None or usual == was:
        return above, None
    q = odds_ratio(was, therapy)
    told = f"odds ratio of {base}: {therapy:g} with therapy against {was:g} without"
    origin = {"unit": "odds ratio of being in care", "source": told, "quality": "judgement"}
    source.lines.setdefault(("effect", "odds_ratio"), source.line(("effect", "usual")) or 1)
    kept = Figure(q, origin | _ends(old["therapy"], was))
    sentence = (
        f"effect.usual is set here; therapy follows from {base}'s odds ratio ({q:.2g}): "
        f"{with_odds(usual, q):.1%}. Write therapy to set it."
    )
    note = InputWarning("W7", "effect.usual", source.name, source.line(("effect", "usual")), sentence)
    return above | {"effect": new | {"odds_ratio": kept}}, note


def odds_ratio(usual: float, therapy: float) -> float:
    """Return the odds ratio of being in care from shares out of care without and with therapy, both inside 0 to 1."""
    return (1 - therapy) / therapy * usual / (1 - usual)


def with_odds(usual: float, ratio: float) -> float:
    """Return the share out of care with therapy from that without it and the odds ratio of being in care."""
    return usual / (usual + ratio * (1 - usual))


def _ends(therapy: Any, usual: float) -> dict[str, Any]:
    """Return the range of the odds ratio that follows from a range of the level of therapy, if it has one."""
    origin = therapy.origin if isinstance(therapy, Figure) else {}
    low, high = _level(origin.get("low")), _level(origin.get("high"))
    if "distribution" in origin or low is None or high is None:
        return {}
    return {"low": odds_ratio(usual, high), "high": odds_ratio(usual, low)}


def _level(node: Any) -> float | None:
    """Return a share between 0 and 1 as a number, None for anything else."""
    value = _plain(node)
    return float(value) if is_number(value) and 0 < value < 1 else None


def _plain(node: Any) -> Any:
    return node.value if isinstance(node, Figure) else node


def without_idle_pairs(tree: dict[str, Any], below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return merged tables without the correlations of the base that the file above left without a range.

    A key that is replaced by its rival, or fixed at a value outside its range, takes its correlations along. What the
    file above writes itself is kept, and checked as it stands.
    """
    pairs = tree.get("correlations")
    if "correlations" in above or not isinstance(pairs, list):
        return tree
    kept = [pair for pair in pairs if not _acts(pair, below) or _acts(pair, tree)]
    return tree | {"correlations": kept}


def _acts(pair: Any, tree: dict[str, Any]) -> bool:
    """Tell whether both keys of a correlation, as written, lead to figures with a range."""
    between = pair.get("between") if isinstance(pair, dict) else None
    return isinstance(between, list) and all(isinstance(path, str) and _ranged(tree, path) for path in between)


def _ranged(node: Any, path: str) -> bool:
    for part in path.split("."):
        if isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, dict) and part in node:
            node = node[part]
        else:
            return False
    return isinstance(node, Figure) and "low" in node.origin
