"""Sensitivity on the model: ends, roots, grids, the mildest combination, drivers, worth: against brute-force re-runs.

Seeds are fixed, so nothing here fails by chance from one run to the next.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeofcare import experiment
from edgeofcare.documents.answers.grid import grid_document
from edgeofcare.documents.answers.reverse_stress import reverse_stress_document, reverse_words
from edgeofcare.documents.answers.sobol import sobol_document
from edgeofcare.documents.answers.switching_values import (
    switch_words,
    switching_values_document,
    switching_values_json,
)
from edgeofcare.documents.answers.tornado import tornado_document
from edgeofcare.documents.answers.value_of_information import value_of_information_document
from edgeofcare.documents.document import Document
from edgeofcare.documents.formats.text import text
from edgeofcare.errors import BusyError, OptionError
from edgeofcare.inputs.load import load, uncertain, with_values
from edgeofcare.inputs.schema import Origin, Scenario
from edgeofcare.questions.checkpoint import PartFolder
from edgeofcare.questions.sensitivity.design_point import reverse_stress
from edgeofcare.questions.sensitivity.grid import break_even_line, grid
from edgeofcare.questions.sensitivity.normal_scores import LIVES, MONEY, TARGETS, score_inputs
from edgeofcare.questions.sensitivity.one_at_a_time import figure
from edgeofcare.questions.sensitivity.perfect_information import value_of_information
from edgeofcare.questions.sensitivity.sobol import Design
from edgeofcare.questions.sensitivity.sobol_study import COLUMNS, design_case, family, groups_of, sobol
from edgeofcare.questions.sensitivity.switching_values import switching_values
from edgeofcare.questions.sensitivity.tornado import tornado
from edgeofcare.results import plain
from edgeofcare.walk import Run, run
from helpers import small

RESIDENTIAL, CASHABLE = "prices.gbp_per_week.residential", "prices.cashable_share.residential"
KINSHIP, SET_UP = "prices.gbp_per_week.kinship", "costs.set_up_gbp"
REFERRALS = "boroughs.ashby.referrals_per_year"
N = 24


def ranged(ranges: dict[str, tuple[float, float]], scenario: Scenario | None = None, **values: Any) -> Scenario:
    """Return a small scenario in which these inputs, and no others, have a range; uniform."""
    base = scenario or small(**values)
    shape = {"distribution": "uniform", "quality": "judgement"}
    origins = {path: Origin.model_validate({"low": low, "high": high, **shape}) for path, (low, high) in ranges.items()}
    return base.model_copy(update={"origins": origins, "correlations": ()})


def simulated(scenario: Scenario, values: dict[str, float], n: int = N) -> Run:
    """Run a scenario at other values through the walk, with no word of sensitivity."""
    return run(with_values(scenario, values), n, 1, workers=1)


def net_saving(scenario: Scenario, values: dict[str, float], n: int = N) -> np.ndarray:
    """Return the boroughs' net saving together, by replication, of a run of its own."""
    rows = simulated(scenario, values, n).boroughs
    return rows["net_saving_gbp"].to_numpy().reshape(n, -1).sum(axis=1)


PRICES = {RESIDENTIAL: (1000.0, 6000.0), KINSHIP: (100.0, 900.0)}


# ---- tornado -------------------------------------------------------------------------------------------------------


def test_ends_equal_a_re_run_exactly_with_targets_met_again() -> None:
    targets = {"effect.entry_scale_days": None, "effect.hazard_ratio": None, "effect.usual": 0.4, "effect.therapy": 0.6}
    scenario = ranged(
        {"effect.therapy": (0.5, 0.7), REFERRALS: (20.0, 50.0), SET_UP: (2e5, 6e5)}, with_values(small(), targets)
    )
    found = tornado(scenario, "profit", N)
    base = simulated(scenario, {}).replications["profit_gbp"]
    assert found.base == base.mean()
    for bar in found.bars:
        for end in (bar.low, bar.high):
            again = simulated(scenario, {bar.path: end.at}).replications["profit_gbp"]
            assert end.output == again.mean()
            error = (again - base).std(ddof=1) / np.sqrt(N)
            assert end.change.mean == pytest.approx((again - base).mean())
            assert end.change.se == pytest.approx(error, abs=1e-6)
    swings = [bar.swing for bar in found.bars]
    assert len(swings) == 3 and swings == sorted(swings, reverse=True) and swings[-1] > 0


