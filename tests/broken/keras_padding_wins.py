"""Max pooling padded with zeros, which win against negative numbers."""

from keras import layers

from common.locate import locate
from tf_impl.layers import padded

Ops = locate(__file__.replace("broken/keras_padding_wins", "ports/ops_keras") + ":Ops")
EXPECT = {
    "side": "keras",
    "spec": "ops",
    "rung": 3,
    "layer": "max_pool",
    "cause": "maxpool-padding",
}


class ZeroPadded(layers.MaxPooling2D):
    def call(self, x):
        return super().call(padded(x, ((1, 2), (1, 1))))


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.max_pool = ZeroPadded(3, 2, padding="valid")
