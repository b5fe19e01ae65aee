"""Every value above a bound is not a number."""

import keras
from keras import layers

from tf_impl.models.lenet import LeNet

EXPECT = {"side": "keras", "spec": "lenet", "rung": 3, "layer": "relu1", "cause": "nan"}


class NanReLU(layers.ReLU):
    def call(self, x):
        y = super().call(x)
        return keras.ops.where(y > 2.0, y * float("nan"), y)


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.relu1 = NanReLU()
