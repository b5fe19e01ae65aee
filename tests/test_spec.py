"""A spec counts as the papers count, chains shapes as the frameworks do, and refuses the rest."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from common import rules
from common.errors import SpecError
from common.spec import (
    Layer,
    Spec,
    adaptive_avg_pool,
    add,
    avg_pool,
    batch_norm,
    concat,
    conv,
    count_parameters,
    dense,
    dropout,
    flatten,
    global_avg_pool,
    layer_parameters,
    lrn,
    max_pool,
    partial_conv,
    rbf,
    relu,
    scaled_tanh,
    shapes,
    softmax,
    subsample,
    tensors,
)
from common.specs.lenet import LENET

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine


def net(*layers: Layer, params: int, inputs=None, outputs=()) -> Spec:
    """A spec of two channels of 6x5 pixels, unless other inputs are given."""
    return Spec("net", "a test", inputs or {"image": (2, 6, 5)}, layers, params, outputs)


def refused(call, *words: str) -> None:
    """The call raises a SpecError of one line that begins with the spec and holds the words."""
    with pytest.raises(SpecError) as caught:
        call()
    message = str(caught.value)
    assert message.startswith("net: ")
    assert "\n" not in message
    assert [word for word in words if word not in message] == [], message


# ---- counted by hand


def test_lenets_layers_hold_what_is_counted_by_hand():
    assert {name: count for name, count in layer_parameters(LENET).items() if count} == {
        "conv1": 156,  # 6 x (1 x 25 + 1)
        "conv2": 2_416,  # 16 x (6 x 25 + 1)
        "fc1": 30_840,  # 120 x (16 x 4 x 4 + 1)
        "fc2": 10_164,  # 84 x (120 + 1)
        "fc3": 850,  # 10 x (84 + 1)
    }
    assert 156 + 2_416 + 30_840 + 10_164 + 850 == 44_426
    assert count_parameters(LENET) == (44_426, 0)


def test_lenets_shapes_are_those_of_the_drawing():
    assert shapes(LENET) == {
        "image": (1, 28, 28),
        "conv1": (6, 24, 24),  # 28 - 5 + 1
        "relu1": (6, 24, 24),
        "pool1": (6, 12, 12),
        "conv2": (16, 8, 8),  # 12 - 5 + 1
        "relu2": (16, 8, 8),
        "pool2": (16, 4, 4),
        "flatten": (256,),  # 16 x 4 x 4
        "fc1": (120,),
        "relu3": (120,),
        "fc2": (84,),
        "relu4": (84,),
        "fc3": (10,),
    }


def test_lenets_multiply_adds_are_every_weight_at_every_place():
    known = shapes(LENET)
    counted = {
        layer.name: rules.multiply_adds(layer, [known[name] for name in layer.reads])
        for layer in LENET.layers
    }
    assert {name: count for name, count in counted.items() if count} == {
        "conv1": 86_400,  # 6 x 24 x 24 places x 25 weights
        "conv2": 153_600,  # 16 x 8 x 8 x 150
        "fc1": 30_720,  # 120 x 256
        "fc2": 10_080,  # 84 x 120
        "fc3": 840,  # 10 x 84
    }


def parameters(layer: Layer, source: tuple[int, ...]) -> int:
    """Numbers that a layer owns, its tensors' sides multiplied one by one."""
    total = 0
    for tensor in rules.tensors(layer, [source]).values():
        size = 1
        for side in tensor.shape:
            size *= side
        total += size
    return total


# LeCun, Bottou, Bengio, Haffner 1998, section II.B, states each of these numbers.


def test_c1_has_the_neurons_connections_and_parameters_that_lecun_states():
    c1 = conv("c1", 6, 5)
    assert rules.output_shape(c1, [(1, 32, 32)]) == (6, 28, 28)
    assert rules.neurons(c1, [(1, 32, 32)]) == 4_704  # 6 x 28 x 28
    assert rules.connections(c1, [(1, 32, 32)]) == 122_304  # 4,704 x (25 + 1)
    assert parameters(c1, (1, 32, 32)) == 156
    assert rules.multiply_adds(c1, [(1, 32, 32)]) == 117_600  # 4,704 x 25, without the biases


