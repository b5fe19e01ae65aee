"""Pads with the maps' own values, reflected."""

from torch import nn

from common.locate import locate

Branches = locate(
    __file__.replace("broken/torch_padding_reflected", "ports/branches_torch") + ":Branches"
)
EXPECT = {
    "side": "torch",
    "spec": "branches",
    "rung": 2,
    "layer": "right",
    "cause": "padding-mode",
}


class Port(Branches):
    def __init__(self):
        super().__init__()
        self.right = nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect")
