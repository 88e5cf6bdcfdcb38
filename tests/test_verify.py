"""Verifying a run: a fresh one passes, and each kind of tampering or change of circumstances is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edgeofcare.errors import RunFolderError
from edgeofcare.folders import files_in, write_manifest
from edgeofcare.inputs.schema import Scenario
from edgeofcare.questions import verify as module
from edgeofcare.questions.verify import verification_text, verify
from edgeofcare.results import MANIFEST, table_hash
from edgeofcare.walk import run


@pytest.fixture(scope="module")
def fresh(small_scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify") / "fresh"
    run(small_scenario, replications=40, seed=7, out=folder, workers=1)
    return folder


@pytest.fixture
def folder(fresh: Path, tmp_path: Path) -> Path:
    """A copy of the fresh run, to be tampered with."""
    return Path(shutil.copytree(fresh, tmp_path / "run"))


def change(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change a file as a forger would who makes the manifest anew, so that only a second run tells."""
    found = json.loads(path.read_text("utf-8"))
    edit(found)
    path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    seal(path.parent)


def seal(folder: Path) -> None:
    write_manifest(folder, MANIFEST, json.loads((folder / MANIFEST).read_text("utf-8")), files_in(folder, MANIFEST))


def change_table(path: Path, row: int, column: str, value: Any) -> pd.DataFrame:
    table = pd.read_parquet(path)
    table.loc[row, column] = value
    table.to_parquet(path, index=False)
    seal(path.parent)
    return table


def test_a_changed_byte_in_any_file_is_named_and_nothing_is_read(fresh: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in fresh.iterdir())
    assert len(names) == 8
    for name in names:
        folder = Path(shutil.copytree(fresh, tmp_path / name))
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        try:
            found = verify(folder)
        except RunFolderError as error:  # the manifest can no longer be read
            assert name == MANIFEST and MANIFEST in str(error)
            continue
        assert found.changed == (name,) and found.reproduced is None and not found.passed
        assert f"  {name}" in verification_text(found) and "not as they were written" in verification_text(found)


def test_words_of_a_source_are_sealed_too(folder: Path) -> None:
    path = folder / "scenario.json"
    text = path.read_text("utf-8")
    words = json.loads(text)["origins"]["contract.cap_gbp"]["source"]
    path.write_text(text.replace(words, "A trial in a famous journal"), "utf-8")
    assert verify(folder).changed == ("scenario.json",)


def test_a_fresh_run_passes(fresh: Path) -> None:
    found = verify(fresh, workers=1)
    assert found.passed and found.reproduced and not (found.changed or found.differences or found.changes)
    assert "verified. A second run gives the same numbers, bit for bit" in verification_text(found)
    assert json.loads(json.dumps(found.as_dict()))["passed"] is True


def test_outer_draws_and_the_other_engine_pass_too(small_scenario: Scenario, tmp_path: Path) -> None:
    run(small_scenario, replications=12, outer_draws=4, seed=3, out=tmp_path / "draws", workers=1)
    run(small_scenario, replications=3, engine="reference", out=tmp_path / "reference")
    assert verify(tmp_path / "draws").passed and verify(tmp_path / "reference").passed


def test_a_changed_table_is_named_to_the_cell(folder: Path) -> None:
    was = pd.read_parquet(folder / "replications.parquet").loc[3, "started"]
    change_table(folder / "replications.parquet", 3, "started", was + 1)
    found = verify(folder)
    assert not found.passed and found.reproduced
    (difference,) = found.differences
    assert difference.startswith("replications.started: 1 of 40 rows differ, the first is row 3: ")
    assert difference.endswith(f"{was + 1} was stored, a second run gives {was}")
    assert "A second run gives what the manifest says, but not what is in the folder:" in verification_text(found)


def test_a_table_changed_together_with_the_manifest_is_found_all_the_same(folder: Path) -> None:
    table = change_table(folder / "boroughs.parquet", 0, "payments_gbp", 1.0)

    def forge(manifest: dict[str, Any]) -> None:
        manifest["results"]["boroughs"] = table_hash(table)

    change(folder / "manifest.json", forge)
    found = verify(folder)
    assert not found.changed and found.reproduced is False and not found.passed
    assert len(found.differences) == 1 and found.differences[0].startswith("boroughs.payments_gbp: 1 of 80 rows differ")
    text = verification_text(found)
    assert "other numbers than the manifest says" in text and "please report this as a defect" in text


