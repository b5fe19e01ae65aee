"""One ReLU object, one pool object."""

from torch import nn

EXPECT = {
    "inputs": [[3, 17, 13]],
    "why": "one ReLU and one pool for all places here, one for each place there",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu, self.pool = nn.ReLU(), nn.MaxPool2d(2)
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.conv2 = nn.Conv2d(4, 4, 3)
        self.fc1 = nn.Linear(4 * 2 * 1, 6)
        self.fc2 = nn.Linear(6, 3)

    def forward(self, x):
        x = self.pool(self.relu(self.conv1(x)))
        x = self.pool(self.relu(self.conv2(x)))
        x = self.relu(self.fc1(x.reshape(x.shape[0], -1)))
        return self.fc2(x)
