"""Pictures: same bytes when made again, words and tables from the numbers, readable, safe for any name."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure as Canvas

from edgeofcare.documents.document import Drawing, Figure
from edgeofcare.documents.pictures import chart_style, figures, picture

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
YEARS = ["2017-18", "2018-19", "2019-20"]


def bands(*middle: float, spread: float = 100_000.0) -> dict[str, list[float]]:
    """Bands around a middle line that widen with every step."""
    return {
        key: [m + k * spread * i for i, m in enumerate(middle)]
        for key, k in (("p5", -2), ("p25", -1), ("p50", 0), ("p75", 1), ("p95", 2), ("mean", 0))
    }


def series() -> dict[str, Any]:
    """Numbers of a run small enough to check by hand."""
    return {
        "financial_years": YEARS,
        "cumulative_gbp": {"payments": bands(0, 1_000_000, 2_500_000), "net_saving": bands(0, 200_000, 1_250_000)},
        "investor": {
            "dates": ["2017-07-01", "2018-01-01", "2019-04-01", "2020-07-01"],
            "cumulative_gbp": bands(-500_000, -1_400_000, 300_000, 700_000),
            "irr": [-0.03, 0.04, 0.051, 0.055, 0.12],
            "irr_outcomes": {"unique": 5, "none": 2, "several": 1, "total_loss": 2, "not_needed": 0},
            "profit_gbp_quantiles": [-250_000 + 10_000 * i for i in range(101)],
            "loss_prob": 0.25,
        },
        "bridge_gbp": [
            {"step": "Care cost avoided", "gbp": 5_000_000.0},
            {"step": "Not cashable", "gbp": -1_000_000.0},
            {"step": "Paid by boroughs", "gbp": -2_500_000.0},
            {"step": "Boroughs' own costs", "gbp": -250_000.0},
            {"step": "Boroughs keep", "gbp": 1_250_000.0},
        ],
        "teams": {
            "mst_a": {"slots_used_share": 0.42, "therapy": "mst"},
            "outreach_team": {"slots_used_share": 1.0, "therapy": "fft"},
        },
        "boroughs": {
            "newham": {"name": "Newham", "waiting_days": 16.2, "started": 40.0},
            "sutton": {"name": "Sutton", "waiting_days": 0.1, "started": 20.0},
        },
    }


def stat(mean: float) -> dict[str, float]:
    return {"mean": mean, "p10": mean - 300_000, "p90": mean + 400_000}


def exposure() -> dict[str, Any]:
    one = {"name": "Newham", "payments_gbp": stat(2e6), "net_saving_gbp": stat(1e6), "better_off_prob": 1.0}
    two = {"name": "Sutton", "payments_gbp": stat(5e5), "net_saving_gbp": stat(-1e5), "better_off_prob": 0.4}
    return {"replications": 500, "boroughs": {"sutton": two, "newham": one}}


def contracts() -> dict[str, Any]:
    def contract(name: str, paid: float, kept: float, null: float) -> dict[str, Any]:
        return {
            "name": name,
            "price_factor": 1.0,
            "payments_gbp": {"mean": paid},
            "net_saving_gbp": {"mean": kept},
            "if_no_effect": {"payments_gbp": {"mean": null}, "net_saving_gbp": {"mean": -null}},
        }

    return {
        "scenario": "own",
        "contracts": {
            "own": contract("Weeks out of care", 3e6, 2e6, 1.5e6),
            "other": contract("Care days saved", 2e6, 3e6, 0.2e6),
        },
    }


def tornado() -> dict[str, Any]:
    def bar(path: str, low: float | None, high: float | None, swing: float) -> dict[str, Any]:
        return {
            "path": path,
            "value": 0.5,
            "swing": swing,
            "low": {"at": 0.25, "output": low, "problem": ""},
            "high": {"at": 0.75, "output": high, "problem": ""},
        }

    return {
        "output": "profit",
        "base": 1e6,
        "bars": [
            bar("effect.therapy", -1e6, 2e6, 3e6),
            bar("costs.management.0.gbp_per_year", 1.2e6, 1.1e6, 2e5),
            bar("referrals.accept_prob", None, 1.1e6, 1e5),
            bar("prices.still", 1e6, 1e6, 0.0),
        ],
    }


def lives() -> dict[str, Any]:
    """Two children: one in care without therapy for 400 of 1,000 days from the start to 18; one never in care."""
    first: dict[str, Any] = {"started": 10, "stopped": 110, "completed": True, "borough": "x", "birthday_18": 1010}
    first["arms"] = {
        "usual": [
            {"day": 110, "place": "foster_agency"},
            {"day": 210, "place": "residential"},
            {"day": 410, "place": "home"},
            {"day": 910, "place": "supported"},
            {"day": 1010, "place": "home"},
        ],
        "therapy": [{"day": 60, "place": "kinship"}, {"day": 80, "place": "home"}],
    }
    second = {
        "started": 5,
        "stopped": 900,
        "completed": False,
        "borough": "x",
        "referred": 0,
        "birthday_18": 405,
        "arms": {"usual": [], "therapy": []},
    }
    return {"replication": 0, "n_starters": 2, "children": [second, first]}


def everything() -> list[Figure]:
    s = series()
    return [
        figures.payments_fan(s),
        figures.net_saving_fan(s),
        figures.bridge(s),
        figures.j_curve(s),
        figures.irr_histogram(s),
        figures.exceedance(s),
        figures.teams(s),
        figures.lives(lives()),
        figures.tornado(tornado()),
        figures.contracts(contracts()),
        figures.boroughs(exposure()),
    ]


@pytest.fixture(scope="module")
def made() -> dict[str, Figure]:
    return {figure.name: figure for figure in everything()}


def drawn(monkeypatch: pytest.MonkeyPatch, draw: Callable[[], Any]) -> Canvas:
    """The canvas of a picture as it was laid out."""
    kept: list[Canvas] = []
    whole = chart_style.drawn

    def keep(name: str, title: str, description: str, canvas_of: Callable[[], Canvas]) -> Drawing:
        def canvas() -> Canvas:
            kept.append(canvas_of())
            return kept[0]

        return whole(name, title, description, canvas)

    monkeypatch.setattr(chart_style, "drawn", keep)
    assert draw().drawing
    return kept[0]


def test_a_picture_is_drawn_when_it_is_first_looked_at_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    whole = chart_style.drawn

    def counted(name: str, *rest: Any) -> Drawing:
        calls.append(name)
        return whole(name, *rest)

    monkeypatch.setattr(chart_style, "drawn", counted)
    figure = figures.payments_fan(series())
    assert figure.description and figure.table.rows and calls == []
    assert figure.svg and figure.png and figure.svg and calls == ["payments-fan"]


def test_pictures_that_nobody_looks_at_load_no_library_that_draws() -> None:
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{WITHOUT_DRAWING}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


WITHOUT_DRAWING = """
from edgeofcare.documents.answers import calibration, child, contracts, investor, join
from edgeofcare.documents.papers import business_case
from edgeofcare.documents.pictures import figures
assert "matplotlib" not in sys.modules
"""


# ---- the same again ------------------------------------------------------------------------------------------------

HASHES = """
import hashlib, sys
sys.path.insert(0, {tests!r})
from test_figures import everything
for figure in everything():
    print(figure.name, hashlib.sha256(figure.svg.encode() + figure.png).hexdigest())
