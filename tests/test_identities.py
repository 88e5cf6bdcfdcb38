"""What always holds (model.md section 7), in every replication of random scenarios. Hypothesis draws the scenarios,
the same ones every time; nothing here depends on luck."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeofcare.care.cohort import arrival_draws, team_for
from edgeofcare.engine import kernel
from edgeofcare.engine.counts import Counts
from edgeofcare.engine.plan import NO_LIMIT, Plan
from edgeofcare.inputs.load import with_values
from edgeofcare.inputs.schema import Scenario
from helpers import Lives, assert_same_counts, plan_of, small, team, with_tracks

SEED, N = 31, 12
SLUGS = ("ashby", "bexhill", "corby")
few = settings(max_examples=30)

numbers = {
    "referrals.patience_days": st.sampled_from([0, 5, 60, 300]),
    "referrals.priority_by_needs": st.booleans(),
    "referrals.accept_prob": st.sampled_from([0.6, 1.0]),
    "referrals.shared_shock_sd": st.sampled_from([0.0, 0.4]),
    "child.frailty_variance": st.sampled_from([0.0, 0.25, 2.0]),
    "child.needs_log_hazard": st.sampled_from([0.0, 0.4, -1.0]),
    "care.first_entry_shape": st.sampled_from([0.5, 1.0, 1.4]),
    "care.stay.stay_to_18_prob_under_16": st.sampled_from([0.0, 0.3, 0.7]),
    "care.reentry.shape": st.sampled_from([0.367, 1.0]),
    "care.reentry.scale_days": st.sampled_from([100.0, 21_700.0]),
    "effect.entry_scale_days": st.sampled_from([30.0, 190.0, 900.0]),
    "effect.dropouts_keep": st.sampled_from(["dose", "none", "all"]),
    "effect.log_ratio_share_by_year": st.sampled_from([(1.0,), (1.0, 0.5, 0.0), (0.3, 1.0)]),
    "therapies.mst.completion_prob": st.sampled_from([0.4, 0.9]),
    "tracking.week_rule": st.sampled_from(["grid", "run"]),
    "tracking.covers": st.sampled_from(["starters", "completers"]),
    "tracking.delay_days": st.sampled_from([0, 91]),
}
ratios = st.sampled_from([0.0, 0.05, 0.25, 0.9, 1.0])


@st.composite
def scenarios(draw: st.DrawFn, shared: bool = True) -> Scenario:
    """One to three boroughs, with teams in common or each with its own; anything else at random."""
    slugs = SLUGS[: draw(st.integers(1, 3))]
    rates = {slug: draw(st.sampled_from([5.0, 20.0, 60.0])) for slug in slugs}
    size = st.integers(1, 5)
    if shared:
        more: dict[str, Any] = {"n_therapists": draw(size), "staffed_over_days": draw(st.sampled_from([0, 150]))}
        teams = {"m": team("mst", *slugs, **more), "f": team("fft", slugs[0], n_therapists=draw(size))}
        if draw(st.booleans()):
            teams["m2"] = team("mst", slugs[-1], n_therapists=draw(size), opens=date(2018, 6, 1))
    else:
        teams = {slug: team("mst", slug, n_therapists=draw(size)) for slug in slugs}
    values = draw(st.fixed_dictionaries(numbers))
    return with_values(small(rates, teams), values)


def run(scenario: Scenario, **values: Any) -> tuple[Plan, Counts]:
    """Run twelve replications, with control children; `__` in a name stands for the dot of a path."""
    changes = {path.replace("__", "."): value for path, value in values.items()}
    plan = plan_of(with_values(scenario, changes))
    plan = replace(plan, tracks=(replace(plan.tracks[0], controlled=True),), control_tracks=(0,))
    return plan, kernel.run(plan, SEED, 0, N)


@few
@given(scenarios())
def test_nothing_in_exactly_nothing_out(scenario: Scenario) -> None:
    """A hazard ratio of 1 avoids no day, week or entry, in no replication."""
    _, counts = run(scenario, effect__hazard_ratio=1.0)
    assert counts.lives[..., 0].sum() > 0
    for array in (counts.care, counts.outcomes, counts.intake):
        assert np.array_equal(array[:, 0], array[:, 1])
    assert np.array_equal(counts.lives[:, 0, :, :3], counts.lives[:, 1, :, :3])
    assert not counts.lives[..., 3].any()
    assert np.array_equal(counts.both_weeks, counts.outcomes[:, 0, ..., 3])


@few
@given(scenarios())
def test_a_borough_without_referrals_changes_nothing(scenario: Scenario) -> None:
    """It stands first, shares every team, and moves no bit of the others."""
    tree = scenario.model_dump(exclude={"origins"})
    boroughs = {"aaron": {"name": "Aaron", "referrals_per_year": 0.0}} | tree["boroughs"]
    teams = {name: t | {"boroughs": ("aaron", *t["boroughs"])} for name, t in tree["teams"].items()}
    _, counts = run(with_values(scenario, {"boroughs": boroughs, "teams": teams}))
    _, expected = run(scenario)
    without = replace(
        counts,
        service=counts.service[:, 1:],
        lives=counts.lives[:, :, 1:],
        care=counts.care[:, :, :, 1:],
        outcomes=counts.outcomes[:, :, :, 1:],
        both_weeks=counts.both_weeks[:, :, 1:],
        intake=counts.intake[:, :, :, 1:],
        control=counts.control[:, :, 1:],
    )
    assert_same_counts(expected, without)


@few
@given(scenarios(shared=False))
def test_a_borough_without_shared_teams_is_the_same_alone_as_in_company(scenario: Scenario) -> None:
    _, company = run(scenario)
    for i, slug in enumerate(scenario.boroughs):
        tree = scenario.model_dump(exclude={"origins"})
        alone = {"boroughs": {slug: tree["boroughs"][slug]}, "teams": {slug: tree["teams"][slug]}}
        _, counts = run(with_values(scenario, alone))
        assert np.array_equal(counts.service[:, 0], company.service[:, i])
        assert np.array_equal(counts.lives[:, :, 0], company.lives[:, :, i])
        assert np.array_equal(counts.care[:, :, :, 0], company.care[:, :, :, i])
        assert np.array_equal(counts.outcomes[:, :, :, 0], company.outcomes[:, :, :, i])
        assert np.array_equal(counts.control[:, :, 0], company.control[:, :, i])
        assert np.array_equal(counts.team[:, 0], company.team[:, i])


@few
@given(scenarios(), st.sampled_from([0.0, 0.3, 2.5]))
def test_starts_do_not_know_the_effect_of_therapy(scenario: Scenario, ratio: float) -> None:
    _, expected = run(scenario, effect__hazard_ratio=1.0)
    _, counts = run(scenario, effect__hazard_ratio=ratio, care__reentry__hazard_ratio=ratio)
    assert np.array_equal(counts.service, expected.service)
    assert np.array_equal(counts.team, expected.team)
    assert np.array_equal(counts.control, expected.control)
    for array, other in ((counts.care, expected.care), (counts.outcomes, expected.outcomes)):
        assert np.array_equal(array[:, 0], other[:, 0])  # nor does the usual arm


@few
@given(scenarios(), ratios)
def test_first_entry_is_never_earlier_under_therapy(scenario: Scenario, ratio: float) -> None:
    lives = Lives(plan_of(with_values(scenario, {"effect.hazard_ratio": ratio})), SEED, 0, N)
    for child in lives.starters():
        usual, therapy = lives.care(child, 0), lives.care(child, 1)
        assert not therapy or usual[0][0] <= therapy[0][0]
        assert len(usual) > 0 or len(therapy) == 0


@few
@given(scenarios(), ratios, ratios)
@example(small(care__reentry__scale_days=80.0, care__reentry__shape=1.0), 0.5, 0.5)
def test_care_days_to_any_fixed_day_are_never_more_under_therapy(
    scenario: Scenario, ratio: float, reentry_ratio: float
) -> None:
    """If stays do not depend on age; returns to care included."""
    stay = scenario.care.stay
    changes = {
        "care.stay.stay_to_18_prob_16_plus": stay.stay_to_18_prob_under_16,
        "care.stay.scale_days_16_plus": stay.scale_days_under_16,
        "effect.hazard_ratio": ratio,
        "care.reentry.hazard_ratio": reentry_ratio,
    }
    lives = Lives(plan_of(with_values(scenario, changes)), SEED, 0, N)
    days = np.array([*range(0, 3400, 97), 10**6])
    for child in lives.starters():
        usual, therapy = (
            sum((np.clip(days, enter, leave) - enter for enter, leave in lives.care(child, arm)), np.zeros(len(days)))
            for arm in (0, 1)
        )
        assert (therapy <= usual).all(), child


@few
@given(scenarios(), ratios)
def test_days_add_up(scenario: Scenario, ratio: float) -> None:
    """Tracked days are the same in both arms; care days are sums over types and lie inside; weeks are seven days."""
    plan, counts = run(scenario, effect__hazard_ratio=ratio)
    tracked, care, paid, grid = (counts.outcomes[:, :, 0, ..., k] for k in range(4))
    assert np.array_equal(tracked[:, 0], tracked[:, 1])
    periods = plan.n_outcome_periods
    assert np.array_equal(counts.care[:, :, 0].sum(axis=-1)[..., :periods], care)
    assert not counts.care[:, :, 0, :, periods:].any()
    assert (care <= tracked).all()
    home = (tracked - care).sum(axis=-1)
    assert (7 * paid.sum(axis=-1) <= home).all() and (grid.sum(axis=-1) <= paid.sum(axis=-1)).all()
    assert (counts.both_weeks[:, 0] <= grid.min(axis=1)).all()
    assert (counts.care[:, :, 0].sum(axis=(-1, -2)) <= counts.care[:, :, 1].sum(axis=(-1, -2))).all()
    own = plan.tracks[0]
    assert (tracked.sum(axis=-1)[:, 0] <= own.days * counts.served("tracked").sum(axis=-1)).all()
    assert np.array_equal(counts.team[:, :, 1], np.tile(plan.slots.sum(axis=1), (N, 1)))


@few
@given(scenarios(), ratios, st.integers(1, 120), st.integers(1, 400))
def test_units_lie_inside_days_out_of_care(scenario: Scenario, ratio: float, weeks: int, most: int) -> None:
    """Days out of care are tracked days without care days; limits hold; a milestone is reached once, or not at all."""
    plan = plan_of(with_values(scenario, {"effect.hazard_ratio": ratio}))
    own = plan.tracks[0]
    days, some_days = replace(own, unit="day"), replace(own, unit="day", max_units=most)
    running, at_week = (replace(own, unit=unit, weeks=weeks, max_units=1) for unit in ("running", "at_week"))
    counts = kernel.run(with_tracks(plan, days, some_days, running, at_week), SEED, 0, N)
    tracked, care, units, _ = (counts.outcomes[..., k] for k in range(4))
    home = tracked[:, :, 0] - care[:, :, 0]
    assert np.array_equal(units[:, :, 1], home) and (units[:, :, 2] <= home).all()
    children = counts.served("tracked").sum(axis=-1)[:, None]
    total = units.sum(axis=-1)
    assert (total[:, :, 2] <= most * children).all()
    assert (total[:, :, 3:] <= children[:, :, None]).all()
    assert (7 * weeks * total[:, :, 3] <= total[:, :, 1]).all()
    assert (total[:, :, 4] == 0).all() or 7 * weeks <= own.days
    if ratio == 1.0:
        assert np.array_equal(units[:, 0], units[:, 1])


def team_of(plan: Plan, child: tuple[int, int, int], day: int) -> int:
    """The team that serves a child, by its draw of the therapy it is suited to and its day of referral."""
    replication, borough, number = child
    suited_u = arrival_draws(SEED, replication, int(plan.borough_ids[borough]), number)[3]
    suited = plan.suited_cumulative[borough]
    return int(team_for(plan.teams_of[borough], plan.slots[:, day], plan.full_slots, suited_u, suited))


def check_service(plan: Plan, lives: Lives) -> None:
    """Rebuild every team's day from the events."""
    used = np.zeros((N, len(plan.team_slugs), plan.delivery_end + 1), int)
    started_on = np.zeros_like(used)
    for child in lives.starters():
        events = lives.service[child]
        referred, birthday_18 = events["referred"]
        start, length = events["started"]
        stop = (events.get("completed") or events["dropped_out"])[0]
        which = child[0], team_of(plan, child, referred)
        used[(*which, slice(start, stop))] += 1
        started_on[(*which, start)] += 1
        assert referred <= start <= referred + plan.patience_days
        assert start < birthday_18 and start + length <= plan.delivery_end and start < stop <= start + length
        assert all(start < enter for arm in (0, 1) for enter, _ in lives.care(child, arm))  # at home since referral
    on_start_days = started_on > 0
    slots = np.broadcast_to(plan.slots, used.shape)
    assert (used[on_start_days] <= slots[on_start_days]).all()
    if not plan.slot_days_overhang.any():
        assert (used <= slots).all()
    assert np.array_equal(used.sum(axis=2), lives.counts.team[:, :, 0])
    assert np.array_equal(started_on.sum(axis=2), lives.counts.team[:, :, 2])


