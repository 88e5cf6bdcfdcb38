"""The loader: every bad input named in words a council analyst understands, with file, line, key and next step."""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from edgeofcare.errors import InputError
from edgeofcare.inputs.load import (
    canonical,
    load,
    scenario_folder,
    scenario_hash,
    shipped,
    uncertain,
    value_at,
    with_values,
)
from edgeofcare.inputs.schema import Scenario
from edgeofcare.inputs.sourced import References


def write(folder: Path, text: str, name: str = "mine.toml", base: str = "pan_london") -> Path:
    """Write a scenario that extends a shipped one; its own text begins on line 2."""
    path = folder / name
    path.write_text(f'extends = "{base}"\n{text}', encoding="utf-8")
    return path


def faults_of(path: Path | str) -> str:
    with pytest.raises(InputError) as raised:
        load(path)
    return str(raised.value)


@pytest.fixture(scope="module")
def pan_london() -> Scenario:
    return load("pan_london")


# --- what a number may not be -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[effect]\nusual = "0.5"',
            r"mine\.toml:3: effect\.usual: must be a number.*got the text '0\.5'",
        ),
        ("[effect]\nusual = true", r":3: effect\.usual: must be a number.*\(got true\)"),
        ("[effect]\nusual = nan", r":3: effect\.usual: must be a finite number \(got nan\)"),
        ("[child]\nneeds_log_hazard = inf", r":3: child\.needs_log_hazard: must be a finite number \(got inf\)"),
        ("[child]\nfrailty_variance = -0.1", r":3: child\.frailty_variance: must be at least 0 \(got -0\.1\)"),
        ("[effect]\nusual = 1.65", r":3: effect\.usual: must be at most 1 \(got 1\.65\)"),
        ("[costs]\nset_up_gbp = 1e300", r":3: costs\.set_up_gbp: must be at most 1e\+10 \(got 1e\+300\)"),
        ("[costs]\nset_up_gbp = 1e999", r":3: costs\.set_up_gbp: must be a finite number \(got inf\)"),
        (f"[costs]\nset_up_gbp = {'9' * 400}", r":3: costs\.set_up_gbp: .*\(got a number of more than 60 digits\)"),
        ("[teams.fft]\nn_therapists = 0", r":3: teams\.fft\.n_therapists: must be at least 1 \(got 0\)"),
        ("[teams.fft]\nn_therapists = 2.5", r":3: teams\.fft\.n_therapists: must be a whole number"),
        ("[teams.fft]\nn_therapists = true", r":3: teams\.fft\.n_therapists: must be a whole number.*got true"),
        (f"[teams.fft]\nn_therapists = {'9' * 30}", r":3: teams\.fft\.n_therapists: is too large a number"),
        ("[referrals]\npriority_by_needs = 1", r":3: referrals\.priority_by_needs: must be true or false \(got 1\)"),
        (
            "[child]\nage_weights = [1, 1]",
            r":3: child\.age_weights: weights must be .* sum to 1 or to 100 \(99 to 101\); .* sum to 2",
        ),
        ("[child]\nage_weights = [50, 50]", r":3: child\.age_weights: must hold at least 8 values; it holds 2"),
        ('[child]\nage_weights = "even"', r":3: child\.age_weights: must be a list"),
        ("[effect]\nlog_ratio_share_by_year = []", r":3: effect\.log_ratio_share_by_year: must hold at least 1 values"),
        (
            "[effect]\nusual = {low = 0.1, high = 0.9, source = 3}",
            r":3: effect\.usual\.source: must be text",
        ),
        (
            "[costs]\nset_up_gbp = {amount = 3}",
            r":3: costs\.set_up_gbp: must be a number.*needs `value` or `reference`",
        ),
    ],
)
def test_numbers_are_refused_with_line_key_rule_and_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(write(tmp_path, text))


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_misspelt_key_gets_the_nearest_and_the_known_keys(tmp_path: Path) -> None:
    message = faults_of(write(tmp_path, "[child]\nfrailty_varience = 0.3"))
    assert "mine.toml:3: child.frailty_varience: unknown key (got 0.3)." in message
    assert "Did you mean 'frailty_variance'? Known keys: age_weights, frailty_variance," in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sentiment = 3", r":2: sentiment: unknown key .*Known keys: boroughs, capital"),
        ("[chilld]\nfrailty_variance = 0.5", r":2: chilld: unknown key \(got a table\)\. Did you mean 'child'\?"),
        ("[prices.index.other]\ngrowth_per_yr = 0.1", r":3: prices\.index\.other\.growth_per_yr: .*'growth_per_year'"),
        ("[boroughs.sutton]\nentitlment = 4", r":3: boroughs\.sutton\.entitlment: .*Did you mean 'entitlement'"),
        (
            "[effect]\nusual = {value = 0.5, sourse = 'x'}",
            r":3: effect\.usual\.sourse: .*mean 'source'\?",
        ),
        (
            '[tracking]\ncovers = "starter"',
            r":3: tracking\.covers: must be one of 'starters' or 'completers'.*'starters'\?",
        ),
        (
            '[[contract.terms]]\npays = "per_strat"\nprice_gbp = 1.0',
            r":2: contract\.terms\.0: must be one of .*'per_start'\?",
        ),
        ("[[contract.terms]]\nprice_gbp = 1.0", r":2: contract\.terms\.0: needs `pays`"),
        ('[[contract.terms]]\npays = "per_start"', r":2: contract\.terms\.0\.price_gbp: is missing\. GBP for each\."),
        (
            '[[contract.terms]]\npays = "per_start"\nprice_gbp = 1.0\nnetting = "group"',
            r":5: contract\.terms\.0\.netting: unknown key .* Known keys: needs_data, pays, price_gbp\.",
        ),
        ("[boroughs.Big-Borough]\nname = 'x'", r":2: boroughs\.Big-Borough: names must begin with a small letter"),
        ('[prices]\nbase_year = "2017"', r':3: prices\.base_year: must be a financial year such as "2018-19"'),
        ("[clock]\nday_0 = '2018-02-06'", r":3: clock\.day_0: must be a date such as 2018-02-06"),
        ("[clock]\nday_0 = 1066-10-14", r":3: clock\.day_0: must be at least 1990-01-01 \(got 1066-10-14\)"),
        ("title = 3", r":2: title: must be text in quotation marks \(got 3\)"),
        ("child = 3", r":2: child: must be a table \(got 3\)"),
        ("[origins]\n'a.b' = {source = 'x'}", r":2: origins: unknown key.*Write a number as a table"),
        ("correlations = [{between = ['effect.usual', 'effect.terapy'], correlation = 0.5}]", r"'effect\.therapy'\?"),
    ],
)
def test_keys_and_names_are_refused_with_the_next_step(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(write(tmp_path, text))


def test_a_missing_key_is_told_with_its_meaning_and_the_line_of_its_table(tmp_path: Path) -> None:
    shipped_text = (scenario_folder() / "pan_london.toml").read_text(encoding="utf-8")
    text = re.sub(r"\nfrailty_variance = .*", "", shipped_text)
    (tmp_path / "cut.toml").write_text(text, encoding="utf-8")
    line = text[: text.index("\n[child]\n")].count("\n") + 2
    expected = f"cut.toml:{line}: child.frailty_variance: is missing. Variance of the gamma frailty"
    assert expected in faults_of(tmp_path / "cut.toml")


def test_an_empty_file_lacks_every_part(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("")
    message = faults_of(tmp_path / "empty.toml")
    assert "empty.toml has 14 faults" in message
    assert "empty.toml: clock: is missing. Dates." in message


def test_every_fault_is_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = "[child]\nfrailty_varience = 0.3\nneeds_log_hazard = 9.0\n"
    text += "[teams.fft]\nn_therapists = 0\n[clock]\nperiod = 'week'"
    message = faults_of(write(tmp_path, text))
    assert "mine.toml has 4 faults" in message
    assert re.findall(r"mine\.toml:(\d+)", message) == ["3", "4", "6", "8"]


def test_faults_that_an_unknown_key_would_hide_are_told_too(tmp_path: Path) -> None:
    message = faults_of(write(tmp_path, "[child]\nfoo = 1\n[boroughs.brent]\nname = 'Brent'\nreferrals_per_year = 5.0"))
    assert "child.foo: unknown key" in message
    assert "mine.toml:4: boroughs.brent: borough brent is served by no team; add it to a team's boroughs" in message


def test_a_fault_names_the_file_in_which_the_key_stands(tmp_path: Path) -> None:
    write(tmp_path, "[effect]\nusual = 2.0", "base.toml")
    message = faults_of(write(tmp_path, "[child]\nneeds_log_hazard = 9.0", "top.toml", base="base.toml"))
    assert "base.toml:3: effect.usual: must be at most 1 (got 2.0)" in message
    assert "top.toml:3: child.needs_log_hazard: must be at most 5 (got 9.0)" in message


@pytest.mark.parametrize("numbers", ["3.0", "[0.2, 1.5]"])
def test_a_number_or_list_gets_one_complaint(tmp_path: Path, numbers: str) -> None:
    text = f"[[contract.terms]]\npays = 'per_care_day_saved'\nprice_gbp = 7.0\nbaseline_share = {numbers}"
    message = faults_of(write(tmp_path, text))
    assert message.count("baseline_share") == 1
    assert "mine.toml:5: contract.terms.0.baseline_share" in message and "must be at most 1" in message


# --- rules about more than one key ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[clock]\nreferrals_until = 2030-01-01",
            r":3: clock\.referrals_until: dates must .*they are 2018-02-06, 2030-01-01, .*clock\.delivery_end is "
            r"2021-08-05, inherited from pan_london\.toml, line \d+\.",
        ),
        (
            "[boroughs.sutton]\njoin_date = 2030-01-01",
            r":3: boroughs\.sutton\.join_date: .*join_date .*must lie .*before referrals_until \(2021-02-06\)",
        ),
        ("[teams.mst_a]\nboroughs = ['sutton']", r": boroughs\.merton: borough merton is served by no team"),
        (
            "[teams.mst_a]\nboroughs = ['suton', 'merton']",
            r":3: teams\.mst_a\.boroughs: team mst_a serves suton, which is not under",
        ),
        ("[teams.fft]\nboroughs = []", r":3: teams\.fft\.boroughs: must hold at least 1 values"),
        (
            "[effect]\ntherapy = 0.6\nhazard_ratio = 0.5",
            r": effect: give exactly one of therapy .* found therapy, hazard_ratio",
        ),
        (
            "[effect]\nodds_ratio = 1.2\nrisk_ratio = 1.1",
            r": effect: give exactly one of .* found odds_ratio, risk_ratio",
        ),
        ("[effect]\nusual = 0.4\nentry_scale_days = 200.0", r": effect: give either usual \(a target\) or entry_scale"),
        (
            "[effect]\nmeasure = 'never_in_care_by_day'\nusual = 0.3\ntherapy = 0.6",
            r":3: effect\.measure: measure never_in_care_by_day needs day",
        ),
        (
            "[prices.cashable_share]\nfoster_in_house = 0.9",
            r":3: prices\.cashable_share\.foster_in_house: .*exceed .*marginal_share\.foster_in_house is 0\.5, inh",
        ),
        ("[therapies.mst]\nmin_days = 300", r":3: therapies\.mst\.min_days: min_days must not exceed max_days"),
    ],
)
def test_rules_between_keys(tmp_path: Path, text: str, message: str) -> None:
    if "mst_a]\nboroughs = ['sutton']" in text:
        text += "\n[teams.fft]\nboroughs = ['sutton', 'bexley', 'newham', 'tower_hamlets', 'barking_and_dagenham']"
    with pytest.raises(InputError, match=message):
        load(write(tmp_path, text))


