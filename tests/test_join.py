"""Joining: what must not change by one bit, sums to the penny, errors of paired differences, limits, options."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeofcare.calendar import add_months
from edgeofcare.engine import kernel
from edgeofcare.engine.plan import make_plan
from edgeofcare.errors import InputError, OptionError
from edgeofcare.experiment import priced, read
from edgeofcare.inputs.boroughs import Answers, Joining, load_joiner, new_borough, with_joiners
from edgeofcare.inputs.load import load, with_values
from edgeofcare.inputs.schema import Scenario
from edgeofcare.outcomes import Rows
from edgeofcare.questions import join as module
from edgeofcare.questions.counterfactuals import claimed_case
from edgeofcare.questions.join import (
    FULL_COLUMNS,
    Pair,
    _crossing,
    _influence,
    _joined_case,
    _joining,
    _planned_starts,
    join,
    latest_month,
    make_pair,
)
from edgeofcare.questions.join_answer import Choice
from edgeofcare.results import plain
from edgeofcare.summary import expected_rate
from edgeofcare.walk import run

LONDON = load("pan_london")
CAPS = ("per_start", "fixed")
FEW = 60


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a borough that refers nobody."""
    path = tmp_path_factory.mktemp("joiners") / "camden.toml"
    path.write_text(new_borough("camden", Answers(referrals_per_year=0.0)), encoding="utf-8")
    return str(path)


def pair_of(
    *names: str, scenario: Scenario = LONDON, teams: str = "as-is", cap: str = "per_start", n: int = FEW
) -> Pair:
    joinings = [_joining(name, scenario, None, teams) for name in names]
    claimed = claimed_case(scenario)
    return make_pair(claimed, _joined_case(claimed, joinings, cap, _planned_starts(claimed, 1)), n, 1)


