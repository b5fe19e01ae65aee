"""The mean of each window, where LeCun et al. sum."""

import keras

from common.locate import locate
from tf_impl.layers import Subsample, channels_first

Ops = locate(__file__.replace("broken/keras_mean_subsample", "ports/ops_keras") + ":Ops")
EXPECT = {"side": "keras", "spec": "ops", "rung": 3, "layer": "subsample", "cause": "mean-for-sum"}


class MeanSubsample(Subsample):
    def call(self, x):
        shape = (-1, 1, 1) if channels_first() else (-1,)
        weight, bias = (keras.ops.reshape(v, shape) for v in (self.weight, self.bias))
        return weight * keras.ops.average_pool(x, 2, 2) + bias


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.subsample = MeanSubsample(2)
