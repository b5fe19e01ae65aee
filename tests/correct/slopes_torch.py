"""Rectifiers with a slope, given or learnt."""

from torch import nn

EXPECT = {
    "inputs": [[3, 13, 15]],
    "why": "PReLU with shared axes there; LeakyReLU's slope is 0.01 here and 0.3 by default there",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.act1 = nn.Conv2d(3, 5, 3), nn.PReLU(5)
        self.conv2, self.act2 = nn.Conv2d(5, 5, 3), nn.LeakyReLU()
        self.conv3, self.act3 = nn.Conv2d(5, 4, 3), nn.LeakyReLU(0.2)
        self.fc = nn.Linear(4 * 7 * 9, 3)

    def forward(self, x):
        x = self.act1(self.conv1(x))
        x = self.act2(self.conv2(x))
        x = self.act3(self.conv3(x))
        return self.fc(x.flatten(1))
