"""Every map is read where each group should read its half."""

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_groups", "ports/ops_torch") + ":Ops")
EXPECT = {
    "side": "torch",
    "spec": "ops",
    "rung": 0,
    "layer": "grouped",
    "cause": "other-shape",
    "as_port": {"cause": "tensor-shape"},
}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.grouped = type(self.grouped)(4, 6, 3)