@pytest.mark.parametrize("output", ["net_saving", "avoided", "payments", "bexhill", "irr"])
def test_every_output_is_that_of_the_run(output: str) -> None:
    scenario = ranged({REFERRALS: (20.0, 50.0)}, small(boroughs__ashby__referrals_per_year=40.0))
    again = simulated(scenario, {REFERRALS: 50.0})
    bexhill = again.boroughs[again.boroughs["borough"] == "bexhill"]
    expected = {
        "net_saving": again.boroughs["net_saving_gbp"].sum() / N,
        "avoided": again.replications["avoided_nominal_gbp"].mean(),
        "payments": again.replications["payments_gbp"].mean(),
        "bexhill": bexhill["net_saving_gbp"].mean(),
        "irr": plain(again.summary)["investor"]["irr_of_expected_flows"],
    }
    assert tornado(scenario, output, N).bars[0].high.output == pytest.approx(expected[output], rel=1e-12)


def test_inputs_that_move_money_alone_share_the_same_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    engine = experiment.engine_of("kernel")

    def counted(*args: Any) -> Any:
        runs.append(1)
        return engine(*args)

    monkeypatch.setattr(experiment, "engine_of", lambda name: counted)
    tornado(ranged({**PRICES, SET_UP: (2e5, 6e5)}), "net_saving", 3)
    assert len(runs) == 1
    tornado(ranged({REFERRALS: (20.0, 50.0)}), "net_saving", 3)
    assert len(runs) == 1 + 3


def test_an_end_that_cannot_be_lived_says_so_and_the_others_stand() -> None:
    targets = {"effect.entry_scale_days": None, "effect.hazard_ratio": None, "effect.usual": 0.4, "effect.therapy": 0.6}
    found = tornado(ranged({"effect.therapy": (0.5, 0.9999)}, with_values(small(), targets)), "profit", 3)
    assert "out of reach" in found.bars[0].high.problem and found.bars[0].high.output is None
    assert not found.bars[0].low.problem and found.bars[0].swing > 0
    assert "could not be simulated" in text(tornado_document(found))


# ---- switch --------------------------------------------------------------------------------------------------------


def test_the_switch_of_a_price_lies_where_the_line_through_two_runs_crosses_nil() -> None:
    scenario = ranged({RESIDENTIAL: (1.0, 6000.0), SET_UP: (2e5, 6e5)})
    answer = switching_values(scenario, "boroughs", N)
    found = {one.path: one for one in answer.inputs}
    low, high = (net_saving(scenario, {RESIDENTIAL: x}).mean() for x in (1.0, 6000.0))
    assert low < 0 < high
    line = 1 + 5999.0 * low / (low - high)
    root = found[RESIDENTIAL]
    # Net saving is linear in a price, but for prices of whole pence a day.
    assert root.where == "inside" and root.at == pytest.approx(line, rel=0.01)
    assert root.gain == net_saving(scenario, {RESIDENTIAL: root.at}).mean()
    assert abs(root.gain) < 0.01 * (high - low)
    assert found[SET_UP].at is None and not found[SET_UP].moves
    assert "does not change" in switch_words(answer, found[SET_UP])


