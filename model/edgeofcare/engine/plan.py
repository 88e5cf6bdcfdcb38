"""A scenario made ready to run: flat arrays of whole days and numbers, tracks, and the measures that terms need.

In: one scenario with its entry scale and hazard ratio. Out: `Plan`, read by both engines and by money.
Must not know: how lives are run, prices. A plan belongs to one set of parameters; each outer draw has its own.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import (
    MEAN_DAYS_PER_YEAR,
    Periods,
    date_of,
    day_number,
    periods_between,
)
from edgeofcare.care.cohort import ADULT_AGE, FIRST_AGE, SCORE_LIMIT, SCORE_STEPS
from edgeofcare.care.trajectory import Rates
from edgeofcare.errors import Fault, InputError, OptionError
from edgeofcare.inputs.contract import Contract
from edgeofcare.inputs.schema import Scenario, Team
from edgeofcare.inputs.terms.base import Term, TrackedTerm, Tracking

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NO_LIMIT = 1_000_000_000
MONTHS_PER_YEAR = 12
WINDOWS = ("start", "planned_end", "referral")  # in the order of care.tracking's numbers


@dataclass(frozen=True)
class Track:
    """A window of outcomes laid over each child who starts, and what is counted in it; the scenario's own comes first.

    The delay counts from `window_from`: the start of therapy, its planned end, the referral. `end_day` (day number)
    cuts the account, never the life. unit: what a contract pays for: weeks out of care on a fixed `grid` or in each
    `run` at home, each `day`, the milestone of so many `weeks` out of care `running`, or of being out of care `at_week`
    so many. max_units: most units that count for one child. by_intake: also counted by period of start. controlled: a
    control child is lived beside each who starts.
    """

    delay_days: int
    days: int
    covers_completers_only: bool
    unit: str
    end_day: int
    max_units: int = NO_LIMIT
    weeks: int = 0
    by_intake: bool = False
    controlled: bool = False
    window_from: str = "start"

    @property
    def counts_from(self) -> int:
        """From where the delay counts, as a number for the engines."""
        return WINDOWS.index(self.window_from)

    @property
    def counts_weeks(self) -> bool:
        """Whether weeks of the grid, and those at home in both arms, are counted: where weeks are paid for."""
        return self.unit in ("grid", "run")

    @property
    def account(self) -> tuple[int, int, bool, str, int, int, int, str]:
        """What makes it another account than that of another track."""
        who_and_when = self.delay_days, self.days, self.covers_completers_only
        return (*who_and_when, self.unit, self.end_day, self.max_units, self.weeks, self.window_from)


@dataclass(frozen=True)
class Plan:
    """Flat arrays of one set of parameters; days are numbered from day 0.

    cumulative_referrals: (borough, day + 1), expected referrals before each day; suited_cumulative: (borough, therapy),
    cumulative shares of families by the therapy they are suited to; teams_of: (borough, therapy, place), filled up with
    -1; slots: (team, day); length_cumulative: (therapy, day of therapy), P(length <= day);
    frailty_log_quantiles: (1025,); ratio_by_year: (year since start,); first_cumulative: flat (age band, type);
    move_cumulative: flat (band, from, to); period_of_day: (day,), up to the last possible 18th birthday.
    """

    rates: Rates
    borough_slugs: tuple[str, ...]
    borough_ids: npt.NDArray[np.uint64]
    cumulative_referrals: Floats
    entitlement: Ints
    suited_cumulative: Floats
    teams_of: Ints
    team_slugs: tuple[str, ...]
    therapy_slugs: tuple[str, ...]
    team_therapy: Ints
    slots: Ints
    slot_days_overhang: Ints
    length_cumulative: Floats
    completion_prob: Floats
    age_cumulative: Floats
    frailty_log_quantiles: Floats
    ratio_by_year: Floats
    placement_shape: Floats
    placement_scale_days: Floats
    first_cumulative: Floats
    move_cumulative: Floats
    tracks: tuple[Track, ...]
    intake_tracks: tuple[int, ...]
    control_tracks: tuple[int, ...]
    periods: Periods
    period_of_day: Ints
    n_outcome_periods: int
    n_intake_periods: int
    patience_days: int
    delivery_end: int
    outcomes_end: int
    priority_by_needs: bool

    @property
    def n_boroughs(self) -> int:
        """Number of boroughs."""
        return len(self.borough_slugs)

    def track_of(self, wanted: Track) -> int:
        """Return the place of a track; raise OptionError if the plan was made without it."""
        accounts = [track.account for track in self.tracks]
        if wanted.account not in accounts:
            after = {"start": "the start of therapy", "planned_end": "its planned end", "referral": "referral"}
            raise OptionError(
                f"a contract needs a window of outcomes that this run does not hold ({wanted.delay_days} days after "
                f"{after[wanted.window_from]}, for {wanted.days} days, unit {wanted.unit}). Make the plan with this "
                f"contract."
            )
        return accounts.index(wanted.account)

    @property
    def full_slots(self) -> Ints:
        """The most families that each team ever holds: (team,)."""
        return np.asarray(self.slots.max(axis=1))

    @property
    def outcome_periods(self) -> Periods:
        """The periods in which outcomes can count."""
        return Periods(self.periods.day_0, self.periods.edges[: self.n_outcome_periods + 1])


def borough_id(slug: str) -> int:
    """Return a borough's number in the counter of draws: the first 8 bytes of BLAKE2b of its slug."""
    return int.from_bytes(hashlib.blake2b(slug.encode()).digest()[:8], "little")


