"""What a child's life in care is expected to be, without random numbers: a renewal-equation engine on whole days.

In: a plan and its scenario. Out: `Expected`. An independent witness: it shares parameters with `care/`, and no code.
For children without a queue: all start therapy a fixed number of days after referral and are at home then, as in the
calibration sample. Must not know: queues, money, draws.

Method. A day is named by the days since referral, or by the days r that are left to the 18th birthday. Frailty is
integrated out in closed form: E exp(-Z x) = (1 + theta x)^(-1/theta), the Laplace transform of a gamma with mean 1
(Vaupel, Manton and Stallard 1979, "The impact of heterogeneity in individual frailty"). A life after entry is an
alternating renewal process (Feller, An introduction to probability theory, vol. 2, ch. XI) that ends at 18 and whose
stays depend on the age band at entry: with f the chance to be in care m days after entry, K the law of the time from
one entry to the next, Q(r, u) = f_r(u) + sum_m K_r(m) Q(r - m, u - m), which depends on r only through the band as
long as the band does not change. Types of placement follow a semi-Markov process inside each stay (Cinlar 1969,
"Markov renewal theory"). Nothing is approximated but the dose of dropouts (a polynomial of degree 15) and a shared
shock (Gauss-Hermite); with the shipped inputs both errors are below 1e-7.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgeofcare.calendar import DAYS_PER_YEAR, MEAN_DAYS_PER_YEAR
from edgeofcare.engine.plan import Plan
from edgeofcare.inputs.schema import Scenario

Floats = npt.NDArray[np.float64]
ARMS = ("usual", "therapy")
DAYS_FROM_16 = 730  # from the 16th to the 18th birthday
DOSE_NODES = 16
SHOCK_NODES = 16


# ---- what comes out ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """Chances of a child who starts therapy, by whole days since the start.

    under_18: (day,). in_care, never: (arm, day): under 18 and in care on the day; no entry before the day (turning 18
    first counts as never). at_home_never: (arm, day), under 18 on the day and no entry by its end.
    entered_care_waiting: of referred children still under 18 when therapy would start, the share in care by then.
    """

    under_18: Floats
    in_care: Floats
    never: Floats
    at_home_never: Floats
    entered_care_waiting: float
    delay_days: int
    days: int

    @property
    def at_home_again(self) -> Floats:
        """Chance to be under 18 and back at home after care: (arm, day)."""
        return np.asarray(self.under_18 - self.in_care - self.at_home_never)

    @property
    def window(self) -> slice:
        """Days of tracking; the 18th birthday ends it by itself."""
        return slice(self.delay_days, self.delay_days + self.days)

    @property
    def tracked_days(self) -> float:
        """Mean tracked days of a starter, not cut by a contract's end."""
        return float(self.under_18[self.window].sum())

    def care_days(self, arm: str) -> float:
        """Return the mean tracked days in care of a starter."""
        return float(self.in_care[ARMS.index(arm), self.window].sum())

    def measure(self, arm: str, name: str, day: int | None = None) -> float:
        """Return one of the three measures of calibration; `day` defaults to the length of tracking."""
        day = self.days if day is None else day
        if name == "share_of_tracked_days_out_of_care":
            return 1 - self.care_days(arm) / self.tracked_days
        if name == "never_in_care_by_day":
            return float(self.never[ARMS.index(arm), day])
        if name == "out_of_care_on_day":
            under_18 = float(self.under_18[day])
            return 1 - float(self.in_care[ARMS.index(arm), day]) / under_18 if under_18 > 0 else float("nan")
        raise ValueError(f"{name} is not a measure of calibration")


