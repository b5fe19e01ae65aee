"""A small net of every op and setting that the zoo has and the other test nets lack."""

from common.spec import (
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
    partial_conv,
    rbf,
    scaled_tanh,
    sigmoid,
    softmax,
    subsample,
    tanh,
)

TABLE = ((0, 1), (1, 2, 3), (4,), (0, 5))
CODES = (
    (1.0, 1.0, -1.0, -1.0, 1.0, 1.0),
    (-1.0, 1.0, 1.0, -1.0, -1.0, 1.0),
    (1.0, -1.0, 1.0, 1.0, -1.0, -1.0),
    (-1.0, -1.0, -1.0, 1.0, 1.0, -1.0),
    (1.0, 1.0, 1.0, 1.0, 1.0, -1.0),
)

OPS = Spec(
    name="ops",
    source="made for the tests",
    inputs={"left": (4, 9, 8), "right": (3, 9, 8)},
    layers=(
        # 6 x (2 x 9 + 1) -> 6x8x7
        conv("grouped", 6, 3, padding=((0, 1), (1, 0)), groups=2, reads=("left",), params=114),
        lrn("lrn", 3, alpha=0.5, beta=0.75, k=2.0),
        max_pool("max_pool", 3, stride=2, padding=1, ceil=True),  # 6x5x4; floor: 6x4x4
        conv("dilated", 6, 3, padding=2, dilation=2, reads=("right",), params=168),  # 6x9x8
        sigmoid("sigmoid"),
        conv("strided", 6, 3, stride=2, padding=1, bias=False, params=324),  # 6x5x4
        batch_norm("bn", eps=1e-3, keep=0.99, params=12),
        tanh("tanh"),
        add("total", reads=("max_pool", "tanh")),
        concat("join", reads=("total", "max_pool")),  # 12x5x4
        # 12x3x3; floor: 12x3x2
        avg_pool("border", 3, stride=2, padding=1, ceil=True),
        avg_pool(
            "no_border", 3, stride=2, padding=1, ceil=True, count_border=False, reads=("join",)
        ),
        add("averages", reads=("border", "no_border")),
        global_avg_pool("global_pool"),  # 12x1x1
        flatten("flatten_global"),
        adaptive_avg_pool("adaptive", (5, 3), reads=("lrn",)),  # 8 -> 5 and 7 -> 3: uneven bins
        partial_conv("partial", TABLE, 2, params=36),  # 8 kernels x 4 + 4 -> 4x4x2
        scaled_tanh("squash", amplitude=1.7159, slope=2 / 3),
        subsample("subsample", 2, params=8),  # 4x2x1
        flatten("flatten_parts"),
        concat("features", reads=("flatten_global", "flatten_parts")),  # 12 + 8
        dropout("dropout", 0.4),
        dense("fc1", 5, params=105),  # 5 x (20 + 1)
        softmax("softmax"),  # in the middle: Keras' loss would take its logits instead
        dense("scores", 5, params=30),  # 5 x (5 + 1)
        dense("fc2", 6, reads=("flatten_parts",), params=54),  # 6 x (8 + 1)
        rbf("distances", CODES),
    ),
    params=851,
    outputs=("scores", "distances"),
)
