"""Every notebook opens, runs as a script and as a Jupyter notebook, and calls the model instead of being one."""

from __future__ import annotations

import ast
import importlib.util
import io
import math
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from edgeofcare.engine.calibrate import calibrate
from edgeofcare.errors import OptionError
from edgeofcare.pages import Visit
from edgeofcare.pages.serve import notebook_folder
from edgeofcare.pages.shell import PAGES

NOTEBOOKS = {path.stem: path for path in sorted(notebook_folder().glob("*.py"))}
AT_START = sorted(set(NOTEBOOKS) - {"business_case"})
LONGEST_LINES = 120
ALLOWED = (ast.Mult, ast.Div)  # one multiplication; a folder / a file name


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with this Python, away from the repository."""
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=folder, timeout=600)


@lru_cache
def opened(name: str) -> dict[str, Any]:
    """What a notebook defines once it has run."""
    spec = importlib.util.spec_from_file_location(name, NOTEBOOKS[name])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.app.run()[1])


# ---- as text -------------------------------------------------------------------------------------------------------


def test_there_is_a_notebook_for_each_page() -> None:
    assert set(NOTEBOOKS) == set(PAGES)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_short_and_says_what_it_asks(name: str) -> None:
    text = NOTEBOOKS[name].read_text("utf-8")
    assert len(text.splitlines()) < LONGEST_LINES
    assert (ast.get_docstring(ast.parse(text)) or "").endswith(".")
    assert PAGES[name].title in text, "its window bears the title of its page"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_holds_no_model_code(name: str) -> None:
    tree = ast.parse(NOTEBOOKS[name].read_text("utf-8"))
    sums = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp | ast.AugAssign) and not isinstance(node.op, ast.BitOr) and not is_words(node)
    ]
    assert all(isinstance(node.op, ALLOWED) for node in sums), [ast.unparse(node) for node in sums]
    assert len([node for node in sums if isinstance(node.op, ast.Mult)]) <= 1
    paths = [node for node in sums if isinstance(node.op, ast.Div)]
    assert all(ast.unparse(node).startswith("Path(") for node in paths)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While)]


def is_words(node: ast.BinOp | ast.AugAssign) -> bool:
    """Whether it joins texts or lists that are written out."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and "_html()" in ast.unparse(node)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_imports_only_the_package_marimo_and_the_standard_library(name: str) -> None:
    tree = ast.parse(NOTEBOOKS[name].read_text("utf-8"))
    plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    named = [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    known = {"edgeofcare", "marimo", *sys.stdlib_module_names} - {"random", "math", "statistics"}
    assert {name.split(".")[0] for name in plain + named} <= known


def test_marimo_finds_nothing_wrong(tmp_path: Path) -> None:
    done = run("-m", "marimo", "check", "--strict", *map(str, NOTEBOOKS.values()), folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- as it runs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AT_START)
def test_a_notebook_opens_with_an_answer(name: str) -> None:
    defs = opened(name)
    visit = defs["visit"]
    assert visit.form.problem == visit.form.note == "" and visit.form.errors == {} and visit.form.link == ""
    assert visit.page.slug == name and defs["shown"] is visit.shown is not None
    said = [number for _, number in visit.shown.view.headline]
    assert said and all(str(one) for one in said)
    assert any(one.number is not None and math.isfinite(one.number) for one in said)
    html = visit.answer_html()
    assert '<h2 class="question">' in html and "Inputs of this answer" in html
    words = set(html.replace(">", " ").replace("<", " ").replace(",", " ").split())
    assert not words & {"nan", "None", "inf", "-inf", "NaN", "£nan", "nan%", "inf%"}
    content = visit.download("xlsx")[2]
    assert openpyxl.load_workbook(io.BytesIO(content)).sheetnames[:2] == ["Answer", "Inputs"]
    assert visit.download("html")[2] and visit.download("toml")[2]


@pytest.mark.parametrize("name", ["calibrate", "one_child", "payment_structures", "investor_stress"])
@pytest.mark.parametrize("texts", [{"scenario": "essex"}, {"usual": "40", "therapy": "40"}], ids=["essex", "no effect"])
def test_a_notebook_answers_for_essex_and_for_no_effect(name: str, texts: dict[str, str]) -> None:
    visit = Visit(opened(name)["visit"].page, texts | {"replications": "100"})
    visit.update()
    assert visit.form.problem == "" and visit.form.errors == {} and visit.shown is not None
    assert visit.shown.view.scenario.name == texts.get("scenario", "pan_london")
    if "usual" in texts:
        assert calibrate(visit.shown.view.scenario).hazard_ratio == 1.0


def test_the_business_case_waits_for_run() -> None:
    defs = opened("business_case")
    visit = defs["visit"]
    assert defs["shown"] is None and visit.shown is None and visit.form.problem == ""
    assert "No answer yet. Press Run." in visit.answer_html()
    with pytest.raises(OptionError, match="There is no answer yet"):
        visit.download("pdf")


@pytest.mark.slow
def test_the_business_case_is_made_on_run_and_taken_away_whole() -> None:
    visit = Visit(opened("business_case")["visit"].page, {"replications": "100"})
    visit.form.presses = {"run": 1}
    visit.update()
    assert visit.form.problem == "" and visit.shown is not None and visit.form.progress == {}
    starts = {"html": b"<!", "pdf": b"%PDF", "docx": b"PK", "xlsx": b"PK"}
    for kind, start in starts.items():
        name, mime, content = visit.download(kind)
        assert name.endswith(f".{kind}") and mime and content.lstrip().startswith(start) and len(content) > 20_000


# ---- as a script and as a Jupyter notebook -------------------------------------------------------------------------


SCRIPTS = [pytest.param(name, marks=[] if name == "one_child" else [pytest.mark.slow]) for name in NOTEBOOKS]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_notebook_runs_as_a_script(name: str, tmp_path: Path) -> None:
    done = run(str(NOTEBOOKS[name]), folder=tmp_path)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == [], "it leaves no files where it is run"


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_in_jupyter(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    import nbformat
    from nbclient import NotebookClient

    # Kernels that the computer has besides are not looked for: python3 is then this very Python.
    for place in ("DATA", "RUNTIME", "CONFIG"):
        monkeypatch.setenv(f"JUPYTER_{place}_DIR", str(tmp_path / place.lower()))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    path = tmp_path / f"{name}.ipynb"
    done = run("-m", "marimo", "export", "ipynb", str(NOTEBOOKS[name]), "-o", str(path), folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    book = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(book, kernel_name="python3", timeout=300, resources=place).execute()
    outputs = [one for cell in book.cells if cell.cell_type == "code" for one in cell.outputs]
    assert not [one for one in outputs if one.output_type == "error"]
    said = "".join(one["data"].get("text/html", "") for one in outputs if "data" in one)
    assert ("No answer yet. Press Run." if name == "business_case" else '<h2 class="question">') in said
