"""Possible joiners: the files, what joining changes, and what it must not change."""

from __future__ import annotations

import importlib.util
import tomllib
from datetime import date, timedelta
from itertools import permutations
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeofcare.engine.plan import make_plan
from edgeofcare.errors import InputError, OptionError
from edgeofcare.inputs.boroughs import (
    Answers,
    Joiner,
    Joining,
    _meant,
    expected_referrals,
    expected_starts,
    load_joiner,
    new_borough,
    possible_joiners,
    slug_of,
    with_joiner,
    with_joiners,
)
from edgeofcare.inputs.load import canonical, load, scenario_folder, uncertain, with_values
from edgeofcare.inputs.published import reference_file
from edgeofcare.inputs.schema import Borough, Scenario

ROOT = Path(__file__).resolve().parents[1]
LONDON = load("pan_london")
TEN = load("pan_london_ten")
ESSEX = load("essex")
PLANNED = 394.0
TEAMS = ("as-is", "plus-mst", "plus-fft", "own")


def haringey() -> Joiner:
    return load_joiner("haringey", LONDON)


def joiner_of(slug: str, referrals_per_year: float = 20.0) -> Joiner:
    return Joiner(slug, Borough(name=slug.title(), referrals_per_year=referrals_per_year), {}, None, f"{slug}.toml")


def joiner_from(text: str, folder: Path, scenario: Scenario = LONDON) -> Joiner:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return load_joiner(path, scenario)


def fault_of(error: pytest.ExceptionInfo[InputError]) -> str:
    assert len(error.value.faults) == 1
    return str(error.value)


# ---- the files --------------------------------------------------------------------------------------------------


def load_script() -> ModuleType:
    # scripts/ is no package
    spec = importlib.util.spec_from_file_location("derive_boroughs", ROOT / "scripts" / "derive_boroughs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_files_are_what_the_script_writes() -> None:
    there = {path.name: path.read_text("utf-8") for path in (scenario_folder() / "boroughs").glob("*.toml")}
    assert there == load_script().files()


def test_there_is_a_file_for_each_other_london_borough_with_figures() -> None:
    codes = reference_file("authorities")["authority"]["by_authority"]
    london = {slug for slug, (code, _, _) in codes.items() if code.startswith("E09")}
    assert len(london) == 33
    assert set(possible_joiners()) == london - LONDON.boroughs.keys() - {"city_of_london"}


@pytest.mark.parametrize("slug", possible_joiners())
def test_a_joiner_refers_at_half_the_founders_rate_and_says_where_each_number_is_from(slug: str) -> None:
    joiner = load_joiner(slug, LONDON)
    row = reference_file("care_starts")["adolescent_excluding_uasc"]["by_authority"][slug]
    assert joiner.slug == slug
    assert joiner.expected_adolescent_starts_per_year == row[1] > 0
    assert joiner.borough.referrals_per_year == pytest.approx(0.292 * row[1], rel=1e-12)
    assert joiner.borough.join_date == date(2019, 4, 1)
    assert joiner.borough.entitlement is None
    named = {"referrals_per_year", "join_date", "price_multiplier"}
    assert joiner.origins.keys() == {f"boroughs.{slug}.{key}" for key in named}
    assert all(origin.source and origin.quality == "judgement" for origin in joiner.origins.values())
    assert "2025" in joiner.origins[f"boroughs.{slug}.referrals_per_year"].source
    assert f"boroughs.{slug}.referrals_per_year" in uncertain(with_joiner(LONDON, joiner, planned_starts=PLANNED))


@pytest.mark.parametrize("slug", ["richmond_upon_thames", "kingston_upon_thames", "hounslow", "haringey"])
def test_the_four_that_joined_have_the_figures_of_pan_london_ten(slug: str) -> None:
    joiner = load_joiner(slug, LONDON).borough
    assert joiner.referrals_per_year / 0.292 == pytest.approx(TEN.boroughs[slug].referrals_per_year / 0.246, rel=1e-12)
    assert joiner.name == TEN.boroughs[slug].name


def test_hidden_counts_widen_the_range() -> None:
    """Kensington and Chelsea: 21.26 to 34.01 starts, x 0.292 and x 0.6 or 1.5: 3.72 to 14.9, in halves or wholes."""
    joiner = load_joiner("kensington_and_chelsea", LONDON)
    origin = joiner.origins["boroughs.kensington_and_chelsea.referrals_per_year"]
    assert (origin.low, origin.high) == (3.5, 15.0)
    assert "suppressed" in (scenario_folder() / "boroughs" / "kensington_and_chelsea.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("richmond", "richmond_upon_thames"),
        ("Kingston", "kingston_upon_thames"),
        ("Royal Borough of Kensington & Chelsea", "kensington_and_chelsea"),
        ("London Borough of Hounslow", "hounslow"),
        ("waltham-forest", "waltham_forest"),
    ],
)
def test_a_plain_name_is_understood(name: str, slug: str) -> None:
    assert load_joiner(name, LONDON).slug == slug