def expected_measures(plan: Plan, scenario: Scenario, wait_days: int) -> Expected:
    """Return what is expected of children who start `wait_days` after referral and are at home and under 18 then.

    Raises ValueError for a window from the planned end of therapy, for which there is no closed form here.

    Entry scale and hazard ratio are the plan's; who is suited to which therapy, frailty and tracking the scenario's.
    """
    started = _started(plan, wait_days)
    under_18 = left_above(started)
    in_care, never, at_home = [], [], []
    for arm in ARMS:
        later = entry_later(plan, scenario, arm, wait_days)
        entry = np.append(0.0, -np.diff(later))
        in_care.append(on_each_day(entry, after_entry(started, _stays(plan, arm))))
        never.append(1 - np.append(0.0, np.cumsum(entry * under_18)[:-1]))
        at_home.append(under_18 * later)
    waiting = 0.0 if wait_days == 0 else 1 - float(Risk.of(plan, scenario).survival(_hazard(plan))[wait_days + 1])
    after = slice(wait_days, None)
    return Expected(
        under_18=under_18[after],
        in_care=np.array(in_care)[:, after],
        never=np.array(never)[:, after],
        at_home_never=np.array(at_home)[:, after],
        entered_care_waiting=waiting,
        delay_days=_delay_days(scenario, wait_days),
        days=scenario.tracking.days,
    )


def _delay_days(scenario: Scenario, wait_days: int) -> int:
    """Return the days from the start of therapy to tracking."""
    tracking = scenario.tracking
    if tracking.window_from == "planned_end":
        raise ValueError("there is no closed form for a window from the planned end of therapy")
    return max(0, tracking.delay_days - wait_days) if tracking.window_from == "referral" else tracking.delay_days


def ever_in_care_prob(plan: Plan, scenario: Scenario) -> float:
    """Return the chance that a referred child enters care before 18, without therapy."""
    later = entry_later(plan, scenario, "usual", 0)
    return float(-np.diff(later) @ left_above(age_weights(plan.age_cumulative))[1:])


def care_days_by_type(plan: Plan, scenario: Scenario, wait_days: int) -> Floats:
    """Return mean tracked days in care of a starter by type of placement: (arm, type)."""
    started = _started(plan, wait_days)
    from_day = wait_days + _delay_days(scenario, wait_days)
    to_day = from_day + scenario.tracking.days
    entries = {arm: np.append(0.0, -np.diff(entry_later(plan, scenario, arm, wait_days))) for arm in ARMS}
    lives = {_stays(plan, arm): [a for a in ARMS if _stays(plan, a) == _stays(plan, arm)] for arm in ARMS}
    result = np.zeros((len(ARMS), len(plan.placement_shape)))
    for kind, mix in enumerate(_placement_mixes(plan)):
        for stays, arms in lives.items():
            days = _days_in_window(started, _by_days_left(stays, mix), from_day, to_day)
            for arm in arms:
                result[ARMS.index(arm), kind] = entries[arm] @ days
    return result


def _days_in_window(ages: Floats, table: Floats, from_day: int, to_day: int) -> Floats:
    """Return the mean days of a table (days left at entry, days since entry) inside a window, by day of entry.

    Sum over r of P(r + e days to 18 at referral) x the days of row r from `from_day` - e to `to_day` - e.
    """
    n = len(ages) - 1
    so_far = np.concatenate([np.zeros((n + 1, 1)), np.cumsum(table, axis=1)], axis=1)
    low, high = (np.clip(edge - np.arange(n + 1), 0, n + 1) for edge in (from_day, to_day))
    older = np.lib.stride_tricks.sliding_window_view(np.append(ages, np.zeros(n)), n + 1)
    return np.asarray(np.einsum("re,re->e", older, so_far[:, high] - so_far[:, low]))


def _started(plan: Plan, wait_days: int) -> Floats:
    """Return P(days to 18 at referral = d | more than `wait_days`): (d,)."""
    ages = age_weights(plan.age_cumulative)
    return np.asarray(ages * (np.arange(len(ages)) > wait_days) / left_above(ages)[wait_days])


# ---- age at referral --------------------------------------------------------------------------------------------


def age_weights(cumulative: Floats) -> Floats:
    """Return P(days to 18 at referral = d): (d,), d = 0, 1, ...; uniform within each year of age; at least 1 day.

    A child of year of age y, of n years, has x in (n - 1 - y, n - y] years left and floor(365.25 x) days.
    """
    n_years = len(cumulative)
    edges = np.arange(int(n_years * MEAN_DAYS_PER_YEAR) + 2) / MEAN_DAYS_PER_YEAR
    weights = np.zeros(len(edges) - 1)
    for year, share in enumerate(np.diff(cumulative, prepend=0.0)):
        weights += share * np.diff(np.clip(edges, n_years - 1 - year, n_years - year))
    weights[1] += weights[0]
    weights[0] = 0.0
    return np.asarray(weights / weights.sum())


