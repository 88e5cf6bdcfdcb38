"""Boroughs that could join. In: a scenario, a joiner's file, when and with which teams it joins. Out: a scenario.

A joiner's file holds one table [boroughs.NAME], as it would stand in a scenario, and the children of 10 to 17 who
start in care there in a year. Must not know: engines, money.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from math import ceil, floor
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError

from edgeofcare.calendar import MEAN_DAYS_PER_YEAR, date_of, day_number
from edgeofcare.errors import Fault, InputError, OptionError
from edgeofcare.inputs.files import is_file, read_file, scenario_folder
from edgeofcare.inputs.load import read_part
from edgeofcare.inputs.messages import Words, explain
from edgeofcare.inputs.published import reference_file
from edgeofcare.inputs.ranges import range_faults
from edgeofcare.inputs.schema import Borough, Origin, Scenario, Team
from edgeofcare.inputs.sourced import ROW_TABLES, choices
from edgeofcare.inputs.toml_lines import KeyPath, Source, dotted
from edgeofcare.inputs.types import Frozen, NotNegative, Slug

CapOnJoin = Literal["per_start", "fixed"]

# What a joiner is taken to be, where nobody has said: judgements, written into its file as such.
REFERRALS_PER_CARE_START = 0.292  # half of the founders' 0.584
JOIN_DATE = date(2019, 4, 1)
RANGE_OF_REFERRALS = (0.6, 1.5)  # low and high as multiples: about the ranges of the boroughs of pan_london_ten
WIDEST_HIDDEN = 2.0  # a hidden count whose bounds lie further apart than this ratio stands for no figure

CARE_STARTS = ("care_starts", "adolescent_excluding_uasc")
PRICE_YEAR = "2017-18"
SLUG_LENGTH = 60
NEAR_ENOUGH = 0.85
FIRST_DAY, LAST_DAY = date(1990, 1, 1), date(2100, 1, 1)  # as the schema's dates
MOST_PER_YEAR, DEAREST = 100_000, 1000  # answers beyond these are slips
FORMAL = re.compile(r"^(the_)?((london|royal)_)*(borough|city_council|council)_of_")


class JoinerFile(Frozen):
    """A file of one borough that could join."""

    adolescent_care_starts_per_year: NotNegative | None = None
    """Children of 10 to 17 who start in care in a year, less unaccompanied asylum-seeking children."""
    boroughs: Annotated[dict[Slug, Borough], Field(min_length=1, max_length=1)]
    """The borough, as under [boroughs] of a scenario."""


@dataclass(frozen=True)
class Joiner:
    """A borough that could join.

    origins: of its numbers, by dotted path in a scenario. expected_adolescent_starts_per_year: children of 10 to 17
    who start in care there in a year, None if not given. file: where it stands, for faults.
    """

    slug: str
    borough: Borough
    origins: dict[str, Origin]
    expected_adolescent_starts_per_year: float | None
    file: str


@dataclass(frozen=True)
class Joining:
    """A joiner, the first day of its referrals (its file's if not given) and the teams that come with it."""

    joiner: Joiner
    when: date | None = None
    teams: str = "as-is"


@dataclass(frozen=True)
class Answers:
    """What a commissioner says of a borough; what is not given is taken from published figures or assumed.

    price_multiplier: the borough's price of care relative to the scenario's.
    """

    adolescent_care_starts_per_year: float | None = None
    referrals_per_year: float | None = None
    join_date: date | None = None
    price_multiplier: float | None = None


# ---- reading ---------------------------------------------------------------------------------------------------


def possible_joiners() -> list[str]:
    """Return the names of the shipped joiners."""
    return sorted(path.stem for path in (scenario_folder() / "boroughs").glob("*.toml"))


def names_of_joiners(scenario: Scenario) -> dict[str, str]:
    """Return the names of the shipped joiners that are not in the scenario, for people, by slug.

    All are boroughs of London. Raises OptionError for a scenario of which no borough is.
    """
    if not {*_published_rows(), *possible_joiners()} & set(scenario.boroughs):
        raise OptionError(
            f"the boroughs that could join here are London's, and {scenario.title} has none of them in. Choose a "
            f"scenario of London boroughs; for others, write a file (edgeofcare new-borough) and use edgeofcare join."
        )
    return {slug: name for slug, name in _joiner_names() if slug not in scenario.boroughs}


@lru_cache(maxsize=1)
def _joiner_names() -> tuple[tuple[str, str], ...]:
    trees = {slug: read_file(scenario_folder() / "boroughs" / f"{slug}.toml").tree for slug in possible_joiners()}
    return tuple((slug, tree["boroughs"][slug]["name"]) for slug, tree in trees.items())


def load_joiner(name_or_path: str | Path, scenario: Scenario) -> Joiner:
    """Read a shipped joiner by name, or a joiner's file by path; raise InputError with every fault.

    A name may be short where it is plain which borough is meant: richmond. Refused: a borough that is in already, one
    without published figures, one whose published counts are suppressed.
    """

    def further(_: dict[str, Any], file: JoinerFile, origins: dict[KeyPath, Origin]) -> list[Words]:
        return _range_faults(scenario, file, origins)

    part = read_part(_find(name_or_path, scenario), JoinerFile, scenario, further)
    file, source = part.said, part.layer.source
    [(slug, borough)] = file.boroughs.items()
    _refuse_twice(scenario, slug, source)
    own = {dotted(path): origin for path, origin in part.origins.items() if path[0] == "boroughs"}
    starts = file.adolescent_care_starts_per_year
    starts = borough.adolescent_care_starts_per_year if starts is None else starts
    return Joiner(slug, borough, own, starts, source.name)


def with_referrals(joiner: Joiner, referrals_per_year: float) -> Joiner:
    """Return the joiner with another number of families that it refers a year; that number has no source."""
    path = f"boroughs.{joiner.slug}.referrals_per_year"
    origins = {key: origin for key, origin in joiner.origins.items() if key != path}
    borough = joiner.borough.model_copy(update={"referrals_per_year": referrals_per_year})
    return replace(joiner, borough=borough, origins=origins)


def _find(name_or_path: str | Path, scenario: Scenario) -> Path:
    """Return the file of a shipped joiner or of a path; raise InputError with the reason why there is none."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or re.search(r"[/\\]", text):
        path = Path(name_or_path)
        if is_file(path):
            return path
        rule = "is a folder, not a joiner's file" if path.is_dir() else "there is no such file"
        raise InputError([Fault(text, None, "", rule)])
    slug = slug_of(text)
    slug = next(iter(_meant(slug, {*possible_joiners(), *_published_rows(), *scenario.boroughs})), slug)
    path = scenario_folder() / "boroughs" / f"{slug}.toml"
    if path.is_file():
        return path
    _refuse_twice(scenario, slug, Source(text, {}))
    own = f"`edgeofcare new-borough {slug} --referrals N --out {slug}.toml` writes a file with your own figures."
    key = f"boroughs.{slug}.referrals_per_year"
    if hidden := _hidden(slug):
        raise InputError([Fault(text, None, key, hidden, "", own)])
    if slug in _published_rows():
        own = f"`edgeofcare new-borough {slug} --out {slug}.toml` writes a file from its published figures."
        raise InputError([Fault(text, None, "", "is not among the possible joiners of London", "", own)])
    near = choices(slug, possible_joiners(), "Possible joiners")
    rule = f"no figures of this borough stand in scenarios/reference/{CARE_STARTS[0]}.toml"
    raise InputError([Fault(text, None, key, rule, "", f"{near} {own}")])


def _range_faults(scenario: Scenario, file: JoinerFile, origins: dict[KeyPath, Origin]) -> list[Words]:
    """Return a fault for each range of the joiner that reaches what a scenario would refuse."""
    tree = scenario.model_dump(exclude={"origins"})
    tree["boroughs"] |= file.model_dump()["boroughs"]
    return range_faults(tree, {path: origin for path, origin in origins.items() if path[0] == "boroughs"})


def _refuse_twice(scenario: Scenario, slug: str, source: Source) -> None:
    if slug in scenario.boroughs:
        name = scenario.name or "the scenario"
        rule = f"{scenario.boroughs[slug].name} takes part in {name} already"
        raise InputError([source.fault(("boroughs", slug), rule, "", "Choose another borough, or another scenario.")])


# ---- joining ---------------------------------------------------------------------------------------------------


def with_joiner(
    scenario: Scenario,
    joiner: Joiner,
    when: date | None = None,
    teams: str = "as-is",
    planned_starts: float | None = None,
    cap_on_join: CapOnJoin = "per_start",
) -> Scenario:
    """Return the scenario with one borough more; as `with_joiners`."""
    return with_joiners(scenario, [Joining(joiner, when, teams)], planned_starts, cap_on_join)


def with_joiners(
    scenario: Scenario,
    joinings: Iterable[Joining],
    planned_starts: float | None = None,
    cap_on_join: CapOnJoin = "per_start",
) -> Scenario:
    """Return the scenario with more boroughs; their order does not matter.

    Each is served by the team with most slots of each therapy (`as-is`); `plus-NAME` adds a copy of that of the therapy
    NAME, at its cost, that opens when the borough joins and serves the same boroughs and joiners; `own` gives the
    borough a copy of each for itself. With `per_start` the contract's cap rises, in whole pounds, by
    cap / planned_starts x the joiner's expected starts, where planned_starts are the expected starts of this scenario;
    with `fixed` it stays. The cap of a top-up and the investor's commitment stay in either case.
    Raises InputError for a borough that is in already or joins outside the window of referrals, OptionError for
    unknown options.
    """
    if cap_on_join not in get_args(CapOnJoin):
        raise OptionError(f"there is no cap_on_join {cap_on_join!r}. {choices(cap_on_join, get_args(CapOnJoin))}")
    joined = scenario
    for joining in sorted(joinings, key=lambda one: one.joiner.slug):
        joined = _joined(joined, joining)
    cap = scenario.contract.cap_gbp
    return joined if cap is None or cap_on_join == "fixed" else _with_caps(scenario, joined, cap, planned_starts)


def expected_referrals(scenario: Scenario, borough: Borough) -> float:
    """Return the families that a borough is expected to refer in the whole contract.

    Sum over days from joining to leaving or the end of referrals of rate x ramp (at mid-day) x seasonality of the
    month, less what a pause costs.
    """
    referrals, clock = scenario.referrals, scenario.clock
    joins = day_number(borough.join_date or clock.day_0, clock.day_0)
    ramp_days = referrals.ramp_months * MEAN_DAYS_PER_YEAR / 12
    ends = min(clock.referrals_until, borough.leave_date or clock.referrals_until)
    total = 0.0
    for day in range(joins, day_number(ends, clock.day_0)):
        grown = min((day + 0.5 - joins) / ramp_days, 1.0) if ramp_days else 1.0
        when = date_of(day, clock.day_0)
        season = referrals.seasonality[when.month - 1]
        paused = referrals.pause is not None and referrals.pause.starts <= when < referrals.pause.until
        share = referrals.pause.share if referrals.pause is not None and paused else 1.0
        total += (referrals.ramp_start_share + (1 - referrals.ramp_start_share) * grown) * season * share
    return borough.referrals_per_year / MEAN_DAYS_PER_YEAR * total


def expected_starts(scenario: Scenario, borough: Borough, planned_starts: float) -> float:
    """Return the starts that a borough's referrals would bring at the scenario's starts per referral, planned_starts
    being the expected starts of the scenario; an entitlement limits them."""
    everyone = sum(expected_referrals(scenario, one) for one in scenario.boroughs.values())
    starts = planned_starts * expected_referrals(scenario, borough) / everyone if everyone else 0.0
    return starts if borough.entitlement is None else min(starts, float(borough.entitlement))


def _joined(scenario: Scenario, joining: Joining) -> Scenario:
    """Return the scenario with one borough and its teams more; the cap is left as it is."""
    joiner, slug = joining.joiner, joining.joiner.slug
    _refuse_twice(scenario, slug, Source(joiner.file, {}))
    day = _day_of_joining(scenario, joining)
    origins = scenario.origins | joiner.origins
    if joining.when is not None:
        chosen = Origin(source="The joining date asked for", quality="judgement")
        origins |= {f"boroughs.{slug}.join_date": chosen}
    teams = _teams_joined(scenario, joining, day, origins)
    tree = scenario.model_dump() | {"origins": origins}
    tree["boroughs"] |= {slug: joiner.borough.model_copy(update={"join_date": day}).model_dump()}
    tree["teams"] = {name: team.model_dump() for name, team in teams.items()}
    return _checked(tree, joiner.file)


def _checked(tree: dict[str, Any], file: str) -> Scenario:
    """Return the scenario of a tree; raise InputError with its faults."""
    try:
        return Scenario.model_validate(tree)
    except ValidationError as error:
        raise InputError([Fault(file, None, dotted(w.path), *w[1:4]) for w in explain(error.errors(), tree)]) from None


def _day_of_joining(scenario: Scenario, joining: Joining) -> date:
    """Return the first day of a joiner's referrals; raise InputError if no child could be referred on it."""
    clock, slug = scenario.clock, joining.joiner.slug
    day = joining.when or joining.joiner.borough.join_date or clock.day_0
    if not clock.day_0 <= day < clock.referrals_until:
        rule = f"must lie in the window of referrals, from {clock.day_0} to before {clock.referrals_until}"
        hint = f"Choose a date in it: --when {clock.day_0}, for example."
        file = "the values given" if joining.when else joining.joiner.file
        raise InputError([Fault(file, None, f"boroughs.{slug}.join_date", rule, day.isoformat(), hint)])
    return day


def _teams_joined(scenario: Scenario, joining: Joining, day: date, origins: dict[str, Origin]) -> dict[str, Team]:
    """Return the teams as they are once a borough has joined; add the origins of new teams to `origins`."""
    slug, teams = joining.joiner.slug, dict(scenario.teams)
    largest = {therapy: _largest(scenario, therapy) for therapy in scenario.therapies}
    wanted = joining.teams.removeprefix("plus-")
    if joining.teams not in (known := team_choices(scenario)):
        name = scenario.name or "the scenario"
        if joining.teams.startswith("plus-") and re.fullmatch(r"[a-z][a-z0-9_]*", wanted):
            raise OptionError(
                f"teams {joining.teams!r} copies the largest {wanted} team; {name} has none. "
                f"{choices(joining.teams, known)}"
            )
        raise OptionError(f"there is no choice of teams {joining.teams!r}. {choices(joining.teams, known)}")
    for therapy, base in largest.items():
        if base is None:
            continue
        if wanted != "own":
            for name in [base, *_copies(teams, base)]:
                # The order of a team's boroughs means nothing; sorted, it does not tell who joined first.
                served = tuple(sorted({*teams[name].boroughs, slug}))
                teams[name] = teams[name].model_copy(update={"boroughs": served})
        if wanted in ("own", therapy):
            new = f"{base}_for_{slug}"[:SLUG_LENGTH]
            served = (slug,) if wanted == "own" else teams[base].boroughs
            teams[new] = teams[base].model_copy(update={"boroughs": served, "opens": day})
            origins |= _copied_origins(origins, base, new)
    return teams


def team_choices(scenario: Scenario) -> list[str]:
    """Return the teams with which a borough may join: as they are, one more of a therapy that has one, its own."""
    there = {team.therapy for team in scenario.teams.values()}
    return ["as-is", *(f"plus-{therapy}" for therapy in scenario.therapies if therapy in there), "own"]


def _largest(scenario: Scenario, therapy: str) -> str | None:
    """Return the team of a therapy with most slots, the first of equals; None if there is none."""
    slots = {n: t.n_therapists * t.caseload_per_therapist for n, t in scenario.teams.items() if t.therapy == therapy}
    return max(slots, key=lambda name: slots[name], default=None)


def _copies(teams: dict[str, Team], base: str) -> list[str]:
    """Return the teams that earlier joiners brought to share the work of a team."""
    served = set(teams[base].boroughs)
    return [name for name, team in teams.items() if name.startswith(f"{base}_for_") and served & set(team.boroughs)]


def _copied_origins(origins: dict[str, Origin], base: str, new: str) -> dict[str, Origin]:
    """Return the origins of a team's copy: those of the team, saying so."""
    below = f"teams.{base}."
    copied = {path: origin for path, origin in origins.items() if path.startswith(below) and path != f"{below}opens"}
    return {
        path.replace(below, f"teams.{new}.", 1): origin.model_copy(
            update={"source": f"As team {base}: {origin.source}", "quality": "judgement"}
        )
        for path, origin in copied.items()
    } | {f"teams.{new}.opens": Origin(source="Opens when the borough joins", quality="judgement")}


def _with_caps(before: Scenario, joined: Scenario, cap: float, planned_starts: float | None) -> Scenario:
    """Return the joined scenario with the cap raised by what each joiner brings, whole pounds."""
    if planned_starts is None or not planned_starts > 0:
        raise OptionError("cap_on_join 'per_start' needs planned_starts, the expected starts of the scenario, above 0.")
    brought = {
        borough.name: round(cap / planned_starts * expected_starts(before, borough, planned_starts))
        for slug, borough in joined.boroughs.items()
        if slug not in before.boroughs
    }
    path, added = "contract.cap_gbp", sum(brought.values())
    was = before.origins.get(path, Origin(unit="GBP"))
    told = "; ".join(f"{name} brings GBP {gbp:,}" for name, gbp in brought.items())
    source = f"{was.source or 'The cap before joining'}: GBP {cap:,.0f}, {cap / planned_starts:,.0f} a start; {told}"
    ends = {end: getattr(was, end) + added for end in ("low", "high") if getattr(was, end) is not None}
    origin = was.model_copy(update={"source": source, "quality": "judgement"} | ends)
    tree = joined.model_dump() | {"origins": joined.origins | {path: origin}}
    tree["contract"]["cap_gbp"] = cap + added
    return _checked(tree, "the cap of the joined contract")


# ---- writing ---------------------------------------------------------------------------------------------------


def new_borough(name: str, answers: Answers | None = None, written_by: str = "`edgeofcare new-borough`") -> str:
    """Return the TOML text of a joiner's file: what was answered, the rest from published figures, else assumed.

    Every number says where it comes from; what nobody has said or published begins with "assumed". Raises OptionError
    for a name that gives no key, values out of range, and a borough without answers or published figures.
    """
    said, slug = answers or Answers(), slug_of(name)
    _check_answers(name, slug, said)
    known = next(iter(_meant(slug, _published_rows(), NEAR_ENOUGH)), "")
    shown = _published_name(known) if known else name.strip()
    row = {} if _hidden(known) else _published_rows().get(known, {})
    slug = known or slug
    starts, referrals = _volume(slug, known, row, said)
    day = _answer(said.join_date, JOIN_DATE, "inside the referral window of pan_london; --when chooses another")
    price = _answer(said.price_multiplier, 1.0, "the price of care of the scenario that is joined")
    head = [
        f"# {shown}: what it would bring to a contract that it joins (edgeofcare join SCENARIO {slug}).",
        f"# Written by {written_by}.",
        '# What begins with "assumed" nobody has published or said. So is the range of referrals: '
        "{:g} to {:g} times.".format(*RANGE_OF_REFERRALS),
        *_near_note(name, known),
        "# Families suited to each therapy: as in the scenario. No entitlement, own cost or home support is set.",
    ]
    lines = [
        f"adolescent_care_starts_per_year = {_toml(starts)}",
        "",
        f"[boroughs.{slug}]",
        f"name = {_toml(shown)}",
        f"join_date = {_toml(day)}",
        f"referrals_per_year = {_toml(referrals)}",
        *_price_note(known),
        f"price_multiplier = {_toml(price)}",
    ]
    return "\n".join([*head, "", *lines]) + "\n"


def slug_of(name: str) -> str:
    """Return a borough's key: small letters, digits and underscores, without "London Borough of"."""
    plain = unicodedata.normalize("NFKD", name.replace("&", " and ")).encode("ascii", "ignore").decode()
    return FORMAL.sub("", re.sub(r"[^a-z0-9]+", "_", plain.lower().replace("'", "")).strip("_"))


def _check_answers(name: str, slug: str, said: Answers) -> None:
    if not re.fullmatch(rf"[a-z][a-z0-9_]{{0,{SLUG_LENGTH - 1}}}", slug) or not name.strip().isprintable():
        raise OptionError(f"{name!r} is no name for a borough: begin with a letter, at most {SLUG_LENGTH} characters.")
    for option, value in (
        ("--care-starts", said.adolescent_care_starts_per_year),
        ("--referrals", said.referrals_per_year),
    ):
        if value is not None and not 0 <= value <= MOST_PER_YEAR:
            raise OptionError(f"{option} must be a number a year, 0 or more (got {value:g}).")
    if said.join_date is not None and not FIRST_DAY <= said.join_date <= LAST_DAY:
        raise OptionError(f"--when must lie between {FIRST_DAY} and {LAST_DAY} (got {said.join_date}).")
    if said.price_multiplier is not None and not 0 < said.price_multiplier <= DEAREST:
        raise OptionError(f"the price multiplier must be above 0 (got {said.price_multiplier:g}); 1 is the scenario's.")


def _volume(slug: str, known: str, row: dict[str, float], said: Answers) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return care starts and referrals a year as figures to be written."""
    per_start, unit = REFERRALS_PER_CARE_START, {"unit": "families a year"}
    care: dict[str, Any]
    starts, referred = said.adolescent_care_starts_per_year, said.referrals_per_year
    half = f"{per_start:g} x its adolescent care starts, half of the rate of the founders of pan_london"
    central: dict[str, Any] = {"reference": f"{':'.join(CARE_STARTS)}.{known}.central"}
    if starts is not None:
        low = high = float(starts)
        care = {"value": low, "unit": "children a year"} | _told()
        referrals = {"value": round(per_start * low, 2)} | unit | _assumed(half)
    elif row:
        low, high = row["low"], row["high"]
        care = central | ({} if low == high else {"source": f"some counts are suppressed: {low:g} to {high:g}"})
        referrals = central | {"times": per_start} | unit | {"source": f"assumed: {half}"}
    elif referred is not None:
        care = {"value": round(float(referred) / per_start, 1), "unit": "children a year"}
        care |= _assumed(f"referrals / {per_start:g}, for its care starts are suppressed or not published")
    else:
        reason = _hidden(known) or "no figures of this borough are published in scenarios/reference/care_starts.toml"
        raise OptionError(f"{slug}: {reason}. Give --referrals or --care-starts, a year.")
    if referred is not None:
        referrals, low, high = {"value": float(referred)} | unit | _told(), float(referred), float(referred)
    else:
        low, high = per_start * low, per_start * high
    return care, referrals | _around(low, high)


def _around(low: float, high: float) -> dict[str, float]:
    """Return the ends of a range of referrals, in halves below 10; none for 0, which is exact."""

    def step(value: float) -> float:
        return 0.5 if value < 10 else 1.0

    low, high = low * RANGE_OF_REFERRALS[0], high * RANGE_OF_REFERRALS[1]
    return {"low": floor(low / step(low)) * step(low), "high": ceil(high / step(high)) * step(high)} if high else {}


def _answer(said: Any, otherwise: Any, why: str) -> dict[str, Any]:
    """Return what was answered as a figure, or else what is assumed, and why."""
    return {"value": otherwise} | _assumed(why) if said is None else {"value": said} | _told()


def _told() -> dict[str, Any]:
    return {"source": "given to edgeofcare new-borough", "quality": "judgement"}


def _assumed(why: str) -> dict[str, Any]:
    return {"source": f"assumed: {why}", "quality": "judgement"}


def _near_note(name: str, known: str) -> list[str]:
    """Return a comment where published figures were found under another name."""
    if not known or slug_of(name) == known:
        return []
    return [f"# assumed: {name.strip()!r} is {_published_name(known)}, whose published figures are used."]


def _price_note(known: str) -> list[str]:
    """Return comments with the published unit costs of an authority beside London's."""
    if not known:
        return []
    found = []
    for kind in ("residential", "fostering"):
        topic = reference_file("unit_costs")[kind]
        cell = topic["by_authority"][known][topic["years"].index(PRICE_YEAR)]
        london = reference_file("price_series")[kind]
        everyone = london["by_area"]["london"][london["years"].index(PRICE_YEAR)]
        found.append(f"{kind} {'not published' if isinstance(cell, dict) else f'{cell:,}'} (London {everyone:,})")
    return [
        f"# Published unit costs {PRICE_YEAR}, GBP a week: {', '.join(found)}.",
        "# One authority's unit costs rest on few children and are no prices; see scenarios/reference/unit_costs.toml.",
    ]


def _toml(value: Any) -> str:
    """Write a text, number, date or figure as TOML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


# ---- published figures -----------------------------------------------------------------------------------------


def _published_rows() -> dict[str, dict[str, float]]:
    """Return the published adolescent care starts by borough and column: low, central, high, ..."""
    topic = reference_file(CARE_STARTS[0])[CARE_STARTS[1]]
    rows = {slug: row for table in ROW_TABLES for slug, row in topic.get(table, {}).items()}
    return {slug: dict(zip(topic["columns"], row, strict=True)) for slug, row in rows.items()}


def _published_name(slug: str) -> str:
    return str(reference_file("authorities")["authority"]["by_authority"][slug][1])


def _hidden(slug: str) -> str:
    """Return in words that a borough's published counts are suppressed so far that they give no figure, or nothing."""
    row = _published_rows().get(slug)
    if row is None or row["high"] <= WIDEST_HIDDEN * row["low"]:
        return ""
    place = f"scenarios/reference/{CARE_STARTS[0]}.toml, table {CARE_STARTS[1]}"
    between = f"between {row['low']:g} and {row['high']:g} adolescents start in care there in a year"
    return f"the published counts are suppressed ({place}): {between}, which is no figure to plan with"


def _meant(slug: str, known: Iterable[str], cutoff: float = 1.0) -> list[str]:
    """Return the known slug that is meant, if any: the same, the only one that begins so, or one at least so near."""
    names = sorted(known)
    longer = [name for name in names if slug and name.startswith(f"{slug}_")]
    if slug in names:
        return [slug]
    return longer if len(longer) == 1 else get_close_matches(slug, names, n=1, cutoff=cutoff)
