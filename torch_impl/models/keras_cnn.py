"""The network of Keras' own first example on MNIST, with a hidden dense layer for its dropout.

Pooling 11x11 maps by 2 leaves 5x5: neither framework reads the last row and column.
"""

from torch import Tensor, nn


class KerasCNN(nn.Module):
    """(N, 1, 28, 28) -> logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3, stride=1, padding=0)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(kernel_size=2, stride=2)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3, stride=1, padding=0)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(kernel_size=2, stride=2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(1600, 64)
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # (N, 32, 26, 26)
        x = self.relu1(x)
        x = self.pool1(x)  # (N, 32, 13, 13)
        x = self.conv2(x)  # (N, 64, 11, 11)
        x = self.relu2(x)
        x = self.pool2(x)  # (N, 64, 5, 5)
        x = self.flatten(x)  # (N, 1600), a channel's 25 places side by side
        x = self.fc1(x)  # (N, 64)
        x = self.relu3(x)
        return self.fc2(x)  # (N, 10)
