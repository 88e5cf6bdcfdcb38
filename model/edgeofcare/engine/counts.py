"""The integer result of a chunk of replications, and the identities that always hold in it.

In: arrays filled by an engine. Out: `Counts`. Must not know: prices, contracts' money, files.
Axes stand in the order replication, arm, track, borough, intake, period, measure. All arrays are int32.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeofcare.engine.plan import Plan
from edgeofcare.errors import IdentityError

Ints = npt.NDArray[np.int32]

ARMS = ("usual", "therapy")
SERVICE = (
    "referred",
    "accepted",
    "engaged",
    "started",
    "completed",
    "dropped_out",
    "left_patience",
    "left_18",
    "left_care",
    "left_entitlement",
    "left_too_late",
    "waiting_days",
    "tracked",
)
LIVES = ("first_entries", "reentries", "never_in_care", "fewer_avoided")
ACCOUNTS = ("tracking", "window", "after")
OUTCOMES = ("tracked_days", "care_days", "paid_units", "grid_weeks")
INTAKE = ("tracked_days", "care_days")
CONTROL = ("tracked_days", "care_days")
EVENTS = (*SERVICE, "placed", "home")  # what a trace can hold
TEAM = ("slot_days_used", "slot_days_available", "starts")


@dataclass(frozen=True)
class Counts:
    """What happened in a chunk of replications, in whole numbers.

    service: (replication, borough, period, SERVICE), by the period of the event; waiting days by the start's period.
    lives: (replication, arm, borough, LIVES); first entries and re-entries before 18 of all referred children;
        `never_in_care` counts starters without entry before their own tracking ends; `fewer_avoided` (therapy arm
        only) starters who spend more tracked days in care with therapy than without.
    care: (replication, arm, ACCOUNTS, borough, period, placement type), care days: of starters inside the scenario's
        own tracking; of all referred children before the end of outcomes; and of all after it, to 18.
    outcomes: (replication, arm, track, borough, outcome period, OUTCOMES).
        Weeks of the grid are counted on the scenario's own track and where weeks are paid for.
    both_weeks: (replication, track, borough, outcome period), weeks of the grid at home in both arms, on these tracks.
    intake: (replication, arm, intake track, borough, intake period, outcome period, INTAKE), by period of start.
    control: (replication, control track, borough, outcome period, CONTROL), of the control children.
    team: (replication, team, TEAM).
    """

    first_replication: int
    service: Ints
    lives: Ints
    care: Ints
    outcomes: Ints
    both_weeks: Ints
    intake: Ints
    control: Ints
    team: Ints

    @property
    def n_replications(self) -> int:
        """Number of replications in the chunk."""
        return int(self.service.shape[0])

    def served(self, measure: str) -> Ints:
        """Return one service measure: (replication, borough, period)."""
        return self.service[..., SERVICE.index(measure)]

    def outcome(self, arm: str, measure: str, track: int = 0) -> Ints:
        """Return one outcome measure of a track: (replication, borough, outcome period)."""
        return self.outcomes[:, ARMS.index(arm), track, :, :, OUTCOMES.index(measure)]

    def until(self, n_periods: int) -> Counts:
        """Return the counts of the first so many outcome periods (what is counted to 18 stays whole)."""
        return replace(
            self,
            service=self.service[:, :, :n_periods],
            outcomes=self.outcomes[..., :n_periods, :],
            both_weeks=self.both_weeks[..., :n_periods],
            intake=self.intake[..., :n_periods, :],
            control=self.control[..., :n_periods, :],
        )

    def without_effect(self) -> Counts:
        """Return what the same children come to if therapy changes nothing: a run with hazard ratios 1, bit for bit."""
        both = {name: getattr(self, name) for name in ("lives", "care", "outcomes", "intake")}
        twice: dict[str, Any] = {name: np.repeat(array[:, :1], len(ARMS), axis=1) for name, array in both.items()}
        return replace(self, **twice, both_weeks=self.outcomes[:, 0, ..., OUTCOMES.index("grid_weeks")])

    def arrays(self) -> dict[str, Ints]:
        """Return the arrays by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "first_replication"}