# --- origins ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        (
            "{value = 0.5, low = 0.6, high = 0.9}",
            r":3: effect\.usual: low <= value <= high must hold: low 0\.6",
        ),
        ("{value = 0.5, low = 0.4}", r":3: effect\.usual: a range needs both low and high"),
        ("{value = 0.5, low = 0.4, high = 1.5}", r":3: effect\.usual\.high: must be at most 1 \(got 1\.5\)"),
        (
            "{value = 0.5, low = 0.2, high = 0.9, distribution = 'normal'}",
            r":3: effect\.usual\.high: a normal with these percentiles reaches 1\.65\d*, which must be at most 1",
        ),
        (
            "{value = 0.5, low = 0.2, high = 0.9, distribution = 'lognormal'}",
            r":3: effect\.usual\.high: a lognormal .* reaches .* Triangular and uniform end at low and high",
        ),
        ("{value = 0.5, low = 0.0, high = 0.9, distribution = 'lognormal'}", r":3: .*a lognormal needs low above 0"),
        ("{value = 0.5, low = 0.0, high = 0.9, distribution = 'beta'}", r":3: .*a beta needs low above 0 and high bel"),
        ("{value = 0.02, low = 0.01, high = 0.99, distribution = 'beta'}", r":3: .*too far apart for a beta"),
        ("{value = 0.5, low = nan, high = 0.9}", r":3: effect\.usual\.low: must be a finite number"),
        (
            "{value = 0.5, low = '0.4', high = 0.9}",
            r":3: effect\.usual\.low: must be a number.*the text '0\.4'",
        ),
        ("{value = 0.5, quality = 'data'}", r":3: effect\.usual: a figure of quality 'data' needs a source"),
        (
            "{value = 0.5, quality = 'research', source = ' '}",
            r":3: effect\.usual: .*'research' needs a source",
        ),
        (
            "{value = 0.5, quality = 'date', source = 'x'}",
            r":3: effect\.usual\.quality: .*Did you mean 'data'\?",
        ),
        ("{value = true}", r":3: effect\.usual: must be a number.*\(got true\)"),
    ],
)
def test_origins_are_checked(tmp_path: Path, figure: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(write(tmp_path, f"[effect]\nusual = {figure}"))


def test_only_a_single_number_can_have_a_range(tmp_path: Path) -> None:
    weights = "age_weights = {value = [0, 0, 0, 0, 0, 0, 0, 1], low = 0.0, high = 1.0}"
    with pytest.raises(InputError, match=r":3: child\.age_weights: only a single number can have a range"):
        load(write(tmp_path, f"[child]\n{weights}"))


def test_a_figure_keeps_its_origin(pan_london: Scenario) -> None:
    origin = pan_london.origins["child.frailty_variance"]
    assert (pan_london.child.frailty_variance, origin.low, origin.high, origin.quality) == (0.25, 0.0, 1.0, "judgement")


# --- keys that exclude one another, and correlations ------------------------------------------------------------------


def test_a_rival_key_replaces_that_of_the_base_with_its_origin_and_correlation(tmp_path: Path) -> None:
    scenario = load(write(tmp_path, "[effect]\nodds_ratio = {value = 1.2, low = 1.0, high = 1.5}"))
    assert (scenario.effect.therapy, scenario.effect.odds_ratio) == (None, 1.2)
    assert "effect.therapy" not in scenario.origins and "effect.odds_ratio" in uncertain(scenario)
    assert not any("effect.therapy" in pair.between for pair in scenario.correlations)
    assert len(scenario.correlations) == 3
    write(tmp_path, "[effect]\nhazard_ratio = 0.5", "lower.toml")
    top = load(write(tmp_path, "[effect]\ntherapy = 0.6", "top.toml", base="lower.toml"))
    assert (top.effect.therapy, top.effect.hazard_ratio) == (0.6, None)
    assert "effect.hazard_ratio" not in top.origins


def test_evidence_in_one_word_keeps_the_targets_for_runs_without_it(tmp_path: Path, pan_london: Scenario) -> None:
    scenario = load(write(tmp_path, 'effect = "evidence"'))
    assert scenario.effect == pan_london.effect.model_copy(update={"prior": "evidence"})
    assert scenario.evidence == pan_london.evidence
    message = faults_of(write(tmp_path, 'effect = "evidense"'))
    assert "mine.toml:2: effect.prior: must be one of 'targets' or 'evidence'" in message


def pairs(*pairs: str) -> str:
    return "correlations = [" + ", ".join(f"{{between = [{pair}, correlation = 0.9}}" for pair in pairs) + "]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (pairs("'effect.usual', 'effect.wait_days']"), r":2: correlations\.0\.between: effect\.wait_days has no range"),
        (pairs("'effect.usual', 'title']"), r":2: correlations\.0\.between: title has no range"),
        (pairs("'effect.usual', 'effect.usual']"), r":2: correlations\.0\.between: names one key twice"),
        (
            pairs("'effect.usual', 'effect.therapy']", "'effect.therapy', 'effect.usual']"),
            r":2: correlations\.1\.between: stands twice",
        ),
        (
            pairs("'effect.usual', 'effect.therapy']", "'effect.usual', 'child.frailty_variance']"),
            r":2: correlations: the correlations contradict .* not positive definite\. The nearest set that does not: "
            r"child\.frailty_variance with effect\.therapy 0\.\d+; .*effect\.therapy with effect\.usual 0\.\d+",
        ),
        (
            "[effect]\nhazard_ratio = 0.5\n[[correlations]]\nbetween = ['effect.usual', 'effect.therapy']\n"
            "correlation = 0.5",
            r":5: correlations\.0\.between: effect\.therapy has no range",
        ),
        (
            "[[correlations]]\nbetween = ['effect.usual', 'effect.therapy']\ncorrelation = 1.0",
            r":4: correlations\.0\.correlation: must be less than 1",
        ),
    ],
)
def test_correlations_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(write(tmp_path, text))


