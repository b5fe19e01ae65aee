"""LeNet-5 as it was published: LeCun et al. 1998, section II.B, down to its output codes.

Subsampling has a weight and a bias a map, C3 reads the maps of Table I alone, and the output is
the squared distance to ten drawn digits: the nearest one is the answer, so that small is good.
"""

from torch import Tensor, nn

from common.digit_codes import DIGIT_CODES
from torch_impl.layers import RBF, PartialConv2d, ScaledTanh, Subsample

# Table I: the S2 maps that each C3 map reads.
TABLE_I = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip


class LeNet5(nn.Module):
    """(N, 1, 32, 32) -> squared distances (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, kernel_size=5, stride=1, padding=0)
        self.c1_squash = ScaledTanh(amplitude=1.7159, slope=2 / 3)
        self.s2 = Subsample(6, size=2)
        self.s2_squash = ScaledTanh(amplitude=1.7159, slope=2 / 3)
        self.c3 = PartialConv2d(6, TABLE_I, kernel_size=5)
        self.c3_squash = ScaledTanh(amplitude=1.7159, slope=2 / 3)
        self.s4 = Subsample(16, size=2)
        self.s4_squash = ScaledTanh(amplitude=1.7159, slope=2 / 3)
        self.c5 = nn.Conv2d(16, 120, kernel_size=5, stride=1, padding=0)
        self.c5_squash = ScaledTanh(amplitude=1.7159, slope=2 / 3)
        self.flatten = nn.Flatten()
        self.f6 = nn.Linear(120, 84)
        self.f6_squash = ScaledTanh(amplitude=1.7159, slope=2 / 3)
        self.distances = RBF(DIGIT_CODES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.c1(x)  # (N, 6, 28, 28)
        x = self.c1_squash(x)
        x = self.s2(x)  # (N, 6, 14, 14)
        x = self.s2_squash(x)
        x = self.c3(x)  # (N, 16, 10, 10)
        x = self.c3_squash(x)
        x = self.s4(x)  # (N, 16, 5, 5)
        x = self.s4_squash(x)
        x = self.c5(x)  # (N, 120, 1, 1)
        x = self.c5_squash(x)
        x = self.flatten(x)  # (N, 120)
        x = self.f6(x)  # (N, 84)
        x = self.f6_squash(x)
        return self.distances(x)  # (N, 10)
