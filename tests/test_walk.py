"""The walk from end to end: plain tables, the same bits however it is run, broken runs that end as unbroken ones."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import edgeofcare as eoc
from edgeofcare.errors import OptionError
from edgeofcare.inputs.describe import quality_counts
from edgeofcare.inputs.load import scenario_hash, with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.results import check_folder, plain, read_manifest, read_summary, table_hash
from edgeofcare.walk import Run, prepare

ARMS = {"usual", "therapy"}
STAT = {"n", "mean", "se", "sd", "p5", "p10", "p50", "p90", "p95"}
# Every key that the first issue promises; {} is a STAT, None a plain value.
PROMISED: dict[str, Any] = {
    "scenario": {"name": None, "sha256": None},
    **dict.fromkeys(("seed", "replications", "outer_draws", "engine", "version"), None),
    "children": {
        name: {} for name in ("referred", "started", "completed", "left_queue", "entered_care_waiting", "tracked")
    },
    "waiting_days": {},
    "out_of_care_share": {arm: {} for arm in ARMS},
    "never_in_care_share": {arm: {} for arm in ARMS},
    "calibration": {part: dict.fromkeys(ARMS, None) for part in ("target", "reached", "in_run")},
    "care_days": {"usual": {}, "therapy": {}, "avoided": {}},
    "avoided_cost_gbp": {name: {} for name in ("nominal", "cashable", "real_discounted", "contract_window", "to_18")},
    "blended_price_gbp_per_week": {},
    "payments_gbp": {"total": {}, "boroughs": {}, "top_up": {}},
    "deadweight_share": {},
    "cap_binds_prob": None,
    "investor": {
        "irr_of_expected_flows": None,
        **{name: {} for name in ("irr", "money_multiple", "profit_gbp", "peak_funding_gbp", "payback_years")},
        "loss_prob": None,
        "never_paid_back_prob": None,
        "irr_outcomes": dict.fromkeys(("unique", "none", "several", "total_loss", "not_needed"), None),
    },
    "variance_share": dict.fromkeys(("avoided_cost_gbp", "payments_gbp", "profit_gbp"), None),
}
BOROUGH: dict[str, Any] = {
    "name": None,
    **{
        name: {}
        for name in (
            "started",
            "care_days_avoided",
            "avoided_cost_gbp",
            "payments_gbp",
            "net_saving_gbp",
            "worst_year_payment_gbp",
        )
    },
    "net_saving_prob": None,
}


def hashes(run: Run) -> dict[str, str]:
    """The hash of every table of a run."""
    return {name: table_hash(table) for name, table in run.tables.by_name().items()}


@pytest.fixture(scope="module")
def pan_london() -> Run:
    return eoc.run(eoc.load("pan_london"), replications=200, seed=1)


# ---- what a user gets ---------------------------------------------------------------------------------------------


def test_the_python_face_gives_plain_tables(pan_london: Run) -> None:
    rows, boroughs, years = pan_london.replications, pan_london.boroughs, pan_london.borough_years
    assert rows["replication"].tolist() == list(range(200))
    assert len(boroughs) == 200 * 6 and set(boroughs["borough"]) == set(pan_london.scenario.boroughs)
    for table in (rows, boroughs, years):
        assert isinstance(table, pd.DataFrame)
        assert all(name.isidentifier() and name == name.lower() for name in table.columns)


def test_rows_agree_with_one_another(pan_london: Run) -> None:
    rows, boroughs, years = pan_london.replications, pan_london.boroughs, pan_london.borough_years
    by_replication = boroughs.groupby("replication")[["started", "avoided_cost_gbp", "payments_gbp"]].sum()
    assert (by_replication["started"].to_numpy() == rows["started"].to_numpy()).all()
    paid = rows["payments_gbp"] - rows["payments_top_up_gbp"]
    assert by_replication["payments_gbp"].to_numpy() == pytest.approx(paid.to_numpy(), abs=0.005)
    assert by_replication["avoided_cost_gbp"].to_numpy() == pytest.approx(rows["avoided_nominal_gbp"].to_numpy())
    by_year = years.groupby("replication")["payments_gbp"].sum()
    assert by_year.to_numpy() == pytest.approx(paid.to_numpy(), abs=0.005)


def missing(promised: Mapping[str, Any], found: Any, path: str = "") -> Iterator[str]:
    """Paths that are promised and not there."""
    for key, inner in promised.items():
        here = f"{path}.{key}".lstrip(".")
        if not isinstance(found, Mapping) or key not in found:
            yield here
        elif inner == {}:
            yield from (f"{here}.{name}" for name in STAT - set(found[key]))
        elif inner is not None:
            yield from missing(inner, found[key], here)


def test_the_summary_has_every_promised_key(pan_london: Run) -> None:
    summary = plain(pan_london.summary)
    assert [*missing(PROMISED, summary)] == []
    assert summary["boroughs"].keys() == pan_london.scenario.boroughs.keys()
    for borough in summary["boroughs"].values():
        assert [*missing(BOROUGH, borough)] == []


def stats(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every STAT inside a summary."""
    if isinstance(node, Mapping):
        if "mean" in node:
            yield node
        for child in node.values():
            yield from stats(child)


