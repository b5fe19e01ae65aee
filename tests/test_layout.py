"""What goes from channels first to channels last and back arrives unchanged, number by number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common import layout
from common.spec import (
    Spec,
    add,
    avg_pool,
    batch_norm,
    concat,
    conv,
    dense,
    flatten,
    global_avg_pool,
    relu,
    sigmoid,
)

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine
SIDES = st.integers(1, 5)
MAPS = st.tuples(SIDES, SIDES, SIDES, SIDES)

# A map of 2 channels, 3 rows, 2 columns, its elements numbered channels first:
#
#     0 1      6  7
#     2 3      8  9
#     4 5     10 11
#
# A channels-last flatten takes place by place, both channels of each.
ORDER_2_3_2 = [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]


def net(*layers, params: int = 0, **inputs: tuple[int, ...]) -> Spec:
    """A spec that reads one map of (2, 3, 2), unless other inputs are given."""
    outputs = (layers[-1].name,)
    return Spec("net", "a test", inputs or {"image": (2, 3, 2)}, layers, params, outputs)


def orders(spec: Spec) -> dict[str, list[int]]:
    return {name: order.tolist() for name, order in layout.feature_orders(spec).items()}


def numbered(shape: tuple[int, ...]) -> np.ndarray:
    """Every element carries its own number, so that none can take another's place unseen."""
    return np.arange(int(np.prod(shape)), dtype=float).reshape(shape)


# ---- maps and kernels


def test_a_map_turns_channels_last_as_written_out():
    x = np.array([[[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]]])
    last = [[[[0, 6], [1, 7]], [[2, 8], [3, 9]], [[4, 10], [5, 11]]]]
    assert layout.to_nhwc(x).tolist() == last
    assert layout.to_nchw(np.array(last)).tolist() == x.tolist()


def test_a_kernel_turns_to_keras_order_as_written_out():
    # (out 2, in 1, h 2, w 3): the hundreds say which output, the tens the row, the ones the column
    oihw = np.array([[[[0, 1, 2], [10, 11, 12]]], [[[100, 101, 102], [110, 111, 112]]]])
    hwio = [[[[0, 100]], [[1, 101]], [[2, 102]]], [[[10, 110]], [[11, 111]], [[12, 112]]]]
    assert layout.to_hwio(oihw).tolist() == hwio
    assert layout.to_oihw(np.array(hwio)).tolist() == oihw.tolist()


def test_a_kernels_inputs_stand_before_its_outputs_in_keras():
    oihw = numbered((3, 2, 1, 1))  # rows are outputs
    assert layout.to_hwio(oihw)[0, 0].tolist() == [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]


@PATIENT
@given(MAPS)
def test_every_element_of_a_map_is_found_at_its_place_and_comes_back(shape):
    x = numbered(shape)
    y = layout.to_nhwc(x)
    assert y.shape == (shape[0], *layout.nhwc_shape(shape[1:]))
    for n, c, i, j in np.ndindex(*shape):
        assert y[n, i, j, c] == x[n, c, i, j]
    assert y.flags.c_contiguous
    np.testing.assert_array_equal(layout.to_nchw(y), x)


@PATIENT
@given(MAPS)
def test_every_element_of_a_kernel_is_found_at_its_place_and_comes_back(shape):
    kernel = numbered(shape)
    y = layout.to_hwio(kernel)
    for o, i, h, w in np.ndindex(*shape):
        assert y[h, w, i, o] == kernel[o, i, h, w]
    assert y.flags.c_contiguous
    np.testing.assert_array_equal(layout.to_oihw(y), kernel)


def test_the_shape_of_a_vector_has_no_channels_to_move():
    assert layout.nhwc_shape((2, 3, 4)) == (3, 4, 2)
    assert layout.nhwc_shape((7,)) == (7,)


# ---- the order that a flatten leaves behind


def test_a_flatten_leaves_the_order_written_out():
    assert orders(net(flatten("flat"))) == {"flat": ORDER_2_3_2}


