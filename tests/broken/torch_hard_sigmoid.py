"""relu6(x + 3) / 6 where the net has a sigmoid."""

from torch import nn

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_hard_sigmoid", "ports/ops_torch") + ":Ops")
EXPECT = {
    "side": "torch",
    "spec": "ops",
    "rung": 0,
    "layer": "sigmoid",
    "cause": "hard-sigmoid",
    "as_port": {"cause": "other-activation"},
}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.sigmoid = nn.Hardsigmoid()