@pytest.fixture
def all_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides are read in full."""
    monkeypatch.setattr(module, "MAIN_COLUMNS", EVERY)
    monkeypatch.setattr(module, "FULL_COLUMNS", EVERY)


def parts(pair: Pair, rows: Rows, name: str) -> Any:
    """The figures of the boroughs that are on both sides, in the order of the side without."""
    after = list(pair.after.scenario.boroughs)
    return rows[name][:, [after.index(slug) for slug in pair.before.scenario.boroughs]]


EVERY = (*FULL_COLUMNS, "avoided_gbp", "irr", "payments_before_caps_gbp")
BY_BOROUGH = (
    *("referred", "started", "waiting_days", "payments_gbp", "all_payments_gbp", "worst_year_gbp", "avoided_gbp"),
    *("cashable_gbp", "other_costs_gbp", "net_saving_gbp"),
)
OF_ALL = (
    *("payments_before_caps_gbp", "cap_binds", "slot_days_used", "irr", "money_multiple", "profit_gbp"),
    *("peak_funding_gbp", "flows"),
)


# ---- nothing changes ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("all_columns")
@pytest.mark.parametrize("scenario", ["pan_london", "pan_london_ten"])
@pytest.mark.parametrize("cap", CAPS)
def test_a_joiner_without_referrals_changes_nothing_by_one_bit(scenario: str, cap: str, nobody: str) -> None:
    pair = pair_of(nobody, scenario=load(scenario), cap=cap)
    assert len(pair.after.scenario.boroughs) == len(pair.before.scenario.boroughs) + 1
    for name in BY_BOROUGH:
        assert np.array_equal(parts(pair, pair.with_, name), pair.without[name]), name
        assert not pair.with_[name][:, list(pair.after.scenario.boroughs).index("camden")].any(), name
    for name in OF_ALL:
        assert np.array_equal(pair.with_[name], pair.without[name], equal_nan=True), name
    assert pair.after.scenario.contract == pair.before.scenario.contract and pair.fixed_cap is None


def test_its_answer_says_nought_everywhere(nobody: str) -> None:
    found = join(LONDON, [nobody], replications=FEW).as_dict()
    for borough in found["incumbents"].values():
        for name in ("change_in_starts", "change_in_payments_gbp", "change_in_net_saving_gbp"):
            assert set(borough[name].values()) == {0.0}, name
        assert borough["waiting_days"]["change"] == {"mean": 0.0, "se": 0.0}
        assert borough["worse_off_prob"] == borough["better_off_prob"] == 0
    joiner = found["joiner"]["camden"]
    assert joiner["waiting_days"] is None and joiner["net_saving_gbp"]["mean"] == joiner["better_off_prob"] == 0
    assert {change["mean"] for change in found["investor"]["change"].values()} == {0.0}


@pytest.mark.usefixtures("all_columns")
@pytest.mark.parametrize("cap", CAPS)
def test_a_joiner_with_its_own_teams_changes_nobodys_waiting_or_start_by_one_bit(cap: str) -> None:
    pair = pair_of("haringey", teams="own", cap=cap)
    for name in ("referred", "started", "waiting_days", "avoided_gbp", "cashable_gbp"):
        assert np.array_equal(parts(pair, pair.with_, name), pair.without[name]), name
    assert pair.with_["started"].sum() > pair.without["started"].sum(), "the joiner's families do start"


def test_with_the_teams_there_are_fewer_of_the_others_start() -> None:
    """The witness of the two tests above: they would see it."""
    pair = pair_of("haringey")
    assert not np.array_equal(parts(pair, pair.with_, "waiting_days"), pair.without["waiting_days"])
    assert parts(pair, pair.with_, "started").sum() < pair.without["started"].sum()


# ---- sums ---------------------------------------------------------------------------------------------------------


def test_what_all_boroughs_pay_is_received_and_net_savings_by_year_add_up_to_the_penny() -> None:
    claimed = claimed_case(LONDON)
    joined = with_joiners(LONDON, [Joining(load_joiner("haringey", LONDON))], 394.0)
    plan = make_plan(joined, claimed.entry_scale_days, claimed.hazard_ratio)
    counts = kernel.run(plan, 1, 0, 20)
    done = read(priced(counts, plan, joined), lambda settlement: settlement)
    by_payer = done.exposed.payments.sum(axis=(1, 2)) + done.paid.top_up.sum(axis=(1, 2))
    assert np.array_equal(by_payer, done.paid.received.sum(axis=1))
    assert np.array_equal(by_payer, done.cash.receipts.sum(axis=1))
    net = done.exposed.cashable.sum(axis=2) - done.exposed.payments.sum(axis=2) - done.exposed.other_costs.sum(axis=2)
    assert np.array_equal(net, done.exposed.net_saving) and np.array_equal(net, done.exposed.net_saving_by_year.sum(2))

    pair = pair_of("haringey", n=20)
    by_year, whole = (pair.with_.columns[name] for name in ("net_saving_by_year_gbp", "net_saving_gbp"))
    assert np.array_equal(by_year.sum(axis=2), whole)


def test_two_joiners_in_either_order_give_the_same() -> None:
    one, other = (
        join(LONDON, names, replications=FEW).as_dict()
        for names in (["richmond", "kingston@2018-12-01"], ["kingston@2018-12-01", "richmond"])
    )
    assert one == other


def test_planned_starts_and_so_the_cap_do_not_depend_on_the_replications() -> None:
    caps = {join(LONDON, ["haringey"], replications=n).contract.cap_gbp.with_ for n in (10, 40)}
    assert len(caps) == 1
    assert _planned_starts(claimed_case(LONDON), 1) == float(run(LONDON, 500, 1).replications["started"].mean())


# ---- against two separate runs ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return join(LONDON, ["haringey"], replications=200, limits=True).as_dict()


@pytest.fixture(scope="module")
def separate(answer: dict[str, Any]) -> tuple[Any, Any]:
    """Net saving and starts by replication and borough of two runs that know nothing of joining."""
    joined = with_joiners(
        LONDON,
        [Joining(load_joiner("haringey", LONDON))],
        run(LONDON, 500, 1).summary.children.started.mean or 0.0,
    )
    scale, ratio = claimed_case(LONDON).entry_scale_days, claimed_case(LONDON).hazard_ratio
    given = {
        "effect.usual": None,
        "effect.therapy": None,
        "effect.entry_scale_days": scale,
        "effect.hazard_ratio": ratio,
    }
    return tuple(run(with_values(s, given), 200, 1) for s in (LONDON, joined))  # type: ignore[return-value]


def test_changes_and_their_errors_are_those_of_two_separate_runs(
    answer: dict[str, Any], separate: tuple[Any, Any]
) -> None:
    names = {
        "change_in_net_saving_gbp": "net_saving_gbp",
        "change_in_starts": "started",
        "change_in_payments_gbp": "payments_gbp",
    }
    for told, column in names.items():
        before, after = (s.boroughs.pivot(index="replication", columns="borough", values=column) for s in separate)
        for slug, borough in answer["incumbents"].items():
            change = (after[slug] - before[slug]).to_numpy(float)
            assert borough[told]["mean"] == pytest.approx(change.mean(), abs=1e-6)
            assert borough[told]["se"] == pytest.approx(change.std(ddof=1) / np.sqrt(len(change)), rel=1e-9)
            if column == "net_saving_gbp":
                assert borough["worse_off_prob"] == (change < 0).mean()
    before, after = separate
    profit = (after.replications["profit_gbp"] - before.replications["profit_gbp"]).to_numpy()
    assert answer["investor"]["change"]["profit_gbp"]["mean"] == pytest.approx(profit.mean())
    starts = answer["contract"]["starts"]
    assert starts["change"]["mean"] == pytest.approx(starts["with"]["mean"] - starts["without"]["mean"])


def test_the_joiners_figures_are_those_of_the_run_with_it(answer: dict[str, Any], separate: tuple[Any, Any]) -> None:
    own = separate[1].boroughs.query("borough == 'haringey'")
    joiner = answer["joiner"]["haringey"]
    assert joiner["net_saving_gbp"]["mean"] == pytest.approx(own["net_saving_gbp"].mean())
    assert joiner["better_off_prob"] == (own["net_saving_gbp"] > 0).mean()
    assert joiner["worst_year_gbp"]["p95"] == pytest.approx(np.quantile(own["worst_year_payment_gbp"], 0.95))
    assert joiner["referred"]["mean"] == own["referred"].mean()
    waits = own["waiting_days_of_starters"].sum() / own["started"].sum()
    assert joiner["waiting_days"] == pytest.approx(waits)


def test_a_fixed_cap_is_worth_to_those_in_what_joining_with_it_says(answer: dict[str, Any]) -> None:
    fixed = join(LONDON, ["haringey"], replications=200, cap_on_join="fixed").as_dict()
    assert fixed["contract"]["cap_gbp"]["with"] == fixed["contract"]["cap_gbp"]["without"]
    for slug, borough in answer["incumbents"].items():
        change = fixed["incumbents"][slug]["change_in_net_saving_gbp"]["mean"]
        assert borough["effect_of_a_fixed_cap_gbp"]["mean"] == pytest.approx(
            change - borough["change_in_net_saving_gbp"]["mean"]
        )
        assert fixed["incumbents"][slug]["effect_of_a_fixed_cap_gbp"] is None


def test_every_change_has_its_error(answer: dict[str, Any]) -> None:
    def changes(part: Any, path: str) -> list[str]:
        found = []
        for key, value in part.items() if isinstance(part, Mapping) else []:
            here = f"{path}.{key}"
            if key.startswith("change") and not (isinstance(value, Mapping) and "mean" not in value):
                found.append(here)
                assert isinstance(value, Mapping) and value["se"] is not None and value["se"] >= 0, here
            found += changes(value, here)
        return found

    parts = ("incumbents", "providers", "investor", "contract", "limits")
    assert len([path for part in parts for path in changes(answer[part], part)]) > 30


def test_the_error_of_the_expected_rate_in_a_closed_case() -> None:
    """Paid in 100, got X after 365 days: r = mean(X) / 100 - 1, which each X moves by (X - mean) / 100."""
    got = np.array([105.0, 110.0, 130.0, 95.0])
    pence = np.stack([np.full(4, -100.0), got], axis=1)
    rows = Rows({"flows": pence}, np.arange(4), np.zeros(4, dtype=int), {"date": (0, 365)})
    assert expected_rate(rows) == pytest.approx(0.10) and _influence(rows) == pytest.approx((got - 110) / 100)


# ---- in sequence --------------------------------------------------------------------------------------------------


def test_steps_add_up_to_joining_at_once() -> None:
    names = ["richmond@2018-08-01", "kingston@2018-12-01", "haringey@2019-09-01"]
    found = join(LONDON, names, replications=FEW, in_sequence=True).as_dict()
    steps = found["steps"]
    assert [(s["joiner"], s["join_date"]) for s in steps] == [
        ("richmond_upon_thames", "2018-08-01"),
        ("kingston_upon_thames", "2018-12-01"),
        ("haringey", "2019-09-01"),
    ]
    for slug, borough in found["incumbents"].items():
        by_step = [s["incumbents"][slug]["change_in_net_saving_gbp"]["mean"] for s in steps]
        assert sum(by_step) == pytest.approx(borough["change_in_net_saving_gbp"]["mean"], abs=1e-3)
    assert sum(s["change_in_profit_gbp"]["mean"] for s in steps) == pytest.approx(
        found["investor"]["change"]["profit_gbp"]["mean"], abs=1e-3
    )
    assert "richmond_upon_thames" in steps[1]["incumbents"] and "kingston_upon_thames" in steps[2]["incumbents"]
    alone = join(LONDON, names[:1], replications=FEW).as_dict()
    assert steps[0]["net_saving_gbp"]["mean"] == alone["joiner"]["richmond_upon_thames"]["net_saving_gbp"]["mean"]
    assert "steps" not in alone and "limits" not in alone


# ---- limits -------------------------------------------------------------------------------------------------------


def test_limits_pass_through_the_answer_itself(answer: dict[str, Any]) -> None:
    limits, saving = answer["limits"], answer["joiner"]["haringey"]["net_saving_gbp"]["mean"]
    at_once = [row for row in limits["by_volume"] if row["referrals_share"] == 1.0]
    assert at_once[0]["joiner_net_saving_gbp"] == limits["by_teams"]["as-is"]["joiner_net_saving_gbp"] == saving
    on_day = [row for row in limits["by_join_date"] if row["join_date"] == "2019-05-01"]
    later = join(LONDON, ["haringey"], when=date(2019, 5, 1), replications=200).as_dict()
    assert on_day[0]["joiner_net_saving_gbp"] == later["joiner"]["haringey"]["net_saving_gbp"]["mean"]
    longest = on_day[0]["longest_added_wait_days"]
    assert longest["mean"] == max(b["waiting_days"]["change"]["mean"] for b in later["incumbents"].values())
    by_date = limits["by_join_date"]
    assert limits["latest_date_that_pays"] == max(
        row["join_date"] for row in by_date if row["joiner_net_saving_gbp"] > 0
    )


@given(n=st.integers(1, 40), last=st.integers(-1, 39))
def test_the_latest_month_is_found_whatever_it_is(n: int, last: int) -> None:
    months = [add_months(date(2018, 2, 1), k) for k in range(n)]
    asked: list[date] = []

    def from_day(day: date) -> Choice:
        asked.append(day)
        return choice(1.0 if months.index(day) <= last else -1.0, join_date=str(day))

    rows, latest = latest_month(months, from_day)
    assert latest == (None if last < 0 else str(months[min(last, n - 1)]))
    assert len(asked) == len(set(asked)) == len(rows) <= n // 3 + 4
    assert [row.join_date for row in rows] == sorted(str(row.join_date) for row in rows)


def choice(saving: float, **varied: Any) -> Choice:
    """A choice of which only the joiner's net saving is known."""
    blank = dict.fromkeys(Choice.__dataclass_fields__)
    return Choice(**blank | {"joiner_net_saving_gbp": saving} | varied)  # type: ignore[arg-type]


