"""The branches are joined in the other order."""

from common.locate import locate

Branches = locate(
    __file__.replace("broken/torch_swapped_branches", "ports/branches_torch") + ":Branches"
)
EXPECT = {"side": "torch", "spec": "branches", "rung": 3, "layer": "join", "cause": "concat-order"}


class Port(Branches):
    def forward(self, x):
        x = self.relu1(self.bn(self.stem(x)))
        x = self.join(self.right(x), self.total(self.left(x), x))
        return self.fc(self.flatten(self.pool(x)))
