"""One layer computes in float32 in a float64 net."""

import keras
from keras import layers

from tf_impl.models.lenet import LeNet

EXPECT = {
    "side": "keras",
    "spec": "lenet",
    "rung": 3,
    "layer": "fc1",
    "cause": "float32-inside",
    "not_a_port": "a port may keep a layer in float32: in float32 it is the same network",
}


class NarrowDense(layers.Dense):
    def call(self, x):
        return keras.ops.cast(
            super().call(keras.ops.cast(keras.ops.cast(x, "float32"), x.dtype)), x.dtype
        )


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.fc1 = NarrowDense(120)
