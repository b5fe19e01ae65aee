"""Every op of the NumPy witness, derived a second time: by loops, by SciPy, by hand, by math.*."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.signal import correlate2d

from common import reference
from common.losses import cross_entropy
from common.reference import apply, push_forward, ties
from common.rules import RULES, output_shape
from common.spec import (
    Layer,
    Spec,
    adaptive_avg_pool,
    add,
    avg_pool,
    batch_norm,
    concat,
    conv,
    dense,
    dropout,
    flatten,
    global_avg_pool,
    lrn,
    max_pool,
    padded_shortcut,
    partial_conv,
    rbf,
    relu,
    scaled_tanh,
    sigmoid,
    softmax,
    subsample,
    tanh,
)
from common.specs.lenet import LENET

RNG = np.random.default_rng(20240501)
# Sums of at most a few hundred products of numbers around 1, in another order: at most some
# hundred roundings of 1.1e-16 each. Measured here: 4e-15 at most.
ROUNDING = 1e-13


def draw(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def close(found: np.ndarray, wanted: np.ndarray, share: float = ROUNDING) -> None:
    """Equal shapes, and no element off by more than a share of the largest one wanted."""
    wanted = np.asarray(wanted, dtype=float)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=share * np.abs(wanted).max())


# ---- plain loops, one number at a time


def loop_conv(x, weight, bias, shape, stride=(1, 1), before=(0, 0), dilation=(1, 1), groups=1):
    """The definition, with the output's (height, width) given: nothing outside x is ever read."""
    inside, maps = x.shape[1] // groups, weight.shape[0] // groups
    y = np.zeros((len(x), len(weight), *shape))
    for n, o, i, j in np.ndindex(*y.shape):
        total = bias[o]
        for c, p, q in np.ndindex(*weight.shape[1:]):
            row = i * stride[0] - before[0] + p * dilation[0]
            column = j * stride[1] - before[1] + q * dilation[1]
            if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                total += weight[o, c, p, q] * x[n, (o // maps) * inside + c, row, column]
        y[n, o, i, j] = total
    return y


def loop_pool(x, shape, size, stride, before, reduce):
    """`reduce` of the list of real values in each window of each map."""
    y = np.zeros((*x.shape[:2], *shape))
    for n, c, i, j in np.ndindex(*y.shape):
        rows = range(i * stride[0] - before[0], i * stride[0] - before[0] + size[0])
        columns = range(j * stride[1] - before[1], j * stride[1] - before[1] + size[1])
        y[n, c, i, j] = reduce(
            [
                x[n, c, row, column]
                for row in rows
                for column in columns
                if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]
            ]
        )
    return y


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def loop_dense(x, weight, bias):
    return np.array(
        [
            [math.fsum([b, *(a * w for a, w in zip(x_n, w_o, strict=True))]) for w_o, b in rows]
            for x_n in x
            for rows in [list(zip(weight, bias, strict=True))]
        ]
    )


def loop_relu(x):
    return np.array([max(value, 0.0) for value in x.ravel().tolist()]).reshape(x.shape)


# ---- convolution


@pytest.mark.parametrize(
    "layer, shape, before",
    [  # on maps of 7x6: the output's height and width, written out, and the padding in front
        (conv("c", 4, 3), (5, 4), (0, 0)),
        (conv("c", 4, (2, 5)), (6, 2), (0, 0)),
        (conv("c", 4, 3, stride=2), (3, 2), (0, 0)),
        (conv("c", 4, 3, stride=(1, 3)), (5, 2), (0, 0)),
        (conv("c", 4, 3, padding=1), (7, 6), (1, 1)),
        (conv("c", 4, 3, padding=(2, 0)), (9, 4), (2, 0)),
        (conv("c", 4, 3, stride=2, padding=((0, 1), (1, 0))), (3, 3), (0, 1)),
        (conv("c", 4, 3, stride=2, padding=((1, 0), (0, 1))), (3, 3), (1, 0)),
        (conv("c", 4, 3, padding=((2, 0), (0, 3))), (7, 7), (2, 0)),
        (conv("c", 4, 2, dilation=(3, 2)), (4, 4), (0, 0)),
        (conv("c", 4, 3, dilation=2, padding=2, stride=2), (4, 3), (2, 2)),
        (conv("c", 4, 3, groups=2), (5, 4), (0, 0)),
        (conv("c", 8, 3, groups=4, padding=1, stride=2), (4, 3), (1, 1)),
        (conv("c", 4, 1, groups=4), (7, 6), (0, 0)),
        (conv("c", 4, (7, 6)), (1, 1), (0, 0)),
    ],
)
def test_a_convolution_is_the_sum_that_a_loop_over_every_index_finds(layer, shape, before):
    a = layer.settings
    x = draw(2, 4, 7, 6)
    own = {"weight": draw(a["channels"], 4 // a["groups"], *a["kernel"]), "bias": draw(8)}
    own["bias"] = own["bias"][: a["channels"]]
    wanted = loop_conv(
        x, own["weight"], own["bias"], shape, a["stride"], before, a["dilation"], a["groups"]
    )
    close(apply(layer, [x], own), wanted)


def test_a_convolution_is_scipys_correlation_summed_over_the_channels():
    x, weight = draw(3, 5, 9, 8), draw(4, 5, 3, 2)
    wanted = [
        [sum(correlate2d(x[n, c], weight[o, c], "valid") for c in range(5)) for o in range(4)]
        for n in range(3)
    ]
    layer = conv("c", 4, (3, 2), bias=False)
    close(apply(layer, [x], {"weight": weight}), np.array(wanted))


def test_a_padded_convolution_is_scipys_full_or_same_correlation():
    x, weight = draw(1, 1, 6, 7), draw(1, 1, 3, 3)
    for padding, mode in ((1, "same"), (2, "full")):
        layer = conv("c", 1, 3, padding=padding, bias=False)
        wanted = correlate2d(x[0, 0], weight[0, 0], mode)
        close(apply(layer, [x], {"weight": weight})[0, 0], wanted)


def test_a_convolution_written_out_by_hand():
    # Correlation, not convolution: the kernel is not flipped.
    x = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]).reshape(1, 1, 3, 3)
    own = {"weight": np.array([[1.0, 10], [100, 1000]]).reshape(1, 1, 2, 2), "bias": np.array([7])}
    found = apply(conv("c", 1, 2), [x], own)
    # 1 + 2x10 + 4x100 + 5x1000 + 7 = 5428, and so on
    assert found.tolist() == [[[[5428.0, 6539.0], [8761.0, 9872.0]]]]


def test_without_bias_none_is_read():
    x, weight = draw(1, 2, 3, 3), draw(1, 2, 1, 1)
    found = apply(conv("c", 1, 1, bias=False), [x], {"weight": weight})
    close(found[0, 0], weight[0, 0, 0, 0] * x[0, 0] + weight[0, 1, 0, 0] * x[0, 1])
    close(
        apply(dense("d", 1, bias=False), [x[0, 0]], {"weight": np.ones((1, 3))})[0],
        [x[0, 0, 0].sum()],
    )


# ---- dense, batch norm, add, concat, flatten


def test_a_dense_layer_is_the_sum_of_every_input_times_its_weight():
    x, weight, bias = draw(3, 6), draw(4, 6), draw(4)
    found = apply(dense("d", 4), [x], {"weight": weight, "bias": bias})
    close(found, loop_dense(x, weight, bias))


def test_batch_norm_in_evaluation_mode_is_the_formula_number_by_number():
    x = draw(2, 3, 4, 5)
    scale, shift, center = [1.5, -0.5, 2.0], [0.1, 0.2, -0.3], [0.4, -1.0, 0.0]
    var, eps = [0.25, 4.0, 1e-4], 1e-3  # an eps as large as a variance cannot hide
    wanted = np.empty_like(x)
    for n, c, i, j in np.ndindex(*x.shape):
        away = (x[n, c, i, j] - center[c]) / math.sqrt(var[c] + eps)
        wanted[n, c, i, j] = scale[c] * away + shift[c]
    names = ("scale", "shift", "mean", "var")
    own = {k: np.array(v) for k, v in zip(names, (scale, shift, center, var), strict=True)}
    close(apply(batch_norm("bn", eps=eps, keep=0.9), [x], own), wanted)
    close(apply(batch_norm("bn", eps=eps, keep=0.9), [x[:, :, 1, 2]], own), wanted[:, :, 1, 2])


def test_add_concat_and_flatten_move_whole_numbers_to_their_places():
    a = np.arange(12.0).reshape(1, 3, 2, 2)
    b = 100 + np.arange(8.0).reshape(1, 2, 2, 2)
    assert apply(flatten("f"), [a], {}).tolist() == [[*map(float, range(12))]]
    joined = apply(concat("j", reads=("b", "a")), [b, a], {})
    assert joined[0, :, 0, 0].tolist() == [100.0, 104.0, 0.0, 4.0, 8.0]
    assert joined.shape == (1, 5, 2, 2)
    total = apply(add("s", reads=("a", "a", "a")), [a, 10 * a, 100 * a], {})
    assert total[0, 2].tolist() == [[888.0, 999.0], [1110.0, 1221.0]]


@pytest.mark.parametrize(
    "layer, size",
    [  # on maps of 5x6: the output's height and width, written out
        (padded_shortcut("s", 5, 2), (3, 3)),
        (padded_shortcut("s", 3, (1, 4)), (5, 2)),
        (padded_shortcut("s", 4, 1), (5, 6)),
    ],
)
def test_a_padded_shortcut_keeps_every_stride_th_place_before_maps_of_zeros(layer, size):
    x, a = draw(2, 3, 5, 6), layer.settings
    wanted = np.zeros((2, a["channels"], *size))
    for n, c, i, j in np.ndindex(2, 3, *size):
        wanted[n, c, i, j] = x[n, c, i * a["stride"][0], j * a["stride"][1]]
    found = apply(layer, [x], {})
    assert found.tolist() == wanted.tolist()
    assert output_shape(layer, [(3, 5, 6)]) == found.shape[1:]


def test_a_padded_shortcut_cannot_lose_channels():
    with pytest.raises(ValueError, match="cannot pad 3 channels to 2"):
        output_shape(padded_shortcut("s", 2, 2), [(3, 5, 6)])


# ---- pooling, tables written out by hand and checked once against torch 2.10


ONE_TO_25 = np.arange(1.0, 26.0).reshape(1, 1, 5, 5)
ONE_TO_16 = np.arange(1.0, 17.0).reshape(1, 1, 4, 4)
ONE_TO_9 = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)


