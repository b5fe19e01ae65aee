"""A leaky relu with Keras' own slope, 0.3, where the net has a relu."""

from keras import layers

from tf_impl.models.lenet import LeNet

EXPECT = {
    "side": "keras",
    "spec": "lenet",
    "rung": 0,
    "layer": "relu2",
    "cause": "leaky-relu-slope",
    "as_port": {"cause": "other-activation"},
}


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.relu2 = layers.LeakyReLU()