def test_a_short_name_that_two_boroughs_share_is_not_guessed() -> None:
    assert _meant("kings", ["kings_lynn", "kings_norton"]) == []
    assert _meant("kings", ["kings_lynn", "kingston"]) == ["kings_lynn"]


# ---- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["city_of_london", "City of London", "city"])
def test_suppressed_counts_are_no_zero(name: str) -> None:
    with pytest.raises(InputError) as error:
        load_joiner(name, LONDON)
    said = fault_of(error)
    assert "suppressed" in said and "care_starts.toml, table adolescent_excluding_uasc" in said
    assert "between 2.33 and 15.42" in said and "edgeofcare new-borough city_of_london --referrals" in said


def test_a_borough_without_published_figures_is_told_apart() -> None:
    with pytest.raises(InputError) as error:
        load_joiner("Medway", LONDON)
    said = fault_of(error)
    assert "no figures of this borough" in said and "care_starts.toml" in said and "new-borough medway" in said
    with pytest.raises(InputError) as error:
        load_joiner("Harringey", LONDON)
    assert "Did you mean 'haringey'?" in fault_of(error)
    with pytest.raises(InputError) as error:
        load_joiner("essex", LONDON)
    assert "from its published figures" in fault_of(error)


@pytest.mark.parametrize(("name", "scenario"), [("sutton", LONDON), ("barking", LONDON), ("haringey", TEN)])
def test_a_borough_that_is_in_cannot_join(name: str, scenario: Scenario) -> None:
    with pytest.raises(InputError) as error:
        load_joiner(name, scenario)
    assert f"takes part in {scenario.name} already" in fault_of(error)


@given(teams=st.sampled_from(TEAMS), again=st.sampled_from(TEAMS), when=st.dates(date(2018, 2, 6), date(2021, 2, 5)))
@settings(max_examples=20, deadline=None)
def test_joining_twice_is_refused(teams: str, again: str, when: date) -> None:
    joined = with_joiner(LONDON, haringey(), when, teams, PLANNED)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="already"):
        with_joiner(joined, haringey(), when, again, PLANNED)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="already"):
        with_joiners(LONDON, [Joining(haringey()), Joining(haringey(), when)], PLANNED)


@pytest.mark.parametrize("when", [date(2018, 2, 5), date(2021, 2, 6), date(2030, 1, 1)])
def test_a_date_outside_the_window_is_refused(when: date) -> None:
    with pytest.raises(InputError) as error:
        with_joiner(LONDON, haringey(), when, planned_starts=PLANNED)
    said = fault_of(error)
    assert "boroughs.haringey.join_date" in said and "from 2018-02-06 to before 2021-02-06" in said
    assert when.isoformat() in said


