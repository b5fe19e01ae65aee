"""Our PyTorch ports against torchvision's models, given the same weights by an explicit map."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ORACLE = Path(__file__).parent / "oracles" / "torchvision_errors.py"
BOUND = 1e-12  # float64; measured: 0.0 throughout, for both call the same kernels

VGGS = [f"vgg{depth}{norm}" for norm in ("", "_bn") for depth in (11, 13, 16, 19)]
PAIRS = [
    ("alexnet:AlexNet", "alexnet"),
    *((f"vgg:{model.upper().replace('_', '')}", model) for model in VGGS),
]


def errors(environment: dict[str, str], *arguments: str) -> dict[str, float]:
    """Relative differences of the outputs by image size; a process of its own has the framework."""
    done = subprocess.run(
        [sys.executable, str(ORACLE), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(("port", "model"), PAIRS)
def test_a_port_computes_what_torchvision_does(environment, port, model):
    found = errors(environment, port, model)
    assert list(found) == ["224x224", "79x110"]
    assert max(found.values()) < BOUND


@pytest.mark.slow
@pytest.mark.parametrize(
    ("port", "model", "fault", "at_least"),
    [
        ("alexnet:AlexNet", "alexnet", "padding", 1e-3),
        ("vgg:VGG11", "vgg11", "ceil", 1e-3),  # at 79x110 alone: no pool of 224 is odd
        ("vgg:VGG11BN", "vgg11_bn", "eps", 1e-7),
    ],
)
def test_the_comparison_with_torchvision_rejects_a_planted_fault(
    environment, port, model, fault, at_least
):
    assert errors(environment, port, model, fault)["79x110"] > at_least
