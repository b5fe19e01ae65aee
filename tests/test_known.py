"""Every known difference is in one list, is used where it says, and is shown by a test."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pytest

from common.activations import ACTIVATIONS
from compare import known
from compare.ports.causes.spoilt import same_line

ROOT = Path(__file__).parent.parent
IDS = [entry.id for entry in known.KNOWN]


def names_used(path: Path) -> set[str]:
    """What a module takes from compare/known.py: `known.name`, or the name itself."""
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree))
    imported = {
        alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "compare.known"
        for alias in node.names
    }
    called = {node.id for node in nodes if isinstance(node, ast.Name)} & imported
    return called | {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "known"
    }


@pytest.mark.parametrize("entry", known.KNOWN, ids=IDS)
def test_every_entry_is_used_where_it_says(entry):
    assert entry.uses
    for file, name in entry.uses.items():
        assert name in names_used(ROOT / file), f"{file} does not use known.{name}"


@pytest.mark.parametrize("entry", known.KNOWN, ids=IDS)
def test_every_entry_is_shown_by_a_test_that_exists(entry):
    assert entry.shown_by and all((entry.what, entry.why, entry.bound))
    for shown in entry.shown_by:
        file, _, name = shown.partition("::")
        tree = ast.parse((ROOT / file).read_text())
        tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in tests, shown


def test_every_entry_is_in_the_list_once():
    entries = [value for value in vars(known).values() if isinstance(value, known.Known)]
    assert sorted(entry.id for entry in entries) == sorted(IDS) and len(set(IDS)) == len(IDS)


def test_no_check_has_a_difference_of_its_own():
    """What only this list may know: n - 1, numbers rounded to float32, ties, dead biases."""
    words = ("(n - 1)", "np.float32(", "reference.ties(", "def dead_biases")
    for path in (ROOT / "compare").rglob("*.py"):
        if path.name not in ("known.py", "run.py", "selfcheck.py", "pictures.py"):
            found = [word for word in words if word in path.read_text()]
            assert not found, f"{path.name}: {found}"


def test_each_framework_keeps_its_own_variance_and_no_other():
    """NumPy's two variances of four numbers, 1.25 and 5/3."""
    x = np.array([1.0, 2.0, 3.0, 4.0])
    assert known.variance_factor("torch", 4) * x.var() == pytest.approx(x.var(ddof=1), rel=1e-15)
    assert known.variance_factor("keras", 4) * x.var() == x.var()
    assert known.other_variance_factor("torch", 4) == known.variance_factor("keras", 4)
    assert known.other_variance_factor("keras", 4) == known.variance_factor("torch", 4)


def test_gelus_with_constants_of_float32_are_within_the_bound():
    x = np.linspace(-5, 5, 10_001)
    exact = np.array([0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in x])
    for name, other in (
        ("gelu", "gelu with constants of float32"),
        ("gelu by its tanh formula", "gelu by its tanh formula with constants of float32"),
    ):
        gap = np.abs(ACTIVATIONS[other](x) - ACTIVATIONS[name](x)).max() / np.abs(exact).max()
        assert 1e-11 < gap < 4e-8, name


@pytest.mark.parametrize(
    ("slope", "start", "known"),
    [
        (1 + 1e-8, 0.0, True),
        (1.0, 1e-8, True),
        (1 + 1e-6, 0.0, False),
        (1.0, 1e-6, False),
        (1.0, 0.0, True),
    ],
)
def test_two_lines_are_one_where_their_constants_are_equal_in_float32(slope, start, known):
    x = np.random.default_rng(0).normal(size=(4, 3, 5, 6))
    due = x * np.array([4.0, -2.0, 1.0]).reshape(1, 3, 1, 1) + 0.5
    left = same_line(x, due, due * slope + start)
    assert left < 1e-14 if known else left == np.inf
    assert same_line(x, due, due + 1e-8 * x**2) > 1e-10  # no line at all
