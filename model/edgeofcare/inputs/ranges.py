"""How uncertain inputs may vary: how far their distributions reach, and correlations between them.

In: origins and correlations as written. Out: ends, faults, the factor of a correlation matrix. Must not know: files,
engines. Plain Python, so that a factor has the same bits on every processor; numpy only to offer a mended matrix.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from edgeofcare.inputs.messages import Words, explain
from edgeofcare.inputs.schema import Correlation, Origin, Scenario
from edgeofcare.inputs.sourced import choices
from edgeofcare.inputs.toml_lines import KeyPath

RANGE_RULES = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number")
Z95 = 1.6448536269514722  # normal score of 95%
FAR = 5.2  # normal score beyond which normal and lognormal are cut: one draw in ten million on each side
SMALLEST_PIVOT = 1e-9
ROOM = 0.005  # smallest eigenvalue of an offered matrix: enough that three decimals keep it positive definite
Matrix = Sequence[Sequence[float]]


# ---- one input -------------------------------------------------------------------------------------------------


def shape_rule(value: float, origin: Origin) -> str:
    """Return the rule that a distribution breaks with these ends, or nothing."""
    low, high = origin.low, origin.high
    assert low is not None and high is not None
    if origin.distribution == "lognormal" and low <= 0:
        return "a lognormal needs low above 0"
    if origin.distribution == "beta" and not 0 < low <= high < 1:
        return "a beta needs low above 0 and high below 1"
    if origin.distribution == "beta" and low < high and beta_n(value, low, high) <= 0:
        return "low and high are too far apart for a beta with this mean"
    return ""


def beta_n(mean: float, low: float, high: float) -> float:
    """Return a + b of the beta whose standard deviation is that of a normal with low and high at 5% and 95%."""
    return mean * (1 - mean) / ((high - low) / (2 * Z95)) ** 2 - 1


def at_score(origin: Origin, score: float) -> float:
    """Return the value of a normal or lognormal input at a normal score; beyond FAR it is cut."""
    low, high = origin.low, origin.high
    assert low is not None and high is not None
    step = max(-FAR, min(FAR, score)) / (2 * Z95)
    if origin.distribution == "lognormal":
        return math.sqrt(low * high) * math.exp(math.log(high / low) * step)
    return (low + high) / 2 + (high - low) * step


def reach(origin: Origin) -> tuple[float, float]:
    """Return the least and the greatest value that can be drawn."""
    if origin.distribution in ("normal", "lognormal"):
        return at_score(origin, -FAR), at_score(origin, FAR)
    assert origin.low is not None and origin.high is not None
    return origin.low, origin.high


def range_faults(values: dict[str, Any], origins: Mapping[KeyPath, Origin]) -> list[Words]:
    """Return a fault for each end of a range, and of what can be drawn, that the schema would refuse as a value."""
    ranged = {path: o for path, o in origins.items() if o.low is not None and o.high is not None}
    found = []
    for n, end in enumerate(("low", "high")):
        refused = _refused(values, {path: getattr(origin, end) for path, origin in ranged.items()})
        found += [words._replace(path=(*words.path, end)) for words in refused]
        told = {words.path for words in refused}
        sound = {path: o for path, o in ranged.items() if path not in told and not shape_rule(at(values, path), o)}
        tails = {path: reach(o)[n] for path, o in sound.items() if reach(o)[n] != getattr(o, end)}
        for words in _refused(values, tails):
            rule = f"a {ranged[words.path].distribution} with these percentiles reaches {words.got}, which {words.rule}"
            hint = "Triangular and uniform end at low and high; a beta stays between 0 and 1."
            found.append(Words((*words.path, end), rule, "", hint))
    return found


def _refused(values: dict[str, Any], ends: Mapping[KeyPath, Any]) -> list[Words]:
    """Return what the schema says of these values, of each by itself."""
    tree: Any = values
    for path, value in ends.items():
        tree = replaced(tree, list(path), value)
    try:
        Scenario.model_validate(tree)
    except ValidationError as error:
        said = explain([e for e in error.errors() if e["type"] in RANGE_RULES], tree)
        return [words for words in said if words.path in ends]
    return []


def at(node: Any, path: KeyPath) -> Any:
    """Return what stands at a path of nested tables and lists."""
    for part in path:
        node = node[part]
    return node


def replaced(node: Any, parts: list[Any], value: Any) -> Any:
    """Return a copy of nested tables and lists with another value at a place; LookupError if there is no such place."""
    if not parts:
        return value
    if isinstance(node, dict):
        return node | {parts[0]: replaced(node[parts[0]], parts[1:], value)}
    if isinstance(node, list | tuple) and str(parts[0]).isdigit():
        i = int(parts[0])
        return [*node[:i], replaced(node[i], parts[1:], value), *node[i + 1 :]]
    raise LookupError(parts[0])


# ---- correlations ----------------------------------------------------------------------------------------------


def correlation_faults(pairs: Sequence[Correlation], known: Collection[str], ranged: Collection[str]) -> list[Words]:
    """Return a fault for each pair with an unknown key or one without a range, for pairs given twice, and for
    correlations that contradict one another."""
    found = [
        Words(("correlations", i, "between"), *said)
        for i, pair in enumerate(pairs)
        for said in _pair_faults(pairs, i, pair, known, ranged)
    ]
    if found or not pairs:
        return found
    names, matrix = correlation_matrix(pairs, ranged)
    return [] if cholesky(matrix) else [contradiction(names, matrix)]


def _pair_faults(
    pairs: Sequence[Correlation], i: int, pair: Correlation, known: Collection[str], ranged: Collection[str]
) -> list[tuple[str, str, str]]:
    found = []
    for path in pair.between:
        if path not in known:
            found.append((f"there is no key {path!r}", "", choices(path, known, "Keys")))
        elif path not in ranged:
            found.append((f"{path} has no range, so it does not vary", "", "Give it low and high, or drop the pair."))
    if pair.between[0] == pair.between[1]:
        found.append(("names one key twice", "", "A correlation is between two keys."))
    if any({*pair.between} == {*other.between} for other in pairs[:i]):
        found.append(("stands twice", "", "Keep one of the two."))
    return found


def correlation_matrix(pairs: Sequence[Correlation], among: Collection[str]) -> tuple[list[str], list[list[float]]]:
    """Return the correlated keys, sorted, and the correlation of their normal scores: (key, key)."""
    there = [pair for pair in pairs if all(path in among for path in pair.between)]
    names = sorted({path for pair in there for path in pair.between})
    matrix = [[float(a == b) for b in names] for a in names]
    for pair in there:
        i, j = (names.index(path) for path in pair.between)
        matrix[i][j] = matrix[j][i] = pair.correlation
    return names, matrix


def cholesky(matrix: Matrix) -> list[list[float]] | None:
    """Return the lower triangular L with L L' = matrix; None if the matrix is not positive definite."""
    lower: list[list[float]] = []
    for i, line in enumerate(matrix):
        new: list[float] = []
        for j in range(i):
            new.append((line[j] - sum(new[k] * lower[j][k] for k in range(j))) / lower[j][j])
        pivot = line[i] - sum(x * x for x in new)
        if pivot <= SMALLEST_PIVOT:
            return None
        lower.append([*new, math.sqrt(pivot)])
    return lower


