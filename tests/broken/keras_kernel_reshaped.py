"""PyTorch's kernel was reshaped to Keras' axes, where a transpose belongs."""

import keras
from keras import layers

from tf_impl.models.lenet import LeNet

EXPECT = {
    "side": "keras",
    "spec": "lenet",
    "rung": 3,
    "layer": "conv2",
    "cause": "kernel-layout",
}


class ReshapedConv(layers.Conv2D):
    def call(self, x):
        oihw = keras.ops.transpose(self.kernel, (3, 2, 0, 1))
        return (
            keras.ops.conv(x, keras.ops.reshape(oihw, (5, 5, 6, 16)), padding="valid") + self.bias
        )


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.conv2 = ReshapedConv(16, 5)
