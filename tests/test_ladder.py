"""Every check of the ladder, held against right ports and watched rejecting broken ones."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from compare.checks import climb
from compare.checks.forward import FORWARD_FLOAT64
from compare.checks.gradients import GRADIENT_FLOAT64
from compare.verdict import Verdict

HERE = Path(__file__).parent
RIGHT: dict[str, dict[str, Any]] = {
    "lenet": {
        "torch": "torch_impl.models.lenet:LeNet",
        "keras": "tf_impl.models.lenet:LeNet",
        "spec": "lenet",
    },
    "branches": {
        "torch": f"{HERE}/ports/branches_torch.py:Branches",
        "keras": f"{HERE}/ports/branches_keras.py:Branches",
        "spec": f"{HERE}/ports/branches_spec.py:BRANCHES",
    },
    "ops": {
        "torch": f"{HERE}/ports/ops_torch.py:Ops",
        "keras": f"{HERE}/ports/ops_keras.py:Ops",
        "spec": f"{HERE}/ports/ops_spec.py:OPS",
        "shares": (1.0, 0.3),
    },
}
BROKEN = [  # the others show in training alone: tests/test_selfcheck.py
    path for path in sorted((HERE / "broken").glob("*.py")) if '"dropping"' not in path.read_text()
]
EACH = [  # a third of them every day; the slow run has the others
    pytest.param(path, id=path.stem, marks=pytest.mark.slow if i % 3 else ())
    for i, path in enumerate(BROKEN)
]


def expectation(path: Path) -> dict[str, object]:
    """EXPECT of a broken port, read without importing its framework."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "EXPECT":  # type: ignore[attr-defined]
            return ast.literal_eval(node.value)
    raise AssertionError(f"{path} has no EXPECT")


def with_fault(path: Path) -> dict[str, Any]:
    """The pair of ports of which one is the broken one."""
    expected = expectation(path)
    return RIGHT[str(expected["spec"])] | {str(expected["side"]): f"{path}:Port"}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", RIGHT)
def test_right_ports_pass_every_check(evidence, name, seed):
    for check in climb(evidence(**RIGHT[name], seed=seed)):
        assert check.verdict.agrees, f"{check.id}: {check.detail}"
        assert check.coverage[0] == check.coverage[1] > 0
        assert not check.culprits


@pytest.mark.parametrize(
    "name, layer, shape", [("lenet", "conv2", (16, 8, 8)), ("ops", "strided", (6, 5, 4))]
)
def test_ports_agree_channels_first_on_both_sides(evidence, name, layer, shape):
    gathered = evidence(**RIGHT[name], layout="nchw")
    for side in ("torch", "keras"):
        shapes = {c.path: c.native_shape for c in gathered.traces[side, "float64"].calls}
        assert shapes[layer] == shape
    for check in climb(gathered):
        assert check.verdict.agrees, f"{check.id}: {check.detail}"


@pytest.mark.parametrize("name", RIGHT)
def test_float64_errors_of_right_ports_lie_two_decades_below_what_is_allowed(climbed, name):
    for check in climbed(**RIGHT[name]):
        if check.id in ("forward", "gradients"):
            allowed = {"forward": FORWARD_FLOAT64, "gradients": GRADIENT_FLOAT64}[check.id]
            assert check.measured is not None and check.measured < allowed / 100


@pytest.mark.parametrize("path", EACH)
def test_a_broken_port_is_rejected_at_its_rung_and_layer(climbed, path):
    expected = expectation(path)
    checks = {check.rung: check for check in climbed(**with_fault(path))}
    rejecting = checks[expected["rung"]]
    assert rejecting.verdict is Verdict.DIFFERENT, rejecting.detail
    first = rejecting.culprits[0]
    assert (first.layer, first.side) == (expected["layer"], expected["side"]), rejecting.detail
    for rung, check in checks.items():
        if rung is not None:  # what the probe can show depends on what the faulty layer made
            assert rung >= expected["rung"] or check.verdict.agrees, check.detail


@pytest.mark.parametrize("path", EACH)
def test_no_layer_after_a_fault_is_blamed_for_it(climbed, path):
    expected = expectation(path)
    blamed = {
        culprit.layer
        for check in climbed(**with_fault(path))
        for culprit in check.culprits
        if culprit.rung in (3, 5)
    }
    allowed = set(expected.get("also", ())) | {expected["layer"]}
    assert blamed <= allowed


def test_two_ports_that_are_wrong_alike_do_not_vouch_for_each_other(evidence):
    pair = RIGHT["branches"] | {
        side: f"{HERE}/broken/{side}_same_padding.py:Port" for side in ("torch", "keras")
    }
    forward = next(check for check in climb(evidence(**pair)) if check.id == "forward")
    assert forward.verdict is Verdict.DIFFERENT
    assert {(c.layer, c.side) for c in forward.culprits} == {("stem", "both")}


def test_two_faults_in_one_run_are_both_found(evidence):
    pair = RIGHT["branches"] | {
        "torch": f"{HERE}/broken/torch_bn_eps.py:Port",
        "keras": f"{HERE}/broken/keras_swapped_branches.py:Port",
    }
    forward = next(check for check in climb(evidence(**pair)) if check.id == "forward")
    assert {(c.layer, c.side) for c in forward.culprits} == {("bn", "torch"), ("join", "keras")}
