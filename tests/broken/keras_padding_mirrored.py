"""The zeros stand above and on the right; they should be below and on the left."""

from common.locate import locate
from tf_impl.layers import PaddedConv2D

Ops = locate(__file__.replace("broken/keras_padding_mirrored", "ports/ops_keras") + ":Ops")
EXPECT = {"side": "keras", "spec": "ops", "rung": 2, "layer": "grouped", "cause": "padding-side"}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.grouped = PaddedConv2D(6, 3, padding=((1, 0), (0, 1)), groups=2)
