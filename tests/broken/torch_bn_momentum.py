"""Keras' momentum, the share of the old, where PyTorch takes the share of the new."""

from torch import nn

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_bn_momentum", "ports/ops_torch") + ":Ops")
EXPECT = {"side": "torch", "spec": "ops", "rung": 2, "layer": "bn", "cause": "bn-momentum"}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(6, eps=1e-3, momentum=0.99)
