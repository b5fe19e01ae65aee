"""LeNet's shape."""

from torch import nn

EXPECT = {
    "inputs": [[3, 14, 17]],
    "why": "Permute((3, 1, 2)) before Flatten: the dense weights keep PyTorch's order",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 5, 3), nn.Conv2d(5, 7, 3)
        self.act, self.pool = nn.ReLU(), nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(7 * 4 * 5, 6)

    def forward(self, x):
        x = self.pool(self.act(self.conv1(x)))
        x = self.act(self.conv2(x))
        return self.fc(self.flatten(x))
