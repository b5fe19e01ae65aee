"""A relu that is cut off at 6, which ordinary inputs seldom reach."""

from torch import nn

from torch_impl.models.lenet import LeNet

EXPECT = {"side": "torch", "spec": "lenet", "rung": 3, "layer": "relu1", "cause": "relu6"}


class Cut(nn.ReLU):
    def forward(self, x):
        return super().forward(x).clamp(max=6)


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.relu1 = Cut()
