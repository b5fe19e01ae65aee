"""Windows that are 1 apart where they should be 2; what follows reads maps of any size."""

from torch import nn

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_stride", "ports/ops_torch") + ":Ops")
EXPECT = {
    "side": "torch",
    "spec": "ops",
    "rung": 1,
    "layer": "border",
    "cause": "stride",
    "also": ["no_border"],
}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.border = nn.AvgPool2d(3, stride=1, padding=1)
        self.no_border = nn.AvgPool2d(3, stride=1, padding=1)