def test_a_number_fixed_outside_its_range_takes_its_correlations_along(tmp_path: Path) -> None:
    scenario = load(write(tmp_path, "[boroughs.newham]\nreferrals_per_year = 900.0"))
    assert len(scenario.correlations) == 3
    assert not any("newham" in path for pair in scenario.correlations for path in pair.between)
    text = "[[correlations]]\nbetween = ['child.three_or_more_needs_prob', 'effect.usual']\ncorrelation = 0.1"
    write(tmp_path, text, "wrong.toml")
    assert "has no range" in faults_of(write(tmp_path, "title = 'x'", "above.toml", base="wrong.toml"))


# --- pointers to published figures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pointer", "message"),
    [
        (
            "'care_strats:uasc.sutton.2022'",
            r":3: .*there is no reference file 'care_strats'.*Did you mean 'care_starts'",
        ),
        ("'care_starts:uasc.suton.2022'", r":3: .*the reference has no 'suton'.*Did you mean 'sutton'"),
        ("'care_starts:uasc.sutton.1999'", r":3: .*the reference has no '1999'"),
        ("'care_starts:uasc'", r":3: .*leads to a table, not to a figure"),
        ("'care_starts'", r":3: .*reference must be text such as"),
        ("7", r":3: .*reference must be text such as"),
        (
            "'care_starts:uasc.city_of_london.2022'",
            r":3: .*hidden in the published tables: it lies between \d+ and \d+",
        ),
        ("'care_starts:uasc.sutton.2022', value = 3.0", r":3: .*give value or reference, not both"),
        ("'care_starts:uasc.sutton.2022', times = '2'", r":3: .*times must be a number"),
        (
            "'care_starts:uasc.sutton.2022', tines = 2.0",
            r":3: boroughs\.sutton\.referrals_per_year\.tines: .*'times'\?",
        ),
    ],
)
def test_pointers_that_lead_nowhere(tmp_path: Path, pointer: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(write(tmp_path, f"[boroughs.sutton]\nreferrals_per_year = {{reference = {pointer}}}"))


def test_a_pointer_inherits_source_date_and_quality(pan_london: Scenario) -> None:
    origin = pan_london.origins["prices.gbp_per_week.residential"]
    assert pan_london.prices.gbp_per_week.residential == 3625
    assert (origin.date, origin.quality) == ("2017-18", "data")
    assert origin.source.startswith("Department for Education, Local Authority Interactive Tool")


def test_a_scaled_pointer_is_a_judgement_and_says_the_factor(pan_london: Scenario) -> None:
    origin = pan_london.origins["boroughs.sutton.referrals_per_year"]
    assert pan_london.boroughs["sutton"].referrals_per_year == pytest.approx(37.8 * 0.584, abs=0.05)
    assert origin.quality == "judgement" and origin.source.endswith("times 0.584")


def test_a_pointer_to_a_row_gives_a_table_by_year(pan_london: Scenario) -> None:
    levels = pan_london.prices.index["residential"].level_by_year
    assert (levels["2017-18"], levels["2024-25"]) == (3625, 8085)
    assert pan_london.origins["prices.index.residential.level_by_year"].date == "2016-17 to 2024-25"


def test_a_value_may_stand_for_a_hidden_figure_and_takes_its_interval(tmp_path: Path) -> None:
    pointer = "{reference = 'care_starts:uasc.city_of_london.2022', value = 3.0, source = 'middle'}"
    scenario = load(write(tmp_path, f"[boroughs.sutton]\nreferrals_per_year = {pointer}"))
    origin = scenario.origins["boroughs.sutton.referrals_per_year"]
    assert scenario.boroughs["sutton"].referrals_per_year == 3 and origin.low == 1
    assert origin.source.startswith("Department for Education") and origin.source.endswith(": middle")


def test_a_reference_folder_beside_the_scenario_is_used_and_needs_sources(tmp_path: Path) -> None:
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "own.toml").write_text(
        "[prices]\nhome = {value = 9.5, source = 'Our ledger', year = 2024}\nhotel = {value = 8.0}\n"
        "[part]\nyears = [2023]\nsources = {a = [2023]}\n[part.by_area]\nhere = [{low = 1, high = 2}]\n"
        "[source.a]\ntitle = 'Our other ledger'\n"
    )
    figure = References([tmp_path / "reference"]).look_up("own:prices.home")
    assert (figure.value, figure.origin["source"], figure.origin["date"]) == (9.5, "Our ledger", "2024")
    with pytest.raises(LookupError, match="has no source"):
        References([tmp_path / "reference"]).look_up("own:prices.hotel")
    with pytest.raises(LookupError, match="not a number: 2023"):
        References([tmp_path / "reference"]).look_up("own:part.here")
    scenario = load(write(tmp_path, "[costs]\nset_up_gbp = {reference = 'own:prices.home', times = 2}"))
    assert scenario.costs.set_up_gbp == 19.0


