"""`compare verify` on nets such as users write: right ones match, one fault has its cause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import compare

PORTS = Path(__file__).parent / "ports"
SHAPES = {
    "crop": (2, 16, 12), "generator": (5,), "volume": (2, 4, 6, 4), "text": (12,),
    "prepared": (3, 16, 12), "again": (2, 6, 5), "separate": (3, 8, 12), "multi_head": (3, 8, 12),
    "positions": (3, 8, 12), "faint": (3, 8, 12), "reduced": (3, 8, 8), "scalars": (3, 8, 12),
    "relative": (3, 8, 12),
}  # fmt: skip


@pytest.fixture
def verified(workers):
    def ask(net: str, **keras: Any) -> dict[str, Any]:
        attention = {"separate": {"fused": True}, "multi_head": {"fused": False}}.get(net, {})
        torch = f"{PORTS}/users_torch.py:{'Former' if attention else net.capitalize()}"
        keras_port = f"{PORTS}/users_keras.py:{net}"
        given = {"torch_args": attention, "keras_args": keras}
        return compare.verify(torch, keras_port, SHAPES[net], workers=workers, **given)

    return ask


@pytest.mark.parametrize("net", [*sorted(SHAPES.keys() - {"generator"})])
def test_a_right_port_matches(verified, net):
    found = verified(net)
    assert (found["verdict"], found["culprits"]) == ("same within rounding", [])
    assert found["unmatched"]["keras"] == []
    assert {row["verdict"] for row in found["layers"]} <= {"same", "same within rounding"}


FAULTS = {
    "a box beside": ("crop", {"shift": 1}, "cut-elsewhere", 1e-12),
    "pixels scaled inside": ("crop", {"scale": 1 / 255}, "preprocessing-inside", 1e-12),
    "joined the other way": ("crop", {"skip_first": False}, "concat-order", 1e-12),
    "cut at the other side": ("generator", {}, "padding-side", 1e-12),
    "epsilon of a volume": ("volume", {"eps": 1e-5}, "bn-eps", 1e-12),
    "activation behind a volume": ("volume", {"act": "relu"}, "other-activation", 1e-12),
    "padded lines": ("text", {"pad": "same"}, "same-padding", 1e-12),
    "mean for maximum": ("text", {"pool": "mean"}, "max-for-mean", 1e-12),
    "deviation for variance": ("prepared", {"variance": False}, "other-constants", 1e-6),
    "nearest": ("prepared", {"interpolation": "nearest"}, "interpolation", 1e-6),
    "tokens of as many places": ("reduced", {"approximate": True}, "gelu", 1e-12),
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


@pytest.mark.parametrize("net", ["separate", "multi_head"])
def test_projections_that_one_port_has_in_one_layer_are_pairs_with_the_others(verified, net):
    found = verified(net)
    pairs = {pair["torch"]: pair["keras"] for pair in found["pairs"]}
    ours = "att.qkv" if net == "separate" else "att/multi_head_attention_forward"
    assert len([name for name in pairs if name.startswith(f"{ours}[")]) == 3
    if net == "multi_head":  # whose names tell which is which
        for i, duty in enumerate(("query", "key", "value")):
            assert pairs[f"{ours}[{i}/3]"] == f"multi_head_attention.{duty}_dense"


def test_another_scale_of_an_attention_is_told(verified):
    found = verified("separate", scale=1.0)
    (culprit,) = found["culprits"]
    assert (culprit["cause"], culprit["torch"]) == ("attention-scale", "att/attention")
    assert culprit["phrase"] == "keras scales by 1, torch by 0.5"


def test_an_epsilon_in_front_of_an_attention_is_the_only_culprit(verified):
    found = verified("multi_head", eps=1e-3)
    (culprit,) = found["culprits"]
    assert (culprit["cause"], culprit["torch"]) == ("layer_norm-eps", "norm")
    assert found["repairs"]["outputs_apart"] < 1e-12


def test_an_epsilon_that_is_lost_in_the_sum_behind_it_is_named_where_it_is(verified):
    found = verified("faint", eps=1e-6)
    (culprit,) = found["culprits"]
    assert (culprit["cause"], culprit["torch"]) == ("layer_norm-eps", "norm")
    assert found["repairs"]["outputs_apart"] < 1e-12
