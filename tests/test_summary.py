"""Statistics over rows, by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from edgeofcare.summary import Tables, ignorance_share, join_tables, standard_error, stat

NAN = math.nan


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


def rows(first: int, draw: int, days: list[int], pence: list[int]) -> Tables:
    one = pd.DataFrame({"replication": [first]})
    flows = pd.DataFrame({"day": days, "pence": pence})
    return Tables(one, one, one, pd.DataFrame({"draw": [draw]}), flows)


def test_tables_join_in_order_with_flows_added_by_day_and_each_draw_once() -> None:
    found = join_tables([rows(0, 0, [5, 7], [1, 2]), rows(1, 0, [7, 3], [10, 20]), rows(2, 1, [7], [100])])
    assert found.replications["replication"].tolist() == [0, 1, 2]
    assert found.draws["draw"].tolist() == [0, 1]
    assert found.flows.to_dict("list") == {"day": [3, 5, 7], "pence": [20, 1, 112]}
