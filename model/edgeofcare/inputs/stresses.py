"""What may go wrong: stresses in files of their own, and what they make of a scenario.

In: names or paths of stresses ("half_effect+slow_ramp"), a scenario. Out: `Stressed`. Must not know: engines, money.
A stress changes keys of the scenario, by path; `*` in a path stands for every borough, team or type, `<largest>` for
the borough that refers most. A date may be written {days_from_day_0 = 547}, and a sum of pounds a year
{times_team_costs = 1.0}, in terms of what all teams cost in their first year.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from edgeofcare.errors import Fault, InputError
from edgeofcare.inputs.files import is_file, scenario_folder
from edgeofcare.inputs.load import paths, read_part, with_values
from edgeofcare.inputs.schema import Measure, Scenario
from edgeofcare.inputs.sourced import choices, is_number
from edgeofcare.inputs.toml_lines import Source, dotted
from edgeofcare.inputs.types import Days, Frozen, Number, Text

LARGEST = "<largest>"
MOST_DAYS = 40_000  # between two dates that a scenario may name
NAMED_BY_USERS = "prices.index"  # a table to which a stress may add a row: one for a type that `other` served
SINGLE = ("set", "times", "add", "world")
Tree = dict[str, Any]


class TrialEffect(Frozen):
    """The effect that a trial found."""

    log_odds_ratio: Annotated[Number, Field(ge=-10, le=10)]
    """Log odds ratio of being in care, therapy against usual, on the measure."""
    measure: Measure = "share_of_tracked_days_out_of_care"
    """The measure on which it stands (named by its home side)."""
    day: Days | None = None
    """Days from the start of therapy, for the two measures that name a day."""


class CareWithout(Frozen):
    """Care without therapy as it was somewhere else."""

    in_care_share: Annotated[Number, Field(gt=0, lt=1)]
    """Share in care on the measure."""
    measure: Measure
    """The measure on which it stands (named by its home side)."""
    day: Days
    """Days from the start of therapy."""


class WorldChange(Frozen):
    """Another world: what therapy does, and what would happen without it."""

    effect: Literal["claimed", "none", "half", "evidence"] = "claimed"
    """Effect of therapy. half: half of the points of the scenario's own measure; evidence: effect and care without
    therapy are drawn from the draws that the scenario's [evidence] names."""
    trial: TrialEffect | None = None
    """The effect of a trial instead of the claimed one."""
    care_without: CareWithout | None = None
    """Other care without therapy than the scenario says; a claim keeps its odds ratio."""

    @model_validator(mode="after")
    def _one_effect(self) -> Self:
        if self.trial and self.effect != "claimed":
            raise ValueError(f"[effect] give either effect or trial, not both; effect is {self.effect!r}")
        return self

    @property
    def is_claim(self) -> bool:
        """Whether both effect and care without therapy are the scenario's own."""
        return self == WorldChange()


class Stress(Frozen):
    """One thing that goes wrong, or several of them together."""

    title: Text
    """Name for people."""
    description: Text = ""
    """What happens."""
    kind: Literal["effect", "base", "families", "service", "prices", "contract", "together"]
    """What goes wrong: what therapy does; what would happen without it; who is referred; the service; what care costs;
    the contract; several of them."""
    source: Text
    """Who published the severity, where; or why it was chosen."""
    date: Text = ""
    """Date or year to which the severity belongs."""
    quality: Literal["data", "research", "judgement"] = "judgement"
    """data: official statistics; research: published text; judgement: nobody has published it."""
    world: WorldChange | None = None
    """Another world."""
    hazards: Literal["targets_met_again", "as_claimed"] = "targets_met_again"
    """Whether the claim is met again under the changes, or the hazards stay those of the scenario without them."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Values by path."""
    times: dict[str, Number] = Field(default_factory=dict)
    """Factors by path."""
    add: dict[str, Number] = Field(default_factory=dict)
    """What is added, by path: to a number, or days to a date."""
    together: tuple[str, ...] = ()
    """Names of the stresses that make this one; those that do not fit a scenario are left out."""

    @model_validator(mode="after")
    def _one_or_many(self) -> Self:
        changes = [name for name in SINGLE if getattr(self, name)]
        if bool(self.together) == bool(changes):
            raise ValueError("give either changes (set, times, add, world) or together, not both and not neither")
        if bool(self.together) != (self.kind == "together"):
            raise ValueError("[kind] must be together for a stress made of others, and for no other")
        return self


@dataclass(frozen=True)
class NamedStress:
    """A stress as read. parts: itself, or the stresses that make it; lenient: whether parts that do not fit go."""

    name: str
    said: Stress
    source: Source
    parts: tuple[NamedStress, ...] = ()
    lenient: bool = False

    def fault(self, table: str, key: str, rule: str, hint: str = "") -> Fault:
        """Return a fault at one of its keys."""
        return self.source.fault((table, key), rule, "", hint)


