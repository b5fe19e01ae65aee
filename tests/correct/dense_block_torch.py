"""DenseNet's block: norm, relu, conv; everything before is concatenated."""

import torch
import torch.nn.functional as F
from torch import nn

EXPECT = {
    "inputs": [[4, 12, 13]],
    "why": "norm before conv, and concatenations that grow; a list here, one by one there",
}


class Port(nn.Module):
    def __init__(self, growth=3, layers=3):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(4 + i * growth) for i in range(layers))
        self.convs = nn.ModuleList(
            nn.Conv2d(4 + i * growth, growth, 3, padding=1, bias=False) for i in range(layers)
        )
        self.last = nn.BatchNorm2d(4 + layers * growth)
        self.classifier = nn.Linear(4 + layers * growth, 3)

    def forward(self, x):
        features = [x]
        for norm, conv in zip(self.norms, self.convs, strict=True):
            features.append(conv(F.relu(norm(torch.cat(features, 1)), inplace=True)))
        x = F.relu(self.last(torch.cat(features, 1)))
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))
