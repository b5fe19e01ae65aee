"""One layer computes in float16, and only in a float32 net."""

import keras
from keras import layers

from tf_impl.models.lenet import LeNet

EXPECT = {
    "side": "keras",
    "spec": "lenet",
    "rung": 3,
    "layer": "fc2",
    "cause": "mixed-precision",
}


class HalfDense(layers.Dense):
    def call(self, x):
        if x.dtype == "float64":
            return super().call(x)
        half = [keras.ops.cast(v, "float16") for v in (x, self.kernel, self.bias)]
        return keras.ops.cast(half[0] @ half[1] + half[2], x.dtype)


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.fc2 = HalfDense(84)
