"""Three convolutions, and a way around the last two."""

from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(n, 4, 1) for n in (3, 4, 4))
        self.last = nn.Conv2d(4, 2, 2)

    def forward(self, x):
        x = self.first(x)
        y = self.second(x).tanh()
        return self.last(self.third(y) + x)
