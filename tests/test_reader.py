"""The reader of every kind of file: limits before parsing, words copied from elsewhere, parts removed, places kept."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeofcare.errors import InputError
from edgeofcare.inputs.boroughs import load_joiner
from edgeofcare.inputs.contracts import lay
from edgeofcare.inputs.files import LARGEST_BYTES
from edgeofcare.inputs.load import load, scenario_hash
from edgeofcare.inputs.stresses import read_stress, stressed
from edgeofcare.inputs.toml_lines import DEEPEST, MOST_KEYS, beyond_limits
from edgeofcare.questions.reforecast import load_actuals

BASE = 'extends = "pan_london"\n'


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(path: Path) -> list[str]:
    with pytest.raises(InputError) as raised:
        load(path)
    return [str(fault) for fault in raised.value.faults]


# ---- limits ----------------------------------------------------------------------------------------------------------

TOO_MUCH = {
    "dots": BASE + ".".join(["a"] * 30_000) + " = 1",
    "keys": BASE + "[contract]\n" + "\n".join(f"k{i} = 1" for i in range(MOST_KEYS)),
    "keys in a line": BASE + "a = {" + ", ".join(f"k{i} = 1" for i in range(MOST_KEYS)) + "}",
    "tables": BASE + "a = " + "{b = " * 500 + "1" + "}" * 500,
    "lists": BASE + "a = " + "[" * 30_000 + "]" * 30_000,
    "a key": BASE + "k" * 201 + " = 1",
    "a quoted key": BASE + '"' + "k" * 200_000 + '" = 1',
    "header": BASE + "[" + "a." * 5_000 + "a]",
    "backslashes": BASE + 'title = """' + "\\" * 30_000,
    "quotes": BASE + "'''" * 50_000,
}


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_what_is_too_large_is_refused_with_little_time_and_memory(tmp_path: Path, kind: str) -> None:
    """In a process of its own that may use 5 seconds of a processor (most of it for imports) and 300 MB."""
    write(tmp_path, TOO_MUCH[kind])
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (5, 5))\n"
        "from edgeofcare.errors import InputError; from edgeofcare.inputs.load import load\n"
        "try: load('mine.toml')\nexcept InputError as error: print(str(error)[:400])\n"
        # Linux counts the peak of the parent into ru_maxrss; the peak of this program alone is VmHWM.
        "peak = [line for line in open('/proc/self/status') if line.startswith('VmHWM')][0].split()[1]\n"
        "print(int(peak) < 300_000)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.startswith("mine.toml") and done.stdout.endswith("\nTrue\n")


def test_a_file_of_more_than_2_mb_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "#" * (LARGEST_BYTES + 1))
    assert faults_of(tmp_path / "mine.toml") == [f"{tmp_path}/mine.toml: is larger than 2 MB: no such file needs more."]


def test_what_lies_on_the_limits_is_read() -> None:
    assert beyond_limits("\n".join(f"k{i} = 0.5" for i in range(MOST_KEYS))) is None
    assert beyond_limits("\n".join(f"k{i} = 0.5" for i in range(MOST_KEYS + 1))) == (
        MOST_KEYS + 1,
        "holds more than 20,000 keys",
    )
    assert beyond_limits(".".join(["a"] * DEEPEST) + " = 1.5") is None
    assert beyond_limits(".".join(["a"] * (DEEPEST + 1)) + " = 1.5") is not None
    assert beyond_limits('a = "' + "." * 1000 + '" # ' + "." * 1000 + "\nb = '''\n" + "[" * 100 + "\n'''") is None


@given(st.text(alphabet="a.=[]{}\"'#\n\\, 1", max_size=200))
def test_the_count_of_keys_never_fails(text: str) -> None:
    assert beyond_limits(text) is None or len(text) > DEEPEST


# ---- words copied from elsewhere -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "title = \u201cx\u201d",
            "\u201c is a curly quotation mark, as word processors write it. Write straight",
        ),
        ("title =\u00a0'x'", "there is a non-breaking space in this line, as word processors write it. Write an ordin"),
        ("[effect]\ntherapy = 0,65", "0,65 has a decimal comma. Write 0.65."),
        ("[effect]\nusual = {value = 0,35, low = 0.1, high = 0.5}", "0,35 has a decimal comma. Write 0.35."),
        ("[contract]\ncap_gbp = 9,000,000", "9,000,000 has separators between thousands. Write 9000000, or 9_000_000."),
        ("[contract]\ncap_gbp = 9 000 000.50", "Write 9000000.50, or 9_000_000.50."),
        ("[effect]\ntherapy = 65%", "65% is a percentage. Write 0.65."),
        ("[contract]\ncap_gbp = £9000", "£ is no part of a number. Write 9000."),
        ("[child]\nneeds_log_hazard = \u22120.4", "a minus sign of a word processor. Write - for minus."),
    ],
)
def test_what_a_word_processor_wrote_is_named_with_its_mend(tmp_path: Path, line: str, told: str) -> None:
    (fault,) = faults_of(write(tmp_path, BASE + line))
    assert f"mine.toml:{line.count(chr(10)) + 2}: is not valid TOML: " in fault and told in fault