def test_a_verdict_that_turns_only_beyond_the_range_is_found_there() -> None:
    scenario = ranged({RESIDENTIAL: (1.0, 6000.0)})
    at = switching_values(scenario, "boroughs", N).inputs[0].at
    assert at is not None
    beyond = switching_values(
        ranged({RESIDENTIAL: (at * 1.2, at * 2.0)}, with_values(scenario, {RESIDENTIAL: at * 1.5})), "boroughs", N
    ).inputs[0]
    assert beyond.where == "beyond" and beyond.at == pytest.approx(at, rel=0.02)
    far = ranged({RESIDENTIAL: (at * 20, at * 21)}, with_values(scenario, {RESIDENTIAL: at * 20.5}))
    answer = switching_values(far, "boroughs", 5)
    nowhere = answer.inputs[0]
    assert nowhere.where == "nowhere" and nowhere.at is None and nowhere.gains_now
    assert "gain at every value" in switch_words(answer, nowhere)


# ---- grid ----------------------------------------------------------------------------------------------------------


def test_a_break_even_line_runs_where_the_gain_is_nil() -> None:
    # gain = x + y - 1 on a grid: the line x + y = 1.
    xs, ys = (0.0, 0.4, 1.2), (0.0, 0.5, 1.0)
    line = break_even_line(xs, ys, [[x + y - 1 for x in xs] for y in ys])
    assert len(line) >= 4 and all(x + y == pytest.approx(1) for x, y in line)
    assert break_even_line(xs, ys, [[None, 1.0, 1.0]] * 3) == []


def test_a_break_even_line_is_in_its_order_along_the_longer_axis() -> None:
    # y = 0.1 + x^2 / 10 crosses both kinds of grid lines; along x, which it follows, it never turns back.
    xs, ys = tuple(np.linspace(0, 3, 7).tolist()), tuple(np.linspace(0, 3, 7).tolist())
    line = break_even_line(xs, ys, [[y - 0.1 - x * x / 10 for x in xs] for y in ys])
    assert line == sorted(line) and line[0][0] == 0.0 and line[-1][0] == 3.0
    turned = break_even_line(ys, xs, [[x - 0.1 - y * y / 10 for x in xs] for y in ys])
    assert [point[::-1] for point in turned] == line


def test_a_grid_equals_re_runs_and_nothing_is_avoided_without_effect() -> None:
    scenario = ranged({REFERRALS: (20.0, 50.0), RESIDENTIAL: (2000.0, 5000.0)})
    found = grid(scenario, RESIDENTIAL, REFERRALS, 3, N)
    for i, y in enumerate(found.ys):
        for j, x in enumerate(found.xs):
            again = net_saving(scenario, {RESIDENTIAL: x, REFERRALS: y}).mean()
            assert found.gain["boroughs"][i][j] == pytest.approx(again, rel=1e-12)
    by_effect = grid(scenario, "price", "effect", 3, N)
    dear = by_effect.gain["boroughs"][0]
    # Without effect boroughs get nothing for what they pay: dearer is worse, and never good.
    assert dear[0] is not None and dear[0] < 0 and dear == sorted(dear, reverse=True)  # type: ignore[type-var]


# ---- reverse -------------------------------------------------------------------------------------------------------


def test_the_mildest_combination_is_as_near_as_brute_force_finds() -> None:
    from scipy.special import ndtr

    scenario = ranged({RESIDENTIAL: (1500.0, 6000.0), CASHABLE: (0.2, 1.0)})
    found = reverse_stress(scenario, "boroughs", N)
    # Net saving = a + b x price x share: two runs tell it all (the first is GBP 1 from nil).
    nil, one = (net_saving(scenario, {RESIDENTIAL: x, CASHABLE: 0.5}).mean() for x in (1.0, 3001.0))
    z = np.linspace(-3, 3, 601)
    price, share = 1500 + ndtr(z) * 4500, 0.2 + ndtr(z) * 0.8
    gain = nil + (one - nil) / (3000 * 0.5) * price[:, None] * share[None, :]
    distance = np.hypot(z[:, None], z[None, :])
    assert gain[300, 300] > 0
    assert found.found and found.distance == pytest.approx(distance[gain <= 0].min(), rel=0.02)
    there = {one.path: one.at for one in found.inputs}
    assert found.gain == pytest.approx(net_saving(scenario, there).mean(), abs=1e-8)  # pence there, pounds here
    assert found.gain is not None and abs(found.gain) < 0.02 * found.median_gain
    assert all(path in reverse_words(found) for path in there)
    assert sum(one.share for one in found.inputs) == pytest.approx(1)