def make_plan(
    scenario: Scenario, entry_scale_days: float, hazard_ratio: float, contracts: Sequence[Contract] = ()
) -> Plan:
    """Return the plan of a scenario with its calibrated entry scale (days) and hazard ratio.

    contracts: others that are to be settled on the same lives; their windows are counted too.
    """
    day_0, clock = scenario.clock.day_0, scenario.clock
    last_life = clock.referrals_until + timedelta(days=int((ADULT_AGE - FIRST_AGE) * MEAN_DAYS_PER_YEAR) + 1)
    tracks = make_tracks(scenario, (scenario.contract, *contracts))
    last_outcome = max(day_number(clock.outcomes_end, day_0) - 1, *(track.end_day - 1 for track in tracks), 0)
    periods = periods_between(day_0, max(last_life, date_of(last_outcome, day_0)), day_0, clock.period)
    intake_tracks = tuple(i for i, track in enumerate(tracks) if track.by_intake)
    delivery_end = day_number(clock.delivery_end, day_0)
    slots = np.array([_slots_by_day(team, scenario, delivery_end) for team in scenario.teams.values()])
    child, care = scenario.child, scenario.care
    return Plan(
        rates=make_rates(scenario, entry_scale_days),
        borough_slugs=tuple(scenario.boroughs),
        borough_ids=_borough_ids(scenario),
        cumulative_referrals=np.array([_cumulative_referrals(slug, scenario) for slug in scenario.boroughs]),
        entitlement=np.array(
            [NO_LIMIT if b.entitlement is None else b.entitlement for b in scenario.boroughs.values()]
        ),
        suited_cumulative=cumulative([scenario.shares_suited(slug) for slug in scenario.boroughs]),
        teams_of=_teams_of(scenario),
        team_slugs=tuple(scenario.teams),
        therapy_slugs=tuple(scenario.therapies),
        team_therapy=np.array([list(scenario.therapies).index(team.therapy) for team in scenario.teams.values()]),
        slots=slots,
        slot_days_overhang=_overhang(slots),
        length_cumulative=_length_table(scenario),
        completion_prob=np.array([t.completion_prob for t in scenario.therapies.values()]),
        age_cumulative=cumulative(child.age_weights),
        frailty_log_quantiles=frailty_table(child.frailty_variance),
        ratio_by_year=np.array([ratio_with_share(hazard_ratio, s) for s in scenario.effect.log_ratio_share_by_year]),
        placement_shape=np.array(care.placement.shape.values()),
        placement_scale_days=np.array(care.placement.scale_days.values()),
        first_cumulative=cumulative([care.placement.first_under_16, care.placement.first_16_plus]).ravel(),
        move_cumulative=cumulative([care.placement.moves_under_16, care.placement.moves_16_plus]).ravel(),
        tracks=tracks,
        intake_tracks=intake_tracks,
        control_tracks=tuple(i for i, track in enumerate(tracks) if track.controlled),
        periods=periods,
        period_of_day=np.repeat(np.arange(len(periods)), np.diff(periods.edges))[-periods.edges[0] :],
        n_outcome_periods=periods.index(last_outcome) + 1,
        n_intake_periods=periods.index(delivery_end) + 1 if intake_tracks else 0,
        patience_days=scenario.referrals.patience_days,
        delivery_end=delivery_end,
        outcomes_end=day_number(clock.outcomes_end, day_0),
        priority_by_needs=scenario.referrals.priority_by_needs,
    )


