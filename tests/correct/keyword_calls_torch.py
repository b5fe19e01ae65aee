"""Every layer is called by keyword."""

import torch.nn.functional as F
from torch import nn

EXPECT = {"inputs": [[3, 12, 14]], "why": "layers are called by keyword: self.conv(input=x)"}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(in_channels=3, out_channels=5, kernel_size=3)
        self.bn = nn.BatchNorm2d(num_features=5)
        self.fc = nn.Linear(in_features=5 * 5 * 6, out_features=4)

    def forward(self, images):
        x = self.bn(input=self.conv(input=images))
        x = F.max_pool2d(input=F.relu(input=x), kernel_size=2)
        return self.fc(input=x.flatten(start_dim=1))
