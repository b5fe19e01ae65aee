"""The zeros stand above and on the right; they should be below and on the left."""

from torch import nn

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_padding_mirrored", "ports/ops_torch") + ":Ops")
EXPECT = {"side": "torch", "spec": "ops", "rung": 2, "layer": "grouped", "cause": "padding-side"}


class Mirrored(nn.Conv2d):
    settings = {"padding": ((1, 0), (0, 1))}

    def forward(self, x):
        return super().forward(nn.functional.pad(x, (0, 1, 1, 0)))


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.grouped = Mirrored(4, 6, 3, groups=2)