@dataclass
class Trace:
    """The events of chosen replications, in the order in which lives were told.

    parts: arrays (event, 7) of replication, arm (-1: both), borough, child, code (place in EVENTS), day, detail.
    """

    parts: list[npt.NDArray[np.int64]] = field(default_factory=list)

    def add(self, events: npt.ArrayLike) -> None:
        """Append events."""
        self.parts.append(np.asarray(events, dtype=np.int64).reshape(-1, 7))

    @property
    def table(self) -> npt.NDArray[np.int64]:
        """Return all events: (event, 7)."""
        return np.concatenate([np.zeros((0, 7), np.int64), *self.parts])

    @property
    def rows(self) -> list[tuple[int, int, int, int, str, int, int]]:
        """Return all events as tuples, with the names of their codes."""
        return [(*row[:4], EVENTS[row[4]], *row[5:]) for row in self.table.tolist()]


def empty_counts(plan: Plan, first_replication: int, n_replications: int) -> Counts:
    """Return counts of the plan's shape, all nought."""
    n, b, p, q = n_replications, plan.n_boroughs, len(plan.periods), plan.n_outcome_periods
    n_tracks, n_intake, n_teams = len(plan.tracks), len(plan.intake_tracks), len(plan.team_slugs)

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, dtype=np.int32)

    return Counts(
        first_replication=first_replication,
        service=zeros(n, b, q, len(SERVICE)),
        lives=zeros(n, 2, b, len(LIVES)),
        care=zeros(n, 2, len(ACCOUNTS), b, p, 6),
        outcomes=zeros(n, 2, n_tracks, b, q, len(OUTCOMES)),
        both_weeks=zeros(n, n_tracks, b, q),
        intake=zeros(n, 2, n_intake, b, plan.n_intake_periods, q, len(INTAKE)),
        control=zeros(n, len(plan.control_tracks), b, q, len(CONTROL)),
        team=zeros(n, n_teams, len(TEAM)),
    )


def check_identities(counts: Counts, plan: Plan) -> None:
    """Raise IdentityError if an identity of model.md section 7 does not hold in some replication."""
    service = {name: counts.served(name).sum(axis=2) for name in SERVICE}
    left = sum(service[name] for name in SERVICE if name.startswith("left_"))
    tracked, care_days, _, grid_weeks = (counts.outcomes[:, :, 0, :, :, k] for k in range(4))
    inside = counts.care[:, :, 0].sum(axis=4)
    both = counts.both_weeks[:, 0]
    team = {name: counts.team[:, :, k] for k, name in enumerate(TEAM)}
    own = plan.tracks[0]
    rules: dict[str, bool] = {
        "a child who engages starts or leaves the queue": bool((service["engaged"] == service["started"] + left).all()),
        "a start is completed or broken off": bool(
            (service["started"] == service["completed"] + service["dropped_out"]).all()
        ),
        "starts of boroughs are starts of teams": bool(
            (service["started"].sum(axis=1) == team["starts"].sum(axis=1)).all()
        ),
        "tracked days are the same in both arms": bool((tracked[:, 0] == tracked[:, 1]).all()),
        "care days lie inside tracked days": bool((care_days >= 0).all() and (care_days <= tracked).all()),
        "care days in tracking are the sum over placement types": bool(
            (care_days.sum(axis=3) == inside.sum(axis=3)).all()
        ),
        "weeks at home in both arms are not more than in either": bool(
            (both <= grid_weeks[:, 0]).all() and (both <= grid_weeks[:, 1]).all()
        ),
        "care days of control children lie inside their tracked days": bool(
            (counts.control[..., 1] >= 0).all() and (counts.control[..., 1] <= counts.control[..., 0]).all()
        ),
        "no team holds more than its slots, summed over days": bool(
            (team["slot_days_used"] <= team["slot_days_available"] + plan.slot_days_overhang[None, :]).all()
        ),
        "nobody starts beyond a borough's entitlement": bool((service["started"] <= plan.entitlement[None, :]).all()),
    }
    if own.unit == "grid":
        rules["weeks under the grid rule are the grid's weeks"] = own.max_units < 10_000 or bool(
            (counts.outcomes[:, :, 0, :, :, 2] == grid_weeks).all()
        )
    broken = [rule for rule, holds in rules.items() if not holds]
    if broken:
        raise IdentityError("an identity of the model does not hold: " + "; ".join(broken))