def left_above(weights: Floats) -> Floats:
    """Return P(days > d) for d = 0, 1, ...: the chance to be under 18 on day d."""
    return np.asarray(weights[::-1].cumsum()[::-1] - weights)


# ---- first entry ------------------------------------------------------------------------------------------------


class Risk(NamedTuple):
    """The law of the risk of first entry: factors with their weights, and a gamma frailty of mean 1."""

    factors: Floats
    weights: Floats
    frailty_variance: float

    @classmethod
    def of(cls, plan: Plan, scenario: Scenario) -> Risk:
        """Return the law of risk: needs, shared shock (log-normal of mean 1), frailty."""
        rates = plan.rates
        scores, chances = np.polynomial.hermite_e.hermegauss(SHOCK_NODES if rates.shock_sd > 0 else 1)
        shocks = np.exp(rates.shock_sd * scores - rates.shock_sd**2 / 2)
        needs = np.array([rates.risk_more_needs, rates.risk_fewer_needs])
        shares = np.array([rates.more_needs_prob, 1 - rates.more_needs_prob])
        return cls(
            np.outer(needs, shocks).ravel(),
            np.outer(shares, chances / chances.sum()).ravel(),
            scenario.child.frailty_variance,
        )

    def survival(self, cumulative: Floats) -> Floats:
        """Return E exp(-risk x) for each cumulative hazard x at risk 1."""
        theta = self.frailty_variance
        total = np.zeros_like(cumulative)
        for factor, weight in zip(self.factors, self.weights, strict=True):
            x = factor * cumulative
            total += weight * (np.exp(-x) if theta == 0 else (1 + theta * x) ** (-1 / theta))
        return total


def _hazard(plan: Plan) -> Floats:
    """Return the cumulative hazard at risk 1 without therapy at whole days since referral: (t / scale)^k."""
    days = np.arange(int(len(plan.age_cumulative) * MEAN_DAYS_PER_YEAR) + 2)
    return np.asarray((days / plan.rates.entry_scale_days) ** plan.rates.entry_shape)


def entry_later(plan: Plan, scenario: Scenario, arm: str, wait_days: int) -> Floats:
    """Return P(day of first entry > d, were there no 18th birthday | at home on day `wait_days`): (d,).

    Entry at the time t at which the cumulative hazard L(t) reaches E ~ Exp(1), on day max(1, floor(t)), and with
    therapy on the day after the start at the earliest. At home to the end of the start day at the usual hazard H is
    E >= H(wait + 1). So P(later than d) = E exp(-risk max(L(d + 1), H(wait + 1))) / E exp(-risk H(wait + 1)).
    """
    risk, usual = Risk.of(plan, scenario), _hazard(plan)
    least = usual[wait_days + 1] if wait_days > 0 else 0.0
    if arm == "usual":
        later = risk.survival(np.maximum(usual, least))
    else:
        later = _with_therapy(plan, scenario, risk, usual, least, wait_days)
    later = later[1:] / risk.survival(np.array([least]))
    later[: wait_days + 1] = 1.0
    return np.asarray(later)


