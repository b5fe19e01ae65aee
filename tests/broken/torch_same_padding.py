"""Pads as Keras' "same" does at stride 2: nothing before, one row and column after."""

from torch import nn

from common.locate import locate

Branches = locate(
    __file__.replace("broken/torch_same_padding", "ports/branches_torch") + ":Branches"
)
EXPECT = {
    "side": "torch",
    "spec": "branches",
    "rung": 3,
    "layer": "stem",
    "cause": "same-vs-symmetric-stride2",
    "as_port": {"cause": "padding"},
}


class SameConv(nn.Conv2d):
    def forward(self, x):
        return super().forward(nn.functional.pad(x, (0, 1, 0, 1)))


class Port(Branches):
    def __init__(self):
        super().__init__()
        self.stem = SameConv(3, 4, 3, stride=2, padding=0)
