"""Convolutions that pad by themselves."""

from torch import nn

EXPECT = {
    "inputs": [[3, 18, 15]],
    "why": 'ZeroPadding2D and "valid" against padding=1 and 3, where "same" would differ',
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 7, stride=2, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(6)
        self.down = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.flat = nn.Conv2d(8, 8, 3, padding=1)
        self.wide = nn.Conv2d(8, 4, (1, 5), padding=(0, 2))
        self.relu = nn.ReLU()
        self.fc = nn.Linear(4 * 5 * 4, 3)

    def forward(self, x):
        x = self.relu(self.bn(self.stem(x)))
        x = self.relu(self.down(x))
        x = self.relu(self.flat(x))
        x = self.wide(x)
        return self.fc(x.flatten(1))
