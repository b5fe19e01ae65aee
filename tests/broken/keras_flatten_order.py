"""Flattens in the other framework's order."""

import keras

from tf_impl.models.lenet import LeNet

EXPECT = {
    "side": "keras",
    "spec": "lenet",
    "rung": 3,
    "layer": "flatten",
    "cause": "flatten-order",
    "not_a_port": "weights are carried over in whichever order the port reads",
}


class Port(LeNet):
    def call(self, x):
        x = self.conv1(x)
        x = self.relu1(x)
        x = self.pool1(x)
        x = self.conv2(x)
        x = self.relu2(x)
        x = self.pool2(x)
        x = self.flatten(keras.ops.transpose(x, (0, 3, 1, 2)))
        x = self.fc1(x)
        x = self.relu3(x)
        x = self.fc2(x)
        x = self.relu4(x)
        return self.fc3(x)