def test_every_stat_has_exactly_its_keys_in_order(pan_london: Run) -> None:
    found = [*stats(plain(pan_london.summary))]
    assert len(found) > 60
    for stat in found:
        assert stat.keys() == STAT
        if stat["n"]:
            assert stat["p5"] <= stat["p10"] <= stat["p50"] <= stat["p90"] <= stat["p95"]


def test_a_figure_that_never_exists_is_null_throughout(small_scenario: Scenario) -> None:
    rich = with_values(small_scenario, {"referrals.accept_prob": 0.0})
    summary = plain(eoc.run(rich, replications=3, workers=1).summary)
    for stat in (summary["waiting_days"], summary["out_of_care_share"]["usual"], summary["deadweight_share"]):
        assert stat == {"n": 0} | dict.fromkeys(STAT - {"n"})
    assert summary["children"]["started"]["mean"] == 0


def test_the_summary_is_json_without_nan(pan_london: Run) -> None:
    assert json.loads(json.dumps(plain(pan_london.summary), allow_nan=False)) == plain(pan_london.summary)


def test_the_summary_says_what_was_run_and_on_how_many_judgements(pan_london: Run) -> None:
    summary, scenario = plain(pan_london.summary), eoc.load("pan_london")
    assert summary["scenario"] == {"name": "pan_london", "title": scenario.title, "sha256": scenario_hash(scenario)}
    assert (summary["seed"], summary["replications"], summary["outer_draws"]) == (1, 200, 1)
    assert summary["assumptions"] == quality_counts(scenario)


def test_pan_london_shows_what_the_contract_claims(pan_london: Run) -> None:
    """False alarm: the shares have a standard error of about 0.002, starts of 1.1; the limits are far outside."""
    summary = plain(pan_london.summary)
    assert summary["out_of_care_share"]["usual"]["mean"] == pytest.approx(0.35, abs=0.03)
    assert summary["out_of_care_share"]["therapy"]["mean"] == pytest.approx(0.65, abs=0.03)
    assert summary["children"]["started"]["mean"] == pytest.approx(394, rel=0.03)


# ---- the same bits ------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits_for_any_number_of_workers(small_scenario: Scenario) -> None:
    one, two, other = (
        eoc.run(small_scenario, replications=1100, seed=seed, workers=workers)
        for seed, workers in ((4, 1), (4, 2), (5, 2))
    )
    assert hashes(one) == hashes(two) and plain(one.summary) == plain(two.summary)
    assert hashes(other)["replications"] != hashes(one)["replications"]


def test_both_engines_give_the_same_bits(pan_london: Run) -> None:
    scenario = pan_london.scenario
    fast, readable = (eoc.run(scenario, replications=12, seed=1, engine=e) for e in ("kernel", "reference"))
    assert hashes(fast) == hashes(readable)
    assert {**plain(fast.summary), "engine": ""} == {**plain(readable.summary), "engine": ""}


def test_more_replications_begin_with_the_same_ones(pan_london: Run) -> None:
    fewer = eoc.run(pan_london.scenario, replications=30, seed=1, workers=1)
    assert table_hash(fewer.replications) == table_hash(pan_london.replications.head(30))


def test_seeds_do_not_share_luck(pan_london: Run) -> None:
    other = eoc.run(pan_london.scenario, replications=30, seed=2, workers=1)
    mine, theirs = pan_london.replications["referred"].head(30).tolist(), other.replications["referred"].tolist()
    assert mine != theirs and mine[1:] != theirs[:-1]


# ---- outer draws --------------------------------------------------------------------------------------------------


def test_one_outer_draw_says_nothing_about_ignorance(pan_london: Run) -> None:
    assert set(plain(pan_london.summary)["variance_share"].values()) == {None}


