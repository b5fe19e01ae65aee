"""LeNet as it is taught: LeCun et al. 1998, Fig. 2, with max pooling and relu or sigmoid.

Departs from the paper: no padding to 32x32, so that fc1 reads 256 values where it has 400; pooling
without weights; conv2 reads all six maps (Table I connects fewer); relu for the scaled tanh; ten
logits for the RBF units. The frameworks draw other initial weights by default: both are given ours.
The paper's own net is in lenet5.py.
"""

from torch import Tensor, nn


class LeNet(nn.Module):
    """(N, 1, 28, 28) -> logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5, stride=1, padding=0)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(kernel_size=2, stride=2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5, stride=1, padding=0)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(kernel_size=2, stride=2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(256, 120)
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(120, 84)
        self.relu4 = nn.ReLU()
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # (N, 6, 24, 24)
        x = self.relu1(x)
        x = self.pool1(x)  # (N, 6, 12, 12)
        x = self.conv2(x)  # (N, 16, 8, 8)
        x = self.relu2(x)
        x = self.pool2(x)  # (N, 16, 4, 4)
        x = self.flatten(x)  # (N, 256), a channel's 16 places side by side
        x = self.fc1(x)  # (N, 120)
        x = self.relu3(x)
        x = self.fc2(x)  # (N, 84)
        x = self.relu4(x)
        return self.fc3(x)  # (N, 10)


class LeNetSigmoid(nn.Module):
    """(N, 1, 28, 28) -> logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5, stride=1, padding=0)
        self.sigmoid1 = nn.Sigmoid()
        self.pool1 = nn.MaxPool2d(kernel_size=2, stride=2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5, stride=1, padding=0)
        self.sigmoid2 = nn.Sigmoid()
        self.pool2 = nn.MaxPool2d(kernel_size=2, stride=2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(256, 120)
        self.sigmoid3 = nn.Sigmoid()
        self.fc2 = nn.Linear(120, 84)
        self.sigmoid4 = nn.Sigmoid()
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # (N, 6, 24, 24)
        x = self.sigmoid1(x)
        x = self.pool1(x)  # (N, 6, 12, 12)
        x = self.conv2(x)  # (N, 16, 8, 8)
        x = self.sigmoid2(x)
        x = self.pool2(x)  # (N, 16, 4, 4)
        x = self.flatten(x)  # (N, 256), a channel's 16 places side by side
        x = self.fc1(x)  # (N, 120)
        x = self.sigmoid3(x)
        x = self.fc2(x)  # (N, 84)
        x = self.sigmoid4(x)
        return self.fc3(x)  # (N, 10)


class LeNetRGB(nn.Module):
    """(N, 3, 32, 32) -> logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, kernel_size=5, stride=1, padding=0)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(kernel_size=2, stride=2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5, stride=1, padding=0)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(kernel_size=2, stride=2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(400, 120)
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(120, 84)
        self.relu4 = nn.ReLU()
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # (N, 6, 28, 28)
        x = self.relu1(x)
        x = self.pool1(x)  # (N, 6, 14, 14)
        x = self.conv2(x)  # (N, 16, 10, 10)
        x = self.relu2(x)
        x = self.pool2(x)  # (N, 16, 5, 5)
        x = self.flatten(x)  # (N, 400), a channel's 25 places side by side
        x = self.fc1(x)  # (N, 120)
        x = self.relu3(x)
        x = self.fc2(x)  # (N, 84)
        x = self.relu4(x)
        return self.fc3(x)  # (N, 10)
