"""Windows of one size where the bins are uneven; the shape is right."""

from torch import nn

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_fixed_windows", "ports/ops_torch") + ":Ops")
EXPECT = {"side": "torch", "spec": "ops", "rung": 3, "layer": "adaptive", "cause": "adaptive-pool"}


class FixedWindows(nn.AvgPool2d):
    op = "adaptive_avg_pool"


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.adaptive = FixedWindows((4, 3), stride=(1, 2))
