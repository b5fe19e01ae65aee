"""A relu that computes in float32 in a float64 net."""

from keras import layers

from tf_impl.models.lenet import LeNet

EXPECT = {
    "side": "keras",
    "spec": "lenet",
    "rung": 2,
    "layer": "relu4",
    "cause": "float32-inside",
    "also": ["fc3"],
    "not_a_port": "a port may keep a layer in float32: in float32 it is the same network",
}


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.relu4 = layers.ReLU(dtype="float32")