"""


def hashes(tmp_path: Path, seed: str, settings: str) -> str:
    home = tmp_path / seed
    home.mkdir()
    (home / "matplotlibrc").write_text(settings, encoding="utf-8")
    code = HASHES.format(tests=str(Path(__file__).parent))
    env = os.environ | {"PYTHONHASHSEED": seed, "MATPLOTLIBRC": str(home / "matplotlibrc")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_made_again_it_is_the_same_byte_by_byte_whatever_a_users_settings(
    tmp_path: Path, made: dict[str, Figure]
) -> None:
    here = "".join(f"{name} {hashlib.sha256(f.svg.encode() + f.png).hexdigest()}\n" for name, f in made.items())
    assert hashes(tmp_path, "1", "font.size: 20\nsvg.fonttype: none\naxes.facecolor: red\n") == here
    assert hashes(tmp_path, "2", "") == here


def test_other_numbers_make_another_picture(made: dict[str, Figure]) -> None:
    other = series()
    other["cumulative_gbp"]["payments"] = bands(0, 900_000, 2_400_000)
    again = figures.payments_fan(other)
    assert again.svg != made["payments-fan"].svg and again.png != made["payments-fan"].png
    assert again.description != made["payments-fan"].description


# ---- what every picture holds --------------------------------------------------------------------------------------


def test_svg_is_named_described_and_needs_nothing_from_outside(made: dict[str, Figure]) -> None:
    for name, figure in made.items():
        root = ElementTree.fromstring(figure.svg)
        title, desc = list(root)[:2]
        assert (root.tag, title.tag, desc.tag) == (f"{SVG}svg", f"{SVG}title", f"{SVG}desc"), name
        assert (title.text, desc.text) == (figure.title, figure.description)
        assert (root.get("role"), root.get("aria-labelledby")) == ("img", title.get("id"))
        assert root.get("aria-describedby") == desc.get("id")
        kinds = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert not kinds & {"script", "text", "image", "foreignObject", "metadata"}, kinds
        addresses = set(re.findall(r"https?://[^\"'\s<]+", figure.svg))
        assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
        assert "<!--" not in figure.svg and figure.svg.startswith("<svg")


def test_ids_are_of_their_own_on_a_page_with_all_pictures_and_all_references_are_found(made: dict[str, Figure]) -> None:
    page = [element for figure in made.values() for element in ElementTree.fromstring(figure.svg).iter()]
    ids = [element.get("id") for element in page if element.get("id")]
    assert len(ids) == len(set(ids))
    used = {element.get(HREF, "")[1:] for element in page if element.get(HREF)}
    used |= {at for element in page for value in element.attrib.values() for at in re.findall(r"url\(#(.*?)\)", value)}
    assert used and used <= set(ids)


def test_png_fills_the_width_of_the_text_at_150_dots_an_inch(made: dict[str, Figure]) -> None:
    for figure in made.values():
        assert figure.png[:8] == b"\x89PNG\r\n\x1a\n"
        assert abs(struct.unpack(">I", figure.png[16:20])[0] - 170 / 25.4 * 150) <= 1


def test_words_and_table_stand_with_every_picture(made: dict[str, Figure]) -> None:
    for figure in made.values():
        assert figure.description.endswith(".") and re.search(r"\d", figure.description)
        assert figure.table.rows and all(len(row) == len(figure.table.head) for row in figure.table.rows)
        assert not re.search(r"\bnan\b|None|inf\b", figure.description + str(figure.table.rows))


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_stand_out_on_white() -> None:
    """Web Content Accessibility Guidelines 2.2, 1.4.11: at least 3 to 1; colours of words, 1.4.3: 4.5 to 1."""
    contrast = {
        name: 1.05 / (luminance(getattr(picture, name)) + 0.05)
        for name in ("NAVY", "TEAL", "CRIMSON", "ORANGE", "GREY", "PLUM")
    }
    assert min(contrast.values()) >= 3
    assert min(contrast[name] for name in ("NAVY", "CRIMSON", "GREY")) >= 4.5


def test_places_differ_without_colour() -> None:
    """No two places have the same hatch, but those without any are of clearly different darkness (3 to 1)."""
    looks = [(colour, hatch) for _, colour, hatch in figures.PLACES.values()]
    hatched = [hatch for _, hatch in looks if hatch]
    assert len(hatched) == len(set(hatched)) and "|||||" not in hatched
    plain = sorted(0.0 if colour == "black" else luminance(colour) for colour, hatch in looks if not hatch)
    assert plain[-1] / max(plain[0], 0.05) > 3


DRAWN: dict[str, Callable[[], Figure]] = {
    "payments": lambda: figures.payments_fan(series()),
    "net saving": lambda: figures.net_saving_fan(series()),
    "bridge": lambda: figures.bridge(series()),
    "bridge of a loss": lambda: figures.bridge(loss()),
    "j-curve": lambda: figures.j_curve(series()),
    "j-curve of a loss": lambda: figures.j_curve(loss()),
    "irr": lambda: figures.irr_histogram(series()),
    "no irr": lambda: figures.irr_histogram(loss()),
    "exceedance": lambda: figures.exceedance(series()),
    "exceedance of a loss": lambda: figures.exceedance(loss()),
    "teams": lambda: figures.teams(series()),
    "lives": lambda: figures.lives(lives()),
    "tornado": lambda: figures.tornado(tornado()),
    "contracts": lambda: figures.contracts(contracts()),
    "boroughs": lambda: figures.boroughs(exposure()),
    "one borough": lambda: figures.boroughs({"replications": 9, "boroughs": {"x": exposure()["boroughs"]["sutton"]}}),
    "33 boroughs": lambda: figures.boroughs(
        {"replications": 9, "boroughs": {i: exposure()["boroughs"]["newham"] for i in range(33)}}
    ),
}


def loss() -> dict[str, Any]:
    """A contract under which nobody gets anything back."""
    s = series()
    s["cumulative_gbp"]["net_saving"] = bands(0, -1_000_000, -2_500_000)
    s["investor"] |= {
        "cumulative_gbp": bands(-500_000, -1_400_000, -1_400_000, -1_300_000),
        "irr": [],
        "loss_prob": 1.0,
        "irr_outcomes": {"unique": 0, "none": 7, "several": 1, "total_loss": 2, "not_needed": 0},
        "profit_gbp_quantiles": [-1_400_000 + 1000 * i for i in range(101)],
    }
    s["bridge_gbp"] = [
        {"step": "Care cost avoided", "gbp": 0.0},
        {"step": "Not cashable", "gbp": 0.0},
        {"step": "Paid by boroughs", "gbp": -2_500_000.0},
        {"step": "Boroughs' own costs", "gbp": -0.0},
        {"step": "Boroughs keep", "gbp": -2_500_000.0},
    ]
    return s


@pytest.mark.parametrize("name", DRAWN)
def test_words_in_a_picture_are_large_inside_it_and_clear_of_each_other(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = drawn(monkeypatch, DRAWN[name])
    canvas.draw_without_rendering()
    texts = words_of(canvas)
    assert min(text.get_fontsize() for text in texts) >= 9
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    page = canvas.bbox
    for words, box in boxes:
        assert box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1, words
        assert box.y0 >= page.y0 - 1 and box.y1 <= page.y1 + 1, words
    for (a, one), (b, two) in combinations(boxes, 2):
        wide = min(one.x1, two.x1) - max(one.x0, two.x0)
        high = min(one.y1, two.y1) - max(one.y0, two.y0)
        assert wide <= 2 or high <= 3, (a, b)  # pixels of 1/150 inch: boxes hold room above and below letters


def words_of(canvas: Canvas) -> list[Any]:
    """All texts that are drawn; ticks beyond the limits of an axis exist but are not."""
    legends = [legend for legend in [*canvas.legends, *(axes.get_legend() for axes in canvas.axes)] if legend]
    found = [text for legend in legends for text in [legend.get_title(), *legend.get_texts()]]
    for axes in canvas.axes:
        found += [axes.title, axes._left_title, axes._right_title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
        found += [
            tick.label1
            for axis in (axes.xaxis, axes.yaxis)
            for tick in axis._update_ticks()
            if tick.label1.get_visible()
        ]
    return [text for text in found if text.get_text().strip()]


NASTY = "<script>alert(\"x\")</script> & $\\frac{1}{2}$ =1+1 --> 'quoted'"


def test_any_name_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    s, e, c, t = series(), exposure(), contracts(), tornado()
    s["boroughs"]["newham"]["name"] = e["boroughs"]["newham"]["name"] = c["contracts"]["other"]["name"] = NASTY
    made = [figures.teams(s), figures.boroughs(e), figures.contracts(c), figures.tornado(t, {"effect.therapy": NASTY})]
    for figure in made:
        root = ElementTree.fromstring(figure.svg)
        assert not [element for element in root.iter() if element.tag.endswith("script")]
        assert any(NASTY in cell for row in figure.table.rows for cell in row)
        desc = root.find(f"{SVG}desc")
        assert desc is not None and desc.text == figure.description and NASTY in figure.description


# ---- fans, bridge --------------------------------------------------------------------------------------------------


def test_fan_says_where_it_ends_and_lists_every_year(made: dict[str, Figure]) -> None:
    figure = made["payments-fan"]
    assert "2019-20" in figure.description
    assert all(amount in figure.description for amount in ("£2.50m", "£2.10m", "£2.90m"))
    assert figure.table.rows[1] == ("2018-19", "£800k", "£900k", "£1.00m", "£1.10m", "£1.20m")
    assert [row[0] for row in figure.table.rows] == YEARS


def test_bridge_stands_where_the_step_before_ends_and_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    canvas = drawn(monkeypatch, lambda: figures.bridge(series()))
    bars = [(patch.get_y(), patch.get_y() + patch.get_height()) for patch in canvas.axes[0].patches]
    assert bars == [(0, 5e6), (5e6, 4e6), (4e6, 1.5e6), (1.5e6, 1.25e6), (0, 1.25e6)]
    assert all(one[1] == two[0] for one, two in pairwise(bars[:4])) and bars[3][1] == bars[4][1]


# ---- the investor --------------------------------------------------------------------------------------------------


def test_j_curve_marks_the_most_in_and_the_way_back(made: dict[str, Figure]) -> None:
    assert made["j-curve"].description == (
        "In the middle simulated contract at most £1.40m is in at once, first in January 2018; it is paid back in "
        "April 2019, and investors end at £700k."
    )
    assert made["j-curve"].table.rows[0][0] == "1 July 2017"


def test_j_curve_of_a_loss_is_never_paid_back() -> None:
    assert "never paid back in full, and investors end at -£1.30m" in figures.j_curve(loss()).description


def test_j_curve_without_need_of_money() -> None:
    s = series()
    s["investor"]["cumulative_gbp"] = bands(0, 100_000, 200_000, 300_000)
    assert "never needed" in figures.j_curve(s).description


def test_irr_histogram_counts_every_contract_once(made: dict[str, Figure]) -> None:
    rows = made["irr-histogram"].table.rows
    assert sum(int(row[1]) for row in rows) == 10
    others = {row[0]: row[1] for row in rows if row[0][0].isalpha()}
    assert others == {"all lost": "2", "no rate": "2", "several rates": "1"}
    assert made["irr-histogram"].description == (
        "5 of 10 simulated contracts have one rate of return, from -3.0% to 12.0% a year, the middle one 5.1%; "
        "all lost in 2, no rate in 2, several rates in 1."
    )


def test_no_rate_and_all_lost_have_bars_even_if_there_is_none_and_the_rest_only_if_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s = series()
    s["investor"]["irr_outcomes"] = {"unique": 5, "none": 0, "several": 0, "total_loss": 0, "not_needed": 0}
    canvas = drawn(monkeypatch, lambda: figures.irr_histogram(s))
    right = canvas.axes[1]
    assert [label.get_text() for label in right.get_xticklabels()] == ["all lost", "no rate"]
    assert [patch.get_height() for patch in right.patches] == [0, 0]
    assert sum(patch.get_height() for patch in canvas.axes[0].patches) == pytest.approx(1)


def test_no_rate_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = figures.irr_histogram(loss())
    assert figure.description.startswith("None of 10 simulated contracts has one rate of return: all lost in 2")
    assert [row[0] for row in figure.table.rows] == ["all lost", "no rate", "several rates"]


RATES = st.floats(-0.999, 50) | st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.15, 0.3, 0.7])


@given(st.lists(RATES, min_size=1, max_size=30))
def test_every_rate_lies_in_one_bar(rates: list[float]) -> None:
    edges = figures._rate_edges(rates)
    assert sum(low <= rate < high for rate in rates for low, high in pairwise(edges)) == len(rates)
    assert 2 <= len(edges) <= figures.MOST_RATE_BARS + 4


def test_exceedance_is_one_minus_the_share_below(monkeypatch: pytest.MonkeyPatch, made: dict[str, Figure]) -> None:
    canvas = drawn(monkeypatch, lambda: figures.exceedance(series()))
    xs, ys = canvas.axes[0].lines[0].get_data()
    at = dict(zip((round(float(x)) for x in xs), ys, strict=True))
    assert (at[-250_000], at[750_000]) == (1, 0)
    assert at[0] == pytest.approx(0.75) == 1 - series()["investor"]["loss_prob"]
    assert all(one >= two for one, two in pairwise(ys))
    assert made["exceedance"].table.rows[0] == ("95 in 100", "-£200k")
    assert made["exceedance"].description.endswith("They lose money in 25 in 100 simulated contracts.")


# ---- what would change the answer ----------------------------------------------------------------------------------


def test_tornado_ends_stand_at_their_results(monkeypatch: pytest.MonkeyPatch) -> None:
    canvas = drawn(monkeypatch, lambda: figures.tornado(tornado()))
    ends = [patch.get_x() + patch.get_width() for patch in canvas.axes[0].patches]
    assert ends == [-1e6, 2e6, 1.2e6, 1.1e6, 1.1e6]  # the end that cannot be had has no bar
    rows = [patch.get_y() for patch in canvas.axes[0].patches]
    assert rows[0] == rows[1] and rows[2] < rows[3]  # both above the base: side by side, not one over the other


def test_tornado_takes_words_where_there_are_any_and_leaves_out_what_moves_nothing() -> None:
    figure = figures.tornado(tornado(), {"effect.therapy": "Days out of care"})
    assert [row[0] for row in figure.table.rows] == [
        "Days out of care",
        "costs.management.0.gbp_per_year",
        "referrals.accept_prob",
    ]
    assert figure.table.rows[0] == ("Days out of care", "0.25", "-£1.00m", "0.75", "£2.00m")
    assert figure.table.rows[2][2] == "cannot be had"
    assert "Days out of care, -£1.00m at 0.25 to £2.00m at 0.75" in figure.description


def test_tornado_of_a_rate_and_without_a_base() -> None:
    found = tornado() | {"output": "irr", "base": None}
    for bar in found["bars"]:
        bar["low"]["output"], bar["high"]["output"] = 0.05, 0.125
    figure = figures.tornado(found)
    assert "cannot be had" in figure.description and figure.table.rows[0][2:] == ("5.0%", "0.75", "12.5%")


def test_tornado_that_moves_nothing() -> None:
    found = tornado()
    found["bars"] = found["bars"][-1:]
    assert figures.tornado(found).description == "No input moves the investors' expected profit."


# ---- teams and children --------------------------------------------------------------------------------------------


def test_teams_have_words(made: dict[str, Figure]) -> None:
    assert [row[0] for row in made["teams"].table.rows] == ["Team MST A", "Team Outreach team", "Newham", "Sutton"]
    assert figures.teams(series(), {"mst_a": "North"}).table.rows[0] == ("Team North", "42%", "")


def test_pieces_of_a_life_by_hand() -> None:
    child = lives()["children"][1]
    assert figures._pieces(child, "usual") == [
        ("at home", 0, 100),
        ("foster_agency", 100, 200),
        ("residential", 200, 400),
        ("at home", 400, 900),
        ("supported", 900, 1000),
    ]
    assert figures._pieces(child, "therapy") == [
        (figures.THERAPY, 0, 50),
        ("kinship", 50, 70),
        (figures.THERAPY, 70, 100),
        ("at home", 100, 1000),
    ]


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.sampled_from(["home", *figures.PLACES])), max_size=12),
    st.integers(0, 500),
    st.integers(1, 2500),
    st.integers(0, 3000),
)
def test_pieces_fill_the_time_from_start_to_18_without_gap(
    stays: list[tuple[int, str]], start: int, length: int, therapy: int
) -> None:
    events = [{"day": day, "place": place} for day, place in sorted(stays)]
    child = {
        "started": start,
        "stopped": start + therapy,
        "birthday_18": start + length,
        "arms": {"usual": events, "therapy": events},
    }
    for arm in ("usual", "therapy"):
        pieces = figures._pieces(child, arm)
        assert pieces[0][1] == 0 and pieces[-1][2] == length
        assert all(one[2] == two[1] for one, two in pairwise(pieces))
    usual, therapy = (figures.days_in_care(figures._pieces(child, arm)) for arm in ("usual", "therapy"))
    assert usual == therapy


def test_lives_add_up_months_in_care(made: dict[str, Figure]) -> None:
    """400 days in care without therapy, 20 with: 13 months and 1."""
    rows = {row[0]: row[1:] for row in made["lives"].table.rows}
    assert rows["In care, all places"] == ("13", "1", "1", "1")
    assert rows["Agency foster carer"] == ("3", "0", "1", "0")
    assert "Of 2 children who start therapy" in made["lives"].description
    assert "Secure home" not in rows


def test_lives_stand_in_the_same_order_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child longest in care without therapy is on top of both sides."""
    canvas = drawn(monkeypatch, lambda: figures.lives(lives()))
    for axes in canvas.axes:
        lengths = [path.vertices[1][0] for path in axes.collections[0].get_paths()]
        assert lengths == pytest.approx([1000 / 365.25, 400 / 365.25])