def test_break_even_lies_straight_between_two_points() -> None:
    def rows(*savings: float) -> list[Choice]:
        return [choice(saving, referrals_share=float(k)) for k, saving in enumerate(savings)]

    assert _crossing(rows(-30.0, 10.0, 20.0)) == pytest.approx(0.75)
    assert _crossing(rows(10.0, 20.0)) is None and _crossing(rows(-1.0, -2.0)) is None


def test_a_scenario_without_fft_is_not_offered_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VOLUME_CHOICES", (0.5, 1.0))
    monkeypatch.setattr(module, "joining_months", lambda scenario: [scenario.clock.day_0])
    joined = join(load("essex"), ["haringey@2014-04-01"], replications=20, limits=True)
    assert joined.limits is not None and set(joined.limits.by_teams) == {"as-is", "plus-mst", "own"}


# ---- mistakes -----------------------------------------------------------------------------------------------------


def test_faults_are_told_before_anybody_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "experiment", None)
    with pytest.raises(InputError, match="takes part in pan_london already"):
        join(LONDON, ["sutton"])
    with pytest.raises(InputError, match="window of referrals"):
        join(LONDON, ["haringey"], when=date(2021, 2, 6))
    with pytest.raises(InputError, match="takes part in pan_london already"):
        join(LONDON, ["haringey", "haringey"])
    for options, words in (
        ({"teams": "plus-x"}, "plus-x"),
        ({"cap_on_join": "loose"}, "loose"),
        ({"replications": 0}, "replications"),
        ({"seed": -1}, "seed"),
    ):
        with pytest.raises(OptionError, match=words):
            join(LONDON, ["haringey"], **options)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="at least one borough"):
        join(LONDON, [])


