"""`compare verify` where little tells a fault from a right port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import compare

PORTS = Path(__file__).parent / "ports"
SHAPES: dict[str, Any] = {
    "Square": (3, 6, 6), "Twins": [(3, 6, 9), (3, 6, 9)], "Dropping": (7,),
    "Places": (3, 6, 8), "Turned": (3, 5, 6),
}  # fmt: skip
KERAS = {"Places": "Places"}


@pytest.fixture
def verified(workers):
    def ask(net: str, torch: Any = None, keras: Any = None) -> dict[str, Any]:
        ports = (
            f"{PORTS}/subtle_torch.py:{net}",
            f"{PORTS}/subtle_keras.py:{KERAS.get(net, net.lower())}",
        )
        given = {"torch_args": torch, "keras_args": keras}
        return compare.verify(*ports, SHAPES[net], workers=workers, **given)

    return ask


def causes(found: dict[str, Any]) -> list[tuple[str | None, str, str]]:
    return [(c["cause"], c["torch"], c["keras"]) for c in found["culprits"]]


def test_a_norm_over_whole_maps_holds_its_numbers_in_the_ports_own_order(verified):
    """(C, H, W) in PyTorch and (H, W, C) in Keras, which have one shape where all are six."""
    found = verified("Square")
    assert (found["exit_status"], found["outputs_apart"] < 1e-12) == (0, True)


def test_a_norm_along_another_axis_of_square_maps_does_not_turn_what_is_behind_it(verified):
    found = verified("Square", {"kind": "channels"}, {"kind": "channels", "axis": 1})
    assert causes(found) == [(None, "norm", "layer_normalization")]


def test_a_stride_along_the_other_axis_of_square_maps_is_the_only_culprit(verified):
    found = verified("Square", {"kind": "strides"}, {"kind": "strides", "stride": [2, 1]})
    assert causes(found) == [("stride", "thin", "conv2d_1")]
    assert found["repairs"]["outputs_apart"] < 1e-12


def test_a_slope_for_all_channels_is_a_tensor_of_another_shape_and_no_shared_layer(verified):
    found = verified("Square", {"kind": "slopes", "slopes": 1}, {"kind": "slopes"})
    assert causes(found) == [("tensor-shape", "prelu", "p_re_lu")]


def test_a_border_that_repeats_its_edge_is_another_mode_of_padding(verified):
    found = verified("Square", {"kind": "border"}, {"kind": "border", "mode": "symmetric"})
    assert causes(found) == [("padding-mode", "pad", "pad")]
    assert found["repairs"]["outputs_apart"] < 1e-12


def test_operations_that_each_framework_calls_its_own_way_are_not_said_to_be_others(verified):
    found = verified("Square", {"kind": "shuffled"}, {"kind": "shuffled"})
    assert [c["cause"] for c in found["culprits"]] == [None]


@pytest.mark.parametrize("side", ["torch", "keras"])
def test_a_layer_that_one_port_runs_again_is_told_once(verified, side):
    found = verified("Twins", **{side: {"shared": True}})
    assert [cause for cause, _, _ in causes(found)] == ["layer-shared"]
    assert found["repairs"]["outputs_apart"] < 1e-12


@pytest.mark.parametrize("kind", ["tokens", "last", "largest"])
def test_what_both_ports_return_axis_by_axis_is_the_same(verified, kind):
    """Turned in PyTorch, as it lies in Keras; and where one number was taken of a whole batch."""
    found = verified("Places", {"kind": kind}, {"kind": kind})
    assert (found["exit_status"], found["culprits"]) == (0, [])


def test_either_of_two_channels_that_are_as_large_may_have_the_gradient_of_their_maximum(verified):
    """PyTorch hands it to one of them, TensorFlow half of it to each."""
    found = verified("Places", {"kind": "doubled"}, {"kind": "doubled"})
    assert (found["exit_status"], found["culprits"]) == (0, [])


def test_a_gradient_that_is_lost_on_the_way_is_not_said_to_be_scaled(verified):
    found = verified("Places", {"kind": "lost"}, {"kind": "mean"})
    assert [c["cause"] for c in found["culprits"]] == ["gradient-detached"]


def test_a_mean_over_other_axes_is_no_maximum_for_a_mean(verified):
    found = verified("Places", {"kind": "mean"}, {"kind": "columns"})
    assert found["exit_status"] == 1
    assert "max-for-mean" not in {cause for cause, _, _ in causes(found)}


def test_dropout_in_front_of_another_layer_is_told(verified):
    found = verified("Dropping", {}, {"place": "first"})
    assert {cause for cause, _, _ in causes(found)} == {"dropout-missing"}
    assert found["exit_status"] == 1


def test_dropout_where_the_other_port_drops_whole_samples_is_told_with_both_places(verified):
    found = verified("Dropping", {"place": "both"}, {"place": "both", "whole": True})
    assert [c["cause"] for c in found["culprits"]] == ["dropout2d"]
    assert all(found["culprits"][0][side] for side in ("torch", "keras"))


def test_dropout_on_either_side_of_a_relu_is_the_same(verified):
    assert verified("Dropping", {}, {"place": "before"})["exit_status"] == 0


def test_maps_behind_a_dense_layer_lie_as_those_in_front_of_it(verified):
    """Else what is flattened behind a fault, channels last, is taken for another order."""
    found = verified("Turned", keras={"act": "tanh"})
    assert [cause for cause, _, _ in causes(found)] == ["other-activation"]
    assert found["repairs"]["outputs_apart"] < 1e-12


def test_an_axis_has_another_number_where_channels_lie_last_and_is_no_cause(verified):
    found = verified("Turned", {"norm": True}, {"norm": 1e-2})
    assert [cause for cause, _, _ in causes(found)] == ["layer_norm-eps"]
    assert found["repairs"]["outputs_apart"] < 1e-12
    assert verified("Turned", {"norm": True}, {"norm": 1e-5})["exit_status"] == 0
