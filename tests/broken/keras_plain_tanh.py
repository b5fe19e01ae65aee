"""tanh without the amplitude and slope of LeCun et al."""

import keras

from common.locate import locate
from tf_impl.layers import ScaledTanh

Ops = locate(__file__.replace("broken/keras_plain_tanh", "ports/ops_keras") + ":Ops")
EXPECT = {"side": "keras", "spec": "ops", "rung": 3, "layer": "squash", "cause": "scaled-tanh"}


class PlainTanh(ScaledTanh):
    def call(self, x):
        return keras.ops.tanh(x)


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.squash = PlainTanh(1.7159, 2 / 3)
