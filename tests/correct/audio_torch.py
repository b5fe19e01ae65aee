"""Convolutions along time."""

from torch import nn

EXPECT = {"inputs": [[2, 37]], "why": "one-dimensional: Conv1d, BatchNorm1d, causal padding there"}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(2, 6, 5, padding=2)
        self.bn1 = nn.BatchNorm1d(6)
        self.pad = nn.ConstantPad1d((4, 0), 0.0)
        self.conv2 = nn.Conv1d(6, 6, 3, dilation=2)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool1d(2)
        self.fc = nn.Linear(6 * 9, 4)

    def forward(self, x):
        x = self.pool(self.relu(self.bn1(self.conv1(x))))
        x = self.pool(self.relu(self.conv2(self.pad(x))))
        return self.fc(x.flatten(1))
