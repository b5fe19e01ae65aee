"""`compare verify` on nets such as users write: right ones match, one fault has its cause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import compare

PORTS = Path(__file__).parent / "ports"
SHAPES = {
    "crop": (2, 16, 12), "generator": (5,), "volume": (2, 4, 6, 4), "text": (12,),
    "prepared": (3, 16, 12), "again": (2, 6, 5),
}  # fmt: skip


@pytest.fixture
def verified(workers):
    def ask(net: str, **keras: Any) -> dict[str, Any]:
        torch = f"{PORTS}/users_torch.py:{net.capitalize()}"
        keras_port = f"{PORTS}/users_keras.py:{net}"
        return compare.verify(torch, keras_port, SHAPES[net], keras_args=keras, workers=workers)

    return ask


@pytest.mark.parametrize("net", ["crop", "volume", "text", "prepared", "again"])
def test_a_right_port_matches(verified, net):
    found = verified(net)
    assert (found["verdict"], found["culprits"]) == ("same within rounding", [])
    assert found["unmatched"]["keras"] == []
    assert {row["verdict"] for row in found["layers"]} <= {"same", "same within rounding"}


FAULTS = {
    "a box beside": ("crop", {"shift": 1}, "cut-elsewhere", 1e-12),
    "joined the other way": ("crop", {"skip_first": False}, "concat-order", 1e-12),
    "cut at the other side": ("generator", {}, "padding-side", 1e-12),
    "epsilon of a volume": ("volume", {"eps": 1e-5}, "bn-eps", 1e-12),
    "activation behind a volume": ("volume", {"act": "relu"}, "other-activation", 1e-12),
    "padded lines": ("text", {"pad": "same"}, "same-padding", 1e-12),
    "mean for maximum": ("text", {"pool": "mean"}, "max-for-mean", 1e-12),
    "deviation for variance": ("prepared", {"variance": False}, "other-constants", 1e-6),
    "nearest": ("prepared", {"interpolation": "nearest"}, "interpolation", 1e-6),
    "layers of their own": ("again", {"shared": False}, "layer-shared", 1e-12),
}  # a resize of TensorFlow works in float32: 1e-6


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_its_cause_alone_and_its_repair_makes_the_ports_equal(verified, name):
    net, arguments, cause, left = FAULTS[name]
    found = verified(net, **arguments)
    assert found["verdict"] == "different"
    assert {c["cause"] for c in found["culprits"]} == {cause}, found["culprits"]
    assert found["repairs"]["outputs_apart"] < left < found["outputs_apart"]


def test_two_faults_have_two_causes_behind_features_that_become_maps(verified):
    found = verified("generator", eps=1e-3, slope=0.3)
    causes = {(c["keras"], c["cause"]) for c in found["culprits"]}
    assert causes == {
        ("batch_normalization", "bn-eps"),
        ("leaky_re_lu_1", "leaky-relu-slope"),
        ("conv2d_transpose_1", "padding-side"),
    }
    assert found["repairs"]["outputs_apart"] < 1e-12


def test_a_layer_that_runs_once_too_few_is_told_by_what_is_left_out(verified):
    found = verified("again", times=2)
    (culprit,) = found["culprits"]
    assert culprit["cause"] == "layer-skipped"
    assert culprit["torch"] == "conv#3, elu#4, add#3"
