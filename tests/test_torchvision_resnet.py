"""Our PyTorch ResNets and GoogLeNets compute what torchvision's do, with equal weights."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from common import specs

ORACLE = Path(__file__).parent / "oracles" / "torchvision_resnet.py"
# float64; measured: 0, equal to the last bit, for all seven, forward and backward.
ROUNDING = 1e-12


def ask(environment: Mapping[str, str], *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(ORACLE), *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, outputs",
    [
        ("resnet18", 1),
        ("resnet34", 1),
        ("resnet50", 1),
        ("resnet101", 1),
        ("resnet152", 1),
        ("googlenet", 1),
        ("googlenet-aux", 3),
    ],
)
def test_the_port_is_torchvisions_network(environment, name, outputs):
    found = ask(environment, name)
    assert found["outputs"] == 2 * outputs  # images of two sizes
    assert found["parameters"] == specs.get(name).params
    assert found["forward"] < ROUNDING
    assert found["backward"] < ROUNDING


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["stride", "eps"])
def test_the_oracle_finds_a_planted_difference(environment, fault):
    # The paper's stride in one bottleneck: 4e-2. One eps of 1.01e-5: 1.7e-8.
    found = ask(environment, "resnet50", fault)
    assert found["forward"] > 1e-9
    assert found["backward"] > 1e-9
