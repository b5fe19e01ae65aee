"""A small net with what LeNet lacks: stride, padding, batch norm, a shortcut, branches, H != W."""

from common.spec import (
    Spec,
    add,
    avg_pool,
    batch_norm,
    concat,
    conv,
    dense,
    flatten,
    relu,
)

BRANCHES = Spec(
    name="branches",
    source="made for the tests",
    inputs={"image": (3, 10, 8)},
    layers=(
        conv("stem", 4, 3, stride=2, padding=1, params=112),  # 4 x (3 x 9 + 1) -> 4x5x4
        batch_norm("bn", eps=1e-5, keep=0.9, params=8),
        relu("relu1"),
        conv("left", 4, 1, bias=False, params=16),  # 4 x 4
        add("total", reads=("left", "relu1")),
        conv("right", 2, 3, padding=1, reads=("relu1",), params=74),  # 2 x (4 x 9 + 1)
        concat("join", reads=("total", "right")),  # 6x5x4
        avg_pool("pool", 2, stride=1),  # 6x4x3
        flatten("flatten"),
        dense("fc", 5, params=365),  # 5 x (72 + 1)
    ),
    params=575,
)