def test_s2_has_lecuns_connections_less_the_bias_that_our_pooling_lacks():
    s2 = avg_pool("s2", 2)
    assert rules.neurons(s2, [(6, 28, 28)]) == 1_176  # 6 x 14 x 14
    assert rules.connections(s2, [(6, 28, 28)]) == 5_880 - 1_176  # 5,880 = 1,176 x (4 + 1)


def test_c3_has_lecuns_1516_parameters_and_151600_connections():
    # Table I: six maps read 3 maps, nine read 4, one reads all 6; each map is 10x10 = 100 neurons.
    maps, readers = conv("c3", 1, 5), {3: 6, 4: 9, 6: 1}
    held = {read: parameters(maps, (read, 14, 14)) for read in readers}
    wired = {read: rules.connections(maps, [(read, 14, 14)]) for read in readers}
    assert held == {3: 76, 4: 101, 6: 151}  # 25 a map read, and a bias
    assert sum(count * held[read] for read, count in readers.items()) == 1_516
    assert sum(count * wired[read] for read, count in readers.items()) == 151_600


def test_s2_and_s4_as_lecun_wires_them_have_a_weight_and_a_bias_a_map():
    s2, s4 = subsample("s2", 2), subsample("s4", 2)
    assert rules.output_shape(s2, [(6, 28, 28)]) == (6, 14, 14)
    assert rules.connections(s2, [(6, 28, 28)]) == 5_880
    assert parameters(s2, (6, 28, 28)) == 12
    assert rules.multiply_adds(s2, [(6, 28, 28)]) == 1_176  # the sum is multiplied, once
    assert rules.connections(s4, [(16, 10, 10)]) == 2_000
    assert parameters(s4, (16, 10, 10)) == 32


def test_a_partial_convolution_counts_one_kernel_for_each_number_of_its_table():
    # 2 + 1 + 3 = 6 kernels of 2x3, on maps of 5x6 -> 4x4 places.
    layer = partial_conv("c3", ((0, 2), (1,), (0, 1, 3)), (2, 3))
    owned = rules.tensors(layer, [(4, 5, 6)])
    assert {name: tensor.shape for name, tensor in owned.items()} == {
        "weight": (6, 2, 3),
        "bias": (3,),
    }
    assert rules.output_shape(layer, [(4, 5, 6)]) == (3, 4, 4)
    assert parameters(layer, (4, 5, 6)) == 39  # 6 x 6 + 3
    assert rules.connections(layer, [(4, 5, 6)]) == 624  # 16 places x 36 + 48
    assert rules.multiply_adds(layer, [(4, 5, 6)]) == 576
    assert rules.neurons(layer, [(4, 5, 6)]) == 48


def test_the_output_units_are_wired_to_every_code_number_and_hold_nothing():
    layer = rbf("output", ((1.0,) * 84,) * 10)
    assert rules.output_shape(layer, [(84,)]) == (10,)
    assert rules.neurons(layer, [(84,)]) == 10
    assert rules.connections(layer, [(84,)]) == 840
    assert parameters(layer, (84,)) == 0


@pytest.mark.parametrize(
    "layer, source, name, reads",
    [
        (conv("c", 6, 5), (3, 9, 9), "weight", 0),  # all axes but the first: 3 x 25
        (subsample("s", 2), (6, 8, 8), "weight", 4),
        (subsample("s", (2, 3)), (6, 8, 9), "weight", 6),
        # 60 kernels of 25 in 16 maps: 93.75 values a neuron, on average
        (partial_conv("p", ((0, 1, 2),) * 6 + ((0, 1, 2, 3),) * 9 + (tuple(range(6)),), 5),
         (6, 14, 14), "weight", 93),
    ],
)  # fmt: skip
def test_fan_in_is_what_one_neuron_reads_through_a_tensor(layer, source, name, reads):
    assert rules.tensors(layer, [source])[name].fan_in == reads


