"""An epsilon that is 1% off."""

from torch import nn

from common.locate import locate

Branches = locate(
    __file__.replace("broken/torch_bn_eps_one_percent", "ports/branches_torch") + ":Branches"
)
EXPECT = {"side": "torch", "spec": "branches", "rung": 2, "layer": "bn", "cause": "bn-eps"}


class Port(Branches):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(4, eps=1.01e-5, momentum=0.1)