@dataclass(frozen=True)
class Stressed:
    """A scenario under a stress.

    scenario: with all changes. claimed: with those only under which the claim is met again: its hazards are the ones
    to run. world: what therapy does there, and care without it. left_out: parts that did not fit, with the reason.
    """

    scenario: Scenario
    claimed: Scenario
    world: WorldChange
    left_out: dict[str, str]


# ---- reading -------------------------------------------------------------------------------------------------------


def stress_folder() -> Path:
    """Return the folder of the shipped stresses."""
    return scenario_folder() / "stresses"


def shipped_stresses() -> list[str]:
    """Return the names of the shipped stresses."""
    return sorted(path.stem for path in stress_folder().glob("*.toml"))


def find_stresses(names: str | Sequence[str]) -> list[NamedStress]:
    """Return stresses by name or path: "all", "a,b" for two, "a+b" for both at once; raise InputError for unknown."""
    asked = names.split(",") if isinstance(names, str) else list(names)
    wanted = [name for one in asked for name in (shipped_stresses() if one.strip() == "all" else [one.strip()])]
    return [_composed(name) for name in dict.fromkeys(wanted)]


def read_stress(name_or_path: str) -> NamedStress:
    """Read one stress, with those that make it; raise InputError with every fault."""
    return _read(name_or_path, may_compose=True)


def _composed(name: str) -> NamedStress:
    """Return a stress, or several at once as one."""
    found = [read_stress(one.strip()) for one in name.split("+")]
    if len(found) == 1:
        return found[0]
    parts = tuple(part for one in found for part in one.parts)
    title = " and ".join(one.said.title for one in found)
    said = Stress(title=title, kind="together", source="See its parts", together=tuple(part.name for part in parts))
    return NamedStress(name, said, found[0].source, parts, any(one.lenient for one in found))


def _read(name: str, may_compose: bool) -> NamedStress:
    part = read_part(_file_of(name), Stress)
    layer, said = part.layer, part.said
    this = NamedStress(layer.path.stem, said, layer.source)
    if not said.together:
        return replace(this, parts=(this,))
    if not may_compose:
        raise InputError([layer.source.fault(("together",), "a stress made of others cannot be part of another")])
    try:
        parts = tuple(_read(part, may_compose=False) for part in said.together)
    except InputError as error:
        told = error.faults[0]
        raise InputError([layer.source.fault(("together",), told.rule, repr(told.file), told.hint)]) from None
    return replace(this, parts=parts, lenient=True)


def _file_of(name: str) -> Path:
    """Return the file of a shipped name or of a path."""
    if name in shipped_stresses():
        return stress_folder() / f"{name}.toml"
    path = Path(name)
    if path.suffix == ".toml" and is_file(path):
        return path
    rule = "there is no such file" if path.suffix == ".toml" else "there is no stress of this name"
    raise InputError([Fault(name, None, "", rule, "", choices(path.stem, shipped_stresses(), "Shipped stresses"))])


# ---- applying ------------------------------------------------------------------------------------------------------


def stressed(scenario: Scenario, stress: NamedStress) -> Stressed:
    """Return a scenario under a stress; raise InputError, with file and line, if it does not fit."""
    parts, left_out = list(stress.parts), {}
    if stress.lenient:
        for part in stress.parts:
            try:
                _changed(scenario, [part])
            except InputError as error:
                parts.remove(part)
                left_out[part.name] = str(error.faults[0])
    met_again = [part for part in parts if part.said.hazards == "targets_met_again"]
    world = _world(parts)
    claimed = _changed(scenario, met_again)
    return Stressed(_changed(scenario, parts), claimed, world, left_out)


def _world(parts: Sequence[NamedStress]) -> WorldChange:
    """Return the one world that the stresses name; two of them cannot both hold."""
    naming = [(part, part.said.world) for part in parts if part.said.world]
    effects = {(w.effect, w.trial): part for part, w in naming if w.effect != "claimed" or w.trial}
    bases = {w.care_without: part for part, w in naming if w.care_without}
    for found in (list(effects.values()), list(bases.values())):
        if len(found) > 1:
            rule = f"is another world than that of {found[0].name}; both cannot hold at once"
            raise InputError([found[1].source.fault(("world",), rule)])
    effect, trial = next(iter(effects), ("claimed", None))
    if effect == "evidence" and bases:
        rule = "the evidence draws care without therapy itself"
        raise InputError([next(iter(bases.values())).source.fault(("world",), rule)])
    return WorldChange(effect=effect, trial=trial, care_without=next(iter(bases), None))


def _changed(scenario: Scenario, parts: Sequence[NamedStress]) -> Scenario:
    """Return the scenario with all values set, then multiplied, then added to, in whatever order they are named."""
    tree: Tree = scenario.model_dump(exclude={"origins", "name"})
    values: dict[str, Any] = {}
    owners: dict[str, tuple[NamedStress, str, str]] = {}
    faults = []
    for table in ("set", "times", "add"):
        for part in parts:
            for key, given in getattr(part.said, table).items():
                try:
                    for path in expanded(tree, key):
                        _change(tree, values, owners, part, table, path, given)
                        owners[path] = (part, table, key)
                except LookupError as error:
                    near = choices(key, paths(scenario), "Keys") if error.args[1:] else ""
                    faults.append(part.fault(table, key, str(error.args[0]), near))
    if faults:
        raise InputError(faults)
    try:
        return with_values(scenario, values) if values else scenario
    except InputError as error:
        raise InputError([_owned(fault, owners) for fault in error.faults]) from None


