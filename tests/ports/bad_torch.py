"""Ports in PyTorch that are no ports, each in its own way, and some that only look so."""

import os
import sys
import tempfile

import numpy as np
import torch
from torch import nn

NUMBER = 7


class Net(nn.Module):
    """Nothing is wrong with this one: 1x6x6 in, 3 out."""

    def __init__(self, width=4):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3)
        self.fc = nn.Linear(width * 16, 3)

    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).flatten(1))


def nothing():
    return None


def array():
    return np.zeros(3)


def raises():
    raise RuntimeError("no such variant")


def leaves():
    sys.exit("goodbye")


def refuses_keyword(width):
    return Net(width)


class Two(Net):
    def forward(self, a, b):
        return super().forward(a + b)


class AnySize(Net):
    def forward(self, x):
        return super().forward(x[..., :6, :6])


class Leaves(Net):
    def forward(self, x):
        sys.exit(0)


class Dies(Net):
    def forward(self, x):
        os._exit(7)


class Hangs(Net):
    def forward(self, x):
        while True:
            pass


class Chatty(Net):
    """Prints, leaves a file, and trains a step before anybody asks it to."""

    def __init__(self):
        super().__init__()
        print("building")
        tempfile.mkstemp(prefix="chatty-")
        os.system("echo from a child")
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        self(torch.ones(2, 1, 6, 6)).sum().backward()
        optimizer.step()
        print({"event": "done"})

    def forward(self, x):
        print("running")
        return super().forward(x)
