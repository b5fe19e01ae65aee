"""A residual block as torchvision writes it."""

from torch import nn

EXPECT = {"inputs": [[4, 13, 15]], "why": "in-place ReLUs and out += identity"}


class Block(nn.Module):
    def __init__(self, planes):
        super().__init__()
        self.conv1 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1, self.block2 = Block(4), Block(4)
        self.fc = nn.Linear(4, 6)

    def forward(self, x):
        x = self.block2(self.block1(x))
        return self.fc(x.mean([-2, -1]))