def test_the_same_characters_inside_a_text_are_welcome(tmp_path: Path) -> None:
    text = "title = \"\u201cBorough\u201d\u00a0\u2013 £9,000,000, 65%\"\ndescription = 'x'"
    assert load(write(tmp_path, BASE + text)).title.startswith("\u201cBorough")


# ---- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[therapies.mst]\nmean_days = 1000.0", ":3: therapies.mst.mean_days: mean_days must lie between min_days and"),
        ("[effect]\nlog_ratio_share_by_year = [1e6]", ":3: effect.log_ratio_share_by_year.0: must be at most 10"),
        (
            "[effect]\nodds_ratio = {value = 1.2, low = 0.8, high = 0.0, distribution = 'lognormal'}",
            ":3: effect.odds_ratio: low <= value <= high must hold",
        ),
        ("[contract]\ncap_gbp = {value = 0xffffffffffffffffff, low = 0.0, high = 1.0}", "is too large a number"),
        ("effect = 5", ":2: effect: must be a table (got 5)."),
        ("title = 2020-01-01\nvalue = 'x'", ":2: title: must be text in quotation marks (got 2020-01-01)."),
        ('[prices]\nbase_year = "2017-19"', ':3: prices.base_year: must be a financial year such as "2018-19"'),
    ],
)
def test_numbers_out_of_range_are_faults_of_the_file(tmp_path: Path, text: str, told: str) -> None:
    assert any(told in fault for fault in faults_of(write(tmp_path, BASE + text)))


@pytest.mark.parametrize("shares", ["[13, 30, 38, 17, 1, 0]", "[0.13, 0.30, 0.38, 0.17, 0.03, 0]"])
def test_shares_rounded_one_by_one_are_scaled_and_said_to_be(tmp_path: Path, shares: str) -> None:
    scenario = load(write(tmp_path, f"{BASE}[care.placement]\nfirst_under_16 = {shares}"))
    assert sum(scenario.care.placement.first_under_16) == pytest.approx(1, abs=1e-12)
    (note,) = scenario.written.notes
    assert note.line == 3 and note.sentence.startswith("care.placement.first_under_16 sums to ")
    assert load(write(tmp_path, BASE)).written.notes == ()


def test_shares_further_off_are_refused(tmp_path: Path) -> None:
    (fault,) = faults_of(write(tmp_path, f"{BASE}[care.placement]\nfirst_under_16 = [13, 30, 38, 16, 1, 0]"))
    assert "these sum to 98" in fault


# ---- places ----------------------------------------------------------------------------------------------------------


def test_a_fault_is_told_at_the_users_line_with_what_is_inherited_beside_it(tmp_path: Path) -> None:
    (fault,) = faults_of(write(tmp_path, f"{BASE}title = 'x'\n[clock]\nday_0 = 2018-10-01"))
    assert "mine.toml:4: clock.day_0: borough barking_and_dagenham: join_date (2018-07-01) must lie on or" in fault
    assert "boroughs.barking_and_dagenham.join_date is 2018-07-01, inherited from pan_london.toml, line " in fault


def test_a_scenario_knows_who_wrote_each_value_and_what_it_replaced(tmp_path: Path) -> None:
    write(tmp_path, f"{BASE}[child]\nfrailty_variance = 0.3", "below.toml")
    written = load(write(tmp_path, "extends = 'below.toml'\n[child]\nfrailty_variance = 0.5\n")).written
    assert [Path(name).name for name in written.files] == ["pan_london.toml", "below.toml", "mine.toml"]
    places = written.places["child.frailty_variance"]
    assert [(place.name, place.value) for place in places] == [
        ("mine.toml", 0.5),
        ("below.toml", 0.3),
        ("pan_london.toml", 0.25),
    ]
    assert (places[0].line, places[1].line, places[2].low, places[2].high) == (3, 3, 0.0, 1.0)
    assert written.above("child.frailty_variance", "effect.usual")
    assert "effect.usual" in written.inherited() and "child.frailty_variance" not in written.inherited()


