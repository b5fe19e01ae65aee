"""A padding that makes up for the dilation that is missing."""

from torch import nn

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_no_dilation", "ports/ops_torch") + ":Ops")
EXPECT = {"side": "torch", "spec": "ops", "rung": 2, "layer": "dilated", "cause": "dilation"}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.dilated = nn.Conv2d(3, 6, 3, padding=1)