def cumulative(shares: npt.ArrayLike) -> Floats:
    """Return cumulative shares along the last axis; from the last positive share on they are exactly 1."""
    shares = np.asarray(shares)
    beyond = np.cumsum(shares[..., ::-1], axis=-1)[..., ::-1] - shares  # what comes after each share
    return np.where(beyond > 0, np.cumsum(shares, axis=-1), 1.0)


def ratio_with_share(hazard_ratio: float, share: float) -> float:
    """Return the hazard ratio of a year in which a share of the log ratio is at work: ratio^share."""
    return hazard_ratio if share == 1 else float(hazard_ratio**share)


def make_rates(scenario: Scenario, entry_scale_days: float) -> Rates:
    """Return the scalar parameters of a life; needs are scaled so that risk has mean 1 over referrals."""
    child, care, referrals, effect = scenario.child, scenario.care, scenario.referrals, scenario.effect
    more, fewer = math.exp(child.needs_log_hazard), 1.0
    mean = child.three_or_more_needs_prob * more + (1 - child.three_or_more_needs_prob) * fewer
    return Rates(
        entry_scale_days=float(entry_scale_days),
        entry_shape=care.first_entry_shape,
        risk_fewer_needs=fewer / mean,
        risk_more_needs=more / mean,
        more_needs_prob=child.three_or_more_needs_prob,
        accept_prob=referrals.accept_prob,
        engage_prob=referrals.engage_prob,
        stay_to_18_prob_under_16=care.stay.stay_to_18_prob_under_16,
        stay_to_18_prob_16_plus=care.stay.stay_to_18_prob_16_plus,
        stay_shape=care.stay.shape,
        stay_scale_days_under_16=care.stay.scale_days_under_16,
        stay_scale_days_16_plus=care.stay.scale_days_16_plus,
        reentry_shape=care.reentry.shape,
        reentry_scale_days=care.reentry.scale_days,
        min_home_days=float(care.reentry.min_home_days),
        reentry_hazard_ratio=care.reentry.hazard_ratio,
        dropout_keeps_dose=float(effect.dropouts_keep == "dose"),
        dropout_keeps_always=float(effect.dropouts_keep == "all"),
        shock_sd=referrals.shared_shock_sd,
        shock_correlation=referrals.shared_shock_correlation,
        late_share=referrals.late_share,
        late_hazard_ratio=referrals.late_hazard_ratio,
    )


def make_tracks(scenario: Scenario, contracts: Sequence[Contract]) -> tuple[Track, ...]:
    """Return the scenario's own track and those that the contracts' terms need besides, each account once."""
    tracks = [window(scenario.tracking, scenario, own=True)]
    tracks += [
        track for contract in contracts for term in contract.terms if (track := term_track(term, contract, scenario))
    ]
    merged: dict[tuple[object, ...], Track] = {}
    for track in tracks:
        before = merged.get(track.account, track)
        merged[track.account] = replace(
            track,
            by_intake=track.by_intake or before.by_intake,
            controlled=track.controlled or before.controlled,
        )
    return tuple(merged.values())