def test_every_kind_of_file_is_read_by_the_same_reader(tmp_path: Path) -> None:
    """The same slip in each kind of file gives the same sentence, with file and line."""
    scenario = load("pan_london")
    kinds = {
        "contract": ("title = 'x'\n[contract]\nname = \u201cx\u201d", lambda path: lay(scenario, path)),
        "joiner": ("[boroughs.brent]\nname = 'x'\nreferrals_per_year = 0,5", lambda path: load_joiner(path, scenario)),
        "stress": ("title = 'x'\nkind = 'service'\nsource =\u00a0'x'", lambda path: read_stress(str(path))),
        "actuals": ("[[observed]]\non = 2018-10-31\nreferred = 1,200", lambda path: load_actuals(path, scenario)),
    }
    for kind, (text, reader) in kinds.items():
        with pytest.raises(
            InputError, match=rf"{kind}\.toml:3: is not valid TOML: .*(word processors|comma|separators)"
        ):
            reader(write(tmp_path, text, f"{kind}.toml"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[set]\n"boroughs.<largest>.leave_date" = {days_from_day_0 = "548"}', "needs a number of days"),
        ('[set]\n"boroughs.<largest>.leave_date" = {days_from_day_0 = 99999999999}', "needs a number of days"),
        ('[set]\n"costs.set_up_gbp" = {times_team_costs = "1.0"}', "times_team_costs needs a number"),
        ('[times]\n"teams.fft.n_therapists" = 1e308', "is too large a factor"),
        ('[add]\n"clock.day_0" = 1e300', "needs a number of days"),
    ],
)
def test_a_stress_that_does_not_fit_is_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    path = write(tmp_path, f"title = 'x'\nkind = 'service'\nsource = 'x'\n{text}")
    with pytest.raises(InputError, match=rf"mine\.toml:5: .*{told}"):
        stressed(load("pan_london"), read_stress(str(path)))


def test_a_chain_of_files_has_an_end(tmp_path: Path) -> None:
    write(tmp_path, BASE, "f0.toml")
    for i in range(1, 30):
        write(tmp_path, f"extends = 'f{i - 1}.toml'", f"f{i}.toml")
    assert "more than 20 times over" in faults_of(tmp_path / "f29.toml")[0]


def test_a_name_that_no_file_can_have_is_one_sentence(tmp_path: Path) -> None:
    (fault,) = faults_of(write(tmp_path, f"extends = '{'x' * 300}'"))
    assert "mine.toml:1: extends: cannot be read: file name too long" in fault and len(fault) < 300


# ---- remove ----------------------------------------------------------------------------------------------------------


def test_a_borough_that_is_removed_leaves_its_teams_and_correlations(tmp_path: Path) -> None:
    scenario = load(write(tmp_path, f'{BASE}remove = ["boroughs.sutton", "contract.top_up"]'))
    assert "sutton" not in scenario.boroughs and scenario.contract.top_up is None
    assert all("sutton" not in team.boroughs for team in scenario.teams.values())
    assert not any(path.startswith("boroughs.sutton") for path in (*scenario.origins, *scenario.written.places))


def test_all_boroughs_can_be_replaced(tmp_path: Path) -> None:
    text = (
        BASE + 'remove = ["boroughs.*", "teams.mst_b", "teams.fft", "therapies.fft", "correlations"]\n'
        "[child]\nsuited_to_mst_prob = 1.0\n"
        "[boroughs.kent]\nname = 'Kent'\nreferrals_per_year = 30.0\n[teams.mst_a]\nboroughs = ['kent']\n"
    )
    scenario = load(write(tmp_path, text))
    assert (list(scenario.boroughs), list(scenario.teams)) == (["kent"], ["mst_a"])
    assert scenario_hash(scenario) != scenario_hash(load("pan_london"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'remove = ["boroughs.sutton", "boroughs.merton"]',
            "mine.toml:2: teams.mst_a: team mst_a serves nobody once sutton and merton are removed. Remove it too "
            "(teams.mst_a), or give it boroughs.",
        ),
        (
            'remove = ["boroughs.suton"]',
            "mine.toml:2: remove: there is no boroughs.suton to remove. Did you mean 'borou",
        ),
        ('remove = "boroughs.sutton"', "mine.toml:2: remove: must be a list of keys, such as"),
        ("[boroughs]\nsutton = false", 'To take it out of the base, write remove = ["boroughs.sutton"] at the top.'),
    ],
)
def test_what_cannot_be_removed(tmp_path: Path, text: str, told: str) -> None:
    faults = faults_of(write(tmp_path, BASE + text))
    assert told in faults[0] and len(faults) == 1


def test_the_first_of_very_many_faults_are_told(tmp_path: Path) -> None:
    path = write(tmp_path, f"{BASE}[contract]\n" + "\n".join(f"k{i} = 1" for i in range(15_000)))
    with pytest.raises(InputError) as raised:
        load(path)
    assert str(raised.value).count("unknown key") == 60 and str(raised.value).endswith("more faults")
