"""Folders that were damaged or altered: report and verify name the file, no traceback, no report without a word."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeofcare.documents.papers.report import write_report
from edgeofcare.documents.read import read_case
from edgeofcare.errors import BusyError, RunFolderError
from edgeofcare.inputs.schema import Scenario
from edgeofcare.locks import Lock
from edgeofcare.questions import case as module
from edgeofcare.questions.case import make_case
from edgeofcare.questions.verify import verify
from edgeofcare.walk import run

FEW_PARTS = ("inputs", "assumptions", "summary")


@pytest.fixture(scope="module")
def few_parts() -> Any:
    """A case of three parts, which are made in a moment."""
    whole = module._parts
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_parts", lambda *asked: {k: v for k, v in whole(*asked).items() if k in FEW_PARTS})
        yield


@pytest.fixture(scope="module")
def made(small_scenario: Scenario, few_parts: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run and a case as they were written."""
    place = tmp_path_factory.mktemp("made")
    run(small_scenario, replications=10, out=place / "run", workers=1)
    return {"run": place / "run", "case": make_case(small_scenario, place / "case", 10, outer_draws=1)}


@pytest.mark.parametrize("kind", ["run", "case"])
def test_a_fresh_folder_is_verified_and_reported(kind: str, made: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made[kind], tmp_path / kind))
    (path,) = write_report(folder, ["html"])
    assert "ALTERED" not in path.read_text("utf-8")
    found = verify(folder, workers=1)
    assert found.passed and not found.differences, "a report in the folder changes nothing"


@pytest.mark.parametrize("kind", ["run", "case"])
def test_a_changed_byte_in_any_file_is_named(kind: str, made: dict[str, Path], tmp_path: Path) -> None:
    for name in [path.name for path in made[kind].iterdir()]:
        folder = Path(shutil.copytree(made[kind], tmp_path / name))
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 3] ^= 2
        (folder / name).write_bytes(content)
        with pytest.raises(RunFolderError, match=name):
            write_report(folder, ["html"])
        assert refused(folder, name)


def refused(folder: Path, name: str = "") -> bool:
    """Tell whether verify refuses a folder, naming a file."""
    try:
        found = verify(folder, workers=1)
    except RunFolderError as error:
        return name in str(error)
    return not found.passed and (not name or name in found.changed)


def test_altered_but_anyway(made: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made["case"], tmp_path / "case"))
    text = (folder / "summary.json").read_text("utf-8")
    (folder / "summary.json").write_text(text.replace("0", "1", 1), "utf-8")
    paths = write_report(folder, ["html", "pdf", "docx", "xlsx"], anyway=True)
    page = paths[0].read_text("utf-8")
    assert (
        '<p class="stamp" role="note">ALTERED</p>' in page and "ALTERED: summary.json is not as first written" in page
    )
    from pypdf import PdfReader

    assert all("ALTERED" in sheet.extract_text() for sheet in PdfReader(paths[1]).pages)
    import docx

    assert all("ALTERED" in s.header.paragraphs[0].text for s in docx.Document(str(paths[2])).sections)
    import openpyxl

    book = openpyxl.load_workbook(paths[3])
    assert all(sheet["A1"].value.startswith("ALTERED: ") for sheet in book)
    assert all("ALTERED" in sheet.oddHeader.center.text for sheet in book)


def test_where_it_comes_from_stands_in_the_document(made: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made["case"], tmp_path / "case"))
    page = write_report(folder, ["html"])[0].read_text("utf-8")
    head = read_case(folder)["case"]
    assert head["made_utc"].endswith("+00:00")
    for said in (head["made_utc"], head["platform"], head["source_hash"], f"numpy {head['libraries']['numpy']}"):
        assert said in page


# ---- cases ---------------------------------------------------------------------------------------------------------