def term_track(term: Term, contract: Contract, scenario: Scenario) -> Track | None:
    """Return the track on which a term stands; None if it pays for no outcome inside a window.

    A window of the contract's or the term's own ends at the last possible start + delay + days; the scenario's own at
    its end of outcomes. What is counted in it the term says.
    """
    if not isinstance(term, TrackedTerm):
        return None
    counting, given = term.counting(), term.tracking or contract.tracking
    track = window(given or scenario.tracking, scenario, own=given is None)
    # Days tracked and in care are counted with every unit: on the scenario's own track with the one that it has.
    units = {"weeks": track.unit, "any": track.unit if given is None else "day"}
    return replace(
        track,
        unit=units.get(counting.unit, counting.unit),
        max_units=counting.max_units or NO_LIMIT,
        weeks=counting.weeks,
        by_intake=counting.by_intake,
        controlled=counting.controlled,
    )


def periods_of(contract: Contract, plan: Plan, scenario: Scenario) -> int:
    """Return the outcome periods of a contract: to the scenario's end of outcomes, or of its own last window.

    A plan made for several contracts has as many as the longest needs.
    """
    ends = [track.end_day for term in contract.terms if (track := term_track(term, contract, scenario))]
    return plan.periods.index(max(plan.outcomes_end, *ends, 1) - 1) + 1


def window(tracking: Tracking, scenario: Scenario, own: bool) -> Track:
    """Return the track of a window in which weeks are counted."""
    clock = scenario.clock
    last_possible = last_start(scenario) + tracking.delay_days + tracking.days
    return Track(
        delay_days=tracking.delay_days,
        days=tracking.days,
        covers_completers_only=tracking.covers == "completers",
        unit=tracking.week_rule,
        end_day=day_number(clock.outcomes_end, clock.day_0) if own else last_possible,
        window_from=tracking.window_from,
    )


def last_start(scenario: Scenario) -> int:
    """Return the last day on which a therapy can start: the family still waits, and the shortest ends in time.

    min(delivery_end - shortest planned length, referrals_until - 1 + patience_days), days from day 0.
    """
    clock, patience = scenario.clock, scenario.referrals.patience_days
    shortest = min(therapy.min_days for therapy in scenario.therapies.values())
    last_referral = day_number(clock.referrals_until, clock.day_0) - 1
    return min(day_number(clock.delivery_end, clock.day_0) - shortest, last_referral + patience)


def _borough_ids(scenario: Scenario) -> npt.NDArray[np.uint64]:
    ids = [borough_id(slug) for slug in scenario.boroughs]
    if len(set(ids)) < len(ids) or 0 in ids:
        raise InputError([Fault("scenario", None, "boroughs", "two slugs share one number; rename one borough")])
    return np.array(ids, dtype=np.uint64)


def _cumulative_referrals(slug: str, scenario: Scenario) -> Floats:
    """Expected referrals before each day: rate x ramp (at mid-day) x seasonality of the month, from joining to leaving,
    less those that a pause costs."""
    borough, referrals, clock = scenario.boroughs[slug], scenario.referrals, scenario.clock
    joins = day_number(borough.join_date or clock.day_0, clock.day_0)
    until = day_number(clock.referrals_until, clock.day_0)
    days = np.arange(until)
    ramp_days = referrals.ramp_months * MEAN_DAYS_PER_YEAR / MONTHS_PER_YEAR
    share = np.clip((days + 0.5 - joins) / ramp_days, 0, 1) if ramp_days > 0 else np.ones(until)
    ramp = referrals.ramp_start_share + (1 - referrals.ramp_start_share) * share
    season = np.array(referrals.seasonality)[_months(clock.day_0, until)]
    daily = borough.referrals_per_year / MEAN_DAYS_PER_YEAR * ramp * season * (days >= joins)
    if borough.leave_date:
        daily = daily * (days < day_number(borough.leave_date, clock.day_0))
    if (pause := referrals.pause) is not None:
        first, end = (day_number(when, clock.day_0) for when in (pause.starts, pause.until))
        daily = np.where((days >= first) & (days < end), daily * pause.share, daily)
    return np.concatenate([[0.0], np.cumsum(daily)])


@lru_cache(maxsize=8)
def _months(day_0: date, n_days: int) -> Ints:
    """Return the calendar month, 0 to 11, of each day from day 0 on."""
    return np.array([date_of(day, day_0).month - 1 for day in range(n_days)])