# --- extends ----------------------------------------------------------------------------------------------------------


def test_tables_merge_and_lists_and_numbers_replace(tmp_path: Path, pan_london: Scenario) -> None:
    scenario = load(
        write(tmp_path, "[teams.fft]\nn_therapists = 6\n[[contract.terms]]\npays='per_start'\nprice_gbp=5.0")
    )
    assert scenario.teams["fft"].n_therapists == 6
    assert scenario.teams["fft"].boroughs == pan_london.teams["fft"].boroughs
    assert [term.pays for term in scenario.contract.terms] == ["per_start"]
    assert "contract.terms.1.price_gbp" not in scenario.origins


@pytest.mark.parametrize(("value", "low"), [(0.5, 0.0), (3.0, None)])
def test_a_plain_number_over_a_figure_keeps_the_range_if_it_lies_inside(
    tmp_path: Path, value: float, low: float | None
) -> None:
    origin = load(write(tmp_path, f"[child]\nfrailty_variance = {value}")).origins["child.frailty_variance"]
    assert (origin.low, origin.source, origin.quality) == (low, "set in mine.toml", "judgement")


def test_a_table_without_value_changes_only_what_it_names(tmp_path: Path) -> None:
    scenario = load(write(tmp_path, "[child]\nfrailty_variance = {low = 0.1, high = 0.6}"))
    origin = scenario.origins["child.frailty_variance"]
    assert scenario.child.frailty_variance == 0.25
    assert (origin.low, origin.high) == (0.1, 0.6) and origin.source.startswith("At 1, families")