@pytest.mark.parametrize("when", [date(2018, 2, 6), date(2021, 2, 5)])
def test_the_ends_of_the_window_are_inside(when: date) -> None:
    assert with_joiner(LONDON, haringey(), when, planned_starts=PLANNED).boroughs["haringey"].join_date == when


def test_the_files_date_outside_the_window_is_shown_with_the_file() -> None:
    with pytest.raises(InputError) as error:
        with_joiner(ESSEX, load_joiner("haringey", ESSEX), planned_starts=390)
    assert "haringey.toml" in fault_of(error) and "--when" in fault_of(error)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(OptionError, match="Did you mean 'plus-mst'"):
        with_joiner(LONDON, haringey(), teams="plus_mst", planned_starts=PLANNED)
    with pytest.raises(OptionError, match="Did you mean 'per_start'"):
        with_joiner(LONDON, haringey(), planned_starts=PLANNED, cap_on_join="per-start")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="needs planned_starts"):
        with_joiner(LONDON, haringey())
    with pytest.raises(OptionError, match="needs planned_starts"):
        with_joiner(LONDON, haringey(), planned_starts=0)
    with pytest.raises(OptionError, match=r"largest fft team; essex has none"):
        with_joiner(ESSEX, load_joiner("haringey", ESSEX), date(2014, 4, 1), "plus-fft", 390)


def test_faults_of_a_file_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = "[boroughs.medway]\nname = 'Medway'\nreferrals_per_year = -1.0\nreferals = 3\n"
    with pytest.raises(InputError) as error:
        joiner_from(text, tmp_path)
    assert [(fault.line, fault.path) for fault in error.value.faults] == [
        (3, "boroughs.medway.referrals_per_year"),
        (4, "boroughs.medway.referals"),
    ]
    with pytest.raises(InputError, match="must be at least 0"):
        joiner_from("[boroughs.a]\nname='A'\nreferrals_per_year = {value = 1.0, low = -1.0, high = 2.0}\n", tmp_path)
    with pytest.raises(InputError, match="hidden in the published tables"):
        pointer = "{reference = 'care_starts:aged_10_to_15.city_of_london.2018'}"
        joiner_from(f"[boroughs.a]\nname='A'\nreferrals_per_year = {pointer}\n", tmp_path)
    with pytest.raises(InputError, match="at most 1 values"):
        one = "name='A'\nreferrals_per_year=1.0\n"
        joiner_from(f"[boroughs.a]\n{one}[boroughs.b]\n{one}", tmp_path)
    with pytest.raises(InputError, match="there is no such file"):
        load_joiner(tmp_path / "none.toml", LONDON)
    with pytest.raises(InputError, match="is a folder"):
        load_joiner(tmp_path, LONDON)


# ---- teams ------------------------------------------------------------------------------------------------------


def test_as_is_joins_the_largest_teams() -> None:
    """B holds 4 x 4 families, A 3 x 4."""
    joined = with_joiner(LONDON, haringey(), planned_starts=PLANNED)
    assert joined.teams.keys() == LONDON.teams.keys()
    assert [name for name, team in joined.teams.items() if "haringey" in team.boroughs] == ["mst_b", "fft"]


def test_a_scenario_of_one_therapy_serves_its_joiner() -> None:
    joined = with_joiner(ESSEX, load_joiner("haringey", ESSEX), date(2014, 4, 1), "as-is", 390)
    serving = [name for name, team in joined.teams.items() if "haringey" in team.boroughs]
    assert len(serving) == 1 and joined.teams[serving[0]].therapy == "mst"


