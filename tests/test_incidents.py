"""The last net: what nobody foresaw is one sentence with a reference, exit code 70, and a log without any figure."""

import subprocess
import sys
from pathlib import Path

import pytest

from edgeofcare import cli, incidents
from edgeofcare.incidents import EXIT_CODE, report

SECRET = "three children of Sutton"


def raised(depth: int = 1) -> Exception:
    try:
        if depth:
            children = {"secret": SECRET}
            raise KeyError(children["secret"])
    except KeyError as error:
        return error
    raise AssertionError


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(incidents, "folder", lambda: tmp_path / "state")
    return tmp_path / "state"


def test_the_log_says_where_and_never_what(state: Path) -> None:
    incident = report(raised(), ["run", "/home/ann/secret.toml", "--seed", "3", "--out=secret"])
    assert incident.log is not None and incident.log.parent == state
    text = incident.log.read_text("utf-8")
    assert SECRET not in text and "secret.toml" not in text and "ann" not in text
    assert "KeyError" in text and "test_incidents.py:" in text and "command: run --seed --out\n" in text
    assert incident.reference in text and incident.reference in str(incident)


def test_the_same_defect_has_the_same_reference(state: Path) -> None:
    first, second = report(raised()), report(raised())
    assert first == second and first.log is not None and first.log.read_text("utf-8").count("KeyError") == 2


def test_without_a_place_for_the_log_the_sentence_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "_written", lambda text, reference: None)
    assert str(report(raised())).endswith(f"(reference {report(raised()).reference}).")


def test_the_command_line_ends_with_one_sentence_and_70(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr("edgeofcare.inputs.load.load", broken)
    monkeypatch.setattr(sys, "argv", ["edgeofcare", "check", "pan_london"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, errors = capsys.readouterr()
    assert (end.value.code, out) == (EXIT_CODE, "") and EXIT_CODE == 70
    assert errors.startswith("edgeofcare: something went wrong that is a defect of the program, not yours (reference ")
    assert errors.count("\n") == 1 and SECRET not in errors and "Traceback" not in errors


@pytest.mark.slow
def test_damaged_files_of_every_kind_end_in_a_sentence() -> None:
    """2,000 mutants of each kind, seed 1: no traceback, none over 5 seconds of processor time, none over 500 MB."""
    script = Path(__file__).parent / "fuzz.py"
    done = subprocess.run(
        [sys.executable, str(script), "--count", "2000", "--seed", "1"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("0 tracebacks, 0 over 5 s, 0 over 500 MB") == 6
