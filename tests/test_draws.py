"""Addressed draws: numpy's words, uniforms inside (0, 1), scipy's quantiles, one purpose for one place."""

from __future__ import annotations

import ast
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from numba import njit
from scipy.special import ndtri

import edgeofcare.engine.kernel  # noqa: F401  (registers care's functions with numba)
from edgeofcare.care import draws
from edgeofcare.engine import calibrate

PACKAGE = Path(draws.__file__).parents[1]
TOP = 2**64 - 1
PURPOSES = {name for name, value in vars(draws).items() if name.isupper() and isinstance(value, int) and value < 256}


@njit
def compiled(seed, replication, borough, child, purpose):  # type: ignore[no-untyped-def]
    words = draws.philox(seed, replication, borough, child, purpose)
    units = draws.uniforms(seed, replication, borough, child, purpose)
    return words, units, draws.normal_quantile(units[0])


def numpy_words(seed: int, counter: tuple[int, int, int, int]) -> tuple[int, ...]:
    """Words of numpy's generator, which adds one to its 256-bit counter before it draws."""
    whole = sum(word << (64 * i) for i, word in enumerate(counter))
    generator = np.random.Philox(key=seed, counter=(whole - 1) % 2**256)
    return tuple(int(word) for word in generator.random_raw(4))


def addresses(n: int) -> list[tuple[int, int, int, int, int]]:
    """Random addresses of every size, with words of only zeros and only ones among them."""
    rng = random.Random(1)
    corners = [0, 1, 2**32, 2**63, TOP]
    return [
        tuple(rng.choice([rng.choice(corners), rng.getrandbits(rng.choice([8, 20, 64]))]) for _ in range(5))
        for _ in range(n)
    ]  # type: ignore[misc]


def test_words_are_numpys() -> None:
    for seed, *counter in addresses(2000):
        assert draws.philox(seed, *counter) == numpy_words(seed, tuple(counter)), (seed, counter)  # type: ignore[arg-type]


def test_compiled_words_uniforms_and_quantiles_are_equal_bit_for_bit() -> None:
    for address in addresses(2000):
        words, units, score = compiled(*(np.uint64(part) for part in address))
        assert tuple(int(word) for word in words) == draws.philox(*address)
        assert units == draws.uniforms(*address)
        assert score == draws.normal_quantile(units[0])


def test_whole_numbers_of_any_type_give_the_same_words_when_compiled() -> None:
    slug = 0xF123456789ABCDEF
    assert compiled(np.uint64(7), 3, np.uint64(slug), 5, 1 + 256 * 2)[0] == draws.philox(7, 3, slug, 5, 1 + 256 * 2)


def test_uniforms_are_never_0_or_1_and_symmetric() -> None:
    assert draws.uniform(0) == 2.0**-53
    assert draws.uniform(TOP) == 1 - 2.0**-53 < 1
    for bits in (0, 1, 2**12 - 1, 2**12, 2**63 - 1, 2**63, TOP, 0x0123456789ABCDEF):
        assert draws.uniform(bits) + draws.uniform(TOP - bits) == 1


def test_normal_quantile_is_scipys() -> None:
    u = np.concatenate([np.linspace(0.001, 0.999, 2001), np.geomspace(2.0**-53, 1e-3, 500)])
    found = np.array([draws.normal_quantile(float(x)) for x in u])
    np.testing.assert_allclose(found, ndtri(u), rtol=4e-15, atol=1e-16)
    assert (np.diff(found[:2001]) > 0).all()


def test_normal_quantile_is_antisymmetric_and_finite_at_the_ends() -> None:
    for bits in (0, 1 << 12, 1 << 30, 1 << 50, 1 << 60, 0x7FFFFFFFFFFFFFFF):
        u, mirror = draws.uniform(bits), draws.uniform(TOP - bits)
        assert draws.normal_quantile(u) == -draws.normal_quantile(mirror)
    assert draws.normal_quantile(draws.uniform(0)) == pytest.approx(-8.2095, abs=1e-3)


def test_different_addresses_give_different_words() -> None:
    base = (1, 2, 3, 4, 5)
    near = {tuple(v + (i == j) * step for j, v in enumerate(base)) for i in range(5) for step in (0, 1, 256, 2**32)}
    words = [word for address in near for word in draws.philox(*address)]
    assert len(set(words)) == 4 * len(near) == 4 * 16


def uses() -> dict[str, set[tuple[str, str]]]:
    """For each purpose, the functions (file, name) of the package that read it."""
    found = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        imported = {
            alias.asname or alias.name: alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and node.module in ("edgeofcare.care.draws", "edgeofcare.engine.calibrate")
            for alias in node.names
        }
        if path.name in ("draws.py", "calibrate.py"):
            imported |= {name: name for name in PURPOSES if path.name == "draws.py"} | {"SUITED": "SUITED"}
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            for node in ast.walk(function):
                name = imported.get(node.id, "") if isinstance(node, ast.Name) else ""
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "draws":
                    name = node.attr
                if name in PURPOSES | {"SUITED"}:
                    found[name].add((path.name, function.name))
    return found


def test_a_purpose_is_used_at_one_place_only() -> None:
    found = uses()
    assert {"ARRIVAL", "PERSON", "THERAPY", "STAY", "MOVE", "SHOCK", "SHARED_SHOCK", "SUITED"} <= set(found)
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_purposes_are_distinct_and_leave_room_for_the_spell() -> None:
    values = [getattr(draws, name) for name in PURPOSES] + [calibrate.SUITED]
    assert len(set(values)) == len(values)
    assert all(0 < value < 256 for value in values)
