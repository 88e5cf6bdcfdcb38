"""A finished case or run, read for documents. In: a folder. Out: its parts by name. Must not know: documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgeofcare.errors import RunFolderError

PARTS = (
    "inputs",
    "assumptions",
    "summary",
    "series",
    "mean",
    "lives",
    "exposure",
    "contracts",
    "breakeven",
    "lint",
    "stress",
    "tornado",
    "backtest",
)
HEAD_KEYS = ("scenario", "title", "version", "seed", "replications")


def read_case(folder: Path) -> dict[str, Any]:
    """Return the parts of a case folder by name, or of a run folder the little that it holds.

    `case` is the head: scenario, title, version, hashes, seed, replications, and `warnings` about its making. A part
    that was not made is left out. Raises RunFolderError for a folder that is neither, and for damaged files.
    """
    folder = Path(folder)
    if (folder / "case.json").exists():
        found = {"case": _json(folder / "case.json", dict)}
        found |= {
            part: _json(folder / f"{part}.json", list if part == "lint" else dict)
            for part in PARTS
            if (folder / f"{part}.json").exists()
        }
    elif (folder / "manifest.json").exists() and (folder / "summary.json").exists():
        found = _run(folder)
    else:
        raise RunFolderError(
            f"{folder} is neither a case nor a run: it holds no case.json and no manifest.json with summary.json. "
            f"Make a case: edgeofcare case SCENARIO --out {folder}."
        )
    head = found["case"]
    if lost := [key for key in HEAD_KEYS if key not in head]:
        raise RunFolderError(f"{folder / 'case.json'} is damaged: it does not say {', '.join(lost)}. Make it again.")
    return found | {"case": head | {"warnings": _warnings(head)}}


def _json(place: Path, kind: type) -> Any:
    """Return what a file holds; raise RunFolderError if it cannot be read or is not of a kind."""
    try:
        content = json.loads(place.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{place} is damaged and cannot be read. Remove it and make the part again.") from error
    if not isinstance(content, kind):
        raise RunFolderError(f"{place} does not hold what it should. Remove it and make the part again.")
    return content


def _run(folder: Path) -> dict[str, Any]:
    """Return a run as a case of one part."""
    summary, manifest = _json(folder / "summary.json", dict), _json(folder / "manifest.json", dict)
    scenario = summary.get("scenario", {})
    head = {
        "scenario": scenario.get("name", ""),
        "title": scenario.get("title", ""),
        "description": "",
        "parts": {},
        **{key: manifest[key] for key in ("scenario_sha256", "version", "source_hash") if key in manifest},
        **{key: summary[key] for key in ("seed", "replications") if key in summary},
    }
    return {"case": head, "summary": summary}


def _warnings(head: dict[str, Any]) -> list[str]:
    """Return what a reader must know about how the folder was made."""
    from edgeofcare.provenance import rooms_hash, version
    from edgeofcare.questions.case import ROOMS

    if head["version"] != version():
        return [f"The numbers were made by version {head['version']} of the program, the words by version {version()}."]
    if head["parts"] and head.get("source_hash") != rooms_hash(*ROOMS):
        return ["The numbers were made by other sources of the program than those installed now. Make the case again."]
    return []
