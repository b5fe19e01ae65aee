"""Another epsilon and no scale: two faults, of which one alone would be half the truth."""

from torch import nn

from common.locate import locate

Branches = locate(
    __file__.replace("broken/torch_two_faults_in_one_layer", "ports/branches_torch") + ":Branches"
)
EXPECT = {
    "side": "torch",
    "spec": "branches",
    "rung": 3,
    "layer": "bn",
    "cause": None,
    "as_port": {"cause": "bn-affine-flags"},  # a fault of its own there: the scale is missing
}


class Unscaled(nn.BatchNorm2d):
    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        return nn.functional.batch_norm(x, mean, var, None, self.bias, False, 0.0, self.eps)


class Port(Branches):
    def __init__(self):
        super().__init__()
        self.bn = Unscaled(4, eps=1e-3, momentum=0.1)