def test_c5_has_as_many_connections_as_parameters():
    c5 = conv("c5", 120, 5)
    assert rules.output_shape(c5, [(16, 5, 5)]) == (120, 1, 1)
    assert parameters(c5, (16, 5, 5)) == 48_120  # 120 x (16 x 25 + 1)
    assert rules.connections(c5, [(16, 5, 5)]) == 48_120


def test_f6_has_lecuns_10164_parameters():
    f6 = dense("f6", 84)
    assert rules.neurons(f6, [(120,)]) == 84
    assert rules.connections(f6, [(120,)]) == parameters(f6, (120,)) == 10_164  # 84 x (120 + 1)


def test_the_other_ops_count_what_each_value_reads():
    assert rules.connections(global_avg_pool("pool"), [(5, 7, 3)]) == 105  # 5 x 21
    assert rules.connections(relu("relu"), [(5, 7, 3)]) == 0  # a part of the neuron before it
    assert rules.connections(add("add", reads=("a", "b", "c")), [(4, 2, 2)] * 3) == 48  # 16 x 3
    assert rules.connections(flatten("flatten"), [(5, 7, 3)]) == 0
    assert rules.multiply_adds(max_pool("pool", 2), [(5, 8, 8)]) == 0


def test_adaptive_pooling_reads_what_its_bins_hold():
    # 7 -> 4: rows 0-1, 1-3, 3-5, 5-6 hold 2 + 3 + 3 + 2; 6 -> 2: columns 0-2 and 3-5.
    layer = adaptive_avg_pool("pool", (4, 2))
    assert rules.output_shape(layer, [(5, 7, 6)]) == (5, 4, 2)
    assert rules.connections(layer, [(5, 7, 6)]) == 300  # 5 x 10 x 6
    assert parameters(layer, (5, 7, 6)) == 0