@pytest.mark.parametrize(("teams", "base"), [("plus-mst", "mst_b"), ("plus-fft", "fft")])
def test_plus_adds_a_copy_that_opens_on_the_day_and_shares_the_work(teams: str, base: str) -> None:
    when = date(2019, 9, 1)
    joined = with_joiner(LONDON, haringey(), when, teams, PLANNED)  # type: ignore[arg-type]
    new = f"{base}_for_haringey"
    assert joined.teams.keys() - LONDON.teams.keys() == {new}
    served = {*LONDON.teams[base].boroughs, "haringey"}
    assert set(joined.teams[new].boroughs) == set(joined.teams[base].boroughs) == served
    assert joined.teams[new] == joined.teams[base].model_copy(update={"opens": when})
    cost = joined.origins[f"teams.{new}.cost_gbp_per_year"]
    assert cost.source.startswith(f"As team {base}: ")
    assert (cost.low, cost.high) == (LONDON.origins[f"teams.{base}.cost_gbp_per_year"].low, cost.high)


def test_own_teams_serve_the_joiner_alone_and_leave_the_others_as_they_are() -> None:
    joined = with_joiner(LONDON, haringey(), None, "own", PLANNED)
    assert {name: joined.teams[name] for name in LONDON.teams} == LONDON.teams
    for base in ("mst_b", "fft"):
        expected = {"boroughs": ("haringey",), "opens": date(2019, 4, 1)}
        assert joined.teams[f"{base}_for_haringey"] == LONDON.teams[base].model_copy(update=expected)


def test_a_later_joiner_shares_the_copies_too() -> None:
    first = with_joiner(LONDON, haringey(), None, "plus-mst", cap_on_join="fixed")
    both = with_joiner(first, load_joiner("hounslow", first), cap_on_join="fixed")
    assert [name for name, team in both.teams.items() if "hounslow" in team.boroughs] == [
        "mst_b",
        "fft",
        "mst_b_for_haringey",
    ]


# ---- the cap ----------------------------------------------------------------------------------------------------


@given(slug=st.sampled_from([*LONDON.boroughs]), days=st.integers(0, 1095), ramp=st.sampled_from([0.0, 3.5, 6.0, 12.0]))
@settings(max_examples=15, deadline=None)
def test_expected_referrals_are_those_of_the_plan(slug: str, days: int, ramp: float) -> None:
    season = [0.5, 1.5] * 6
    day = LONDON.clock.day_0 + timedelta(days=days)
    values = {"referrals.ramp_months": ramp, "referrals.seasonality": season, f"boroughs.{slug}.join_date": day}
    scenario = with_values(LONDON, values)
    plan = make_plan(scenario, 1000.0, 1.0)
    expected = plan.cumulative_referrals[plan.borough_slugs.index(slug), -1]
    assert expected_referrals(scenario, scenario.boroughs[slug]) == pytest.approx(expected, rel=1e-9)


def test_the_cap_grows_by_the_cap_per_start() -> None:
    """By hand: twelve equal months, no ramp; six boroughs of 100 a year for 3 years, the joiner of 50 for one."""
    values = {"referrals.ramp_months": 0.0, "clock.referrals_until": date(2021, 2, 6)}
    values |= {f"boroughs.{slug}.referrals_per_year": 100.0 for slug in LONDON.boroughs}
    values |= {"boroughs.barking_and_dagenham.join_date": None, "contract.cap_gbp": 6_000_000.0}
    scenario = with_values(LONDON, values)
    joiner = joiner_of("haringey", 50.0)
    joined = with_joiner(scenario, joiner, date(2020, 2, 6), planned_starts=600)
    days_all, days_joiner = 1096, 366  # 2020 is a leap year
    starts = 600 * 50 * days_joiner / (6 * 100 * days_all)
    assert expected_starts(scenario, joined.boroughs["haringey"], 600) == pytest.approx(starts)
    assert joined.contract.cap_gbp == 6_000_000 + round(10_000 * starts)
    assert "10,000 a start; Haringey brings GBP 166,971" in joined.origins["contract.cap_gbp"].source
    fixed = with_joiner(scenario, joiner, date(2020, 2, 6), cap_on_join="fixed")
    assert fixed.contract == scenario.contract
    limited = scenario.boroughs["sutton"].model_copy(update={"entitlement": 7})
    assert expected_starts(scenario, limited, 600) == 7