def test_a_case_goes_on_where_it_stopped_unless_it_was_altered(
    small_scenario: Scenario, made: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(made["case"], tmp_path / "case"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    make_case(small_scenario, folder, 10, outer_draws=1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    with pytest.raises(RunFolderError, match="holds another case"):
        make_case(small_scenario, folder, 10, seed=2, outer_draws=1)
    (folder / "inputs.json").write_text("{}")
    with pytest.raises(RunFolderError, match=r"inputs\.json: not as written"):
        make_case(small_scenario, folder, 10, outer_draws=1)


def test_a_case_that_is_being_written_is_busy(small_scenario: Scenario, few_parts: None, tmp_path: Path) -> None:
    (tmp_path / "case").mkdir()
    with Lock(tmp_path / "case" / "writing.lock"), pytest.raises(BusyError, match="another run is writing here"):
        make_case(small_scenario, tmp_path / "case", 10, outer_draws=1)
    make_case(small_scenario, tmp_path / "case", 10, outer_draws=1)


def test_a_folder_of_other_things_is_left_alone(small_scenario: Scenario, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="is not empty and holds no case"):
        make_case(small_scenario, tmp_path, 10, outer_draws=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_unfinished_case_is_not_verified(
    small_scenario: Scenario, made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = module._parts
    monkeypatch.setattr(module, "_parts", lambda *asked: {**few(*asked), "lint": lambda: []})
    with pytest.raises(RunFolderError, match="is not finished: lint not made yet"):
        verify(made["case"])


# ---- two hundred damaged folders ------------------------------------------------------------------------------------


def number(rng: random.Random, text: str) -> str:
    """Change one digit."""
    places = [i for i, letter in enumerate(text) if letter.isdigit()]
    i = rng.choice(places)
    return text[:i] + str((int(text[i]) + rng.randint(1, 9)) % 10) + text[i + 1 :]


def a_key(rng: random.Random, text: str) -> str:
    """Take a key away, or give it a value of another type."""
    found = json.loads(text)
    node = found
    while isinstance(node, dict) and node:
        key = rng.choice(list(node))
        if rng.random() < 0.4 or not isinstance(node[key], dict) or not node[key]:
            if rng.random() < 0.5:
                del node[key]
            else:
                node[key] = rng.choice([None, [], {}, "x", -1, 1e308, True])
            break
        node = node[key]
    return json.dumps(found, indent=1) + "\n"


DAMAGES: dict[str, Callable[[random.Random, bytes], bytes | None]] = {
    "a bit": lambda rng, b: bytes([*b[: (i := rng.randrange(len(b)))], b[i] ^ 1 << rng.randrange(8), *b[i + 1 :]]),
    "cut short": lambda rng, b: b[: rng.randrange(len(b))],
    "more": lambda rng, b: b + rng.randbytes(5),
    "gone": lambda rng, b: None,
    "empty": lambda rng, b: b"",
    "rubbish": lambda rng, b: rng.randbytes(200),
    "nested": lambda rng, b: b"[" * 100_000,
    "digit": lambda rng, b: number(rng, b.decode()).encode(),
    "key": lambda rng, b: a_key(rng, b.decode()).encode(),
}
N_FOLDERS = 200


def test_two_hundred_damaged_folders(made: dict[str, Path], tmp_path: Path) -> None:
    rng, seen = random.Random(20250401), Counter()
    for i in range(N_FOLDERS):
        folder = Path(shutil.copytree(made[rng.choice(["run", "case"])], tmp_path / str(i)))
        path = rng.choice(sorted(folder.iterdir()))
        kinds = [kind for kind in DAMAGES if path.suffix == ".json" or kind not in ("digit", "key")]
        kind = rng.choice(kinds)
        was, now = path.read_bytes(), DAMAGES[kind](rng, path.read_bytes())
        path.unlink() if now is None else path.write_bytes(now)
        if was == now:
            continue
        with pytest.raises(RunFolderError) as error:  # any other error is a traceback
            write_report(folder, ["html"])
        assert path.name in str(error.value), (kind, path.name)
        assert refused(folder), (kind, path.name)
        try:
            report = write_report(folder, ["html"], anyway=True)[0].read_text("utf-8")
        except RunFolderError:
            seen["refused anyway"] += 1
            continue
        assert 'class="stamp" role="note">ALTERED<' in report and f"ALTERED: {path.name}" in report
        seen["stamped"] += 1
    assert seen["refused anyway"] > 20 and seen["stamped"] > 20, seen