@pytest.mark.parametrize("text", ["haringey@soon", "haringey@", "haringey@2019-13-01"])
def test_a_date_after_the_name_must_be_one(text: str) -> None:
    with pytest.raises(OptionError, match="after @ comes a date such as haringey@2019-04-01"):
        _joining(text, LONDON, None, "as-is")


def test_an_own_date_goes_before_the_date_of_all(tmp_path: Path) -> None:
    day = date(2020, 1, 1)
    assert _joining("haringey@2019-09-01", LONDON, day, "as-is").when == date(2019, 9, 1)
    assert _joining("haringey", LONDON, day, "as-is").when == day
    folder = tmp_path / "a@b"
    folder.mkdir()
    path = folder / "own.toml"
    path.write_text(new_borough("camden"), encoding="utf-8")
    assert _joining(str(path), LONDON, None, "as-is").joiner.slug == "camden"


def test_the_answer_is_plain_data(answer: dict[str, Any]) -> None:
    assert {"joiner", "incumbents", "providers", "investor", "contract", "limits"} <= set(answer)
    assert plain(join(LONDON, ["haringey"], replications=1))["replications"] == 1


@pytest.mark.slow
def test_five_thousand_pairs_take_seconds() -> None:
    """Under 5 s on two quiet processors; processor time (measured: 6 s) hardly depends on who else is at work."""
    started = time.process_time()
    found = join(LONDON, ["haringey"], replications=5000)
    assert found.replications == 5000 and time.process_time() - started < 15


def test_both_columns_stand_side_by_side_where_inputs_are_drawn() -> None:
    both = join(LONDON, ["haringey"], replications=100, outer_draws=10).as_dict()
    alone = join(LONDON, ["haringey"], replications=100).as_dict()
    doubt = both.pop("uncertain")
    assert {**both, "outer_draws": 1} == alone, "chance only stays as it was"
    assert doubt["outer_draws"] == 10
    assert doubt["joiner"]["haringey"]["net_saving_gbp"]["mean"] < alone["joiner"]["haringey"]["net_saving_gbp"]["mean"]
    assert set(doubt["incumbents"]) == set(alone["incumbents"])
    assert all(one["change_in_net_saving_gbp"]["se"] > 0 for one in doubt["incumbents"].values())
