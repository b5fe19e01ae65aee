"""Every map is read where each group should read its half."""

from common.locate import locate
from tf_impl.layers import PaddedConv2D

Ops = locate(__file__.replace("broken/keras_groups", "ports/ops_keras") + ":Ops")
EXPECT = {
    "side": "keras",
    "spec": "ops",
    "rung": 0,
    "layer": "grouped",
    "cause": "other-shape",
    "as_port": {"cause": "tensor-shape"},
}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.grouped = PaddedConv2D(6, 3, padding=((0, 1), (1, 0)))
