"""What rounding up reads behind the padding counts in the divisor."""

from torch import nn

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_overhang_counted", "ports/ops_torch") + ":Ops")
EXPECT = {"side": "torch", "spec": "ops", "rung": 2, "layer": "border", "cause": "avgpool-overhang"}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.border = nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, divisor_override=9)
