"""Each layer runs twice, on half of the batch; the first half is what a single run would be."""

import torch

from torch_impl.models.lenet import LeNet

EXPECT = {
    "side": "torch",
    "spec": "lenet",
    "rung": 1,
    "layer": "conv1",
    "cause": "batch-split",
    "also": [
        "relu1",
        "pool1",
        "conv2",
        "relu2",
        "pool2",
        "flatten",
        "fc1",
        "relu3",
        "fc2",
        "relu4",
        "fc3",
        "loss",
    ],
    "not_a_port": "two halves of a batch give what the batch does: the same function",
}


class Port(LeNet):
    def forward(self, x):
        return torch.cat([super(Port, self).forward(half) for half in x.split(4)])