@few
@given(scenarios(), st.integers(0, 250))
def test_slots_are_never_exceeded_and_nobody_starts_who_may_not(scenario: Scenario, opens: int) -> None:
    """Day by day; not before referral or opening, after 18, from care, after patience, or past the end of delivery."""
    plan = plan_of(scenario)
    slots = plan.slots.copy()
    slots[0, :opens] = 0
    plan = replace(plan, slots=slots)
    lives = Lives(plan, SEED, 0, N)
    assert lives.starters()
    check_service(plan, lives)


@few
@given(scenarios(), st.integers(100, 400))
def test_no_start_takes_a_team_above_slots_that_fell(scenario: Scenario, day: int) -> None:
    plan = plan_of(scenario)
    slots = plan.slots.copy()
    slots[:, day:] = (slots[:, day:] + 1) // 2
    plan = replace(plan, slots=slots, slot_days_overhang=np.full(len(slots), NO_LIMIT))
    check_service(plan, Lives(plan, SEED, 0, N))


@few
@given(scenarios(), st.sampled_from([1, 150]))
def test_two_teams_in_the_place_of_one_change_no_referral(scenario: Scenario, n_therapists: int) -> None:
    """Nor any life without therapy; with room for all at once they change nothing but whose starts they are."""
    slugs = tuple(scenario.boroughs)
    halves = {name: team("mst", *slugs, n_therapists=n_therapists) for name in ("half", "other_half")}
    _, one = run(scenario, teams={"whole": team("mst", *slugs, n_therapists=2 * n_therapists)})
    _, two = run(scenario, teams=halves)
    for name in ("referred", "accepted", "engaged"):
        assert np.array_equal(one.served(name), two.served(name))
    assert np.array_equal(one.lives[:, 0, :, :2], two.lives[:, 0, :, :2])
    assert np.array_equal(one.team[:, :, 1].sum(axis=1), two.team[:, :, 1].sum(axis=1))
    assert two.team[:, :, 2].sum(axis=0).min() > 0
    if n_therapists > 1:
        assert_same_counts(replace(one, team=one.team[:, 0]), replace(two, team=two.team.sum(axis=1, dtype=np.int32)))


