"""The shortcut carries no gradient back."""

import keras

from common.locate import locate

Branches = locate(
    __file__.replace("broken/keras_shortcut_detached", "ports/branches_keras") + ":Branches"
)
EXPECT = {
    "side": "keras",
    "spec": "branches",
    "rung": 5,
    "layer": "total",
    "cause": "gradient-detached",
}


class Port(Branches):
    def call(self, x):
        x = self.relu1(self.bn(self.stem(x)))
        x = self.join([self.total([self.left(x), keras.ops.stop_gradient(x)]), self.right(x)])
        return self.fc(self.flatten(self.pool(x)))
