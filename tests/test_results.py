"""The run folder: nothing is overwritten, what is read back is what was written, damage is told in a sentence."""

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edgeofcare.errors import RunFolderError
from edgeofcare.experiment import OWN, Part
from edgeofcare.inputs.load import canonical, load, shipped
from edgeofcare.inputs.schema import Scenario
from edgeofcare.results import (
    TABLES,
    RunFolder,
    Tables,
    check_folder,
    plain,
    read_manifest,
    read_scenario,
    read_summary,
    read_tables,
    table_hash,
    tables_of,
)
from edgeofcare.walk import Run, Walk, prepare, run


@pytest.fixture(scope="module")
def walk(small_scenario: Scenario) -> Walk:
    return prepare(small_scenario, replications=20, engine="reference")


@pytest.fixture(scope="module")
def part(walk: Walk) -> Part:
    return walk.experiment.run_job(0)


@pytest.fixture(scope="module")
def tables(part: Part) -> Tables:
    return tables_of(part.rows[OWN, OWN], part.inputs[OWN])


@pytest.fixture(scope="module")
def done(small_scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(small_scenario, replications=20, seed=5, out=tmp_path_factory.mktemp("results") / "run", workers=1)


def hashes(tables: Tables) -> dict[str, str]:
    return {name: table_hash(table) for name, table in tables.by_name().items()}


# ---- what is written is what is read ------------------------------------------------------------------------------


def test_a_finished_folder_holds_all_and_nothing_else(done: Run) -> None:
    assert done.folder is not None
    names = {f"{name}.parquet" for name in TABLES} | {"manifest.json", "scenario.json", "summary.json"}
    assert {path.name for path in done.folder.iterdir()} == names
    assert not done.folder.with_name("run.partial").exists()
    assert check_folder(done.folder) == []


def test_what_was_written_is_read_back(done: Run) -> None:
    assert done.folder is not None
    assert hashes(read_tables(done.folder)) == hashes(done.tables) == read_manifest(done.folder)["results"]
    assert read_summary(done.folder) == plain(done.summary)
    assert read_scenario(done.folder) == done.scenario


def test_the_manifest_says_how_the_run_was_made(done: Run) -> None:
    assert done.folder is not None
    found = read_manifest(done.folder)
    asked = {"seed": 5, "replications": 20, "outer_draws": 1, "engine": "kernel"}
    assert {key: found[key] for key in asked} == asked
    assert found["scenario_sha256"] == plain(done.summary)["scenario"]["sha256"]
    assert {"chunk", "version", "source_hash", "platform", "libraries", "timing", "made_utc"} <= found.keys()
    assert found["files"].keys() | {"manifest.json"} == {path.name for path in done.folder.iterdir()}
    assert {"python", "numpy", "numba"} <= found["libraries"].keys() and "commit" in found and "tree_clean" in found


@pytest.mark.parametrize("name", shipped())
def test_a_resolved_scenario_survives_its_file(tmp_path: Path, name: str) -> None:
    scenario = load(name)
    (tmp_path / "scenario.json").write_text(scenario.model_dump_json(indent=1), "utf-8")
    again = read_scenario(tmp_path)
    assert again == scenario and canonical(again) == canonical(scenario) and again.name == name


def test_a_hash_sees_values_names_order_and_missing_values() -> None:
    table = pd.DataFrame({"a": [1.0, np.nan], "b": [1, 2], "c": pd.Categorical(["x", "y"])})
    others = [
        table.rename(columns={"a": "z"}),
        table.assign(a=[1.0, 0.0]),
        table.assign(b=[2, 1]),
        table.assign(c=pd.Categorical(["y", "x"])),
        table.iloc[::-1],
        table[["b", "a", "c"]],
    ]
    found = {table_hash(table), *map(table_hash, others)}
    assert len(found) == 1 + len(others) and table_hash(table.copy()) == table_hash(table)


# ---- nothing is overwritten ---------------------------------------------------------------------------------------


def test_an_existing_folder_or_file_is_refused(walk: Walk, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(RunFolderError, match="exists already and is left as it is"):
        RunFolder.create(tmp_path / "kept", walk.start)
    with pytest.raises(RunFolderError, match="exists already"):
        RunFolder.create(tmp_path / "kept", walk.start, resume=True)
    assert (tmp_path / "kept").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_a_broken_run_is_not_begun_again_unasked(walk: Walk, tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", walk.start)
    with pytest.raises(RunFolderError, match=r"run\.partial is left from a run that did not finish.*--resume"):
        RunFolder.create(tmp_path / "run", walk.start)
    RunFolder.create(tmp_path / "run", walk.start, resume=True)


@pytest.mark.parametrize(
    ("key", "value"),
    [("seed", 2), ("scenario_sha256", "f00"), ("replications", 30), ("source_hash", "0"), ("chunk", 3)],
)
def test_another_run_is_not_continued(walk: Walk, tmp_path: Path, key: str, value: Any) -> None:
    RunFolder.create(tmp_path / "run", walk.start | {key: value})
    before = (tmp_path / "run.partial" / "started.json").read_bytes()
    message = f"belongs to another run, so it is not continued: {key} was {value}, is {walk.start[key]}"
    with pytest.raises(RunFolderError, match=message):
        RunFolder.create(tmp_path / "run", walk.start, resume=True)
    assert (tmp_path / "run.partial" / "started.json").read_bytes() == before


def test_a_damaged_beginning_is_told(walk: Walk, tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", walk.start)
    (tmp_path / "run.partial" / "started.json").write_text("{")
    with pytest.raises(RunFolderError, match="is damaged, so the run cannot be continued"):
        RunFolder.create(tmp_path / "run", walk.start, resume=True)


def test_a_place_that_cannot_be_written_is_told(walk: Walk, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"cannot be written \(Not a directory\). Choose another --out"):
        RunFolder.create(tmp_path / "file" / "run", walk.start)


# ---- chunks -------------------------------------------------------------------------------------------------------


def test_chunks_are_kept_and_half_written_ones_are_not(walk: Walk, part: Part, tables: Tables, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", walk.start)
    folder.save(1, part)
    (folder.partial / "chunks" / "000000.writing").write_bytes(b"PK")
    found = folder.saved()
    assert list(found) == [1] and hashes(tables_of(found[1].rows[OWN, OWN], found[1].inputs[OWN])) == hashes(tables)
    folder.save(0, part)
    assert sorted(folder.saved()) == [0, 1]


def test_a_full_disk_keeps_what_was_finished(
    walk: Walk, part: Part, tables: Tables, done: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder.create(tmp_path / "run", walk.start)
    folder.save(0, part)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(RunFolderError, match=r"No space left on device.*What was finished is kept.*--resume"):
        folder.save(1, part)
    with pytest.raises(RunFolderError, match=r"cannot be finished \(No space left on device\)"):
        folder.finish(walk.scenario, walk.start, tables, done.summary, 0.0)
    assert list(folder.saved()) == [0] and not folder.path.exists()


def test_a_damaged_chunk_is_told(walk: Walk, part: Part, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", walk.start)
    folder.save(0, part)
    (folder.partial / "chunks" / "000000.npz").write_bytes(b"rubbish")
    with pytest.raises(RunFolderError, match="cannot be read; the file is damaged"):
        folder.saved()


def test_a_manifest_of_nonsense_is_told(tmp_path: Path) -> None:
    for text in ("[1]", "null", '"x"', json.dumps({"format": 2, "results": 3})):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(RunFolderError, match=r"another format|is damaged"):
            read_manifest(tmp_path)
