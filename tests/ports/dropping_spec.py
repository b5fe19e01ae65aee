"""A small net with what only training shows: batch norm behind biases, and dropout twice."""

from common.spec import Spec, batch_norm, conv, dense, dropout, flatten, max_pool, relu

DROPPING = Spec(
    name="dropping",
    source="made for the tests",
    inputs={"image": (2, 10, 8)},
    layers=(
        conv("conv1", 4, 3, params=76),  # 4 x (2 x 9 + 1) -> 4x8x6; the norm takes its bias away
        batch_norm("bn1", eps=1e-5, keep=0.9, params=8),
        relu("relu1"),
        conv("conv2", 4, 3, bias=False, params=144),  # 4 x 4 x 9 -> 4x6x4
        batch_norm("bn2", eps=1e-3, keep=0.75, params=8),
        relu("relu2"),
        dropout("drop1", 0.25),
        max_pool("pool", 2),  # 4x3x2
        flatten("flatten"),
        dropout("drop2", 0.5),
        dense("fc", 5, params=125),  # 5 x (24 + 1)
    ),
    params=361,
)
