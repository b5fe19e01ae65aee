"""Our Keras ports against keras.applications' models, given the same weights by an explicit map."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ORACLE = Path(__file__).parent / "oracles" / "keras_applications_errors.py"
BOUND = 1e-12  # float64; measured: 0.0 throughout, for both call the same kernels


def errors(environment: dict[str, str], *arguments: str) -> dict[str, float]:
    """Relative differences of the outputs by image size; a process of its own has the framework."""
    done = subprocess.run(
        [sys.executable, str(ORACLE), *arguments],
        env={**environment, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(("port", "model"), [("vgg:VGG16", "VGG16"), ("vgg:VGG19", "VGG19")])
def test_a_port_computes_what_keras_applications_does(environment, port, model):
    found = errors(environment, port, model)
    assert list(found) == ["224x224"]
    assert found["224x224"] < BOUND


@pytest.mark.slow
def test_the_comparison_with_keras_applications_rejects_a_planted_fault(environment):
    assert errors(environment, "vgg:VGG16", "VGG16", "leak")["224x224"] > 1e-3
