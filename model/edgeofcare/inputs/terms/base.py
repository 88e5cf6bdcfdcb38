"""What all payment terms share, and the facts that each kind of term states about itself.

In: kinds of value. Out: the models and facts on which the kinds of terms stand. Must not know: contracts, engines,
money rules, files.

A term owns its facts: what it pays in words, what it counts, which records settle it, what moves when prices do. Who
compares, prices, checks or reports contracts reads them here and knows no kind by name. The formula stands in
`money/terms.py`; a price for each whole unit needs none of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from edgeofcare.inputs.scaling import Scalable
from edgeofcare.inputs.types import Days, Frozen, Slug

SERVICE_RECORDS, CARE_RECORDS = "service_records", "care_records"
RANDOMISED_CONTROL, MATCHED_CONTROL = "randomised_control", "matched_control"
RECORD_WORDS = {
    SERVICE_RECORDS: "who started and completed",
    CARE_RECORDS: "each child's days in care",
    RANDOMISED_CONTROL: "children allotted by lot to no therapy",
    MATCHED_CONTROL: "similar children elsewhere without therapy",
}
"""Records by which terms are settled, and what is in them."""

Measure = Literal["started", "completed", "paid_units", "tracked_days", "care_days"]
"""What is counted by borough and period: all starts and completions, or inside a window paid units and days."""


class Tracking(Frozen):
    """The window in which a child's outcomes count."""

    delay_days: Days
    """Days from what `window_from` names to the start of tracking."""
    days: Annotated[Days, Field(ge=7)]
    """Length of tracking, days; ends sooner at 18 and at the end of outcomes."""
    window_from: Literal["start", "planned_end", "referral"] = "start"
    """From where delay_days counts: the start of therapy, its planned end (whether it is completed or not), or the
    referral; tracking never begins before therapy."""
    covers: Literal["starters", "completers"] = "starters"
    """Whose outcomes count."""
    week_rule: Literal["grid", "run"] = "grid"
    """Weeks out of care: on a fixed weekly grid, or whole weeks in each spell at home."""


@dataclass(frozen=True)
class Kind:
    """What is true of every term of a kind.

    label: what it pays for, as the head of a row ("Weeks out of care"). sentence: what the contract pays, for a list,
    with {price} where the price stands. records: those that settle it, besides `needs_data`.

    With a price: unit, what one price is for ("week out of care"); units, many of them in a table ("weeks");
    price_label ("Tariff of a week out of care") and price_name, its name in the formulas of a workbook.
    counted: by measure, the head of a table of what is counted, where a sheet can work the term out: one measure whose
    units are paid, or tracked days and days in care below a `baseline_share`; empty if only the amount can be shown.
    unpaid_share: key of a share that comes off the price, if there is one, with its label.
    note: what a reader must know who counts again.
    """

    label: str
    sentence: str
    records: tuple[str, ...]
    unit: str = ""
    units: str = ""
    price_label: str = ""
    price_name: str = ""
    counted: Mapping[Measure, str] = field(default_factory=dict)
    unpaid_share: tuple[str, str] | None = None
    note: str = ""


@dataclass(frozen=True)
class Counting:
    """What a term needs counted inside its window.

    unit: `weeks` by the window's own rule, each `day`, a milestone of so many `weeks` out of care `running` or
    `at_week`; `any` if only days tracked and in care are needed, which are counted with every unit. max_units: most
    units of one child. by_intake: by period of start too. controlled: with a control child for each who starts.
    """

    unit: Literal["weeks", "day", "running", "at_week", "any"]
    max_units: int | None = None
    weeks: int = 0
    by_intake: bool = False
    controlled: bool = False


class Term(Scalable):
    """What all terms share."""

    needs_data: tuple[Slug, ...] = ()
    """Records that payers must hold for this term besides those that its kind needs; see `data_held` of boroughs."""

    kind: ClassVar[Kind]

    if TYPE_CHECKING:  # each kind declares the one word that it may have

        @property
        def pays(self) -> str: ...

    def records_needed(self) -> tuple[str, ...]:
        """Return the records by which this term is settled."""
        return (*self.kind.records, *self.needs_data)

    def counting(self) -> Counting | None:
        """Return what must be counted inside a window; None if this term pays for no outcome inside one."""
        return None

    @property
    def price(self) -> float | None:
        """The price, GBP for each unit; None if the term has none."""
        return None

    @property
    def follows_index(self) -> bool:
        """Whether amounts move with the contract's indexation: those that follow a price, not a cost or a principal."""
        return True

    @property
    def counted(self) -> Mapping[Measure, str]:
        """What a sheet needs to work this term out, by measure with its title; empty if it cannot."""
        return self.kind.counted

    def sentence(self, price: str) -> str:
        """Return what is paid, as an entry of a list without its full stop. price: in words."""
        return self.kind.sentence.format(price=price)


class TrackedTerm(Term):
    """What terms share that pay for outcomes inside a window."""

    tracking: Tracking | None = None
    """Window of this term; the contract's if not given."""

    def counting(self) -> Counting:
        """Return what must be counted inside the window."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it counts")


class UnitTerm(Term):
    """What terms share that pay a price for each whole unit of one measure, child by child.

    pence = units x price x 100, rounded for each borough and period. What all children come to is the sum over
    children; of what any other term pays, no part belongs to one child.
    """

    if TYPE_CHECKING:

        @property
        def price_gbp(self) -> float: ...

    @property
    def price(self) -> float | None:
        """The price, GBP for each unit."""
        return self.price_gbp

    @property
    def gbp_per_unit(self) -> float:
        """What one unit is paid: the price less the share of it that is not paid."""
        share = self.kind.unpaid_share
        return self.price_gbp * (1 - float(getattr(self, share[0]))) if share else self.price_gbp

    @property
    def measure(self) -> Measure:
        """The one measure whose units are paid."""
        (only,) = self.kind.counted
        return only