@pytest.mark.parametrize(
    "layer, x, wanted",
    [
        (max_pool("p", 2), ONE_TO_25, [[7, 9], [17, 19]]),
        (max_pool("p", 2, ceil=True), ONE_TO_25, [[7, 9, 10], [17, 19, 20], [22, 24, 25]]),
        (
            max_pool("p", 3, stride=2, padding=1),
            ONE_TO_25,
            [[7, 9, 10], [17, 19, 20], [22, 24, 25]],
        ),
        (
            max_pool("p", 2, padding=1, ceil=True),
            ONE_TO_25,
            [[1, 3, 5], [11, 13, 15], [21, 23, 25]],
        ),
        (max_pool("p", (1, 3)), ONE_TO_25, [[3], [8], [13], [18], [23]]),
        (max_pool("p", (2, 3), stride=(3, 1)), ONE_TO_25, [[8, 9, 10], [23, 24, 25]]),
        (max_pool("p", 2, padding=((0, 1), (1, 0))), ONE_TO_9, [[4, 6], [7, 9]]),
        (max_pool("p", 3, stride=2, ceil=True), ONE_TO_16[:, :, :2, :2], [[6]]),
    ],
)
def test_max_pooling_makes_the_table_written_out(layer, x, wanted):
    assert apply(layer, [x], {})[0, 0].tolist() == wanted


