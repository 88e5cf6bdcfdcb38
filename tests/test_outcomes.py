"""Statistics over rows, by hand."""

import math

import numpy as np
import pytest

from edgeofcare import outcomes
from edgeofcare.outcomes import COLUMNS, Rows, expected_shortfall, ignorance_share, joined, paired, standard_error

NAN = math.nan


def stat(*values: object) -> dict[str, object]:
    return vars(outcomes.stat(*values))


def test_a_stat_by_hand() -> None:
    found = stat([1.0, 2.0, 3.0, 4.0], [0, 0, 0, 0])
    assert found["n"] == 4 and found["mean"] == 2.5 and found["p50"] == 2.5
    assert found["sd"] == pytest.approx(math.sqrt(5 / 3)) and found["se"] == pytest.approx(math.sqrt(5 / 3) / 2)
    assert found["p10"] == pytest.approx(1.3) and found["p90"] == pytest.approx(3.7)


def test_a_stat_is_over_replications_in_which_the_figure_exists() -> None:
    found = stat([1.0, NAN, 3.0], [0, 0, 0])
    assert (found["n"], found["mean"]) == (2, 2.0)


def test_a_figure_that_does_not_exist_is_null() -> None:
    found = stat([NAN, NAN], [0, 0])
    assert found == {"n": 0, **dict.fromkeys(("mean", "se", "sd", "p5", "p10", "p50", "p90", "p95"))}
    assert stat([0.0, 0.0], [0, 0], [0.0, 0.0])["n"] == 0


def test_one_replication_has_a_mean_and_no_error() -> None:
    found = stat([3.0], [0])
    assert (found["n"], found["mean"], found["se"], found["sd"], found["p5"]) == (1, 3.0, None, None, 3.0)


def test_a_share_is_sum_over_sum_and_its_quantiles_are_of_replications() -> None:
    found = stat([1.0, 30.0], [0, 0], [2.0, 40.0])
    assert found["mean"] == pytest.approx(31 / 42) and found["p50"] == pytest.approx((0.5 + 0.75) / 2)


def test_a_share_leaves_out_replications_without_a_denominator() -> None:
    found = stat([1.0, 5.0], [0, 0], [2.0, 0.0])
    assert (found["n"], found["mean"]) == (1, 0.5)


def test_the_error_of_nested_draws_is_that_of_their_means() -> None:
    values, draws = np.array([1.0, 3.0, 5.0, 7.0, 9.0, 11.0]), np.array([0, 0, 1, 1, 2, 2])
    assert standard_error(values, draws) == pytest.approx(np.std([2, 6, 10], ddof=1) / math.sqrt(3))
    assert standard_error(values[:1], draws[:1]) is None


def test_the_share_of_ignorance_by_one_way_random_effects() -> None:
    values, draws = [1.0, 3.0, 5.0, 7.0, 9.0, 11.0], [0, 0, 1, 1, 2, 2]
    between = 16 - 2 / 2  # variance of the means 2, 6, 10 less a draw's own variance 2 over its 2 replications
    assert ignorance_share(values, draws) == pytest.approx(between / (between + 2))


def test_the_share_of_ignorance_may_be_negative_and_is_not_cut() -> None:
    share = ignorance_share([1.0, -1.0, 1.1, -1.1], [0, 0, 1, 1])
    assert share is not None and share < 0


def test_the_error_of_a_ratio_is_that_of_its_residuals() -> None:
    found = stat([1.0, 30.0, 11.0], [0, 0, 0], [2.0, 40.0, 18.0])
    residuals = np.array([1 - 0.7 * 2, 30 - 0.7 * 40, 11 - 0.7 * 18]) / 20
    assert found["mean"] == pytest.approx(0.7)
    assert found["se"] == pytest.approx(residuals.std(ddof=1) / math.sqrt(3))


def test_the_share_of_ignorance_needs_two_draws_of_two_replications_and_some_variance() -> None:
    assert ignorance_share([1.0, 2.0], [0, 0]) is None
    assert ignorance_share([1.0, 1.0, 1.0, 1.0], [0, 0, 1, 1]) is None
    assert ignorance_share([1.0, 2.0], [0, 1]) is None


def rows(first: int, draw: int, days: list[int], pence: list[int]) -> Rows:
    columns = {"flows": np.array([pence]), "net_saving_gbp": np.array([[100 * first, 50]])}
    labels = {"date": tuple(days), "borough": ("a", "b")}
    return Rows(columns, np.array([first]), np.array([draw]), labels)


def test_rows_join_in_order_and_flows_stand_on_the_days_of_all() -> None:
    one = joined([rows(0, 0, [5, 7], [1, 2]), rows(1, 0, [3, 7], [20, 10]), rows(2, 1, [7], [100])])
    assert one.replications.tolist() == [0, 1, 2] and one.labels["date"] == (3, 5, 7)
    assert one.columns["flows"].sum(axis=0).tolist() == [20, 1, 112]


def test_money_is_kept_in_pence_and_read_in_pounds_at_a_place_or_in_all() -> None:
    one = joined([rows(1, 0, [7], [1]), rows(3, 0, [7], [1])])
    assert one.at("net_saving_gbp", borough="a").tolist() == [1.0, 3.0]
    assert one.at("net_saving_gbp").tolist() == [1.5, 3.5] and one["net_saving_gbp"].shape == (2, 2)
    with pytest.raises(KeyError, match="no axis year"):
        one.at("net_saving_gbp", year="2018-19")
    with pytest.raises(KeyError, match="borough c is not one of"):
        one.at("net_saving_gbp", borough="c")


def test_one_draw_has_no_clusters_and_several_have() -> None:
    assert rows(0, 0, [7], [1]).clusters is None
    assert joined([rows(0, 0, [7], [1]), rows(1, 1, [7], [1])]).clusters is not None


def test_the_worst_twentieth_is_on_the_side_that_harms() -> None:
    values = np.arange(100.0)
    assert expected_shortfall(values, "high") == 97.0 and expected_shortfall(values, "low") == 2.0
    assert expected_shortfall(values, None) is None
    assert COLUMNS["net_saving_gbp"].bad == "low" and COLUMNS["payments_gbp"].bad == "high"
    assert COLUMNS["referred"].bad is None and COLUMNS["started"].bad is None


def test_a_paired_difference_by_hand() -> None:
    one = paired(np.array([1.0, 2.0, 3.0]))
    assert one.mean == 2.0 and one.se == pytest.approx(1 / math.sqrt(3)) and one.p10 == pytest.approx(1.2)


def test_every_column_says_its_unit_its_label_and_known_axes() -> None:
    units = {"gbp", "count", "days", "weeks", "times", "rate a year", "years", "yes or no", "code", "pence"}
    axes = {"borough", "team", "year", "date", "tranche"}
    for name, column in COLUMNS.items():
        assert column.unit in units and column.label and set(column.axes) <= axes, name
        assert name.endswith("_gbp") == (column.unit == "gbp"), name
