"""LeNet-5 as it was published: LeCun et al. 1998, section II.B, down to its output codes.

Subsampling has a weight and a bias a map, C3 reads the maps of Table I alone, and the output is
the squared distance to ten drawn digits: the nearest one is the answer, so that small is good.
"""

from typing import Any

from keras import KerasTensor, Model, layers

from common.digit_codes import DIGIT_CODES
from tf_impl.layers import RBF, PartialConv2D, ScaledTanh, Subsample

# Table I: the S2 maps that each C3 map reads.
TABLE_I = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip


class LeNet5(Model):
    """(N, 32, 32, 1) -> squared distances (N, 10)."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.c1 = layers.Conv2D(6, kernel_size=5, strides=1, padding="valid")
        self.c1_squash = ScaledTanh(amplitude=1.7159, slope=2 / 3)
        self.s2 = Subsample(size=2)
        self.s2_squash = ScaledTanh(amplitude=1.7159, slope=2 / 3)
        self.c3 = PartialConv2D(6, TABLE_I, kernel_size=5)
        self.c3_squash = ScaledTanh(amplitude=1.7159, slope=2 / 3)
        self.s4 = Subsample(size=2)
        self.s4_squash = ScaledTanh(amplitude=1.7159, slope=2 / 3)
        self.c5 = layers.Conv2D(120, kernel_size=5, strides=1, padding="valid")
        self.c5_squash = ScaledTanh(amplitude=1.7159, slope=2 / 3)
        self.flatten = layers.Flatten()
        self.f6 = layers.Dense(84)
        self.f6_squash = ScaledTanh(amplitude=1.7159, slope=2 / 3)
        self.distances = RBF(DIGIT_CODES)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.c1(x)  # (N, 28, 28, 6)
        x = self.c1_squash(x)
        x = self.s2(x)  # (N, 14, 14, 6)
        x = self.s2_squash(x)
        x = self.c3(x)  # (N, 10, 10, 16)
        x = self.c3_squash(x)
        x = self.s4(x)  # (N, 5, 5, 16)
        x = self.s4_squash(x)
        x = self.c5(x)  # (N, 1, 1, 120)
        x = self.c5_squash(x)
        x = self.flatten(x)  # (N, 120)
        x = self.f6(x)  # (N, 84)
        x = self.f6_squash(x)
        return self.distances(x)  # (N, 10)