@few
@given(scenarios(), st.integers(0, 9))
def test_an_entitlement_is_the_most_that_start(scenario: Scenario, most: int) -> None:
    plan, counts = run(scenario, boroughs__ashby__entitlement=most)
    assert (counts.served("started").sum(axis=2)[:, 0] <= most).all()
    assert counts.served("started").sum(axis=2)[:, 0].max() == most or most == 9 or plan.patience_days == 0


@few
@given(scenarios(), st.sampled_from([0.2, 1.0]))
def test_those_who_leave_the_queue_leave_on_their_day(scenario: Scenario, ratio: float) -> None:
    lives = Lives(plan_of(with_values(scenario, {"effect.hazard_ratio": ratio})), SEED, 0, N)
    patience = scenario.referrals.patience_days
    for child, events in lives.service.items():
        day, birthday_18 = events["referred"]
        first_care = min((enter for enter, _ in lives.care(child, 0)), default=10**9)
        gone = min(first_care, birthday_18)
        if "left_care" in events:
            assert events["left_care"][0] == first_care <= day + patience
        if "left_18" in events:
            assert events["left_18"][0] == birthday_18 <= day + patience and first_care > birthday_18
        if "left_patience" in events:
            assert events["left_patience"][0] == day + patience < gone


@pytest.mark.parametrize("seed", [0, 2**63])
def test_the_same_seed_gives_the_same_answer(seed: int) -> None:
    plan = plan_of(small())
    assert_same_counts(kernel.run(plan, seed, 5, 4), kernel.run(plan, seed, 5, 4))