def test_padding_never_wins_against_negative_numbers():
    layer = max_pool("p", 3, stride=2, padding=1, ceil=True)
    # Windows start at -1, 1 and 3 (4 is in, 5 behind); each finds the one nearest to 0.
    assert apply(layer, [-ONE_TO_16], {})[0, 0].tolist() == [
        [-1, -2, -4],
        [-5, -6, -8],
        [-13, -14, -16],
    ]


AVERAGES = [  # layer, x; the sums over how many places count, with and without the border
    (
        dict(size=3, stride=2, padding=1),
        ONE_TO_25,
        [[16 / 9, 33 / 9, 28 / 9], [69 / 9, 117 / 9, 87 / 9], [76 / 9, 123 / 9, 88 / 9]],
        [[16 / 4, 33 / 6, 28 / 4], [69 / 6, 117 / 9, 87 / 6], [76 / 4, 123 / 6, 88 / 4]],
    ),
    (
        dict(size=2, ceil=True),  # what rounding up reads never counts
        ONE_TO_25,
        [[16 / 4, 24 / 4, 15 / 2], [56 / 4, 64 / 4, 35 / 2], [43 / 2, 47 / 2, 25]],
        [[16 / 4, 24 / 4, 15 / 2], [56 / 4, 64 / 4, 35 / 2], [43 / 2, 47 / 2, 25]],
    ),
    (
        dict(size=3, stride=2, padding=1, ceil=True),  # the last: one real, one padded, one behind
        ONE_TO_16,
        [[14 / 9, 30 / 9, 12 / 6], [57 / 9, 99 / 9, 36 / 6], [27 / 6, 45 / 6, 16 / 4]],
        [[14 / 4, 30 / 6, 12 / 2], [57 / 6, 99 / 9, 36 / 3], [27 / 2, 45 / 3, 16]],
    ),
    (
        dict(size=2, padding=((0, 1), (1, 0))),
        ONE_TO_9,
        [[5 / 4, 16 / 4], [7 / 4, 17 / 4]],
        [[5 / 2, 16 / 4], [7 / 1, 17 / 2]],
    ),
    (dict(size=2, stride=1), ONE_TO_9, [[3, 4], [6, 7]], [[3, 4], [6, 7]]),
    (dict(size=3, stride=2, ceil=True), ONE_TO_16[:, :, :2, :2], [[14 / 4]], [[14 / 4]]),
]


@pytest.mark.parametrize("settings, x, border, no_border", AVERAGES)
def test_average_pooling_makes_the_table_written_out(settings, x, border, no_border):
    for count_border, wanted in ((True, border), (False, no_border)):
        layer = avg_pool("p", **settings, count_border=count_border)
        # One division each, so equal to the last bit but one.
        np.testing.assert_allclose(apply(layer, [x], {})[0, 0], wanted, rtol=3e-16, atol=0)


def test_average_pooling_counts_the_border_unless_told_otherwise():
    # PyTorch's default; Keras' "same" does not count it.
    found = apply(avg_pool("p", 2, padding=1), [np.ones((1, 1, 2, 2))], {})
    assert found.tolist() == [[[[0.25, 0.25], [0.25, 0.25]]]]


@pytest.mark.parametrize("op, reduce", [(max_pool, max), (avg_pool, mean)])
def test_pooling_is_what_a_loop_over_every_window_finds(op, reduce):
    x = draw(2, 3, 7, 8)
    options = {} if op is max_pool else {"count_border": False}
    layer = op("p", (3, 2), stride=(2, 3), padding=(1, 0), ceil=True, **options)
    # Height: starts -1, 1, 3, 5, the last one ending at the border; width: 0, 3, 6.
    close(apply(layer, [x], {}), loop_pool(x, (4, 3), (3, 2), (2, 3), (1, 0), reduce))


def test_global_average_pooling_is_the_mean_of_each_map():
    x = draw(2, 3, 4, 5)
    wanted = [[[[mean(x[n, c].ravel().tolist())]] for c in range(3)] for n in range(2)]
    close(apply(global_avg_pool("g"), [x], {}), np.array(wanted))