def _change(
    tree: Tree,
    values: dict[str, Any],
    owners: Mapping[str, tuple[NamedStress, str, str]],
    part: NamedStress,
    table: str,
    path: str,
    given: Any,
) -> None:
    """Note the new value at one path; LookupError if it cannot be."""
    if table == "set":
        new = _meant(tree, given)
        if path in owners and values[path] != new:
            raise LookupError(f"{owners[path][0].name} sets this too; both cannot hold at once")
    else:
        new = _moved(values[path] if path in values else _at(tree, path.split(".")), table, given)
    values[path] = new
    if path.startswith(f"{NAMED_BY_USERS}.") and not _there(tree, path.split(".")):
        table_now = values.get(NAMED_BY_USERS, _at(tree, NAMED_BY_USERS.split(".")))
        values[NAMED_BY_USERS] = table_now | {path.removeprefix(f"{NAMED_BY_USERS}."): values.pop(path)}


def _moved(old: Any, table: str, given: float) -> Any:
    """Return a number multiplied or added to, or a date some days later; whole numbers stay whole."""
    if isinstance(old, date) and table == "add":
        return _days_after(old, given)
    if type(old) not in (int, float):
        raise LookupError("has no number in this scenario" if old is None else "is not a number")
    new = old * given if table == "times" else old + given
    if not math.isfinite(new):
        raise LookupError(f"is too large a {'factor' if table == 'times' else 'number'}")
    return round(new) if isinstance(old, int) else new


def _days_after(day: date, n_days: Any) -> date:
    """Return the date so many days after another; LookupError for what is no number of days or leads too far."""
    if not is_number(n_days) or not abs(n_days) <= MOST_DAYS:
        raise LookupError(f"needs a number of days, at most {MOST_DAYS:,}, without quotation marks")
    return day + timedelta(days=round(n_days))


def _meant(tree: Tree, given: Any) -> Any:
    """Return a value with the dates and sums in it that are written in the scenario's own terms."""
    if not isinstance(given, dict):
        return given
    if given.keys() == {"days_from_day_0"}:
        return _days_after(tree["clock"]["day_0"], given["days_from_day_0"])
    if given.keys() == {"times_team_costs"}:
        if not is_number(given["times_team_costs"]):
            raise LookupError("times_team_costs needs a number, without quotation marks")
        return given["times_team_costs"] * sum(team["cost_gbp_per_year"] for team in tree["teams"].values())
    return {key: _meant(tree, value) for key, value in given.items()}


def expanded(tree: Tree, pattern: str) -> list[str]:
    """Return the paths of a scenario's values that a pattern means; raise LookupError if there is none.

    The error has a second argument if the key may be misspelt.
    """
    parts = pattern.split(".")
    found = list(_expanded(tree, parts, ()))
    if not found and parts[:-1] == NAMED_BY_USERS.split("."):
        return [pattern]
    if not found:
        rule = "matches nothing in this scenario" if "*" in parts else "there is no such key in this scenario"
        raise LookupError(rule, pattern)
    return found


def _expanded(node: Any, parts: Sequence[str], path: tuple[str, ...]) -> Iterator[str]:
    if not parts:
        yield dotted(path)
        return
    inner = _children(node)
    if parts[0] == LARGEST:
        if len(inner) < 2:
            raise LookupError("must leave another borough in the contract; this scenario has one")
        names = [max(inner, key=lambda slug: inner[slug]["referrals_per_year"])]
    else:
        names = list(inner) if parts[0] == "*" else [name for name in inner if name == parts[0]]
    for name in names:
        yield from _expanded(inner[name], parts[1:], (*path, name))


def _children(node: Any) -> Tree:
    if isinstance(node, list | tuple):
        return {str(i): child for i, child in enumerate(node)}
    return node if isinstance(node, dict) else {}


def _at(tree: Any, parts: Sequence[str]) -> Any:
    return _at(_children(tree)[parts[0]], parts[1:]) if parts else tree


def _there(tree: Any, parts: Sequence[str]) -> bool:
    return not parts or (parts[0] in _children(tree) and _there(_children(tree)[parts[0]], parts[1:]))


def _owned(fault: Fault, owners: Mapping[str, tuple[NamedStress, str, str]]) -> Fault:
    """Return a fault of the changed scenario at the key of the stress that brought it."""
    at_key = [path for path in owners if fault.path and (fault.path.startswith(path) or path.startswith(fault.path))]
    part, table, key = owners[next(iter([*at_key, *owners]))]
    return part.source.fault((table, key), f"does not fit this scenario: {fault.rule}", fault.got, fault.hint)
