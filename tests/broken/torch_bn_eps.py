"""Batch norm with Keras' default epsilon."""

from torch import nn

from common.locate import locate

Branches = locate(__file__.replace("broken/torch_bn_eps", "ports/branches_torch") + ":Branches")
EXPECT = {"side": "torch", "spec": "branches", "rung": 2, "layer": "bn", "cause": "bn-eps"}


class Port(Branches):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(4, eps=1e-3, momentum=0.1)
