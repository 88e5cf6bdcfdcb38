"""The files of draws of a new contract, read and weighted. In: a kind, a fold, local history. Out: `EvidenceDraws`.

A draw is a base and an effect on stated measures: the share never in care by day 365 without therapy, and the odds
ratio of ever being in care by then. Its weight is that of the fold, times the likelihood of each line of local history.
Must not know: engines, scenarios.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeofcare.errors import OptionError
from edgeofcare.inputs.files import scenario_folder
from edgeofcare.inputs.prior import NO_EVIDENCE, Evidence, LocalHistory
from edgeofcare.inputs.sourced import choices

Floats = npt.NDArray[np.float64]
MEASURE, DAY = "never_in_care_by_day", 365  # on which base and effect of a draw stand
BIAS_NODES = 41  # of the integral over the bias of local history


@dataclass(frozen=True)
class EvidenceDraws:
    """Draws of a new contract of a kind: (draw,) arrays.

    never_in_care: share never in care by day 365 without therapy; odds_ratio: of ever being in care by then, with
    therapy against without. window_from, covers, stops_at_cap: a way of counting, for comparison with published totals.
    weights: by fold, summing to 1. known_to: by fold, by when the newest row was known. frailty_variance: with which a
    share on one day makes that on another.
    """

    kind: str
    sha256: str
    frailty_variance: float
    never_in_care: Floats
    odds_ratio: Floats
    window_from: tuple[str, ...]
    covers: tuple[str, ...]
    stops_at_cap: tuple[bool, ...]
    weights: dict[str, Floats]
    known_to: dict[str, date]

    def __len__(self) -> int:
        return len(self.odds_ratio)


@dataclass(frozen=True)
class Weighted:
    """Draws with the weights of a fold and of local history: (draw,), summing to 1."""

    draws: EvidenceDraws
    weights: Floats
    ends: Floats

    @property
    def effective_draws(self) -> float:
        """The effective number of draws: 1 over the sum of squared weights."""
        return float(1 / (self.weights**2).sum())

    def pick(self, u: float) -> int:
        """Return the draw in whose share of the weights u falls; one without weight is never picked."""
        place = int(np.searchsorted(self.ends, u * self.ends[-1], side="right"))
        return min(place, int(np.flatnonzero(self.weights)[-1]))


def evidence_folder() -> Path:
    """Return the folder of the files of draws."""
    return scenario_folder() / "reference" / "evidence"


def kinds_held() -> list[str]:
    """Return the kinds of programme of which there are draws."""
    return sorted(path.stem for path in evidence_folder().glob("*.csv"))


def is_held(evidence: Evidence) -> bool:
    """Tell whether there are draws for this kind of programme."""
    return evidence.kind != NO_EVIDENCE and evidence.kind in kinds_held()


def evidence_rule(evidence: Evidence) -> tuple[str, str, str] | None:
    """Return key, rule and hint of what is wrong with a kind or fold that is to be drawn from; None if nothing is."""
    if not is_held(evidence):
        return "kind", "nobody's trials or records of this kind of programme are held here", _known(kinds_held())
    folds = list(read_draws(evidence.kind).weights)
    if evidence.fold not in folds:
        return "fold", "there is no such fold", choices(evidence.fold, folds, "Folds")
    return None


def _known(kinds: Sequence[str]) -> str:
    return f"Kinds held: {', '.join(kinds)}." if kinds else ""


@lru_cache(maxsize=8)
def read_draws(kind: str) -> EvidenceDraws:
    """Read the draws of a kind of programme; raise OptionError if the two files do not belong together."""
    path = evidence_folder() / f"{kind}.csv"
    try:
        data, about = path.read_bytes(), tomllib.loads(path.with_suffix(".toml").read_text("utf-8"))
    except OSError as error:
        raise OptionError(f"{error.filename} cannot be read ({error.strerror}).") from None
    found = hashlib.sha256(data).hexdigest()
    if found != about["draws_sha256"]:
        raise OptionError(
            f"{path.name} is not the file of draws that {kind}.toml describes: its SHA-256 is {found[:12]}..., not "
            f"{about['draws_sha256'][:12]}... Make both again with scripts/derive_evidence.py."
        )
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"))))
    folds = list(about["fold"])
    return EvidenceDraws(
        kind=kind,
        sha256=found,
        frailty_variance=about["frailty_variance"],
        never_in_care=np.array([float(row["never_in_care_by_day_365"]) for row in rows]),
        odds_ratio=np.array([float(row["odds_ratio"]) for row in rows]),
        window_from=tuple(row["window_from"] for row in rows),
        covers=tuple(row["covers"] for row in rows),
        stops_at_cap=tuple(row["stops_at_cap"] == "yes" for row in rows),
        weights={fold: _scaled(np.array([float(row[f"weight_{fold}"]) for row in rows])) for fold in folds},
        known_to={fold: about["fold"][fold]["known_to"] for fold in folds},
    )


def _scaled(weights: Floats) -> Floats:
    return np.asarray(weights / weights.sum())


@lru_cache(maxsize=32)
def weighted_draws(evidence: Evidence) -> Weighted:
    """Return the draws with the weights that the evidence gives them.

    Raises OptionError for a kind of which nothing is held and for a fold that is not there.
    """
    if wrong := evidence_rule(evidence):
        key, rule, hint = wrong
        raise OptionError(f"evidence.{key} is {getattr(evidence, key)!r}: {rule}. {hint}".strip())
    draws = read_draws(evidence.kind)
    weights = draws.weights[evidence.fold]
    if evidence.local:
        logs = sum(log_likelihood(line, draws) for line in evidence.local)
        weights = _scaled(weights * np.exp(logs - np.max(logs)))
    return Weighted(draws, weights, np.cumsum(weights))


def log_likelihood(line: LocalHistory, draws: EvidenceDraws) -> Floats:
    """Return the log likelihood of a line of local history under each draw: (draw,).

    Binomial(in_care | referred, p), logit p = logit of the draw's share in care by the line's day + bias, bias ~
    Normal(0, bias_sd^2), by quadrature; but for a constant.
    """
    ever = ever_in_care_by(line.by_day, draws)
    nodes, weights = np.polynomial.hermite_e.hermegauss(BIAS_NODES if line.bias_sd else 1)
    logit = np.log(ever / (1 - ever))[:, None] + line.bias_sd * nodes
    # ln p and ln (1 - p) of a logit, without loss where p is near 0 or 1.
    at_node = -line.in_care * np.logaddexp(0, -logit) - (line.referred - line.in_care) * np.logaddexp(0, logit)
    top = at_node.max(axis=1, keepdims=True)
    return np.asarray(top[:, 0] + np.log(np.exp(at_node - top) @ (weights / math.sqrt(2 * math.pi))))


def ever_in_care_by(day: int, draws: EvidenceDraws) -> Floats:
    """Return each draw's share ever in care by a day without therapy: (draw,).

    The share by day 365 is met exactly; the yearly hazard is even: p = 1 - (1 + v H day / 365)^(-1 / v), H = ((1 -
    p_365)^-v - 1) / v, v the frailty variance of the draws.
    """
    v = draws.frailty_variance
    yearly = (draws.never_in_care**-v - 1) / v
    return np.asarray(1 - (1 + v * yearly * day / DAY) ** (-1 / v))