@PATIENT
@given(st.tuples(SIDES, SIDES, SIDES))
def test_the_order_is_that_of_numpys_own_channels_last_flatten(shape):
    spec = net(flatten("flat"), image=shape)
    flat_last = np.moveaxis(numbered((1, *shape)), 1, 3).reshape(1, -1)
    np.testing.assert_array_equal(layout.feature_orders(spec)["flat"], flat_last[0])


def test_a_flatten_of_one_channel_or_one_place_keeps_the_order():
    assert orders(net(flatten("flat"), image=(1, 3, 2))) == {"flat": [0, 1, 2, 3, 4, 5]}
    spec = net(global_avg_pool("pool"), flatten("flat"))
    assert orders(spec) == {"flat": [0, 1]}


def test_elementwise_layers_hand_the_order_on():
    spec = net(
        flatten("flat"),
        relu("relu"),
        sigmoid("sigmoid"),
        batch_norm("bn", eps=1e-5, keep=0.9),
        params=24,
    )
    assert orders(spec) == dict.fromkeys(["flat", "relu", "sigmoid", "bn"], ORDER_2_3_2)


def test_a_dense_layer_ends_the_order():
    spec = net(flatten("flat"), dense("fc1", 3), relu("relu"), dense("fc2", 2), params=47)
    assert orders(spec) == {"flat": ORDER_2_3_2}


def test_maps_have_no_feature_order():
    layers = (conv("conv", 1, 1), avg_pool("pool", 2), relu("relu"))
    assert orders(net(*layers, params=3)) == {}


def test_two_flattened_maps_joined_stand_one_behind_the_other():
    spec = net(
        flatten("a", reads=("first",)),
        flatten("b", reads=("second",)),
        concat("join", reads=("b", "a")),
        relu("relu"),
        first=(2, 3, 2),
        second=(3, 1, 2),
    )
    # b numbered channels first: 0 1 | 2 3 | 4 5; then a, from 6 on.
    wanted = [0, 2, 4, 1, 3, 5, *(6 + index for index in ORDER_2_3_2)]
    assert orders(spec)["join"] == orders(spec)["relu"] == wanted


def test_features_that_were_never_a_map_keep_their_order_in_a_join():
    spec = net(
        dense("fc", 3, reads=("features",)),
        flatten("flat", reads=("image",)),
        concat("join", reads=("fc", "flat", "features")),
        image=(2, 1, 2),
        features=(2,),
        params=9,
    )
    # fc 0 1 2; flat 3 4 | 5 6 taken place by place; features 7 8
    assert orders(spec)["join"] == [0, 1, 2, 3, 5, 4, 6, 7, 8]
    assert "fc" not in orders(spec)


def test_flattened_maps_added_keep_the_order_of_each():
    spec = net(
        flatten("a"),
        flatten("b", reads=("image",)),
        add("sum", reads=("a", "b")),
        relu("relu"),
    )
    assert orders(spec)["sum"] == orders(spec)["relu"] == ORDER_2_3_2


# ---- features and dense weights


def channels_last_features(x: np.ndarray) -> np.ndarray:
    """What a channels-last port's flatten makes of (N, C, H, W), one index at a time."""
    n, c, h, w = x.shape
    return np.array(
        [[x[m, k, i, j] for i in range(h) for j in range(w) for k in range(c)] for m in range(n)]
    )


@PATIENT
@given(MAPS)
def test_features_of_a_channels_last_port_come_back_in_canonical_order(shape):
    x = numbered(shape)
    order = layout.feature_orders(net(flatten("flat"), image=shape[1:]))["flat"]
    native = channels_last_features(x)
    found = layout.canonical_output(native, "nhwc", order)
    np.testing.assert_array_equal(found, x.reshape(shape[0], -1))


def test_outputs_in_canonical_axes_are_left_alone():
    maps, features = numbered((2, 3, 4, 5)), numbered((2, 12))
    assert layout.canonical_output(maps, "nchw", None) is maps
    assert layout.canonical_output(features, "nchw", None) is features
    assert layout.canonical_output(features, "nhwc", None) is features