@pytest.mark.parametrize(
    "size, rows, columns",
    [  # on maps of 7x5: the first and last row and column of each bin, written out
        ((4, 2), [(0, 1), (1, 3), (3, 5), (5, 6)], [(0, 2), (2, 4)]),
        ((3, 5), [(0, 2), (2, 4), (4, 6)], [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]),
        ((1, 1), [(0, 6)], [(0, 4)]),
        ((2, 3), [(0, 3), (3, 6)], [(0, 1), (1, 3), (3, 4)]),
        ((7, 6), [(i, i) for i in range(7)], [(0, 0), (0, 1), (1, 2), (2, 3), (3, 4), (4, 4)]),
    ],
)
def test_adaptive_average_pooling_is_the_mean_of_each_bin(size, rows, columns):
    x = draw(2, 3, 7, 5)
    wanted = [
        [
            [
                [mean([x[n, c, i, j] for i in range(t, b + 1) for j in range(m, r + 1)])
                 for m, r in columns]
                for t, b in rows
            ]
            for c in range(3)
        ]
        for n in range(2)
    ]  # fmt: skip
    close(apply(adaptive_avg_pool("a", size), [x], {}), np.array(wanted))


# ---- the ops of LeCun et al. 1998 and Krizhevsky et al. 2012


def test_subsampling_is_a_weight_times_the_sum_of_each_window_plus_a_bias():
    x, weight, bias = draw(2, 3, 6, 4), draw(3), draw(3)
    wanted = np.empty((2, 3, 3, 2))
    for n, c, i, j in np.ndindex(*wanted.shape):
        four = [x[n, c, 2 * i + p, 2 * j + q] for p in (0, 1) for q in (0, 1)]
        wanted[n, c, i, j] = weight[c] * math.fsum(four) + bias[c]
    close(apply(subsample("s", 2), [x], {"weight": weight, "bias": bias}), wanted)


def test_subsampling_leaves_out_what_fills_no_window():
    own = {"weight": np.array([10.0]), "bias": np.array([0.5])}
    found = apply(subsample("s", 2), [ONE_TO_9], own)
    assert found.tolist() == [[[[120.5]]]]  # 10 x (1 + 2 + 4 + 5) + 0.5


def test_a_partial_convolution_reads_the_maps_of_its_table_alone():
    table = ((0, 2), (1,), (0, 1, 3), (3, 0))
    x, weight, bias = draw(2, 4, 5, 6), draw(8, 2, 3), draw(4)
    kernels = iter(weight)  # one for each number of the table, in its order
    whole = np.zeros((4, 4, 2, 3))
    for out, maps in enumerate(table):
        for read in maps:
            whole[out, read] = next(kernels)
    layer = partial_conv("p", table, (2, 3))
    wanted = loop_conv(x, whole, bias, (4, 4))
    close(apply(layer, [x], {"weight": weight, "bias": bias}), wanted)


def test_an_rbf_unit_is_the_squared_distance_to_its_code():
    codes = ((1.0, -1.0, 1.0), (-1.0, -1.0, 0.5))
    x = draw(4, 3)
    wanted = [[math.dist(row, code) ** 2 for code in codes] for row in x.tolist()]
    close(apply(rbf("r", codes), [x], {}), np.array(wanted))
    found = apply(rbf("r", codes), [np.array([[1.0, -1.0, 1.0]])], {})
    assert found.tolist() == [[0.0, 4.25]]  # 2^2 + 0 + 0.5^2


