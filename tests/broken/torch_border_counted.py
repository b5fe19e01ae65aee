"""The padding counts where it should not, as it does in PyTorch by default."""

from torch import nn

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_border_counted", "ports/ops_torch") + ":Ops")
EXPECT = {
    "side": "torch",
    "spec": "ops",
    "rung": 2,
    "layer": "no_border",
    "cause": "avgpool-padding",
}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.no_border = nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True)
