"""What stresses need of the model: a borough that leaves, a pause, net widening, vacancies. Off, they change no bit;
on, both engines do the same and each does what it says, worked by hand."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from edgeofcare.engine import kernel
from edgeofcare.engine.plan import make_plan
from edgeofcare.errors import InputError
from helpers import Lives, assert_engines_agree, assert_mean, assert_same_counts, pan_london, plan_of, small

LEAVES = {"boroughs__newham__leave_date": date(2019, 8, 8)}
PAUSED = {"referrals__pause": {"starts": date(2020, 3, 23), "until": date(2020, 9, 22), "share": 0.5}}
LATE = {"referrals__late_share": 1 / 3, "referrals__late_hazard_ratio": 0.5}
VACANT = {
    "teams__mst_b__vacancy_share": 1 / 3,
    "teams__mst_b__vacant_from": date(2018, 8, 8),
    "teams__mst_b__vacant_until": date(2019, 8, 8),
    "teams__fft__vacancy_share": 0.5,
}


@pytest.mark.parametrize(
    "off",
    [
        {"boroughs__newham__leave_date": date(2021, 2, 6)},
        {"referrals__pause": {"starts": date(2020, 3, 23), "until": date(2020, 9, 22), "share": 1.0}},
        {"referrals__late_share": 0.5},
        {"referrals__late_hazard_ratio": 0.5},
        {"teams__fft__vacant_from": date(2018, 8, 8)},
        {"teams__fft__vacancy_share": 0.5, "teams__fft__vacant_from": date(2021, 8, 6)},
    ],
)
def test_what_is_off_changes_no_bit(off: dict[str, Any]) -> None:
    assert_same_counts(kernel.run(plan_of(pan_london(**off)), 3, 0, 5), kernel.run(plan_of(pan_london()), 3, 0, 5))


@pytest.mark.parametrize("on", [LEAVES, PAUSED, LATE, VACANT, {**LEAVES, **PAUSED, **LATE, **VACANT}])
def test_the_engines_agree(on: dict[str, Any]) -> None:
    assert assert_engines_agree(plan_of(pan_london(**on)), 5, 0, 3) > 5000


# ---- referrals -----------------------------------------------------------------------------------------------------


def test_a_borough_that_leaves_refers_no_more_and_nothing_before_changes() -> None:
    stays, leaves = (plan_of(pan_london(**values)) for values in ({}, LEAVES))
    day = (date(2019, 8, 8) - date(2018, 2, 6)).days
    newham = stays.borough_slugs.index("newham")
    expected = stays.cumulative_referrals.copy()
    expected[newham, day:] = expected[newham, day]
    assert np.array_equal(leaves.cumulative_referrals, expected)
    days = [e["referred"][0] for c, e in Lives(leaves, 1, 0, 20).service.items() if c[1] == newham]
    other = [e["referred"][0] for c, e in Lives(stays, 1, 0, 20).service.items() if c[1] == newham]
    assert sorted(days) == sorted(d for d in other if d < day) and max(other) >= day


def test_a_pause_by_hand() -> None:
    """36.525 referrals a year are 0.1 a day; from day 100 to day 150 a fifth of them come."""
    day_0 = date(2018, 2, 6)
    pause = {"starts": day_0 + timedelta(days=100), "until": day_0 + timedelta(days=150), "share": 0.2}
    scenario = small({"ashby": 36.525}, referrals__pause=pause, referrals__ramp_months=0.0)
    expected = make_plan(scenario, 200.0, 0.5).cumulative_referrals[0]
    assert expected[[100, 150, 160]] == pytest.approx([10.0, 11.0, 12.0])


def test_late_children_have_the_ratio_and_the_others_their_own_lives() -> None:
    """With shape 1 half the hazard is twice the time: a child in care on day floor(x) comes in on day floor(2 x)."""
    lives, other = (Lives(plan_of(pan_london(**v)), 2, 0, 8) for v in ({}, LATE))
    late = slower = 0
    by_borough: dict[tuple[int, int], list[tuple[int, bool]]] = {}
    for child, events in lives.service.items():
        day, birthday = events["referred"]
        usual, changed = (found.spells.get((child, 0), [(birthday, birthday)])[0][0] - day for found in (lives, other))
        doubled = {min(2 * usual, birthday - day), min(2 * usual + 1, birthday - day)}
        same = changed == usual
        assert same or changed in doubled or usual == 1
        slower += not same
        if 1 < usual < birthday - day:
            by_borough.setdefault(child[:2], []).append((child[2], same))
    for children in by_borough.values():
        early = [same for _, same in sorted(children)]
        first = early.index(False) if False in early else len(early)
        assert all(early[:first]) and not any(same for same in early[first:]), "the late ones are the last"
        late += len(early) - first
    assert slower >= late > 200


def test_a_third_of_referrals_are_late() -> None:
    """Counted as those whose entry moved, among children who would enter care; false alarm 1e-6."""
    values = {**LATE, "referrals__late_hazard_ratio": 1e-6}
    plain, changed = (Lives(plan_of(pan_london(**v)), 4, 0, 60) for v in ({}, values))
    shares = []
    for replication in range(60):
        entered = [c for c in plain.service if c[0] == replication and (c, 0) in plain.spells]
        shares.append(np.mean([(c, 0) not in changed.spells for c in entered]))
    assert_mean(shares, 1 / 3, 1e-6)


# ---- vacancies -----------------------------------------------------------------------------------------------------


def test_vacancies_by_hand() -> None:
    """Of 16 places a third is 5.33, so 5 are empty; of 32 a half is 16, to the end."""
    plan, full = plan_of(pan_london(**VACANT)), plan_of(pan_london())
    mst_b, fft = (plan.team_slugs.index(slug) for slug in ("mst_b", "fft"))
    first, end = ((day - date(2018, 2, 6)).days for day in (date(2018, 8, 8), date(2019, 8, 8)))
    assert plan.slots[mst_b, [first - 1, first, end - 1, end]].tolist() == [16, 11, 11, 16]
    assert plan.slots[fft, [200, -1]].tolist() == [16, 16] and full.slots[fft, 200] == 32


def test_vacancies_never_bring_more_starts_above_the_slots_of_the_day() -> None:
    plan = plan_of(pan_london(**VACANT))
    first = (date(2018, 8, 8) - date(2018, 2, 6)).days
    lives = Lives(plan, 6, 0, 30)
    plain = Lives(plan_of(pan_london()), 6, 0, 30)
    assert len(lives.starters()) < len(plain.starters())
    assert (lives.counts.team[:, :, 1] == plan.slots.sum(axis=1)).all()
    before = [c for c in plain.starters() if plain.service[c]["started"][0] < first]
    no_fft_vacancy = {key: value for key, value in VACANT.items() if "fft" not in key}
    same = Lives(plan_of(pan_london(**no_fft_vacancy)), 6, 0, 30)
    assert all(same.service[c]["started"] == plain.service[c]["started"] for c in before)


# ---- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values, told",
    [
        ({"boroughs__newham__leave_date": date(2018, 2, 6)}, "borough newham: leave_date must lie after its joining"),
        ({"boroughs__barking_and_dagenham__leave_date": date(2018, 6, 1)}, "leave_date must lie after its joining"),
        ({"boroughs__newham__leave_date": date(2021, 2, 7)}, "not after referrals_until"),
        ({"referrals__pause": {"starts": date(2020, 1, 1), "until": date(2020, 1, 1)}}, "must lie after starts"),
        (
            {"teams__fft__vacant_from": date(2020, 1, 1), "teams__fft__vacant_until": date(2019, 1, 1)},
            "team fft: vacant_until must lie after vacant_from",
        ),
    ],
)
def test_dates_that_do_not_fit_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        pan_london(**values)
