"""Alpha as the paper has it: PyTorch divides it by the size."""

from torch import nn

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_lrn_alpha", "ports/ops_torch") + ":Ops")
EXPECT = {"side": "torch", "spec": "ops", "rung": 2, "layer": "lrn", "cause": "lrn"}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.lrn = nn.LocalResponseNorm(3, alpha=0.5, beta=0.75, k=2.0)
