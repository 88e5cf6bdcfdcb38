"""The same scenario as anyone would write it first: plain SimPy, `random`, one `Resource` a team, both arms in turn.

It is not the model: ties in the order of a day, addressed draws and identities are missing. It serves as a yardstick of
speed, and its means must be near the model's.
"""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import Any

import simpy

from edgeofcare.care.cohort import search
from edgeofcare.engine.plan import Plan


def run(plan: Plan, seed: int, n_replications: int) -> dict[str, float]:
    """Return means over replications: children referred and started, care days in tracking in both arms."""
    totals = {"referred": 0.0, "started": 0.0, "usual": 0.0, "therapy": 0.0}
    for i in range(n_replications):
        One(plan, random.Random(seed * 1_000_003 + i)).run(totals)
    return {name: value / n_replications for name, value in totals.items()}


class One:
    """One replication."""

    def __init__(self, plan: Plan, rng: random.Random) -> None:
        self.plan, self.rng, self.rates = plan, rng, plan.rates
        self.env = simpy.Environment()
        self.teams = [simpy.Resource(self.env, int(slots.max())) for slots in plan.slots]
        self.first, self.moves = plan.first_cumulative.tolist(), plan.move_cumulative.tolist()
        self.shape, self.scale = plan.placement_shape.tolist(), plan.placement_scale_days.tolist()
        self.ages = plan.age_cumulative.tolist()
        self.started = 0

    def run(self, totals: dict[str, float]) -> None:
        for borough in range(self.plan.n_boroughs):
            self.env.process(self.referrals(borough, totals))
        self.env.run()
        totals["started"] += self.started

    def referrals(self, borough: int, totals: dict[str, float]) -> Any:
        """Referrals by thinning."""
        expected = self.plan.cumulative_referrals[borough].tolist()
        daily = [b - a for a, b in pairwise(expected)]
        most = max(daily)
        while True:
            yield self.env.timeout(self.rng.expovariate(most))
            if self.env.now >= len(daily):
                return
            if self.rng.random() * most < daily[int(self.env.now)]:
                totals["referred"] += 1
                self.env.process(self.child(borough, totals))

    def child(self, borough: int, totals: dict[str, float]) -> Any:
        rng, rates, plan = self.rng, self.rates, self.plan
        u = rng.random()
        year = next((i for i, share in enumerate(self.ages) if u < share), len(self.ages) - 1)
        left = max(1, int((8 - year - rng.random()) * 365.25))
        risk = rates.risk_more_needs if rng.random() < rates.more_needs_prob else rates.risk_fewer_needs
        risk *= rng.gammavariate(4.0, 0.25)
        need = rng.expovariate(1.0)
        entry = rates.entry_scale_days * (need / risk) ** (1 / rates.entry_shape)
        begin = self.env.now
        if rng.random() >= rates.accept_prob * rates.engage_prob:
            self.life(entry, left, 0, 0)
            return
        suited_to = search(plan.suited_cumulative[borough].tolist(), rng.random())
        team = self.teams[int(plan.teams_of[borough, suited_to, 0])]  # shipped boroughs have one team to a therapy
        with team.request() as turn:
            patience = min(plan.patience_days, entry, left)
            yield turn | self.env.timeout(patience)
            if not turn.triggered:
                self.life(entry, left, 0, 0)
                return
            wait = self.env.now - begin
            self.started += 1
            planned = min(max(rng.gammavariate(18.0, 7.0), 60), 240)
            completes = rng.random() < plan.completion_prob[0]
            length = planned if completes else planned * rng.random()
            ratio = float(plan.ratio_by_year[0])
            hazard = risk / rates.entry_scale_days
            treated = entry if entry < wait else wait + (need - hazard * wait) / (hazard * ratio)
            track = plan.tracks[0]
            opens = wait + track.delay_days
            window = (opens, min(opens + track.days, left, track.end_day - begin))
            totals["usual"] += self.life(entry, left, *window)
            totals["therapy"] += self.life(treated, left, *window)
            yield self.env.timeout(length)

    def life(self, entry: float, left: float, start: float, end: float) -> float:
        """Live one arm to 18 with its placements; return care days between start and end."""
        rng, rates = self.rng, self.rates
        inside, t = 0.0, entry
        while t < left:
            young = t < left - 730
            prob = rates.stay_to_18_prob_under_16 if young else rates.stay_to_18_prob_16_plus
            scale = rates.stay_scale_days_under_16 if young else rates.stay_scale_days_16_plus
            stay = left if rng.random() < prob else rng.weibullvariate(scale, rates.stay_shape)
            out = min(t + stay, left)
            inside += max(0.0, min(out, end) - max(t, start))
            kind = self.pick(self.first, 0 if young else 1)
            place = t
            while place < out:
                place += max(1.0, rng.weibullvariate(self.scale[kind], self.shape[kind]))
                kind = self.pick(self.moves, (0 if place < left - 730 else 6) + kind)
            t = out + max(
                rates.min_home_days,
                rates.reentry_scale_days * math.pow(-math.log(1 - rng.random()), 1 / rates.reentry_shape),
            )
        return inside

    def pick(self, cumulative: list[float], row: int) -> int:
        u = self.rng.random()
        return next((k for k in range(5) if u < cumulative[6 * row + k]), 5)
