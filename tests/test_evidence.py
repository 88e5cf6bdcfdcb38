"""The evidence prior: draws picked by weight, local history, each draw met; keys that exclude one another."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit, logit

from edgeofcare.engine import parameters
from edgeofcare.engine.calibrate import calibrate, make_sample
from edgeofcare.engine.calibration_table import N_OWN, Surface
from edgeofcare.engine.parameters import Drawn, draw, own_uniform, surface_for
from edgeofcare.errors import InputError, OptionError
from edgeofcare.inputs import evidence_draws
from edgeofcare.inputs.evidence import effect_as_table, without_rivals
from edgeofcare.inputs.evidence_draws import ever_in_care_by, log_likelihood, read_draws, weighted_draws
from edgeofcare.inputs.load import load, uncertain, with_values
from edgeofcare.inputs.prior import Evidence, LocalHistory
from edgeofcare.inputs.schema import Scenario
from edgeofcare.walk import prepare

SEED = 11
SINCE = {"by_day": 365, "since": date(2021, 4, 1), "source": "Our referral list"}


def history(in_care: int, referred: int = 160, **more: Any) -> Evidence:
    return Evidence(local=(LocalHistory(**{"referred": referred, "in_care": in_care, **SINCE, **more}),))


@lru_cache(maxsize=1)
def evidence() -> Scenario:
    """Pan-London under the evidence, with nothing else uncertain, so that every draw has the same sample."""
    return load("pan_london_evidence").model_copy(update={"origins": {}, "correlations": ()})


@lru_cache(maxsize=1)
def on_its_sample() -> Surface:
    """A surface without tables: draws are solved on the first 20,000 children as they are."""
    made = surface_for(load("pan_london_evidence"))
    return Surface(made.days, made.on_days)


@lru_cache(maxsize=64)
def drawn(number: int) -> Drawn:
    return draw(evidence(), on_its_sample(), SEED, number)


def odds(prob: float) -> float:
    return prob / (1 - prob)


# ---- picking -----------------------------------------------------------------------------------------------------


def test_draws_are_picked_by_their_weights() -> None:
    """Chi-square over 20,000 picks in 20 groups of draws by their share in care, false alarm 1e-6; weights of another
    fold would be seen."""
    n, weighted = 20_000, weighted_draws(evidence().evidence)
    groups = np.argsort(weighted.draws.never_in_care).reshape(20, -1)
    picked = [weighted.pick(own_uniform(SEED, d, "evidence.draw")) for d in range(n)]
    times = np.bincount(picked, minlength=len(weighted.draws))
    found = times[groups].sum(axis=1)

    def expected(fold: str) -> Any:
        return n * weighted.draws.weights[fold][groups].sum(axis=1)

    assert stats.chisquare(found, expected("without_pan_london")).pvalue > 1e-6
    assert stats.chisquare(found, expected("trials_only")).pvalue < 1e-6


def test_a_draw_without_weight_is_never_picked() -> None:
    weights = np.array([0.0, 0.5, 0.0, 0.5, 0.0])
    few = evidence_draws.Weighted(read_draws("edge_of_care"), weights, np.cumsum(weights))
    assert [few.pick(u) for u in (0.0, 1e-16, 0.49, 0.51, 1 - 1e-16, 1.0)] == [1, 1, 1, 3, 3, 3]


def test_a_draw_tells_its_number_and_is_found_again() -> None:
    found = drawn(0)
    assert found.evidence_draw == draw(evidence(), on_its_sample(), SEED, 0).evidence_draw
    assert len({drawn(d).evidence_draw for d in range(12)}) > 9


def test_each_draw_shows_its_share_and_odds_ratio_by_day_365() -> None:
    """Measured on the sample on which it was solved: within a tenth of a point, and 2% of the odds ratio."""
    sample, held = make_sample(evidence(), N_OWN, on_its_sample().on_days), read_draws("edge_of_care")
    place = sample.measure("never_in_care_by_day", 365)
    for number in range(20):
        found = drawn(number)
        assert found.evidence_draw is not None
        if not found.met:
            continue
        usual = 1 - sample.values("usual", found.entry_scale_days)[place]
        therapy = 1 - sample.values("therapy", found.entry_scale_days, found.hazard_ratio)[place]
        assert 1 - usual == pytest.approx(held.never_in_care[found.evidence_draw], abs=1e-3)
        log_or = math.log(held.odds_ratio[found.evidence_draw])
        assert math.log(odds(therapy) / odds(usual)) == pytest.approx(log_or, abs=0.02)
        assert found.usual == pytest.approx(sample.values("usual", found.entry_scale_days)[0], abs=1e-12)
    assert sum(drawn(number).met for number in range(20)) >= 18


def one_draw(monkeypatch: pytest.MonkeyPatch, never_in_care: float, odds_ratio: float) -> None:
    """Put a file of one draw in the place of the shipped one."""
    held = read_draws("edge_of_care")
    one = replace(
        held,
        never_in_care=np.array([never_in_care]),
        odds_ratio=np.array([odds_ratio]),
        weights=dict.fromkeys(held.weights, np.ones(1)),
    )
    weighted = evidence_draws.Weighted(one, np.ones(1), np.ones(1))
    monkeypatch.setattr(parameters, "weighted_draws", lambda evidence: weighted)


def test_no_effect_is_a_ratio_of_exactly_1(monkeypatch: pytest.MonkeyPatch) -> None:
    one_draw(monkeypatch, 0.7, 1.0)
    for number in range(3):
        found = draw(evidence(), on_its_sample(), SEED, number)
        assert found.hazard_ratio == 1.0 and found.therapy == found.usual


def test_a_draw_of_the_claims_own_share_and_odds_ratio_has_the_claims_hazards(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = calibrate(load("pan_london"))
    sample = make_sample(load("pan_london"), on_days=[365])
    place = sample.measure("never_in_care_by_day", 365)
    never = float(sample.values("usual", claim.entry_scale_days)[place])
    never_with = float(sample.values("therapy", claim.entry_scale_days, claim.hazard_ratio)[place])
    one_draw(monkeypatch, never, odds(1 - never_with) / odds(1 - never))
    scenario = with_values(evidence(), {"evidence.fold": "trials_only"})
    found = draw(scenario, surface_for(scenario), SEED, 0)
    assert found.entry_scale_days == pytest.approx(claim.entry_scale_days, rel=2e-3)
    assert found.hazard_ratio == pytest.approx(claim.hazard_ratio, abs=1e-3)


def test_the_surface_knows_the_day_on_which_draws_stand() -> None:
    assert set(on_its_sample().on_days) == {730, 365}


def test_the_evidence_needs_outer_draws() -> None:
    with pytest.raises(OptionError, match="needs several outer draws"):
        prepare(load("pan_london_evidence"), 10)


# ---- local history ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_care", "by_day", "bias_sd"), [(43, 365, 0.5), (104, 365, 0.0), (0, 180, 0.5), (9, 730, 1.0)]
)
def test_local_history_weighs_by_a_binomial_with_a_bias_on_the_logit_scale(
    in_care: int, by_day: int, bias_sd: float
) -> None:
    """Against adaptive integration, for 25 draws; the constant of the binomial aside."""
    held = read_draws("edge_of_care")
    line = history(in_care, by_day=by_day, bias_sd=bias_sd).local[0]
    some = np.arange(0, len(held), 40)
    found = log_likelihood(line, held)[some]
    ever = ever_in_care_by(by_day, held)[some]

    def likelihood(bias: float, p: float) -> float:
        return float(stats.binom.pmf(in_care, 160, expit(logit(p) + bias)) * stats.norm.pdf(bias, 0, bias_sd or 1))

    if bias_sd:
        reach = 9 * bias_sd
        at = [integrate.quad(likelihood, -reach, reach, args=(p,), limit=200, epsabs=0)[0] for p in ever]
    else:
        at = [float(stats.binom.pmf(in_care, 160, p)) for p in ever]
    likely = np.array(at) > 1e-12 * max(at)
    assert (found - found.max())[likely] == pytest.approx((np.log(at) - np.log(max(at)))[likely], abs=0.02)


def test_another_day_follows_from_an_even_hazard_and_day_365_is_met() -> None:
    held = read_draws("edge_of_care")
    assert ever_in_care_by(365, held) == pytest.approx(1 - held.never_in_care, abs=1e-12)
    hazard = (held.never_in_care**-0.25 - 1) / 0.25
    assert 1 - (1 + 0.25 * 2 * hazard) ** (-1 / 0.25) == pytest.approx(ever_in_care_by(730, held), abs=1e-12)


def test_local_history_moves_the_base_to_itself_and_hardly_the_effect() -> None:
    held = read_draws("edge_of_care")

    def means(evidence: Evidence) -> tuple[float, float]:
        weights = weighted_draws(evidence).weights
        return float(weights @ (1 - held.never_in_care)), float(weights @ np.log(held.odds_ratio))

    before = means(Evidence())
    for in_care in (43, 104):
        ever, log_ratio = means(history(in_care))
        assert abs(ever - in_care / 160) < 0.08 and abs(ever - in_care / 160) < abs(before[0] - in_care / 160) + 0.03
        assert log_ratio == pytest.approx(before[1], abs=0.06)
    assert weighted_draws(history(43)).effective_draws > 250
    twice = Evidence(local=history(20, 80).local * 2)
    assert means(twice)[0] == pytest.approx(means(history(20, 80))[0], abs=0.03)


@pytest.mark.parametrize("in_care", [0, 160])
def test_an_extreme_history_leaves_finite_weights(in_care: int) -> None:
    weighted = weighted_draws(history(in_care, bias_sd=0.0))
    assert weighted.weights.sum() == pytest.approx(1) and np.isfinite(weighted.weights).all()


# ---- reading it -------------------------------------------------------------------------------------------------


def written(folder: Path, text: str, base: str = "pan_london") -> Path:
    path = folder / "mine.toml"
    path.write_text(f'extends = "{base}"\n{text}\n', "utf-8")
    return path


LINE = """[[evidence.local]]
referred = 160
in_care = 43
by_day = 365
since = 2021-04-01
source = "Our referral list"
"""


def test_every_scenario_has_evidence_beside_its_claim() -> None:
    assert load("pan_london").evidence == load("essex").evidence == Evidence(kind="edge_of_care", fold="all")
    assert not any(path.startswith("evidence") for path in uncertain(load("pan_london_evidence")))


def test_local_history_is_read(tmp_path: Path) -> None:
    found = load(written(tmp_path, LINE)).evidence
    assert found.local == (LocalHistory(referred=160, in_care=43, **SINCE | {"source": "Our referral list"}),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LINE.replace("in_care = 43", "in_care = 161"), "in_care: must not exceed referred"),
        (LINE.replace("Our referral list", " "), "source: must say where the counts come from"),
        ('[evidence]\nfold = "without_essexx"', "fold: there is no such fold (got the text 'without_essexx'). Did"),
        ('effect = "evidence"\n[evidence]\nkind = "none"', "evidence.kind: nobody's trials or records of this kind"),
        ('effect = "evidence"\n[evidence]\nkind = "reunification"', "Kinds held: edge_of_care."),
    ],
)
def test_faults_are_one_sentence_at_their_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as told:
        load(written(tmp_path, text))
    assert said in str(told.value)
    assert len(told.value.faults) == 1 and told.value.faults[0].line


@pytest.mark.parametrize("kind", ["none", "reunification"])
def test_a_claim_for_a_programme_without_evidence_is_no_fault(tmp_path: Path, kind: str) -> None:
    assert load(written(tmp_path, f'[evidence]\nkind = "{kind}"')).evidence.kind == kind
    with pytest.raises(OptionError, match="nobody's trials or records of this kind of programme are held here"):
        weighted_draws(Evidence(kind=kind))


def test_a_file_of_draws_with_another_hash_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = evidence_draws.evidence_folder()
    for name in ("edge_of_care.csv", "edge_of_care.toml"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "edge_of_care.csv").write_bytes((folder / "edge_of_care.csv").read_bytes() + b"1000,0.5\n")
    monkeypatch.setattr(evidence_draws, "evidence_folder", lambda: tmp_path)
    with pytest.raises(
        OptionError, match=r"edge_of_care\.csv is not the file of draws that edge_of_care\.toml describes"
    ):
        read_draws.__wrapped__("edge_of_care")


def test_evidence_in_one_word_is_a_table() -> None:
    assert effect_as_table({"effect": "evidence"}) == {"effect": {"prior": "evidence"}}
    assert effect_as_table({"effect": {"usual": 0.3}}) == {"effect": {"usual": 0.3}}


def test_the_keys_of_a_group_replace_one_another() -> None:
    below = {"effect": {"usual": 0.35, "therapy": 0.65, "day": 3}, "title": "x"}
    assert without_rivals(below, {"effect": {"odds_ratio": 1.2}})["effect"] == {"usual": 0.35, "day": 3}
    assert without_rivals(below, {"effect": {"entry_scale_days": 9.0}})["effect"] == {"therapy": 0.65, "day": 3}
    assert without_rivals(below, {"effect": {"therapy": 0.5}})["effect"] == below["effect"]
    assert without_rivals(below, {}) == below