def test_outputs_of_a_channels_last_port_are_moved_whatever_their_order():
    x = numbered((2, 3, 4, 5))
    np.testing.assert_array_equal(layout.canonical_output(layout.to_nhwc(x), "nhwc", None), x)


def test_features_of_another_length_are_left_for_the_shape_check_to_find():
    features = numbered((2, 11))
    assert layout.canonical_output(features, "nhwc", np.array(ORDER_2_3_2)) is features


@PATIENT
@given(shape=MAPS, outputs=SIDES)
def test_a_dense_layer_gives_equal_numbers_after_either_flatten(shape, outputs):
    # Whole numbers small enough for every sum to be exact, so equal means equal.
    rng = np.random.default_rng([*shape, outputs])
    x = rng.integers(-9, 9, shape).astype(float)
    weight = rng.integers(-9, 9, (outputs, int(np.prod(shape[1:])))).astype(float)
    order = layout.feature_orders(net(flatten("flat"), image=shape[1:]))["flat"]
    columns = layout.to_order(weight, order)
    first = np.einsum("nf,of->no", x.reshape(len(x), -1), weight)
    last = np.einsum("nf,of->no", channels_last_features(x), columns)
    np.testing.assert_array_equal(last, first)
    np.testing.assert_array_equal(layout.from_order(columns, order), weight)


def test_a_dense_layer_gives_equal_numbers_after_two_flattened_maps():
    rng = np.random.default_rng(1)
    a, b = rng.integers(-9, 9, (4, 2, 3, 2)), rng.integers(-9, 9, (4, 3, 1, 2))
    weight = rng.integers(-9, 9, (5, 18))
    spec = net(
        flatten("a", reads=("first",)),
        flatten("b", reads=("second",)),
        concat("join", reads=("a", "b")),
        first=(2, 3, 2),
        second=(3, 1, 2),
    )
    columns = layout.to_order(weight, layout.feature_orders(spec)["join"])
    native = np.column_stack([channels_last_features(a), channels_last_features(b)])
    canonical = np.column_stack([a.reshape(4, -1), b.reshape(4, -1)])
    np.testing.assert_array_equal(native @ columns.T, canonical @ weight.T)


def test_dense_columns_move_as_written_out():
    # (C, H, W) = (2, 1, 2): canonical features 0 1 | 2 3, channels last 0 2 1 3
    order = layout.feature_orders(net(flatten("flat"), image=(2, 1, 2)))["flat"]
    weight = np.array([[10, 11, 12, 13], [20, 21, 22, 23]])
    moved = [[10, 12, 11, 13], [20, 22, 21, 23]]
    assert layout.to_order(weight, order).tolist() == moved
    assert layout.from_order(np.array(moved), order).tolist() == weight.tolist()


@PATIENT
@given(st.permutations(range(6)), st.permutations(range(6)))
def test_dense_and_canonical_columns_undo_each_other_for_any_order(order, row):
    weight = np.array([row, row[::-1]])
    there = layout.to_order(weight, np.array(order))
    back = layout.from_order(there, np.array(order))
    np.testing.assert_array_equal(back, weight)
    there = layout.from_order(weight, np.array(order))
    back = layout.to_order(there, np.array(order))
    np.testing.assert_array_equal(back, weight)


@pytest.mark.parametrize("move", [layout.to_order, layout.from_order])
def test_features_of_another_count_or_in_no_order_are_left_alone(move):
    weight = numbered((2, 3))
    assert move(weight, None) is weight
    other = numbered((2, 4))
    assert move(other, np.array([1, 0, 2])) is other


def test_a_vector_of_one_number_a_feature_moves_too():
    assert layout.to_order(np.array([10, 11, 12]), np.array([2, 0, 1])).tolist() == [12, 10, 11]
    assert layout.from_order(np.array([12, 10, 11]), np.array([2, 0, 1])).tolist() == [10, 11, 12]