def test_no_combination_is_an_answer_in_words() -> None:
    found = reverse_stress(ranged({KINSHIP: (399.0, 401.0)}), "boroughs", 5)
    assert found.median_gain > 0 and not found.found and found.distance is None
    assert "No combination within 3 standard deviations" in reverse_words(found)


# ---- sobol ---------------------------------------------------------------------------------------------------------


def test_indices_of_a_linear_gain_are_those_of_the_closed_form(tmp_path: Path) -> None:
    widths = {RESIDENTIAL: 4800.0, KINSHIP: 7200.0}
    scenario = ranged({RESIDENTIAL: (1200.0, 6000.0), KINSHIP: (100.0, 7300.0)})
    found = sobol(scenario, ["net_saving"], 128, 16, together=False, out=tmp_path)
    base = net_saving(scenario, {}, 200).mean()
    own = {RESIDENTIAL: 3625.0, KINSHIP: 400.0}
    slope = {path: net_saving(scenario, {path: own[path] + width}, 200).mean() - base for path, width in widths.items()}
    # Uniform and additive: each one's share of the variance is that of its slope times its width, squared.
    total = sum(x * x for x in slope.values())
    assert {one.group for one in found.outputs["net_saving"]} == set(slope)
    for one in found.outputs["net_saving"]:
        share = slope[one.group] ** 2 / total
        assert 0.1 < share < 0.9 and found.noise_share["net_saving"] < 0.2
        assert one.first == pytest.approx(share, abs=0.15) and one.total == pytest.approx(share, abs=0.1)
        assert one.total_low is not None and one.total_high is not None and one.total_low < share < one.total_high


def test_parts_are_kept_and_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = ranged(PRICES)
    made: list[int] = []
    save = PartFolder.save

    def counted(self: PartFolder, number: int, part: Any) -> None:
        made.append(number)
        save(self, number, part)

    monkeypatch.setattr(PartFolder, "save", counted)
    whole = sobol(scenario, n=16, replications=2, out=tmp_path / "whole")
    assert sorted(made) == list(range(16))  # a part is a point of the design
    sobol(scenario, n=8, replications=2, out=tmp_path / "parts")
    damaged = tmp_path / "parts" / "000003.npz"
    damaged.write_bytes(damaged.read_bytes()[:20])
    made.clear()
    told: list[tuple[int, int]] = []
    again = sobol(scenario, n=16, replications=2, out=tmp_path / "parts", progress=lambda *at: told.append(at))
    assert sorted(made) == [3, *range(8, 16)]
    assert again.outputs == whole.outputs
    assert told[0] == (7 * whole.n_rows // 16 * 2, 2 * whole.n_rows) and told[-1] == (
        2 * whole.n_rows,
        2 * whole.n_rows,
    )
    with pytest.raises(OptionError, match="another question"):
        sobol(with_values(scenario, {RESIDENTIAL: 3000.0}), n=8, replications=2, out=tmp_path / "parts")


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    scenario = ranged(PRICES)
    with PartFolder(scenario, "sobol", {}, tmp_path), pytest.raises(BusyError, match="another run is writing here"):
        sobol(scenario, n=8, replications=2, out=tmp_path)