def test_a_contract_without_a_cap_gets_none() -> None:
    scenario = with_values(LONDON, {"contract.cap_gbp": None})
    assert with_joiner(scenario, haringey()).contract.cap_gbp is None


# ---- what joining must not change -------------------------------------------------------------------------------


@given(
    referrals=st.one_of(st.just(0.0), st.floats(0, 500)),
    teams=st.sampled_from(TEAMS),
    when=st.dates(date(2018, 2, 6), date(2021, 2, 5)),
)
@settings(max_examples=40, deadline=None)
def test_a_joiner_changes_no_other_boroughs_inputs(referrals: float, teams: str, when: date) -> None:
    joined = with_joiner(LONDON, joiner_of("haringey", referrals), when, teams, PLANNED)  # type: ignore[arg-type]
    assert {slug: joined.boroughs[slug] for slug in LONDON.boroughs} == LONDON.boroughs
    for name, team in LONDON.teams.items():
        assert set(joined.teams[name].boroughs) - {"haringey"} == set(team.boroughs)
        assert joined.teams[name].model_copy(update={"boroughs": ()}) == team.model_copy(update={"boroughs": ()})
    apart = {"boroughs", "teams", "origins", "contract"}
    assert joined.model_dump(exclude=apart) == LONDON.model_dump(exclude=apart)
    assert {path: joined.origins[path] for path in LONDON.origins if path != "contract.cap_gbp"} == {
        path: origin for path, origin in LONDON.origins.items() if path != "contract.cap_gbp"
    }
    assert (joined.contract == LONDON.contract) or referrals > 0
    was, now = LONDON.contract.cap_gbp, joined.contract.cap_gbp
    assert was is not None and now is not None and now >= was


@given(
    joinings=st.lists(
        st.tuples(
            st.sampled_from(["aa", "haringey", "hounslow", "zz"]),
            st.sampled_from(TEAMS),
            st.dates(date(2018, 2, 6), date(2021, 2, 5)),
            st.floats(0, 100),
        ),
        min_size=2,
        max_size=3,
        unique_by=lambda one: one[0],
    )
)
@settings(max_examples=25, deadline=None)
def test_the_order_of_joiners_does_not_matter(joinings: list[tuple[str, str, date, float]]) -> None:
    wanted = [Joining(joiner_of(slug, rate), when, teams) for slug, teams, when, rate in joinings]  # type: ignore[arg-type]
    at_once = [with_joiners(LONDON, order, PLANNED) for order in permutations(wanted)]
    assert len({(canonical(one), *one.boroughs, *one.teams) for one in at_once}) == 1, "nor the order of axes"
    one_by_one = set()
    for order in permutations(wanted):
        joined = LONDON
        for one in order:
            joined = with_joiner(joined, one.joiner, one.when, one.teams, cap_on_join="fixed")
        one_by_one.add(canonical(joined))
    assert one_by_one == {canonical(with_joiners(LONDON, wanted, cap_on_join="fixed"))}


# ---- a user's own -----------------------------------------------------------------------------------------------


def test_all_that_a_commissioner_knows(tmp_path: Path) -> None:
    said = Answers(80.0, 30.0, date(2019, 1, 1), 0.9)
    text = new_borough("Medway", said)
    joiner = joiner_from(text, tmp_path)
    assert joiner.slug == "medway"
    assert joiner.borough == Borough(
        name="Medway", referrals_per_year=30.0, join_date=date(2019, 1, 1), price_multiplier=0.9
    )
    assert joiner.expected_adolescent_starts_per_year == 80
    assert all(origin.source == "given to edgeofcare new-borough" for origin in joiner.origins.values())
    assert with_joiner(LONDON, joiner, planned_starts=PLANNED).boroughs["medway"] == joiner.borough


