"""Programmes as a table: any number of therapies, their shares, the key of version 0.1, and what must change no bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeofcare.care.cohort import team_for
from edgeofcare.engine import kernel
from edgeofcare.engine.calibrate import make_sample
from edgeofcare.engine.counts import TEAM, Counts
from edgeofcare.engine.expected import dropout_shares, expected_measures
from edgeofcare.engine.parameters import draw_values
from edgeofcare.errors import InputError
from edgeofcare.inputs.load import load, scenario_hash, with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.write import as_toml
from helpers import assert_same_counts, pan_london, plan_of, run_both, shipped, small, team

BOTH = pan_london().therapies
CONFERENCE = {"mean_days": 56.0, "sd_days": 20.0, "min_days": 21, "max_days": 120, "completion_prob": 0.6}
SHORT = {"mean_days": 20.0, "sd_days": 5.0, "min_days": 5, "max_days": 400, "completion_prob": 0.1}


def therapies(**more: dict[str, Any]) -> dict[str, Any]:
    """Return the therapies of Pan-London with others before and after, and shares of their own."""
    return {name: therapy.model_dump() for name, therapy in BOTH.items()} | {
        name: dict(kind) for name, kind in more.items()
    }


def three(**values: Any) -> Scenario:
    """Return a year of two boroughs with three therapies: 50%, 30% and the rest."""
    kinds = therapies(fgc=CONFERENCE)
    kinds["mst"]["share_suited"], kinds["fft"]["share_suited"] = 0.5, 0.3
    teams = {
        "m": team("mst", "ashby", "bexhill", n_therapists=2),
        "f": team("fft", "ashby", n_therapists=2),
        "g": team("fgc", "ashby", "bexhill", n_therapists=1),
        "h": team("fgc", "bexhill", n_therapists=2),
    }
    return small(teams=teams, therapies=kinds, **values)


def counts_of(scenario: Scenario) -> Counts:
    return kernel.run(plan_of(scenario), 1, 0, 40)


# ---- shares --------------------------------------------------------------------------------------------------------


def test_one_therapy_may_leave_its_share_out_and_takes_the_rest() -> None:
    assert three().shares_suited() == pytest.approx((0.5, 0.3, 0.2), abs=1e-15)
    own = three(boroughs__ashby__share_suited={"fgc": 1.0, "mst": 0.0})
    assert own.shares_suited("ashby") == (0.0, 0.0, 1.0) and own.shares_suited("bexhill") == own.shares_suited()
    assert small(therapies={"mst": BOTH["mst"].model_dump() | {"share_suited": None}}).shares_suited() == (1.0,)


@pytest.mark.parametrize(
    ("shares", "own", "rule"),
    [
        ((0.5, 0.3, 0.3), None, r"must sum to 1; mst 0\.5, fft 0\.3, fgc 0\.3 sum to 1\.1"),
        ((0.5, 0.3, 0.1), None, r"must sum to 1; .* sum to 0\.9"),
        ((0.8, 0.3, None), None, r"must sum to 1; mst 0\.8, fft 0\.3 sum to 1\.1"),
        ((0.5, None, None), None, r"left out for one therapy, which takes the rest; it is missing for fft, fgc"),
        ((0.5, 0.3, 0.2), {"mst": 0.5}, r"boroughs\.ashby\.share_suited: .*missing for fft, fgc"),
        (
            (0.5, 0.3, 0.2),
            {"mst": 0.5, "fft": 0.5, "xyz": 0.0},
            r"ashby\.share_suited: names xyz, .* fgc is",
        ),
    ],
)
def test_shares_that_do_not_fit_are_refused(shares: tuple[float | None, ...], own: Any, rule: str) -> None:
    kinds = therapies(fgc=CONFERENCE)
    for name, share in zip(kinds, shares, strict=True):
        kinds[name]["share_suited"] = share
    with pytest.raises(InputError, match=rule):
        small(therapies=kinds, boroughs__ashby__share_suited=own)


def test_shares_written_with_few_digits_may_miss_1_by_a_millionth() -> None:
    kinds = therapies(fgc=CONFERENCE)
    for name, share in zip(kinds, (0.333333, 0.333333, 0.333333), strict=True):
        kinds[name]["share_suited"] = share
    assert plan_of(small(therapies=kinds)).suited_cumulative[0, -1] == 1.0


def test_a_team_of_an_unknown_therapy_is_told_which_there_are() -> None:
    with pytest.raises(InputError, match=r"team m delivers multi.*no \[therapies\.multi\]; there is mst, fft, fgc"):
        with_values(three(), {"teams.m.therapy": "multi"})


def test_the_team_is_chosen_by_the_place_inside_the_therapys_share() -> None:
    """Shares 0.25, 0.5, 0.25; the middle therapy has teams 1 and 2 with 1 and 3 places: team 1 up to 0.25 + 0.5 / 4."""
    teams, slots, cumulative = [[0, -1], [1, 2], [3, -1]], [5, 1, 3, 5], [0.25, 0.75, 1.0]
    found = [team_for(teams, slots, slots, u, cumulative) for u in (0.0, 0.2499, 0.25, 0.3749, 0.375, 0.7499, 0.75)]
    assert found == [0, 0, 1, 1, 2, 2, 3]


# ---- what changes no bit -------------------------------------------------------------------------------------------


def test_two_therapies_are_0_1_s_arithmetic_to_the_last_bit() -> None:
    """Below p the place is u / p, above it (u - p) / (1 - p): with c = (p, 1) the same operations on these numbers."""
    rng = np.random.default_rng(1)
    teams, slots = [[0, 1, 2], [3, 4, -1]], [2, 3, 4, 1, 6]
    for p, u in rng.random((2000, 2)).tolist():
        mine = [0, 1, 2] if u < p else [3, 4]
        place = u / p if u < p else (u - p) / (1.0 - p)
        reached, chosen = 0, mine[0]
        for i in mine:
            if i == mine[0] or place * sum(slots[j] for j in mine) >= reached:
                chosen = i
                reached += slots[i]
        assert team_for(teams, slots, slots, u, [p, 1.0]) == chosen


@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_a_therapy_with_share_0_changes_no_bit(place: str) -> None:
    """Even a longer one, which lengthens the table of lengths."""
    none, kinds = SHORT | {"share_suited": 0.0}, therapies()
    orders = {
        "before": {"none": none, **kinds},
        "between": {"mst": kinds["mst"], "none": none, "fft": kinds["fft"]},
        "after": {**kinds, "none": none},
    }
    with_it, without = (small(therapies=found) for found in (orders[place], kinds))
    assert_same_counts(counts_of(with_it), counts_of(without))
    samples = [make_sample(one, 3000) for one in (with_it, without)]
    for name in ("need", "risk", "limit", "stop", "dose"):
        assert np.array_equal(getattr(samples[0], name), getattr(samples[1], name))


def test_renaming_a_therapy_changes_no_bit() -> None:
    kinds = {"zebra": BOTH["mst"].model_dump(), "ant": BOTH["fft"].model_dump()}
    teams = {"a": team("zebra", "ashby", n_therapists=3), "b": team("ant", "ashby", "bexhill", n_therapists=2)}
    before = {"a": team("mst", "ashby", n_therapists=3), "b": team("fft", "ashby", "bexhill", n_therapists=2)}
    assert_same_counts(counts_of(small(teams=teams, therapies=kinds)), counts_of(small(teams=before)))


def test_the_order_of_therapies_is_part_of_the_hash() -> None:
    """A draw chooses among them in their order, so another order is another contract."""
    kinds = therapies()
    kinds["fft"]["share_suited"] = 1 - kinds["mst"]["share_suited"]
    forth, back = small(therapies=kinds), small(therapies=dict(reversed(kinds.items())))
    assert scenario_hash(forth) != scenario_hash(back)


# ---- three therapies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes", [{}, {"boroughs__bexhill__share_suited": {"mst": 0.0, "fft": 0.1}}], ids=["all alike", "one its own"]
)
def test_both_engines_agree_on_three_therapies(changes: dict[str, Any]) -> None:
    expected, events, found, seen = run_both(plan_of(three(**changes)), 7, 0, 12)
    assert_same_counts(expected, found)
    assert events == seen
    assert (expected.team[:, :, TEAM.index("starts")].sum(axis=0) > 0).all()


def test_families_are_suited_in_the_shares_written() -> None:
    """Starts by therapy without a queue: binomial, four standard errors (false alarms below 1 in 5,000)."""
    kinds = {"caseload_per_therapist": 50, "n_therapists": 50}
    teams = {name: team(name, "ashby", **kinds) for name in ("mst", "fft", "fgc")}
    scenario = small({"ashby": 60.0}, teams, therapies={n: t.model_dump() for n, t in three().therapies.items()})
    starts = counts_of(scenario).team[:, :, TEAM.index("starts")].sum(axis=0)
    shares, n = np.array(scenario.shares_suited()), starts.sum()
    assert n > 1000 and (np.abs(starts / n - shares) < 4 * np.sqrt(shares * (1 - shares) / n)).all()


def test_the_witness_agrees_with_the_sample_for_three_therapies() -> None:
    """Never in care by day 365 of 60,000 children who all start: binomial, false alarms of each arm below 1e-5."""
    scenario = three(effect__wait_days=0)
    plan, sample = plan_of(scenario), make_sample(three(effect__wait_days=0), 60_000, (365,))
    witness = expected_measures(plan, scenario, 0)
    for arm in ("usual", "therapy"):
        ratio = scenario.effect.hazard_ratio if arm == "therapy" else 1.0
        seen = sample.values(arm, scenario.effect.entry_scale_days, ratio)[sample.measure("never_in_care_by_day", 365)]
        prob = witness.measure(arm, "never_in_care_by_day", 365)
        assert abs(seen - prob) < 4.5 * np.sqrt(prob * (1 - prob) / 60_000)
    other = three(effect__wait_days=0, therapies__fgc__completion_prob=1.0)
    assert plan_of(other).completion_prob.tolist() == [0.86, 0.86, 1.0]


def test_the_law_of_dropouts_is_the_mixture_over_therapies() -> None:
    """Its total is the sum of share x chance to break off, and each therapy alone gives its own part."""
    scenario = three()
    _, shares = dropout_shares(plan_of(scenario), scenario)
    assert shares.sum() == pytest.approx(0.5 * 0.14 + 0.3 * 0.14 + 0.2 * 0.4)


# ---- the key of 0.1 ------------------------------------------------------------------------------------------------


def old_file(tmp_path: Path, text: str, base: str = "pan_london") -> Path:
    path = tmp_path / "old.toml"
    path.write_text(f'extends = "{base}"\n{text}', "utf-8")
    return path


def test_the_old_key_is_read_as_a_share(tmp_path: Path) -> None:
    found = load(old_file(tmp_path, "[child]\nsuited_to_mst_prob = 0.6\nfemale_prob = 0.5\n"))
    assert found.shares_suited() == (0.6, 0.4)
    assert found.origins["therapies.mst.share_suited"].high == 0.7  # the range of the file below holds 0.6
    assert "suited_to_mst_prob" not in as_toml(found) and "share_suited" in as_toml(found)


def test_a_boroughs_old_key_is_read_as_its_shares(tmp_path: Path) -> None:
    found = load(old_file(tmp_path, "[boroughs.sutton]\nsuited_to_mst_prob = {value = 0.25, source = 'said'}\n"))
    assert found.shares_suited("sutton") == (0.25, 0.75) and found.shares_suited("bexley") == found.shares_suited()
    assert found.origins["boroughs.sutton.share_suited.mst"].source == "said"


def test_the_old_key_has_no_effect_where_there_is_one_therapy(tmp_path: Path) -> None:
    text = "[child]\nsuited_to_mst_prob = 0.3\n[boroughs.essex]\nsuited_to_mst_prob = 0.2\n"
    assert load(old_file(tmp_path, text, "essex")).shares_suited("essex") == (1.0,)


def test_a_fault_in_the_old_key_is_told_on_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"old\.toml:3: therapies\.mst\.share_suited: must be at most 1 \(got 1\.5\)"):
        load(old_file(tmp_path, "[child]\nsuited_to_mst_prob = 1.5\n"))


def test_both_keys_in_one_file_are_a_fault(tmp_path: Path) -> None:
    text = "[child]\nsuited_to_mst_prob = 0.5\n[therapies.mst]\nshare_suited = 0.6\n"
    with pytest.raises(InputError, match=r"old\.toml:3: child\.suited_to_mst_prob: unknown key"):
        load(old_file(tmp_path, text))


def test_a_whole_file_of_0_1_gives_the_same_contract(tmp_path: Path) -> None:
    now = load("pan_london")
    lines = as_toml(now).splitlines()
    share = next(line for line in lines if line.startswith("share_suited"))
    lines.remove(share)
    lines = [line for line in lines if not line.startswith('name = "Multi') and not line.startswith('name = "Funct')]
    lines.insert(lines.index("[child]") + 1, share.replace("share_suited", "suited_to_mst_prob"))
    (tmp_path / "whole.toml").write_text("\n".join(lines), "utf-8")
    then = load(tmp_path / "whole.toml")
    assert list(then.therapies) == ["mst", "fft"] and then.shares_suited() == now.shares_suited()
    assert draw_values(then, 1, 3)["therapies.mst.share_suited"] == draw_values(now, 1, 3)["therapies.mst.share_suited"]


def test_draws_of_the_share_are_those_of_0_1() -> None:
    """The first outer draw of seed 1, as 0.1.0 drew `child.suited_to_mst_prob` of pan_london."""
    assert draw_values(shipped("pan_london"), 1, 0)["therapies.mst.share_suited"] == pytest.approx(OLD_DRAW, abs=0)


OLD_DRAW = 0.5486357937092737


def test_the_last_therapy_left_by_remove_has_all_families(tmp_path: Path) -> None:
    every = '["sutton", "bexley", "merton", "newham", "tower_hamlets", "barking_and_dagenham"]'
    text = f'remove = ["therapies.fft", "teams.fft"]\n[teams.mst_a]\nboroughs = {every}\n'
    assert load(old_file(tmp_path, text)).shares_suited() == (1.0,)
