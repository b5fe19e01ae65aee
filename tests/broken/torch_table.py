"""Another connection table with as many kernels."""

from common.locate import locate
from torch_impl.layers import PartialConv2d

Ops = locate(__file__.replace("broken/torch_table", "ports/ops_torch") + ":Ops")
EXPECT = {
    "side": "torch",
    "spec": "ops",
    "rung": 2,
    "layer": "partial",
    "cause": "connection-table",
}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.partial = PartialConv2d(6, ((0, 1), (1, 2, 4), (4,), (0, 5)), 2)
