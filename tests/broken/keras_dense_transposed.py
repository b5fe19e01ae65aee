"""A square dense kernel, used as (in, out) and as (out, in): the shapes cannot tell."""

import keras
from keras import layers

from common.locate import locate

Ops = locate(__file__.replace("broken/keras_dense_transposed", "ports/ops_keras") + ":Ops")
EXPECT = {
    "side": "keras",
    "spec": "ops",
    "rung": 3,
    "layer": "scores",
    "cause": "dense-kernel-transpose",
}


class TurnedDense(layers.Dense):
    def call(self, x):
        return x @ keras.ops.transpose(self.kernel) + self.bias


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.scores = TurnedDense(5)