def test_a_table_of_another_shape(folder: Path) -> None:
    path = folder / "flows.parquet"
    pd.read_parquet(path).iloc[:-1].to_parquet(path, index=False)
    seal(folder)
    assert any(
        text.startswith("flows: ") and "rows of 2 columns were stored" in text for text in verify(folder).differences
    )


def test_a_changed_summary_is_named_to_the_key(folder: Path) -> None:
    def forge(summary: dict[str, Any]) -> None:
        summary["payments_gbp"]["total"]["mean"] = 1.0

    change(folder / "summary.json", forge)
    found = verify(folder)
    assert found.reproduced and not found.passed
    (difference,) = found.differences
    assert difference.startswith("summary.payments_gbp.total.mean: 1.0 was stored, a second run gives ")


def test_many_changed_numbers_are_counted(folder: Path) -> None:
    change(folder / "summary.json", lambda summary: summary.update(children={}, investor={}))
    differences = verify(folder).differences
    assert len(differences) == module.MOST_DIFFERENCES + 1
    assert differences[-1].endswith("more numbers differ")


def test_another_scenario_gives_other_numbers(folder: Path) -> None:
    change(folder / "scenario.json", lambda scenario: scenario["capital"].update(commitment_gbp=9e6))
    found = verify(folder)
    assert found.reproduced is False and not found.passed and found.differences


def test_other_circumstances_are_named_but_do_not_fail_equal_numbers(folder: Path) -> None:
    def forge(manifest: dict[str, Any]) -> None:
        manifest.update(source_hash="0" * 16, platform="elsewhere")
        manifest["libraries"]["numpy"] = "1.0"

    change(folder / "manifest.json", forge)
    found = verify(folder)
    names = [text.split(": was ")[0] for text in found.changes]
    assert names == ["source code", "platform", "numpy"]
    assert "without effect on the numbers" in verification_text(found)


def test_a_summary_made_by_another_version_is_the_same_summary(folder: Path) -> None:
    from edgeofcare.results import summary_hash

    change(folder / "summary.json", lambda summary: summary.update(version="0.0.1"))
    made = summary_hash(json.loads((folder / "summary.json").read_text("utf-8")))
    change(folder / "manifest.json", lambda manifest: manifest.update(version="0.0.1", summary_sha256=made))
    found = verify(folder)
    assert found.passed and found.changes[0].startswith("version of edgeofcare: was 0.0.1, is ")


def test_other_circumstances_may_explain_a_difference(folder: Path) -> None:
    def forge(manifest: dict[str, Any]) -> None:
        manifest["results"]["flows"] = "0" * 64
        manifest["libraries"]["numpy"] = "1.0"

    change(folder / "manifest.json", forge)
    text = verification_text(verify(folder))
    assert "NOT verified" in text and "they may explain the differences" in text and "numpy: was 1.0" in text


def test_missing_values_are_equal_to_one_another() -> None:
    a, b = pd.Series([1.0, np.nan, np.nan]), pd.Series([1.0, np.nan, 2.0])
    assert module._unequal(a, b).tolist() == [False, False, True]


def forge(folder: Path, name: str, text: str | None) -> None:
    (folder / name).unlink() if text is None else (folder / name).write_text(text)
    seal(folder)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: shutil.rmtree(p), "is not a run folder: there is no such folder"),
        (lambda p: (p / "manifest.json").unlink(), "it holds no manifest.json"),
        (lambda p: (p / "manifest.json").write_text("{"), "is damaged and cannot be read"),
        (lambda p: (p / "manifest.json").write_text('{"format": 99}'), "another format than this version's"),
        (lambda p: (p / "manifest.json").write_text("[" * 99_999), "is damaged and cannot be read"),
        (lambda p: (p / "manifest.json").write_text('{"format": 2}'), "is damaged: it does not say files"),
        (lambda p: change(p / "manifest.json", lambda m: m.pop("seed")), "is damaged: it does not say seed"),
        (lambda p: forge(p, "flows.parquet", "PAR1 rubbish"), "cannot be read as Parquet"),
        (lambda p: forge(p, "flows.parquet", None), "flows.parquet is missing"),
        (lambda p: forge(p, "summary.json", None), "summary.json is missing or damaged"),
        (lambda p: forge(p, "scenario.json", "[]"), "scenario.json is missing or damaged"),
    ],
)
def test_what_is_no_whole_run_folder_is_refused(folder: Path, spoil: Callable[[Path], Any], message: str) -> None:
    spoil(folder)
    with pytest.raises(RunFolderError, match=message):
        verify(folder)
