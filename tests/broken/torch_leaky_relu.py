"""A leaky relu where the net has a relu."""

from torch import nn

from torch_impl.models.lenet import LeNet

EXPECT = {
    "side": "torch",
    "spec": "lenet",
    "rung": 0,
    "layer": "relu2",
    "cause": "leaky-relu-slope",
    "as_port": {"cause": "other-activation"},
}


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.relu2 = nn.LeakyReLU()
