"""One relu is made and never used."""

from tf_impl.models.lenet import LeNet

EXPECT = {
    "side": "keras",
    "spec": "lenet",
    "rung": 1,
    "layer": "relu3",
    "cause": "layer-skipped",
    "also": ["fc2"],
    "as_port": {"cause": "activation-missing"},
}


class Port(LeNet):
    def call(self, x):
        x = self.conv1(x)
        x = self.relu1(x)
        x = self.pool1(x)
        x = self.conv2(x)
        x = self.relu2(x)
        x = self.pool2(x)
        x = self.flatten(x)
        x = self.fc1(x)
        x = self.fc2(x)
        x = self.relu4(x)
        return self.fc3(x)
