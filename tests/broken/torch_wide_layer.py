"""A layer of the wrong width; the total differs too."""

from torch import nn

from torch_impl.models.lenet import LeNet

EXPECT = {
    "side": "torch",
    "spec": "lenet",
    "rung": 0,
    "layer": "fc1",
    "cause": "layer-width",
    "as_port": {"cause": "tensor-shape"},
}


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(256, 128)
        self.fc2 = nn.Linear(128, 84)
