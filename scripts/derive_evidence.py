"""Write scenarios/reference/evidence/: the prior of a new contract of this kind, as weighted draws, and its grounds.

In: the rows of scenarios/reference/evidence.toml, the scenarios of the contracts on record. Out: edge_of_care.csv (the
draws) and edge_of_care.toml (what they rest on). With --check nothing is written; exit code 1 if files differ.
A contract c has a base b (log of the yearly cumulative hazard of first entry without therapy, risk 1) and an effect y
(log hazard ratio): b ~ Normal(m, s^2), y ~ Normal(mu, tau^2). No chain of samples: m, s, mu and tau are drawn from
their priors and weighted by trials and control arms; of these some are kept by systematic resampling, each gives one
new contract, and a contract's record weighs it by its likelihood over b and y, which the engine foretells.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.interpolate import RectBivariateSpline, make_interp_spline
from scipy.special import expit, logit
from scipy.stats import norm

from edgeofcare.engine.calibrate import N_CHILDREN, TRACKED_SHARE, Sample, calibrate, make_sample
from edgeofcare.inputs.load import scenario_folder
from evidence_records import (
    BASE,
    COVERS,
    EFFECT,
    FINE_BASE,
    FINE_EFFECT,
    YEAR_DAYS,
    Surfaces,
    likelihoods,
    mixture,
    scenario_of,
    surfaces,
)

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]
KIND = "edge_of_care"
FOLDER = scenario_folder() / "reference" / "evidence"
ROWS = scenario_folder() / "reference" / "evidence.toml"
LONDON, ESSEX = "pan_london", "essex"
N_DRAWS, N_HYPER, SEED = 1000, 60_000, 2026
WINDOWS, STOPS = ("start", "planned_end", "referral"), ("yes", "no")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
CLAIM_SD = 0.1  # of a claimed base about the contract's base and the bias that claims share
# Essex's first year, of published.toml: in no weight, only foretold.
FIRST_YEAR_COMPLETED, FIRST_YEAR_AT_HOME = 24, 19


# ---- from a trial's figures to b and y -----------------------------------------------------------------------------


def hazard(ever_share: float, frailty_variance: float) -> float:
    """Return the cumulative hazard at risk 1 behind a share that ever entered care: ((1 - p)^-v - 1) / v."""
    return float(((1 - ever_share) ** -frailty_variance - 1) / frailty_variance)


def ever_in_care(log_hazard: Floats, frailty_variance: float) -> Floats:
    """Return the share that ever entered care at a log cumulative hazard: 1 - (1 + v e^b)^(-1 / v)."""
    return np.asarray(1 - (1 + frailty_variance * np.exp(log_hazard)) ** (-1 / frailty_variance))


def log_hazard_ratio(control_share: float, odds_ratio: float, frailty_variance: float) -> float:
    """Return ln H(p') / H(p), p the control share and p' that with odds_ratio times its odds."""
    odds = control_share / (1 - control_share) * odds_ratio
    treated = odds / (1 + odds)
    return float(np.log(hazard(treated, frailty_variance) / hazard(control_share, frailty_variance)))


def effect_of(row: Row, frailty_variance: float) -> tuple[float, float]:
    """Return y and its standard error: that of the log odds ratio, times y over the log odds ratio."""
    log_or = float(np.log(row["odds_ratio"]))
    width = np.log(row["ci_high"] / row["ci_low"]) / 3.92 if "ci_low" in row else row["se_log_odds_ratio"]
    y = log_hazard_ratio(row["control_share"], row["odds_ratio"], frailty_variance)
    return y, float(width * y / log_or)


def base_of(row: Row, frailty_variance: float) -> tuple[float, float]:
    """Return b of a control arm and its standard error."""
    return float(np.log(hazard(row["ever_share"], frailty_variance) * YEAR_DAYS / row["by_day"])), float(row["se"])


# ---- draws ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """What the draws rest on.

    priors: by name. effects, bases: (value, standard error) of trials and control arms. records: a contract's
    likelihood over the fine grid. claims: a contract's claimed base, if claims are to be measures with a shared bias.
    """

    priors: dict[str, Row]
    effects: Sequence[tuple[float, float]]
    bases: Sequence[tuple[float, float]]
    records: Mapping[str, Floats] = field(default_factory=dict)
    claims: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Prior:
    """Draws of a new contract: b and y, (draw,), and by fold the weight of each, which sum to 1.

    hyper: the means and spreads from which each draw was made, (draw,) by name.
    """

    base: Floats
    effect: Floats
    weights: dict[str, Floats]
    hyper: dict[str, Floats]


def make_prior(known: Known, n: int = N_DRAWS, n_hyper: int = N_HYPER, seed: int = SEED) -> Prior:
    """Return draws of a new contract, with a weight for each fold: all records, all but one, and none."""
    rng = np.random.default_rng(seed)
    hyper = {name: _from_prior(rng, known.priors[name], n_hyper) for name in known.priors}
    log_weight = sum(
        norm.logpdf(value, hyper[f"{of}_mean"], np.hypot(hyper[f"{of}_sd"], se))
        for of, measures in (("effect", known.effects), ("base", known.bases))
        for value, se in measures
    )
    kept = systematic(np.exp(log_weight - np.max(log_weight)), n, rng.random())
    hyper = {name: values[kept] for name, values in hyper.items()}
    base = np.clip(rng.normal(hyper["base_mean"], hyper["base_sd"]), BASE[0], BASE[-1])
    effect = np.clip(rng.normal(hyper["effect_mean"], hyper["effect_sd"]), EFFECT[0], EFFECT[-1])
    folds = {fold: weight / weight.sum() for fold, weight in _folds(known, hyper, n).items()}
    return Prior(base, effect, folds, hyper)


def _from_prior(rng: np.random.Generator, row: Row, n: int) -> Floats:
    if row["distribution"] == "normal":
        return rng.normal(row["mean"], row["sd"], n)
    return np.abs(rng.normal(0, row["sd"], n)) + row["plus"]


def systematic(weights: Floats, n: int, u: float) -> npt.NDArray[np.int64]:
    """Return n places by systematic resampling: those in whose share of the weights (i + u) / n falls."""
    ends = np.cumsum(weights / weights.sum())
    return np.minimum(np.searchsorted(ends, (np.arange(n) + u) / n), len(weights) - 1)


def marginal(table: Floats, hyper: Mapping[str, Floats], at_base: Floats | float = 1.0) -> Floats:
    """Return the likelihood of a contract's record under each hyper draw, over the contract's own b and y: (draw,).

    table: (fine base, fine effect). at_base: what else is known of the contract's base, (fine base,).
    """
    base = at_base * norm.pdf(FINE_BASE, hyper["base_mean"][:, None], hyper["base_sd"][:, None])
    effect = norm.pdf(FINE_EFFECT, hyper["effect_mean"][:, None], hyper["effect_sd"][:, None])
    effect /= np.maximum(effect.sum(axis=1, keepdims=True), 1e-300)
    return np.asarray(((base @ table) * effect).sum(axis=1) * (FINE_BASE[1] - FINE_BASE[0]))


def _folds(known: Known, hyper: Mapping[str, Floats], n: int) -> dict[str, Floats]:
    """Return the likelihood of the records in each fold: (draw,)."""
    names = list(known.records)
    folds = {"all": names}
    folds |= {f"without_{left_out}": [name for name in names if name != left_out] for left_out in names}
    folds |= {"trials_only": []}
    if known.claims:
        return {fold: _with_claims(known, hyper, kept, n) for fold, kept in folds.items()}
    seen = {name: marginal(table, hyper) for name, table in known.records.items()}
    return {fold: np.prod([np.ones(n), *(seen[name] for name in kept)], axis=0) for fold, kept in folds.items()}


def _with_claims(known: Known, hyper: Mapping[str, Floats], names: Sequence[str], n: int) -> Floats:
    """Return the likelihood of records and claimed bases, over a bias ~ Normal(0, 1) that all claims share."""
    total = np.zeros(n)
    for bias in np.linspace(-4, 4, 33):
        claimed = {name: norm.pdf(known.claims[name], FINE_BASE + bias, CLAIM_SD) for name in names}
        each = [marginal(known.records[name], hyper, claimed[name]) for name in names]
        total += norm.pdf(bias) * np.prod([np.ones(n), *each], axis=0)
    return total


def effective(weights: Floats) -> float:
    """Return the effective number of draws: 1 over the sum of squared weights."""
    return float(1 / (weights**2).sum())


def quantiles(values: Floats, weights: Floats, at: Sequence[float] = QUANTILES) -> list[float]:
    """Return weighted quantiles: the least value below or at which so much of the weight lies."""
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(weights[order])
    return [float(values[order][min(np.searchsorted(ends, p * ends[-1]), len(values) - 1)]) for p in at]


# ---- read off the calibration sample -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shares:
    """Shares on the calibration sample of pan_london over (b, y): never in care by day 365, and days out of care."""

    never: Any
    never_with: Any
    home: Any
    home_with: Any

    def at(self, base: Floats, effect: Floats) -> dict[str, Floats]:
        """Return all four at points (b, y), each (draw,)."""
        return {
            "never": expit(self.never(base)),
            "never_with": expit(self.never_with.ev(base, effect)),
            "home": expit(self.home(base)),
            "home_with": expit(self.home_with.ev(base, effect)),
        }


def sample_shares(base: Floats = BASE, effect: Floats = EFFECT, n_children: int = N_CHILDREN) -> Shares:
    """Return the shares from the calibration sample at base x effect, by splines of their log odds."""
    sample: Sample = make_sample(scenario_of(LONDON), n_children, (YEAR_DAYS,))
    places = [sample.measure("never_in_care_by_day", YEAR_DAYS), sample.measure(TRACKED_SHARE, None)]
    scales = [float(YEAR_DAYS / np.exp(b)) for b in base]
    usual = logit(np.array([sample.values("usual", scale)[places] for scale in scales]))
    therapy = logit(
        np.array([[sample.values("therapy", scale, float(np.exp(y)))[places] for y in effect] for scale in scales])
    )
    never, home = (make_interp_spline(base, usual[:, i], k=3) for i in (0, 1))
    never_with, home_with = (RectBivariateSpline(base, effect, therapy[:, :, i]) for i in (0, 1))
    return Shares(never, never_with, home, home_with)


# ---- all together --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """The rows, what is foretold of the records, the likelihoods of their readings, the sample, and the draws."""

    rows: dict[str, Any]
    frailty_variance: float
    surfaces: Surfaces
    readings: dict[str, dict[str, Floats]]
    shares: Shares
    known: Known
    prior: Prior


def read_rows() -> dict[str, Any]:
    """Return the tables of evidence.toml."""
    return tomllib.loads(ROWS.read_text("utf-8"))


def make(rows: dict[str, Any], told: Surfaces, shares: Shares, n_hyper: int = N_HYPER) -> Made:
    """Return the draws from the rows and from what the engine foretells."""
    variance = scenario_of(LONDON).child.frailty_variance
    readings = {row["id"]: likelihoods(row, told.of[row["id"]]) for row in rows["record"]}
    known = Known(
        priors={row["id"]: row for row in rows["prior"]},
        effects=[effect_of(row, variance) for row in rows["trial"]],
        bases=[base_of(row, variance) for row in rows["control_arm"]],
        records={row["contract"]: mixture(readings[row["id"]]) for row in rows["record"]},
    )
    return Made(rows, variance, told, readings, shares, known, make_prior(known, n_hyper=n_hyper))


def variants(made: Made) -> dict[str, tuple[str, Known]]:
    """Return what else could have been chosen: what it is, and the draws' grounds then."""
    known, variance = made.known, made.frailty_variance
    start = next(row for row in made.rows["not_used"] if row["id"] == "start")
    claims = {name: float(np.log(YEAR_DAYS / calibrate(scenario_of(name)).entry_scale_days)) for name in known.records}

    def wider(name: str) -> dict[str, Row]:
        row = known.priors[name]
        return known.priors | {name: row | {"sd": 2 * row["sd"], "plus": 2 * row["plus"]}}

    return {
        "start_apart": (
            "START counted apart",
            replace(known, effects=[*known.effects, effect_of(start, variance)]),
        ),
        "claims_biased": (
            "Claims as measures with a shared bias, Normal(0, 1)",
            replace(known, claims=claims),
        ),
        "effect_sd_twice": ("tau twice as wide", replace(known, priors=wider("effect_sd"))),
        "base_sd_twice": ("s twice as wide", replace(known, priors=wider("base_sd"))),
        "no_control_arms": ("No control arms of trials", replace(known, bases=[])),
    }


def home_medians(made: Made, known: Known, n_hyper: int = N_HYPER) -> tuple[float, float]:
    """Return the median share of tracked days at home without and with therapy, fold `all`."""
    prior = make_prior(known, n_hyper=n_hyper)
    at = made.shares.at(prior.base, prior.effect)
    without, with_therapy = (quantiles(at[key], prior.weights["all"], [0.5])[0] for key in ("home", "home_with"))
    return without, with_therapy


@dataclass(frozen=True)
class Foretold:
    """A published share, and what other contracts and the trials foretell of it: (draw,) values, chance included."""

    id: str
    fold: str
    published: float
    values: Floats
    weights: Floats

    @property
    def place(self) -> float:
        """The share of foretold values below the published one, half of those that equal it among them."""
        below, same = self.values < self.published - 1e-9, np.abs(self.values - self.published) <= 1e-9
        return float(self.weights[below].sum() + self.weights[same].sum() / 2)


def leave_one_out(made: Made) -> list[Foretold]:
    """Return what the draws without a contract foretell of its figures, readings mixed alike."""
    rng = np.random.default_rng(SEED)
    prior = made.prior
    london, essex = ({row["contract"]: row for row in made.rows["record"]}[name] for name in (LONDON, ESSEX))

    def at(row: Row, keys: Sequence[str]) -> Floats:
        every = np.array([made.surfaces.at(row["id"], key, prior.base, prior.effect) for key in keys])
        return np.asarray(every[np.arange(len(prior.base)) % len(keys), np.arange(len(prior.base))])

    count = round(london["out_of_care_share"] * london["in_tracking"])
    share = np.clip(at(london, london["readings"]), 0, 1)
    tracked = rng.binomial(london["in_tracking"], share) / london["in_tracking"]
    days, days_sd = (at(essex, [f"{who}_{what}" for who in COVERS]) for what in ("share", "sd"))
    days = np.clip(rng.normal(days, np.hypot(days_sd, essex["care_share_discrepancy"])), 0, 1)
    n, at_home = FIRST_YEAR_COMPLETED, FIRST_YEAR_AT_HOME
    first = rng.binomial(n, np.clip(at(essex, ["first_year_home"]), 0, 1)) / n
    without = prior.weights
    return [
        Foretold(
            "pan_london_out_of_care",
            "without_pan_london",
            count / london["in_tracking"],
            tracked,
            without["without_pan_london"],
        ),
        Foretold("essex_care_share", "without_essex", essex["care_share"], days, without["without_essex"]),
        Foretold("essex_first_year_at_home", "without_essex", at_home / n, first, without["without_essex"]),
    ]


# ---- files ---------------------------------------------------------------------------------------------------------


def draws_csv(made: Made) -> str:
    """Return the draws: share never in care by day 365 without therapy, odds ratio of ever being in care by then, a way
    of counting (all twelve alike often), and a weight for each fold."""
    prior, n = made.prior, len(made.prior.base)
    at = made.shares.at(prior.base, prior.effect)
    odds_ratio = (1 - at["never_with"]) / at["never_with"] * at["never"] / (1 - at["never"])
    ways = list(product(WINDOWS, COVERS, STOPS))
    order = np.random.default_rng(SEED).permutation(n)
    told = io.StringIO()
    lines = csv.writer(told, lineterminator="\n")
    lines.writerow(
        ["draw", "never_in_care_by_day_365", "odds_ratio", "window_from", "covers", "stops_at_cap"]
        + [f"weight_{fold}" for fold in prior.weights]
    )
    for i in range(n):
        weights = [f"{weight[i]:.5e}" for weight in prior.weights.values()]
        lines.writerow([i, f"{at['never'][i]:.5f}", f"{odds_ratio[i]:.5f}", *ways[order[i] % len(ways)], *weights])
    return told.getvalue()


def rows_hash(rows: dict[str, Any]) -> str:
    """Return the SHA-256 of the rows that the draws rest on, their prose left out."""
    kept = ("prior", "trial", "control_arm", "record", "not_used")
    prose = ("says", "comment", "source", "quality", "read_in_source")
    bare = {name: [{key: row[key] for key in row if key not in prose} for row in rows[name]] for name in kept}
    return hashlib.sha256(json.dumps(bare, sort_keys=True, default=str).encode()).hexdigest()


def script_hash() -> str:
    """Return the SHA-256 of this file and of evidence_records.py."""
    files = [Path(__file__), Path(__file__).with_name("evidence_records.py")]
    return hashlib.sha256(b"".join(path.read_bytes().replace(b"\r\n", b"\n") for path in files)).hexdigest()


def about_toml(made: Made, draws: str) -> str:
    """Return what the draws rest on and what they say, as TOML."""
    rows, prior = made.rows, made.prior
    at = made.shares.at(prior.base, prior.effect)
    used = {row["id"]: row for name in ("trial", "control_arm", "record") for row in rows[name]}
    tables: list[str] = [
        "# What the draws of edge_of_care.csv rest on, and what they say. Written by scripts/derive_evidence.py from\n"
        "# the rows of scenarios/reference/evidence.toml; not edited by hand.\n"
        "# Contains public sector information licensed under the Open Government Licence v3.0.",
        _table(
            "",
            {
                "kind": KIND,
                "draws": len(prior.base),
                "seed": SEED,
                "frailty_variance": made.frailty_variance,
                "known_to": max(row["known_to"] for row in used.values()),
                "draws_sha256": hashlib.sha256(draws.encode()).hexdigest(),
                "rows_sha256": rows_hash(rows),
                "script_sha256": script_hash(),
            },
        ),
    ]
    for fold, weights in prior.weights.items():
        left_out = [LONDON, ESSEX] if fold == "trials_only" else [fold.removeprefix("without_")]
        names = [name for name, row in used.items() if row["contract"] not in left_out]
        tables.append(
            _table(
                f"[fold.{fold}]",
                {
                    "rows": names,
                    "known_to": max(used[name]["known_to"] for name in names),
                    "effective_draws": round(effective(weights)),
                    "ever_in_care_by_day_365": _rounded(quantiles(1 - at["never"], weights)),
                    "odds_ratio": _rounded(quantiles(_odds_ratio(at), weights)),
                    "days_at_home_without": _rounded(quantiles(at["home"], weights)),
                    "days_at_home_with": _rounded(quantiles(at["home_with"], weights)),
                    "odds_ratio_above_1": round(float(weights[_odds_ratio(at) > 1].sum()), 3),
                    "gain_of_20_points": round(float(weights[at["home_with"] - at["home"] >= 0.2].sum()), 3),
                    "loss": round(float(weights[at["home_with"] < at["home"]].sum()), 3),
                },
            )
        )
    for name, row in used.items():
        tables.append(_table("[[row]]", _measured(made, name, row)))
    for one in leave_one_out(made):
        tables.append(
            _table(
                "[[foretold]]",
                {
                    "id": one.id,
                    "fold": one.fold,
                    "published": round(one.published, 3),
                    "quantiles": _rounded(quantiles(one.values, one.weights)),
                    "place": round(one.place, 3),
                },
            )
        )
    for name, (says, known) in variants(made).items():
        without, with_therapy = home_medians(made, known)
        found = {"id": name, "says": says, "days_at_home_without": round(without, 2)}
        tables.append(_table("[[sensitivity]]", found | {"days_at_home_with": round(with_therapy, 2)}))
    return "\n\n".join(tables) + "\n"


def _measured(made: Made, name: str, row: Row) -> Row:
    """Return what a row says of b or y; of a record, how its readings weigh once it is seen."""
    found = {"id": name, "contract": row["contract"], "known_to": row["known_to"]}
    if "odds_ratio" in row:
        y, se = effect_of(row, made.frailty_variance)
        return found | {"log_hazard_ratio": round(y, 3), "se": round(se, 3)}
    if "ever_share" in row:
        b, se = base_of(row, made.frailty_variance)
        return found | {"log_yearly_hazard": round(b, 3), "se": round(se, 3)}
    return found | {"readings": row["readings"], "weight_of_readings": _rounded(reading_weights(made, name))}


def reading_weights(made: Made, record: str) -> list[float]:
    """Return how the readings of a record weigh once everything else is known, in their order."""
    contract = next(row["contract"] for row in made.rows["record"] if row["id"] == record)
    without = made.prior.weights[f"without_{contract}"]
    each = [float(without @ marginal(table, made.prior.hyper)) for table in made.readings[record].values()]
    return [value / sum(each) for value in each]


def _odds_ratio(at: Mapping[str, Floats]) -> Floats:
    return (1 - at["never_with"]) / at["never_with"] * at["never"] / (1 - at["never"])


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(float(value), 3) for value in values]


def _table(head: str, row: Row) -> str:
    lines = [f"{key} = {_written(value)}" for key, value in row.items()]
    return "\n".join([head, *lines] if head else lines)


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


def made_files() -> dict[Path, str]:
    """Return both files, made again from nothing."""
    rows = read_rows()
    made = make(rows, surfaces(rows["record"]), sample_shares())
    draws = draws_csv(made)
    return {FOLDER / f"{KIND}.csv": draws, FOLDER / f"{KIND}.toml": about_toml(made, draws)}


def main(args: Sequence[str] | None = None) -> int:
    """Write both files, or compare them with --check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args(args).check
    differ = []
    for path, text in made_files().items():
        if check and (not path.is_file() or path.read_bytes() != text.encode()):
            differ.append(path.name)
        elif not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    for name in differ:
        print(f"{name} differs from what the rows give")
    return 1 if differ else 0


if __name__ == "__main__":
    raise SystemExit(main())
