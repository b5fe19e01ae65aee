"""Height and width change places between two layers; the shape is right."""

from torch_impl.models.lenet import LeNet

EXPECT = {
    "side": "torch",
    "spec": "lenet",
    "rung": 3,
    "layer": "conv2",
    "cause": "height-width-swapped",
}


class Port(LeNet):
    def forward(self, x):
        x = self.conv1(x)
        x = self.relu1(x)
        x = self.pool1(x)
        x = self.conv2(x.transpose(2, 3))
        x = self.relu2(x)
        x = self.pool2(x)
        x = self.flatten(x)
        x = self.fc1(x)
        x = self.relu3(x)
        x = self.fc2(x)
        x = self.relu4(x)
        return self.fc3(x)