def test_outer_draws_are_numbered_over_all_replications(small_scenario: Scenario) -> None:
    run = eoc.run(small_scenario, replications=12, outer_draws=4, seed=3, workers=1)
    assert run.replications["replication"].tolist() == list(range(12))
    assert run.replications["draw"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert run.tables.draws["draw"].tolist() == [0, 1, 2, 3]
    shares = plain(run.summary)["variance_share"]
    assert all(isinstance(share, float) and share <= 1 for share in shares.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replications": 0}, "replications must be a whole number from 1 to"),
        ({"replications": 2.0}, "replications must be a whole number"),
        ({"replications": True}, "replications must be a whole number"),
        ({"seed": -1}, "seed must be a whole number from 0 to"),
        ({"seed": 2**63}, "seed must be a whole number"),
        ({"replications": 10, "outer_draws": 3}, r"multiple of outer draws \(got 10 and 3\)\. Try 12"),
        ({"replications": 10, "outer_draws": 11}, r"outer_draws must be a whole number from 1 to 10 \(got 11\)"),
        ({"engine": "magic"}, "engine must be one of kernel, reference"),
    ],
)
def test_options_out_of_range(small_scenario: Scenario, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        prepare(small_scenario, **options)


def test_a_name_is_no_scenario() -> None:
    with pytest.raises(OptionError, match=r"one that load\(\) returned \(got 'pan_london'\)"):
        eoc.run("pan_london")  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [0, -1, 2000, 1.5])
def test_workers_out_of_range_leave_nothing_behind(small_scenario: Scenario, tmp_path: Path, workers: Any) -> None:
    with pytest.raises(OptionError, match="workers must be a whole number from 1 to 1,024"):
        eoc.run(small_scenario, replications=2, workers=workers, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_every_replication_is_in_one_chunk(small_scenario: Scenario) -> None:
    walk = prepare(small_scenario, replications=1234)
    pieces = [piece for job in walk.experiment.jobs for piece in job.pieces]
    numbers = [i for piece in pieces for i in range(piece.first, piece.first + piece.n)]
    assert numbers == list(range(1234))


# ---- broken runs --------------------------------------------------------------------------------------------------

LONG_RUN = """
import sys
sys.path.insert(0, {tests!r})
from helpers import small
from edgeofcare.walk import run
run(small(), replications=10_000, seed=9, workers=2, out={out!r}, resume=True)
"""


def begin(out: Path) -> subprocess.Popen[bytes]:
    script = LONG_RUN.format(tests=str(Path(__file__).parent), out=str(out))
    return subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)


def finish(out: Path) -> float:
    """Run to the end, and return the seconds."""
    started = time.monotonic()
    process = begin(out)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    return time.monotonic() - started


def kill_at_random(out: Path, within_seconds: float, luck: random.Random) -> None:
    """Begin or continue the run, and end it at once at some moment."""
    process = begin(out)
    time.sleep(luck.uniform(0, within_seconds))
    process.kill()
    process.communicate()


def assert_killed_runs_end_as_an_unbroken_one(tmp_path: Path, n_kills: int, seed: int) -> None:
    whole, luck = tmp_path / "whole", random.Random(seed)
    finish(whole)
    seconds = finish(tmp_path / "timed")
    broken = 0
    while n_kills:
        out = tmp_path / f"broken{broken}"
        while n_kills and not out.exists():
            kill_at_random(out, seconds, luck)
            n_kills -= 1
        if not out.exists():
            finish(out)
        assert read_manifest(out)["results"] == read_manifest(whole)["results"]
        assert read_summary(out) == read_summary(whole)
        assert check_folder(out) == []
        broken += 1


def test_a_run_killed_three_times_ends_with_the_bits_of_an_unbroken_one(tmp_path: Path) -> None:
    assert_killed_runs_end_as_an_unbroken_one(tmp_path, 3, seed=1)


@pytest.mark.slow
def test_a_run_killed_at_twenty_moments_ends_with_the_bits_of_an_unbroken_one(tmp_path: Path) -> None:
    assert_killed_runs_end_as_an_unbroken_one(tmp_path, 20, seed=2)


def test_a_finished_chunk_is_not_run_again(
    small_scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeofcare import experiment as module

    whole = eoc.run(small_scenario, replications=1100, seed=4, workers=1)
    real, asked = module.Experiment.run_job, []

    def break_off(asked_of: module.Experiment, number: int) -> Any:
        asked.append(number)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(asked_of, number)

    monkeypatch.setattr(module.Experiment, "run_job", break_off)
    with pytest.raises(KeyboardInterrupt):
        eoc.run(small_scenario, replications=1100, seed=4, workers=1, out=tmp_path / "run")
    resumed = eoc.run(small_scenario, replications=1100, seed=4, workers=1, out=tmp_path / "run", resume=True)
    assert asked == [0, 1, 1, 2]
    assert hashes(resumed) == hashes(whole) and plain(resumed.summary) == plain(whole.summary)