def test_chains_work_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path, "title = 'A'\ndescription = 'a'", "a.toml")
    top = write(tmp_path / "sub", "title = 'B'", "b.toml", base="../a.toml")
    assert (load(top).title, load(top).description) == ("B", "a")


def test_a_circle_of_extends_is_refused_with_the_chain(tmp_path: Path) -> None:
    write(tmp_path, "", "a.toml", base="b.toml")
    write(tmp_path, "", "b.toml", base="c.toml")
    write(tmp_path, "", "c.toml", base="a.toml")
    with pytest.raises(InputError, match=r"c\.toml:1: extends: .*circle: a\.toml -> b\.toml -> c\.toml -> a\.toml"):
        load(tmp_path / "a.toml")
    write(tmp_path, "", "self.toml", base="self.toml")
    with pytest.raises(InputError, match=r"circle: self\.toml -> self\.toml"):
        load(tmp_path / "self.toml")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("extends = 'pan_londn'", r"x\.toml:1: extends: there is no such file .*Did you mean 'pan_london'\?"),
        ("extends = ['pan_london']", r"x\.toml:1: extends: must be the name of one scenario or file"),
    ],
)
def test_a_base_that_does_not_exist(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "x.toml").write_text(line)
    with pytest.raises(InputError, match=message):
        load(tmp_path / "x.toml")


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    text = 'extends = "pan_london"\r\ntitle = "Windows"\r\n[effect]\r\nusual = 0.4\r\n'
    (tmp_path / "win.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load(tmp_path / "win.toml").effect.usual == 0.4
    (tmp_path / "win.toml").write_bytes(b"\xef\xbb\xbf" + text.replace("0.4", "4.0").encode())
    with pytest.raises(InputError, match=r"win\.toml:4: effect\.usual"):
        load(tmp_path / "win.toml")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"title = 'a'\n\x89PNG\xff\xfe\x00", r"x\.toml:2: is not a text file in UTF-8\. Save it as plain text"),
        ("title = 'a'".encode("utf-16"), r"x\.toml:1: is not a text file in UTF-8"),
        (b"\x00\x01\x02\x03", r"x\.toml:1: is not valid TOML"),
        (b"a = 1\nb = = 2\n", r"x\.toml:2: is not valid TOML: Invalid value"),
        (b"a = 1\na = 2\n", r"x\.toml:2: is not valid TOML: Cannot overwrite a value"),
        (b"a = 2018-02-30\n", r"x\.toml:1: is not valid TOML: Invalid date or datetime"),
        (b"a = no\n", r"x\.toml:1: is not valid TOML"),
        (b"a = " + b"[" * 5000, r"x\.toml:1: lists or tables are nested too deeply: more than 40 levels"),
        (b"a = " + b"9" * 5000, r"x\.toml: is not valid TOML"),
        (b"a = 'x", r"x\.toml.*is not valid TOML"),
    ],
)
def test_what_is_no_toml(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "x.toml").write_bytes(data)
    with pytest.raises(InputError, match=message):
        load(tmp_path / "x.toml")