@PATIENT
@given(length=st.integers(1, 40), count=st.integers(1, 40))
def test_bins_cover_every_place_in_order_and_overlap_by_one_at_most(length, count):
    bins = rules.bins(length, count)
    assert len(bins) == count
    assert bins[0][0] == 0 and bins[-1][1] == length
    assert {stop - start for start, stop in bins} <= {
        -(-length // count),
        -(-length // count) + 1,
    }
    for (start, stop), (next_start, next_stop) in itertools.pairwise(bins):
        assert start <= next_start and stop <= next_stop
        assert stop - 1 <= next_start <= stop


def test_what_belongs_to_a_neuron_or_rearranges_it_counts_nothing():
    for layer in (
        dropout("x", 0.5),
        lrn("x", 5, alpha=1e-4, beta=0.75, k=2.0),
        scaled_tanh("x", amplitude=1.7159, slope=2 / 3),
        softmax("x"),
        batch_norm("x", eps=1e-5, keep=0.9),
    ):
        assert rules.output_shape(layer, [(5, 7, 3)]) == (5, 7, 3)
        assert rules.neurons(layer, [(5, 7, 3)]) == rules.connections(layer, [(5, 7, 3)]) == 0


def test_running_statistics_are_counted_apart_from_what_is_trained():
    spec = net(
        conv("conv", 8, 3, bias=False, params=144),  # 8 x 2 x 9
        batch_norm("bn", eps=1e-5, keep=0.9, params=16),  # scale and shift of 8
        params=160,
    )
    assert count_parameters(spec) == (160, 16)  # mean and variance of 8
    assert {name: tensor.trainable for name, tensor in tensors(spec)["bn"].items()} == {
        "scale": True,
        "shift": True,
        "mean": False,
        "var": False,
    }


def test_grouped_kernels_read_only_their_own_groups_channels():
    depthwise = conv("depthwise", 32, 3, groups=32)
    owned = rules.tensors(depthwise, [(32, 14, 14)])
    assert {name: tensor.shape for name, tensor in owned.items()} == {
        "weight": (32, 1, 3, 3),
        "bias": (32,),
    }
    assert rules.connections(depthwise, [(32, 14, 14)]) == 46_080  # 32 x 12 x 12 x (9 + 1)
    # AlexNet's conv2: 256 kernels of 5x5 over 48 of the 96 channels, one bias each.
    assert parameters(conv("conv2", 256, 5, padding=2, groups=2), (96, 27, 27)) == 307_456


def test_a_kernel_of_unequal_sides_keeps_height_before_width():
    layer = conv("conv", 4, (1, 7), padding=(0, 3), bias=False)
    assert rules.output_shape(layer, [(2, 9, 9)]) == (4, 9, 9)
    assert rules.tensors(layer, [(2, 9, 9)])["weight"].shape == (4, 2, 1, 7)


# ---- shapes of convolutions


@pytest.mark.parametrize(
    "layer, source, wanted",
    [
        # PyTorch's: torchvision 0.25's AlexNet conv1, ResNet stem, VGG, DeepLab's dilated 3x3.
        (conv("c", 64, 11, stride=4, padding=2), (3, 224, 224), (64, 55, 55)),
        (conv("c", 64, 7, stride=2, padding=3), (3, 224, 224), (64, 112, 112)),
        (conv("c", 64, 3, padding=1), (3, 224, 224), (64, 224, 224)),
        (conv("c", 256, 3, padding=2, dilation=2), (256, 28, 28), (256, 28, 28)),
        # Keras' "same" at stride 2 pads nothing before and one after: ceil(224 / 2).
        (conv("c", 32, 3, stride=2, padding=((0, 1), (0, 1))), (3, 224, 224), (32, 112, 112)),
        # Without that padding the last row and column are not read: (224 - 3) // 2 + 1.
        (conv("c", 32, 3, stride=2), (3, 224, 224), (32, 111, 111)),
        # Each side on its own: height 5 + 1 + 2 - 2 = 6 starts, width 8 + 3 - 4 = 7 starts.
        (conv("c", 1, (3, 5), padding=((1, 2), (0, 3))), (1, 5, 8), (1, 6, 7)),
        (conv("c", 1, 3, stride=(1, 3)), (1, 9, 9), (1, 7, 3)),
        (conv("c", 1, 3, dilation=(1, 3)), (1, 9, 9), (1, 7, 3)),  # 7 places apart: 9 - 7 + 1
        (conv("c", 1, 9), (1, 9, 9), (1, 1, 1)),
    ],
)
def test_a_convolution_makes_the_shape_that_is_known(layer, source, wanted):
    assert rules.output_shape(layer, [source]) == wanted


# ---- shapes of pooling


POOLED = [  # length, window, stride, padding; what torch 2.10's MaxPool1d makes: floor, ceil
    (112, 3, 2, 0, 55, 56),  # GoogLeNet's first pooling
    (32, 3, 2, 1, 16, 17),
    (5, 2, 2, 0, 2, 3),
    (6, 3, 2, 0, 2, 3),
    (7, 3, 2, 0, 3, 3),  # nothing is left over
    (7, 3, 2, 1, 4, 4),
    (5, 2, 2, 1, 3, 3),  # a fourth window would start at 5, in the padding
    (3, 2, 2, 1, 2, 2),
    (4, 2, 3, 1, 2, 2),
    (7, 2, 4, 0, 2, 2),  # a third window would start at 8, behind the input
]


@pytest.mark.parametrize("length, window, stride, padding, floor, ceil", POOLED)
def test_pooling_rounds_as_pytorch_does(length, window, stride, padding, floor, ceil):
    for rounds_up, wanted in ((False, floor), (True, ceil)):
        layer = max_pool("pool", (1, window), stride=(1, stride), padding=(0, padding))
        layer = Layer("pool", "max_pool", {**layer.settings, "ceil": rounds_up})
        assert rules.output_shape(layer, [(1, 1, length)]) == (1, 1, wanted)


@pytest.mark.parametrize("length, window", [(1, 2), (2, 3)])
def test_rounding_up_keeps_one_window_that_reaches_behind_a_small_input(length, window):
    # torch 2.10: MaxPool2d(2, ceil_mode=True) on 1x1 makes 1x1; without ceil_mode it refuses.
    source = (3, length, length)
    assert rules.output_shape(max_pool("p", window, stride=2, ceil=True), [source]) == (3, 1, 1)
    with pytest.raises(ValueError, match=f"a window of {window} does not fit into {length}"):
        rules.output_shape(max_pool("p", window, stride=2), [source])


@PATIENT
@given(
    length=st.integers(1, 30),
    window=st.integers(1, 7),
    stride=st.integers(1, 6),
    before=st.integers(0, 6),
    after=st.integers(0, 6),
)
def test_windows_are_as_many_as_are_found_by_walking_along_the_axis(
    length, window, stride, before, after
):
    assume(before < window and after < window and window <= length + before + after)
    start, inside = -before, 0
    while start + window <= length + after:
        inside, start = inside + 1, start + stride
    left_over = start - stride + window < length + after
    one_more = left_over and start < length  # it must start before the padding behind the input
    pad = (before, after)
    assert rules.window_count(length, window, stride, pad, ceil=False) == inside
    assert rules.window_count(length, window, stride, pad, ceil=True) == inside + one_more


def test_pooling_strides_by_its_window_unless_told_otherwise():
    assert rules.output_shape(max_pool("p", 3), [(4, 9, 10)]) == (4, 3, 3)
    assert rules.output_shape(max_pool("p", 3, stride=1), [(4, 9, 10)]) == (4, 7, 8)
    assert rules.output_shape(avg_pool("p", (2, 5)), [(4, 9, 10)]) == (4, 4, 2)


def test_padding_behind_pooling_alone_adds_a_window_behind():
    layer = max_pool("p", 2, padding=((0, 1), (0, 0)))
    assert rules.output_shape(layer, [(1, 3, 3)]) == (1, 2, 1)


# ---- reading several layers


def test_a_layer_reads_the_one_before_it_unless_it_names_its_sources():
    spec = net(
        relu("first"),
        relu("second"),
        add("sum", reads=("first", "image")),
        concat("join", reads=("sum", "second", "image")),
        params=0,
    )
    reads = {layer.name: layer.reads for layer in spec.layers}
    assert reads["first"] == ("image",)
    assert reads["second"] == ("first",)
    assert reads["sum"] == ("first", "image")
    assert spec.outputs == ("join",)
    assert shapes(spec)["sum"] == (2, 6, 5)
    assert shapes(spec)["join"] == (6, 6, 5)


def test_features_are_joined_end_to_end():
    assert rules.output_shape(concat("join", reads=("a", "b")), [(7,), (4,)]) == (11,)


def test_a_layer_is_found_by_its_name():
    assert LENET["conv2"].settings["channels"] == 16
    with pytest.raises(KeyError, match="conv9"):
        LENET["conv9"]


def test_a_layers_settings_cannot_be_changed_behind_the_specs_back():
    with pytest.raises(TypeError, match="does not support item assignment"):
        LENET["conv1"].settings["channels"] = 7


# ---- refusals


def test_a_name_used_twice_is_refused():
    refused(lambda: net(relu("a"), relu("a"), params=0), "two layers are called 'a'")


def test_a_layer_named_like_an_input_is_refused():
    refused(lambda: net(relu("image"), params=0), "two layers are called 'image'")


@pytest.mark.parametrize("source", ["nowhere", "later", "adder"])
def test_reading_what_no_earlier_layer_makes_is_refused(source):
    layers = (add("adder", reads=("image", source)), relu("later"))
    wanted = f"layer 'adder' reads '{source}', which no earlier layer makes"
    refused(lambda: net(*layers, params=0), wanted)


def test_a_wrong_total_is_refused_with_both_numbers():
    layers = (conv("conv", 100, 3), flatten("flatten"), dense("fc", 10))
    # 100 x (2 x 9 + 1) = 1,900; 10 x (100 x 4 x 3 + 1) = 12,010
    assert net(*layers, params=13_910).params == 13_910
    refused(
        lambda: net(*layers, params=13_900),
        "the layers hold 13,910 trainable parameters, but the spec states 13,900",
    )


def test_a_wrong_count_of_one_layer_is_refused_with_its_name_and_both_numbers():
    refused(
        lambda: net(conv("conv", 100, 3, params=1_800), params=1_900),
        "layer 'conv' holds 1,900 trainable parameters, but the spec states 1,800",
    )


def test_a_layer_stated_to_hold_nothing_is_still_checked():
    refused(lambda: net(conv("conv", 1, 1, params=0), params=3), "'conv' holds 3", "states 0")


def test_a_layer_that_nothing_reads_is_refused():
    layers = (relu("unread"), relu("last", reads=("image",)))
    refused(lambda: net(*layers, params=0), "'unread' is read by no layer and is no output")
    assert net(*layers, params=0, outputs=("unread", "last")).outputs == ("unread", "last")


def test_an_input_that_nothing_reads_is_refused():
    inputs = {"image": (1, 2, 2), "mask": (1, 2, 2)}
    layer = relu("relu", reads=("image",))
    refused(lambda: net(layer, params=0, inputs=inputs), "'mask' is read by no layer")


@pytest.mark.parametrize("output", ["nowhere", "image"])
def test_an_output_that_is_no_layer_is_refused(output):
    refused(
        lambda: net(relu("relu"), params=0, outputs=("relu", output)),
        f"the output '{output}' is not a layer",
    )


def test_an_unknown_op_is_refused_with_those_that_are_known():
    refused(
        lambda: net(Layer("odd", "conv3d"), params=0),
        "layer 'odd' (conv3d): unknown op 'conv3d'; known: adaptive_avg_pool, add, avg_pool",
        "tanh",
    )


def test_a_spec_without_layers_is_refused():
    refused(lambda: net(params=0), "at least one input and one layer")


def test_a_spec_without_inputs_is_refused():
    refused(lambda: Spec("net", "a test", {}, (relu("relu"),), 0), "at least one input")


MISFITS = [  # inputs (C, H, W) = (2, 6, 5)
    (conv("x", 4, 7), ["(conv)", "a window of 7 does not fit into 6 padded by (0, 0)"]),
    (conv("x", 4, 3, dilation=3), ["a window of 7 does not fit into 6"]),
    (conv("x", 4, 1, groups=3), ["3 groups do not divide 2 -> 4 channels"]),
    (conv("x", 3, 1, groups=2), ["2 groups do not divide 2 -> 3 channels"]),
    (conv("x", 4, 1, groups=0), ["(conv)", "0 groups"]),
    (conv("x", 4, 1, stride=0), ["(conv)", "stride", "0"]),
    (conv("x", 4, 1, stride=(1, -1)), ["(conv)", "stride", "-1"]),
    (conv("x", 4, 3, dilation=0), ["(conv)", "dilation (0, 0)"]),
    (conv("x", 4, 0), ["(conv)", "window of 0"]),
    (conv("x", 4, 1, padding=-1), ["(conv)", "padded by (-1, -1)"]),
    (conv("x", 0, 1), ["makes the shape (0, 6, 5) of [(2, 6, 5)]"]),
    (max_pool("x", 2, padding=2), ["padding (2, 2) leaves a window of 2 with no real value"]),
    (avg_pool("x", 2, padding=((0, 2), 0)), ["(avg_pool)", "padding (0, 2)", "window of 2"]),
    (max_pool("x", 6), ["(max_pool)", "a window of 6 does not fit into 5"]),
    (max_pool("x", 2, stride=-1), ["(max_pool)", "stride", "-1"]),
    (dense("x", 4), ["(dense)", "needs a feature vector (F,), got (2, 6, 5)"]),
    (add("x", reads=("image",)), ["(add)", "two or more", "[(2, 6, 5)]"]),
    (concat("x", reads=("image",)), ["(concat)"]),
    (relu("x", reads=("image", "image")), ["(relu)", "reads one source, got 2"]),
    (conv("x", 2, 1, reads=("image", "image")), ["(conv)", "reads one source, got 2"]),
    (subsample("x", 6), ["(subsample)", "a window of 6 does not fit into 5"]),
    (partial_conv("x", ((0,), (1, 2)), 3), ["the table holds (1, 2)", "the maps 0 to 1"]),
    (partial_conv("x", ((0,), (-1,)), 3), ["the table holds (-1,)"]),
    (partial_conv("x", ((0,), ()), 3), ["the table holds ()"]),
    (partial_conv("x", ((0, 1),), 7), ["(partial_conv)", "does not fit into 6"]),
    (rbf("x", ((1.0, -1.0),)), ["(rbf)", "needs a feature vector (F,), got (2, 6, 5)"]),
    (lrn("x", 4, alpha=1.0, beta=1.0, k=1.0), ["(lrn)", "an odd number", "got 4"]),
    (dropout("x", 1.0), ["(dropout)", "drops a share of 1.0", "0 to below 1"]),
    (dropout("x", -0.1), ["(dropout)", "-0.1"]),
    (adaptive_avg_pool("x", 0), ["makes the shape (2, 0, 0)"]),
]


@pytest.mark.parametrize("layer, words", MISFITS, ids=lambda part: "")
def test_a_layer_that_cannot_read_its_source_is_refused(layer, words):
    refused(lambda: net(layer, params=0), "layer 'x'", *words)


@pytest.mark.parametrize("layer", [conv("x", 2, 1), max_pool("x", 1), flatten("x")])
def test_a_feature_vector_is_no_feature_map(layer):
    layers = (flatten("flatten"), layer)
    refused(lambda: net(*layers, params=6), "needs a feature map (C, H, W), got (60,)")


def test_a_code_of_another_length_than_the_features_is_refused():
    codes = ((1.0,) * 60, (1.0,) * 59)
    layers = (flatten("flatten"), rbf("x", codes))
    refused(lambda: net(*layers, params=0), "reads 60 features, but not every code has as many")


def test_a_dense_layer_without_features_is_refused():
    layers = (flatten("flatten"), dense("x", 0))
    refused(lambda: net(*layers, params=0), "makes the shape (0,) of [(60,)]")


@pytest.mark.parametrize("shape", [(2, 6, 4), (1, 6, 5), (2, 5, 6)])
def test_adding_other_shapes_is_refused(shape):
    layer = add("x", reads=("image", "other"))
    inputs = {"image": (2, 6, 5), "other": shape}
    refused(lambda: net(layer, params=0, inputs=inputs), "adds two or more sources of one shape")


@pytest.mark.parametrize("shape", [(2, 6, 4), (2, 5, 5), (2,)])
def test_joining_maps_of_other_sizes_is_refused(shape):
    layer = concat("x", reads=("image", "other"))
    inputs = {"image": (2, 6, 5), "other": shape}
    refused(lambda: net(layer, params=0, inputs=inputs), "joins sources that differ in channels")


def test_elementwise_layers_keep_any_shape():
    for layer in (relu("x"), softmax("x"), batch_norm("x", eps=1e-3, keep=0.99)):
        assert rules.output_shape(layer, [(2, 6, 5)]) == (2, 6, 5)
        assert rules.output_shape(layer, [(60,)]) == (60,)
