"""A finished case or run, read for documents. In: a folder. Out: its parts by name. Must not know: documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeofcare.errors import RunFolderError
from edgeofcare.folders import FILES, SEAL, altered, read_manifest_file, refuse_altered
from edgeofcare.provenance import source_hash, version
from edgeofcare.questions.case import FORMAT as CASE_FORMAT
from edgeofcare.questions.case import MANIFEST as CASE_MANIFEST
from edgeofcare.results import FORMAT as RUN_FORMAT
from edgeofcare.results import MANIFEST as RUN_MANIFEST

PARTS = (
    "inputs",
    "assumptions",
    "summary",
    "uncertain",
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
ANYWAY = "Make it again; or add --anyway, and every page is marked ALTERED."
RECORD_KEYS = ("scenario_sha256", "version", "source_hash", "commit", "tree_clean", "platform", "libraries", "made_utc")


def read_case(folder: Path, anyway: bool = False) -> dict[str, Any]:
    """Return the parts of a case folder by name, or of a run folder the little that it holds.

    `case` is the head: scenario, title, version, hashes, seed, replications, `warnings` about its making, and
    `altered`, the files that are not as they were written. A part that was not made is left out.
    anyway: read altered files too. Raises RunFolderError for a folder that is neither case nor run, for files that
    were altered (unless anyway), and for damaged ones.
    """
    folder = Path(folder)
    if (folder / CASE_MANIFEST).exists():
        manifest = CASE_MANIFEST
        held = read_manifest_file(folder, manifest, {"format": CASE_FORMAT})
    elif (folder / RUN_MANIFEST).exists():
        manifest = RUN_MANIFEST
        held = read_manifest_file(folder, manifest, {"format": RUN_FORMAT})
    else:
        raise RunFolderError(
            f"{folder} is neither a case nor a run: it holds no {CASE_MANIFEST} and no {RUN_MANIFEST}. "
            f"Make a case: edgeofcare case SCENARIO --out {folder}."
        )
    changed = altered(folder, manifest, held)
    if not anyway:
        refuse_altered(folder, changed, ANYWAY)
    found = {
        part: _json(folder / f"{part}.json", list if part == "lint" else dict)
        for part in PARTS
        if f"{part}.json" in held[FILES]
    }
    head = held if manifest == CASE_MANIFEST else _run_head(folder, held, found.get("summary", {}))
    if lost := [key for key in HEAD_KEYS if key not in head]:
        raise RunFolderError(f"{folder / manifest} is damaged: it does not say {', '.join(lost)}. Make it again.")
    said = {key: value for key, value in head.items() if key not in (FILES, SEAL)}
    return {"case": said | {"warnings": _warnings(head, changed), "altered": changed}, **found}


def _json(place: Path, kind: type) -> Any:
    """Return what a file holds; raise RunFolderError if it cannot be read or is not of a kind."""
    try:
        content = json.loads(place.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunFolderError(f"{place} is damaged and cannot be read. Make it again.") from error
    if not isinstance(content, kind):
        raise RunFolderError(f"{place} does not hold what it should. Make it again.")
    return content


def _run_head(folder: Path, manifest: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the head of a run as that of a case of one part."""
    scenario = summary.get("scenario")
    if not isinstance(scenario, dict):
        raise RunFolderError(f"{folder / 'summary.json'} does not hold what it should. Run again.")
    return {
        "scenario": scenario.get("name", ""),
        "title": scenario.get("title", ""),
        "description": "",
        "parts": {},
        **{key: manifest[key] for key in RECORD_KEYS if key in manifest},
        **{key: summary[key] for key in ("seed", "replications", "outer_draws") if key in summary},
    }


def _warnings(head: Mapping[str, Any], changed: list[str]) -> list[str]:
    """Return what a reader must know about how the folder was made, and about what was done to it since."""
    warnings = []
    if changed:
        warnings.append(f"ALTERED: {', '.join(changed)} {'is' if len(changed) == 1 else 'are'} not as first written.")
    if head["version"] != version():
        warnings.append(
            f"The numbers were made by version {head['version']} of the program, the words by version {version()}."
        )
    elif head["parts"] and head.get("source_hash") != source_hash():
        warnings.append(
            "The numbers were made by other sources of the program than those installed now. Make the case again."
        )
    return warnings