def test_unknown_names_and_files(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"pan_londen: there is no scenario of this name\. Did you mean 'pan_london'\?"
    ):
        load("pan_londen")
    with pytest.raises(InputError, match=rf"zzz: .*Shipped scenarios: {', '.join(shipped())}\."):
        load("zzz")
    with pytest.raises(InputError, match=r"essx\.toml: there is no such file\. Did you mean 'essex'\?"):
        load(tmp_path / "essx.toml")
    with pytest.raises(InputError, match="is a folder, not a scenario file"):
        load(tmp_path)
    with pytest.raises(InputError, match="there is no scenario of this name"):
        load("")


def test_a_file_in_the_working_folder_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "title = 'Here'")
    monkeypatch.chdir(tmp_path)
    assert load("mine.toml").title == "Here"
    write(tmp_path, "titel = 'Here'")
    assert str(faults_of("mine.toml")).startswith("mine.toml:2: titel: unknown key")


def test_keys_are_found_in_every_way_of_writing_them(tmp_path: Path) -> None:
    text = (
        'description = """\n[child]\nfrailty_variance = 99\n"""\n'  # lines 2-5: text, no keys
        "child.frailty_variance = 99.0 # [not] a {table}\n"  # 6
        "[effect]\nlog_ratio_share_by_year = [\n  1.0, # ]\n  -0.5,\n]\n"  # 7-11
        "'usual' = 7.0\n"  # 12
        "[[costs.management]]\ngbp_per_year = 1.0\n[[costs.management]]\ngbp_per_year = -1.0\n"  # 13-16
        "[teams]\nfft = {n_therapists = 0}\n"  # 17-18
    )
    message = faults_of(write(tmp_path, text))
    assert re.findall(r"mine\.toml:(\d+): (\S+):", message) == [
        ("6", "child.frailty_variance"),
        ("8", "effect.log_ratio_share_by_year.1"),
        ("12", "effect.usual"),
        ("16", "costs.management.1.gbp_per_year"),
        ("18", "teams.fft.n_therapists"),
    ]


