"""The house rules of docs and design, read from the source text itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "model" / "edgeofcare"
# Rooms in the order in which data flows: an import may only go up this list, or stay inside its own folder.
ROOMS = (
    "errors",
    "calendar",
    "locks",
    "folders",
    "provenance",
    "incidents",
    "disclosure",
    "inputs",
    "care",
    "engine",
    "money",
    "outcomes",
    "experiment",
    "summary",
    "results",
    "detail",
    "walk",
    "questions",
    "documents",
    "pages",
    "cli",
)
SOURCES = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}
PURE = ("care/", "money/")


def room(file: str) -> str:
    """The room of a file of the package."""
    return file.split("/")[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the package in full"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def test_every_file_stands_in_a_room() -> None:
    assert {room(file) for file in SOURCES} - {"__init__", "__main__"} <= set(ROOMS)


def test_imports_only_go_up_the_list_of_rooms() -> None:
    wrong = []
    for file, tree in SOURCES.items():
        if room(file) in ("__init__", "__main__"):
            continue
        for line, name in imports(tree):
            parts = name.split(".")
            if parts[0] != "edgeofcare":
                continue
            if parts[1] not in ROOMS or ROOMS.index(parts[1]) > ROOMS.index(room(file)):
                wrong.append(f"{file}:{line} imports {name}")
    assert wrong == []


def public_names() -> set[str]:
    """Names that `edgeofcare` gives: __all__, the keys of its lazy table, functions."""
    tree = SOURCES.get("__init__.py", ast.Module([], []))
    names = set()
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict | ast.List | ast.Tuple):
            items = node.value.keys if isinstance(node.value, ast.Dict) else node.value.elts
            names |= {item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)}
    return names


def test_no_public_name_is_also_a_submodule() -> None:
    assert public_names() & (set(ROOMS) | {room(file) for file in SOURCES}) == set()


# ---- pure rooms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [file for file in SOURCES if file.startswith("care/")])
def test_care_is_plain_scalar_python_equal_in_every_engine(file: str) -> None:
    """No operation whose last bit differs between Python and the compiler, no decorator, no library of arrays."""
    wrong = []
    for node in ast.walk(SOURCES[file]):
        if isinstance(node, ast.Pow):
            wrong.append("**")
        if isinstance(node, ast.Name) and node.id in ("sum", "gamma", "lgamma", "hypot", "np", "pow"):
            wrong.append(node.id)
        if isinstance(node, ast.Attribute) and node.attr in ("gamma", "lgamma", "hypot", "fsum", "prod", "dist"):
            wrong.append(node.attr)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and node.decorator_list:
            wrong.append(f"decorator of {node.name}")
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) == "math.pow"
            and isinstance(node.args[1], ast.Constant)
        ):
            wrong.append("math.pow with a constant power")
    allowed = {"__future__", "math", "collections.abc", "typing", "edgeofcare"}
    wrong += [
        n for _, n in imports(SOURCES[file]) if n.split(".")[0] not in allowed and n.rpartition(".")[0] not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("file", [file for file in SOURCES if file.startswith(PURE)])
def test_care_and_money_have_no_luck_no_files_and_no_clock(file: str) -> None:
    forbidden = {
        "random",
        "secrets",
        "simpy",
        "time",
        "os",
        "pathlib",
        "io",
        "tempfile",
        "subprocess",
        "socket",
        "matplotlib",
    }
    wrong = [f"line {line}: {name}" for line, name in imports(SOURCES[file]) if name.split(".")[0] in forbidden]
    for node in ast.walk(SOURCES[file]):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("open", "print", "input") or re.search(r"\.(now|today|utcnow)$|(^|\.)random(\.|$)", called):
                wrong.append(f"line {node.lineno}: {called}")
    assert wrong == []


ALLOWED = {0, 0.5, 1, 2, 7, 100}
# The generator's and the quantile's own constants stand where they are used.
PUBLISHED_ALGORITHMS = {"care/draws.py": ("philox", "uniform", "normal_quantile", "high_word")}


def literals(file: str) -> Iterator[tuple[int, float]]:
    """Numbers in the functions of a file: not those that name a constant of the module, nor subscripts and axes."""
    exempt: set[ast.AST] = set()
    for node in ast.walk(SOURCES[file]):
        if isinstance(node, ast.Subscript):
            exempt |= set(ast.walk(node.slice))
        if isinstance(node, ast.keyword) and node.arg in ("axis", "axes", "ddof", "maxsize"):
            exempt |= set(ast.walk(node.value))
        if isinstance(node, ast.FunctionDef) and node.name in PUBLISHED_ALGORITHMS.get(file, ()):
            exempt |= set(ast.walk(node))
    for node in SOURCES[file].body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if all(name.id.isupper() for t in targets for name in ast.walk(t) if isinstance(name, ast.Name)):
                exempt |= set(ast.walk(node))
    for node in ast.walk(SOURCES[file]):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node not in exempt:
            yield node.lineno, node.value


@pytest.mark.parametrize("file", [file for file in SOURCES if file.startswith(PURE)])
def test_numbers_are_data_or_named(file: str) -> None:
    """A published or judged number belongs in a scenario; others have a name at the head of the module."""
    assert [f"line {line}: {value}" for line, value in literals(file) if value not in ALLOWED] == []


def test_money_adds_in_a_fixed_order() -> None:
    """No matrix products: their order of adding differs between processors."""
    wrong = []
    for file, tree in SOURCES.items():
        if file.startswith("money/"):
            wrong += [
                f"{file}:{n.lineno} @"
                for n in ast.walk(tree)
                if isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult)
            ]
            names = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
            wrong += [f"{file} {name}" for name in names & {"dot", "einsum", "matmul", "tensordot", "vdot", "inner"}]
    assert wrong == []


# ---- what is shipped --------------------------------------------------------------------------------------------


def tracked() -> list[Path]:
    """Files under version control."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_machine_or_a_registry() -> None:
    """Nothing outside the repository is needed: no absolute paths, no package index, no neighbouring folder."""
    patterns = {
        "a path of one machine": r"(?<![\w.:/-])/(?:work|root|home/\w|Users/\w|mnt)/",
        "a path of one machine, Windows": r"\b[A-Z]:\\\\?Users",
        "a package index": r"--(?:extra-)?index-url|--trusted-host|PIP_INDEX_URL|/simple/?\b(?=\s|$)",
        "a neighbouring folder": re.escape("../" + "shared") + "|" + re.escape("../" + "research"),
    }
    wrong = []
    for path in tracked():
        if path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for what, pattern in patterns.items():
            wrong += [f"{path.relative_to(ROOT)}: {what}: {m.group()}" for m in re.finditer(pattern, text)]
    assert wrong == []


HELP = """
import sys
sys.argv = ["edgeofcare", "--help"]
from edgeofcare.cli import main
try:
    main()
finally:
    heavy = {"numpy", "pandas", "numba", "scipy", "matplotlib", "pyarrow", "simpy", "pydantic"} & set(sys.modules)
    assert not heavy, heavy
"""


def test_help_loads_no_heavy_library() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True)
    assert done.returncode == 0 and "run" in done.stdout, done.stderr


def test_one_root_of_errors() -> None:
    """Every error a user can cause derives from EdgeOfCareError, so that none ends in a traceback."""
    bases = {
        n.name: [ast.unparse(b) for b in n.bases] for n in SOURCES["errors.py"].body if isinstance(n, ast.ClassDef)
    }
    others = {name for name, of in bases.items() if name.endswith("Error") and of != ["EdgeOfCareError"]}
    assert others == {"EdgeOfCareError", "IdentityError"}