# ---- side by side --------------------------------------------------------------------------------------------------


def test_contracts_stand_in_the_order_of_what_boroughs_keep(made: dict[str, Figure]) -> None:
    rows = made["contracts"].table.rows
    assert rows[0] == ("Care days saved (Other)", "£2.00m", "£200k", "£3.00m", "-£200k")
    assert rows[1][0] == "Weeks out of care (this contract)"
    assert made["contracts"].table.note.startswith("Prices as published.")
    assert "most under Care days saved (Other), £3.00m, and least under Weeks" in made["contracts"].description


def test_contracts_without_a_world_of_no_effect_and_with_scaled_prices() -> None:
    found = contracts()
    for c in found["contracts"].values():
        del c["if_no_effect"]
        c["price_factor"] = 1.1
    figure = figures.contracts(found)
    assert figure.table.rows[0][2] == "-" and "nothing" not in figure.description
    assert figure.table.note.startswith("Prices are scaled")


def test_boroughs_by_what_they_pay_with_chance_and_range(made: dict[str, Figure]) -> None:
    assert made["boroughs"].table.rows == (
        ("Newham", "£2.00m", "£1.00m", "£700k", "£1.40m", "all 500"),
        ("Sutton", "£500k", "-£100k", "-£400k", "£300k", "40 in 100"),
    )
    assert "Sutton is better off than without the contract in 40 in 100" in made["boroughs"].description


def test_a_picture_of_many_boroughs_fits_a_page_and_its_table_has_all() -> None:
    one = exposure()["boroughs"]["newham"]
    many = {str(i): copy.deepcopy(one) | {"name": f"Borough {i}"} for i in range(40)}
    figure = figures.boroughs({"replications": 500, "boroughs": many})
    assert len(figure.table.rows) == 40
    height = struct.unpack(">I", figure.png[20:24])[0] / 150 * 25.4
    assert height < 257  # millimetres: A4 with margins of 20


def test_figures_need_nothing_but_json() -> None:
    """Parts come from files: what JSON keeps is enough."""
    again = json.loads(json.dumps(series()))
    assert figures.teams(again).svg == figures.teams(series()).svg
