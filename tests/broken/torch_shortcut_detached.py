"""The shortcut carries no gradient back."""

from common.locate import locate

Branches = locate(
    __file__.replace("broken/torch_shortcut_detached", "ports/branches_torch") + ":Branches"
)
EXPECT = {
    "side": "torch",
    "spec": "branches",
    "rung": 5,
    "layer": "total",
    "cause": "gradient-detached",
}


class Port(Branches):
    def forward(self, x):
        x = self.relu1(self.bn(self.stem(x)))
        x = self.join(self.total(self.left(x), x.detach()), self.right(x))
        return self.fc(self.flatten(self.pool(x)))