ODD = [
    "nan",
    "-1",
    "true",
    "'x'",
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    "{value=1}",
    "{value={}}",
    "{low=1}",
    "{reference=1}",
    "{reference='a:b'}",
    "{reference=':'}",
    "1e400",
    "2018-01-01",
    "12:30:00",
    "{value=[1,2],low=1}",
    "{reference='price_series:residential.london',times=2}",
    "{pays='x'}",
    "[{pays=3}]",
    "{reference='unit_costs:residential.city_of_london'}",
    "{reference='price_series:residential.sources'}",
]


@pytest.mark.parametrize("odd", ODD)
def test_odd_values_anywhere_end_in_a_fault_and_never_in_a_traceback(tmp_path: Path, odd: str) -> None:
    lines = (scenario_folder() / "pan_london.toml").read_text(encoding="utf-8").split("\n")
    keys = [i for i, line in enumerate(lines) if re.match(r"[\w\"]+ = ", line)]
    for i in keys[:: len(keys) // 5]:
        changed = [*lines[:i], lines[i].split(" = ")[0] + " = " + odd, *lines[i + 1 :]]
        (tmp_path / "odd.toml").write_text("\n".join(changed), encoding="utf-8")
        try:
            load(tmp_path / "odd.toml")
        except InputError as error:
            assert "odd.toml" in str(error)


# --- whole scenarios --------------------------------------------------------------------------------------------------


def test_with_values_gives_a_new_checked_scenario(pan_london: Scenario) -> None:
    new = with_values(
        pan_london, {"effect.therapy": 0.5, "boroughs.sutton.entitlement": 9, "contract.terms.1.price_gbp": 300}
    )
    assert (new.effect.therapy, new.boroughs["sutton"].entitlement, new.contract.terms[1].price_gbp) == (0.5, 9, 300)
    assert pan_london.effect.therapy == 0.65
    assert with_values(new, {"effect.therapy": None, "effect.hazard_ratio": 1.0}).effect.hazard_ratio == 1


def test_with_no_values_nothing_changes_not_even_a_bit(pan_london: Scenario) -> None:
    for name in shipped():
        scenario = load(name)
        assert with_values(scenario, {}) == scenario
        assert canonical(with_values(scenario, {})) == canonical(scenario)


@pytest.mark.parametrize("rival", ["hazard_ratio", "odds_ratio", "risk_ratio"])
def test_with_values_replaces_rivals_with_origin_and_correlation(pan_london: Scenario, rival: str) -> None:
    new = with_values(pan_london, {f"effect.{rival}": 1.0})
    assert (new.effect.therapy, getattr(new.effect, rival)) == (None, 1.0)
    assert "effect.therapy" not in new.origins and "effect.therapy" not in uncertain(new)
    assert not any("effect.therapy" in pair.between for pair in new.correlations)
    assert new.effect.usual == 0.35 and "effect.usual" in uncertain(new)
    back = with_values(new, {"effect.therapy": 0.6})
    assert (back.effect.therapy, getattr(back.effect, rival)) == (0.6, None)


def test_with_values_drops_the_origins_below_a_table_that_is_replaced(pan_london: Scenario) -> None:
    table = {"fulham": {"name": "Fulham", "referrals_per_year": 9.0}}
    team = pan_london.teams["fft"].model_dump() | {"boroughs": ["fulham"], "therapy": "mst"}
    new = with_values(pan_london, {"boroughs": table, "teams": {"a": team}, "costs.management": []})
    gone = [path for path in new.origins if path.startswith(("boroughs.", "teams.", "costs.management"))]
    assert gone == [] and scenario_hash(new)
    assert "costs.set_up_gbp" in uncertain(new)
    assert [pair.between[0].split(".")[0] for pair in new.correlations] == ["effect", "care"]


def test_the_prior_and_its_fold_may_be_set_by_value(pan_london: Scenario) -> None:
    new = with_values(pan_london, {"effect.prior": "evidence", "evidence.fold": "without_pan_london"})
    assert new.evidence == load("pan_london_evidence").evidence
    assert new.origins == load("pan_london_evidence").origins
    assert with_values(new, {"effect.prior": "targets"}).effect == pan_london.effect


def test_correlations_set_by_value_stay_as_they_are_set(pan_london: Scenario) -> None:
    new = with_values(pan_london, {"correlations.0.correlation": 0.1})
    assert [pair.correlation for pair in new.correlations] == [0.1, 0.8, 0.5, 0.8]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"effect.terapy": 0.5}, r"effect\.terapy: unknown key\. Did you mean 'effect\.therapy'\?"),
        ({"contract.terms.7.price_gbp": 1.0}, r"contract\.terms\.7\.price_gbp: unknown key"),
        ({"title.x": 1.0}, r"title\.x: unknown key"),
        ({"effect.therapy": 1.5}, r"the values given: effect\.therapy: must be at most 1 \(got 1\.5\)"),
        ({"effect.therapy": "0.5"}, r"effect\.therapy: must be a number"),
        ({"child.age_weights.0": 0.5}, r"child\.age_weights: weights must be"),
        ({"clock.day_0": date(2022, 1, 1)}, r"clock\.day_0: dates must be in the order"),
    ],
)
def test_with_values_refuses(pan_london: Scenario, values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_values(pan_london, values)


def test_with_values_takes_numpy_numbers(pan_london: Scenario) -> None:
    np = pytest.importorskip("numpy")
    new = with_values(pan_london, {"effect.therapy": np.float64(0.5), "teams.fft.n_therapists": np.int64(5)})
    assert type(new.effect.therapy) is float and new.teams["fft"].n_therapists == 5


def test_a_value_outside_its_range_is_no_longer_uncertain(pan_london: Scenario) -> None:
    assert "referrals.accept_prob" in uncertain(with_values(pan_london, {"referrals.accept_prob": 0.8}))
    assert "referrals.accept_prob" not in uncertain(with_values(pan_london, {"referrals.accept_prob": 0.1}))


def test_uncertain_gives_value_and_origin(pan_london: Scenario) -> None:
    value, origin = uncertain(pan_london)["care.first_entry_shape"]
    assert (value, origin.low, origin.high) == (1.0, 0.7, 1.3)
    assert all(
        o.low is not None and o.high is not None and o.low <= v <= o.high for v, o in uncertain(pan_london).values()
    )
    assert value_at(pan_london, "costs.management.0.gbp_per_year") == 400000
    with pytest.raises(LookupError):
        value_at(pan_london, "costs.management.9.gbp_per_year")


def test_the_hash_changes_with_values_and_ranges_and_not_with_prose(tmp_path: Path, pan_london: Scenario) -> None:
    def hash_with(text: str) -> str:
        return scenario_hash(load(write(tmp_path, text)))

    assert re.fullmatch("[0-9a-f]{64}", scenario_hash(pan_london))
    assert hash_with("") == scenario_hash(pan_london)
    assert hash_with("[child]\nfrailty_variance = {source = 'Another reason'}") == scenario_hash(pan_london)
    assert hash_with("[child]\nfrailty_variance = {high = 0.9}") != scenario_hash(pan_london)
    assert hash_with("[child]\nfrailty_variance = {distribution = 'uniform'}") != scenario_hash(pan_london)
    assert hash_with("[child]\nfrailty_variance = 0.3") != scenario_hash(pan_london)


@pytest.mark.parametrize("name", shipped())
def test_a_scenario_survives_json(name: str) -> None:
    scenario = load(name)
    again = Scenario.model_validate_json(scenario.model_dump_json())
    assert again == scenario and scenario_hash(again) == scenario_hash(scenario)


def test_loading_needs_no_heavy_library() -> None:
    code = "import sys, edgeofcare.inputs.load as m; m.load('essex'); print({'numpy', 'pandas'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