@pytest.mark.parametrize("size, channels", [(1, 3), (3, 5), (5, 4), (5, 2), (7, 3)])
def test_response_normalisation_is_the_papers_sum_over_neighbouring_channels(size, channels):
    x, k, alpha, beta = draw(2, channels, 3, 2), 2.0, 0.3, 0.75
    wanted = np.empty_like(x)
    for n, i, row, column in np.ndindex(*x.shape):
        # Krizhevsky et al. 2012, section 3.3: from max(0, i - n/2) to min(N - 1, i + n/2)
        first, last = max(0, i - size // 2), min(channels - 1, i + size // 2)
        total = math.fsum(x[n, j, row, column] ** 2 for j in range(first, last + 1))
        wanted[n, i, row, column] = x[n, i, row, column] / (k + alpha * total) ** beta
    close(apply(lrn("l", size, alpha=alpha, beta=beta, k=k), [x], {}), wanted)


def test_response_normalisation_does_not_divide_alpha_by_the_size():
    layer = lrn("l", 5, alpha=1.0, beta=1.0, k=1.0)
    found = apply(layer, [np.ones((1, 5, 1, 1))], {})
    # 1 / (1 + the neighbours that there are): 3, 4, 5, 4, 3
    np.testing.assert_allclose(found.ravel(), [1 / 4, 1 / 5, 1 / 6, 1 / 5, 1 / 4], rtol=3e-16)


# ---- training mode


BN = {name: draw(3) for name in ("scale", "shift", "mean")} | {"var": np.array([0.3, 1.0, 2.5])}


def trained_net(*layers: Layer, params: int) -> Spec:
    return Spec("net", "a test", {"image": (3, 4, 5)}, layers, params)


def test_dropout_in_training_keeps_what_drew_at_least_the_rate_and_scales_it():
    spec = trained_net(dropout("half", 0.5), dropout("some", 0.2), params=0)
    x = draw(2, 3, 4, 5)
    draws = {"half": RNG.random((2, 3, 4, 5)), "some": RNG.random((2, 3, 4, 5))}
    draws["half"][0, 0, 0, 0] = 0.5  # at the rate itself: kept
    wanted, left = np.zeros_like(x), np.zeros_like(x)
    for at in np.ndindex(*x.shape):
        left[at] = x[at] / 0.5 if draws["half"][at] >= 0.5 else 0.0
        wanted[at] = left[at] / 0.8 if draws["some"][at] >= 0.2 else 0.0
    found = reference.run(spec, {}, {"image": x}, draws)
    assert wanted[0, 0, 0, 0] != 0
    close(found["half"], left)
    close(found["some"], wanted)


def test_dropout_in_evaluation_does_nothing():
    x = draw(2, 3, 4, 5)
    found = reference.run(trained_net(dropout("half", 0.5), params=0), {}, {"image": x})
    assert found["half"].tolist() == x.tolist()


def test_batch_norm_in_training_takes_the_batchs_mean_and_biased_variance():
    layer, eps = batch_norm("bn", eps=1e-3, keep=0.9), 1e-3
    x, own = draw(2, 3, 4, 5), {name: BN[name] for name in ("scale", "shift", "mean", "var")}
    wanted = np.empty_like(x)
    for c in range(3):
        values = x[:, c].ravel().tolist()
        center = mean(values)
        var = mean([(v - center) ** 2 for v in values])  # over 40, not 39
        for n, i, j in np.ndindex(2, 4, 5):
            away = (x[n, c, i, j] - center) / math.sqrt(var + eps)
            wanted[n, c, i, j] = own["scale"][c] * away + own["shift"][c]
    spec = trained_net(layer, params=6)
    weights = {f"bn.{name}": tensor for name, tensor in own.items()}
    close(reference.run(spec, weights, {"image": x}, draws={})["bn"], wanted)
    evaluated = reference.run(spec, weights, {"image": x})["bn"]
    close(evaluated, apply(layer, [x], own))
    assert np.abs(evaluated - wanted).max() > 0.1


def test_batch_norm_in_training_is_differentiated_through_its_statistics():
    spec = trained_net(batch_norm("bn", eps=1e-3, keep=0.9), params=6)
    weights = {f"bn.{name}": tensor for name, tensor in BN.items()}
    x, d = draw(2, 3, 4, 5), draw(2, 3, 4, 5)

    def at(moved: np.ndarray) -> np.ndarray:
        return reference.run(spec, weights, {"image": moved}, draws={})["bn"]

    found = at(x + 1j * reference.STEP * d).imag / reference.STEP
    close(found, (at(x + 1e-5 * d) - at(x - 1e-5 * d)) / 2e-5, share=1e-8)
    # A shift of all values moves the mean with it, and nothing else.
    close(at(x + 3.0), at(x))


# ---- elementwise closed forms


POINTS = [-30.0, -3.7, -1.0, -1e-3, 0.0, 1e-9, 0.5, 2.0, 30.0]


def test_relu_keeps_the_positive_and_zeroes_the_rest():
    found = apply(relu("r"), [np.array([[-2.0, -0.0, 0.0, 1e-300, 3.5, -np.inf, np.inf]])], {})
    assert found.tolist() == [[0.0, 0.0, 0.0, 1e-300, 3.5, 0.0, np.inf]]


def test_sigmoid_is_its_closed_form():
    found = apply(sigmoid("s"), [np.array([POINTS])], {})[0]
    wanted = [1 / (1 + math.exp(-x)) for x in POINTS]
    # The form with tanh is right to the roundings of a number near 1, so absolutely.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=3e-16)


def test_tanh_is_the_c_librarys():
    found = apply(tanh("t"), [np.array([POINTS])], {})[0]
    np.testing.assert_allclose(found, [math.tanh(x) for x in POINTS], rtol=1e-15, atol=0)


def test_scaled_tanh_is_the_c_librarys_times_its_amplitude():
    found = apply(scaled_tanh("t", amplitude=1.7159, slope=2 / 3), [np.array([POINTS])], {})[0]
    wanted = [1.7159 * math.tanh(2 / 3 * x) for x in POINTS]
    np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=0)


def test_softmax_is_its_closed_form_over_the_features():
    x = [[1.0, 2.0, -1.0], [0.0, 0.0, math.log(2.0)]]
    found = apply(softmax("s"), [np.array(x)], {})
    wanted = [[math.exp(v) / math.fsum(map(math.exp, row)) for v in row] for row in x]
    np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=0)
    np.testing.assert_allclose(found[1], [1 / 4, 1 / 4, 1 / 2], rtol=1e-15, atol=0)


def test_large_numbers_neither_overflow_nor_turn_into_nan():
    large = np.array([[1000.0, 999.0, -1000.0]])
    second = math.exp(-1) / (1 + math.exp(-1))
    found = apply(softmax("s"), [large], {})
    np.testing.assert_allclose(found, [[1 - second, second, 0.0]], rtol=1e-15, atol=0)
    assert apply(sigmoid("s"), [large], {}).tolist() == [[1.0, 1.0, 0.0]]
    assert apply(tanh("t"), [large], {}).tolist() == [[1.0, 1.0, -1.0]]
    loss = cross_entropy(large, np.array([2]))
    np.testing.assert_allclose(loss, 2000 + math.log(1 + math.exp(-1)), rtol=1e-15, atol=0)


NAN_LAYERS = [
    relu("r"),
    sigmoid("s"),
    tanh("t"),
    scaled_tanh("t", amplitude=2.0, slope=0.5),
    max_pool("p", 2),
    avg_pool("p", 2),
    adaptive_avg_pool("a", 1),
    dropout("d", 0.5),
    lrn("l", 3, alpha=1.0, beta=0.75, k=2.0),
]