def test_rows_that_share_lives_equal_rows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alike rows of a point are simulated once, those of another point with replications of their own."""
    scenario = ranged({**PRICES, REFERRALS: (20.0, 50.0)})
    inputs = score_inputs(scenario)
    assert inputs.kinds == {RESIDENTIAL: MONEY, KINSHIP: MONEY, REFERRALS: LIVES}
    z = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    design = Design({"all": (0, 1, 2)}, np.stack([z, z], axis=1))
    rows_of_a_point = design.per_point  # A, B, and A with the group from B: alike here
    runs: list[int] = []
    engine = experiment.engine_of("kernel")
    monkeypatch.setattr(experiment, "engine_of", lambda name: lambda *args: runs.append(1) or engine(*args))
    case = design_case(design, inputs, N)
    found = experiment.experiment({"design": case}, 1, N, COLUMNS)["design", experiment.OWN]
    assert len(runs) == len(z)
    for point, scores in enumerate(z):
        values = inputs.values(scores.tolist())
        mine = figure(found, "net_saving").reshape(-1, N)[point * rows_of_a_point]
        again = run(with_values(scenario, values), (point + 1) * N, 1, workers=1).boroughs["net_saving_gbp"]
        assert mine.mean() == pytest.approx(again.to_numpy().reshape(-1, 2).sum(axis=1)[point * N :].mean(), rel=1e-12)


def test_inputs_of_one_kind_and_correlated_ones_move_together() -> None:
    scenario = load("pan_london")
    inputs = score_inputs(scenario)
    groups = groups_of(inputs, together=True)
    assert sorted(c for columns in groups.values() for c in columns) == list(range(len(uncertain(scenario))))
    assert len(groups["prices.cashable_share.*"]) == 6 and len(groups["boroughs.*.referrals_per_year"]) == 6
    assert "effect.usual + effect.therapy" in groups and len(groups) == 19
    assert len(groups_of(inputs, together=False)) == len(uncertain(scenario)) - len(scenario.correlations)
    assert family("care.stay.scale_days_under_16") == "care.stay.scale_days_under_16"
    targets = {path for path, kind in inputs.kinds.items() if kind == TARGETS}
    assert targets >= {"effect.usual", "child.frailty_variance"}


# ---- value of information ------------------------------------------------------------------------------------------


def test_worth_of_knowing_is_that_of_the_draws_of_a_run(tmp_path: Path) -> None:
    scenario = ranged({RESIDENTIAL: (500.0, 4000.0), KINSHIP: (300.0, 500.0)})
    draws, per_draw = 60, 4
    found = value_of_information(scenario, "boroughs", draws, per_draw, out=tmp_path)
    rows = run(scenario, draws * per_draw, 1, draws, workers=1).boroughs
    means = rows["net_saving_gbp"].to_numpy().reshape(draws, -1).sum(axis=1) / per_draw
    assert found.expected == pytest.approx(means.mean())
    assert found.in_prob == pytest.approx((means > 0).mean()) and 0.1 < found.in_prob < 0.9
    assert found.evpi_with_noise == pytest.approx(np.maximum(means, 0).mean() - max(means.mean(), 0))
    assert 0 < found.evpi < found.evpi_with_noise
    # The price of residential care decides nearly everything, that of kinship care nothing.
    facts = {fact.path: fact for fact in found.facts}
    assert found.facts[0].path == RESIDENTIAL and facts[RESIDENTIAL].value > 0.8 * found.evpi
    assert facts[KINSHIP].value < 0.1 * found.evpi and facts[KINSHIP].noise and not facts[RESIDENTIAL].noise
    assert found.best == ("join" if means.mean() > 0 else "do not join") and found.takes_part == (means.mean() > 0)
    assert all(0 <= fact.low <= fact.high for fact in found.facts)


def test_inputs_that_cannot_touch_a_party_are_worth_nothing_to_it(tmp_path: Path) -> None:
    """Prices of care are the boroughs' alone, the cost of setting up the investor's; referrals are everybody's."""
    scenario = ranged({RESIDENTIAL: (500.0, 4000.0), SET_UP: (2e5, 6e5), REFERRALS: (20.0, 50.0)})
    for party, still in (("investor", RESIDENTIAL), ("boroughs", SET_UP)):
        found = value_of_information(scenario, party, 40, 2, out=tmp_path / party)
        assert found.without_effect == (still,)
        assert {fact.path for fact in found.facts} == {RESIDENTIAL, SET_UP, REFERRALS} - {still}
        assert f"nothing to {'it' if party == 'investor' else 'them'}: {still}." in " ".join(
            text(value_of_information_document(found), 118).split()
        )


