"""Two outputs of one shape, given back in the wrong order."""

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_outputs_swapped", "ports/ops_torch") + ":Ops")
EXPECT = {
    "side": "torch",
    "spec": "ops",
    "rung": 3,
    "layer": "scores",
    "cause": "outputs-swapped",
    "also": ["distances"],
}


class Port(Ops):
    def forward(self, left, right):
        scores, distances = super().forward(left, right)
        return distances, scores