@pytest.mark.parametrize("layer", [*NAN_LAYERS, global_avg_pool("g"), softmax("s")])
@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_nan_stays_nan(layer, place):
    x = np.full((1, 1, 2, 2), -5.0)
    x[0, 0, *place] = np.nan
    found = apply(layer, [x], {})
    where = (0, 0, *place) if found.shape == x.shape else (0, 0, 0, 0)
    assert math.isnan(found[where])


def test_single_precision_is_widened_before_anything_is_summed():
    x = np.array([[1e8, 1.0, -1e8]], dtype=np.float32)
    own = {"weight": np.ones((1, 3), np.float32), "bias": np.zeros(1, np.float32)}
    found = apply(dense("d", 1), [x], own)
    assert found.dtype == np.float64
    assert found.tolist() == [[1.0]]  # float32 would have lost the 1


# ---- derivatives


def spread(*shape: int) -> np.ndarray:
    """Numbers of both signs, at least 0.1 from each other and 0.05 from 0: no kink within reach."""
    count = math.prod(shape)
    return (RNG.permutation(count) - count // 2 + 0.5).reshape(shape) / 10


CASES = [
    (conv("c", 4, 3, stride=2, padding=1), [(2, 3, 6, 5)], {"weight": (4, 3, 3, 3), "bias": (4,)}),
    (conv("c", 6, 2, dilation=2, groups=3), [(2, 3, 6, 5)], {"weight": (6, 1, 2, 2), "bias": (6,)}),
    (dense("d", 4), [(2, 5)], {"weight": (4, 5), "bias": (4,)}),
    (batch_norm("b", eps=1e-3, keep=0.9), [(2, 3, 4, 2)], BN),
    (max_pool("p", 3, stride=2, padding=1, ceil=True), [(2, 3, 6, 5)], {}),
    (avg_pool("p", 3, stride=2, padding=1, ceil=True), [(2, 3, 6, 5)], {}),
    (avg_pool("p", 3, stride=2, padding=1, count_border=False), [(2, 3, 6, 5)], {}),
    (global_avg_pool("g"), [(2, 3, 6, 5)], {}),
    (relu("r"), [(2, 3, 6, 5)], {}),
    (sigmoid("s"), [(2, 7)], {}),
    (tanh("t"), [(2, 7)], {}),
    (softmax("s"), [(2, 7)], {}),
    (flatten("f"), [(2, 3, 2, 2)], {}),
    (padded_shortcut("s", 5, 2), [(2, 3, 5, 6)], {}),
    (adaptive_avg_pool("a", (4, 2)), [(2, 3, 6, 5)], {}),
    (subsample("s", 2), [(2, 3, 6, 5)], {"weight": (3,), "bias": (3,)}),
    (
        partial_conv("p", ((0, 2), (1,)), 2),
        [(2, 3, 6, 5)],
        {"weight": (3, 2, 2), "bias": (2,)},
    ),
    (rbf("r", ((1.0, -1.0, 1.0), (-1.0, -1.0, 0.5))), [(2, 3)], {}),
    (lrn("l", 3, alpha=0.5, beta=0.75, k=2.0), [(2, 5, 3, 2)], {}),
    (scaled_tanh("t", amplitude=1.7159, slope=2 / 3), [(2, 7)], {}),
    (dropout("d", 0.5), [(2, 7)], {}),
    (add("a", reads=("x", "y", "z")), [(2, 3)] * 3, {}),
    (concat("j", reads=("x", "y")), [(2, 3, 2, 2), (2, 1, 2, 2)], {}),
]


@pytest.mark.parametrize("layer, shapes, own", CASES, ids=lambda part: getattr(part, "op", ""))
def test_the_complex_step_agrees_with_central_differences(layer, shapes, own):
    sources = [spread(*shape) for shape in shapes]
    own = {k: draw(*t) if isinstance(t, tuple) else t for k, t in own.items()}
    along = [draw(*shape) for shape in shapes]
    own_along = {name: draw(*t.shape) for name, t in own.items()}

    def moved(h: float) -> np.ndarray:
        own_moved = {name: t + h * own_along[name] for name, t in own.items()}
        return apply(layer, [x + h * d for x, d in zip(sources, along, strict=True)], own_moved)

    # At h = 1e-5 the truncation h**2 f'''/6 and the rounding 1e-16 |f| / h are both near 1e-11 of
    # values around 1 to 10; a wrong derivative is off by a share near 1.
    wanted = (moved(1e-5) - moved(-1e-5)) / 2e-5
    assert np.abs(wanted).max() > 0.1
    close(push_forward(layer, sources, own, along, own_along), wanted, share=1e-8)


def test_every_op_has_a_case_above():
    assert {layer.op for layer, _, _ in CASES} == reference.OPS.keys() == RULES.keys()


LINEAR_CASES = [case for case in CASES if case[0].op in reference.LINEAR]


@pytest.mark.parametrize(
    "layer, shapes, own", LINEAR_CASES, ids=lambda part: getattr(part, "op", "")
)
def test_the_change_of_a_linear_op_is_the_difference_of_two_runs(layer, shapes, own):
    """f(x + d) - f(x) is J d itself, to rounding: in the sources, in the weight, in the bias."""
    sources, along = ([draw(*shape) for shape in shapes] for _ in range(2))
    own = {name: draw(*shape) for name, shape in own.items()}
    steps = {name: draw(*tensor.shape) for name, tensor in own.items()}
    here = apply(layer, sources, own)
    moved = apply(layer, [x + d for x, d in zip(sources, along, strict=True)], own)
    still = [None] * len(sources)
    close(push_forward(layer, sources, own, along, {}), moved - here, share=1e-12)
    for name, step in steps.items():
        wanted = apply(layer, sources, {**own, name: own[name] + step}) - here
        close(push_forward(layer, sources, own, still, {name: step}), wanted, share=1e-12)
    assert not push_forward(layer, sources, own, still, {}).any()


def test_the_derivative_of_a_convolution_is_exact_in_both_arguments():
    # d(w * x) = w * dx + dw * x + db, by the loops; central differences could not see 1e-13.
    x, dx, w, dw = draw(1, 2, 5, 5), draw(1, 2, 5, 5), draw(3, 2, 3, 3), draw(3, 2, 3, 3)
    db, none = draw(3), np.zeros(3)
    layer, own = conv("c", 3, 3, stride=2, padding=1), {"weight": w, "bias": draw(3)}
    found = push_forward(layer, [x], own, [dx], {"weight": dw, "bias": db})
    shape, at = (3, 3), ((2, 2), (1, 1))
    close(found, loop_conv(dx, w, db, shape, *at) + loop_conv(x, dw, none, shape, *at))


def test_only_the_given_directions_are_followed():
    x, w = draw(2, 5), draw(4, 5)
    layer, own = dense("d", 4), {"weight": w, "bias": draw(4)}
    dx, dw = draw(2, 5), draw(4, 5)
    close(push_forward(layer, [x], own, [dx], {}), loop_dense(dx, w, np.zeros(4)))
    close(push_forward(layer, [x], own, [None], {"weight": dw}), loop_dense(x, dw, np.zeros(4)))
    assert push_forward(layer, [x], own, [None], {}).tolist() == np.zeros((2, 4)).tolist()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_derivatives_of_the_elementwise_ops_are_their_closed_forms(scale):
    x, d = np.array([[-1.7, -0.2, 0.4, 2.1]]), scale * np.array([[1.0, -2.0, 0.5, 3.0]])
    at = list(zip(x[0].tolist(), d[0].tolist(), strict=True))
    e = [math.exp(value) for value, _ in at]
    p = [value / sum(e) for value in e]
    pull = sum(share * step for share, (_, step) in zip(p, at, strict=True))
    for layer, wanted in [
        (relu("r"), [0.0, 0.0, 0.5 * scale, 3.0 * scale]),
        (sigmoid("s"), [s * math.exp(-v) / (1 + math.exp(-v)) ** 2 for v, s in at]),
        (tanh("t"), [s / math.cosh(v) ** 2 for v, s in at]),
        (
            scaled_tanh("t", amplitude=3.0, slope=0.5),
            [1.5 * s / math.cosh(v / 2) ** 2 for v, s in at],
        ),
        (softmax("s"), [share * (s - pull) for share, (_, s) in zip(p, at, strict=True)]),
    ]:
        close(push_forward(layer, [x], {}, [d], {})[0], np.array(wanted))


def test_relu_passes_nothing_at_zero():
    found = push_forward(relu("r"), [np.array([[0.0, -0.0, 1e-9]])], {}, [np.ones((1, 3))], {})
    assert found.tolist() == [[0.0, 0.0, 1.0]]


def test_of_equal_values_the_first_in_a_window_leads_on():
    x = np.array([[3.0, 5], [5, 5]]).reshape(1, 1, 2, 2)
    step = np.array([[1.0, 20], [300, 4000]]).reshape(1, 1, 2, 2)
    assert push_forward(max_pool("p", 2), [x], {}, [step], {}).tolist() == [[[[20.0]]]]


def test_the_derivative_of_batch_norm_in_its_variance_is_the_closed_form():
    # d/dvar of scale (x - mean) (var + eps)**-1/2 is -1/2 scale (x - mean) (var + eps)**-3/2
    own = {k: np.array([v]) for k, v in dict(scale=2.0, shift=0.5, mean=-1.0, var=0.75).items()}
    layer = batch_norm("b", eps=0.25, keep=0.9)
    found = push_forward(layer, [np.array([[3.0]])], own, [None], {"var": np.array([1.0])})
    assert found.tolist() == [[-4.0]]  # -1/2 x 2 x 4 x 1


# ---- ties


def marked(layer: Layer, rows: list[list[float]]) -> list[list[int]]:
    return ties(layer, np.array([[rows]], dtype=float))[0, 0].astype(int).tolist()


def test_places_that_share_a_windows_largest_value_are_ties():
    rows = [
        [1, 1, 5, 4],
        [0, 1, 3, 5],
        [2, 2, 7, 0],
        [2, 2, 0, 0],
    ]
    assert marked(max_pool("p", 2), rows) == [
        [1, 1, 1, 0],
        [0, 1, 0, 1],
        [1, 1, 0, 0],  # 7 stands alone
        [1, 1, 0, 0],
    ]


def test_a_place_is_a_tie_if_it_is_one_in_any_window():
    rows = [[9, 4, 4, 8]]
    # Windows 9 4, 4 4, 4 8: only the middle one is tied.
    assert marked(max_pool("p", (1, 2), stride=1), rows) == [[0, 1, 1, 0]]


def test_padding_is_never_a_tie_and_what_is_not_read_neither():
    layer = max_pool("p", 2, padding=1)
    # Windows of row 0 and of rows 1 and 2, columns alike; -4 is below its three neighbours.
    assert marked(layer, [[-3, -3, -3], [-3, -4, -3], [-3, -3, -3]]) == [
        [0, 1, 1],
        [1, 0, 1],
        [1, 1, 1],
    ]
    assert marked(max_pool("p", (1, 2)), [[3, 2, 7]]) == [[0, 0, 0]]
    assert marked(max_pool("p", (1, 2)), [[3, 2, 3]]) == [[0, 0, 0]]
    assert marked(max_pool("p", (1, 2), ceil=True), [[3, 3, 7]]) == [[1, 1, 0]]


def test_a_tie_with_the_padding_marks_no_other_place():
    layer = max_pool("p", 2, stride=1, padding=((0, 1), (0, 1)))
    # The last window holds -inf and the padding, which is -inf too and stands at no place of x.
    assert marked(layer, [[7, 1], [2, -np.inf]])[0] == [0, 0]


def test_ties_are_marked_in_their_own_sample_and_channel():
    x = np.arange(16.0).reshape(2, 2, 2, 2)
    x[1, 0, :, 1] = 99
    found = ties(max_pool("p", 2), x)
    assert np.argwhere(found).tolist() == [[1, 0, 0, 1], [1, 0, 1, 1]]


def test_zeros_are_the_ties_of_relu_and_other_ops_have_none():
    rows = [[0.0, -0.0, 1e-30], [-1.0, 0.0, 2.0]]
    assert marked(relu("r"), rows) == [[1, 1, 0], [0, 1, 0]]
    for layer in (tanh("t"), avg_pool("p", 1), conv("c", 1, 1)):
        assert marked(layer, rows) == [[0, 0, 0], [0, 0, 0]]


# ---- whole networks


def weights_of(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Weights that keep numbers around 1, by name with a double underscore for the dot."""
    return {
        name.replace("__", "."): draw(*shape) / math.sqrt(math.prod(shape[1:]) or 1)
        for name, shape in shapes.items()
    }


def test_a_layer_owns_what_stands_directly_below_its_name():
    w = {"block.weight": 1, "block.left.weight": 2, "blocks.weight": 3, "block.bias": 4}
    found = reference.owned(relu("block"), {name: np.array(x) for name, x in w.items()})
    assert {name: int(x) for name, x in found.items()} == {"weight": 1, "bias": 4}


def test_a_small_network_with_branches_is_the_same_as_its_loops():
    spec = Spec(
        "small",
        "a test",
        {"image": (2, 6, 5)},
        (
            conv("stem", 3, 3, padding=1),  # 3x6x5
            relu("relu"),
            conv("block.left", 3, 1),
            add("block", reads=("block.left", "relu")),
            max_pool("pool", 2, ceil=True),  # 3x3x3
            avg_pool("mean", 2, reads=("relu",), ceil=True, count_border=False),
            concat("join", reads=("pool", "mean")),
            flatten("flatten"),  # 54
            dense("fc", 4),
        ),
        # 3 x (2 x 9 + 1) + 3 x (3 + 1) + 4 x (54 + 1)
        params=57 + 12 + 220,
    )
    w = weights_of(
        stem__weight=(3, 2, 3, 3),
        stem__bias=(3,),
        block__left__weight=(3, 3, 1, 1),
        block__left__bias=(3,),
        fc__weight=(4, 54),
        fc__bias=(4,),
    )
    x = draw(2, 2, 6, 5)
    stem = loop_conv(x, w["stem.weight"], w["stem.bias"], (6, 5), before=(1, 1))
    positive = loop_relu(stem)
    left = loop_conv(positive, w["block.left.weight"], w["block.left.bias"], (6, 5))
    pool = loop_pool(left + positive, (3, 3), (2, 2), (2, 2), (0, 0), max)
    average = loop_pool(positive, (3, 3), (2, 2), (2, 2), (0, 0), mean)
    flat = np.array([[*pool[n].ravel(), *average[n].ravel()] for n in range(2)])
    found = reference.run(spec, w, {"image": x})
    assert list(found) == ["image", *(layer.name for layer in spec.layers)]
    for name, wanted in {
        "image": x,
        "stem": stem,
        "block.left": left,
        "block": left + positive,
        "pool": pool,
        "mean": average,
        "flatten": flat,
        "fc": loop_dense(flat, w["fc.weight"], w["fc.bias"]),
    }.items():
        close(found[name], wanted)


def test_lenet_is_the_same_as_its_loops():
    w = weights_of(
        conv1__weight=(6, 1, 5, 5),
        conv1__bias=(6,),
        conv2__weight=(16, 6, 5, 5),
        conv2__bias=(16,),
        fc1__weight=(120, 256),
        fc1__bias=(120,),
        fc2__weight=(84, 120),
        fc2__bias=(84,),
        fc3__weight=(10, 84),
        fc3__bias=(10,),
    )
    x = draw(1, 1, 28, 28)
    y = loop_relu(loop_conv(x, w["conv1.weight"], w["conv1.bias"], (24, 24)))
    y = loop_pool(y, (12, 12), (2, 2), (2, 2), (0, 0), max)
    y = loop_relu(loop_conv(y, w["conv2.weight"], w["conv2.bias"], (8, 8)))
    y = loop_pool(y, (4, 4), (2, 2), (2, 2), (0, 0), max)
    y = np.array([[y[0, c, i, j] for c, i, j in itertools.product(range(16), range(4), range(4))]])
    y = loop_relu(loop_dense(y, w["fc1.weight"], w["fc1.bias"]))
    y = loop_relu(loop_dense(y, w["fc2.weight"], w["fc2.bias"]))
    y = loop_dense(y, w["fc3.weight"], w["fc3.bias"])
    close(reference.run(LENET, w, {"image": x})["fc3"], y)
