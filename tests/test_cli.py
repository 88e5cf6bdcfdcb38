"""The command line: every mistake is a sentence and exit code 2, stdout holds what was asked for and nothing else."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgeofcare as eoc
from edgeofcare.cli import main
from edgeofcare.cli.options import QUESTIONS
from edgeofcare.cli.output import READER_GONE, printable
from edgeofcare.cli.program import HEADINGS, STOPPED, VERBS, function_of
from edgeofcare.cli.run import new_run_folder
from edgeofcare.inputs.load import load, shipped
from edgeofcare.provenance import version
from edgeofcare.results import RunFolder
from edgeofcare.walk import prepare

HERE = "from edgeofcare.cli import main; main()"
Answer = tuple[int, str, str]
Cli = Callable[..., Answer]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    """Run a command in an empty folder; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["edgeofcare", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        code = end.value.code
        assert isinstance(code, int)
        return (code, *capsys.readouterr())

    return command


def process(*words: str, folder: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own."""
    return subprocess.run([sys.executable, "-c", HERE, *words], capture_output=True, cwd=folder, env=os.environ | env)


# ---- verbs --------------------------------------------------------------------------------------------------------


def test_help_lists_every_verb_under_its_heading_and_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = "{'numpy', 'pandas', 'numba', 'scipy', 'matplotlib', 'pyarrow', 'simpy', 'distributed', 'pydantic', 'rich'}"
    script = f"import sys, atexit; atexit.register(lambda: print({heavy} & set(sys.modules), file=sys.stderr)); {HERE}"
    done = subprocess.run([sys.executable, "-c", script, "-h"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr.strip() == "set()"
    for heading, _, verbs in HEADINGS:
        section = done.stdout.split(f"\n{heading}:\n")[1].split("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines()] == list(verbs), "each in one line"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(cli: Cli, verb: str) -> None:
    code, out, errors = cli(verb, "-h")
    assert code == 0 and out.startswith("Usage: edgeofcare") and not errors
    assert cli(verb, "--help")[1] == out


def test_version(cli: Cli) -> None:
    assert cli("--version")[:2] == (0, f"edgeofcare {version()}\n")


def test_the_package_runs_as_a_module(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "edgeofcare.cli", "--version"]
    assert subprocess.run(words, capture_output=True, text=True, cwd=tmp_path).stdout == f"edgeofcare {version()}\n"


@pytest.mark.parametrize("verb", QUESTIONS)
def test_every_question_has_the_shared_options_that_its_row_offers(cli: Cli, verb: str) -> None:
    offer, out = QUESTIONS[verb], cli(verb, "--help")[1]
    offered = {
        "replications": offer.replications is not None,
        "outer-draws": offer.outer_draws is not None,
        "seed": True,
        "workers": offer.workers,
        "contract": offer.contract,
        "json": True,
        "csv": offer.csv,
        "quiet": True,
    }
    found = {name: re.search(rf"^  --{name}\b(?!s)", out, re.MULTILINE) is not None for name in offered}
    assert found == offered


def test_every_question_is_a_public_function_of_the_same_name() -> None:
    for verb in QUESTIONS:
        assert callable(getattr(eoc, verb.replace("-", "_"))), verb
        assert function_of(verb).__doc__


def test_csv_holds_every_number_of_an_answer(cli: Cli) -> None:
    code, out, errors = cli("join", "pan_london", "haringey", "--replications", "20", "--csv", "--quiet")
    rows = list(csv.DictReader(io.StringIO(out.removeprefix("\ufeff"))))
    assert code == 0 and not errors and {row["unit"] for row in rows} >= {"gbp", "share", "days", "count"}
    assert all(float(row["value"]) or True for row in rows if row["unit"] and row["value"])
    assert (
        cli("join", "pan_london", "haringey", "--csv", "--json")[2] == "edgeofcare: give --json or --csv, not both.\n"
    )


def test_check(cli: Cli) -> None:
    code, out, errors = cli("check", "pan_london")
    assert code == 0 and not errors
    assert out.startswith("pan_london: no fault found. Pan-London") and "6 boroughs, 3 teams" in out


def test_show_diff_and_assumptions_print_text_or_one_json_object(cli: Cli) -> None:
    assert cli("show", "essex")[1].startswith("essex: Essex edge of care contract")
    assert cli("diff", "pan_london", "essex")[1].startswith("pan_london -> essex: ")
    assert re.match(r"essex: \d+ judgement, \d+ research, \d+ data", cli("assumptions", "essex")[1])
    assert json.loads(cli("show", "essex", "--json")[1])["name"] == "essex"
    assert json.loads(cli("diff", "pan_london", "essex", "--json")[1])["differences"]
    assert json.loads(cli("assumptions", "essex", "--json")[1])["counts"]["judgement"]
    assert cli("assumptions", "essex", "--csv")[1].startswith("\ufeffid,name,value,low,high,distribution,unit,source,")


def test_schema_is_printed_or_written_and_never_overwrites(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("schema")
    assert code == 0 and json.loads(out)["title"] == "Scenario"
    assert cli("schema", "--out", "s.json")[0] == 0
    assert (tmp_path / "s.json").read_text("utf-8") == out
    code, out, errors = cli("schema", "--out", "s.json")
    assert (code, out) == (2, "") and "s.json exists already and is left as it is" in errors
    assert cli("schema", "--markdown")[1].startswith("# Scenarios\n")
    assert "cannot be written (No such file or directory)" in cli("schema", "--out", "none/s.json")[2]


@pytest.mark.parametrize("base", ["pan_london", "essex"])
def test_new_writes_a_scenario_that_passes_check(cli: Cli, base: str) -> None:
    code, out, _ = cli("new", "mine", "--extends", base)
    assert code == 0 and out.startswith(f"mine.toml written; it starts as {base}.")
    assert "mine.toml: no fault found" in cli("check", "mine.toml")[1]
    assert "1 input differs" in cli("diff", base, "mine.toml")[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("essex",), "essex is the name of a shipped scenario. Choose another name."),
        (("taken",), "taken.toml exists already and is left as it is. Choose another name, or remove it."),
        (("taken.toml",), "taken.toml exists already and is left as it is."),
        (("mine", "--extends", "esex"), "--extends takes the name of a shipped scenario: essex, "),
        (("none/mine",), "mine.toml cannot be written (No such file or directory)."),
        (("a;b",), "a name may hold letters, digits, blanks, - and _ (got 'a;b')."),
        (("",), "a name may hold letters"),
    ],
)
def test_new_refuses(cli: Cli, tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    (tmp_path / "taken.toml").write_text("mine")
    code, out, errors = cli("new", *words)
    assert (code, out) == (2, "") and errors.startswith("edgeofcare: ") and sentence in errors
    assert (tmp_path / "taken.toml").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_run_prints_a_page_and_keeps_a_folder(cli: Cli, tmp_path: Path) -> None:
    code, out, errors = cli("run", "pan_london", "--replications", "20", "--quiet")
    assert code == 0 and not errors and "THE ANSWER" in out
    (folder,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"pan_london-\d{8}-\d{6}", folder.name) and f"runs/{folder.name}" in out
    code, out, errors = cli("verify", str(folder), "--quiet")
    assert code == 0 and "verified" in out and not errors


def test_two_runs_in_one_second_have_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda _: "now")
    (tmp_path / "runs" / "x-now").mkdir(parents=True)
    assert new_run_folder("x") == Path("runs/x-now-2")


def test_json_is_one_object_and_nothing_else_and_the_folder_holds_the_same(cli: Cli, tmp_path: Path) -> None:
    code, out, errors = cli(
        "run", "pan_london", "--replications", "20", "--seed", "11", "--json", "--out", "run", "--quiet"
    )
    assert code == 0 and not errors and out.count("\n") == 1
    assert json.loads(out) == json.loads((tmp_path / "run" / "summary.json").read_text("utf-8"))
    assert json.loads(out)["scenario"]["name"] == "pan_london" and json.loads(out)["seed"] == 11
    code, out, _ = cli("run", "pan_london", "--replications", "20", "--json")
    assert [path.name for path in tmp_path.iterdir()] == ["run"], "--json alone keeps no folder"


def test_verify_fails_with_1_and_the_reason(cli: Cli, tmp_path: Path) -> None:
    cli("run", "pan_london", "--replications", "5", "--json", "--out", "run")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text("utf-8"))
    (tmp_path / "run" / "summary.json").write_text(json.dumps(summary | {"seed": 9}))
    code, out, _ = cli("verify", "run")
    assert code == 1 and "NOT verified" in out and "not as they were written:\n  summary.json" in out
    code, out, _ = cli("verify", "run", "--json")
    assert code == 1 and json.loads(out)["changed"] == ["summary.json"]


# ---- mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "run panlondon",
            "panlondon: there is no scenario of this name. Did you mean 'pan_london'? Shipped scenarios: ",
        ),
        ("check pan_londn", "Did you mean 'pan_london'?"),
        ("run nothing.toml", "nothing.toml: there is no such file."),
        ("run folder", "folder: there is no scenario of this name."),
        ("check ./folder", "is a folder, not a scenario file."),
        ("check rubbish.toml", "rubbish.toml:1: is not a text file in UTF-8."),
        ("diff pan_london nothing.toml", "nothing.toml: there is no such file."),
        ("run pan_london --replications 0", "replications must be a whole number from 1 to 100,000,000 (got 0)."),
        ("run pan_london --seed -1", "seed must be a whole number from 0 to"),
        ("run pan_london --outer-draws 3", "replications must be a multiple of outer draws (got 200 and 3). Try 201."),
        ("run pan_london --outer-draws 300", "outer_draws must be a whole number from 1 to 200 (got 300)."),
        ("run pan_london --outer-draws 0", "outer_draws must be a whole number from 1 to 200 (got 0)."),
        ("run pan_london --workers 0", "workers must be a whole number from 1 to 1,024 (got 0)."),
        ("run pan_london --engine magic", "engine must be one of kernel, reference (got magic)."),
        ("run pan_london --replications 2 --out file/run", "run.partial cannot be written (Not a directory)."),
        (
            "run pan_london --replications 2 --out kept",
            "kept exists already and is left as it is. Choose another --out",
        ),
        ("run pan_london --replications 2 --out file", "file exists already and is left as it is."),
        ("run pan_london --resume", "--resume needs --out, the folder of the run to continue."),
        ("run pan_london_evidence", "needs several outer draws (got 1). Try --outer-draws 100"),
        ("assumptions essex --json --csv", "give --json or --csv, not both."),
        ("verify nowhere", "nowhere is not a run folder: there is no such folder."),
        ("verify file", "file is not a run folder"),
        ("verify folder", "folder is not a run folder: it holds no manifest.json."),
        ("verify damaged", "manifest.json is damaged and cannot be read."),
        ("verify other_format", "manifest.json was written in another format than this version's (2)."),
        ("verify lacking", "manifest.json is damaged: it does not say scenario_sha256, seed"),
        (f"check {'a' * 5000}", "cannot be read: file name too long."),
    ],
)
def test_a_mistake_is_a_sentence_and_exit_code_2(cli: Cli, tmp_path: Path, words: str, sentence: str) -> None:
    for name in ("folder", "kept", "damaged", "other_format", "lacking"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "rubbish.toml").write_bytes(bytes(range(128, 256)))
    (tmp_path / "damaged" / "manifest.json").write_text("{")
    (tmp_path / "other_format" / "manifest.json").write_text('{"format": 99}')
    (tmp_path / "lacking" / "manifest.json").write_text('{"format": 2, "files": {}, "libraries": {}, "results": {}}')
    before = sorted(path.name for path in tmp_path.iterdir())
    code, out, errors = cli(*words.split(" "))
    assert (code, out) == (2, "") and errors.startswith("edgeofcare: ") and sentence in errors
    assert "Traceback" not in errors and len(errors) < 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == before, "nothing is left behind"
    assert (tmp_path / "file").read_text() == "mine" and not list((tmp_path / "kept").iterdir())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "Usage: edgeofcare"),
        ("rum", "No such command 'rum'. Did you mean 'run'?"),
        ("run", "Missing argument 'scenario'"),
        ("run pan_london --sed 1", "No such option: --sed"),
        ("run pan_london --seed one", "Invalid value for '--seed'"),
        ("run pan_london --seed 1.5", "Invalid value for '--seed'"),
        ("run pan_london essex", "unexpected extra argument"),
        ("diff pan_london", "Missing argument 'b'"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_usage(cli: Cli, words: str, sentence: str) -> None:
    code, out, errors = cli(*words.split())
    assert code == 2 and sentence in out + errors and "Usage: edgeofcare" in out + errors and "Traceback" not in errors


def test_all_faults_of_a_file_are_told_at_once(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'extends = "pan_london"\n[child]\nneeds_log_hazard = 9.0\nfrailty_varience = 1.0\n'
    )
    code, _, errors = cli("run", "mine.toml")
    assert code == 2 and "mine.toml has 2 faults" in errors
    assert "mine.toml:3: child.needs_log_hazard: must be at most 5 (got 9.0)" in errors
    assert "mine.toml:4: child.frailty_varience: unknown key" in errors and "Did you mean 'frailty_variance'?" in errors


def test_a_target_out_of_reach(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('extends = "pan_london"\n[effect]\ntherapy = 0.999\n')
    code, out, errors = cli("run", "mine.toml")
    assert (code, out) == (2, "") and "effect.therapy: the target 0.999 of " in errors and "is out of reach" in errors


@pytest.mark.parametrize(("option", "said"), [(("--seed", "3"), "seed was 2, is 3"), ((), "seed was 2, is 1")])
def test_the_folder_of_another_seed_is_not_continued(
    cli: Cli, tmp_path: Path, option: tuple[str, ...], said: str
) -> None:
    RunFolder.create(tmp_path / "run", prepare(load("pan_london"), 20, seed=2).start)
    code, _, errors = cli("run", "pan_london", "--replications", "20", "--out", "run", "--resume", *option)
    assert code == 2 and f"belongs to another run, so it is not continued: {said}" in errors


def test_the_folder_of_another_scenario_is_not_continued(cli: Cli, tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", prepare(load("essex"), 20).start)
    code, _, errors = cli("run", "pan_london", "--replications", "20", "--out", "run", "--resume")
    assert code == 2 and "belongs to another run, so it is not continued: scenario_sha256 was " in errors


def test_a_defect_of_the_surroundings_is_a_sentence_too(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("edgeofcare.inputs.load.load", no_memory)
    code, _, errors = cli("check", "pan_london")
    assert (code, errors) == (2, "edgeofcare: there is not enough memory. Try fewer --replications.\n")


def test_without_numba_one_line_says_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in ("experiment", "walk"):
        monkeypatch.setattr(f"edgeofcare.{room}.available_engine", lambda asked: asked or "reference")
    code, out, errors = cli("run", "pan_london", "--replications", "2", "--json", "--quiet")
    assert code == 0 and json.loads(out)["engine"] == "reference"
    assert errors.startswith("edgeofcare: numba is not installed") and errors.count("\n") == 1


# ---- terminals, pipes, Ctrl-C -------------------------------------------------------------------------------------


def test_a_terminal_without_pound_signs(tmp_path: Path) -> None:
    done = process(
        "run", "pan_london", "--replications", "5", "--quiet", folder=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    )
    assert done.returncode == 0 and not done.stderr
    assert "care worth GBP " in done.stdout.decode("ascii")
    assert process("--help", folder=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0").stdout.decode("ascii")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8", None])
def test_text_is_made_printable(encoding: str | None) -> None:
    text = printable("£1.5m in Île-de-France", encoding)
    assert text == ("GBP 1.5m in ?le-de-France" if encoding in ("ascii", None) else "£1.5m in Île-de-France")


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell is needed")
@pytest.mark.parametrize(
    "words", ["show pan_london", "run pan_london --replications 5 --quiet", "assumptions pan_london --csv"]
)
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, words: str) -> None:
    script = tmp_path / "do.py"
    script.write_text(HERE)
    line = f"{sys.executable} {script} {words} 2> errors | head -n 1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.count("\n") == 1
    assert (tmp_path / "errors").read_text() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is told differently there")
def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HERE, "show", "pan_london"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == READER_GONE


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("engine", ["kernel", "reference"])
def test_ctrl_c_ends_a_long_run_at_once_and_says_how_to_continue(tmp_path: Path, engine: str) -> None:
    prepare(load("pan_london"), 1)  # so that calibration is cached
    process("run", "pan_london", "--replications", "1", "--json", "--engine", engine, folder=tmp_path)  # and compiled
    words = ["run", "pan_london", "--replications", "1000000", "--engine", engine, "--out", "run"]
    with subprocess.Popen(
        [sys.executable, "-c", HERE, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as running:
        deadline = time.monotonic() + 120
        while not [*tmp_path.glob("run.partial/chunks/[0-9]*")] and time.monotonic() < deadline:
            time.sleep(0.05)
        started = time.monotonic()
        running.send_signal(signal.SIGINT)
        out, errors = running.communicate(timeout=30)
    seconds = time.monotonic() - started
    assert running.returncode == STOPPED and out == b""
    assert errors.decode() == "edgeofcare: stopped. Add --out run --resume to continue.\n"
    assert seconds < 3, "within a second on an idle machine"
    assert not (tmp_path / "run").exists()


def test_every_shipped_scenario_passes_check(cli: Cli) -> None:
    assert all(cli("check", name)[0] == 0 for name in shipped())
