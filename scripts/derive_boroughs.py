"""Write scenarios/boroughs/: each London borough that could join pan_london, from the published reference figures.

In: scenarios/reference. Out: one TOML file for each borough outside pan_london's six. A borough whose published counts
are suppressed so far that they give no figure has no file.
With --check nothing is written; exit code 1 if files differ.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edgeofcare.errors import OptionError
from edgeofcare.inputs.boroughs import new_borough
from edgeofcare.inputs.load import load, scenario_folder
from edgeofcare.inputs.published import reference_file

FOLDER = scenario_folder() / "boroughs"
LONDON_CODE_PREFIX = "E09"
WRITTEN_BY = "scripts/derive_boroughs.py from scenarios/reference; not edited by hand"


def files() -> dict[str, str]:
    """Return the text of each joiner's file by file name."""
    members = load("pan_london").boroughs
    found = {}
    for slug, (code, name, _) in reference_file("authorities")["authority"]["by_authority"].items():
        if code.startswith(LONDON_CODE_PREFIX) and slug not in members:
            try:
                found[f"{slug}.toml"] = new_borough(name, written_by=WRITTEN_BY)
            except OptionError as error:
                print(f"no file: {error}")
    return found


def main() -> int:
    """Write or check the files; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check_only = parser.parse_args().check
    wanted, there = files(), {path.name: path for path in FOLDER.glob("*.toml")}
    if check_only:
        stale = [name for name, text in wanted.items() if name not in there or there[name].read_text("utf-8") != text]
        wrong = sorted({*stale, *(there.keys() - wanted.keys())})
        print(f"differ: {', '.join(wrong)}" if wrong else "all files are as written")
        return int(bool(wrong))
    FOLDER.mkdir(exist_ok=True)
    for name in there.keys() - wanted.keys():
        there[name].unlink()
    for name, text in wanted.items():
        Path(FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
