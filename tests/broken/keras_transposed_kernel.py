"""The kernel is used with height and width in each other's place."""

import keras
from keras import layers

from tf_impl.models.lenet import LeNet

EXPECT = {"side": "keras", "spec": "lenet", "rung": 3, "layer": "conv2", "cause": "kernel-layout"}


class TurnedConv(layers.Conv2D):
    def call(self, x):
        kernel = keras.ops.transpose(self.kernel, (1, 0, 2, 3))
        return keras.ops.conv(x, kernel, padding="valid") + self.bias


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.conv2 = TurnedConv(16, 5)
