"""Group g of two reads every second channel from g on, instead of the g-th half."""

import keras

from common.locate import locate
from tf_impl.layers import PaddedConv2D, channel_axis

Ops = locate(__file__.replace("broken/keras_groups_interleaved", "ports/ops_keras") + ":Ops")
EXPECT = {
    "side": "keras",
    "spec": "ops",
    "rung": 3,
    "layer": "grouped",
    "cause": "groups-interleaved",
}


class Interleaved(PaddedConv2D):
    def call(self, x):
        return super().call(keras.ops.take(x, [0, 2, 1, 3], axis=channel_axis()))


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.grouped = Interleaved(6, 3, padding=((0, 1), (1, 0)), groups=2)
