"""A first convolutional network on MNIST: two convolutions, three dense layers in a row.

The dense layers have no activation between them: together they are one linear map.
"""

from torch import Tensor, nn


class MnistCNN(nn.Module):
    """(N, 1, 28, 28) -> logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=3, stride=1, padding=1)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(kernel_size=2, stride=2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5, stride=1, padding=0)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(kernel_size=2, stride=2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
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
        x = self.fc2(x)  # (N, 84)
        return self.fc3(x)  # (N, 10)
