"""LeNet-5 as it was published: LeCun et al. 1998, section II.B, down to its output codes."""

from common.digit_codes import DIGIT_CODES
from common.spec import (
    Layer,
    Spec,
    conv,
    dense,
    flatten,
    partial_conv,
    rbf,
    scaled_tanh,
    subsample,
)

# Table I: the S2 maps that each C3 map reads. Six contiguous subsets of three, six of four, three
# of four that are not contiguous, and all six: 6 x 3 + 9 x 4 + 6 = 60 kernels of the 96.
TABLE_I = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip


def squash(name: str) -> Layer:
    """Appendix A: f(a) = A tanh(S a), so that f(1) = 1 and f(-1) = -1."""
    return scaled_tanh(name, amplitude=1.7159, slope=2 / 3)


# What is commonly wrong: a C3 that reads all six maps (2,416 parameters, 61,706 in all), S2 and S4
# as average pooling without weights, 10 logits (850 parameters) where the paper has fixed codes.
LENET5 = Spec(
    name="lenet5",
    source="LeCun et al. 1998, section II.B, Fig. 2, Fig. 3 and Table I",
    inputs={"image": (1, 32, 32)},
    layers=(
        conv("c1", 6, 5, params=156),  # 6 x (25 + 1)
        squash("c1_squash"),
        subsample("s2", 2, params=12),  # 6 x (1 + 1)
        squash("s2_squash"),
        partial_conv("c3", TABLE_I, 5, params=1_516),  # 60 x 25 + 16
        squash("c3_squash"),
        subsample("s4", 2, params=32),  # 16 x (1 + 1)
        squash("s4_squash"),
        conv("c5", 120, 5, params=48_120),  # 120 x (16 x 25 + 1)
        squash("c5_squash"),
        flatten("flatten"),  # 120 x 1 x 1
        dense("f6", 84, params=10_164),  # 84 x (120 + 1)
        squash("f6_squash"),
        rbf("distances", DIGIT_CODES),  # 10 units at 84 fixed numbers each
    ),
    params=60_000,
    data="mnist-5k",
    port="lenet5:LeNet5",
)

SPECS = (LENET5,)
