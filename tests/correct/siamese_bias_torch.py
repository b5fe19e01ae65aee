"""Two images, one encoder that ends in a bias."""

import torch
from torch import nn

EXPECT = {
    "inputs": [[3, 12, 15], [3, 12, 15]],
    "why": "the encoder's last bias cancels out: no output depends on it",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 6, 3, stride=2),
            nn.ReLU(),
            nn.Conv2d(6, 4, 3),
            nn.AdaptiveAvgPool2d((1, 1)),
            nn.Flatten(),
        )
        self.score = nn.Linear(4, 1)

    def forward(self, left, right):
        return self.score(torch.abs(self.encoder(left) - self.encoder(right)))
