"""A relu that hands back half of the gradient."""

import keras
from keras import layers

from tf_impl.models.lenet import LeNet

EXPECT = {
    "side": "keras",
    "spec": "lenet",
    "rung": 5,
    "layer": "relu3",
    "cause": "gradient-scaled",
}


class HalvedReLU(layers.ReLU):
    def call(self, x):
        y = super().call(x)
        return y / 2 + keras.ops.stop_gradient(y / 2)


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.relu3 = HalvedReLU()