def _teams_of(scenario: Scenario) -> Ints:
    """Teams for each therapy: those that serve the borough with it, or if there are none, all that serve it."""
    teams = list(scenario.teams.values())
    serving = [[i for i, team in enumerate(teams) if slug in team.boroughs] for slug in scenario.boroughs]
    therapies = scenario.therapies
    chosen = [[[i for i in row if teams[i].therapy == therapy] or row for therapy in therapies] for row in serving]
    most = max(len(places) for row in chosen for places in row)
    return np.array([[places + [-1] * (most - len(places)) for places in row] for row in chosen])


def _slots_by_day(team: Team, scenario: Scenario, delivery_end: int) -> list[int]:
    """Families a team can hold each day: therapists come into post evenly, the first on the opening day; in a time of
    vacancies a share of the places is empty, to the nearest place."""
    opens = day_number(team.opens or scenario.clock.day_0, scenario.clock.day_0)
    last = max(team.n_therapists - 1, 1)
    posts = [opens + i * team.staffed_over_days // last for i in range(team.n_therapists)]
    in_post = np.searchsorted(posts, np.arange(delivery_end + 1), side="right")
    slots: list[int] = (team.caseload_per_therapist * in_post).tolist()
    if team.vacancy_share == 0:
        return slots
    first = day_number(team.vacant_from, scenario.clock.day_0) if team.vacant_from else opens
    end = day_number(team.vacant_until, scenario.clock.day_0) if team.vacant_until else delivery_end + 1
    return [n - round(team.vacancy_share * n) if first <= day < end else n for day, n in enumerate(slots)]


def _overhang(slots: Ints) -> Ints:
    """Slot-days that holders may use above a team's slots when slots fall: nil unless they fall."""
    return np.where((np.diff(slots, axis=1) < 0).any(axis=1), NO_LIMIT, 0)


def _length_table(scenario: Scenario) -> Floats:
    """P(length <= day) for each therapy: gamma of mean and sd, cut to min_days..max_days and scaled to 1."""
    therapies = scenario.therapies.values()
    longest = max(t.max_days for t in therapies)
    return np.array([gamma_length(t.mean_days, t.sd_days, t.min_days, t.max_days, longest) for t in therapies])


@lru_cache(maxsize=64)
def gamma_length(mean_days: float, sd_days: float, min_days: int, max_days: int, longest: int) -> Floats:
    """Return P(whole length <= day | min <= length <= max): (longest + 1,)."""
    from scipy.special import gammainc

    shape, scale = (mean_days / sd_days) ** 2, sd_days**2 / mean_days
    edges = np.clip(np.arange(longest + 1) + 0.5, min_days - 0.5, max_days + 0.5)
    cdf = gammainc(shape, edges / scale)
    low, high = gammainc(shape, (min_days - 0.5) / scale), gammainc(shape, (max_days + 0.5) / scale)
    return np.asarray((cdf - low) / (high - low))


SMALLEST_VARIANCE = 1e-9


@lru_cache(maxsize=256)
def frailty_table(variance: float) -> Floats:
    """Return the log quantiles of a gamma of mean 1 and this variance at 1,025 normal scores; zeros for variance 0.

    So small a variance as SMALLEST_VARIANCE is taken for 0: its gamma has no digits left.
    """
    if variance < SMALLEST_VARIANCE:
        return np.zeros(SCORE_STEPS + 1)
    from scipy.special import gammainccinv, gammaincinv, log_ndtr, ndtr

    scores = np.linspace(-SCORE_LIMIT, SCORE_LIMIT, SCORE_STEPS + 1)
    shape = 1 / variance
    lower, upper = gammaincinv(shape, ndtr(scores)), gammainccinv(shape, ndtr(-scores))
    quantiles = np.where(scores < 0, lower, upper) * variance
    # Deep in the lower tail the quantile itself underflows; there log Q = (log P + log Gamma(shape + 1)) / shape.
    tail = (log_ndtr(scores) + math.lgamma(shape + 1)) / shape + math.log(variance)
    with np.errstate(divide="ignore"):
        logs = np.log(quantiles)
    return np.asarray(np.where(np.isfinite(logs) & (ndtr(scores) > 1e-12), logs, tail))
