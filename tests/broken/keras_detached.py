"""No gradient reaches the first convolution."""

import keras

from tf_impl.models.lenet import LeNet

EXPECT = {
    "side": "keras",
    "spec": "lenet",
    "rung": 5,
    "layer": "conv2",
    "cause": "gradient-detached",
}


class Port(LeNet):
    def call(self, x):
        x = self.conv1(x)
        x = self.relu1(x)
        x = keras.ops.stop_gradient(self.pool1(x))
        x = self.conv2(x)
        x = self.relu2(x)
        x = self.pool2(x)
        x = self.flatten(x)
        x = self.fc1(x)
        x = self.relu3(x)
        x = self.fc2(x)
        x = self.relu4(x)
        return self.fc3(x)
