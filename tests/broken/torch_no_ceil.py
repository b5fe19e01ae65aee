"""Average pooling that rounds down: maps are one column narrower."""

from torch import nn

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_no_ceil", "ports/ops_torch") + ":Ops")
EXPECT = {
    "side": "torch",
    "spec": "ops",
    "rung": 1,
    "layer": "border",
    "cause": "ceil-mode",
    "also": ["no_border"],
}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.border = nn.AvgPool2d(3, stride=2, padding=1)
        self.no_border = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