def _with_therapy(plan: Plan, scenario: Scenario, risk: Risk, usual: Floats, least: float, wait_days: int) -> Floats:
    """Return E exp(-risk max(L(t), least)) over completers and dropouts: (t,).

    Dropouts who stop on day s with dose x have from then on L = C(s) + dH - x (dH - dC), C the completer's hazard.
    """
    since = np.arange(len(usual) - 1) - wait_days
    year = np.clip(since // DAYS_PER_YEAR, 0, len(plan.ratio_by_year) - 1)
    ratio = np.where(since < 0, 1.0, plan.ratio_by_year[year])
    completer = np.append(0.0, np.cumsum(ratio * np.diff(usual)))
    if_completed = risk.survival(np.maximum(completer, least))
    later = if_completed.copy()
    doses, shares = dropout_shares(plan, scenario)
    for stop in np.flatnonzero(np.abs(shares).sum(axis=1)):
        at = wait_days + stop
        if at + 1 >= len(usual):
            continue
        d_usual, d_completer = usual[at:] - usual[at], completer[at:] - completer[at]
        hazards = completer[at] + d_usual - np.outer(doses, d_usual - d_completer)
        if_stopped = shares[stop] @ risk.survival(np.maximum(hazards, least))
        later[at:] += if_stopped - shares[stop].sum() * if_completed[at:]
    return later


def dropout_shares(plan: Plan, scenario: Scenario) -> tuple[Floats, Floats]:
    """Return dose nodes (node,) and the share of starters who stop on a day of therapy, by node: (day, node).

    A therapy of n days breaks off on day max(1, floor(u n)), u uniform; the dose is that day / n, or all or none of
    it. The mean of a smooth function of the dose is that of its interpolation at Chebyshev nodes.
    """
    rates = plan.rates
    drops = np.array(scenario.shares_suited()) * (1 - plan.completion_prob)
    lengths = drops @ np.diff(plan.length_cumulative, axis=1, prepend=0.0)
    angles = np.polynomial.chebyshev.chebpts1(DOSE_NODES)
    nodes = (angles + 1) / 2 if rates.dropout_keeps_dose else np.array([float(rates.dropout_keeps_always)])
    shares = np.zeros((len(lengths) + 1, len(nodes)))
    for length in np.flatnonzero(lengths > 0).tolist():
        stops = np.arange(1, max(length, 2))
        chances = np.full(len(stops), 1 / length)
        chances[0] = 1 - chances[1:].sum()
        basis = _interpolation(stops / length, angles) if rates.dropout_keeps_dose else np.ones((len(stops), 1))
        shares[stops] += lengths[length] * chances[:, None] * basis
    return nodes, shares


def _interpolation(x: Floats, nodes: Floats) -> Floats:
    """Return the weights of values at Chebyshev nodes in the interpolation at x in [0, 1]: (x, node)."""
    order = len(nodes) - 1
    at_nodes = np.polynomial.chebyshev.chebvander(nodes, order) * (2 / len(nodes))
    at_nodes[:, 0] /= 2
    return np.asarray(np.polynomial.chebyshev.chebvander(2 * x - 1, order) @ at_nodes.T)


# ---- stays, returns, re-entries ---------------------------------------------------------------------------------


class Stays(NamedTuple):
    """The parameters of lives after first entry, by age band at entry where there are two (under 16; 16 and over)."""

    n_days: int
    to_18_prob: tuple[float, float]
    shape: float
    scale_days: tuple[float, float]
    home_shape: float
    home_scale_days: float
    min_home_days: int
    home_hazard_ratio: float

    def longer(self, band: int) -> Floats:
        """Return P(stay > d), were there no 18th birthday: (d,); a stay to 18 never ends."""
        prob = self.to_18_prob[band]
        return prob + (1 - prob) * length_longer(self.shape, self.scale_days[band], self.n_days)

    def between_entries(self, band: int) -> Floats:
        """Return the law of the days from one entry to the next, were there no 18th birthday: (d,)."""
        home = length_longer(self.home_shape, self.home_scale_days, self.n_days, self.home_hazard_ratio)
        home[: self.min_home_days] = 1.0
        return causal(_law(self.longer(band)), _law(home))


def _stays(plan: Plan, arm: str) -> Stays:
    rates = plan.rates
    return Stays(
        n_days=int(len(plan.age_cumulative) * MEAN_DAYS_PER_YEAR),
        to_18_prob=(rates.stay_to_18_prob_under_16, rates.stay_to_18_prob_16_plus),
        shape=rates.stay_shape,
        scale_days=(rates.stay_scale_days_under_16, rates.stay_scale_days_16_plus),
        home_shape=rates.reentry_shape,
        home_scale_days=rates.reentry_scale_days,
        min_home_days=int(rates.min_home_days),
        home_hazard_ratio=rates.reentry_hazard_ratio if arm == "therapy" else 1.0,
    )


def length_longer(shape: float, scale_days: float, n_days: int, hazard_ratio: float = 1.0) -> Floats:
    """Return P(length > d) of a Weibull length in whole days, at least 1: exp(-ratio ((d + 1) / scale)^shape); (d,)."""
    longer = np.exp(-hazard_ratio * (np.arange(1, n_days + 2) / scale_days) ** shape)
    longer[0] = 1.0
    return np.asarray(longer)


def _law(longer: Floats) -> Floats:
    """Return P(length = d) from P(length > d)."""
    return np.append(0.0, -np.diff(longer))


def _span(n: int) -> int:
    """Return a length of at least n that Fourier transforms do fast: 2^m or 3 x 2^m."""
    power = 1 << (n - 1).bit_length()
    return 3 * power // 4 if 3 * power >= 4 * n else power


def causal(a: Floats, b: Floats) -> Floats:
    """Return sum_m a(m) b(d - m) for d = 0, 1, ..., along the first axis; a: (d,), b: (d,) or (d, other)."""
    n = _span(2 * len(b))
    spectrum = np.fft.rfft(a[: len(b)], n)
    product = np.fft.rfft(b, n, axis=0) * (spectrum if b.ndim == 1 else spectrum[:, None])
    return np.asarray(np.fft.irfft(product, n, axis=0)[: len(b)])


def renewal(law: Floats) -> Floats:
    """Return the expected number of renewals on day d, the first on day 0: R(d) = [d = 0] + sum_m law(m) R(d - m)."""
    counts = np.zeros(len(law))
    counts[0] = 1.0
    for d in range(1, len(law)):
        counts[d] = law[1 : d + 1] @ counts[d - 1 :: -1]
    return counts


class Mix(NamedTuple):
    """The chance of something inside one stay, given that the stay lasts, by days u since its entry.

    by_band: (band, u), while the band is that of the entry. across: (r - 731, v - 1), for entries with r > 730 days
    left to 18, on the day with v <= 730 left.
    """

    by_band: Floats
    across: Floats


def _certain(n_days: int) -> Mix:
    """Return the mix of being in care at all."""
    return Mix(np.ones((2, n_days + 1)), np.ones((n_days - DAYS_FROM_16, DAYS_FROM_16)))


def _by_days_left(stays: Stays, mix: Mix) -> Floats:
    """Return P(in care, and in the mix, u days after an entry with r days left to 18): (r, u); 0 from 18 on."""
    n, young = stays.n_days, stays.n_days - DAYS_FROM_16
    laws = [stays.between_entries(band) for band in (0, 1)]
    renewals = [renewal(law) for law in laws]
    within = [causal(renewals[band], stays.longer(band) * mix.by_band[band]) for band in (0, 1)]
    # Entries with r > 730 seen on days with v <= 730 left: in the first stay, or in one that began at j <= 730, ...
    r, v = np.arange(DAYS_FROM_16 + 1, n + 1), np.arange(1, DAYS_FROM_16 + 1)
    old = np.where(v[:, None] >= v, within[1][np.maximum(v[:, None] - v, 0)], 0.0)
    force = stays.longer(0)[r[:, None] - v] * mix.across + laws[0][r[:, None] - v] @ old
    # ... after any number of entries under 16.
    across = causal(renewals[0][:young], force)
    table = np.zeros((n + 1, n + 1))
    for left in range(1, n + 1):
        if left <= DAYS_FROM_16:
            table[left, :left] = within[1][:left]
        else:
            table[left, : left - DAYS_FROM_16] = within[0][: left - DAYS_FROM_16]
            table[left, left - DAYS_FROM_16 : left] = across[left - DAYS_FROM_16 - 1, ::-1]
    return table


def after_entry(ages: Floats, stays: Stays) -> Floats:
    """Return P(under 18 at entry, and in care u days after it) of a child who enters e days after referral: (e, u).

    Sum over r of P(r + e days to 18 at referral) Q(r, u): a correlation, by Fourier transform along r.
    """
    return _after_entry(ages.tobytes(), stays)


@lru_cache(maxsize=2)
def _after_entry(ages_bytes: bytes, stays: Stays) -> Floats:
    ages = np.frombuffer(ages_bytes)
    table = _by_days_left(stays, _certain(stays.n_days))
    n = _span(2 * len(ages))
    spectrum = np.fft.rfft(ages, n)[:, None]
    for u in range(0, len(ages), DAYS_PER_YEAR):
        part = np.fft.rfft(table[:, u : u + DAYS_PER_YEAR], n, axis=0)
        table[:, u : u + DAYS_PER_YEAR] = np.fft.irfft(spectrum * part.conj(), n, axis=0)[: len(ages)]
    table.flags.writeable = False  # it is shared by all who ask for it
    return table


def on_each_day(entry: Floats, table: Floats) -> Floats:
    """Return sum_e entry(e) table(e, d - e) for each day d since referral."""
    total = np.zeros(len(entry))
    for day in np.flatnonzero(entry):
        total[day:] += entry[day] * table[day, : len(entry) - day]
    return total


# ---- types of placement -----------------------------------------------------------------------------------------


def _placement_mixes(plan: Plan) -> list[Mix]:
    """Return for each type its share among children in a stay.

    Placements under 16 that begin at x > 730 days left are the renewals of a semi-Markov process with the moves of
    that band; a move on a day with y <= 730 left starts the process with the moves of 16 and over.
    """
    kinds = len(plan.placement_shape)
    n = int(len(plan.age_cumulative) * MEAN_DAYS_PER_YEAR)
    longer = np.array(
        [length_longer(k, s, n) for k, s in zip(plan.placement_shape, plan.placement_scale_days, strict=True)]
    )
    laws = np.array([_law(row) for row in longer])
    first = np.diff(plan.first_cumulative.reshape(2, kinds), axis=1, prepend=0.0)
    moves = np.diff(plan.move_cumulative.reshape(2, kinds, kinds), axis=2, prepend=0.0)
    begins = [placement_begins(first[band], laws, moves[band]) for band in (0, 1)]
    by_band = np.array([[causal(begins[b][k], longer[k]) for b in (0, 1)] for k in range(kinds)])
    across = _across_16(begins[0], longer, laws, moves)
    return [Mix(by_band[k], across[k]) for k in range(kinds)]


def placement_begins(first: Floats, laws: Floats, moves: Floats) -> Floats:
    """Return the expected placements of each type that begin u days after a stay did: (type, u).

    n_j(u) = [u = 0] first_j + sum_i sum_m n_i(u - m) law_i(m) moves_ij.
    """
    begins = np.zeros_like(laws)
    begins[:, 0] = first
    for u in range(1, laws.shape[1]):
        begins[:, u] = np.einsum("km,km->k", laws[:, 1 : u + 1], begins[:, u - 1 :: -1]) @ moves
    return begins


def _across_16(begins: Floats, longer: Floats, laws: Floats, moves: Floats) -> Floats:
    """Return P(type on the day with v days left | stay since r > 730 days left): (type, r - 731, v - 1)."""
    kinds, n = len(laws), laws.shape[1] - 1
    x, v = np.arange(DAYS_FROM_16 + 1, n + 1), np.arange(1, DAYS_FROM_16 + 2)
    held = np.array([causal(begins[k, : len(x)], longer[k][x[:, None] - v]) for k in range(kinds)])
    moved = np.einsum("irv,ij->jrv", np.diff(held, axis=2), moves[1])  # those that end with v days left
    # From a move into type j with y left: the process of 16 and over, y - v days on. Days run as v falls.
    span = _span(2 * DAYS_FROM_16)
    started = np.fft.rfft(moved[:, :, ::-1], span, axis=2)
    onward = np.array([_since_move(j, longer[:, :DAYS_FROM_16], laws, moves[1], span) for j in range(kinds)])
    later = [np.fft.irfft(np.einsum("jrf,jf->rf", started, onward[:, k]), span, axis=1) for k in range(kinds)]
    return np.asarray(held[:, :, :-1] + np.array(later)[:, :, DAYS_FROM_16 - 1 :: -1])


def _since_move(kind: int, longer: Floats, laws: Floats, moves: Floats, span: int) -> npt.NDArray[np.complex128]:
    """Return the spectrum of P(type u days after a move into `kind`): (type, frequency)."""
    begins = placement_begins(np.eye(len(laws))[kind], laws[:, : longer.shape[1]], moves)
    return np.fft.rfft([causal(begun, stays) for begun, stays in zip(begins, longer, strict=True)], span, axis=1)