# ---- mistakes and pages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda s: tornado(s, "happiness"), "no output happiness"),
        (lambda s: tornado(s, replications=1), "replications must be"),
        (lambda s: tornado(small().model_copy(update={"origins": {}})), "no input of .* has a range"),
        (lambda s: tornado(load("pan_london_evidence")), "claims none of its own"),
        (lambda s: switching_values(s, "camden"), "no party camden"),
        (lambda s: grid(s, "volume", "volume"), "must differ"),
        (lambda s: grid(s, "volume", "effect", 2), "n must be"),
        (lambda s: grid(s, "volume", "tracking.days"), "tracking.days has no range.*prices.gbp_per_week.kinship"),
        (lambda s: reverse_stress(s, "nobody"), "no party nobody"),
        (lambda s: sobol(s, n=100), "power of two.*Try 128"),
        (lambda s: sobol(s, ["irr"]), "irr"),
        (lambda s: sobol(s, replications=1), "at least 2 replications"),
        (lambda s: sobol(load("pan_london"), together=False), "35 groups of inputs, more than 30"),
        (lambda s: value_of_information(s, "investor", 10), "outer draws must be 40"),
        (lambda s: value_of_information(s, "nobody"), "no party nobody"),
    ],
)
def test_mistakes_are_told_in_a_sentence(ask: Any, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        ask(ranged(PRICES))


def documents(tmp_path: Path) -> list[tuple[Document, Any]]:
    scenario = ranged({RESIDENTIAL: (1.0, 6000.0), SET_UP: (2e5, 6e5), REFERRALS: (20.0, 50.0)})
    ends, values = tornado(scenario, "irr", 4), switching_values(scenario, "ashby", 4)
    points, worst = grid(scenario, "price", "effect", 3, 4), reverse_stress(scenario, "investor", 4)
    drivers = sobol(scenario, n=4, replications=2, out=tmp_path / "sobol")
    worth = value_of_information(scenario, "ashby", 40, 2, out=tmp_path / "worth")
    return [
        (tornado_document(ends), ends.as_dict()),
        (switching_values_document(values), switching_values_json(values)),
        (grid_document(points), points.as_dict()),
        (reverse_stress_document(worst), worst.as_dict()),
        (sobol_document(drivers), drivers.as_dict()),
        (value_of_information_document(worth), worth.as_dict()),
    ]


def test_documents_begin_with_the_answer_and_json_has_only_numbers(tmp_path: Path) -> None:
    for document, found in documents(tmp_path):
        page = text(document, 118)
        assert "\n\nTHE ANSWER\n" in page
        assert "nan" not in page and "None" not in page and max(map(len, page.splitlines())) <= 118
        json.dumps(found, allow_nan=False)


def test_one_rule_for_failing_the_investor_misses_its_target() -> None:
    """What the investor gains is its net present value at its target rate, in every question alike."""
    scenario = ranged({REFERRALS: (20.0, 50.0)}, small(boroughs__ashby__referrals_per_year=40.0))
    found = tornado(scenario, "profit", N)
    again = simulated(scenario, {REFERRALS: 20.0}).summary.investor
    low = found.bars[0].low
    assert low.gains["boroughs"] == pytest.approx(net_saving(scenario, {REFERRALS: 20.0}).mean(), rel=1e-12)
    assert found.base_gains["investor"] == switching_values(scenario, "investor", N).gain
    assert again.profit_gbp.mean == pytest.approx(low.output, rel=1e-12)
