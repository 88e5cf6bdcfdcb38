"""Simulated against formulas. Seeds are fixed. Each assertion has a false-alarm rate of 1e-5 (4.4 standard errors) on
the day its seed was chosen, and each is shown to refuse the same formula with its parameter 2% off."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from edgeofcare.care.cohort import days_to_18
from edgeofcare.engine import kernel, reference
from edgeofcare.engine.calibrate import make_sample
from edgeofcare.engine.counts import Counts
from edgeofcare.engine.plan import Plan
from edgeofcare.inputs.schema import Scenario
from helpers import assert_mean, plan_of, small, team

FALSE_ALARM = 1e-5
OFF = 1.02
Floats = npt.NDArray[np.float64]
AGED_TEN = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def assert_only(assertion: Callable[[float], None], parameter: float) -> None:
    """The assertion holds for a parameter, and refuses it 2% off, either way."""
    assertion(parameter)
    for wrong in (parameter * OFF, parameter / OFF):
        with pytest.raises(AssertionError):
            assertion(wrong)


def chunks(plan: Plan, n: int, size: int, of: Callable[[Counts], npt.NDArray[Any]], seed: int = 1) -> Floats:
    """Run n replications a chunk at a time and return one figure of each replication."""
    return np.concatenate([of(kernel.run(plan, seed, first, size)) for first in range(0, n, size)]).astype(float)


def untreated(**values: Any) -> Scenario:
    """A borough whose children are ten, all alike, and get no therapy: 500 referrals in a year."""
    alike = {
        "child__age_weights": AGED_TEN,
        "child__needs_log_hazard": 0.0,
        "child__frailty_variance": 0.0,
        "referrals__engage_prob": 0.0,
        "referrals__ramp_months": 0.0,
    }
    return small({"a": 500.0}, **alike | values)


def limits(n: int = 4000) -> npt.NDArray[np.int64]:
    """Days from referral to 18 of children aged ten, on a grid of u."""
    return np.array([days_to_18([1.0] * 8, (i + 0.5) / n) for i in range(n)])


# ---- first entry ------------------------------------------------------------------------------------------------


def test_frailty_survival_by_day() -> None:
    """S(t) = (1 + theta (t / scale)^k)^(-1 / theta) on five days of 1,500,000 children; scale and theta."""
    theta, scale, k, n = 1.0, 300.0, 0.8, 1_500_000
    days = [30, 200, 500, 1000, 2000]
    scenario = untreated(child__frailty_variance=theta, care__first_entry_shape=k, effect__wait_days=0)
    sample = make_sample(scenario, n, on_days=days)
    never = np.array([sample.values("usual", scale)[sample.measure("never_in_care_by_day", day)] for day in days])

    def assert_survival(theta: float, scale: float) -> None:
        survival = (1 + theta * (np.array(days) / scale) ** k) ** (-1 / theta)
        distance = np.abs(never - survival) / np.sqrt(survival * (1 - survival) / n)
        assert distance.max() <= stats.norm.isf(FALSE_ALARM / 2 / len(days))

    assert_only(lambda x: assert_survival(theta, x), scale)
    assert_only(lambda x: assert_survival(x, scale), theta)


def test_frailty_survival_to_18_in_the_engine() -> None:
    """Share of referred children who never enter care, over the days they have to their 18th birthday."""
    theta, scale = 0.5, 2500.0
    plan = plan_of(untreated(child__frailty_variance=theta, effect__entry_scale_days=scale))
    days = limits()
    by_replication = chunks(
        plan, 1200, 200, lambda c: np.stack([c.lives[:, 0, 0, 0], c.served("referred").sum(axis=(1, 2))], axis=1)
    )

    def assert_share(scale: float) -> None:
        entered = 1 - np.mean((1 + theta * days / scale) ** (-1 / theta))
        assert_mean(by_replication[:, 0] - entered * by_replication[:, 1], 0.0, FALSE_ALARM)

    assert_only(assert_share, scale)


# ---- stays and returns ------------------------------------------------------------------------------------------


def test_weibull_stays() -> None:
    """Mean of whole days, at least 1: S(1) + S(2) + ... + 1 - S(1), with S(d) = exp(-(d / scale)^k); no returns."""
    k, scale = 1.5, 200.0
    plan = plan_of(
        untreated(
            effect__entry_scale_days=1.0,
            care__stay__stay_to_18_prob_under_16=0.0,
            care__stay__shape=k,
            care__stay__scale_days_under_16=scale,
            care__reentry__scale_days=1e9,
            care__reentry__shape=5.0,
        )
    )
    by_replication = chunks(
        plan, 400, 100, lambda c: np.stack([c.care[:, 0, 1:].sum(axis=(1, 2, 3, 4)), c.lives[:, 0, 0, 0]], axis=1)
    )

    def mean_days(scale: float) -> float:
        survival = np.exp(-((np.arange(1, 4000) / scale) ** k))
        return float(survival.sum() + 1 - survival[0])

    assert mean_days(scale) == pytest.approx(scale * math.gamma(1 + 1 / k) - 0.5, abs=0.1)
    assert_only(
        lambda x: assert_mean(by_replication[:, 0] - mean_days(x) * by_replication[:, 1], 0.0, FALSE_ALARM), scale
    )


def test_placements_in_a_stay_to_18() -> None:
    """Every move is to another type and stays there, so that days of the first type are one Weibull placement."""
    k, scale = 1.2, 300.0
    to_agency = (0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    kinship = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    plan = plan_of(
        untreated(
            effect__entry_scale_days=1.0,
            care__stay__stay_to_18_prob_under_16=1.0,
            care__placement__first_under_16=kinship,
            care__placement__moves_under_16=(to_agency,) * 6,
            care__placement__moves_16_plus=(to_agency,) * 6,
            care__placement__shape__kinship=k,
            care__placement__scale_days__kinship=scale,
        )
    )
    by_replication = chunks(
        plan,
        400,
        100,
        lambda c: np.stack([c.care[:, 0, 1:, :, :, 0].sum(axis=(1, 2, 3)), c.lives[:, 0, 0, 0]], axis=1),
    )

    def mean_days(scale: float) -> float:
        survival = np.exp(-((np.arange(1, 2900) / scale) ** k))
        return float(survival.sum() + 1 - survival[0])

    assert_only(
        lambda x: assert_mean(by_replication[:, 0] - mean_days(x) * by_replication[:, 1], 0.0, FALSE_ALARM), scale
    )


def test_share_who_stay_to_18() -> None:
    """One stay of at most a few days or else to 18: care days over the days left at entry give the share."""
    prob = 0.6
    plan = plan_of(
        untreated(
            effect__entry_scale_days=1e-3,
            care__stay__stay_to_18_prob_under_16=prob,
            care__stay__shape=5.0,
            care__stay__scale_days_under_16=0.5,
            care__reentry__scale_days=1e9,
            care__reentry__shape=5.0,
        )
    )
    by_replication = chunks(
        plan, 400, 100, lambda c: np.stack([c.care[:, 0, 1:].sum(axis=(1, 2, 3, 4)), c.lives[:, 0, 0, 0]], axis=1)
    )
    left = float(limits().mean() - 1)  # entry is on the day after referral

    def assert_share(prob: float) -> None:
        mean = prob * left + (1 - prob) * 1
        assert_mean(by_replication[:, 0] - mean * by_replication[:, 1], 0.0, FALSE_ALARM)

    assert_only(assert_share, prob)


def test_returns_to_care_are_a_renewal_process() -> None:
    """Stays of one day, times at home of at least 7 days with S(t) = exp(-(t / scale)^k): expected returns before 18 by
    the renewal equation in whole days."""
    k, scale = 0.8, 300.0
    plan = plan_of(
        untreated(
            effect__entry_scale_days=1e-3,
            care__stay__stay_to_18_prob_under_16=0.0,
            care__stay__shape=5.0,
            care__stay__stay_to_18_prob_16_plus=0.0,
            care__stay__scale_days_under_16=0.5,
            care__stay__scale_days_16_plus=0.5,
            care__reentry__scale_days=scale,
            care__reentry__shape=k,
        )
    )
    by_replication = chunks(plan, 400, 100, lambda c: c.lives[:, 0, 0, :2])
    days_left = limits() - 1

    def returns(scale: float) -> float:
        """Mean number of returns; a return after g days at home comes g + 1 days after the last entry."""
        longest = int(days_left.max())
        survival = np.exp(-((np.arange(longest + 2) / scale) ** k))
        at_home = survival[:-1] - survival[1:]
        at_home[7] += at_home[:7].sum()
        at_home[:7] = 0
        expected = np.zeros(longest + 1)  # returns on a day after first entry
        first = np.concatenate([[0.0], at_home[:longest]])
        for day in range(1, longest + 1):
            expected[day] = first[day] + expected[1:day] @ first[1:day][::-1]
        before = np.concatenate([[0.0], np.cumsum(expected)])
        return float(before[days_left].mean())

    assert_only(
        lambda x: assert_mean(by_replication[:, 1] - returns(x) * by_replication[:, 0], 0.0, FALSE_ALARM), scale
    )


# ---- referrals --------------------------------------------------------------------------------------------------


def test_referrals_are_poisson() -> None:
    """Mean, variance, and no correlation between boroughs or periods: 60,000 replications of four small boroughs."""
    rates = {"a": 8.0, "b": 8.0, "c": 8.0, "d": 8.0}
    plan = plan_of(
        small(rates, referrals__engage_prob=0.0, referrals__ramp_start_share=0.5, referrals__ramp_months=6.0)
    )
    n = 60_000
    referred = chunks(plan, n, 5000, lambda c: c.served("referred"))
    by_borough, mean = referred.sum(axis=2), float(plan.cumulative_referrals[0, -1])
    assert_only(lambda x: assert_mean(by_borough.mean(axis=1), x, FALSE_ALARM), mean)
    squares = ((by_borough - by_borough.mean(axis=0)) ** 2 * n / (n - 1)).mean(axis=1)
    assert_only(lambda x: assert_mean(squares, x, FALSE_ALARM), mean)

    edges = np.clip(plan.outcome_periods.edges, 0, 365)
    expected = np.diff(plan.cumulative_referrals[0, edges])
    by_period = referred.sum(axis=1)[:, expected > 0]
    chi2 = float(
        ((by_period.sum(axis=0) - 4 * n * expected[expected > 0]) ** 2 / (4 * n * expected[expected > 0])).sum()
    )
    assert chi2 <= stats.chi2.isf(FALSE_ALARM, by_period.shape[1])
    limit = stats.norm.isf(FALSE_ALARM / 2 / 20) / math.sqrt(n)
    assert (np.abs(np.corrcoef(by_borough.T)[np.triu_indices(4, 1)]) < limit).all()
    assert (np.abs(np.corrcoef(by_period.T)[np.triu_indices(by_period.shape[1], 1)]) < limit).all()


def test_teams_share_a_borough_by_their_slots_on_the_day_of_referral() -> None:
    """Teams of one therapy, one coming into post slowly and one that opens late; the FFT teams open later still.

    Of each family the chance to go to a team is known on its day; the mean of what happened less that chance is 0.
    Shares by full slots, which are never far off, are refused.
    """
    teams = {
        "steady": team("mst", "a", n_therapists=5),
        "slow": team("mst", "a", n_therapists=8, staffed_over_days=365),
        "fft_4": team("fft", "a", n_therapists=4, opens=date(2018, 9, 1)),
        "late": team("mst", "a", n_therapists=3, opens=date(2018, 8, 1)),
        "fft_6": team("fft", "a", n_therapists=6, opens=date(2018, 10, 1)),
    }
    plan = plan_of(small({"a": 3000.0}, teams, referrals__ramp_months=0.0, therapies__mst__share_suited=0.58))
    tables = reference.Tables(plan)
    children = [child for replication in range(4) for child in reference.refer(tables, 5, replication)]
    day, went = np.array([(child.day, child.team) for child in children]).T
    assert len(children) > 11_000
    for therapy, prob in ((0, 0.58), (1, 0.42)):
        own = plan.team_therapy == therapy
        full = np.where(own, plan.full_slots, 0)
        today = np.where(own[:, None], plan.slots, 0)
        today = np.where(today.sum(axis=0) > 0, today, full[:, None])
        for index in np.flatnonzero(own):

            def assert_share(slots: npt.NDArray[Any], prob: float = prob, index: int = index) -> None:
                chance = prob * slots[index] / slots.sum(axis=0)
                assert_mean((went == index) - chance[day], 0.0, FALSE_ALARM)

            assert_share(today)
            with pytest.raises(AssertionError):
                assert_share(np.repeat(full[:, None], plan.slots.shape[1], axis=1))


def test_acceptance_engagement_and_completion_are_their_chances() -> None:
    """2% off each chance is refused; the three are independent, so their product is the share of those who complete."""
    scenario = small(
        {"a": 400.0},
        {"one": team("mst", "a", n_therapists=200)},
        referrals__accept_prob=0.7,
        referrals__engage_prob=0.8,
        therapies__mst__completion_prob=0.75,
        effect__entry_scale_days=1e9,
    )
    names = ("referred", "accepted", "engaged", "started", "completed")
    counts = chunks(
        plan_of(scenario), 600, 200, lambda c: np.stack([c.served(name).sum(axis=(1, 2)) for name in names], axis=1)
    )
    for of, among, prob in ((1, 0, 0.7), (2, 1, 0.8), (4, 3, 0.75)):
        assert_only(
            lambda x, a=of, b=among: assert_mean(counts[:, a] - x * counts[:, b], 0.0, FALSE_ALARM),
            prob,  # type: ignore[misc]
        )
    assert (counts[:, 3] >= 0.99 * counts[:, 2]).all()


# ---- the queue --------------------------------------------------------------------------------------------------


def erlang_c_wait(n_servers: int, arrivals_per_day: float, mean_days: float) -> float:
    """Mean wait of an M/M/c queue: C / (c / mean - arrivals), C the chance of waiting."""
    load = arrivals_per_day * mean_days
    terms = [load**i / math.factorial(i) for i in range(n_servers)]
    last = load**n_servers / math.factorial(n_servers) * n_servers / (n_servers - load)
    return last / (sum(terms) + last) / (n_servers / mean_days - arrivals_per_day)


def test_waits_are_erlangs() -> None:
    """M/M/10 at 60% load: therapies exponential of mean 1,000 days, a century of referrals, the first 45 years dropped.

    Mean length 1,000 days, so that whole days matter under 0.1%. 2% off the length moves the wait by about 12%.
    """
    mean_days, per_year, servers = 1000.0, 2.1915, 10
    teams = {"one": team("mst", "a", n_therapists=5, caseload_per_therapist=2)}
    length = {"mean_days": mean_days, "sd_days": mean_days, "min_days": 1, "max_days": 10_000, "completion_prob": 1.0}
    scenario = small(
        {"a": per_year},
        teams,
        clock__day_0=date(1990, 1, 1),
        clock__referrals_until=date(2072, 1, 1),
        clock__delivery_end=date(2099, 6, 1),
        clock__outcomes_end=date(2099, 7, 1),
        therapies__mst={**length, "share_suited": 1.0},
        child__age_weights=AGED_TEN,
        effect__entry_scale_days=1e9,
        referrals__patience_days=10_000,
        referrals__ramp_months=0.0,
        referrals__accept_prob=1.0,
        referrals__engage_prob=1.0,
    )
    plan = plan_of(scenario)
    assert plan.rates.accept_prob == 1 and plan.slots.max() == servers
    steady = slice(plan.periods.index(45 * 365), plan.periods.index(80 * 365))

    def waits(counts: Counts) -> npt.NDArray[Any]:
        parts = [counts.served(name)[:, 0, steady].sum(axis=1) for name in ("waiting_days", "started")]
        return np.stack(parts, axis=1)

    by_replication = chunks(plan, 15_000, 500, waits)
    per_day = per_year / 365.25

    def assert_wait(mean_days: float) -> None:
        expected = erlang_c_wait(servers, per_day, mean_days)
        assert_mean(by_replication[:, 0] - expected * by_replication[:, 1], 0.0, FALSE_ALARM)

    assert_only(assert_wait, mean_days)
