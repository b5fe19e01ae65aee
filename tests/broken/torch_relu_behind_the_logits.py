"""A relu behind the last layer."""

from torch_impl.models.lenet import LeNet

EXPECT = {
    "side": "torch",
    "spec": "lenet",
    "rung": 3,
    "layer": "fc3",
    "cause": "activation-extra",
    "as_port": {"cause": "activation-missing"},
}


class Port(LeNet):
    def forward(self, x):
        return super().forward(x).relu()
