"""A convolution without its bias."""

from torch import nn

from common.locate import locate

Branches = locate(__file__.replace("broken/torch_no_bias", "ports/branches_torch") + ":Branches")
EXPECT = {
    "side": "torch",
    "spec": "branches",
    "rung": 0,
    "layer": "right",
    "cause": "bias-missing",
    "as_port": {"cause": "bias-extra"},
}


class Port(Branches):
    def __init__(self):
        super().__init__()
        self.right = nn.Conv2d(4, 2, 3, padding=1, bias=False)
