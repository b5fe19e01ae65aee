"""The share that stays, where PyTorch takes the share that goes."""

from torch import nn

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_dropout_rate", "ports/ops_torch") + ":Ops")
EXPECT = {"side": "torch", "spec": "ops", "rung": 2, "layer": "dropout", "cause": "dropout-rate"}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.6)
