"""A gelu by its tanh formula where the net has a relu."""

from torch import nn

from torch_impl.models.lenet import LeNet

EXPECT = {
    "side": "torch",
    "spec": "lenet",
    "rung": 0,
    "layer": "relu3",
    "cause": "gelu",
    "as_port": {"cause": "other-activation"},
}


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.relu3 = nn.GELU(approximate="tanh")