def test_what_is_assumed_says_so(tmp_path: Path) -> None:
    joiner = joiner_from(new_borough("Medway", Answers(adolescent_care_starts_per_year=100)), tmp_path)
    assert joiner.borough.referrals_per_year == 29.2
    for key in ("referrals_per_year", "join_date", "price_multiplier"):
        assert joiner.origins[f"boroughs.medway.{key}"].source.startswith("assumed: ")
    text = new_borough("Medway", Answers(referrals_per_year=29.2))
    assert tomllib.loads(text)["adolescent_care_starts_per_year"]["source"].startswith("assumed: ")
    assert joiner_from(text, tmp_path).expected_adolescent_starts_per_year == 100


def test_published_figures_fill_what_is_not_said(tmp_path: Path) -> None:
    shipped = load_joiner("haringey", LONDON)
    for name in ("Haringey", "haringey", "Harringey", "London Borough of Haringey"):
        own = joiner_from(new_borough(name), tmp_path)
        assert (own.slug, own.borough, own.origins) == (shipped.slug, shipped.borough, shipped.origins)
    assert "# assumed: 'Harringey' is Haringey" in new_borough("Harringey")
    assert "# assumed" not in new_borough("Haringey")
    assert "residential 8,375 (London 3,625)" in new_borough("Haringey")
    own = joiner_from(new_borough("Haringey", Answers(referrals_per_year=12)), tmp_path)
    assert own.borough.referrals_per_year == 12 and own.expected_adolescent_starts_per_year == 81.08


def test_the_city_needs_its_own_figures(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"suppressed .* Give --referrals or --care-starts"):
        new_borough("City of London")
    with pytest.raises(OptionError, match=r"no figures of this borough .* Give --referrals or --care-starts"):
        new_borough("Medway")
    joiner = joiner_from(new_borough("City of London", Answers(referrals_per_year=3)), tmp_path)
    assert joiner.borough.referrals_per_year == 3
    assert "residential not published" in new_borough("City of London", Answers(referrals_per_year=3))


@pytest.mark.parametrize("name", ["", "  ", "123", "a" * 61, "Med\nway", "\x7fMedway"])
def test_names_that_give_no_key_are_refused(name: str) -> None:
    with pytest.raises(OptionError, match="is no name for a borough"):
        new_borough(name, Answers(referrals_per_year=3))


@pytest.mark.parametrize(
    "said",
    [
        Answers(-1),
        Answers(float("nan")),
        Answers(1, float("inf")),
        Answers(1, price_multiplier=0),
        Answers(1, join_date=date(1900, 1, 1)),
    ],
)
def test_answers_out_of_range_are_refused(said: Answers) -> None:
    with pytest.raises(OptionError, match="must"):
        new_borough("Medway", said)


def test_names_become_keys() -> None:
    assert slug_of("  St. Helens ") == "st_helens"
    assert slug_of("King's Lynn & Wést Norfolk") == "kings_lynn_and_west_norfolk"
    assert slug_of("Royal Borough of Greenwich") == "greenwich"


@given(
    name=st.text("abXY é'\"\\.#&\n-", min_size=1, max_size=30),
    starts=st.none() | st.floats(0, 100_000),
    referrals=st.floats(0, 100_000),
    when=st.none() | st.dates(date(2018, 2, 6), date(2021, 2, 5)),
    price=st.none() | st.floats(1e-6, 1000),
)
@settings(max_examples=80, deadline=None)
def test_every_answer_that_is_taken_makes_a_file_that_can_be_read(
    name: str, starts: float | None, referrals: float, when: date | None, price: float | None
) -> None:
    try:
        text = new_borough(name, Answers(starts, referrals, when, price))
    except OptionError:
        return
    tree = tomllib.loads(text)
    [(slug, table)] = tree["boroughs"].items()
    figure = table["referrals_per_year"]
    assert figure["value"] == referrals
    assert figure.get("low", 0.0) <= referrals <= figure.get("high", referrals)
    assert slug == slug_of(slug)
    assert table["join_date"]["value"] == (when or date(2019, 4, 1))
