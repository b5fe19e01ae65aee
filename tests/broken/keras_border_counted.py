"""The padding counts where it should not, as it does in PyTorch by default."""

from common.locate import locate

Ops = locate(__file__.replace("broken/keras_border_counted", "ports/ops_keras") + ":Ops")
EXPECT = {
    "side": "keras",
    "spec": "ops",
    "rung": 2,
    "layer": "no_border",
    "cause": "avgpool-padding",
}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.no_border = type(self.border)(count_border=True)
