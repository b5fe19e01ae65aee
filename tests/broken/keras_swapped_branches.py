"""The branches are joined in the other order."""

from common.locate import locate

Branches = locate(
    __file__.replace("broken/keras_swapped_branches", "ports/branches_keras") + ":Branches"
)
EXPECT = {"side": "keras", "spec": "branches", "rung": 3, "layer": "join", "cause": "concat-order"}


class Port(Branches):
    def call(self, x):
        x = self.relu1(self.bn(self.stem(x)))
        x = self.join([self.right(x), self.total([self.left(x), x])])
        return self.fc(self.flatten(self.pool(x)))
