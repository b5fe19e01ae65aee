"""The loss' own gradient arrives doubled at the logits."""

from torch import nn

from torch_impl.models.lenet import LeNet

EXPECT = {
    "side": "torch",
    "spec": "lenet",
    "rung": 5,
    "layer": "loss",
    "cause": "gradient-scaled",
    "as_port": {"layer": "fc3"},
}


class Doubling(nn.Linear):
    def forward(self, x):
        y = super().forward(x)
        if y.requires_grad:
            y.register_hook(lambda gradient: 2 * gradient)
        return y


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.fc3 = Doubling(84, 10)