def contradiction(names: Sequence[str], matrix: Matrix) -> Words:
    """Return the fault of correlations that contradict one another, with the nearest set that does not."""
    near = nearest_correlation(matrix)
    offers = [
        f"{names[i]} with {names[j]} {near[i][j]:.3f}"
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if abs(near[i][j]) >= 0.0005
    ]
    rule = "the correlations contradict one another: their matrix is not positive definite"
    return Words(("correlations",), rule, "", f"The nearest set that does not: {'; '.join(offers)}.")


def nearest_correlation(matrix: Matrix) -> list[list[float]]:
    """Return the nearest correlation matrix with room above 0: alternating projections (Higham 2002)."""
    import numpy as np

    found = np.array(matrix, dtype=float)
    carried = np.zeros_like(found)
    for _ in range(200):
        values, vectors = np.linalg.eigh(found - carried)
        raised = (vectors * np.maximum(values, ROOM)) @ vectors.T
        carried = raised - (found - carried)
        found = raised.copy()
        np.fill_diagonal(found, 1.0)
    # The last step put 1 on the diagonal, which may cost a little of the room: give it back.
    lack = max(0.0, ROOM - float(np.linalg.eigvalsh(found).min()))
    near: list[list[float]] = ((found + lack * np.eye(len(found))) / (1 + lack)).tolist()
    return near


def rank_correlation(correlation: float) -> float:
    """Return Spearman's rank correlation implied by a correlation of normal scores: (6 / pi) arcsin(r / 2)."""
    return 6 / math.pi * math.asin(correlation / 2)
